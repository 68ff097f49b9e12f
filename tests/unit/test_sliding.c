/* SPDX-License-Identifier: MIT */
/*
 * Sliding windows with a clock of the test's own, against what sliding.h states: the estimate, the bound, which every
 * interval of every schedule is added up for, and when a refused amount will fit. What happens between two accesses of
 * one operation is in test_sliding_races.c.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/prng.h"
#include "sliding_rate.h"

TestSuite(sliding, .timeout = 120);

static uint64_t used_at(uint64_t now_ms)
{
	struct window_view seen;

	sliding_read(&rate, PERIOD, now_ms, &seen);
	return seen.used;
}

/* ---- The estimate ---- */

Test(sliding, of_a_new_rate_admits_exactly_its_limit)
{
	expect_figure(fill(START), LIMIT);
	expect_figure(fill(START + PERIOD - 1), 0);
}

Test(sliding, admits_nothing_right_after_a_boundary_behind_a_full_window)
{
	fill(START + PERIOD - 1);
	expect_figure(fill(START + PERIOD), 0);
	expect_figure(fill(START + PERIOD + 1), 0);
	expect_figure(fill(START + PERIOD + 2), 1);
	expect_figure(fill(START + PERIOD + 50), 24);
	expect_figure(fill(START + PERIOD + 99), 24);
	expect_figure(fill(START + 2 * PERIOD), 1);
}

Test(sliding, admits_all_of_it_after_an_idle_period)
{
	fill(START + PERIOD - 1);
	expect_figure(fill(START + 2 * PERIOD), LIMIT);
	expect_figure(fill(START + 50 * PERIOD), LIMIT);
	expect_no_excess(&taken, bound);
}

Test(sliding, rounds_what_still_counts_up)
{
	cr_assert(take(1, START));
	cr_assert(!take(LIMIT, START + PERIOD + 99));
	expect_figure(view.used, 1);
	cr_assert(take(LIMIT - 1, START + PERIOD + 99));
}

Test(sliding, shows_what_it_weighs)
{
	cr_assert(take(30, START));
	cr_assert(take(5, START + PERIOD));
	cr_assert(!take(31, START + PERIOD + 50));
	expect_figure(view.former, 30);
	expect_figure(view.used, 5 + 15);
	expect_figure(sliding_own(&view, PERIOD), 5);
	expect_figure(used_at(START + PERIOD + 50), 20);
}

Test(sliding, of_limit_zero_admits_nothing_but_nothing)
{
	clock_now = START;
	cr_assert(!sliding_take(&rate, 1, 0, PERIOD, START, read_clock, &view));
	cr_assert(sliding_take(&rate, 0, 0, PERIOD, START, read_clock, &view));
	cr_assert(!sliding_take(&rate, UINT64_MAX, 5, PERIOD, START, read_clock, &view));
}

Test(sliding, counts_what_was_recorded_beyond_the_limit)
{
	clock_now = START;
	cr_assert(window_take(&rate, 10 * LIMIT, WINDOW_CEILING, PERIOD, START, &view));
	cr_assert(!take(0, START));
	cr_assert(!take(0, START + PERIOD + 89));
	cr_assert(take(0, START + PERIOD + 90));
	expect_figure(fill(START + PERIOD + 98), LIMIT - 10);
}

Test(sliding, of_the_largest_figures_does_not_overflow)
{
	uint64_t period_ms = SHMQ_PERIOD_MAX_NS / 1000000, start_ms = 3 * period_ms;

	clock_now = start_ms + period_ms;
	cr_assert(window_take(&rate, WINDOW_CEILING, WINDOW_CEILING, period_ms, start_ms, &view));
	cr_assert(!sliding_take(&rate, 1, SHMQ_AMOUNT_MAX, period_ms, clock_now, read_clock, &view));
	expect_figure(view.used, WINDOW_CEILING);
	clock_now = start_ms + 2 * period_ms - 1;
	cr_assert(sliding_take(&rate, 1, SHMQ_AMOUNT_MAX, period_ms, clock_now, read_clock, &view));
	expect_figure(view.used, WINDOW_CEILING / period_ms + 1);
}

