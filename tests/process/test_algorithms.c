/* SPDX-License-Identifier: MIT */
/*
 * The bounds of windows, sliding windows and buckets with real clocks: four processes take as much as they can, give
 * some of it back, and are stopped and killed meanwhile. Every interval is added up afterwards, with what lies in it for
 * certain: what began after its begin and ended before its end. tests/unit has the schedules that are chosen with care.
 */
#include <errno.h>
#include <stdlib.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(algorithms, FIXTURE);

#define WORKERS 4
#define PERIOD (100 * MS)
#define LIMIT 60
#define BURST 25
#define RUN_NS (1500 * MS)
#define NOTES_MAX 16384
#define TIMEOUT_MS 20000

/* One admission: the clock that it was judged by lies in between, whichever of the two it was. */
struct note {
	uint64_t begun_ns, ended_ns, amount;
};

struct book {
	struct shmq_component *tenant;
	struct counter stop, count;
	struct note notes[NOTES_MAX];
};

static struct shmq_quota quota_of(enum shmq_algorithm algorithm)
{
	struct shmq_quota quota = quota_periodic(LIMIT, PERIOD);

	quota.algorithm[SHMQ_MESSAGES] = (uint8_t)algorithm;
	quota.burst[SHMQ_MESSAGES] = algorithm == SHMQ_BUCKET ? BURST : 0;
	return quota;
}

static int take(struct book *book, struct prng *prng)
{
	struct note note = {.begun_ns = clock_coarse_ns(), .amount = 1 + prng_below(prng, 5)};
	struct shmq_reservation reservation;
	int result = shmq_reserve(&reservation, book->tenant, SHMQ_MESSAGES, note.amount, NULL);
	uint64_t index;

	note.ended_ns = clock_now_ns();
	if (result == SHMQ_DENIED)
		return 0;
	CHILD_RESULT(result, SHMQ_OK);
	if (prng_below(prng, 3) == 0)
		note.amount = prng_below(prng, note.amount + 1);
	CHILD_RESULT(shmq_commit(&reservation, note.amount), 0);
	index = atomic_fetch_add(&book->count.value, 1);
	CHILD_CHECK(index < NOTES_MAX);
	book->notes[index] = note;
	return 0;
}

static int work(unsigned index, void *context)
{
	struct book *book = context;
	struct prng prng = prng_seed(clock_now_ns(), index);

	while (counter_get(&book->stop) == 0) {
		if (take(book, &prng) != 0)
			return 1;
		/* Sometimes all of them pause, so that bursts meet idle windows and full buckets. */
		if (clock_now_ns() / (5 * PERIOD / 2) % 3 == 2)
			clock_sleep_ns(MS);
	}
	return 0;
}

/* Stop or kill one of them every few milliseconds. */
static void disturb(struct book *book, pid_t pids[WORKERS])
{
	uint64_t end_ns = clock_now_ns() + RUN_NS;
	struct prng prng = prng_seed(7, 7);

	while (clock_now_ns() < end_ns) {
		unsigned victim = (unsigned)prng_below(&prng, WORKERS);

		clock_sleep_ns(3 * MS);
		if (prng_below(&prng, 4) == 0) {
			cr_assert_eq(process_kill(pids[victim]), PROCESS_SIGNAL(9));
			pids[victim] = process_start(work, victim, book);
		} else {
			cr_assert(process_stop(pids[victim]));
			clock_sleep_ns(prng_below(&prng, 2 * PERIOD / 5));
			process_continue(pids[victim]);
		}
	}
	counter_set(&book->stop, 1);
}

static int by_begin(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	return x->begun_ns < y->begun_ns ? -1 : x->begun_ns > y->begun_ns;
}

static int by_end(const void *a, const void *b)
{
	const struct note *x = *(const struct note *const *)a, *y = *(const struct note *const *)b;

	return x->ended_ns < y->ended_ns ? -1 : x->ended_ns > y->ended_ns;
}

