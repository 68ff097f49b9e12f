/* SPDX-License-Identifier: MIT */
/*
 * The parts of trackers that are not on the way of an admitted amount.
 */
#include "core/tracker.h"

#include "core/tally.h"

#include "core/sliding.h"

static const struct shmq_shm_rate *rate_of(const struct shmq_shm_tracker *tracker, int resource)
{
	return &tracker->rate[resource - SHMQ_MESSAGES];
}

static const struct shmq_shm_level *level_of(const struct shmq_shm_tracker *tracker, int resource)
{
	return &tracker->level[resource == SHMQ_STORAGE ? 0 : 1];
}

void tracker_advise(struct shmq_verdict *verdict, const struct tracker_limits *limits, uint64_t start_ms,
                    uint64_t now_ms)
{
	uint64_t end_ms = start_ms + limits->period_ms;
	uint64_t wait_ms = end_ms > now_ms ? end_ms - now_ms : 1;

	if (limits->period_ms >= CLOCK_COARSE_FROM_MS)
		wait_ms += CLOCK_COARSE_LAG_MS; /* who wakes on the dot would still see the clock before it */
	verdict->retry_after_ns = UINT64_MAX;
	if (limits->period_ms != 0 && verdict->requested <= limits->limit)
		verdict->retry_after_ns = (wait_ms < limits->period_ms ? wait_ms : limits->period_ms) * NS_PER_MS;
}

/* ---- Sliding windows and buckets ---- */

void tracker_add_burst(struct tracker_limits *limits, const struct shmq_shm_quota *quota, int resource)
{
	/* relaxed: as the limits */
	uint64_t burst = shm_load_relaxed(&quota->resource[resource].burst) & QUOTA_AMOUNT_MASK;

	if (limits->limit == 0 || limits->limit == SHMQ_UNLIMITED || !tracker_is_rate(resource)) {
		limits->mode &= ~(uint64_t)MODE_ALGORITHM_MASK;
		return;
	}
	if (burst > 0)
		limits->limit = limits->capacity = burst;
}

static bool is_bucket(const struct tracker_limits *limits)
{
	return (limits->mode & MODE_ALGORITHM_MASK) == SHMQ_BUCKET;
}

static bool is_sliding(const struct tracker_limits *limits)
{
	return (limits->mode & MODE_ALGORITHM_MASK) == SHMQ_SLIDING && limits->limit != SHMQ_UNLIMITED;
}

/* A bucket is reported as so much per the time that it takes from empty to full. */
static void judge_bucket(struct shmq_verdict *verdict, const struct tracker_limits *limits,
                         const struct bucket_rate *flow, const struct bucket_view *view, uint64_t used, bool is_taken)
{
	uint64_t wait_ns;

	if (verdict == NULL)
		return;
	tracker_judge(verdict, limits, used, is_taken ? verdict->requested : 0);
	verdict->limit = limits->capacity;
	verdict->period_ns = bucket_period_ns(flow);
	wait_ns = is_taken ? 0 : bucket_retry_ns(flow, view, verdict->requested);
	if (wait_ns > 0 && wait_ns != UINT64_MAX && bucket_is_coarse(flow))
		wait_ns += CLOCK_COARSE_LAG_MS * NS_PER_MS; /* as tracker_advise() */
	verdict->retry_after_ns = wait_ns;
}

static int take_bucket(struct shmq_shm_rate *rate, const struct tracker_limits *limits, uint64_t amount,
                       struct shmq_verdict *verdict, struct tracker_receipt *receipt)
{
	struct bucket bucket = tracker_bucket(rate);
	struct bucket_rate flow = tracker_bucket_rate(limits);
	bucket_clock *clock = bucket_clock_of(&flow);
	bool is_taken = true;
	struct bucket_view view;
	uint64_t used;

	if (limits->limit == SHMQ_UNLIMITED)
		bucket_charge(&bucket, &flow, amount, clock(), &view);
	else
		is_taken = bucket_take(&bucket, &flow, amount, clock(), clock, &view);
	used = bucket_used(&flow, view.ahead_ns);
	judge_bucket(verdict, limits, &flow, &view, used, is_taken);
	if (!is_taken)
		return SHMQ_DENIED;
	shm_add_relaxed(&rate->total, amount); /* relaxed: a figure for people; a window would go by it */
	counter_raise(&rate->peak, used + amount);
	*receipt = (struct tracker_receipt){.used = used,
	                                    .taken_ns = view.now_ns,
	                                    .cost_ns = view.cost_ns,
	                                    .seq = view.epoch | (bucket_is_coarse(&flow) ? RECEIPT_COARSE : 0)};
	return SHMQ_OK;
}

