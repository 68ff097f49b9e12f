/* SPDX-License-Identifier: MIT */
/*
 * shmq_memory_set(): what a process says it holds. One share per process and component, whichever thread states it;
 * only growth is checked; the share goes with the process.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(memory, FIXTURE);

#define TIMEOUT_MS 10000

static struct shmq_segment *the_segment;
static struct shmq_component *tenant;

static void set_up(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(100);

	options.threads = 16;
	options.reservations = 4;
	the_segment = fixture_segment(&options);
	tenant = fixture_component(the_segment, "tenant", &quota);
}

static void expect_used(uint64_t expected)
{
	expect_figure(fixture_used(tenant, SHMQ_MEMORY), expected);
}

static void expect_sound(void)
{
	expect_result(shmq_segment_verify(the_segment, NULL, NULL), 0);
}

Test(memory, is_what_was_stated_last)
{
	set_up();
	for (unsigned i = 0; i < 2; i++) {
		expect_result(shmq_memory_set(tenant, 40, NULL), SHMQ_OK);
		expect_used(40);
		expect_result(shmq_memory_set(tenant, 40, NULL), SHMQ_OK);
		expect_result(shmq_memory_set(tenant, 100, NULL), SHMQ_OK);
		expect_used(100);
		expect_result(shmq_memory_set(tenant, 1, NULL), SHMQ_OK);
		expect_used(1);
		expect_result(shmq_memory_set(tenant, 0, NULL), SHMQ_OK);
		expect_used(0);
	}
	expect_sound();
}

Test(memory, that_cannot_grow_stays_as_it_was)
{
	struct shmq_verdict verdict;

	set_up();
	expect_result(shmq_try_consume(tenant, SHMQ_MEMORY, 30, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(tenant, 50, &verdict), SHMQ_OK);
	expect_figure(verdict.remaining, 20);
	expect_result(shmq_memory_set(tenant, 71, &verdict), SHMQ_DENIED);
	expect_figure(verdict.current, 80);
	expect_figure(verdict.requested, 21);
	expect_figure(verdict.limit, 100);
	expect_figure(verdict.retry_after_ns, UINT64_MAX);
	expect_used(80);
	expect_result(shmq_memory_set(tenant, 70, &verdict), SHMQ_OK);
	expect_used(100);
	expect_result(shmq_memory_set(tenant, 10, &verdict), SHMQ_OK);
	expect_figure(verdict.remaining, 60);
	expect_used(40);
	expect_sound();
}

/* Less is always less, also when the limit was lowered below what is held. */
Test(memory, may_always_shrink)
{
	set_up();
	fixture_publish(the_segment, "[component:other]\nmemory = 100\n");
	expect_result(shmq_component_find(&tenant, the_segment, "other"), 0);
	expect_result(shmq_memory_set(tenant, 90, NULL), SHMQ_OK);
	fixture_publish(the_segment, "[component:other]\nmemory = 10\n");
	expect_result(shmq_memory_set(tenant, 91, NULL), SHMQ_DENIED);
	expect_result(shmq_memory_set(tenant, 50, NULL), SHMQ_OK);
	expect_used(50);
	expect_result(shmq_memory_set(tenant, 51, NULL), SHMQ_DENIED);
	expect_result(shmq_memory_set(tenant, 5, NULL), SHMQ_OK);
	expect_used(5);
	shmq_component_put(tenant);
}

Test(memory, wants_proper_arguments)
{
	set_up();
	expect_result(shmq_memory_set(NULL, 1, NULL), -EINVAL);
	expect_result(shmq_memory_set(tenant, SHMQ_AMOUNT_MAX + 1, NULL), -EOVERFLOW);
	expect_result(shmq_component_unregister(the_segment, "tenant"), 0);
	expect_result(shmq_memory_set(tenant, 1, NULL), -ESTALE);
}

