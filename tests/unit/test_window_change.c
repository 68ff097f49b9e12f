/* SPDX-License-Identifier: MIT */
/*
 * Windows one after the other, with a clock of the test's own: what any interval holds at most, and what becomes of
 * windows when periods pass idle, or when their length or their limit changes.
 */
#include "intervals.h"

#include <stdlib.h>

#include "../support/prng.h"
#include "window_rate.h"

TestSuite(window_change, .timeout = 60);

/* ---- The bound ---- */

#define BOUND_LIMIT 20

/* As many windows as an interval can touch: two for anything up to a period. */
static uint64_t bound(uint64_t length)
{
	return BOUND_LIMIT * (1 + (length + PERIOD - 1) / PERIOD);
}

static void fill(struct intervals *taken, uint64_t now_ms)
{
	while (take(1, BOUND_LIMIT, now_ms))
		intervals_note(taken, now_ms, 1);
}

Test(window_change, admits_twice_its_limit_around_a_boundary_within_a_moment)
{
	static struct intervals taken;

	fill(&taken, START + PERIOD - 1);
	fill(&taken, START + PERIOD);
	expect_figure(intervals_most(&taken, 1), 2 * BOUND_LIMIT);
	expect_no_excess(&taken, bound);
}

Test(window_change, never_passes_its_bound_with_bursts_at_any_offset)
{
	static struct intervals taken;

	for (uint64_t offset = 0; offset < PERIOD; offset += 37) {
		for (uint64_t pause = 1; pause < 3 * PERIOD; pause += 113) {
			window_restart(&rate);
			intervals_begin(&taken);
			for (uint64_t i = 0; i < 20; i++)
				fill(&taken, START + offset + i * pause);
			expect_no_excess(&taken, bound);
		}
	}
}

/* ---- A period that changes ---- */

Test(window_change, that_becomes_shorter_ends_by_the_new_period)
{
	cr_assert(window_take(&rate, 5, 5, 60000, 60000, &view));
	cr_assert(!window_take(&rate, 1, 5, 1000, 60999, &view));
	cr_assert(window_take(&rate, 1, 5, 1000, 61000, &view));
	expect_figure(view.start_ms, 61000);
}

Test(window_change, that_becomes_longer_keeps_what_was_used_in_it)
{
	cr_assert(window_take(&rate, 5, 5, 1000, 65000, &view));
	cr_assert(!window_take(&rate, 1, 5, 60000, 66000, &view));
	cr_assert(!window_take(&rate, 1, 5, 60000, 124999, &view));
	cr_assert(window_take(&rate, 1, 5, 60000, 125000, &view));
	expect_figure(view.start_ms, 120000);
}

Test(window_change, that_is_realigned_keeps_its_use_and_ends_at_a_boundary)
{
	cr_assert(window_take(&rate, 5, 5, 1000, 65000, &view));
	window_realign(&rate, 60000);
	cr_assert(!window_take(&rate, 1, 5, 60000, 119999, &view));
	expect_figure(view.start_ms, 60000);
	expect_figure(view.used, 5);
	cr_assert(window_take(&rate, 1, 5, 60000, 120000, &view));
	window_realign(&rate, 60000);
	expect_figure(window_start_ms(shm_load_relaxed(&rate.current)), 120000);
}

Test(window_change, never_moves_its_start_backwards_whatever_period_comes)
{
	struct prng prng = prng_seed(1, 1);
	uint64_t now_ms = START, last_ms = 0;

	for (int i = 0; i < 100000; i++) {
		uint64_t period_ms = 10 + prng_below(&prng, 5000);

		now_ms += prng_below(&prng, 300);
		window_take(&rate, 1, 5, period_ms, now_ms - prng_below(&prng, 100), &view);
		cr_assert_geq(view.start_ms, last_ms);
		last_ms = view.start_ms;
	}
}

/* ---- Idle periods ---- */

