/* SPDX-License-Identifier: MIT */
/*
 * The seldom side of tallies: a slot changes what it counts, and somebody wants to know.
 */
#include "core/tally.h"

/* Relaxed throughout: figures for people. */

/* Add what the slot counts to the tracker that it is of. */
static void settle(const struct shmq_segment *segment, struct shmq_shm_slot *slot)
{
	uint64_t name = shm_load_relaxed(&slot->refused_name);
	uint64_t component = (name >> 32) - 1, resource = (uint32_t)name;

	if (name != 0 && component < segment->layout.components && resource < SHMQ_RESOURCES)
		shm_add_relaxed(&segment->trackers[component].denied[resource], shm_load_relaxed(&slot->refused));
	shm_store_relaxed(&slot->refused, 0);
}

void tally_begin(const struct shmq_segment *segment, struct shmq_shm_slot *slot, uint32_t component, int resource)
{
	uint64_t *before = &segment->private->slots[slot - segment->slots].refused_name;
	struct shm_u32 *tallied = &segment->trackers[component].tallied;

	/* Of those who are refused in turns each has a line of its own to count in, and nobody contends for it. */
	if (*before != tally_name(component, resource)) {
		*before = tally_name(component, resource);
		shm_add_relaxed(&segment->trackers[component].denied[resource], 1);
		return;
	}
	settle(segment, slot);
	/*
	 * Who was never refused needs no look at the slots. First, so that no death leaves a slot that counts, and goes on
	 * counting for its next owner, while nobody looks.
	 */
	if (shm_load32_relaxed(tallied) == 0)
		shm_store32_relaxed(tallied, 1);
	shm_compiler_barrier();
	shm_store_relaxed(&slot->refused_name, tally_name(component, resource));
	shm_store_relaxed(&slot->refused, 1);
}

uint64_t tally_sum(const struct shmq_segment *segment, uint32_t component, int resource)
{
	uint64_t name = tally_name(component, resource), sum = 0;

	if (shm_load32_relaxed(&segment->trackers[component].tallied) == 0)
		return 0;
	for (uint32_t i = 0; i < segment->layout.threads; i++)
		if (shm_load_relaxed(&segment->slots[i].refused_name) == name)
			sum += shm_load_relaxed(&segment->slots[i].refused);
	return sum;
}