static void expect_no_excess(struct book *book, uint64_t (*bound)(uint64_t length_ns))
{
	static const struct note *ends[NOTES_MAX];
	size_t count = counter_get(&book->count);

	qsort(book->notes, count, sizeof(book->notes[0]), by_begin);
	for (size_t i = 0; i < count; i++)
		ends[i] = &book->notes[i];
	qsort(ends, count, sizeof(const struct note *), by_end);
	for (size_t first = 0; first < count; first++) {
		uint64_t begin_ns = book->notes[first].begun_ns, sum = 0;

		for (size_t i = 0; i < count && ends[i]->ended_ns < begin_ns + 10 * PERIOD; i++) {
			uint64_t length_ns = ends[i]->ended_ns - begin_ns;

			if (ends[i]->begun_ns < begin_ns)
				continue;
			sum += ends[i]->amount;
			cr_assert_leq(sum, bound(length_ns), "%" PRIu64 " within %" PRIu64 " us", sum,
			              length_ns / 1000);
		}
	}
}

static void run(enum shmq_algorithm algorithm, uint64_t (*bound)(uint64_t length_ns))
{
	struct book *book = shared_alloc(sizeof(*book));
	struct shmq_quota quota = quota_of(algorithm);
	pid_t pids[WORKERS];

	book->tenant = fixture_tenant(&quota);
	process_start_group(pids, WORKERS, work, book);
	disturb(book, pids);
	expect_figure(process_join_group(pids, WORKERS, TIMEOUT_MS), 0);
	cr_assert_geq(counter_get(&book->count), 100, "too little was admitted to say anything");
	expect_no_excess(book, bound);
	shared_free(book, sizeof(*book));
}

static uint64_t bound_of_windows(uint64_t length_ns)
{
	return LIMIT * (1 + (length_ns + PERIOD - 1) / PERIOD);
}

static uint64_t bound_of_sliding_windows(uint64_t length_ns)
{
	return LIMIT + LIMIT * length_ns / PERIOD;
}

static uint64_t bound_of_buckets(uint64_t length_ns)
{
	return BURST + (LIMIT * length_ns + PERIOD - 1) / PERIOD;
}

Test(algorithms, a_window_keeps_its_bound_under_stops_and_kills)
{
	run(SHMQ_WINDOW, bound_of_windows);
}

Test(algorithms, a_sliding_window_keeps_its_bound_under_stops_and_kills)
{
	run(SHMQ_SLIDING, bound_of_sliding_windows);
}

Test(algorithms, a_bucket_keeps_its_bound_under_stops_and_kills)
{
	run(SHMQ_BUCKET, bound_of_buckets);
}

/* ---- When it will fit ---- */

static void wait_as_told(enum shmq_algorithm algorithm, uint64_t period_ns)
{
	struct shmq_quota quota = quota_of(algorithm);
	struct shmq_component *tenant;

	quota.period_ns[SHMQ_MESSAGES] = period_ns;
	tenant = fixture_tenant(&quota);
	for (uint64_t amount = 1; amount <= BURST; amount += 3) {
		struct shmq_verdict verdict;
		uint64_t tries = 0;

		while (shmq_try_consume(tenant, SHMQ_MESSAGES, amount, &verdict) == SHMQ_OK)
			expect_figure(verdict.retry_after_ns, 0);
		cr_assert_gt(verdict.retry_after_ns, 0);
		cr_assert_leq(verdict.retry_after_ns, 2 * period_ns + 10 * MS);
		/* Who is alone is admitted after the time that it was told. */
		do
			clock_sleep_ns(verdict.retry_after_ns);
		while (shmq_try_consume(tenant, SHMQ_MESSAGES, amount, &verdict) != SHMQ_OK && ++tries < 3);
		expect_figure(tries, 0);
	}
}

Test(algorithms, of_a_sliding_window_tell_when_it_will_fit)
{
	wait_as_told(SHMQ_SLIDING, 200 * MS);
}

Test(algorithms, of_a_short_sliding_window_tell_when_it_will_fit)
{
	wait_as_told(SHMQ_SLIDING, 40 * MS);
}

Test(algorithms, of_a_bucket_tell_when_it_will_fit)
{
	wait_as_told(SHMQ_BUCKET, 300 * MS);
}