Test(window_change, is_numbered_further_on_after_an_idle_period)
{
	uint64_t seq;

	cr_assert(take(1, 5, START));
	seq = current_seq();
	cr_assert(take(1, 5, START + PERIOD));
	expect_figure(current_seq(), seq + WINDOW_NEXT);
	cr_assert(take(1, 5, START + 3 * PERIOD));
	expect_figure(current_seq(), seq + WINDOW_NEXT + WINDOW_AFTER_IDLE);
	cr_assert(take(1, 5, START + 1000 * PERIOD));
	expect_figure(current_seq(), seq + WINDOW_NEXT + 2 * WINDOW_AFTER_IDLE);
}

Test(window_change, admits_its_limit_whichever_periods_were_idle)
{
	/* Words that are passed over keep their tags, until a new window seems to have been captured long ago. */
	uint64_t now_ms = START;

	for (; now_ms < START + LAYOUT_BASES * PERIOD; now_ms += PERIOD)
		cr_assert(take(5, 5, now_ms));
	for (uint64_t i = 0; i < 70000; i++) {
		struct shmq_shm_rate kept;

		now_ms += (2 + i % 4) * PERIOD;
		cr_assert(take(5, 5, now_ms));
		kept = rate;
		cr_assert(take(5, 5, now_ms + PERIOD), "refused after %" PRIu64 " idle periods", i);
		expect_figure(view.used, 0);
		rate = kept;
	}
}

Test(window_change, before_an_idle_time_counts_for_the_peak)
{
	cr_assert(take(4, 5, START));
	cr_assert(take(1, 5, START + 77 * PERIOD));
	expect_figure(shm_load_relaxed(&rate.peak), 4);
}

Test(window_change, before_a_reset_does_not_count_for_the_peak)
{
	cr_assert(take(4, 5, START));
	window_reset(&rate);
	cr_assert(take(1, 5, START));
	cr_assert(take(1, 5, START + 9 * PERIOD));
	expect_figure(shm_load_relaxed(&rate.peak), 1);
}

/* ---- A limit that changes ---- */

Test(window_change, that_is_rescaled_holds_the_same_part_of_the_new_limit)
{
	cr_assert(take(5, 10, START));
	window_rescale(&rate, 0, 10, 100);
	expect_figure(used_at(START), 50);
	cr_assert(take(50, 100, START));
	cr_assert(!take(1, 100, START));
	window_rescale(&rate, 0, 100, 7);
	expect_figure(used_at(START), 7);
	cr_assert(!take(1, 7, START));
	cr_assert(take(7, 7, START + PERIOD));
	expect_figure(shm_load_relaxed(&rate.total), 5 + 50 + 7);
}

Test(window_change, that_is_rescaled_rounds_up_and_takes_no_more_refunds)
{
	cr_assert(take(1, 3, START));
	window_rescale(&rate, 0, 3, 10);
	expect_figure(used_at(START), 4);
	window_refund(&rate, view.seq, 1);
	expect_figure(used_at(START), 4);
	window_rescale(&rate, 0, 10, 0);
	expect_figure(used_at(START), 0);
}

Test(window_change, that_is_rescaled_keeps_its_peak)
{
	cr_assert(take(9, 10, START));
	window_rescale(&rate, 0, 10, 1);
	cr_assert(take(1, 10, START + PERIOD));
	expect_figure(shm_load_relaxed(&rate.peak), 9);
}

Test(window_change, that_nobody_was_in_is_empty_when_rescaled)
{
	window_roll(&rate, 0, PERIOD, START);
	window_rescale(&rate, 0, 10, 100);
	expect_figure(used_at(START), 0);
	expect_exactly(5, START);
}

Test(window_change, whose_rescaler_died_in_the_middle_goes_on)
{
	/* A baseline was prepared for a window that never came, in the word of the next one. */
	for (uint64_t next = WINDOW_NEXT; next <= WINDOW_AFTER_RESET; next += LAYOUT_BASES) {
		uint64_t seq;

		begin_at(70, 50);
		cr_assert(take(1, 5, START));
		seq = current_seq() + WINDOW_AFTER_RESCALE;
		shm_store_relaxed(&rate.base[seq % LAYOUT_BASES], seq << WINDOW_TOTAL_BITS | 40);
		if (next == WINDOW_AFTER_RESET)
			window_reset(&rate);
		expect_exactly(5, START + (next == WINDOW_AFTER_RESET ? 0 : next) * PERIOD);
	}
}
