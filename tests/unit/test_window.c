/* SPDX-License-Identifier: MIT */
/*
 * Windows with a clock of the test's own: every reading is an argument, so boundaries are met exactly and years pass in
 * no time. What happens between two accesses of one operation is in test_interleaving.c.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/prng.h"
#include "window_rate.h"

TestSuite(window, .timeout = 60);

/* ---- Limits ---- */

Test(window, of_a_new_rate_admits_exactly_its_limit)
{
	expect_exactly(10, START);
}

Test(window, admits_an_amount_that_just_fits_and_refuses_one_more)
{
	cr_assert(take(7, 10, START));
	cr_assert(!take(4, 10, START));
	expect_figure(view.used, 7);
	cr_assert(take(3, 10, START));
	expect_figure(view.used, 7);
}

Test(window, of_limit_zero_admits_nothing_but_nothing)
{
	cr_assert(!take(1, 0, START));
	cr_assert(take(0, 0, START));
	expect_figure(shm_load_relaxed(&rate.total), 0);
}

Test(window, refuses_amounts_that_would_overflow_the_sum)
{
	cr_assert(take(5, 10, START));
	cr_assert(!take(UINT64_MAX, 10, START));
	cr_assert(!take(UINT64_MAX - 4, 10, START));
	expect_figure(used_at(START), 5);
}

Test(window, refuses_when_less_is_allowed_than_was_used_already)
{
	cr_assert(take(10, 10, START));
	cr_assert(!take(0, 5, START));
	cr_assert(take(1, 11, START));
}

Test(window, counts_up_to_its_ceiling_and_no_further)
{
	cr_assert(take(WINDOW_CEILING - 1, WINDOW_CEILING, START));
	cr_assert(!take(2, WINDOW_CEILING, START));
	cr_assert(take(1, WINDOW_CEILING, START));
	cr_assert(!take(1, WINDOW_CEILING, START));
	expect_figure(used_at(START), WINDOW_CEILING);
}

Test(window, that_is_full_to_the_ceiling_leaves_an_empty_one_behind_it)
{
	for (uint64_t i = 0; i < 20; i++) {
		cr_assert(take(WINDOW_CEILING, WINDOW_CEILING, START + i * PERIOD));
		expect_figure(view.used, 0);
	}
	expect_figure(shm_load_relaxed(&rate.total), 20 * WINDOW_CEILING);
}

/* ---- The clock ---- */

Test(window, ends_exactly_one_period_after_it_began)
{
	expect_exactly(3, START);
	cr_assert(!take(1, 3, START + PERIOD - 1));
	cr_assert(take(1, 3, START + PERIOD));
	expect_figure(view.used, 0);
}

Test(window, stays_open_while_the_clock_stands_still)
{
	expect_exactly(5, START);
	for (int i = 0; i < 1000; i++)
		cr_assert(!take(1, 5, START));
	expect_figure(shm_load_relaxed(&rate.total), 5);
}

Test(window, stays_open_when_the_clock_runs_backwards)
{
	uint64_t seq;

	cr_assert(take(5, 5, START));
	seq = current_seq();
	cr_assert(!take(1, 5, START - 1));
	cr_assert(!take(1, 5, START - 5 * PERIOD));
	cr_assert(!take(1, 5, 0));
	expect_figure(current_seq(), seq);
	cr_assert(take(1, 5, START + PERIOD));
}

Test(window, is_one_window_later_however_many_periods_the_clock_jumps)
{
	cr_assert(take(5, 5, START));
	cr_assert(take(1, 5, START + 1000000 * PERIOD));
	expect_figure(view.used, 0);
	expect_figure(view.start_ms, START + 1000000 * PERIOD);
	expect_exactly(5, START + 2000000 * PERIOD);
}

Test(window, begins_at_a_multiple_of_its_period)
{
	cr_assert(take(1, 5, START + 777));
	expect_figure(view.start_ms, START);
	cr_assert(take(1, 5, START + 7 * PERIOD + 999));
	expect_figure(view.start_ms, START + 7 * PERIOD);
}

Test(window, of_the_longest_period_holds_to_its_last_millisecond)
{
	uint64_t period_ms = SHMQ_PERIOD_MAX_NS / 1000000;
	uint64_t start_ms = 3 * period_ms;

	cr_assert(window_take(&rate, 5, 5, period_ms, start_ms + 1, &view));
	cr_assert(!window_take(&rate, 1, 5, period_ms, start_ms + period_ms - 1, &view));
	cr_assert(window_take(&rate, 1, 5, period_ms, start_ms + period_ms, &view));
}

