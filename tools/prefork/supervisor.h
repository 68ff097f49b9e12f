/* SPDX-License-Identifier: MIT */
/*
 * Keeps the workers running: starts them, notices when one ends, starts another in its place, later and later when it
 * keeps dying young.
 */
#ifndef PREFORK_SUPERVISOR_H
#define PREFORK_SUPERVISOR_H

#include "host.h"

#include <stdint.h>

/* Start the workers that are due. The caller is single-threaded and has its signals blocked. */
void supervisor_start_due(struct host *host);

/* Collect workers that ended. Unless they were told to, others are due in their place. Returns how many ended. */
unsigned supervisor_reap(struct host *host);

/* When the next worker is due, in nanoseconds of CLOCK_MONOTONIC; UINT64_MAX for none. */
uint64_t supervisor_next_due_ns(const struct host *host);

/* Send a signal to all workers, and start no more. */
void supervisor_end(const struct host *host, int signal);

/* How many workers run. */
unsigned supervisor_count(const struct host *host);

uint64_t supervisor_now_ns(void);

#endif
