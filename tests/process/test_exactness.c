/* SPDX-License-Identifier: MIT */
/*
 * Exactness across processes and threads: with more demand than limit, what is admitted is the limit, to the unit.
 *
 * Everybody asks for random amounts, then for single units, until a single unit is refused; so nothing can remain. All
 * windows last through the test. The books are kept in shared memory of the test's own.
 */
#include <pthread.h>

#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(exactness, FIXTURE);

#define LIMIT 200000
#define TIMEOUT_MS 20000

struct contest {
	struct shmq_component *tenant;
	int resource;
	uint64_t limit, largest; /* of the resource; of one request */
	unsigned threads;        /* of each process */
	struct gate gate;
	struct counter admitted, refused, excess;
};

static int ask(struct contest *contest, uint64_t amount)
{
	struct shmq_verdict verdict;
	int result = shmq_try_consume(contest->tenant, contest->resource, amount, &verdict);

	if (result == SHMQ_OK) {
		counter_add(&contest->admitted, amount);
		counter_add(&contest->excess, verdict.current + amount > contest->limit);
	} else if (result == SHMQ_DENIED) {
		counter_add(&contest->refused, 1);
		/* A refusal must have been true: what was there and what was asked for did not fit. */
		counter_add(&contest->excess, verdict.current + amount <= contest->limit);
	}
	return result;
}

static int compete(unsigned index, void *context)
{
	struct contest *contest = context;
	struct prng prng = prng_seed(11, index);
	uint64_t largest = contest->largest;

	gate_wait(&contest->gate);
	for (;;) {
		uint64_t amount = 1 + prng_below(&prng, largest);
		int result = ask(contest, amount);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_DENIED && amount == 1)
			return 0;
		if (result == SHMQ_DENIED)
			largest = 1;
	}
}

static void expect_exact(struct contest *contest)
{
	struct shmq_resource_status status = fixture_status(contest->tenant, contest->resource);

	expect_figure(counter_get(&contest->admitted), LIMIT);
	expect_figure(counter_get(&contest->excess), 0);
	expect_figure(status.used, LIMIT);
	expect_figure(status.total, LIMIT);
	expect_figure(status.peak, LIMIT);
	expect_figure(status.available, 0);
	expect_figure(status.denied, counter_get(&contest->refused));
}

static void run_contest(unsigned processes, process_body *body, unsigned threads, uint64_t largest)
{
	struct shmq_quota quota = quota_calm(LIMIT);
	struct shmq_component *tenant = fixture_tenant(&quota);

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct contest *contest = shared_alloc(sizeof(*contest));
		pid_t pids[8];

		contest->tenant = tenant;
		contest->resource = resource;
		contest->limit = LIMIT;
		contest->largest = largest;
		contest->threads = threads;
		process_start_group(pids, processes, body, contest);
		cr_assert(gate_open(&contest->gate, processes * threads));
		expect_figure(process_join_group(pids, processes, TIMEOUT_MS), 0);
		expect_exact(contest);
		shared_free(contest, sizeof(*contest));
	}
}

Test(exactness, of_single_units_with_two_processes)
{
	run_contest(2, compete, 1, 1);
}

Test(exactness, of_single_units_with_four_processes)
{
	run_contest(4, compete, 1, 1);
}

Test(exactness, of_single_units_with_eight_processes)
{
	run_contest(8, compete, 1, 1);
}

Test(exactness, of_random_amounts_with_two_processes)
{
	run_contest(2, compete, 1, 7);
}

Test(exactness, of_random_amounts_with_four_processes)
{
	run_contest(4, compete, 1, 100);
}

Test(exactness, of_random_amounts_with_eight_processes)
{
	run_contest(8, compete, 1, 7);
}

struct thread_task {
	struct contest *contest;
	unsigned index;
	int failed;
};

