/* SPDX-License-Identifier: MIT */
/*
 * Counting refusals without contention: under overload all workers refuse the same component, and a counter that they
 * shared would cost each of them more than the refusal. Each thread counts in its own slot instead, for a component and
 * resource that it refused twice in turn, and adds that to the tracker when it does so with another. What a slot counts stays
 * true when its thread ends; whoever has the slot next goes on from it.
 *
 * A refusal counts as the tracker's figure and what all slots say of it. A thread that is killed while it moves its count
 * to the tracker may have it counted twice, never lost (core/counter.h says what such figures are good for).
 */
#ifndef SHMQ_CORE_TALLY_H
#define SHMQ_CORE_TALLY_H

#include "shm/segment.h"

/* What a slot counts: [component + 1:32 | resource:32], 0 nothing. */
static inline uint64_t tally_name(uint32_t component, int resource)
{
	return ((uint64_t)component + 1) << 32 | (uint32_t)resource;
}

/* Count a refusal of another component or resource; from the second one in turn the slot counts for that. */
void tally_begin(const struct shmq_segment *segment, struct shmq_shm_slot *slot, uint32_t component, int resource);

/* Count one refusal. By the slot's owner. Relaxed throughout: figures for people. */
static inline HOT_INLINE void tally_add(const struct shmq_segment *segment, struct shmq_shm_slot *slot,
                                        uint32_t component, int resource)
{
	if (__builtin_expect(shm_load_relaxed(&slot->refused_name) == tally_name(component, resource), 1))
		shm_store_relaxed(&slot->refused, shm_load_relaxed(&slot->refused) + 1);
	else
		tally_begin(segment, slot, component, resource);
}

/* What all slots count for a component and resource, beyond what its tracker says. Any process. */
uint64_t tally_sum(const struct shmq_segment *segment, uint32_t component, int resource);

#endif
