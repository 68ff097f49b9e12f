/* SPDX-License-Identifier: MIT */
/*
 * Geometry of the two objects and the signature of their structures. Every part begins on a cache line.
 */
#include "shm/layout.h"

#include "base/hash.h"

#include <errno.h>

static size_t layout_align(size_t bytes)
{
	return (bytes + LAYOUT_LINE - 1) & ~(size_t)(LAYOUT_LINE - 1);
}

int layout_compute(struct layout *out, uint32_t components, uint32_t threads)
{
	if (components == 0 || components > SHMQ_COMPONENTS_MAX || threads == 0 || threads > SHMQ_THREADS_MAX)
		return -EINVAL;
	*out = (struct layout){.components = components, .threads = threads, .buckets = 1};
	while (out->buckets < components)
		out->buckets *= 2;
	out->buckets_at = sizeof(struct shmq_shm_policy);
	out->entries_at = layout_align(out->buckets_at + out->buckets * sizeof(struct shm_u32));
	out->quotas_at[0] = layout_align(out->entries_at + components * sizeof(struct shmq_shm_entry));
	out->quotas_at[1] = out->quotas_at[0] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota);
	out->policy_bytes = out->quotas_at[1] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota);
	out->slots_at = layout_align(sizeof(struct shmq_shm_usage));
	out->trackers_at = out->slots_at + threads * sizeof(struct shmq_shm_slot);
	out->usage_bytes = out->trackers_at + components * sizeof(struct shmq_shm_tracker);
	return 0;
}

uint64_t layout_signature(void)
{
	const uint64_t facts[] = {
	    sizeof(struct shmq_shm_header),
	    offsetof(struct shmq_shm_header, boot_id),
	    offsetof(struct shmq_shm_header, pair),
	    offsetof(struct shmq_shm_header, components),
	    offsetof(struct shmq_shm_header, persistent),
	    sizeof(struct shmq_shm_control),
	    offsetof(struct shmq_shm_control, epoch),
	    offsetof(struct shmq_shm_control, done),
	    offsetof(struct shmq_shm_control, lock),
	    offsetof(struct shmq_shm_control, table_cookie),
	    offsetof(struct shmq_shm_control, registered),
	    sizeof(struct shmq_shm_entry),
	    offsetof(struct shmq_shm_entry, cookie),
	    offsetof(struct shmq_shm_entry, hash),
	    offsetof(struct shmq_shm_entry, next),
	    offsetof(struct shmq_shm_entry, name),
	    sizeof(struct shmq_shm_quota),
	    offsetof(struct shmq_shm_quota, flags),
	    sizeof(struct shmq_shm_slot),
	    offsetof(struct shmq_shm_slot, owner),
	    offsetof(struct shmq_shm_slot, state),
	    sizeof(struct shmq_shm_rate),
	    offsetof(struct shmq_shm_rate, current),
	    offsetof(struct shmq_shm_rate, base),
	    offsetof(struct shmq_shm_rate, peak),
	    sizeof(struct shmq_shm_level),
	    offsetof(struct shmq_shm_level, out),
	    sizeof(struct shmq_shm_tracker),
	    offsetof(struct shmq_shm_tracker, level),
	    offsetof(struct shmq_shm_tracker, would_deny),
	    SHMQ_RESOURCES,
	    LAYOUT_BASES,
	    SHMQ_NAME_MAX,
	};

	return hash_bytes(facts, sizeof(facts));
}