Test(window, starts_fit_their_bits_for_thirty_years_of_uptime)
{
	uint64_t now_ms = UINT64_C(30) * 365 * 86400 * 1000;

	expect_exactly(3, now_ms);
	expect_figure(view.start_ms, now_ms);
	cr_assert(take(1, 3, now_ms + PERIOD));
}

/* ---- Wrapping ---- */

Test(window, numbers_wrap_at_24_bits_unnoticed)
{
	begin_at(WINDOW_SEQ_MASK - 6, 123);
	for (uint64_t i = 1; i <= 12; i++)
		expect_exactly(4, START + i * PERIOD);
	expect_figure(current_seq(), 5);
	expect_figure(shm_load_relaxed(&rate.total), 123 + 12 * 4);
}

Test(window, tags_wrap_at_16_bits_unnoticed)
{
	begin_at(UINT64_C(0xfffa), 0);
	for (uint64_t i = 1; i <= 12; i++)
		expect_exactly(4, START + i * PERIOD);
	expect_figure(current_seq(), 0x10006);
}

Test(window, totals_wrap_at_48_bits_unnoticed)
{
	begin_at(9, WINDOW_TOTAL_MASK - 5);
	for (uint64_t i = 1; i <= 12; i++)
		expect_exactly(4, START + i * PERIOD);
	expect_figure(shm_load_relaxed(&rate.total), WINDOW_TOTAL_MASK - 5 + 12 * 4);
}

Test(window, totals_wrap_within_one_window_unnoticed)
{
	begin_at(9, WINDOW_TOTAL_MASK - 1);
	expect_exactly(7, START + PERIOD);
	begin_at(9, UINT64_MAX - 1);
	expect_exactly(7, START + PERIOD);
}

Test(window, admits_its_limit_in_each_of_a_hundred_thousand_windows)
{
	uint64_t total = 0;

	for (uint64_t i = 0; i < 100000; i++) {
		cr_assert(take(3, 5, START + i * PERIOD));
		cr_assert(take(2, 5, START + i * PERIOD));
		cr_assert(!take(1, 5, START + i * PERIOD));
		total += 5;
	}
	expect_figure(shm_load_relaxed(&rate.total), total);
}

/* ---- Reset and restart ---- */

Test(window, that_was_reset_is_empty_and_ends_when_it_would_have)
{
	cr_assert(take(5, 5, START + 300));
	window_reset(&rate);
	expect_figure(used_at(START + 300), 0);
	cr_assert(take(5, 5, START + 999));
	expect_figure(view.start_ms, START);
	cr_assert(!take(1, 5, START + 999));
	cr_assert(take(1, 5, START + PERIOD));
}

Test(window, that_was_reset_forgets_its_figures_but_not_the_total)
{
	shm_store_relaxed(&rate.peak, 77);
	cr_assert(take(5, 5, START));
	window_reset(&rate);
	expect_figure(shm_load_relaxed(&rate.peak), 0);
	expect_figure(shm_load_relaxed(&rate.total), 5);
}

Test(window, is_not_closed_by_many_resets_without_use)
{
	/* The tags of baselines that nobody captured fell behind until they looked newer than the window. */
	cr_assert(take(5, 5, START));
	for (uint64_t resets = 0; resets < 70000; resets++) {
		window_reset(&rate);
		if (resets % 1024 == 0 || (resets > 32700 && resets < 32800)) {
			struct shmq_shm_rate before = rate;

			expect_exactly(5, START);
			rate = before;
		}
	}
	expect_exactly(5, START + PERIOD);
}

Test(window, of_a_restarted_rate_is_new)
{
	for (uint64_t i = 0; i < 9; i++)
		cr_assert(take(5, 5, START + i * PERIOD));
	window_restart(&rate);
	expect_figure(shm_load_relaxed(&rate.total), 0);
	expect_figure(used_at(START), 0);
	expect_exactly(5, START);
}

/* ---- Refunds ---- */

Test(window, takes_a_refund_back_as_if_it_had_not_been_taken)
{
	cr_assert(take(4, 10, START));
	cr_assert(take(6, 10, START));
	window_refund(&rate, view.seq, 6);
	expect_figure(used_at(START), 4);
	cr_assert(take(6, 10, START));
	cr_assert(!take(1, 10, START));
}

