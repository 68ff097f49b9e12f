/* SPDX-License-Identifier: MIT */
/*
 * A component's tracker: one rate or level per resource, with the figures around it. It chooses between the two kinds,
 * counts refusals and fills verdicts; how an amount is taken is in window.h and level.h. All functions but
 * tracker_restart() are called inside a read section.
 */
#ifndef SHMQ_CORE_TRACKER_H
#define SHMQ_CORE_TRACKER_H

#include "base/clock.h"
#include "core/bucket.h"
#include "core/level.h"
#include "core/quota.h"
#include "core/window.h"

#include <errno.h>

/* The limits one operation goes by: read once, from one policy. */
struct tracker_limits {
	uint64_t limit;      /* what usage must not pass: SHMQ_UNLIMITED possible, also where it was lifted */
	uint64_t period_ms;  /* 0 for levels */
	uint64_t mode;       /* MODE_… */
	uint64_t capacity;   /* what usage is compared with: the limit that the policy gives, or a bucket's burst */
	uint64_t per_period; /* of a bucket: how much drains in a period */
};

static inline bool tracker_is_resource(int resource)
{
	return resource >= 0 && resource < SHMQ_RESOURCES;
}

static inline bool tracker_is_rate(int resource)
{
	return resource >= SHMQ_MESSAGES && resource <= SHMQ_CPU;
}

/* A bucket's burst is its limit. One that admits nothing or everything is as good as a window. */
void tracker_add_burst(struct tracker_limits *limits, const struct shmq_shm_quota *quota, int resource);

static inline HOT_INLINE struct tracker_limits tracker_limits(const struct shmq_shm_quota *quota, int resource)
{
	/* relaxed: the policy's generation released them */
	uint64_t limit = quota_limit(shm_load_relaxed(&quota->resource[resource].limit));
	uint64_t mode = shm_load_relaxed(&quota->resource[resource].mode) & ~MODE_LEASED;
	uint64_t period_ms = mode >> MODE_PERIOD_AT;

	struct tracker_limits limits = {limit, period_ms, mode, limit, limit};

	if (__builtin_expect(period_ms == 0 && tracker_is_rate(resource), 0))
		limits.period_ms = SHMQ_PERIOD_MIN_NS / NS_PER_MS; /* a damaged policy */
	if (__builtin_expect((mode & MODE_ALGORITHM_MASK) == SHMQ_BUCKET, 0))
		tracker_add_burst(&limits, quota, resource);
	return limits;
}

/* What was taken, so that it can be taken back. */
struct tracker_receipt {
	uint64_t used;     /* before */
	uint64_t taken_ns; /* of a bucket: when */
	uint64_t cost_ns;  /* of a bucket: what it was charged; 0 of a window */
	uint32_t seq;      /* window, or epoch of a bucket; RECEIPT_… with it */
};

#define RECEIPT_SLIDING (UINT32_C(1) << 31)
#define RECEIPT_COARSE (UINT32_C(1) << 30) /* of a bucket: by which clock */

static inline struct shmq_shm_rate *tracker_rate(struct shmq_shm_tracker *tracker, int resource)
{
	return &tracker->rate[resource - SHMQ_MESSAGES];
}

static inline struct level_place tracker_level(const struct shmq_segment *segment, uint32_t component, int resource)
{
	return (struct level_place){segment, component, resource == SHMQ_STORAGE ? 0 : 1};
}

/* Fill in what an operation found: `used` before it, and whether it was admitted. */
static inline void tracker_judge(struct shmq_verdict *verdict, const struct tracker_limits *limits, uint64_t used,
                                 uint64_t taken)
{
	verdict->current = used;
	verdict->limit = limits->limit;
	verdict->period_ns = limits->period_ms * NS_PER_MS;
	if (limits->limit == SHMQ_UNLIMITED)
		verdict->remaining = SHMQ_UNLIMITED;
	else
		verdict->remaining = used + taken < limits->limit ? limits->limit - used - taken : 0;
}

/* Fill in when a refused amount could be admitted: never, or when the window ends. */
void tracker_advise(struct shmq_verdict *verdict, const struct tracker_limits *limits, uint64_t start_ms,
                    uint64_t now_ms);

/* What to say of an amount that passed `ceiling`: the limit, or the end of what can be counted. */
static inline int tracker_refusal(uint64_t limit, uint64_t ceiling)
{
	return ceiling < limit ? -EOVERFLOW : SHMQ_DENIED;
}

