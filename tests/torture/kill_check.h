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
	const int64_t *between[2];          /* what rates may also show, where it is neither; NULL for nothing */
	const struct check_change *changes; /* ends with a NULL name; NULL for none */
	bool spares_groups;                 /* what it does to rates is no matter of the groups above */
	bool moves;                         /* with its changes the target goes to WORLD_ELSEWHERE */
};

/* Who recovers: housekeeping; or who claims a slot while no other is free, and who registers next. */
enum check_way { BY_HOUSEKEEPING, BY_CLAIM, CHECK_WAYS };

/* Whether a rate may have been changed by so much. */
bool check_is_possible(const struct check_outcome *outcome, int resource, int64_t change);

struct check_order {
	struct check_outcome outcome;
	enum check_way way;
	bool is_brief; /* leaves out that every name and entry can be used again */
};

/* Run by another process than victim and survivor. Returns 0, or 1 and complains. */
int check_world(const struct world *world, const struct check_order *order);

/* The segment under the other name can be used, removed and created, whatever was being done to it. */
int check_other(const struct world *world, bool is_persistent);

#endif