/* A name that comes back is another component: of the first one's share nothing is left. */
Test(memory, belongs_to_one_registration)
{
	struct shmq_quota quota = quota_calm(100);

	set_up();
	for (unsigned i = 0; i < 10; i++) {
		expect_result(shmq_memory_set(tenant, 90, NULL), SHMQ_OK);
		expect_result(shmq_component_unregister(the_segment, "tenant"), 0);
		shmq_housekeep(the_segment);
		tenant = fixture_component(the_segment, "tenant", &quota);
		expect_used(0);
		expect_sound();
	}
	expect_result(shmq_memory_set(tenant, 100, NULL), SHMQ_OK);
	expect_used(100);
}

Test(memory, is_held_for_as_many_components_as_the_ledger_has_room_for)
{
	struct shmq_component *others[5];
	char name[] = "other0";

	set_up();
	for (unsigned i = 0; i < 5; i++, name[5]++)
		others[i] = fixture_component(the_segment, name, NULL);
	for (unsigned i = 0; i < 4; i++)
		expect_result(shmq_memory_set(others[i], 10, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(others[4], 10, NULL), -EAGAIN);
	expect_figure(fixture_used(others[4], SHMQ_MEMORY), 0);
	expect_result(shmq_memory_set(others[2], 20, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(others[0], 0, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(others[4], 10, NULL), SHMQ_OK);
	expect_sound();
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

static void *state_sixty(void *argument)
{
	(void)argument;
	return shmq_memory_set(tenant, 60, NULL) == SHMQ_OK ? tenant : NULL;
}

static void *state_at_random(void *argument)
{
	struct prng prng = prng_seed(1, (uint64_t)(uintptr_t)argument);

	for (unsigned i = 0; i < 20000; i++)
		shmq_memory_set(tenant, prng_below(&prng, 120), NULL);
	return NULL;
}

Test(memory, is_one_share_whichever_thread_states_it)
{
	pthread_t thread;
	void *result;

	set_up();
	expect_result(shmq_memory_set(tenant, 50, NULL), SHMQ_OK);
	cr_assert_eq(pthread_create(&thread, NULL, state_sixty, NULL), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	cr_assert_eq(result, tenant);
	expect_used(60);
	expect_result(shmq_memory_set(tenant, 0, NULL), SHMQ_OK);
	/* First stated by a thread that ends: the share is the process's. */
	cr_assert_eq(pthread_create(&thread, NULL, state_sixty, NULL), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	expect_result(shmq_housekeep(the_segment), 0);
	expect_used(60);
	expect_result(shmq_memory_set(tenant, 70, NULL), SHMQ_OK);
	expect_used(70);
	expect_result(shmq_memory_set(tenant, 0, NULL), SHMQ_OK);
	expect_used(0);
	expect_sound();
}

Test(memory, comes_out_even_when_threads_state_it_at_the_same_time)
{
	pthread_t threads[4];

	set_up();
	for (uintptr_t i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, state_at_random, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	cr_assert_leq(fixture_used(tenant, SHMQ_MEMORY), 100);
	expect_sound();
	expect_result(shmq_memory_set(tenant, 33, NULL), SHMQ_OK);
	expect_used(33);
}

/* ---- Processes --------------------------------------------------------------------------------------------------- */

struct stage {
	struct counter ready, go, done;
};

/* Hold 20, and, when told, nothing any more; or for ever. */
static int hold_twenty(unsigned index, void *context)
{
	struct stage *stage = context;

	CHILD_RESULT(shmq_memory_set(tenant, 20, NULL), SHMQ_OK);
	counter_add(&stage->ready, 1);
	while (index != 0 || counter_get(&stage->go) == 0)
		clock_sleep_ns(MS);
	CHILD_RESULT(shmq_memory_set(tenant, 0, NULL), SHMQ_OK);
	counter_add(&stage->done, 1);
	return 0;
}

Test(memory, is_the_sum_of_what_living_processes_hold)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t children[3];

	set_up();
	expect_result(shmq_memory_set(tenant, 40, NULL), SHMQ_OK);
	process_start_group(children, 3, hold_twenty, stage);
	cr_assert(counter_await(&stage->ready, 3, TIMEOUT_MS));
	expect_used(100);
	expect_result(shmq_memory_set(tenant, 41, NULL), SHMQ_DENIED);
	counter_set(&stage->go, 1);
	cr_assert(counter_await(&stage->done, 1, TIMEOUT_MS));
	expect_used(80);
	for (unsigned i = 1; i < 3; i++) {
		cr_assert_eq(process_kill(children[i]), PROCESS_SIGNAL(9));
		shmq_housekeep(the_segment);
		expect_used(80 - 20 * i);
		expect_sound();
	}
	cr_assert_eq(process_join(children[0], TIMEOUT_MS), 0);
	expect_used(40);
}

static int begin_anew(unsigned index, void *context)
{
	(void)index;
	(void)context;
	/* The parent holds 40; what is stated here is this process's alone. */
	CHILD_RESULT(shmq_memory_set(tenant, 0, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(tenant, 60, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(tenant, 61, NULL), SHMQ_DENIED);
	CHILD_RESULT(shmq_memory_set(tenant, 10, NULL), SHMQ_OK);
	return 0;
}

Test(memory, is_not_inherited_by_a_forked_child)
{
	set_up();
	expect_result(shmq_memory_set(tenant, 40, NULL), SHMQ_OK);
	cr_assert_eq(process_run(begin_anew, NULL, TIMEOUT_MS), 0);
	expect_used(50);
	expect_result(shmq_housekeep(the_segment), 1);
	expect_used(40);
	expect_sound();
}

/* ---- Conservation ------------------------------------------------------------------------------------------------ */

/* What a victim takes for good is always one piece, and the next thing it does is to release that. */
#define PIECE 3
#define VICTIMS 2
#define VICTIM_THREADS 2

static void *hold_and_commit(void *context)
{
	struct prng prng = prng_seed(7, (uint64_t)getpid() * 2 + (context == NULL));

	for (;;) {
		struct shmq_reservation kept, dropped;

		shmq_memory_set(tenant, prng_below(&prng, 30), NULL);
		if (shmq_reserve(&dropped, tenant, SHMQ_STORAGE, 1 + prng_below(&prng, 10), NULL) != SHMQ_OK)
			continue;
		if (shmq_reserve(&kept, tenant, SHMQ_STORAGE, 10, NULL) == SHMQ_OK) {
			shmq_commit(&kept, PIECE);
			shmq_release(tenant, SHMQ_STORAGE, PIECE);
		}
		shmq_cancel(&dropped);
	}
	return NULL;
}

static int be_a_victim(unsigned index, void *context)
{
	pthread_t thread;

	(void)index;
	CHILD_RESULT(pthread_create(&thread, NULL, hold_and_commit, NULL), 0);
	counter_add(context, 1);
	hold_and_commit(context);
	return 0;
}

/*
 * Killed at random moments and recovered at once, by housekeeping or by the next one's attaching. What a killed thread
 * may leave counted for good is one piece, committed and not yet released.
 */
Test(memory, and_reservations_of_killed_workers_are_returned_exactly_once)
{
	struct counter *born = shared_alloc(sizeof(*born));
	struct prng prng = prng_seed(3, 0);

	set_up();
	for (unsigned round = 0; round < 150; round++) {
		uint64_t storage, before = counter_get(born);
		pid_t victims[VICTIMS];

		process_start_group(victims, VICTIMS, be_a_victim, born);
		cr_assert(counter_await(born, before + VICTIMS, TIMEOUT_MS));
		clock_sleep_ns(prng_below(&prng, 3 * MS));
		for (unsigned i = 0; i < VICTIMS; i++)
			cr_assert_eq(process_kill(victims[i]), PROCESS_SIGNAL(9));
		expect_sound();
		shmq_housekeep(the_segment);
		expect_used(0);
		expect_sound();
		storage = fixture_used(tenant, SHMQ_STORAGE);
		cr_assert(storage % PIECE == 0 && storage <= VICTIMS * VICTIM_THREADS * PIECE,
		          "storage is %" PRIu64 " after the dead were recovered", storage);
		expect_result(shmq_release(tenant, SHMQ_STORAGE, storage), 0);
	}
}
