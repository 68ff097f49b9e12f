/* SPDX-License-Identifier: MIT */
/*
 * Following chains upwards. What is read may be damaged: indices are bounded, and chains end after LAYOUT_ANCESTORS.
 */
#include "core/group.h"

static bool is_present(const struct shmq_shm_quota *quota)
{
	return (shm_load_acquire(&quota->flags) & QUOTA_PRESENT) != 0; /* (D3) */
}

void group_chain_above(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t component,
                       struct group_chain *out)
{
	uint32_t parent = group_parent(&quotas[component]);

	while (parent != 0 && parent <= segment->layout.components && out->count <= LAYOUT_ANCESTORS &&
	       is_present(&quotas[parent - 1])) {
		out->component[out->count++] = parent - 1;
		parent = group_parent(&quotas[parent - 1]);
	}
}

uint64_t group_registration(const struct shmq_segment *segment, uint32_t component)
{
	return group_registration_of(component, shm_load_acquire(&segment->entries[component].genstate)); /* (D2) */
}

/*
 * In force, or ended and not settled yet. Anything else may be reclaimed beside a section that began after its end, and
 * its place then be somebody else's.
 */
static bool is_there(const struct shmq_shm_entry *entry, uint64_t genstate)
{
	unsigned state = genstate & ENTRY_STATE_MASK;

	/* relaxed: the state released it, and a grace period follows its change */
	return state == ENTRY_LIVE || (state == ENTRY_DYING && shm_load_relaxed(&entry->home) != 0);
}

bool group_find_registration(const struct shmq_segment *segment, uint64_t registration, uint32_t *component)
{
	uint64_t number = registration >> REGISTRATION_GENERATION_BITS;
	uint64_t genstate;

	if (number == 0 || number > segment->layout.components)
		return false;
	*component = (uint32_t)(number - 1);
	genstate = shm_load_acquire(&segment->entries[*component].genstate); /* (D2) */
	return is_there(&segment->entries[*component], genstate) &&
	       (genstate >> ENTRY_STATE_BITS & GROUP_GENERATION_MASK) == (registration & GROUP_GENERATION_MASK);
}

/* What stands above a component: by the policy in force, or as it was when its registration ended. */
static uint64_t registration_above(const struct shmq_segment *segment, uint32_t component)
{
	const struct shmq_shm_entry *entry = &segment->entries[component];
	uint64_t generation = shm_load_acquire(&segment->policy->control.generation); /* (D1) */
	const struct shmq_shm_quota *quota = &segment->quotas[generation & 1][component];
	uint32_t parent = group_parent(quota);

	if ((shm_load_acquire(&entry->genstate) & ENTRY_STATE_MASK) != ENTRY_LIVE) /* (D2) */
		return shm_load_relaxed(&entry->home);                             /* relaxed: the state released it */
	return parent == 0 || parent > segment->layout.components ? 0 : group_registration(segment, parent - 1);
}

void group_chain_of_ended(const struct shmq_segment *segment, uint32_t component, struct group_chain *out)
{
	out->component[0] = component;
	for (out->count = 1; out->count <= LAYOUT_ANCESTORS; out->count++)
		if (!group_find_registration(segment, registration_above(segment, out->component[out->count - 1]),
		                             &out->component[out->count]))
			break;
}
