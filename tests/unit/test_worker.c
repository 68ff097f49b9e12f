/* SPDX-License-Identifier: MIT */
/*
 * Slots of threads: claimed at the first operation, given back at the end, taken over from the dead, and never touched
 * by a forked child or a new program image.
 */
#include "core/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "core/handle.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"

TestSuite(worker, FIXTURE);

#define TIMEOUT_MS 10000

static struct shmq_segment *segment_for(uint32_t threads)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 16;
	options.threads = threads;
	return fixture_segment(&options);
}

static int touch(struct shmq_segment *segment)
{
	struct shmq_shm_slot *slot;
	int result = worker_enter(segment, &slot);

	if (result == 0)
		worker_leave(slot);
	return result;
}

static struct shmq_shm_slot *attach(struct shmq_segment *segment)
{
	struct shmq_shm_slot *slot = NULL;

	expect_result(worker_enter(segment, &slot), 0);
	worker_leave(slot);
	return slot;
}

static unsigned owned_by(const struct shmq_segment *segment, uint64_t token)
{
	unsigned owned = 0;

	for (uint32_t i = 0; i < segment->layout.threads; i++)
		owned += shm_load_relaxed(&segment->slots[i].owner) == token;
	return owned;
}

static unsigned owned(const struct shmq_segment *segment)
{
	return segment->layout.threads - owned_by(segment, 0);
}

/* ---- Threads ---- */

Test(worker, attaches_at_its_first_operation_and_keeps_its_slot)
{
	struct shmq_segment *segment = segment_for(4);
	struct shmq_shm_slot *slot;

	expect_figure(owned(segment), 0);
	slot = attach(segment);
	expect_figure(shm_load_relaxed(&slot->owner), process_token());
	for (int i = 0; i < 100; i++)
		cr_assert_eq(attach(segment), slot);
	expect_figure(owned(segment), 1);
}

Test(worker, attaches_without_touching_errno)
{
	struct shmq_segment *segment = segment_for(4);

	errno = 4711;
	attach(segment);
	cr_assert_eq(errno, 4711);
}