Test(window, drops_a_refund_of_an_earlier_window)
{
	struct shmq_shm_rate before;
	uint32_t seq;

	cr_assert(take(10, 10, START));
	seq = view.seq;
	cr_assert(take(10, 10, START + PERIOD));
	before = rate;
	window_refund(&rate, seq, 10);
	/* Nor is the earlier window's baseline raised: somebody slow may still judge by it. */
	cr_assert_eq(memcmp(&before, &rate, sizeof(rate)), 0);
	cr_assert(!take(1, 10, START + PERIOD));
	expect_figure(used_at(START + PERIOD), 10);
}

Test(window, drops_a_refund_of_a_window_that_shares_its_baseline_word)
{
	uint32_t seq;

	cr_assert(take(10, 10, START));
	seq = view.seq;
	for (uint64_t i = 1; i <= LAYOUT_BASES; i++)
		cr_assert(take(10, 10, START + i * PERIOD));
	window_refund(&rate, seq, 10);
	cr_assert(!take(1, 10, START + LAYOUT_BASES * PERIOD));
}

Test(window, drops_a_refund_of_a_window_whose_tag_is_the_same_again)
{
	begin_at(5, 100);
	cr_assert(take(10, 10, START));
	begin_at(5 + (UINT64_C(1) << 16), 200);
	cr_assert(take(10, 10, START));
	window_refund(&rate, 5, 10);
	cr_assert(!take(1, 10, START));
}

Test(window, drops_a_refund_from_before_a_reset)
{
	uint32_t seq;

	cr_assert(take(10, 10, START));
	seq = view.seq;
	window_reset(&rate);
	cr_assert(take(10, 10, START));
	window_refund(&rate, seq, 10);
	cr_assert(!take(1, 10, START));
}

Test(window, holds_a_baseline_that_refunds_never_raise_above_the_total)
{
	uint64_t seqs[8];

	begin_at(70, WINDOW_TOTAL_MASK - 20);
	for (uint64_t i = 0; i < 8; i++) {
		cr_assert(take(5, 40, START));
		seqs[i] = view.seq;
	}
	for (uint64_t i = 0; i < 8; i++) {
		window_refund(&rate, (uint32_t)seqs[i], 5);
		expect_figure(used_at(START), 40 - 5 * (i + 1));
	}
	expect_exactly(40, START);
}

/* ---- Capturing and rolling by hand ---- */

Test(window, is_not_captured_once_it_was_closed)
{
	uint64_t current, base, total;

	begin_at(6, 50);
	cr_assert(take(1, 10, START)); /* captured 6 */
	current = window_roll(&rate, shm_load_relaxed(&rate.current), PERIOD, START + PERIOD);
	base = shm_load_relaxed(window_base(&rate, current));
	cr_assert(take(10, 10, START + 2 * PERIOD)); /* somebody rolls on and fills the next window */
	total = shm_load_relaxed(&rate.total);
	window_capture(&rate, current, base, total);
	expect_figure(shm_load_relaxed(window_base(&rate, current)), base);
	cr_assert(!take(1, 10, START + 2 * PERIOD));
}

Test(window, is_captured_once_only)
{
	uint64_t current = window_roll(&rate, 0, PERIOD, START);

	window_capture(&rate, current, 0, 40);
	window_capture(&rate, current, 0, 50);
	expect_figure(shm_load_relaxed(window_base(&rate, current)), current << WINDOW_TOTAL_BITS | 40);
}

Test(window, is_rolled_once_however_many_notice_the_end)
{
	uint64_t old, first;

	begin_at(6, 0);
	old = shm_load_relaxed(&rate.current);
	first = window_roll(&rate, old, PERIOD, START + PERIOD);
	expect_figure(window_roll(&rate, old, PERIOD, START + PERIOD), first);
	expect_figure(window_roll(&rate, old, PERIOD, START + 2 * PERIOD - 1), first);
	expect_figure(current_seq(), 7);
}

Test(window, is_rolled_on_by_who_finds_that_somebody_slow_was_first)
{
	uint64_t old, last;

	begin_at(6, 0);
	old = shm_load_relaxed(&rate.current);
	window_roll(&rate, old, PERIOD, START + PERIOD);
	/* Otherwise three limits would pass within a period: judged by a window that is over, then by the next. */
	last = window_roll(&rate, old, PERIOD, START + 2 * PERIOD);
	expect_figure(window_start_ms(last), START + 2 * PERIOD);
	expect_figure(shm_load_relaxed(&rate.current), last);
	expect_figure(current_seq(), 8);
}

