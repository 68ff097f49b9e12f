/* SPDX-License-Identifier: MIT */
/*
 * What is held by a process that ends: by returning, by exit, by a signal, by exec, by closing; with one thread and with
 * two; returned by housekeeping or by who needs the slot, also where several keep house and where they are killed.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"
#include "tenant.h"

TestSuite(recovery, FIXTURE);

#define TIMEOUT_MS 10000

static void *reserve_ten(void *argument)
{
	return shmq_reserve(argument, tenant, SHMQ_STORAGE, 10, NULL) == SHMQ_OK ? argument : NULL;
}

static int find_that_it_holds_nothing(unsigned index, void *context)
{
	struct shmq_reservation *parents = context, own;

	(void)index;
	CHILD_RESULT(shmq_commit(parents, 10), -ESTALE);
	CHILD_RESULT(shmq_commit(parents, 10), -EINVAL);
	CHILD_RESULT(shmq_reserve(&own, tenant, SHMQ_STORAGE, 5, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_commit(&own, 5), 0);
	return 0;
}

Test(recovery, leaves_a_forked_child_nothing_of_its_parents)
{
	struct shmq_reservation level, rate;

	set_up();
	expect_result(shmq_reserve(&level, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_result(shmq_reserve(&rate, tenant, SHMQ_MESSAGES, 10, NULL), SHMQ_OK);
	cr_assert_eq(process_run(find_that_it_holds_nothing, &level, TIMEOUT_MS), 0);
	cr_assert_eq(process_run(find_that_it_holds_nothing, &rate, TIMEOUT_MS), 0);
	shmq_housekeep(the_segment);
	expect_used(SHMQ_STORAGE, 20);
	expect_used(SHMQ_MESSAGES, 10);
	shmq_cancel(&level);
	shmq_cancel(&rate);
	expect_used(SHMQ_STORAGE, 10);
	expect_used(SHMQ_MESSAGES, 0);
	expect_sound();
}

/* Reserve in one or in two threads, and end as told by the index. */
enum ending { BY_RETURN, BY_EXIT, BY_SIGNAL, BY_THREAD_AND_SIGNAL };

