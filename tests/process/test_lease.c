/* SPDX-License-Identifier: MIT */
/*
 * Leases with real processes: what is admitted is counted outside of the segment and compared to the limit and to the
 * status, whatever happens to the processes meanwhile. What nobody was admitted is there for others in the end, to the
 * last unit, but for a batch of each that was killed while it took one.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/ledger.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(lease, FIXTURE);

#define WORKERS 4
#define LIMIT 20000
#define LEASE 64
#define LARGEST 3 /* that is taken at once */
#define PERIOD (50 * MS)
#define TIMEOUT_MS 20000

struct hall {
	struct shmq_segment *segment;
	struct shmq_component *component, *other;
	struct ledger *ledger;
	struct gate gate;
	struct counter admitted[2], phase, calls, stop;
};

static struct shmq_quota quota_leased(uint64_t limit, uint64_t period_ns)
{
	struct shmq_quota quota = quota_periodic(limit, period_ns);

	quota.lease[SHMQ_MESSAGES] = LEASE;
	return quota;
}

static struct hall *open_hall(uint64_t limit, uint64_t period_ns)
{
	struct hall *hall = shared_alloc(sizeof(*hall));
	struct shmq_quota quota = quota_leased(limit, period_ns);

	hall->segment = fixture_segment(NULL);
	hall->component = fixture_component(hall->segment, "tenant", &quota);
	return hall;
}

static struct shmq_resource_status status_of(struct shmq_component *component)
{
	return fixture_status(component, SHMQ_MESSAGES);
}

static uint64_t drain(struct shmq_component *component)
{
	uint64_t sum = 0;

	while (shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
		sum++;
	return sum;
}

/* One call, booked under the phase that it began in. */
static int take(struct hall *hall, struct shmq_component *component, uint64_t amount)
{
	uint64_t phase = counter_get(&hall->phase);
	int result = shmq_try_consume(component, SHMQ_MESSAGES, amount, NULL);

	if (result == SHMQ_OK)
		counter_add(&hall->admitted[phase], amount);
	counter_add(&hall->calls, 1);
	return result;
}

/* Take until nothing is admitted any more. */
static int take_all(unsigned index, void *context)
{
	struct hall *hall = context;
	struct prng prng = prng_seed(11, index);
	struct shmq_component *component = index % 2 == 1 && hall->other != NULL ? hall->other : hall->component;
	uint64_t amount = 1;

	gate_wait(&hall->gate);
	for (;;) {
		int result = take(hall, component, amount);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_DENIED && amount == 1)
			return 0;
		amount = result == SHMQ_OK ? 1 + prng_below(&prng, LARGEST) : 1;
	}
}

/* Go on until told to stop, whatever the answers. */
static int take_on(unsigned index, void *context)
{
	struct hall *hall = context;

	(void)index;
	while (counter_get(&hall->stop) == 0) {
		int result = take(hall, hall->component, 1);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED || result == -ESTALE);
	}
	return 0;
}

static void run_to_the_end(struct hall *hall)
{
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, take_all, hall);
	cr_assert(gate_open(&hall->gate, WORKERS));
	expect_figure(process_join_group(pids, WORKERS, TIMEOUT_MS), 0);
}

/* ---- Conservation ---- */

Test(lease, of_several_processes_admits_the_limit_and_not_one_more)
{
	struct hall *hall = open_hall(LIMIT, clock_calm_period_ns());
	struct shmq_resource_status at_end;

	run_to_the_end(hall);
	at_end = status_of(hall->component);
	expect_figure(at_end.used - at_end.leased, counter_get(&hall->admitted[0]));
	expect_result(shmq_housekeep(hall->segment), WORKERS); /* they ended by _exit() */
	at_end = status_of(hall->component);
	expect_figure(at_end.leased, 0);
	expect_figure(at_end.used, counter_get(&hall->admitted[0]));
	expect_figure(counter_get(&hall->admitted[0]) + drain(hall->component), LIMIT);
	shared_free(hall, sizeof(*hall));
}