Test(window, whose_roller_died_before_the_capture_is_captured_by_the_next)
{
	cr_assert(take(10, 10, START));
	window_roll(&rate, shm_load_relaxed(&rate.current), PERIOD, START + PERIOD);
	expect_figure(used_at(START + PERIOD), 0);
	expect_exactly(10, START + PERIOD);
}

Test(window, whose_rollers_all_died_for_ten_windows_admits_exactly_its_limit)
{
	cr_assert(take(10, 10, START));
	for (uint64_t i = 1; i <= 10; i++)
		window_roll(&rate, shm_load_relaxed(&rate.current), PERIOD, START + i * PERIOD);
	expect_exactly(10, START + 10 * PERIOD);
}

Test(window, knows_its_baseline_by_the_tag)
{
	cr_assert(window_has_base(5, UINT64_C(5) << WINDOW_TOTAL_BITS | 77));
	cr_assert(!window_has_base(5, UINT64_C(4) << WINDOW_TOTAL_BITS));
	cr_assert(!window_has_base(5, UINT64_C(6) << WINDOW_TOTAL_BITS));
	cr_assert(window_has_base(UINT64_C(0x1fffe), UINT64_C(0xfffe) << WINDOW_TOTAL_BITS));
	cr_assert(window_has_base(START << WINDOW_SEQ_BITS | 5, UINT64_C(5) << WINDOW_TOTAL_BITS));
}

/* ---- Looking ---- */

Test(window, that_is_looked_at_says_what_a_take_would_find)
{
	struct prng prng = prng_seed(2, 2);
	uint64_t now_ms = START;

	for (int i = 0; i < 200000; i++) {
		struct window_view seen;
		uint64_t amount = prng_below(&prng, 4);
		bool is_taken;

		now_ms += prng_below(&prng, 200);
		if (prng_below(&prng, 50) == 0)
			window_reset(&rate);
		window_read(&rate, PERIOD, now_ms, &seen);
		is_taken = take(amount, 10, now_ms);
		expect_figure(seen.used, view.used);
		expect_figure(seen.start_ms, view.start_ms);
		cr_assert_eq(is_taken, seen.used + amount <= 10);
		if (is_taken && prng_below(&prng, 3) == 0)
			window_refund(&rate, view.seq, amount);
	}
}

Test(window, that_ended_is_seen_empty_and_at_its_aligned_start)
{
	struct window_view seen;

	cr_assert(take(5, 5, START));
	window_read(&rate, PERIOD, START + 3 * PERIOD + 12, &seen);
	expect_figure(seen.used, 0);
	expect_figure(seen.start_ms, START + 3 * PERIOD);
}

Test(window, can_be_looked_at_through_a_read_only_mapping)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct shmq_shm_rate *mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct window_view seen;

	cr_assert_neq(mapped, MAP_FAILED);
	cr_assert(window_take(mapped, 5, 5, PERIOD, START, &view));
	cr_assert_eq(mprotect(mapped, page, PROT_READ), 0);
	for (uint64_t i = 0; i < 10; i++) {
		window_read(mapped, PERIOD, START + i * PERIOD, &seen);
		expect_figure(seen.used, i == 0 ? 5 : 0);
	}
	munmap(mapped, page);
}

/* ---- Damage ---- */

static void fill_with_random_bytes(struct prng *prng)
{
	uint64_t words[sizeof(rate) / sizeof(uint64_t)] = {0};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		words[i] = prng_next(prng);
	memcpy(&rate, words, sizeof(rate));
}

Test(window, that_is_damaged_keeps_nobody)
{
	struct prng prng = prng_seed(3, 3);

	for (int i = 0; i < 2000; i++) {
		fill_with_random_bytes(&prng);
		take(prng_below(&prng, 100), prng_next(&prng) % (WINDOW_CEILING + 1), prng_next(&prng) >> 24);
		used_at(prng_next(&prng) >> 24);
		window_refund(&rate, (uint32_t)(prng_next(&prng) & WINDOW_SEQ_MASK), 5);
		window_reset(&rate);
	}
}

Test(window, that_is_damaged_refuses_rather_than_admits_when_it_finds_no_baseline)
{
	begin_at(6, 50);
	for (int i = 0; i < LAYOUT_BASES; i++)
		shm_store_relaxed(&rate.base[i], UINT64_C(16000) << WINDOW_TOTAL_BITS);
	if (!take(1, 10, START))
		expect_figure(shm_load_relaxed(&rate.total), 50);
}