static int reserve_and_end(unsigned index, void *context)
{
	struct counter *ready = context;
	static struct shmq_reservation reservations[3];
	pthread_t thread;

	CHILD_RESULT(shmq_reserve(&reservations[0], tenant, SHMQ_STORAGE, 20, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_reserve(&reservations[1], tenant, SHMQ_MEMORY, 7, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(tenant, 5, NULL), SHMQ_OK);
	if (index == BY_THREAD_AND_SIGNAL) {
		CHILD_RESULT(pthread_create(&thread, NULL, reserve_ten, &reservations[2]), 0);
		CHILD_RESULT(pthread_join(thread, NULL), 0);
	}
	counter_add(ready, 1);
	if (index == BY_EXIT)
		exit(0);
	if (index < BY_SIGNAL)
		return 0;
	for (;;)
		pause();
}

/* Start a child that reserves, let it end, and leave it unrecovered. */
static void lose_one(enum ending ending)
{
	struct counter *ready = shared_alloc(sizeof(*ready));
	pid_t child = process_start(reserve_and_end, ending, ready);

	cr_assert(counter_await(ready, 1, TIMEOUT_MS));
	if (ending >= BY_SIGNAL)
		cr_assert_eq(process_kill(child), PROCESS_SIGNAL(9));
	else
		cr_assert_eq(process_join(child, TIMEOUT_MS), 0);
}

Test(recovery, by_housekeeping_serves_however_a_process_ended)
{
	set_up();
	for (enum ending ending = BY_RETURN; ending <= BY_THREAD_AND_SIGNAL; ending++) {
		lose_one(ending);
		expect_used(SHMQ_STORAGE, ending == BY_THREAD_AND_SIGNAL ? 30 : 20);
		expect_used(SHMQ_MEMORY, 12);
		expect_sound();
		expect_result(shmq_housekeep(the_segment), ending == BY_THREAD_AND_SIGNAL ? 2 : 1);
		expect_used(SHMQ_STORAGE, 0);
		expect_used(SHMQ_MEMORY, 0);
		expect_result(shmq_housekeep(the_segment), 0);
		expect_sound();
	}
}

/* A zombie is dead. */
Test(recovery, need_not_wait_until_a_process_is_waited_for)
{
	struct counter *ready = shared_alloc(sizeof(*ready));
	pid_t child;

	set_up();
	child = process_start(reserve_and_end, BY_SIGNAL, ready);
	cr_assert(counter_await(ready, 1, TIMEOUT_MS));
	expect_result(shmq_housekeep(the_segment), 0);
	kill(child, SIGKILL);
	for (unsigned i = 0; i < 1000 && fixture_used(tenant, SHMQ_STORAGE) > 0; i++) {
		shmq_housekeep(the_segment);
		clock_sleep_ns(MS);
	}
	expect_used(SHMQ_STORAGE, 0);
	process_join(child, TIMEOUT_MS);
}

static int use_a_slot(unsigned index, void *context)
{
	struct counter *ready = context;

	(void)index;
	CHILD_RESULT(shmq_check(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	counter_add(ready, 1);
	for (;;)
		pause();
}

/* Nobody keeps house: who needs the slot of the dead returns what they held. */
Test(recovery, is_done_by_who_takes_over_the_slot)
{
	struct counter *ready = shared_alloc(sizeof(*ready));
	pid_t child[4];

	set_up();
	lose_one(BY_SIGNAL);
	lose_one(BY_SIGNAL);
	expect_used(SHMQ_STORAGE, 40); /* three slots are taken, this one included */
	for (unsigned i = 0; i < 2; i++) {
		child[i] = process_start(use_a_slot, i, ready);
		cr_assert(counter_await(ready, i + 1, TIMEOUT_MS));
	}
	expect_used(SHMQ_STORAGE, 20);
	child[2] = process_start(use_a_slot, 2, ready);
	cr_assert(counter_await(ready, 3, TIMEOUT_MS));
	expect_used(SHMQ_STORAGE, 0);
	expect_sound();
	for (unsigned i = 0; i < 3; i++)
		process_kill(child[i]);
}

static int fill_the_ledger(unsigned index, void *context)
{
	struct shmq_reservation reservations[8];

	(void)index;
	for (unsigned i = 0; i < 8; i++)
		CHILD_RESULT(shmq_reserve(&reservations[i], tenant, i % 2 ? SHMQ_STORAGE : SHMQ_MEMORY, 1 + i, NULL),
		             SHMQ_OK);
	counter_add(context, 1);
	for (;;)
		pause();
}

static int keep_house(unsigned index, void *context)
{
	struct gate *gate = context;
	int recovered = 0;

	(void)index;
	gate_wait(gate);
	for (unsigned i = 0; i < 20; i++)
		recovered += shmq_housekeep(the_segment);
	return recovered;
}

/* Two lose eight reservations each; three keep house at the same time. */
Test(recovery, happens_once_however_many_keep_house)
{
	set_up();
	for (unsigned round = 0; round < 50; round++) {
		struct counter *ready = shared_alloc(sizeof(*ready));
		struct gate *gate = shared_alloc(sizeof(*gate));
		pid_t losers[2], keepers[3];
		int recovered = 0;

		process_start_group(losers, 2, fill_the_ledger, ready);
		cr_assert(counter_await(ready, 2, TIMEOUT_MS));
		expect_used(SHMQ_STORAGE, 40);
		process_start_group(keepers, 3, keep_house, gate);
		for (unsigned i = 0; i < 2; i++)
			process_kill(losers[i]);
		cr_assert(gate_open(gate, 3));
		for (unsigned i = 0; i < 3; i++)
			recovered += process_join(keepers[i], TIMEOUT_MS);
		cr_assert_eq(recovered, 2);
		expect_used(SHMQ_STORAGE, 0);
		expect_used(SHMQ_MEMORY, 0);
		expect_sound();
		shared_free(ready, sizeof(*ready));
		shared_free(gate, sizeof(*gate));
	}
}

static int keep_house_for_ever(unsigned index, void *context)
{
	(void)index;
	counter_add(context, 1);
	while (shmq_housekeep(the_segment) >= 0)
		;
	return 1;
}

/* Who recovers the dead may die, and so may who recovers that one. */
Test(recovery, happens_once_though_recoverers_are_killed)
{
	struct counter *ready = shared_alloc(sizeof(*ready));

	set_up();
	expect_used(SHMQ_STORAGE, 0);
	for (unsigned round = 0; round < 200; round++) {
		uint64_t before = counter_get(ready);
		pid_t loser = process_start(fill_the_ledger, 0, ready);
		pid_t keeper;

		cr_assert(counter_await(ready, before + 1, TIMEOUT_MS));
		expect_used(SHMQ_STORAGE, 20);
		keeper = process_start(keep_house_for_ever, 0, ready);
		cr_assert(counter_await(ready, before + 2, TIMEOUT_MS));
		/* A zombie is dead at once, so the keeper is at it when it is killed. */
		kill(loser, SIGKILL);
		clock_sleep_ns(round * MS / 100);
		process_kill(keeper);
		process_kill(loser);
		expect_sound();
		shmq_housekeep(the_segment);
		expect_used(SHMQ_STORAGE, 0);
		expect_used(SHMQ_MEMORY, 0);
		expect_sound();
	}
}

/* ---- exec -------------------------------------------------------------------------------------------------------- */

/* The same process, a new program: its first use returns what the old one held. */
static int look_again(const char *name)
{
	struct shmq_component *found;
	struct shmq_segment *segment;
	struct shmq_status status;

	CHILD_RESULT(shmq_segment_open(&segment, name, SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&found, segment, "tenant"), 0);
	CHILD_RESULT(shmq_status(found, &status), 0);
	CHILD_CHECK(status.resource[SHMQ_STORAGE].used == 0);
	CHILD_CHECK(status.resource[SHMQ_MEMORY].used == 0);
	shmq_component_put(found);
	shmq_segment_close(segment);
	return 0;
}
REEXEC_ENTRY(look_again)

static int reserve_and_exec(unsigned index, void *context)
{
	struct shmq_reservation reservation;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(tenant, 10, NULL), SHMQ_OK);
	return reexec("look_again", fixture_name());
}

Test(recovery, comes_with_exec)
{
	set_up();
	cr_assert_eq(process_run(reserve_and_exec, NULL, TIMEOUT_MS), 0);
	expect_used(SHMQ_STORAGE, 0);
	expect_sound();
}

/* ---- Closing ----------------------------------------------------------------------------------------------------- */

static int reserve_and_close(unsigned index, void *context)
{
	struct shmq_reservation reservation, other;
	struct shmq_component *found;
	struct shmq_segment *segment;
	struct shmq_status status;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_reserve(&other, tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&found, segment, "tenant"), 0);
	CHILD_RESULT(shmq_reserve(&reservation, found, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(found, 10, NULL), SHMQ_OK);
	shmq_component_put(found);
	shmq_segment_close(segment);
	/* The other opening of the same segment is a holder of its own. */
	CHILD_RESULT(shmq_status(tenant, &status), 0);
	CHILD_CHECK(status.resource[SHMQ_STORAGE].used == 1);
	CHILD_CHECK(status.resource[SHMQ_MEMORY].used == 0);
	CHILD_RESULT(shmq_commit(&other, 1), 0);
	return 0;
}

Test(recovery, comes_with_closing)
{
	set_up();
	cr_assert_eq(process_run(reserve_and_close, NULL, TIMEOUT_MS), 0);
	expect_used(SHMQ_STORAGE, 1);
	expect_sound();
}
