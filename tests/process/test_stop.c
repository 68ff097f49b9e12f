/* SPDX-License-Identifier: MIT */
/*
 * Workers that are stopped (SIGSTOP, a freezer, a debugger) wherever they happen to be: all others go on, windows roll,
 * components come and go, and each single call takes a bounded time. Continued, the stopped one does no harm.
 *
 * The bounds are generous for busy machines: the question is whether somebody waits for the one that stands still.
 */
#include <errno.h>
#include <stdio.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/ledger.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(stopped, FIXTURE);

#define PERIOD (20 * MS)
#define LIMIT 1000
#define CALL_BOUND_NS (300 * MS)
#define TIMEOUT_MS 20000

struct road {
	struct shmq_segment *segment;
	struct shmq_component *rate, *level;
	struct ledger *ledger;
	struct counter stop, calls;
};

static struct road *build_the_road(void)
{
	struct shmq_quota rate = quota_periodic(LIMIT, PERIOD), level = quota_calm(3);
	struct road *road = shared_alloc(sizeof(*road));

	road->segment = fixture_segment(NULL);
	road->rate = fixture_component(road->segment, "rate", &rate);
	road->level = fixture_component(road->segment, "level", &level);
	road->ledger = ledger_open(PERIOD, 50 * SECOND);
	return road;
}

static void clear_the_road(struct road *road)
{
	ledger_close(road->ledger);
	shared_free(road, sizeof(*road));
}

static int drive_once(struct road *road)
{
	uint64_t before = clock_coarse_ns();
	int result = shmq_try_consume(road->rate, SHMQ_MESSAGES, 1, NULL);

	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	ledger_note(road->ledger, before, clock_now_ns(), result == SHMQ_OK);
	result = shmq_try_consume(road->level, SHMQ_STORAGE, 1, NULL);
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	if (result == SHMQ_OK)
		CHILD_RESULT(shmq_release(road->level, SHMQ_STORAGE, 1), SHMQ_OK);
	counter_add(&road->calls, 1);
	return 0;
}

static int drive(unsigned index, void *context)
{
	struct road *road = context;

	(void)index;
	while (counter_get(&road->stop) == 0)
		if (drive_once(road))
			return 1;
	return 0;
}

