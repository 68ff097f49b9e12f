/* SPDX-License-Identifier: MIT */
/*
 * Buckets with a clock of the test's own, against what bucket.h states: the bound, which every interval of every
 * schedule is added up for, and when a refused amount will fit. What happens between two accesses of one operation is
 * in test_bucket_races.c.
 */
#include "core/bucket.h"

#include "intervals.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/wide.h"
#include "core/window.h"

#include "../support/fixture.h"
#include "../support/prng.h"

#define SECOND NS_PER_S
#define DAY (UINT64_C(86400) * SECOND)
#define START (UINT64_C(12345) * SECOND)

static void begin(void);

TestSuite(bucket, .init = begin, .timeout = 120);

static struct shm_u64 tat, epoch;
static const struct bucket bucket = {&tat, &epoch};
static struct bucket_rate rate;
static struct bucket_view view;
static struct intervals taken;
static uint64_t clock_now;

static uint64_t read_clock(void)
{
	return clock_now;
}

/* burst + limit * length / period, rounded up to a whole unit; of very fast rates to what a nanosecond is worth. */
static uint64_t bound(uint64_t length)
{
	uint128 flows_in = (uint128)length * rate.limit;

	if (rate.limit > rate.period_ns)
		flows_in += rate.limit - 1;
	return rate.burst + (uint64_t)(flows_in / rate.period_ns + (flows_in % rate.period_ns != 0));
}

static bool take(uint64_t amount, uint64_t now_ns)
{
	clock_now = now_ns;
	if (!bucket_take(&bucket, &rate, amount, now_ns, read_clock, &view))
		return false;
	intervals_note(&taken, view.now_ns, amount);
	return true;
}

static uint64_t fill(uint64_t now_ns)
{
	uint64_t sum = 0;

	while (take(1, now_ns))
		sum++;
	return sum;
}

static void begin_at(uint64_t limit, uint64_t period_ns, uint64_t burst)
{
	rate = bucket_rate_of(limit, period_ns, burst);
	bucket_restart(&tat);
	intervals_begin(&taken);
}

/* Any rate of any length and size, with a depth that a policy may have. */
static void begin_at_random(struct prng *prng)
{
	do
		begin_at(1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 47)),
		         SECOND / 100 * (1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 32))),
		         1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 47)));
	while (rate.period_ns > 366 * DAY || (uint128)rate.burst * rate.period_ns / rate.limit >= BUCKET_DEPTH_MAX_NS);
}

static uint64_t used_at(uint64_t now_ns)
{
	struct bucket_view seen;

	clock_now = now_ns;
	bucket_read(&tat, read_clock, &seen);
	return bucket_used(&rate, seen.ahead_ns);
}

/* What a test begins with that says nothing else: 10 per second, burst 20. */
static void begin(void)
{
	begin_at(10, SECOND, 20);
}

/* ---- Figures ---- */

Test(bucket, that_is_idle_admits_its_burst_and_then_its_rate)
{
	expect_figure(fill(START), 20);
	expect_figure(fill(START + SECOND / 10 - 1), 0);
	expect_figure(fill(START + SECOND / 10), 1);
	expect_figure(fill(START + SECOND), 9);
	expect_figure(fill(START + 2 * SECOND), 10);
	expect_figure(fill(START + 100 * SECOND), 20);
	expect_no_excess(&taken, bound);
}

Test(bucket, admits_an_amount_that_just_fits_and_refuses_one_more)
{
	cr_assert(!take(21, START));
	cr_assert(take(20, START));
	cr_assert(!take(1, START));
	cr_assert(take(0, START));
}

Test(bucket, admits_its_burst_in_single_units_though_each_is_rounded_up)
{
	static const struct {
		uint64_t limit, period_ns, burst;
	} rates[] = {{3, SECOND, 3},         {3, SECOND, 1},          {7, SECOND, 100},  {999, SECOND, 3000},
	             {1, 3 * SECOND, 7},     {11, DAY, 13},           {6, 366 * DAY, 6}, {7, SECOND / 100, 3},
	             {1000003, SECOND, 900}, {1000 * 1000, SECOND, 1}};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		begin_at(rates[i].limit, rates[i].period_ns, rates[i].burst);
		for (uint64_t n = 0; n < rate.burst; n++) {
			expect_figure(used_at(START), n);
			cr_assert(take(1, START), "refused %" PRIu64 " of rate %zu", n, i);
		}
		expect_figure(used_at(START), rate.burst);
		cr_assert(!take(1, START), "one more of rate %zu", i);
		expect_no_excess(&taken, bound);
	}
}

