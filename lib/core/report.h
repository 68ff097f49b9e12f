/* SPDX-License-Identifier: MIT */
/*
 * What becomes an event, and with which figures: the calls that the operations make where something is to be told.
 * Refusals of one component, resource and kind are told of once a second; what is not told of costs a load.
 */
#ifndef SHMQ_CORE_REPORT_H
#define SHMQ_CORE_REPORT_H

#include "base/probe.h"
#include "core/events.h"
#include "core/handle.h"
#include "core/tally.h"
#include "core/threshold.h"
#include "core/tracker.h"

/* Who did something, under which policy. */
struct report {
	const struct shmq_component *component;
	const struct shmq_shm_quota *quotas; /* the table in force */
};

/*
 * Count a refusal by the quota of `refuser`, the component itself or a group above it, and tell of it. `is_denied` is
 * false where the amount was admitted in spite of it.
 */
void report_refusal(const struct report *report, int resource, uint64_t amount, uint32_t refuser, bool is_denied);

/* Tell of refusals by the component's own quota, unless somebody has in this second. */
void report_denied(struct report report, int resource, uint64_t amount, uint64_t now_s);

/* As report_refusal() of a component by its own quota: where all of a host's workers may be at once. */
static inline HOT_INLINE void report_denial(struct report report, struct shmq_shm_slot *slot, int resource,
                                            uint64_t amount, uint64_t now_s)
{
	const struct shmq_component *component = report.component;
	const struct shmq_shm_tracker *own = &component->segment->trackers[component->key.index];

	PROBE4(denial, component->segment->name, component->key.index, resource, amount);
	tally_add(component->segment, slot, component->key.index, resource);
	if (__builtin_expect(!event_is_fresh(&own->reported[resource], now_s), 0))
		report_denied(report, resource, amount, now_s);
}

/* Count a refusal by the capabilities, and tell of it. */
void report_forbidden(const struct report *report, const char *permission, const char *target);

/* Tell that a threshold of a component or group was crossed. */
void report_threshold(const struct report *report, int resource, uint32_t component, uint64_t used);

/* Look for a crossed threshold, when `used` of a resource is in use. */
static inline HOT_INLINE void report_watch(const struct report *report, int resource, uint32_t component,
                                           const struct tracker_limits *limits, uint64_t used)
{
	const struct shm_u32 *word = &report->component->segment->trackers[component].threshold[resource];
	uint32_t warning = limits->mode >> MODE_WARNING_AT & ((1 << MODE_PERCENT_BITS) - 1);
	uint32_t critical = limits->mode >> MODE_CRITICAL_AT & ((1 << MODE_PERCENT_BITS) - 1);

	if (__builtin_expect(threshold_is_crossed(word, used, limits->capacity, warning, critical), 0))
		report_threshold(report, resource, component, used);
}

/* Tell of something that was done to a component; `name` may be NULL where there is none. */
void report_change(const struct shmq_segment *segment, int kind, uint32_t component, const char *name);

/* Tell what somebody who uses the library has to say; `name` may be NULL. */
void report_text(const struct shmq_segment *segment, uint32_t component, const char *name, const char *text);

/* Tell that what a dead thread held was recovered. */
void report_recovery(const struct shmq_segment *segment, uint32_t tid);

#endif
