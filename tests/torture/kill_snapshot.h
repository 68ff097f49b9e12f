/* SPDX-License-Identifier: MIT */
/*
 * A world as it was, to be put back instead of being built anew for each victim: the bytes of both objects of its
 * segment, and what the survivor's process keeps of it privately.
 *
 * What the kernel knows does not come back: processes that are dead stay so, and a segment under the other name is no
 * part of it.
 */
#ifndef SHMQ_TESTS_KILL_SNAPSHOT_H
#define SHMQ_TESTS_KILL_SNAPSHOT_H

#include "kill_world.h"

#define SNAPSHOT_PARTS 4

struct snapshot {
	struct world world;
	struct {
		void *original, *copy;
		size_t size;
	} part[SNAPSHOT_PARTS];
};

/* Nobody is at work in it, and nobody but the survivor has it open. */
void snapshot_take(struct snapshot *out, const struct world *world);
void snapshot_restore(const struct snapshot *snapshot, struct world *world);
void snapshot_drop(struct snapshot *snapshot);

#endif
