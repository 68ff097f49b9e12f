/* SPDX-License-Identifier: MIT */
/*
 * Threads: the first operation attaches one, its end detaches it, and there are as many at a time as the segment was
 * made for. One more is refused cleanly and gets in as soon as another has ended.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(threads, FIXTURE);

#define TIMEOUT_MS 10000
#define SLOTS 4

static struct shmq_segment *the_segment;
static struct shmq_component *the_tenant;

static void set_up(unsigned threads)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(100000);

	options.threads = threads;
	the_segment = fixture_segment(&options);
	the_tenant = fixture_component(the_segment, "tenant", &quota);
}

static void *take_one(void *argument)
{
	int *result = argument;

	*result = shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL);
	return NULL;
}

static int take_one_in_a_thread(void)
{
	pthread_t thread;
	int result = -1;

	if (pthread_create(&thread, NULL, take_one, &result) != 0)
		return -ENOMEM;
	pthread_join(thread, NULL);
	return result;
}

static uint32_t slots_used(void)
{
	struct shmq_info info = {.size = sizeof(info)};

	expect_result(shmq_segment_info(the_segment, &info), 0);
	return info.threads_used;
}

Test(threads, that_end_give_their_slot_back)
{
	uint32_t before;

	set_up(SLOTS);
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	before = slots_used();
	for (unsigned i = 0; i < 100; i++)
		expect_result(take_one_in_a_thread(), SHMQ_OK);
	expect_figure(fixture_used(the_tenant, SHMQ_MESSAGES), 101);
	expect_figure(slots_used(), before);
}

/* A thread that attaches, then stays until it is told to go. */
struct guest {
	struct counter arrived, may_go, left;
	int result;
};

static void *stay(void *argument)
{
	struct guest *guest = argument;

	guest->result = shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL);
	counter_add(&guest->arrived, 1);
	counter_await(&guest->may_go, 1, TIMEOUT_MS);
	return NULL;
}

static void *try_again_later(void *argument)
{
	struct guest *guest = argument;

	guest->result = shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL);
	counter_add(&guest->arrived, 1);
	counter_await(&guest->may_go, 1, TIMEOUT_MS);
	/* The same thread, which was refused, is let in. */
	guest->result = shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL);
	return NULL;
}

static void start_guest(pthread_t *thread, struct guest *guest, void *(*body)(void *))
{
	cr_assert_eq(pthread_create(thread, NULL, body, guest), 0);
	cr_assert(counter_await(&guest->arrived, 1, TIMEOUT_MS));
}

static void dismiss_guest(pthread_t thread, struct guest *guest)
{
	counter_set(&guest->may_go, 1);
	pthread_join(thread, NULL);
}

Test(threads, beyond_the_slots_are_refused_until_one_ends)
{
	static struct guest guests[SLOTS + 1];
	pthread_t threads[SLOTS + 1];
	unsigned inside;

	set_up(SLOTS);
	/* The main thread has a slot of its own from here on. */
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	for (inside = 0; inside < SLOTS - 1; inside++) {
		start_guest(&threads[inside], &guests[inside], stay);
		expect_result(guests[inside].result, SHMQ_OK);
	}
	expect_result(take_one_in_a_thread(), -EAGAIN);
	start_guest(&threads[SLOTS], &guests[SLOTS], try_again_later);
	expect_result(guests[SLOTS].result, -EAGAIN);
	expect_figure(fixture_used(the_tenant, SHMQ_MESSAGES), SLOTS);
	/* Those inside are not disturbed. */
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	dismiss_guest(threads[0], &guests[0]);
	dismiss_guest(threads[SLOTS], &guests[SLOTS]);
	expect_result(guests[SLOTS].result, SHMQ_OK);
	expect_figure(fixture_used(the_tenant, SHMQ_MESSAGES), SLOTS + 2);
	for (unsigned i = 1; i < inside; i++)
		dismiss_guest(threads[i], &guests[i]);
	expect_result(take_one_in_a_thread(), SHMQ_OK);
}

