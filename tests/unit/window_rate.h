/* SPDX-License-Identifier: MIT */
/*
 * A rate with windows of one second, and a clock of the test's own: every reading is an argument.
 */
#ifndef TESTS_UNIT_WINDOW_RATE_H
#define TESTS_UNIT_WINDOW_RATE_H

#include "core/window.h"

#include "../support/fixture.h"

#define PERIOD 1000
#define START (UINT64_C(7) * PERIOD)

static struct shmq_shm_rate rate;
static struct window_view view;

static inline bool take(uint64_t amount, uint64_t limit, uint64_t now_ms)
{
	return window_take(&rate, amount, limit, PERIOD, now_ms, &view);
}

static inline uint64_t used_at(uint64_t now_ms)
{
	struct window_view seen;

	window_read(&rate, PERIOD, now_ms, &seen);
	return seen.used;
}

/* The whole limit in this window, and not one more. */
static inline void expect_exactly(uint64_t limit, uint64_t now_ms)
{
	for (uint64_t i = 0; i < limit; i++)
		cr_assert(take(1, limit, now_ms), "refused at %" PRIu64 " of %" PRIu64, i, limit);
	cr_assert(!take(1, limit, now_ms), "one more than %" PRIu64 " was admitted", limit);
	expect_figure(used_at(now_ms), limit);
}

static inline uint64_t current_seq(void)
{
	return shm_load_relaxed(&rate.current) & WINDOW_SEQ_MASK;
}

/* A rate in the middle of its life. */
static inline void begin_at(uint64_t seq, uint64_t total)
{
	shm_store_relaxed(&rate.total, total);
	shm_store_relaxed(&rate.current, START << WINDOW_SEQ_BITS | seq);
	for (uint64_t i = 0; i < LAYOUT_BASES; i++)
		shm_store_relaxed(&rate.base[(seq - i) % LAYOUT_BASES],
		                  (seq - i) << WINDOW_TOTAL_BITS | (total & WINDOW_TOTAL_MASK));
}

#endif