Test(bucket, of_limit_zero_admits_nothing_but_nothing)
{
	begin_at(0, SECOND, 20);
	cr_assert(!take(1, START));
	cr_assert(take(0, START));
	expect_figure(bucket_retry_ns(&rate, &view, 1), UINT64_MAX);
	expect_figure(bucket_retry_ns(&rate, &view, 0), 0);
	expect_figure(used_at(START), 0);
	begin_at(10, SECOND, 0);
	cr_assert(!take(1, START));
	cr_assert(take(0, START));
	expect_figure(bucket_retry_ns(&rate, &view, 1), UINT64_MAX);
}

Test(bucket, without_a_limit_never_refuses)
{
	begin_at(SHMQ_UNLIMITED, SECOND, 1);
	for (int i = 0; i < 100; i++)
		cr_assert(take(SHMQ_AMOUNT_MAX, START));
	expect_figure(used_at(START), 0);
	bucket_refund(&bucket, &view, read_clock);
	expect_figure(bucket_retry_ns(&rate, &view, 5), 0);
}

Test(bucket, says_how_much_is_used_as_it_flows_in)
{
	cr_assert(take(15, START));
	expect_figure(view.ahead_ns, 0);
	expect_figure(used_at(START), 15);
	expect_figure(used_at(START + 1), 15);
	expect_figure(used_at(START + SECOND / 10), 14);
	expect_figure(used_at(START + SECOND), 5);
	expect_figure(used_at(START + 2 * SECOND), 0);
}

Test(bucket, has_as_much_room_as_is_not_used)
{
	struct prng prng = prng_seed(21, 1);

	for (int round = 0; round < 3000; round++) {
		uint64_t used, now_ns = START;

		begin_at_random(&prng);
		for (int i = 0; i < 3; i++) {
			cr_assert(take(prng_below(&prng, 1 + rate.burst - used_at(now_ns)), now_ns));
			now_ns += prng_below(&prng, rate.depth_ns / 2 + 1);
			used = used_at(now_ns);
			cr_assert(!take(rate.burst - used + 1, now_ns));
		}
		cr_assert(take(rate.burst - used_at(now_ns), now_ns));
		expect_no_excess(&taken, bound);
	}
}

Test(bucket, knows_how_long_it_takes_from_empty_to_full)
{
	expect_figure(bucket_period_ns(&rate), 2 * SECOND);
	begin_at(3, SECOND, 3);
	expect_figure(bucket_period_ns(&rate), SECOND);
	begin_at(3, SECOND, 1);
	expect_figure(bucket_period_ns(&rate), 333333334);
}

Test(bucket, goes_by_the_coarse_clock_from_100_ms_of_depth)
{
	begin_at(10, SECOND, 1);
	cr_assert(bucket_is_coarse(&rate));
	begin_at(1000, SECOND, 99);
	cr_assert(!bucket_is_coarse(&rate));
	begin_at(SHMQ_AMOUNT_MAX, 366 * DAY, SHMQ_AMOUNT_MAX);
	cr_assert(bucket_is_coarse(&rate));
	cr_assert_leq(clock_read_coarse_ns(), clock_read_precise_ns());
}

/* ---- The bound ---- */

Test(bucket, reaches_its_bound_in_intervals_of_every_length)
{
	for (uint64_t i = 0; i <= 50; i++) {
		fill(START + i * SECOND / 10);
		expect_figure(intervals_most(&taken, i * SECOND / 10), bound(i * SECOND / 10));
	}
	expect_no_excess(&taken, bound);
}

Test(bucket, never_passes_its_bound_with_bursts_after_any_pause)
{
	static const uint64_t limits[] = {1, 3, 10, 17};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (uint64_t pause = 1; pause < 3 * SECOND; pause += 77777777) {
			begin_at(limits[i], SECOND, 12);
			for (uint64_t n = 0; n < 40; n++)
				fill(START + n * pause);
			expect_no_excess(&taken, bound);
		}
	}
}

/* Any rate, any amounts, any pauses, clocks that were read a while ago, and refunds. */
static void take_at_random(struct prng *prng)
{
	uint64_t now_ns = START;

	for (int i = 0; i < 60; i++) {
		uint64_t most = prng_below(prng, 2) ? rate.burst : rate.burst / 8, behind, period = rate.depth_ns;
		uint64_t amount = prng_below(prng, most + 2);

		now_ns += prng_below(prng, 4) ? prng_below(prng, period / 8 + 2) : prng_below(prng, 2 * period + 2);
		behind = prng_below(prng, 3) ? 0 : prng_below(prng, period + 1);
		clock_now = now_ns - behind;
		if (!bucket_take(&bucket, &rate, amount, clock_now, read_clock, &view))
			continue;
		intervals_note(&taken, view.now_ns, amount);
		if (amount > 0 && prng_below(prng, 3) == 0) {
			uint64_t part = prng_below(prng, amount + 1);

			clock_now = now_ns + prng_below(prng, period / 4 + 1);
			view.cost_ns = bucket_part_ns(view.cost_ns, part, amount);
			bucket_refund(&bucket, &view, read_clock);
			intervals_strike(&taken, taken.next_id - 1, part);
			now_ns = clock_now;
		}
	}
}

