/* SPDX-License-Identifier: MIT */
/*
 * All deaths of one operation: victims are brought to its boundaries one after the other, killed there, and what they
 * left is inspected.
 */
#ifndef SHMQ_TESTS_KILL_SERIES_H
#define SHMQ_TESTS_KILL_SERIES_H

#include "kill_inspector.h"

/* Where to die; each includes those before it. */
enum series_extent {
	SERIES_COUNT, /* nowhere: count boundaries only */
	SERIES_QUICK, /* where something that outlives the process may have changed, and at a few others */
	SERIES_ALL,   /* at every instruction, once after each such change */
	SERIES_EVERY  /* at every turn of a loop, too */
};

struct series_options {
	enum series_extent extent;
	uint64_t seed;
};

struct series_tally {
	uint64_t boundaries; /* of the operation, in all its recordings */
	uint64_t killed, astray, failures;
};

/* Prints the first failures. Ends the program where the test itself does not get on. */
void series_run(struct series_tally *out, const struct operation_of_victim *operation,
                const struct series_options *options, struct inspector *inspector);

#endif
