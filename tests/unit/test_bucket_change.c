/* SPDX-License-Identifier: MIT */
/*
 * Buckets whose rate changes, with a clock of the test's own: what becomes of what was used, and of what might have
 * been given back.
 */
#include "core/bucket.h"
#include "core/window.h"

#include "../support/fixture.h"
#include "../support/prng.h"

#define SECOND NS_PER_S
#define START (UINT64_C(12345) * SECOND)

static void begin(void);

TestSuite(bucket_change, .init = begin, .timeout = 120);

static struct shm_u64 tat, epoch;
static const struct bucket bucket = {&tat, &epoch};
static struct bucket_rate rate;
static struct bucket_view view;
static uint64_t clock_now;

static uint64_t read_clock(void)
{
	return clock_now;
}

static bool take(uint64_t amount, uint64_t now_ns)
{
	clock_now = now_ns;
	return bucket_take(&bucket, &rate, amount, now_ns, read_clock, &view);
}

static uint64_t ahead_at(uint64_t now_ns)
{
	struct bucket_view seen;

	clock_now = now_ns;
	bucket_read(&tat, read_clock, &seen);
	return seen.ahead_ns;
}

static uint64_t used_at(uint64_t now_ns)
{
	return bucket_used(&rate, ahead_at(now_ns));
}

static void begin_at(uint64_t limit, uint64_t period_ns, uint64_t burst)
{
	rate = bucket_rate_of(limit, period_ns, burst);
	bucket_restart(&tat);
}

/* What a test begins with that says nothing else: 10 per second, burst 20. */
static void begin(void)
{
	begin_at(10, SECOND, 20);
}

static struct bucket_rate rate_at_random(struct prng *prng)
{
	uint64_t limit = 1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 47));
	uint64_t period_ns = SECOND / 100 * (1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 31)));

	return bucket_rate_of(limit, period_ns, 1 + prng_below(prng, UINT64_C(1) << prng_below(prng, 47)));
}

static void rescale_to(struct bucket_rate to, enum bucket_carry carry)
{
	struct bucket_rate from = rate;

	clock_now = START;
	bucket_rescale(&bucket, &from, &to, carry, read_clock);
	rate = to;
}

Test(bucket_change, whose_rate_changes_keeps_the_amount)
{
	cr_assert(take(15, START));
	rescale_to(bucket_rate_of(100, SECOND, 30), BUCKET_KEEP);
	expect_figure(used_at(START), 15);
	expect_figure(used_at(START + SECOND / 10), 5);
	rescale_to(bucket_rate_of(1, 60 * SECOND, 10), BUCKET_KEEP);
	expect_figure(used_at(START), 15);
	expect_figure(used_at(START + 300 * SECOND), 10);
	rescale_to(bucket_rate_of(10, SECOND, 20), BUCKET_KEEP);
	expect_figure(used_at(START), 15);
}

Test(bucket_change, whose_rate_changes_keeps_the_proportion)
{
	cr_assert(take(15, START));
	rescale_to(bucket_rate_of(1000, 60 * SECOND, 400), BUCKET_PROPORTIONAL);
	expect_figure(used_at(START), 300);
	rescale_to(bucket_rate_of(1, SECOND, 2), BUCKET_PROPORTIONAL);
	expect_figure(used_at(START), 2);
}

Test(bucket_change, whose_rate_changes_forgets_what_was_used)
{
	cr_assert(take(15, START));
	rescale_to(bucket_rate_of(10, SECOND, 10), BUCKET_RESET);
	expect_figure(used_at(START), 0);
}

Test(bucket_change, whose_rate_changes_takes_no_more_refunds)
{
	static const enum bucket_carry carries[] = {BUCKET_KEEP, BUCKET_PROPORTIONAL};

	for (size_t i = 0; i < 2; i++) {
		begin_at(10, SECOND, 20);
		cr_assert(take(10, START));
		rescale_to(bucket_rate_of(20, SECOND, 20), carries[i]);
		bucket_refund(&bucket, &view, read_clock);
		expect_figure(used_at(START), 10);
	}
}

Test(bucket_change, keeps_its_times_around_a_limit_that_is_none)
{
	static const uint64_t limits[] = {0, SHMQ_UNLIMITED};
	static const enum bucket_carry carries[] = {BUCKET_KEEP, BUCKET_PROPORTIONAL};

	for (size_t i = 0; i < 4; i++) {
		begin_at(10, SECOND, 20);
		cr_assert(take(12, START));
		rescale_to(bucket_rate_of(limits[i % 2], SECOND, 20), carries[i / 2]);
		rescale_to(bucket_rate_of(10, SECOND, 20), carries[i / 2]);
		expect_figure(used_at(START), 12);
	}
}

Test(bucket_change, is_rescaled_without_overflow_between_any_two_rates)
{
	struct prng prng = prng_seed(24, 1);

	for (int i = 0; i < 20000; i++) {
		struct bucket_rate from = rate_at_random(&prng), to = rate_at_random(&prng);
		long double expected;

		begin_at(from.limit, from.period_ns, from.burst);
		bucket_charge(&bucket, &rate, 1 + prng_below(&prng, rate.burst), START, &view);
		expected = (long double)ahead_at(START) * (long double)from.limit / (long double)from.period_ns *
		           (long double)to.period_ns / (long double)to.limit;
		if (expected > (long double)BUCKET_DEBT_MAX_NS)
			expected = (long double)BUCKET_DEBT_MAX_NS;
		rescale_to(to, BUCKET_KEEP);
		cr_assert((long double)ahead_at(START) >= expected * (1 - 1e-15L), "%" PRIu64 " is less than %Lf",
		          ahead_at(START), expected);
		cr_assert((long double)ahead_at(START) <= expected * (1 + 1e-6L) + 2 +
		                                              (long double)from.limit / (long double)to.limit +
		                                              (long double)to.period_ns / (long double)from.period_ns,
		          "%" PRIu64 " is more than %Lf", ahead_at(START), expected);
	}
}

Test(bucket_change, can_be_filled_with_what_a_window_had_used)
{
	clock_now = START;
	bucket_fill(&bucket, &rate, 7, read_clock);
	expect_figure(used_at(START), 7);
	bucket_fill(&bucket, &rate, 100, read_clock);
	expect_figure(used_at(START), 100);
	cr_assert(!take(1, START + 8 * SECOND));
	cr_assert(take(1, START + 8 * SECOND + SECOND / 10));
}

Test(bucket_change, moves_the_number_of_the_window_on_as_a_reset_does)
{
	shm_store_relaxed(&epoch, UINT64_C(77) << WINDOW_SEQ_BITS | (WINDOW_SEQ_MASK - 1));
	bucket_reset(&bucket, read_clock); /* nothing to forget */
	expect_figure(shm_load_relaxed(&epoch) & WINDOW_SEQ_MASK, WINDOW_SEQ_MASK - 1);
	cr_assert(take(1, START));
	bucket_reset(&bucket, read_clock);
	expect_figure(shm_load_relaxed(&epoch), UINT64_C(77) << WINDOW_SEQ_BITS | (WINDOW_AFTER_RESET - 2));
}