Test(bucket, never_passes_its_bound_at_random)
{
	struct prng prng = prng_seed(22, 1);

	for (int round = 0; round < 4000; round++) {
		begin_at_random(&prng);
		take_at_random(&prng);
		expect_no_excess(&taken, bound);
	}
}

/* ---- When it will fit ---- */

Test(bucket, says_to_the_nanosecond_when_a_refused_amount_will_fit)
{
	struct prng prng = prng_seed(23, 1);
	uint64_t refusals = 0;

	for (int round = 0; round < 3000; round++) {
		uint64_t now_ns = START;

		begin_at_random(&prng);
		for (int i = 0; i < 10; i++) {
			uint64_t amount = 1 + prng_below(&prng, rate.burst), wait_ns;

			now_ns += prng_below(&prng, rate.depth_ns + 1);
			if (prng_below(&prng, 9) == 0)
				bucket_charge(&bucket, &rate, rate.burst, now_ns, &view);
			if (take(amount, now_ns))
				continue;
			refusals++;
			wait_ns = bucket_retry_ns(&rate, &view, amount);
			cr_assert_gt(wait_ns, 0);
			cr_assert(!take(amount, now_ns + wait_ns - 1));
			cr_assert(take(amount, now_ns + wait_ns));
			now_ns += wait_ns;
		}
	}
	cr_assert_gt(refusals, 1000);
}

Test(bucket, says_that_more_than_the_burst_will_never_fit)
{
	cr_assert(!take(21, START));
	expect_figure(bucket_retry_ns(&rate, &view, 21), UINT64_MAX);
	expect_figure(bucket_retry_ns(&rate, &view, 20), 0);
	begin_at(SHMQ_AMOUNT_MAX, SECOND / 100, 5); /* many units per nanosecond */
	cr_assert(take(5, START));
	cr_assert(!take(6, START + SECOND));
	expect_figure(bucket_retry_ns(&rate, &view, 6), UINT64_MAX);
}

/* ---- Recording ---- */

Test(bucket, counts_what_was_recorded_beyond_its_depth)
{
	bucket_charge(&bucket, &rate, 120, START, &view);
	expect_figure(used_at(START), 120);
	cr_assert(!take(1, START + 10 * SECOND));
	cr_assert(!take(0, START + 10 * SECOND - 1));
	cr_assert(take(0, START + 10 * SECOND));
	cr_assert(take(1, START + 10 * SECOND + SECOND / 10));
}

Test(bucket, records_no_more_than_it_can_hold)
{
	begin_at(1, 366 * DAY, 1);
	for (int i = 0; i < 100; i++)
		bucket_charge(&bucket, &rate, SHMQ_AMOUNT_MAX, START, &view);
	expect_figure(view.ahead_ns, BUCKET_DEBT_MAX_NS);
	/* Somebody who read the clock a year before adds nothing, but takes nothing away either. */
	bucket_charge(&bucket, &rate, 1, START - 365 * DAY, &view);
	bucket_charge(&bucket, &rate, 0, START, &view);
	expect_figure(view.ahead_ns, BUCKET_DEBT_MAX_NS);
	cr_assert(!take(1, START + BUCKET_DEBT_MAX_NS - 1));
	cr_assert(take(1, START + BUCKET_DEBT_MAX_NS));
}

/* ---- Refunds ---- */

Test(bucket, takes_a_refund_back_as_if_it_had_not_been_taken)
{
	cr_assert(take(15, START));
	for (int i = 0; i < 1000; i++) {
		cr_assert(take(5, START), "refused after %d refunds", i);
		bucket_refund(&bucket, &view, read_clock);
	}
	expect_figure(used_at(START), 15);
	cr_assert(!take(6, START));
}

Test(bucket, gives_back_only_what_has_not_flowed_in_since)
{
	struct bucket_view first;

	cr_assert(take(10, START));
	first = view;
	cr_assert(take(10, START + SECOND / 2));
	clock_now = START + SECOND / 2;
	bucket_refund(&bucket, &first, read_clock);
	/* Half of the first had flowed in: 5 of it are left to give back. */
	expect_figure(used_at(START + SECOND / 2), 10);
	clock_now = START + SECOND;
	bucket_refund(&bucket, &first, read_clock);
	expect_figure(used_at(START + SECOND), 5);
}

