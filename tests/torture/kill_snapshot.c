/* SPDX-License-Identifier: MIT */
/*
 * Copies, there and back. The process's own part is small: locks, hints and counts of its slots, and where its shares of
 * memory stand. Which slot its thread has is in the segment, too, and does not change.
 */
#include "kill_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_part(struct snapshot *snapshot, unsigned number, void *original, size_t size)
{
	void *copy = malloc(size);

	if (copy == NULL) {
		perror("malloc");
		exit(2);
	}
	memcpy(copy, original, size);
	snapshot->part[number].original = original;
	snapshot->part[number].copy = copy;
	snapshot->part[number].size = size;
}

void snapshot_take(struct snapshot *out, const struct world *world)
{
	const struct shmq_segment *segment = world->segment;
	struct segment_private *private = segment->private;

	*out = (struct snapshot){.world = *world};
	add_part(out, 0, segment_writable(segment), segment->layout.policy_bytes);
	add_part(out, 1, segment->usage, segment->layout.usage_bytes);
	add_part(out, 2, private, sizeof(*private) + segment->layout.threads * sizeof(private->slots[0]));
	if (private->memory != NULL)
		add_part(out, 3, private->memory, segment->layout.components * sizeof(private->memory[0]));
}

void snapshot_restore(const struct snapshot *snapshot, struct world *world)
{
	for (int i = 0; i < SNAPSHOT_PARTS; i++)
		if (snapshot->part[i].copy != NULL)
			memcpy(snapshot->part[i].original, snapshot->part[i].copy, snapshot->part[i].size);
	*world = snapshot->world;
}

void snapshot_drop(struct snapshot *snapshot)
{
	for (int i = 0; i < SNAPSHOT_PARTS; i++)
		free(snapshot->part[i].copy);
}