/* The same arithmetic from a list of what was taken, window by window. */
static uint64_t estimate_of(uint64_t now_ms)
{
	uint64_t start = now_ms - now_ms % PERIOD, own = 0, former = 0;

	for (size_t i = 0; i < taken.count; i++) {
		if (taken.taken[i].instant >= start)
			own += taken.taken[i].amount;
		else if (taken.taken[i].instant >= start - PERIOD)
			former += taken.taken[i].amount;
	}
	return own + (former * (start + PERIOD - now_ms) + PERIOD - 1) / PERIOD;
}

Test(sliding, admits_exactly_what_the_estimate_allows)
{
	struct prng prng = prng_seed(11, 1);

	for (int round = 0; round < 60; round++) {
		uint64_t now_ms = START + prng_below(&prng, PERIOD);

		begin_anew();
		for (int i = 0; i < 400; i++) {
			uint64_t amount = prng_below(&prng, 1 + LIMIT / 4), estimate;

			now_ms += prng_below(&prng, 8) == 0 ? prng_below(&prng, 3 * PERIOD) : prng_below(&prng, 6);
			estimate = estimate_of(now_ms);
			expect_figure(used_at(now_ms), estimate);
			cr_assert_eq(take(amount, now_ms), estimate + amount <= LIMIT, "%" PRIu64 " beside %" PRIu64,
			             amount, estimate);
			expect_figure(view.used, estimate);
			if (prng_below(&prng, 4) == 0 && taken.count > 0 &&
			    taken.taken[taken.count - 1].instant == now_ms) {
				uint64_t back = prng_below(&prng, 1 + taken.taken[taken.count - 1].amount);

				sliding_refund(&rate, view.seq, back);
				intervals_strike(&taken, taken.taken[taken.count - 1].id, back);
			}
		}
		expect_no_excess(&taken, bound);
	}
}

/* ---- The bound ---- */

Test(sliding, reaches_its_bound_in_intervals_of_every_length)
{
	expect_figure(fill(START + PERIOD - 1), LIMIT);
	for (uint64_t i = 0; i < PERIOD; i++) {
		fill(START + PERIOD + i);
		expect_figure(intervals_most(&taken, i + 1), bound(i + 1));
	}
	expect_no_excess(&taken, bound);
}

Test(sliding, never_passes_its_bound_with_bursts_at_any_offset)
{
	/* A greedy burst, a pause, another one and so on: at each offset and for each pause. */
	for (uint64_t offset = 0; offset < PERIOD; offset += 3) {
		for (uint64_t pause = 1; pause < 3 * PERIOD; pause += 7) {
			begin_anew();
			for (uint64_t i = 0; i < 12; i++)
				fill(START + offset + i * pause);
			expect_no_excess(&taken, bound);
		}
	}
}

Test(sliding, never_passes_its_bound_with_greedy_bursts_at_random)
{
	struct prng prng = prng_seed(12, 1);

	for (int round = 0; round < 300; round++) {
		uint64_t now_ms = START;

		begin_anew();
		for (int i = 0; i < 40; i++) {
			uint64_t most = 1 + prng_below(&prng, LIMIT);

			now_ms += prng_below(&prng, 2) ? prng_below(&prng, 10) : prng_below(&prng, 2 * PERIOD);
			while (most-- > 0 && take(1, now_ms))
				;
		}
		expect_no_excess(&taken, bound);
	}
}

Test(sliding, of_one_unit_admits_it_at_most_once_per_period_and_a_bit)
{
	uint64_t last_ms = 0, count = 0;

	for (uint64_t now_ms = START; now_ms < START + 40 * PERIOD; now_ms++) {
		clock_now = now_ms;
		if (!sliding_take(&rate, 1, 1, PERIOD, now_ms, read_clock, &view))
			continue;
		cr_assert(count == 0 || now_ms - last_ms > PERIOD, "again after %" PRIu64, now_ms - last_ms);
		last_ms = now_ms;
		count++;
	}
	cr_assert_geq(count, 13);
}

/* ---- When it will fit ---- */

static void expect_exact_retry(uint64_t amount, uint64_t now_ms)
{
	struct shmq_shm_rate kept = rate;
	uint64_t wait_ms = sliding_retry_ms(&view, LIMIT, amount, PERIOD);

	cr_assert(wait_ms > 0 && wait_ms <= 2 * PERIOD, "%" PRIu64 " ms", wait_ms);
	clock_now = now_ms + wait_ms - 1;
	cr_assert(!sliding_take(&rate, amount, LIMIT, PERIOD, clock_now, read_clock, &view),
	          "%" PRIu64 " fitted before %" PRIu64 " ms", amount, wait_ms);
	rate = kept;
	clock_now = now_ms + wait_ms;
	cr_assert(sliding_take(&rate, amount, LIMIT, PERIOD, clock_now, read_clock, &view),
	          "%" PRIu64 " did not fit after %" PRIu64 " ms", amount, wait_ms);
	rate = kept;
}