Test(bucket, keeps_what_is_not_given_back_paid_in_full)
{
	begin_at(3, SECOND, 10);
	cr_assert(take(7, START));
	view.cost_ns = bucket_part_ns(view.cost_ns, 5, 7);
	bucket_refund(&bucket, &view, read_clock);
	expect_figure(used_at(START), 2);
	cr_assert(take(8, START));
	cr_assert(!take(1, START));
	expect_figure(bucket_part_ns(100, 0, 7), 0);
	expect_figure(bucket_part_ns(100, 7, 7), 100);
	expect_figure(bucket_part_ns(100, 0, 0), 0);
}

Test(bucket, drops_a_refund_from_before_a_reset)
{
	struct bucket_view before;

	cr_assert(take(20, START));
	before = view;
	bucket_reset(&bucket, read_clock);
	cr_assert(take(20, START));
	bucket_refund(&bucket, &before, read_clock);
	expect_figure(used_at(START), 20);
	bucket_refund(&bucket, &view, read_clock);
	expect_figure(used_at(START), 0);
}

Test(bucket, is_never_below_empty_whatever_is_given_back)
{
	view = (struct bucket_view){.now_ns = START, .cost_ns = UINT64_MAX};
	clock_now = START;
	bucket_refund(&bucket, &view, read_clock);
	expect_figure(fill(START), 20);
}

/* ---- Clocks ---- */

Test(bucket, looks_at_the_clock_again_before_it_refuses)
{
	cr_assert(take(20, START));
	clock_now = START + SECOND;
	cr_assert(bucket_take(&bucket, &rate, 10, START, read_clock, &view));
	expect_figure(view.now_ns, START + SECOND);
	cr_assert(!bucket_take(&bucket, &rate, 1, START, read_clock, &view));
	expect_figure(view.now_ns, START + SECOND);
}

Test(bucket, charges_by_an_old_reading_what_others_took_since)
{
	cr_assert(take(10, START + SECOND));
	clock_now = START;
	cr_assert(!bucket_take(&bucket, &rate, 1, START, read_clock, &view));
	cr_assert(!bucket_take(&bucket, &rate, 1, 0, read_clock, &view));
	expect_figure(used_at(START + SECOND), 10);
}

Test(bucket, outlives_every_wrap_of_its_word)
{
	/* 58 bits of nanoseconds are nine years. */
	for (uint64_t year = 1; year < 100; year++) {
		uint64_t now_ns = year * 365 * DAY;

		expect_figure(fill(now_ns), 20);
		expect_figure(used_at(now_ns + SECOND), 10);
		expect_figure(fill(now_ns + SECOND), 10);
	}
}

Test(bucket, of_the_longest_depth_holds_across_a_wrap)
{
	uint64_t wrap_ns = UINT64_C(1) << (64 - BUCKET_COUNT_BITS);

	begin_at(366, 366 * DAY, 366);
	bucket_restart(&tat);
	cr_assert(take(366, wrap_ns - DAY));
	cr_assert(!take(1, wrap_ns - 1));
	cr_assert(take(1, wrap_ns));
	cr_assert(!take(1, wrap_ns));
	cr_assert(take(364, wrap_ns + 364 * DAY));
}

Test(bucket, that_was_idle_for_six_years_is_full)
{
	cr_assert(take(20, START));
	for (uint64_t years = 1; years <= 6; years++)
		expect_figure(used_at(START + years * 365 * DAY), 0);
}

/* ---- Looking, damage ---- */

Test(bucket, can_be_looked_at_through_a_read_only_mapping)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct shm_u64 *mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(mapped, MAP_FAILED);
	cr_assert(take(15, START));
	shm_store_relaxed(mapped, shm_load_relaxed(&tat));
	cr_assert_eq(mprotect(mapped, page, PROT_READ), 0);
	bucket_read(mapped, read_clock, &view);
	expect_figure(bucket_used(&rate, view.ahead_ns), 15);
	munmap(mapped, page);
}

Test(bucket, that_is_damaged_keeps_nobody)
{
	struct prng prng = prng_seed(25, 1);

	for (int i = 0; i < 100000; i++) {
		struct bucket_rate other =
		    bucket_rate_of(prng_next(&prng) >> prng_below(&prng, 64), prng_next(&prng), prng_next(&prng));

		begin_at(prng_next(&prng) >> prng_below(&prng, 64), prng_next(&prng) >> 9, prng_next(&prng) >> 17);
		shm_store_relaxed(&tat, prng_next(&prng));
		take(prng_next(&prng) >> prng_below(&prng, 64), prng_next(&prng) >> 6);
		bucket_charge(&bucket, &rate, prng_next(&prng), prng_next(&prng), &view);
		view.cost_ns = prng_next(&prng);
		bucket_refund(&bucket, &view, read_clock);
		used_at(prng_next(&prng));
		bucket_retry_ns(&other, &view, prng_next(&prng));
		bucket_rescale(&bucket, &rate, &other, (enum bucket_carry)prng_below(&prng, 3), read_clock);
		bucket_is_coarse(&other);
	}
}
