/* SPDX-License-Identifier: MIT */
/*
 * Sums go by the directory: which entries count against which group, by the table in force, or by what an entry whose
 * registration has ended remembers.
 */
#include "kill_ranks.h"

#include "core/directory_write.h"
#include "core/group.h"
#include "core/tracker.h"

#include <errno.h>
#include <inttypes.h>

/* ---- Sums ---- */

static bool is_member(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t index,
                      uint32_t group)
{
	const struct shmq_shm_entry *entry = &segment->entries[index];

	if (entry_state(entry) == ENTRY_DYING)
		return shm_load_relaxed(&entry->home) == group_registration(segment, group);
	return entry_state(entry) == ENTRY_LIVE && group_parent(&quotas[index]) == group + 1;
}

static int check_group(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t group)
{
	for (uint32_t level = 0; level < LAYOUT_LEVELS; level++) {
		struct level_place place = {segment, group, level};
		uint64_t used = level_read(level_at(&place)), sum = 0;

		for (uint32_t i = 0; i < segment->layout.components; i++) {
			struct level_place member = {segment, i, level};

			if (is_member(segment, quotas, i, group))
				sum += level_read(level_at(&member));
		}
		WELL(used == sum, "%s, level %u: %" PRIu64 " used, its members use %" PRIu64,
		     segment->entries[group].name, level, used, sum);
	}
	return 0;
}

int ranks_check_sums(const struct shmq_segment *segment)
{
	uint64_t generation = shm_load_acquire(&segment->policy->control.generation);
	const struct shmq_shm_quota *quotas = segment->quotas[generation & 1];

	for (uint32_t i = 0; i < segment->layout.components; i++) {
		uint64_t flags = shm_load_acquire(&quotas[i].flags);
		bool is_group = entry_state(&segment->entries[i]) == ENTRY_LIVE && (flags & QUOTA_GROUP) != 0;

		WELL((flags & QUOTA_FROZEN) == 0, "entry %u is frozen still", i);
		if (is_group && check_group(segment, quotas, i) != 0)
			return 1;
	}
	return 0;
}

/* ---- Each rank ---- */

static int check_rates(const struct world *world, struct shmq_component *group, const uint64_t others[SHMQ_RESOURCES],
                       const struct check_outcome *outcome)
{
	struct shmq_status status;

	RETURNS(shmq_status(group, &status), 0);
	for (int i = SHMQ_MESSAGES; i <= SHMQ_CPU; i++) {
		int64_t used = (int64_t)status.resource[i].used, base = world_used(world, i) + (int64_t)others[i];
		int64_t change = used - base;

		WELL(outcome->spares_groups ? change == 0 : check_is_possible(outcome, i, change),
		     "%s of %s: %" PRId64 " used, expected %" PRId64 " or %" PRId64, shmq_resource_name(i),
		     shmq_component_name(group), used, base + outcome->undone[i], base + outcome->done[i]);
	}
	return 0;
}

/* What the target counts against must go with the policy in force. */
static int check_home(const struct world *world, struct shmq_segment *segment, struct shmq_component *target,
                      const struct check_outcome *outcome)
{
	struct shmq_component *kept, *group;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	const char *expected = world_groups[0];
	uint32_t id;

	if (outcome->moves) {
		RETURNS(shmq_component_find(&kept, segment, "kept"), 0);
		RETURNS(shmq_component_quota(kept, &quota), 0);
		shmq_component_put(kept);
		if (quota.limit[SHMQ_STORAGE] == outcome->changes[0].limit)
			expected = WORLD_ELSEWHERE;
	}
	if (world->setup.groups == 0)
		return 0;
	RETURNS(shmq_component_group(target, &id), 0);
	RETURNS(shmq_component_find(&group, segment, expected), 0);
	WELL(shmq_component_id(group) == id, "the target does not count against %s", expected);
	shmq_component_put(group);
	return 0;
}

int ranks_check(const struct world *world, struct shmq_segment *segment, struct shmq_component *target,
                const struct check_outcome *outcome)
{
	if (check_home(world, segment, target, outcome) != 0)
		return 1;
	/* What the survivor took of rates counts where the target was then. */
	if (outcome->moves && world->is_disturbed)
		return 0;
	for (unsigned i = 0; i < world->setup.groups; i++) {
		struct shmq_component *group;
		int result;

		RETURNS(shmq_component_find(&group, segment, world_groups[i]), 0);
		result = check_rates(world, group, world->others[i], outcome);
		shmq_component_put(group);
		if (result != 0)
			return result;
	}
	return 0;
}

/* ---- What is left ---- */

static int add_rest(struct shmq_component *component, int resource, struct ranks_rest *rest)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_status status;
	uint64_t *bound, available;

	RETURNS(shmq_component_quota(component, &quota), 0);
	RETURNS(shmq_status(component, &status), 0);
	available = status.resource[resource].available;
	bound = quota.enforcement[resource] == SHMQ_ENFORCE_DENY ? &rest->denying : &rest->warning;
	*bound = available < *bound ? available : *bound;
	return 0;
}

int ranks_find_rest(struct shmq_segment *segment, struct shmq_component *target, int resource, struct ranks_rest *out)
{
	struct shmq_component *component;
	uint32_t id = shmq_component_id(target);
	int result = 0;

	*out = (struct ranks_rest){UINT64_MAX, UINT64_MAX};
	while (result == 0) {
		RETURNS(shmq_component_at(&component, segment, id), 0);
		result = add_rest(component, resource, out);
		if (result == 0)
			result = shmq_component_group(component, &id);
		shmq_component_put(component);
	}
	return result == -ENOENT ? 0 : result < 0 ? world_complain("finding groups: %s", shmq_strerror(result)) : 1;
}