Test(sliding, says_to_the_millisecond_when_a_refused_amount_will_fit)
{
	struct prng prng = prng_seed(13, 1);
	uint64_t now_ms = START, refusals = 0;

	for (int i = 0; i < 20000; i++) {
		uint64_t amount = 1 + prng_below(&prng, prng_below(&prng, 3) ? 5 : LIMIT);
		struct window_view seen;

		now_ms += prng_below(&prng, 20) == 0 ? prng_below(&prng, 2 * PERIOD) : prng_below(&prng, 8);
		intervals_begin(&taken);
		if (prng_below(&prng, 100) == 0)
			window_take(&rate, 3 * LIMIT, WINDOW_CEILING, PERIOD, now_ms, &view);
		sliding_read(&rate, PERIOD, now_ms, &seen);
		if (take(amount, now_ms)) {
			expect_figure(sliding_retry_ms(&seen, LIMIT, amount, PERIOD), 0);
			continue;
		}
		refusals++;
		expect_figure(sliding_retry_ms(&seen, LIMIT, amount, PERIOD),
		              sliding_retry_ms(&view, LIMIT, amount, PERIOD));
		expect_exact_retry(amount, now_ms);
	}
	cr_assert_gt(refusals, 1000);
}

Test(sliding, says_that_more_than_the_limit_will_never_fit)
{
	cr_assert(!take(LIMIT + 1, START));
	expect_figure(sliding_retry_ms(&view, LIMIT, LIMIT + 1, PERIOD), UINT64_MAX);
	expect_figure(sliding_retry_ms(&view, 0, 1, PERIOD), UINT64_MAX);
}

Test(sliding, says_that_all_of_it_will_fit_after_two_boundaries)
{
	cr_assert(take(1, START));
	cr_assert(!take(LIMIT, START + 10));
	expect_figure(sliding_retry_ms(&view, LIMIT, LIMIT, PERIOD), 2 * PERIOD - 10);
	expect_exact_retry(LIMIT, START + 10);
}

/* ---- Refunds ---- */

Test(sliding, takes_a_refund_back_as_if_it_had_not_been_taken)
{
	fill(START);
	for (int i = 0; i < 1000; i++) {
		cr_assert(take(20, START + PERIOD + 50), "refused after %d refunds", i);
		expect_figure(view.used, 25);
		sliding_refund(&rate, view.seq, 20);
	}
	cr_assert(take(25, START + PERIOD + 50));
	cr_assert(!take(1, START + PERIOD + 50));
	sliding_refund(&rate, view.seq, 25);
	expect_figure(used_at(START + 2 * PERIOD), 0);
}

Test(sliding, weighs_a_window_less_what_was_given_back)
{
	fill(START);
	sliding_refund(&rate, view.seq, 30);
	expect_figure(used_at(START + PERIOD + 50), 10);
	cr_assert(take(1, START + PERIOD + 50));
	expect_figure(view.former, 20);
}

Test(sliding, drops_a_refund_of_an_earlier_window)
{
	struct shmq_shm_rate before;
	uint32_t seq;

	fill(START);
	seq = view.seq;
	cr_assert(take(1, START + PERIOD + 50));
	before = rate;
	sliding_refund(&rate, seq, 30);
	cr_assert_eq(memcmp(&before, &rate, sizeof(rate)), 0);
}

Test(sliding, of_a_refunder_that_died_half_way_only_admits_less)
{
	fill(START);
	cr_assert(take(20, START + PERIOD + 50));
	window_refund(&rate, view.seq, 20); /* this window's baseline alone */
	cr_assert_geq(used_at(START + PERIOD + 50), 25);
	cr_assert_leq(used_at(START + PERIOD + 50), 25 + 20);
	expect_figure(fill(START + 3 * PERIOD), LIMIT);
}

/* ---- Changes ---- */

