/* SPDX-License-Identifier: MIT */
/*
 * A rate with sliding windows, and a clock of the test's own. All that is taken is noted by the instants that sliding.c
 * gives to it, so that every interval can be added up.
 */
#ifndef TESTS_UNIT_SLIDING_RATE_H
#define TESTS_UNIT_SLIDING_RATE_H

#include "core/sliding.h"

#include "../support/fixture.h"
#include "intervals.h"

#define PERIOD 100
#define LIMIT 50
#define START (UINT64_C(7000) * PERIOD)

static struct shmq_shm_rate rate;
static struct window_view view;
static struct intervals taken;
static uint64_t clock_now;
static size_t last_id;

static inline uint64_t read_clock(uint64_t period_ms)
{
	(void)period_ms;
	return clock_now;
}

/* The clock shows whole milliseconds: two events `length` apart by it may be almost one less apart. */
static inline uint64_t bound(uint64_t length)
{
	return (LIMIT * (PERIOD + (length > 0 ? length - 1 : 0))) / PERIOD;
}

static inline uint64_t instant_of(const struct window_view *judged, uint64_t now_ms)
{
	return judged->start_ms > now_ms ? judged->start_ms : now_ms;
}

static inline bool take_as(uint64_t amount, uint64_t now_ms)
{
	if (!sliding_take(&rate, amount, LIMIT, PERIOD, now_ms, read_clock, &view))
		return false;
	last_id = intervals_note(&taken, instant_of(&view, view.now_ms), amount);
	return true;
}

static inline bool take(uint64_t amount, uint64_t now_ms)
{
	clock_now = now_ms;
	return take_as(amount, now_ms);
}

static inline uint64_t fill(uint64_t now_ms)
{
	uint64_t sum = 0;

	while (take(1, now_ms))
		sum++;
	return sum;
}

static inline void begin_anew(void)
{
	window_restart(&rate);
	intervals_begin(&taken);
}

#endif
