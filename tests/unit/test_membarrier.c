/* SPDX-License-Identifier: MIT */
/*
 * Sections without a fence of their own: who announces them, whom others can make pass a fence, and what becomes of
 * grace periods where the kernel refuses. Here the kernel's membarrier is the real one; what is seen while a store is on
 * its way is in test_store_buffer.c.
 */
#include "core/rcu.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/worker.h"

#include "../support/confine.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(membarrier, FIXTURE);

#define TIMEOUT_MS 10000
#define MEMBARRIER_GET_REGISTRATIONS (1 << 9) /* since Linux 6.3 */
#define REGISTERED_GLOBAL_EXPEDITED (1 << 2)

static struct shmq_segment *begin(bool has_membarrier)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.threads = 4;
	options.membarrier = has_membarrier;
	return fixture_segment(&options);
}

static struct shmq_shm_slot *enter(struct shmq_segment *segment)
{
	struct shmq_shm_slot *slot = NULL;

	expect_result(worker_enter(segment, &slot), 0);
	cr_assert_not_null(slot);
	return slot;
}

static uint32_t flags_of(const struct shmq_shm_slot *slot)
{
	return shm_load32_relaxed(&slot->flags);
}

/* True where the kernel says that this process accepts fences, or where it is too old to be asked. */
static bool accepts_fences(void)
{
	long registrations = syscall(SYS_membarrier, MEMBARRIER_GET_REGISTRATIONS, 0, 0);

	return registrations < 0 ? errno == EINVAL : (registrations & REGISTERED_GLOBAL_EXPEDITED) != 0;
}

/* ---- Who announces it ---- */

Test(membarrier, is_announced_by_who_attaches)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_shm_slot *slot = enter(segment);

	cr_assert(segment->has_membarrier);
	cr_assert(accepts_fences());
	expect_figure(flags_of(slot), SLOT_MEMBARRIER);
	worker_leave(slot);
}

static int find_no_announcement(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;
	struct shmq_shm_slot *slot;

	(void)index;
	(void)context;
	CHILD_RESULT(confine_kill(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_CHECK(!segment->has_membarrier);
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	CHILD_CHECK(flags_of(slot) == 0);
	CHILD_CHECK(!rcu_poll(segment, rcu_cookie(segment)));
	worker_leave(slot);
	CHILD_CHECK(rcu_poll(segment, rcu_cookie(segment)));
	shmq_segment_close(segment);
	return 0;
}

Test(membarrier, is_not_called_where_nobody_asked_for_it)
{
	begin(false);
	expect_result(process_run(find_no_announcement, NULL, TIMEOUT_MS), 0);
}

static int find_that_it_accepts(unsigned index, void *context)
{
	struct shmq_segment *segment = context;
	struct shmq_shm_slot *slot;

	(void)index;
	CHILD_CHECK(accepts_fences());
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	CHILD_CHECK(flags_of(slot) == SLOT_MEMBARRIER);
	CHILD_CHECK(!rcu_poll(segment, shm_load_acquire(&segment->policy->control.epoch)));
	worker_leave(slot);
	return 0;
}

Test(membarrier, is_inherited_by_children)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_shm_slot *slot = enter(segment);

	/* The parent is inside, and its child sees it. */
	rcu_cookie(segment);
	expect_result(process_run(find_that_it_accepts, segment, TIMEOUT_MS), 0);
	worker_leave(slot);
}

static int observe(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)context;
	CHILD_RESULT(confine_kill(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	CHILD_CHECK(!segment->has_membarrier);
	shmq_segment_close(segment);
	return 0;
}

Test(membarrier, is_nothing_to_observers)
{
	begin(true);
	expect_result(process_run(observe, NULL, TIMEOUT_MS), 0);
}

/* What an ended thread leaves has no sections: the flag goes with the thread. */
static void *hold_and_end(void *context)
{
	static struct shmq_reservation reservation;

	return shmq_reserve(&reservation, context, SHMQ_STORAGE, 1, NULL) == SHMQ_OK ? &reservation : NULL;
}

Test(membarrier, is_no_flag_of_a_slot_that_was_left_to_its_process)
{
	struct shmq_segment *segment = begin(true);
	struct shmq_component *tenant = fixture_component(segment, "tenant", NULL);
	struct shmq_reservation *reservation;
	void *held;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, hold_and_end, tenant), 0);
	pthread_join(thread, &held);
	reservation = held;
	cr_assert_not_null(reservation);
	expect_figure(flags_of(&segment->slots[reservation->slot]), SLOT_OF_PROCESS);
	expect_result(shmq_commit(reservation, 1), 0);
}