Test(sliding, goes_on_where_a_plain_window_was)
{
	cr_assert(window_take(&rate, 40, LIMIT, PERIOD, START, &view));
	expect_figure(used_at(START + PERIOD + 50), 20);
	expect_figure(fill(START + PERIOD + 50), 30);
	cr_assert(window_take(&rate, 20, LIMIT, PERIOD, START + PERIOD + 50, &view));
	expect_figure(view.used, 30);
}

Test(sliding, that_was_reset_weighs_nothing)
{
	fill(START);
	take(10, START + PERIOD + 60);
	window_reset(&rate);
	expect_figure(used_at(START + PERIOD + 60), 0);
	expect_figure(fill(START + PERIOD + 60), LIMIT);
}

Test(sliding, that_was_rescaled_holds_its_part_of_both_windows)
{
	fill(START);
	cr_assert(take(20, START + PERIOD + 50));
	clock_now = START + PERIOD + 50;
	sliding_read(&rate, PERIOD, clock_now, &view);
	expect_figure(view.used, 45);
	window_rescale(&rate, view.used - sliding_own(&view, PERIOD), LIMIT, 2 * LIMIT);
	expect_figure(used_at(clock_now), 90);
	cr_assert(sliding_take(&rate, 10, 2 * LIMIT, PERIOD, clock_now, read_clock, &view));
	cr_assert(!sliding_take(&rate, 1, 2 * LIMIT, PERIOD, clock_now, read_clock, &view));
}

Test(sliding, of_another_period_weighs_by_the_new_one)
{
	cr_assert(take(40, START));
	window_realign(&rate, 2 * PERIOD);
	clock_now = START + 3 * PERIOD;
	cr_assert(!sliding_take(&rate, LIMIT - 19, LIMIT, 2 * PERIOD, clock_now, read_clock, &view));
	expect_figure(view.used, 20);
	expect_figure(view.start_ms, START + 2 * PERIOD);
}

/* ---- Clocks ---- */

Test(sliding, looks_at_the_clock_again_before_it_refuses)
{
	fill(START);
	clock_now = START + PERIOD + 50;
	/* Stopped since the boundary: by that reading nothing fits. */
	cr_assert(sliding_take(&rate, 25, LIMIT, PERIOD, START + PERIOD, read_clock, &view));
	expect_figure(view.now_ms, START + PERIOD + 50);
}

Test(sliding, of_a_clock_behind_the_window_weighs_all_of_the_one_before)
{
	fill(START);
	take(1, START + PERIOD + 90);
	clock_now = START + 10;
	cr_assert(!take_as(1, START + 10));
	expect_figure(view.used, 1 + LIMIT);
}

/* ---- Looking, damage ---- */

Test(sliding, can_be_looked_at_through_a_read_only_mapping)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct shmq_shm_rate *mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct window_view seen;

	cr_assert_neq(mapped, MAP_FAILED);
	cr_assert(window_take(mapped, 40, LIMIT, PERIOD, START, &view));
	cr_assert_eq(mprotect(mapped, page, PROT_READ), 0);
	sliding_read(mapped, PERIOD, START + PERIOD + 50, &seen);
	expect_figure(seen.used, 20);
	sliding_read(mapped, PERIOD, START + 2 * PERIOD, &seen);
	expect_figure(seen.used, 0);
	munmap(mapped, page);
}

Test(sliding, that_is_damaged_keeps_nobody)
{
	struct prng prng = prng_seed(15, 1);

	for (int i = 0; i < 2000; i++) {
		uint64_t words[sizeof(rate) / sizeof(uint64_t)] = {0};

		for (size_t word = 0; word < sizeof(words) / sizeof(words[0]); word++)
			words[word] = prng_next(&prng);
		memcpy(&rate, words, sizeof(rate));
		clock_now = prng_next(&prng) >> 24;
		sliding_take(&rate, prng_below(&prng, 100), prng_next(&prng) % WINDOW_CEILING,
		             prng_below(&prng, 4) ? PERIOD : 0, clock_now, read_clock, &view);
		sliding_retry_ms(&view, LIMIT, 1, PERIOD);
		sliding_read(&rate, prng_below(&prng, 4) ? PERIOD : 0, clock_now, &view);
		sliding_retry_ms(&view, LIMIT, 1, PERIOD);
		sliding_refund(&rate, (uint32_t)(prng_next(&prng) & WINDOW_SEQ_MASK), 5);
		window_rescale(&rate, 5, prng_below(&prng, 3), prng_below(&prng, 1000));
	}
}
