/* SPDX-License-Identifier: MIT */
/*
 * shmquota doctor: what on this machine could hurt, each finding with its cure.
 *
 * Examinations only look. Each reports at least one finding, also where all is well: what was looked at is part of the
 * answer.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include <stdbool.h>

#include "render.h"

enum severity { FINDING_OK, FINDING_NOTE, FINDING_WARNING, FINDING_PROBLEM, SEVERITIES };

struct doctor {
	struct style style;
	bool quiet; /* only what needs a cure */
	bool json;
	const char *root; /* "" or the folder below which configuration is looked for */
	const char *separator;
	unsigned count[SEVERITIES];
};

/* Report a finding about a subject such as "kernel". `cure` is a sentence; NULL where none is needed. */
void finding(struct doctor *doctor, enum severity severity, const char *subject, const char *cure, const char *format,
             ...) __attribute__((format(printf, 5, 6)));

void examine_kernel(struct doctor *doctor);
void examine_membarrier(struct doctor *doctor);
void examine_proc(struct doctor *doctor);
void examine_clock(struct doctor *doctor);
void examine_libraries(struct doctor *doctor);
void examine_shm(struct doctor *doctor);
void examine_remove_ipc(struct doctor *doctor);
void examine_segments(struct doctor *doctor);
void examine_halves(struct doctor *doctor);
void examine_names(struct doctor *doctor);

#endif