static int child_stays(unsigned index, void *context)
{
	struct gate *gate = context;

	(void)index;
	CHILD_RESULT(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	gate_wait(gate);
	return 0;
}

static int child_is_refused(unsigned index, void *context)
{
	struct shmq_component *found = NULL;
	struct shmq_status status;
	struct shmq_verdict verdict;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_check(the_tenant, SHMQ_MESSAGES, 1, &verdict), -EAGAIN);
	CHILD_RESULT(shmq_consume(the_tenant, SHMQ_MESSAGES, 1), -EAGAIN);
	CHILD_RESULT(shmq_release(the_tenant, SHMQ_STORAGE, 1), -EAGAIN);
	CHILD_RESULT(shmq_reset(the_tenant), -EAGAIN);
	CHILD_RESULT(shmq_status(the_tenant, &status), -EAGAIN);
	CHILD_RESULT(shmq_component_find(&found, the_segment, "tenant"), -EAGAIN);
	return 0;
}

Test(threads, of_other_processes_count_as_well)
{
	struct gate *gate = shared_alloc(sizeof(*gate));
	pid_t pids[SLOTS];

	set_up(SLOTS);
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	process_start_group(pids, SLOTS - 1, child_stays, gate);
	cr_assert(counter_await(&gate->waiting, SLOTS - 1, TIMEOUT_MS));
	cr_assert_eq(process_run(child_is_refused, NULL, TIMEOUT_MS), 0);
	/* A worker that is killed makes room as one that ends does, reaped or not. */
	cr_assert_eq(process_kill(pids[0]), PROCESS_SIGNAL(9));
	pids[0] = process_start(child_stays, 0, gate);
	cr_assert(counter_await(&gate->waiting, SLOTS, TIMEOUT_MS));
	cr_assert(gate_open(gate, SLOTS));
	expect_figure(process_join_group(pids, SLOTS - 1, TIMEOUT_MS), 0);
	expect_figure(fixture_used(the_tenant, SHMQ_MESSAGES), SLOTS + 1);
}

Test(threads, need_no_slot_of_their_own_to_look_when_observing)
{
	struct shmq_segment *observed = NULL;
	struct shmq_component *seen = NULL;
	struct gate *gate = shared_alloc(sizeof(*gate));
	pid_t pids[SLOTS];

	set_up(SLOTS);
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	process_start_group(pids, SLOTS - 1, child_stays, gate);
	cr_assert(counter_await(&gate->waiting, SLOTS - 1, TIMEOUT_MS));
	expect_result(shmq_segment_open(&observed, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&seen, observed, "tenant"), 0);
	expect_figure(fixture_used(seen, SHMQ_MESSAGES), SLOTS);
	shmq_component_put(seen);
	shmq_segment_close(observed);
	cr_assert(gate_open(gate, SLOTS - 1));
	expect_figure(process_join_group(pids, SLOTS - 1, TIMEOUT_MS), 0);
}

static bool own_slot_is_shown_alive(void)
{
	struct shmq_worker worker;

	for (uint32_t slot = 0; slot < SLOTS; slot++)
		if (shmq_worker_at(the_segment, slot, &worker) == 0 && worker.tid == (uint32_t)getpid())
			return worker.alive && worker.slot == slot && worker.attached_ns <= clock_now_ns();
	return false;
}

Test(threads, are_shown_with_their_slot_alive_or_dead)
{
	struct gate *gate = shared_alloc(sizeof(*gate));
	struct shmq_worker worker;
	bool seen = false;
	pid_t child;

	set_up(SLOTS);
	expect_result(shmq_try_consume(the_tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	cr_assert(own_slot_is_shown_alive());
	child = process_start(child_stays, 0, gate);
	cr_assert(counter_await(&gate->waiting, 1, TIMEOUT_MS));
	cr_assert_eq(process_kill(child), PROCESS_SIGNAL(9));
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		if (shmq_worker_at(the_segment, slot, &worker) == 0 && worker.tid == (uint32_t)child) {
			cr_assert_not(worker.alive);
			seen = true;
		}
	cr_assert(seen, "the slot of a killed worker is not shown");
	expect_result(shmq_housekeep(the_segment), 1);
	expect_result(shmq_housekeep(the_segment), 0);
	cr_assert(own_slot_is_shown_alive());
	expect_result(shmq_worker_at(the_segment, SLOTS, &worker), -EINVAL);
}
