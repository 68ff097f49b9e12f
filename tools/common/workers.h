/* SPDX-License-Identifier: MIT */
/*
 * The table of a segment's workers, as shm-dump and 'shmquota workers' print it.
 */
#ifndef WORKERS_H
#define WORKERS_H

#include <stdbool.h>
#include <stdio.h>

#include "render.h"
#include "row.h"

struct workers_table {
	FILE *out;
	const struct style *style;
	bool has_header;
	bool all; /* also those that are alive, running and in no read section */
};

/* Write the table. Returns how many workers were left out. */
uint32_t workers_write(const struct workers_table *table, struct shmq_segment *segment,
                       const struct overview *overview);

/* The whole view: the table of all, or a sentence where there is nobody, and a line that counts them. */
void workers_view(const struct workers_table *table, struct shmq_segment *segment, const struct overview *overview);

#endif