static void advise_sliding(struct shmq_verdict *verdict, const struct tracker_limits *limits,
                           const struct window_view *view)
{
	uint64_t wait_ms = sliding_retry_ms(view, limits->limit, verdict->requested, limits->period_ms);

	verdict->retry_after_ns = wait_ms == UINT64_MAX ? UINT64_MAX : wait_ms * NS_PER_MS;
	if (wait_ms != UINT64_MAX && limits->period_ms >= CLOCK_COARSE_FROM_MS)
		verdict->retry_after_ns += CLOCK_COARSE_LAG_MS * NS_PER_MS; /* as tracker_advise() */
}

int tracker_take_smooth(struct shmq_shm_rate *rate, const struct tracker_limits *limits, uint64_t amount,
                        struct shmq_verdict *verdict, struct tracker_receipt *receipt)
{
	uint64_t ceiling = limits->limit < WINDOW_CEILING ? limits->limit : WINDOW_CEILING;
	uint64_t now_ms;
	struct window_view view;
	bool is_taken;

	if (is_bucket(limits))
		return take_bucket(rate, limits, amount, verdict, receipt);
	now_ms = clock_window_ms(limits->period_ms);
	is_taken = limits->limit == SHMQ_UNLIMITED
	               ? window_take(rate, amount, ceiling, limits->period_ms, now_ms, &view)
	               : sliding_take(rate, amount, ceiling, limits->period_ms, now_ms, clock_window_ms, &view);
	if (verdict != NULL) {
		tracker_judge(verdict, limits, view.used, is_taken ? amount : 0);
		if (!is_taken)
			advise_sliding(verdict, limits, &view);
	}
	if (!is_taken)
		return tracker_refusal(limits->limit, ceiling);
	*receipt = (struct tracker_receipt){.used = view.used, .seq = view.seq | RECEIPT_SLIDING};
	return SHMQ_OK;
}

static void give_back_to_bucket(struct shmq_shm_rate *rate, const struct tracker_receipt *receipt)
{
	struct bucket bucket = tracker_bucket(rate);
	struct bucket_view taken = {
	    .now_ns = receipt->taken_ns, .cost_ns = receipt->cost_ns, .epoch = receipt->seq & ~RECEIPT_COARSE};

	bucket_refund(&bucket, &taken,
	              (receipt->seq & RECEIPT_COARSE) != 0 ? clock_read_coarse_ns : clock_read_precise_ns);
}

void tracker_give_back(const struct shmq_segment *segment, uint32_t component, int resource, uint64_t amount,
                       const struct tracker_receipt *receipt)
{
	struct shmq_shm_rate *rate = tracker_rate(&segment->trackers[component], resource);

	if (receipt->cost_ns > 0)
		give_back_to_bucket(rate, receipt);
	else if ((receipt->seq & RECEIPT_SLIDING) != 0)
		sliding_refund(rate, receipt->seq & ~RECEIPT_SLIDING, amount);
	else
		window_refund(rate, receipt->seq, amount);
}

static int check_bucket(const struct shmq_shm_rate *rate, const struct tracker_limits *limits, uint64_t amount,
                        struct shmq_verdict *verdict)
{
	struct bucket_rate flow = tracker_bucket_rate(limits);
	struct bucket_view view;
	bool is_admitted;

	bucket_read(&rate->tat, bucket_clock_of(&flow), &view);
	is_admitted = bucket_retry_ns(&flow, &view, amount) == 0;
	judge_bucket(verdict, limits, &flow, &view, bucket_used(&flow, view.ahead_ns), is_admitted);
	return is_admitted ? SHMQ_OK : SHMQ_DENIED;
}

int tracker_check(const struct shmq_shm_tracker *tracker, int resource, const struct tracker_limits *limits,
                  uint64_t amount, struct shmq_verdict *verdict)
{
	uint64_t ceiling = limits->limit < WINDOW_CEILING ? limits->limit : WINDOW_CEILING;
	struct window_view view = {0};
	uint64_t now_ms = 0;
	bool is_admitted;

	if (tracker_is_rate(resource)) {
		if (is_bucket(limits))
			return check_bucket(rate_of(tracker, resource), limits, amount, verdict);
		now_ms = clock_window_ms(limits->period_ms);
		if (is_sliding(limits))
			sliding_read(rate_of(tracker, resource), limits->period_ms, now_ms, &view);
		else
			window_read(rate_of(tracker, resource), limits->period_ms, now_ms, &view);
	} else {
		view.used = level_read(level_of(tracker, resource));
	}
	is_admitted = view.used <= ceiling && amount <= ceiling - view.used;
	if (verdict != NULL) {
		tracker_judge(verdict, limits, view.used, 0);
		if (!is_admitted && is_sliding(limits))
			advise_sliding(verdict, limits, &view);
		else if (!is_admitted)
			tracker_advise(verdict, limits, view.start_ms, now_ms);
	}
	if (is_admitted)
		return SHMQ_OK;
	return ceiling < limits->limit ? -EOVERFLOW : SHMQ_DENIED;
}