/* Run a call and fail when it took so long that it must have waited. */
#define EXPECT_PROMPT(call, expected)                                                                                  \
	do {                                                                                                           \
		uint64_t prompt_since = clock_now_ns();                                                                \
		expect_result(call, expected);                                                                         \
		cr_assert_lt(clock_now_ns() - prompt_since, CALL_BOUND_NS, "%s waited", #call);                        \
	} while (0)

/* Everything a host does while one of its workers stands still. */
static void go_on_without_it(struct road *road, unsigned round)
{
	struct shmq_component *found = NULL;
	struct shmq_verdict verdict;
	char name[16];

	snprintf(name, sizeof(name), "name-%u", round);
	EXPECT_PROMPT(shmq_component_register(road->segment, name, NULL), 0);
	EXPECT_PROMPT(shmq_component_find(&found, road->segment, name), 0);
	EXPECT_PROMPT(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	EXPECT_PROMPT(shmq_component_unregister(road->segment, name), 0);
	EXPECT_PROMPT(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), -ESTALE);
	EXPECT_PROMPT(shmq_component_register(road->segment, name, NULL), 0);
	EXPECT_PROMPT(shmq_component_unregister(road->segment, name), 0);
	shmq_component_put(found);
	clock_enter_window(PERIOD);
	EXPECT_PROMPT(shmq_check(road->rate, SHMQ_NETWORK, LIMIT, &verdict), SHMQ_OK);
	cr_assert_eq(drive_once(road), 0);
}

Test(stopped, a_worker_holds_nobody_up)
{
	struct road *road = build_the_road();
	struct prng prng = prng_seed(23, 0);
	struct ledger_audit audit;
	pid_t pids[2];

	process_start_group(pids, 2, drive, road);
	for (unsigned round = 0; round < 60; round++) {
		uint64_t calls;

		clock_sleep_ns(prng_below(&prng, 3 * MS));
		cr_assert(process_stop(pids[0]));
		calls = counter_get(&road->calls);
		go_on_without_it(road, round);
		cr_assert(counter_await(&road->calls, calls + 100, 10000), "the other worker stands still as well");
		process_continue(pids[0]);
	}
	counter_set(&road->stop, 1);
	expect_figure(process_join_group(pids, 2, TIMEOUT_MS), 0);
	audit = ledger_audit(road->ledger, LIMIT);
	expect_figure(audit.over, 0);
	expect_figure(audit.starved, 0);
	cr_assert_gt(audit.saturated, 10, "the limit was hardly put to the test");
	expect_figure(fixture_used(road->level, SHMQ_STORAGE), 0);
	expect_figure(fixture_status(road->rate, SHMQ_MESSAGES).total, counter_get(&road->ledger->admitted));
	clear_the_road(road);
}

Test(stopped, many_workers_cannot_fill_the_directory_with_what_is_retired)
{
	struct shmq_component *found = NULL;
	struct road *road = build_the_road();
	unsigned registered = 0;
	pid_t pids[4];

	process_start_group(pids, 4, drive, road);
	clock_sleep_ns(20 * MS);
	for (unsigned i = 0; i < 4; i++)
		cr_assert(process_stop(pids[i]));
	/* Far more than there are places: what was retired since may wait for them, what was retired once may not. */
	for (unsigned round = 0; round < 5000 && registered == round; round++) {
		int result = shmq_component_register(road->segment, "again", NULL);

		cr_assert(result == 0 || result == -ENOSPC, "register returned %d", result);
		if (result == 0)
			expect_result(shmq_component_unregister(road->segment, "again"), 0);
		registered += result == 0;
	}
	cr_assert_geq(registered, 1000, "room for 1024 components, 2 of them in use, but only %u fit", registered);
	for (unsigned i = 0; i < 4; i++)
		process_continue(pids[i]);
	counter_set(&road->stop, 1);
	expect_figure(process_join_group(pids, 4, TIMEOUT_MS), 0);
	/* With nobody in the way any more, all room is there again. */
	for (unsigned round = 0; round < 3000; round++) {
		expect_result(shmq_component_register(road->segment, "again", NULL), 0);
		expect_result(shmq_component_unregister(road->segment, "again"), 0);
	}
	expect_result(shmq_component_find(&found, road->segment, "again"), -ENOENT);
	clear_the_road(road);
}

Test(stopped, a_worker_delays_a_reload_for_a_bounded_time_only)
{
	static const char *const policies[2] = {"[component:p]\nstorage = 10\n", "[component:p]\nstorage = 20\n"};
	struct road *road = build_the_road();
	struct shmq_component *found = NULL;
	struct prng prng = prng_seed(29, 0);
	struct shmq_policy *loaded[2];
	pid_t pid;

	for (unsigned i = 0; i < 2; i++) {
		const char *path = fixture_policy_file(policies[i]);

		expect_result(shmq_policy_load(&loaded[i], &path, 1, NULL), 0);
	}
	pid = process_start(drive, 0, road);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t since = clock_now_ns();
		int result = 0;

		clock_sleep_ns(prng_below(&prng, 5 * MS));
		cr_assert(process_stop(pid));
		for (unsigned i = 0; i < 4 && result == 0; i++) {
			result = shmq_policy_publish(road->segment, loaded[i % 2]);
			cr_assert(result == 0 || result == -EAGAIN, "publish returned %d", result);
		}
		cr_assert_lt(clock_now_ns() - since, 15 * SECOND);
		/* In force or not, it is a whole policy, and consuming goes on. */
		expect_result(shmq_component_find(&found, road->segment, "p"), 0);
		cr_assert_eq(fixture_status(found, SHMQ_STORAGE).limit % 10, 0);
		expect_result(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
		shmq_component_put(found);
		process_continue(pid);
		for (unsigned tries = 0; shmq_policy_publish(road->segment, loaded[0]) != 0; tries++)
			cr_assert_lt(tries, 100);
	}
	counter_set(&road->stop, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	shmq_policy_free(loaded[0]);
	shmq_policy_free(loaded[1]);
	clear_the_road(road);
}