static void *compete_in_thread(void *argument)
{
	struct thread_task *task = argument;

	task->failed = compete(task->index, task->contest);
	return NULL;
}

static int compete_with_threads(unsigned index, void *context)
{
	struct contest *contest = context;
	struct thread_task tasks[4];
	pthread_t threads[4];
	int failed = 0;

	for (unsigned i = 0; i < contest->threads; i++) {
		tasks[i] = (struct thread_task){contest, index * contest->threads + i, 0};
		CHILD_RESULT(pthread_create(&threads[i], NULL, compete_in_thread, &tasks[i]), 0);
	}
	for (unsigned i = 0; i < contest->threads; i++) {
		pthread_join(threads[i], NULL);
		failed += tasks[i].failed;
	}
	return failed != 0;
}

Test(exactness, of_four_processes_with_four_threads_each)
{
	run_contest(4, compete_with_threads, 4, 3);
}

/* Levels go up and down: what is held is counted beside the library, and never exceeds the limit. */
static int take_and_release(unsigned index, void *context)
{
	struct contest *contest = context;
	struct prng prng = prng_seed(13, index);
	uint64_t held = 0;

	gate_wait(&contest->gate);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t amount = 1 + prng_below(&prng, 60);

		if (held >= amount && prng_below(&prng, 2)) {
			CHILD_RESULT(shmq_release(contest->tenant, contest->resource, amount), SHMQ_OK);
			held -= amount;
		} else if (ask(contest, amount) == SHMQ_OK) {
			held += amount;
		}
	}
	while (held > 0) {
		CHILD_RESULT(shmq_release(contest->tenant, contest->resource, 1), SHMQ_OK);
		held--;
	}
	return 0;
}

Test(exactness, of_levels_that_processes_take_and_release)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);
	static const int levels[] = {SHMQ_STORAGE, SHMQ_MEMORY};

	for (unsigned i = 0; i < 2; i++) {
		struct contest *contest = shared_alloc(sizeof(*contest));
		struct shmq_resource_status status;
		pid_t pids[4];

		contest->tenant = tenant;
		contest->resource = levels[i];
		contest->limit = 1000;
		process_start_group(pids, 4, take_and_release, contest);
		cr_assert(gate_open(&contest->gate, 4));
		expect_figure(process_join_group(pids, 4, TIMEOUT_MS), 0);
		status = fixture_status(tenant, levels[i]);
		expect_figure(status.used, 0);
		expect_figure(status.total, counter_get(&contest->admitted));
		cr_assert_leq(status.peak, 1000);
		cr_assert_gt(counter_get(&contest->refused), 0, "the limit was never put to the test");
		shared_free(contest, sizeof(*contest));
	}
}

/* 1000 checks from each of eight processes at once: every answer right, nothing taken, nothing counted. */
static int check_a_thousand_times(unsigned index, void *context)
{
	struct contest *contest = context;

	(void)index;
	gate_wait(&contest->gate);
	for (unsigned i = 0; i < 1000; i++)
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			CHILD_RESULT(shmq_check(contest->tenant, resource, 100, NULL), SHMQ_OK);
			CHILD_RESULT(shmq_check(contest->tenant, resource, 101, NULL), SHMQ_DENIED);
		}
	return 0;
}

Test(exactness, of_a_thousand_checks_from_eight_processes_at_once)
{
	struct shmq_quota quota = quota_calm(1000);
	struct contest *contest = shared_alloc(sizeof(*contest));
	pid_t pids[8];

	contest->tenant = fixture_tenant(&quota);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_consume(contest->tenant, resource, 900), SHMQ_OK);
	process_start_group(pids, 8, check_a_thousand_times, contest);
	cr_assert(gate_open(&contest->gate, 8));
	expect_figure(process_join_group(pids, 8, TIMEOUT_MS), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_figure(fixture_used(contest->tenant, resource), 900);
		expect_figure(fixture_status(contest->tenant, resource).denied, 0);
	}
}