static double percentage(uint64_t used, uint64_t limit)
{
	if (limit == SHMQ_UNLIMITED)
		return 0;
	if (limit == 0)
		return used == 0 ? 0 : 100;
	return 100.0 * (double)used / (double)limit;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void read_rate(const struct shmq_shm_rate *rate, const struct tracker_limits *limits, bool is_image,
                      struct shmq_resource_status *out)
{
	uint64_t now_ms = is_image ? 0 : clock_window_ms(limits->period_ms);
	struct window_view view, estimate;

	/* Relaxed loads are of figures for people. */
	out->total = shm_load_relaxed(&rate->total);
	if (is_bucket(limits)) {
		struct bucket_rate flow = tracker_bucket_rate(limits);
		struct bucket_view held;

		bucket_read(&rate->tat, bucket_clock_of(&flow), &held);
		out->used = bucket_used(&flow, held.ahead_ns);
		out->window_end_ns = held.now_ns + held.ahead_ns;
		out->peak = larger(shm_load_relaxed(&rate->peak), out->used);
		return;
	}
	window_read(rate, limits->period_ms, now_ms, &view);
	out->used = view.used;
	if (is_sliding(limits)) {
		sliding_read(rate, limits->period_ms, now_ms, &estimate);
		out->used = estimate.used;
	}
	out->window_end_ns = (view.start_ms + limits->period_ms) * NS_PER_MS;
	out->peak = larger(shm_load_relaxed(&rate->peak), view.peak);
}

void tracker_read(const struct shmq_shm_tracker *tracker, int resource, const struct tracker_limits *limits,
                  bool is_image, struct shmq_resource_status *out)
{
	/* Relaxed loads are of figures for people. */
	*out = (struct shmq_resource_status){
	    .limit = limits->capacity,
	    .denied = shm_load_relaxed(&tracker->denied[resource]),
	    .would_deny = shm_load_relaxed(&tracker->would_deny[resource]),
	};
	if (tracker_is_rate(resource)) {
		read_rate(rate_of(tracker, resource), limits, is_image, out);
	} else {
		const struct shmq_shm_level *level = level_of(tracker, resource);
		uint64_t birth = shm_load_relaxed(&tracker->birth[resource == SHMQ_STORAGE ? 0 : 1]);

		out->used = level_read(level);
		out->total = level_difference(shm_load_relaxed(&level->in), birth);
		out->peak = larger(shm_load_relaxed(&level->peak), out->used);
	}
	out->percentage = percentage(out->used, out->limit);
	out->available = out->limit == SHMQ_UNLIMITED ? SHMQ_UNLIMITED
	                 : out->used < out->limit     ? out->limit - out->used
	                                              : 0;
}

static void forget_side_figures(const struct shmq_segment *segment, uint32_t component)
{
	struct shmq_shm_tracker *tracker = &segment->trackers[component];

	/* Relaxed: figures for people. */
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		/* So that with what slots still count it is 0: they are others' to write. */
		shm_store_relaxed(&tracker->denied[resource], 0 - tally_sum(segment, component, resource));
		shm_store_relaxed(&tracker->would_deny[resource], 0);
		shm_store_relaxed(&tracker->reported[resource], 0);
	}
	shm_store_relaxed(&tracker->over_released, 0);
	shm_store_relaxed(&tracker->forbidden, 0);
	shm_store_relaxed(&tracker->forbidden_reported, 0);
}

void tracker_realign(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (tracker_is_rate(resource))
			window_realign(tracker_rate(&segment->trackers[component], resource),
			               tracker_limits(quota, resource).period_ms);
}

void tracker_reset(const struct shmq_segment *segment, uint32_t component)
{
	struct shmq_shm_tracker *tracker = &segment->trackers[component];

	for (int i = 0; i < LAYOUT_RATES; i++) {
		struct bucket bucket = tracker_bucket(&tracker->rate[i]);

		window_reset(&tracker->rate[i]);
		bucket_reset(&bucket, clock_read_coarse_ns);
	}
	for (uint32_t i = 0; i < LAYOUT_LEVELS; i++)
		level_forget(&tracker->level[i]);
	forget_side_figures(segment, component);
}

void tracker_restart(const struct shmq_segment *segment, uint32_t component)
{
	struct shmq_shm_tracker *tracker = &segment->trackers[component];

	for (int i = 0; i < LAYOUT_RATES; i++) {
		window_restart_on(&tracker->rate[i]);
		bucket_restart(&tracker->rate[i].tat);
	}
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		shm_store32_relaxed(&tracker->threshold[i], 0); /* relaxed: as the windows */
	for (uint32_t i = 0; i < LAYOUT_LEVELS; i++) {
		/* All of it: what is held was held of the component before, and is not returned to this one. */
		level_reset(&(struct level_place){segment, component, i});
		/* relaxed: the entry's commit releases it */
		shm_store_relaxed(&tracker->birth[i], shm_load_relaxed(&tracker->level[i].in) & LEVEL_AMOUNT_MASK);
	}
	forget_side_figures(segment, component);
}
