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

static bool is_possible(const struct shmq_shm_header *capacity)
{
	return capacity->components > 0 && capacity->components <= SHMQ_COMPONENTS_MAX && capacity->threads > 0 &&
	       capacity->threads <= SHMQ_THREADS_MAX && capacity->reservations <= SHMQ_RESERVATIONS_MAX &&
	       capacity->events > 0 && capacity->events <= SHMQ_EVENTS_MAX &&
	       capacity->rules_bytes >= sizeof(struct shmq_shm_rules) && capacity->rules_bytes <= SHMQ_RULES_MAX &&
	       capacity->rules_bytes % LAYOUT_LINE == 0;
}

int layout_compute(struct layout *out, const struct shmq_shm_header *header)
{
	uint32_t components = header->components, threads = header->threads;

	if (!is_possible(header))
		return -EINVAL;
	*out = (struct layout){
	    .components = components,
	    .threads = threads,
	    .entries = header->reservations + 1,
	    .events = header->events,
	    .rules_bytes = header->rules_bytes,
	    .buckets = 1,
	};
	while (out->buckets < components)
		out->buckets *= 2;
	out->buckets_at = sizeof(struct shmq_shm_policy);
	out->entries_at = layout_align(out->buckets_at + out->buckets * sizeof(struct shm_u32));
	out->quotas_at[0] = layout_align(out->entries_at + components * sizeof(struct shmq_shm_entry));
	out->quotas_at[1] = layout_align(out->quotas_at[0] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota));
	out->rules_at[0] = layout_align(out->quotas_at[1] + ((size_t)components + 1) * sizeof(struct shmq_shm_quota));
	out->rules_at[1] = out->rules_at[0] + header->rules_bytes;
	out->policy_bytes = out->rules_at[1] + header->rules_bytes;
	out->slots_at = layout_align(sizeof(struct shmq_shm_usage));
	out->leases_at = out->slots_at + threads * sizeof(struct shmq_shm_slot);
	out->ledgers_at = out->leases_at + (size_t)threads * LAYOUT_LEASES * sizeof(struct shmq_shm_lease);
	out->trackers_at =
	    layout_align(out->ledgers_at + (size_t)threads * out->entries * sizeof(struct shmq_shm_holding));
	out->events_at = out->trackers_at + components * sizeof(struct shmq_shm_tracker);
	out->usage_bytes = out->events_at + LAYOUT_EVENT_RING_BYTES(header->events);
	return 0;
}