/* A rate that is not a plain window. */
int tracker_take_smooth(struct shmq_shm_rate *rate, const struct tracker_limits *limits, uint64_t amount,
                        struct shmq_verdict *verdict, struct tracker_receipt *receipt);

static inline HOT_INLINE int tracker_take_rate(struct shmq_shm_rate *rate, const struct tracker_limits *limits,
                                               uint64_t amount, struct shmq_verdict *verdict,
                                               struct tracker_receipt *receipt)
{
	uint64_t ceiling = limits->limit < WINDOW_CEILING ? limits->limit : WINDOW_CEILING;
	struct window_view view;
	uint64_t now_ms;
	bool is_taken;

	if (__builtin_expect((limits->mode & MODE_ALGORITHM_MASK) != SHMQ_WINDOW, 0))
		return tracker_take_smooth(rate, limits, amount, verdict, receipt);
	now_ms = clock_window_ms(limits->period_ms);
	is_taken = window_take(rate, amount, ceiling, limits->period_ms, now_ms, &view);
	if (verdict != NULL) {
		tracker_judge(verdict, limits, view.used, is_taken ? amount : 0);
		if (!is_taken)
			tracker_advise(verdict, limits, view.start_ms, now_ms);
	}
	if (!is_taken)
		return tracker_refusal(limits->limit, ceiling);
	*receipt = (struct tracker_receipt){.used = view.used, .seq = view.seq};
	return SHMQ_OK;
}

static inline HOT_INLINE int tracker_take_level(const struct level_place *place, const struct tracker_limits *limits,
                                                uint64_t amount, struct shmq_verdict *verdict,
                                                struct tracker_receipt *receipt)
{
	uint64_t ceiling = limits->limit < LEVEL_CEILING ? limits->limit : LEVEL_CEILING;
	uint64_t used;
	bool is_taken = level_take(place, amount, ceiling, &used);

	if (verdict != NULL) {
		tracker_judge(verdict, limits, used, is_taken ? amount : 0);
		if (!is_taken)
			tracker_advise(verdict, limits, 0, 0);
	}
	if (!is_taken)
		return tracker_refusal(limits->limit, ceiling);
	*receipt = (struct tracker_receipt){.used = used};
	return SHMQ_OK;
}

/*
 * Take `amount` of a resource.
 *
 * Returns  SHMQ_OK, SHMQ_DENIED (not counted yet), or -EOVERFLOW where the count would leave its range
 */
static inline HOT_INLINE int tracker_take(const struct shmq_segment *segment, uint32_t component, int resource,
                                          const struct tracker_limits *limits, uint64_t amount,
                                          struct shmq_verdict *verdict, struct tracker_receipt *receipt)
{
	struct level_place place;

	if (tracker_is_rate(resource))
		return tracker_take_rate(tracker_rate(&segment->trackers[component], resource), limits, amount, verdict,
		                         receipt);
	place = tracker_level(segment, component, resource);
	return tracker_take_level(&place, limits, amount, verdict, receipt);
}

static inline struct bucket tracker_bucket(struct shmq_shm_rate *rate)
{
	return (struct bucket){&rate->tat, &rate->current};
}

/* The bucket's rate that the limits describe. */
static inline struct bucket_rate tracker_bucket_rate(const struct tracker_limits *limits)
{
	return bucket_rate_of(limits->per_period, limits->period_ms * NS_PER_MS, limits->capacity);
}

/* Take back what tracker_take() took of a rate. Its share of total and peak stays. */
void tracker_give_back(const struct shmq_segment *segment, uint32_t component, int resource, uint64_t amount,
                       const struct tracker_receipt *receipt);

/* Tell whether an amount would be admitted. Changes nothing; `tracker` may be mapped read-only. */
int tracker_check(const struct shmq_shm_tracker *tracker, int resource, const struct tracker_limits *limits,
                  uint64_t amount, struct shmq_verdict *verdict);

/*
 * Read the figures of one resource; `tracker` may be mapped read-only. `is_image`: as they were when it was last used,
 * whatever the time is now.
 */
void tracker_read(const struct shmq_shm_tracker *tracker, int resource, const struct tracker_limits *limits,
                  bool is_image, struct shmq_resource_status *out);

/* After a change of limits: let windows end at boundaries of their periods. */
void tracker_realign(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota);

/* Forget what was used of rates, peaks and refusals. Levels stay. */
void tracker_reset(const struct shmq_segment *segment, uint32_t component);

/* Make a tracker new for another component. Only while no operation can reach it; may be repeated after a crash. */
void tracker_restart(const struct shmq_segment *segment, uint32_t component);

#endif
