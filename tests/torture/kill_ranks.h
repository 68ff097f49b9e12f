/* SPDX-License-Identifier: MIT */
/*
 * What must hold of the groups above a target, whoever died: a group uses of levels what its members use of them, and of
 * rates what the target took or did not take.
 */
#ifndef SHMQ_TESTS_KILL_RANKS_H
#define SHMQ_TESTS_KILL_RANKS_H

#include "kill_check.h"

/* All slots are recovered. Returns 0, or 1 and complains. */
int ranks_check(const struct world *world, struct shmq_segment *segment, struct shmq_component *target,
                const struct check_outcome *outcome);

/* Of each group and each level: what its members use adds up. Returns as above. */
int ranks_check_sums(const struct shmq_segment *segment);

/* How much of a resource there is left: of those that deny, and of those that only warn; UINT64_MAX where none does. */
struct ranks_rest {
	uint64_t denying, warning;
};

/* The target's, and that of all groups above it. Returns as above. */
int ranks_find_rest(struct shmq_segment *segment, struct shmq_component *target, int resource, struct ranks_rest *out);

#endif
