/* SPDX-License-Identifier: MIT */
/*
 * The operations that victims die in: every public one that writes shared memory.
 */
#ifndef SHMQ_TESTS_KILL_OPERATION_H
#define SHMQ_TESTS_KILL_OPERATION_H

#include "kill_action.h"
#include "kill_check.h"

enum other_segment { OTHER_NONE, OTHER_ABSENT, OTHER_LEFT, OTHER_PERSISTENT };

struct operation_of_victim {
	const char *name;
	/* At full speed, before the operation; 0 or what went wrong. */
	victim_action *get_ready;
	victim_action *operate;
	int expected;  /* what it returns where nobody kills it */
	int otherwise; /* or this, after some deaths of `first`; 0 for no other */
	struct check_outcome outcome;
	struct world_setup setup;
	bool ends_thread;         /* operates in a second thread, and goes on to that thread's end */
	const char *first;        /* another victim dies in this one before; its outcome is what counts, */
	bool has_own_figures;     /* but for figures, which it leaves alone */
	enum other_segment other; /* what is there under the other name */
};

extern const struct operation_of_victim operations[]; /* ends with a NULL name */

const struct operation_of_victim *operation_find(const char *name);

/* The body of a victim process. Ends only where it was not killed. */
int operation_run(const struct operation_of_victim *operation, const struct world *world, int *result);

#endif