Test(algorithms, of_a_shallow_bucket_tell_when_it_will_fit)
{
	wait_as_told(SHMQ_BUCKET, 100 * MS);
}

Test(algorithms, never_admit_more_than_a_burst_however_long_one_waits)
{
	struct shmq_quota quota = quota_of(SHMQ_BUCKET);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_verdict verdict;

	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, BURST + 1, &verdict), SHMQ_DENIED);
	expect_figure(verdict.retry_after_ns, UINT64_MAX);
	expect_figure(verdict.limit, BURST);
	expect_figure(verdict.period_ns, BURST * PERIOD / LIMIT + 1);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, BURST, &verdict), SHMQ_OK);
	expect_figure(verdict.current, 0);
	expect_figure(verdict.remaining, 0);
}

/* ---- What is given back, and what a reset forgets ---- */

static void give_back_all(enum shmq_algorithm algorithm)
{
	struct shmq_quota quota = quota_of(algorithm);
	struct shmq_component *tenant;
	struct shmq_reservation kept;

	quota.period_ns[SHMQ_MESSAGES] = clock_calm_period_ns();
	quota.burst[SHMQ_MESSAGES] = algorithm == SHMQ_BUCKET ? LIMIT : 0;
	tenant = fixture_tenant(&quota);
	for (int i = 0; i < 1000; i++) {
		struct shmq_reservation reservation;

		expect_result(shmq_reserve(&reservation, tenant, SHMQ_MESSAGES, LIMIT, NULL), SHMQ_OK);
		if (i % 2 == 0)
			shmq_cancel(&reservation);
		else
			expect_result(shmq_commit(&reservation, 0), 0);
	}
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 0);
	expect_result(shmq_reserve(&kept, tenant, SHMQ_MESSAGES, LIMIT, NULL), SHMQ_OK);
	expect_result(shmq_reset(tenant), 0);
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 0);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, LIMIT, NULL), SHMQ_OK);
	/* What was taken before the reset gives nothing back after it. */
	shmq_cancel(&kept);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_DENIED);
}

Test(algorithms, of_a_window_take_back_what_is_cancelled)
{
	give_back_all(SHMQ_WINDOW);
}

Test(algorithms, of_a_sliding_window_take_back_what_is_cancelled)
{
	give_back_all(SHMQ_SLIDING);
}

Test(algorithms, of_a_bucket_take_back_what_is_cancelled)
{
	give_back_all(SHMQ_BUCKET);
}

/* ---- Policies that change ---- */

static uint64_t used_after(const char *before, const char *after)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *tenant;
	uint64_t used;

	fixture_publish(segment, before);
	expect_result(shmq_component_find(&tenant, segment, "tenant"), 0);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 30, NULL), SHMQ_OK);
	fixture_publish(segment, after);
	used = fixture_used(tenant, SHMQ_MESSAGES);
	shmq_component_put(tenant);
	return used;
}

#define TENANT(limit, rest) "[component:tenant]\nmessages = " limit "\n" rest "\n"

Test(algorithms, of_a_bucket_whose_rate_changes_keep_the_amount)
{
	expect_figure(used_after(TENANT("60/d burst 60", ""), TENANT("120/d burst 90", "inherit = keep")), 30);
}

Test(algorithms, of_a_bucket_whose_rate_changes_keep_the_proportion)
{
	expect_figure(used_after(TENANT("60/d burst 60", ""), TENANT("120/d burst 90", "inherit = proportional")), 45);
}

Test(algorithms, of_a_bucket_whose_rate_changes_forget_what_was_used)
{
	expect_figure(used_after(TENANT("60/d burst 60", ""), TENANT("120/d burst 90", "inherit = reset")), 0);
}

Test(algorithms, of_a_window_that_becomes_a_bucket_keep_the_amount)
{
	expect_figure(used_after(TENANT("60/d", ""), TENANT("60/d burst 90", "inherit = keep")), 30);
}

Test(algorithms, of_a_sliding_window_whose_limit_changes_keep_the_proportion)
{
	expect_figure(used_after(TENANT("60/d", "messages.algorithm = sliding"),
	                         TENANT("120/d", "messages.algorithm = sliding\ninherit = proportional")),
	              60);
}
