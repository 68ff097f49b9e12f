/* SPDX-License-Identifier: MIT */
/*
 * Each rate on its own: how much of it was used by the old quota, and how much of it shall be by the new one.
 */
#include "core/carry.h"

#include "base/wide.h"
#include "core/sliding.h"
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

static bool is_bucket(const struct tracker_limits *limits)
{
	return (limits->mode & MODE_ALGORITHM_MASK) == SHMQ_BUCKET;
}

/* How much a bucket, or a window that becomes one, holds afterwards. */
static void carry_into_bucket(struct shmq_shm_rate *rate, const struct tracker_limits *old,
                              const struct tracker_limits *new, uint64_t used, enum shmq_inheritance inheritance)
{
	static const enum bucket_carry carries[] = {[SHMQ_INHERIT_KEEP] = BUCKET_KEEP,
	                                            [SHMQ_INHERIT_PROPORTIONAL] = BUCKET_PROPORTIONAL,
	                                            [SHMQ_INHERIT_RESET] = BUCKET_RESET};
	struct bucket bucket = tracker_bucket(rate);
	struct bucket_rate from = tracker_bucket_rate(old), to = tracker_bucket_rate(new);

	if (is_bucket(old) && inheritance <= SHMQ_INHERIT_RESET) {
		bucket_rescale(&bucket, &from, &to, carries[inheritance], bucket_clock_of(&to));
		return;
	}
	if (inheritance == SHMQ_INHERIT_PROPORTIONAL)
		used = proportion(used, old->capacity, new->capacity);
	else if (inheritance == SHMQ_INHERIT_RESET)
		used = 0;
	bucket_fill(&bucket, &to, used, bucket_clock_of(&to));
}

static void carry_into_window(struct shmq_shm_rate *rate, const struct tracker_limits *old,
                              const struct tracker_limits *new, enum shmq_inheritance inheritance)
{
	bool is_sliding = (old->mode & MODE_ALGORITHM_MASK) == SHMQ_SLIDING;
	bool has_limits = old->limit != 0 && old->limit != SHMQ_UNLIMITED && new->limit != SHMQ_UNLIMITED;
	struct window_view view = {0};

	if (inheritance == SHMQ_INHERIT_RESET)
		window_reset(rate);
	if (inheritance == SHMQ_INHERIT_PROPORTIONAL && has_limits && !is_bucket(old)) {
		if (is_sliding)
			sliding_read(rate, old->period_ms, clock_window_ms(old->period_ms), &view);
		window_rescale(rate, is_sliding ? view.used - sliding_own(&view, old->period_ms) : 0, old->limit,
		               new->limit);
	}
	if (old->period_ms != new->period_ms)
		window_realign(rate, new->period_ms);
}

static void carry_rate(struct shmq_shm_tracker *tracker, int resource, const struct shmq_shm_quota *before,
                       const struct shmq_shm_quota *active)
{
	struct tracker_limits old = tracker_limits(before, resource), new = tracker_limits(active, resource);
	struct shmq_shm_rate *rate = tracker_rate(tracker, resource);
	struct shmq_resource_status status;

	if (old.limit == new.limit && old.mode == new.mode &&old.per_period == new.per_period)
		return;
	tracker_read(tracker, resource, &old, false, &status);
	if (is_bucket(&new))
		carry_into_bucket(rate, &old, &new, status.used, inheritance_of(active));
	else
		carry_into_window(rate, &old, &new, inheritance_of(active));
}

void carry_component(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *before,
                     const struct shmq_shm_quota *active)
{
	if ((quota_flags(before) & QUOTA_PRESENT) == 0)
		return;
	for (int resource = SHMQ_MESSAGES; tracker_is_rate(resource); resource++)
		carry_rate(&segment->trackers[component], resource, before, active);
}
