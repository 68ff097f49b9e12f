/* SPDX-License-Identifier: MIT */
/*
 * The groups above a component. A group is a component itself; what its members use counts against it, and against the
 * group above it in turn (as page counters of Linux's memory cgroups do: mm/page_counter.c).
 *
 * Who belongs to whom is part of the policy in force, so it is read inside one read section, from one table. What must
 * outlive that section, an entry of a ledger or a component on its way out, keeps the registrations of its groups.
 */
#ifndef SHMQ_CORE_GROUP_H
#define SHMQ_CORE_GROUP_H

#include "shm/segment.h"

/* A component and the groups above it, nearest first. */
struct group_chain {
	unsigned count; /* the component included */
	uint32_t component[1 + LAYOUT_ANCESTORS];
};

static inline uint32_t group_parent(const struct shmq_shm_quota *quota)
{
	return shm_load32_relaxed(&quota->parent); /* relaxed: the policy's generation released it */
}

/* Add what stands above a component. */
void group_chain_above(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t component,
                       struct group_chain *out);

/* `quotas` is the table in force. Bounded, whatever the table says. */
static inline void group_chain_of(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas,
                                  uint32_t component, struct group_chain *out)
{
	out->component[0] = component;
	out->count = 1;
	if (__builtin_expect(group_parent(&quotas[component]) != 0, 0))
		group_chain_above(segment, quotas, component, out);
}

/* The chain of a component whose registration has ended: the groups that it counted against to the end. */
void group_chain_of_ended(const struct shmq_segment *segment, uint32_t component, struct group_chain *out);

#define GROUP_GENERATION_MASK ((UINT64_C(1) << REGISTRATION_GENERATION_BITS) - 1)

static inline uint64_t group_registration_of(uint64_t component, uint64_t genstate)
{
	return (component + 1) << REGISTRATION_GENERATION_BITS | (genstate >> ENTRY_STATE_BITS & GROUP_GENERATION_MASK);
}

/* Name the registration of an entry, in force or ending. */
uint64_t group_registration(const struct shmq_segment *segment, uint32_t component);

/* Find the entry of a registration, inside a section. Returns false where it is gone: ended, and settled with its groups. */
bool group_find_registration(const struct shmq_segment *segment, uint64_t registration, uint32_t *component);

#endif
