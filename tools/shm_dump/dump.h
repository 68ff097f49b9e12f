/* SPDX-License-Identifier: MIT */
/*
 * One dump of one segment: what was asked for, what is shown, and the views that show it.
 *
 * The segment is open for observing. Views write to standard output as they go and keep nothing, so a segment of a
 * million components needs no more memory than a small one. Figures are as of the moment they are read.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmquota.h>

#include "render.h"
#include "segments.h"

struct dump {
	struct shmq_segment *segment;
	const char *name;
	struct shmq_info info;
	struct worker_count workers;
	struct style style;
	uint64_t now_ns; /* CLOCK_MONOTONIC, when the dump began */
	bool all_workers;
	char *const *wanted; /* components asked for by name; all where there are none */
	size_t wanted_count;
};

/* How close to its limit a resource is. */
enum alarm { ALARM_NONE, ALARM_WARNING, ALARM_CRITICAL };
enum alarm alarm_of(const struct shmq_resource_status *status);
const char *alarm_name(enum alarm alarm); /* "ok", "warning", "critical" */

/*
 * The next component to show, to be given back with shmq_component_put(); NULL at the end. Start with cursor 0.
 * Components that are unregistered meanwhile are left out.
 */
struct shmq_component *dump_next(const struct dump *dump, uint32_t *cursor);

/* Read what a view shows of a component. False where it is gone by now. */
bool dump_read(struct shmq_component *component, struct shmq_status *status, struct shmq_quota *quota);

/* The name of the program that a thread runs, printable; "" where it is gone or hidden. Returns out. */
char *thread_command(char out[TEXT_PRINTABLE_MAX], uint32_t tid);

void dump_summary(const struct dump *dump);    /* the segment and its workers */
void dump_components(const struct dump *dump); /* the table */
void dump_json(const struct dump *dump);
void dump_raw(const struct dump *dump);
void dump_raw_json(const struct dump *dump);

#endif