Test(worker, that_observes_does_not_attach)
{
	struct shmq_segment *observer = NULL;

	segment_for(4);
	expect_result(shmq_segment_open(&observer, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(touch(observer), -EROFS);
	expect_result(worker_recover(observer), -EACCES);
	expect_figure(owned(observer), 0);
	shmq_segment_close(observer);
}

static void *touch_in_thread(void *segment)
{
	return (void *)(intptr_t)touch(segment);
}

static int touch_in_new_thread(struct shmq_segment *segment)
{
	void *result = NULL;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, touch_in_thread, segment), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

Test(worker, thread_that_ends_gives_its_slot_back)
{
	struct shmq_segment *segment = segment_for(2);

	attach(segment);
	for (int i = 0; i < 50; i++) {
		expect_result(touch_in_new_thread(segment), 0);
		expect_figure(owned(segment), 1);
	}
}

struct crowd {
	struct shmq_segment *segment;
	pthread_barrier_t attached, done;
	struct counter failures;
};

static void *join_crowd(void *context)
{
	struct crowd *crowd = context;

	if (touch(crowd->segment) != 0)
		counter_add(&crowd->failures, 1);
	pthread_barrier_wait(&crowd->attached);
	pthread_barrier_wait(&crowd->done);
	return NULL;
}

Test(worker, threads_that_attach_at_once_get_a_slot_each)
{
	static struct crowd crowd;
	pthread_t threads[32];

	crowd.segment = segment_for(32);
	pthread_barrier_init(&crowd.attached, NULL, 33);
	pthread_barrier_init(&crowd.done, NULL, 33);
	for (int i = 0; i < 32; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, join_crowd, &crowd), 0);
	pthread_barrier_wait(&crowd.attached);
	expect_figure(counter_get(&crowd.failures), 0);
	expect_figure(owned(crowd.segment), 32);
	expect_result(touch(crowd.segment), -EAGAIN);
	pthread_barrier_wait(&crowd.done);
	for (int i = 0; i < 32; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	expect_figure(owned(crowd.segment), 0);
	expect_result(touch(crowd.segment), 0);
}

Test(worker, detaches_all_its_threads_when_the_segment_is_closed)
{
	static struct crowd crowd;
	struct shmq_segment *observer = NULL;
	pthread_t threads[4];

	segment_for(8);
	expect_result(shmq_segment_open(&observer, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_segment_open(&crowd.segment, fixture_name(), SHMQ_WORK), 0);
	pthread_barrier_init(&crowd.attached, NULL, 5);
	pthread_barrier_init(&crowd.done, NULL, 5);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, join_crowd, &crowd), 0);
	pthread_barrier_wait(&crowd.attached);
	expect_figure(owned(observer), 4);
	shmq_segment_close(crowd.segment);
	expect_figure(owned(observer), 0);
	pthread_barrier_wait(&crowd.done);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	shmq_segment_close(observer);
}

/* ---- Several openings ---- */

Test(worker, that_opened_a_segment_twice_has_a_slot_for_each)
{
	struct shmq_segment *first = segment_for(4), *second = NULL;
	struct shmq_shm_slot *slot, *other;

	expect_result(shmq_segment_open(&second, fixture_name(), SHMQ_WORK), 0);
	slot = attach(first);
	other = attach(second);
	cr_assert_neq(slot - first->slots, other - second->slots);
	expect_figure(owned_by(first, process_token()), 2);
	cr_assert_eq(attach(first), slot);
	shmq_segment_close(second);
	expect_figure(owned_by(first, process_token()), 1);
	cr_assert_eq(attach(first), slot);
}

Test(worker, attaches_anew_after_closing_and_opening_again)
{
	struct shmq_segment *first = segment_for(4), *second = NULL;

	for (int i = 0; i < 10; i++) {
		expect_result(shmq_segment_open(&second, fixture_name(), SHMQ_WORK), 0);
		attach(second);
		expect_figure(owned(first), 1);
		shmq_segment_close(second);
		expect_figure(owned(first), 0);
	}
}

/* ---- Fork ---- */

static int attach_in_child(unsigned index, void *context)
{
	struct shmq_segment *segment = context;
	uint64_t parent_token = shm_load_relaxed(&segment->slots[0].owner);
	struct shmq_shm_slot *slot;

	(void)index;
	for (uint32_t i = 1; parent_token == 0 && i < segment->layout.threads; i++)
		parent_token = shm_load_relaxed(&segment->slots[i].owner);
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	CHILD_CHECK(shm_load_relaxed(&slot->owner) == process_token());
	CHILD_CHECK(process_token() != parent_token);
	CHILD_CHECK(owned(segment) == 2);
	worker_leave(slot);
	shmq_segment_close(segment);
	return 0;
}

Test(worker, child_takes_a_slot_of_its_own_and_leaves_its_parents_alone)
{
	struct shmq_segment *segment = segment_for(4);
	struct shmq_shm_slot *slot = NULL;
	uint64_t ctr;

	expect_result(worker_enter(segment, &slot), 0);
	ctr = shm_load_relaxed(&slot->ctr);
	expect_result(process_run(attach_in_child, segment, TIMEOUT_MS), 0);
	expect_figure(shm_load_relaxed(&slot->ctr), ctr);
	expect_figure(owned(segment), 1);
	worker_leave(slot);
}

static int close_in_child(unsigned index, void *segment)
{
	(void)index;
	shmq_segment_close(segment);
	return 0;
}

Test(worker, child_that_closes_what_it_inherited_frees_nothing_of_its_parents)
{
	struct shmq_segment *segment = segment_for(4);
	struct shmq_shm_slot *slot = attach(segment);

	expect_result(process_run(close_in_child, segment, TIMEOUT_MS), 0);
	expect_figure(shm_load_relaxed(&slot->owner), process_token());
	expect_result(touch(segment), 0);
}

static pthread_t forked_thread;

static void *exit_after_the_forked_thread(void *argument)
{
	(void)argument;
	_exit(pthread_join(forked_thread, NULL));
}

/* The thread that forked has its parent's key set, and its page is wiped: its end must not take that for its own. */
static int end_the_forked_thread(unsigned index, void *segment)
{
	pthread_t thread;

	forked_thread = pthread_self();
	if (index > 0)
		CHILD_RESULT(touch(segment), 0);
	CHILD_RESULT(pthread_create(&thread, NULL, exit_after_the_forked_thread, NULL), 0);
	pthread_exit(NULL);
}

Test(worker, thread_that_ends_in_a_child_frees_only_the_childs_slot)
{
	struct shmq_segment *segment = segment_for(4);
	struct shmq_shm_slot *slot = attach(segment);

	for (unsigned touches = 0; touches <= 1; touches++)
		expect_result(process_join(process_start(end_the_forked_thread, touches, segment), TIMEOUT_MS), 0);
	expect_figure(shm_load_relaxed(&slot->owner), process_token());
	expect_figure(owned(segment), 1);
}

/* ---- Exec ---- */

static int attach_after_exec(const char *name)
{
	struct shmq_segment *segment;

	CHILD_RESULT(shmq_segment_open(&segment, name, SHMQ_WORK), 0);
	CHILD_CHECK(owned_by(segment, process_token()) == 2);
	CHILD_RESULT(touch(segment), 0);
	CHILD_CHECK(owned_by(segment, process_token()) == 1);
	CHILD_CHECK(owned(segment) == 1);
	shmq_segment_close(segment);
	return 0;
}
REEXEC_ENTRY(attach_after_exec)

static int attach_and_exec(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL, *again = NULL;
	struct shmq_shm_slot *slot;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_segment_open(&again, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(touch(again), 0);
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	return reexec("attach_after_exec", fixture_name());
}

Test(worker, frees_what_its_process_left_before_exec)
{
	struct shmq_segment *segment = segment_for(4);

	expect_result(process_run(attach_and_exec, NULL, TIMEOUT_MS), 0);
	expect_figure(owned(segment), 0);
}

/* ---- The dead ---- */

static int die_inside(unsigned index, void *segment)
{
	struct shmq_shm_slot *slot;

	(void)index;
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	_exit(7);
}

Test(worker, finds_room_in_the_slots_of_the_dead)
{
	struct shmq_segment *segment = segment_for(3);

	for (int i = 0; i < 3; i++)
		expect_result(process_run(die_inside, segment, TIMEOUT_MS), 7);
	expect_figure(owned(segment), 3);
	attach(segment);
	expect_figure(owned(segment), 3);
	expect_figure(owned_by(segment, process_token()), 1);
}

Test(worker, slot_taken_over_is_not_in_its_dead_owners_section)
{
	struct shmq_segment *segment = segment_for(1);
	struct shmq_shm_slot *slot;

	expect_result(process_run(die_inside, segment, TIMEOUT_MS), 7);
	cr_assert_neq(shm_load_relaxed(&segment->slots[0].ctr), 0);
	slot = attach(segment);
	expect_figure(shm_load_relaxed(&slot->ctr), 0);
}

static int attach_and_stay(unsigned index, void *context)
{
	struct shmq_segment *segment = context;

	(void)index;
	CHILD_RESULT(touch(segment), 0);
	pause();
	return 0;
}

static pid_t start_attached(struct shmq_segment *segment)
{
	unsigned before = owned(segment);
	pid_t pid = process_start(attach_and_stay, 0, segment);
	uint64_t end = clock_now_ns() + 5 * SECOND;

	while (owned(segment) == before && clock_now_ns() < end)
		clock_sleep_ns(MS);
	expect_figure(owned(segment), before + 1);
	return pid;
}

Test(worker, is_refused_while_all_slots_are_held_by_the_living)
{
	struct shmq_segment *segment = segment_for(2);
	pid_t first = start_attached(segment), second = start_attached(segment);

	expect_result(touch(segment), -EAGAIN);
	cr_assert(process_stop(first));
	expect_result(touch(segment), -EAGAIN);
	process_kill(second);
	expect_result(touch(segment), 0);
	process_kill(first);
}

Test(worker, recovery_frees_the_slots_of_the_dead_and_no_others)
{
	struct shmq_segment *segment = segment_for(8);
	pid_t alive = start_attached(segment);
	struct shmq_shm_slot *slot = attach(segment);

	for (int i = 0; i < 3; i++)
		expect_result(process_run(die_inside, segment, TIMEOUT_MS), 7);
	expect_figure(owned(segment), 5);
	expect_result(worker_recover(segment), 3);
	expect_result(worker_recover(segment), 0);
	expect_figure(owned(segment), 2);
	expect_figure(shm_load_relaxed(&slot->owner), process_token());
	process_kill(alive);
	expect_result(worker_recover(segment), 1);
}

Test(worker, slot_with_a_damaged_owner_is_free_for_others)
{
	struct shmq_segment *segment = segment_for(1);

	shm_store_relaxed(&segment->slots[0].owner, 0x4700);
	expect_result(touch(segment), 0);
}

/* ---- What ended threads leave to their process ---- */

static struct shmq_reservation reservation;
static struct shmq_component *storage;

static void *reserve_and_end(void *argument)
{
	(void)argument;
	return (void *)(intptr_t)shmq_reserve(&reservation, storage, SHMQ_STORAGE, 10, NULL);
}

static int commit_for_an_ended_thread(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;
	void *result = NULL;
	pthread_t thread;

	(void)index;
	(void)context;
	/* A process whose main thread has not attached yet; the thread finds the handle itself. */
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	storage->segment = segment;
	CHILD_RESULT(pthread_create(&thread, NULL, reserve_and_end, NULL), 0);
	CHILD_RESULT(pthread_join(thread, &result), 0);
	CHILD_CHECK((int)(intptr_t)result == SHMQ_OK);
	CHILD_RESULT(shmq_check(storage, SHMQ_STORAGE, 0, NULL), SHMQ_OK); /* to finish a reservation attaches nobody */
	CHILD_RESULT(shmq_commit(&reservation, 10), 0);
	return 0;
}

Test(worker, main_thread_does_not_mistake_an_orphan_for_its_own_past)
{
	struct shmq_segment *segment = segment_for(4);
	struct shmq_quota quota = quota_calm(100);

	storage = fixture_component(segment, "tenant", &quota);
	expect_result(process_run(commit_for_an_ended_thread, NULL, TIMEOUT_MS), 0);
	expect_figure(fixture_used(storage, SHMQ_STORAGE), 10);
}

/* ---- Looking ---- */

Test(worker, is_shown_as_it_is)
{
	struct shmq_segment *segment = segment_for(2);
	struct shmq_shm_slot *slot = NULL;
	struct shmq_worker seen;
	uint32_t index;

	expect_result(worker_enter(segment, &slot), 0);
	index = (uint32_t)(slot - segment->slots);
	expect_result(worker_at(segment, index, &seen), 0);
	expect_figure(seen.slot, index);
	expect_figure(seen.tid, (uint64_t)gettid());
	cr_assert(seen.alive && seen.reading);
	expect_figure(seen.epoch, shm_load_relaxed(&segment->policy->control.epoch));
	cr_assert_leq(seen.attached_ns, clock_now_ns());
	cr_assert_gt(seen.attached_ns, clock_now_ns() - 10 * SECOND);
	worker_leave(slot);
	expect_result(worker_at(segment, index, &seen), 0);
	cr_assert(!seen.reading);
	expect_figure(seen.epoch, 0);
	expect_result(worker_at(segment, 1 - index, &seen), -ENOENT);
	expect_result(worker_at(segment, 2, &seen), -EINVAL);
	expect_result(worker_at(segment, UINT32_MAX, &seen), -EINVAL);
}

Test(worker, that_died_inside_a_section_is_shown_dead)
{
	struct shmq_segment *segment = segment_for(1);
	struct shmq_worker seen;

	expect_result(process_run(die_inside, segment, TIMEOUT_MS), 7);
	expect_result(worker_at(segment, 0, &seen), 0);
	cr_assert(!seen.alive && seen.reading);
}
