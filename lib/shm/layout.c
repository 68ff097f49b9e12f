/* SPDX-License-Identifier: MIT */
/*
 * Geometry of the two objects. Every part begins on a cache line.
 */
#include "shm/layout.h"

#include <errno.h>

static size_t layout_align(size_t bytes)
{
	return (bytes + LAYOUT_LINE - 1) & ~(size_t)(LAYOUT_LINE - 1);
}

int layout_compute(struct layout *out, uint32_t components, uint32_t threads, uint32_t reservations)
{
	if (components == 0 || components > SHMQ_COMPONENTS_MAX || threads == 0 || threads > SHMQ_THREADS_MAX)
		return -EINVAL;
	if (reservations > SHMQ_RESERVATIONS_MAX)
		return -EINVAL;
	*out =
	    (struct layout){.components = components, .threads = threads, .reservations = reservations, .buckets = 1};
	while (out->buckets < components)
		out->buckets *= 2;
	out->buckets_at = sizeof(struct shmq_shm_policy);
	out->entries_at = layout_align(out->buckets_at + out->buckets * sizeof(struct shm_u32));
	out->quotas_at[0] = layout_align(out->entries_at + components * sizeof(struct shmq_shm_entry));
	out->quotas_at[1] = out->quotas_at[0] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota);
	out->policy_bytes = out->quotas_at[1] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota);
	out->slots_at = layout_align(sizeof(struct shmq_shm_usage));
	out->ledgers_at = out->slots_at + threads * sizeof(struct shmq_shm_slot);
	out->trackers_at =
	    layout_align(out->ledgers_at + (size_t)threads * reservations * sizeof(struct shmq_shm_holding));
	out->usage_bytes = out->trackers_at + components * sizeof(struct shmq_shm_tracker);
	return 0;
}