/* ---- Where the kernel refuses ---- */

static int work_with_fences(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;
	struct shmq_shm_slot *slot;

	(void)index;
	(void)context;
	CHILD_RESULT(confine_refuse(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_CHECK(!segment->has_membarrier);
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	CHILD_CHECK(flags_of(slot) == 0);
	/* It knows its own slot, and there is no other. */
	CHILD_CHECK(!rcu_poll(segment, rcu_cookie(segment)));
	worker_leave(slot);
	CHILD_CHECK(rcu_poll(segment, rcu_cookie(segment)));
	shmq_segment_close(segment);
	return 0;
}

Test(membarrier, is_done_without_where_a_process_may_not_use_it)
{
	begin(true);
	expect_result(process_run(work_with_fences, NULL, TIMEOUT_MS), 0);
}

/* Slots are claimed again, by processes of either kind. */
Test(membarrier, is_no_flag_of_the_next_owner)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;

	options.threads = 1;
	options.membarrier = true;
	segment = fixture_segment(&options);
	worker_leave(enter(segment));
	expect_figure(flags_of(&segment->slots[0]), SLOT_MEMBARRIER);
	worker_detach_all(segment);
	expect_result(process_run(work_with_fences, NULL, TIMEOUT_MS), 0);
}

struct stage {
	struct shmq_segment *segment;
	struct counter attached, leave, polled;
};

/* Attached and idle, until it is told to leave; then it dies with its slot. */
static int stand_by(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_shm_slot *slot;

	(void)index;
	CHILD_RESULT(worker_enter(stage->segment, &slot), 0);
	worker_leave(slot);
	counter_set(&stage->attached, 1);
	CHILD_CHECK(counter_await(&stage->leave, 1, TIMEOUT_MS));
	return 0;
}

static int drive_without_asking(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_segment *segment = NULL;
	uint64_t cookie;

	(void)index;
	CHILD_RESULT(confine_refuse(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	cookie = rcu_cookie(segment);
	for (int i = 0; i < 10; i++)
		CHILD_CHECK(!rcu_poll(segment, cookie));
	CHILD_CHECK(rcu_done(segment) < cookie);
	counter_set(&stage->polled, cookie);
	CHILD_CHECK(counter_await(&stage->leave, 1, TIMEOUT_MS));
	CHILD_CHECK(rcu_wait(segment, cookie, TIMEOUT_MS));
	CHILD_CHECK(rcu_done(segment) >= cookie);
	shmq_segment_close(segment);
	return 0;
}

/* It must not take an idle slot for idle; it waits until the owner is dead. */
Test(membarrier, is_waited_for_by_who_may_not_ask_for_it)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t owner, driver;

	stage->segment = begin(true);
	owner = process_start(stand_by, 0, stage);
	cr_assert(counter_await(&stage->attached, 1, TIMEOUT_MS));
	driver = process_start(drive_without_asking, 0, stage);
	cr_assert(counter_await(&stage->polled, 1, TIMEOUT_MS));
	counter_set(&stage->leave, 1);
	expect_result(process_join(owner, TIMEOUT_MS), 0);
	expect_result(process_join(driver, TIMEOUT_MS), 0);
}

static int find_it_over(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_segment *segment = NULL;

	(void)index;
	CHILD_RESULT(confine_refuse(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_CHECK(!rcu_poll(segment, rcu_cookie(segment)));
	CHILD_CHECK(rcu_poll(segment, counter_get(&stage->polled)));
	shmq_segment_close(segment);
	return 0;
}

/* One controller that may ask is enough for all: what it found out is known to the others. */
Test(membarrier, is_asked_for_by_one_for_all)
{
	struct stage *stage = shared_alloc(sizeof(*stage));

	stage->segment = begin(true);
	worker_leave(enter(stage->segment));
	counter_set(&stage->polled, rcu_cookie(stage->segment));
	cr_assert(rcu_poll(stage->segment, counter_get(&stage->polled)));
	expect_result(process_run(find_it_over, stage, TIMEOUT_MS), 0);
}
