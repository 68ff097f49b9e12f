/* SPDX-License-Identifier: MIT */
/*
 * Each rate on its own: how much of it was used by the old quota, and how much of it shall be by the new one.
 */
#include "core/carry.h"

#include "base/wide.h"
#include "core/tracker.h"

static enum shmq_inheritance inheritance_of(const struct shmq_shm_quota *quota)
{
	return (enum shmq_inheritance)(quota_flags(quota) >> QUOTA_INHERIT_AT & QUOTA_INHERIT_MASK);
}

/* What `used` of the old limit is of the new one. */
static uint64_t proportion(uint64_t used, uint64_t old_limit, uint64_t new_limit)
{
	if (old_limit == 0 || old_limit == SHMQ_UNLIMITED || new_limit == SHMQ_UNLIMITED)
		return used;
	return (uint64_t)(((uint128)used * new_limit + old_limit - 1) / old_limit);
}

/* A window: what is too much is charged without being used, what is too little refunded. */
static void adjust_window(struct shmq_shm_tracker *tracker, int resource, const struct tracker_limits *limits,
                          uint64_t wanted)
{
	struct shmq_shm_rate *rate = tracker_rate(tracker, resource);
	uint64_t now_ms = clock_window_ms(limits->period_ms);
	struct window_view view;

	window_read(rate, limits->period_ms, now_ms, &view);
	if (wanted < view.used) {
		window_refund(rate, view.seq, view.used - wanted);
	} else if (wanted > view.used &&
	           window_take(rate, wanted - view.used, WINDOW_CEILING, limits->period_ms, now_ms, &view)) {
		/* relaxed: a figure for people; ours under the controller lock */
		shm_add_relaxed(&tracker->adjusted[resource - SHMQ_MESSAGES], wanted - view.used);
	}
}

static void carry_rate(struct shmq_shm_tracker *tracker, int resource, const struct shmq_shm_quota *before,
                       const struct shmq_shm_quota *active)
{
	struct tracker_limits old = tracker_limits(before, resource), new = tracker_limits(active, resource);
	struct shmq_resource_status status;

	if (old.limit == new.limit && old.mode == new.mode)
		return;
	tracker_read(tracker, resource, &old, false, &status);
	if (old.period_ms != new.period_ms)
		window_realign(tracker_rate(tracker, resource), new.period_ms);
	switch (inheritance_of(active)) {
	case SHMQ_INHERIT_RESET:
		window_reset(tracker_rate(tracker, resource));
		break;
	case SHMQ_INHERIT_PROPORTIONAL:
		adjust_window(tracker, resource, &new, proportion(status.used, old.limit, new.limit));
		break;
	case SHMQ_INHERIT_KEEP:
		break;
	}
}

void carry_component(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *before,
                     const struct shmq_shm_quota *active)
{
	if ((quota_flags(before) & QUOTA_PRESENT) == 0)
		return;
	for (int resource = SHMQ_MESSAGES; tracker_is_rate(resource); resource++)
		carry_rate(&segment->trackers[component], resource, before, active);
}
