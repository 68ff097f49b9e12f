/* SPDX-License-Identifier: MIT */
/*
 * What must hold after a victim's death: recovered by another process, its operation took place as a whole or not at
 * all, what it held was returned, nothing is lost or leaked, and everything can be used by others.
 */
#ifndef SHMQ_TESTS_KILL_CHECK_H
#define SHMQ_TESTS_KILL_CHECK_H

#include "kill_world.h"

/* A component that the operation makes, changes or ends: its storage limit afterwards, 0 where it is gone. */
struct check_change {
	const char *name;
	uint64_t limit;
};

/* What an operation does to the target's figures, undone (its victim was prepared, and died) and done. */
struct check_outcome {
	int64_t undone[SHMQ_RESOURCES], done[SHMQ_RESOURCES];
	const struct check_change *changes; /* ends with a NULL name; NULL for none */
};

/* Who recovers: housekeeping; or who claims a slot while no other is free, and who registers next. */
enum check_way { BY_HOUSEKEEPING, BY_CLAIM, CHECK_WAYS };

/* Run by a fresh process. Returns 0, or 1 and complains. */
int check_world(const struct world *world, const struct check_outcome *outcome, enum check_way way);

/* The segment under the other name can be used, removed and created, whatever was being done to it. */
int check_other(const struct world *world, bool is_persistent);

#endif