Test(lease, of_members_of_a_group_admits_the_limit_of_the_group)
{
	struct hall *hall = shared_alloc(sizeof(*hall));
	struct shmq_component *group = NULL;
	char text[512];

	hall->segment = fixture_segment(NULL);
	snprintf(text, sizeof(text),
	         "[group:both]\nmessages = %d/%s\n[default]\nmessages.lease = %d\nmessages = %d/%s\n"
	         "[component:a]\ngroup = both\n[component:b]\ngroup = both\n",
	         LIMIT, fixture_calm_unit(), LEASE, LIMIT, fixture_calm_unit());
	fixture_publish(hall->segment, text);
	expect_result(shmq_component_find(&hall->component, hall->segment, "a"), 0);
	expect_result(shmq_component_find(&hall->other, hall->segment, "b"), 0);
	expect_result(shmq_component_find(&group, hall->segment, "group:both"), 0);
	run_to_the_end(hall);
	expect_figure(status_of(group).used - status_of(group).leased, counter_get(&hall->admitted[0]));
	expect_result(shmq_housekeep(hall->segment), WORKERS);
	expect_figure(status_of(group).leased, 0);
	expect_figure(status_of(group).used, counter_get(&hall->admitted[0]));
	expect_figure(counter_get(&hall->admitted[0]) + drain(hall->component), LIMIT);
	shmq_component_put(group);
	shmq_component_put(hall->component);
	shmq_component_put(hall->other);
	shared_free(hall, sizeof(*hall));
}

/* ---- Deaths, stops, forks ---- */

Test(lease, of_killed_workers_comes_back_but_for_what_they_were_taking)
{
	struct hall *hall = open_hall(SHMQ_AMOUNT_MAX / 2, clock_calm_period_ns());
	struct prng prng = prng_seed(5, 0);
	uint64_t used, admitted;
	unsigned kills = 0;

	for (; kills < 40; kills++) {
		uint64_t calls = counter_get(&hall->calls);
		pid_t pid = process_start(take_on, 0, hall);

		cr_assert(counter_await(&hall->calls, calls + 1 + prng_below(&prng, 500), TIMEOUT_MS));
		expect_result(process_kill(pid), PROCESS_SIGNAL(SIGKILL));
		expect_result(shmq_housekeep(hall->segment), 1);
		expect_figure(status_of(hall->component).leased, 0);
	}
	used = status_of(hall->component).used;
	admitted = counter_get(&hall->admitted[0]);
	cr_assert_geq(used, admitted);
	/* Each may have been admitted one amount that it had no time to count, or been taking a batch. */
	cr_assert_leq(used - admitted, kills * LEASE);
	expect_result(shmq_segment_verify(hall->segment, NULL, NULL), 0);
	shared_free(hall, sizeof(*hall));
}

static int take_one_and_stand_still(unsigned index, void *context)
{
	struct hall *hall = context;

	(void)index;
	CHILD_RESULT(take(hall, hall->component, 1), SHMQ_OK);
	counter_add(&hall->gate.waiting, 1);
	raise(SIGSTOP);
	while (take(hall, hall->component, 1) == SHMQ_OK)
		;
	return 0;
}

Test(lease, of_a_stopped_worker_waits_for_it_and_holds_nobody_else_up)
{
	struct hall *hall = open_hall(LIMIT, clock_calm_period_ns());
	pid_t pid = process_start(take_one_and_stand_still, 0, hall);
	uint64_t mine;

	cr_assert(counter_await(&hall->gate.waiting, 1, TIMEOUT_MS));
	mine = drain(hall->component);
	expect_figure(status_of(hall->component).leased, LEASE - 1);
	expect_figure(mine, LIMIT - LEASE);
	cr_assert(process_stop(pid));
	expect_result(shmq_housekeep(hall->segment), 0); /* alive: nothing of it is given back */
	process_continue(pid);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	expect_figure(mine + counter_get(&hall->admitted[0]), LIMIT);
	shared_free(hall, sizeof(*hall));
}

static int take_as_a_child(unsigned index, void *context)
{
	struct hall *hall = context;
	struct shmq_status status;

	(void)index;
	CHILD_RESULT(take(hall, hall->component, 1), SHMQ_OK);
	CHILD_RESULT(shmq_status(hall->component, &status), 0);
	CHILD_CHECK(status.resource[SHMQ_MESSAGES].used == 2 * LEASE);
	CHILD_CHECK(status.resource[SHMQ_MESSAGES].leased == 2 * (LEASE - 1));
	return 0;
}

Test(lease, of_a_parent_is_not_its_childs)
{
	struct hall *hall = open_hall(LIMIT, clock_calm_period_ns());

	expect_result(take(hall, hall->component, 1), SHMQ_OK);
	expect_result(process_run(take_as_a_child, hall, TIMEOUT_MS), 0);
	expect_result(shmq_housekeep(hall->segment), 1);
	expect_figure(status_of(hall->component).used, LEASE + 1);
	expect_figure(status_of(hall->component).leased, LEASE - 1);
	expect_figure(2 + drain(hall->component), LIMIT);
	shared_free(hall, sizeof(*hall));
}

/* ---- What others change ---- */

/* All that was called before has returned. */
static void await_calls(struct hall *hall)
{
	cr_assert(counter_await(&hall->calls, counter_get(&hall->calls) + 1000, TIMEOUT_MS));
}

