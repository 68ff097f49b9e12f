/* SPDX-License-Identifier: MIT */
/*
 * How the invariants of one element are looked at: shared by valid.c and the files that list the invariants. Nobody else
 * includes this.
 */
#ifndef SHMQ_CORE_VALID_LOOK_H
#define SHMQ_CORE_VALID_LOOK_H

#include "core/valid.h"

#include "core/directory.h"

#define VALID_DEFECTS 24 /* of one element: as many as it has invariants, and of a chain the first ones */

struct valid {
	const struct shmq_segment *segment;
	void (*complain)(void *context, const struct shmq_defect *defect);
	void *context;
	int defects;
	/* Left, over all: a segment that never stands still must not hold us. */
	uint32_t pauses, pauses_for_controller;
	uint64_t hops; /* left, over all chains */
};

/* What is wrong with one element, as of one look. */
struct valid_look {
	struct shmq_defect defects[VALID_DEFECTS];
	unsigned count;
};

/* A kind of element. `examine` lists what is wrong and returns whether all that it read belongs together. */
struct valid_structure {
	const char *object, *name;
	bool (*examine)(struct valid *valid, uint32_t index, struct valid_look *look);
};

/* Look at an element, again if need be, and report what is wrong. */
void valid_examine(struct valid *valid, const struct valid_structure *structure, uint32_t index);

/* Report the defects of a look that counts. */
void valid_report(struct valid *valid, const struct valid_structure *structure, uint32_t index,
                  const struct valid_look *look);

/* State an invariant: a constant sentence that is true unless `holds` is false. */
void valid_expect(struct valid_look *look, bool holds, const char *invariant, uint64_t found, uint64_t expected);

/* The words that a controller moves whenever it changes something. */
struct valid_stamp {
	uint64_t lock, generation, epoch, retirements, registered, retired;
};

/* Returns whether nobody holds the controller lock, after some waiting. */
bool valid_stamp_take(struct valid *valid, struct valid_stamp *out);

/* Tell whether the policy stood still since the stamp was taken. */
bool valid_stamp_holds(const struct valid *valid, const struct valid_stamp *stamp);

/* valid_directory.c: buckets with their chains, entries, quotas. */
void valid_directory(struct valid *valid);

/* valid_rules.c: the rules of the policy in force. */
void valid_rules(struct valid *valid);

/* valid_usage.c: slots, holdings, trackers. Returns 0 or -ENOMEM. */
int valid_usage(struct valid *valid);

#endif