static void begin_phase(struct hall *hall)
{
	counter_set(&hall->phase, 1);
	await_calls(hall);
}

static void stop_all(struct hall *hall, const pid_t pids[WORKERS])
{
	counter_set(&hall->stop, 1);
	expect_figure(process_join_group(pids, WORKERS, TIMEOUT_MS), 0);
}

Test(lease, is_not_spent_after_a_reset)
{
	struct hall *hall = open_hall(LIMIT, clock_calm_period_ns());
	struct shmq_resource_status at_end;
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, take_on, hall);
	await_calls(hall);
	expect_result(shmq_reset(hall->component), 0);
	begin_phase(hall);
	cr_assert(counter_await(&hall->admitted[1], LIMIT / 2, TIMEOUT_MS));
	stop_all(hall, pids);
	shmq_housekeep(hall->segment);
	at_end = status_of(hall->component);
	cr_assert_leq(counter_get(&hall->admitted[1]), LIMIT);
	/* What was admitted by calls that the reset met is counted in either window. */
	cr_assert_geq(at_end.used, counter_get(&hall->admitted[1]));
	expect_figure(at_end.used + drain(hall->component), LIMIT);
	shared_free(hall, sizeof(*hall));
}

Test(lease, is_not_spent_after_a_policy_lowered_the_limit)
{
	struct hall *hall = open_hall(SHMQ_AMOUNT_MAX / 2, clock_calm_period_ns());
	struct shmq_quota lowered = quota_leased(10, clock_calm_period_ns());
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, take_on, hall);
	await_calls(hall);
	expect_result(shmq_component_set(hall->segment, "tenant", &lowered), 0);
	begin_phase(hall);
	await_calls(hall);
	stop_all(hall, pids);
	expect_figure(counter_get(&hall->admitted[1]), 0);
	cr_assert_geq(shmq_housekeep(hall->segment), 1); /* who came too late took nothing */
	expect_figure(status_of(hall->component).leased, 0);
	expect_figure(status_of(hall->component).used, counter_get(&hall->admitted[0]));
	shared_free(hall, sizeof(*hall));
}

Test(lease, is_not_spent_after_the_component_is_gone)
{
	struct hall *hall = open_hall(SHMQ_AMOUNT_MAX / 2, clock_calm_period_ns());
	struct shmq_quota quota = quota_leased(LIMIT, clock_calm_period_ns());
	struct shmq_component *again;
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, take_on, hall);
	await_calls(hall);
	expect_result(shmq_component_unregister(hall->segment, "tenant"), 0);
	counter_set(&hall->phase, 1);
	again = fixture_component(hall->segment, "tenant", &quota);
	await_calls(hall);
	expect_figure(status_of(again).used, 0);
	stop_all(hall, pids);
	expect_figure(counter_get(&hall->admitted[1]), 0);
	cr_assert_geq(shmq_housekeep(hall->segment), 0);
	expect_figure(drain(again), LIMIT);
	shared_free(hall, sizeof(*hall));
}

/* ---- Windows that roll ---- */

static int take_and_note(unsigned index, void *context)
{
	struct hall *hall = context;

	(void)index;
	while (counter_get(&hall->stop) == 0) {
		uint64_t before = clock_coarse_ns();
		int result = shmq_try_consume(hall->component, SHMQ_MESSAGES, 1, NULL);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		ledger_note(hall->ledger, before, clock_now_ns(), result == SHMQ_OK);
	}
	return 0;
}

Test(lease, keeps_every_window_within_its_limit_while_a_worker_is_stopped)
{
	struct hall *hall = open_hall(LIMIT / 10, PERIOD);
	struct prng prng = prng_seed(17, 0);
	struct ledger_audit audit;
	pid_t pids[2];

	hall->ledger = ledger_open(PERIOD, 30 * SECOND);
	process_start_group(pids, 2, take_and_note, hall);
	for (int i = 0; i < 12; i++) {
		clock_sleep_ns(prng_below(&prng, PERIOD));
		cr_assert(process_stop(pids[0]));
		clock_sleep_ns(prng_below(&prng, PERIOD));
		process_continue(pids[0]);
	}
	counter_set(&hall->stop, 1);
	expect_figure(process_join_group(pids, 2, TIMEOUT_MS), 0);
	audit = ledger_audit(hall->ledger, LIMIT / 10);
	expect_figure(audit.over, 0);
	cr_assert_gt(audit.saturated, 2, "the limit was hardly put to the test");
	ledger_close(hall->ledger);
	shared_free(hall, sizeof(*hall));
}
