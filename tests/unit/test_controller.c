/* SPDX-License-Identifier: MIT */
/*
 * The controller lock: held by one, taken over from the dead, never from the living.
 */
#include "core/controller.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"

TestSuite(controller, FIXTURE);

#define TIMEOUT_MS 15000

struct office {
	struct counter holding, let_go, sum, errors;
	uint64_t plain; /* what the lock guards */
};

static struct shm_u64 *lock_word(struct shmq_segment *segment)
{
	return &segment_writable(segment)->control.lock;
}

static uint64_t steals(struct shmq_segment *segment)
{
	return shm_load_relaxed(&segment->policy->control.steals);
}

static void expect_lock(struct shmq_segment *segment, bool after_a_death)
{
	bool must_recover = !after_a_death;

	expect_result(controller_lock(segment, &must_recover), 0);
	cr_assert_eq(must_recover, after_a_death);
	expect_figure(shm_load_relaxed(lock_word(segment)), process_token());
}

/* A controller that takes the lock, says so, and lets go when it is told to. */
static int hold(unsigned index, void *context)
{
	struct office *office = context;
	struct shmq_segment *segment;
	bool must_recover;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_RESULT(controller_lock(segment, &must_recover), 0);
	counter_add(&office->holding, 1);
	CHILD_CHECK(counter_await(&office->let_go, 1, TIMEOUT_MS));
	controller_unlock(segment);
	return 0;
}

static pid_t start_holder(struct office *office)
{
	pid_t pid = process_start(hold, 0, office);

	cr_assert(counter_await(&office->holding, 1, TIMEOUT_MS));
	return pid;
}

Test(controller, lock_is_taken_and_let_go)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	for (int i = 0; i < 3; i++) {
		expect_lock(segment, false);
		controller_unlock(segment);
		expect_figure(shm_load_relaxed(lock_word(segment)), 0);
	}
	expect_figure(steals(segment), 0);
}

Test(controller, lock_is_not_for_workers_and_observers)
{
	struct shmq_segment *other = NULL;
	bool must_recover;

	fixture_segment(NULL);
	for (enum shmq_access access = SHMQ_WORK; access <= SHMQ_OBSERVE; access++) {
		expect_result(shmq_segment_open(&other, fixture_name(), access), 0);
		expect_result(controller_lock(other, &must_recover), -EACCES);
		shmq_segment_close(other);
	}
}

static int lock_in_child(unsigned index, void *segment)
{
	bool must_recover;

	(void)index;
	CHILD_RESULT(controller_lock(segment, &must_recover), -EACCES);
	return 0;
}

Test(controller, lock_is_not_for_a_child_that_a_controller_forked)
{
	expect_result(process_run(lock_in_child, fixture_segment(NULL), TIMEOUT_MS), 0);
}

Test(controller, lock_of_a_zombie_is_taken_over_with_recovery)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct office *office = shared_alloc(sizeof(*office));
	pid_t pid = start_holder(office);
	siginfo_t info;

	kill(pid, SIGKILL);
	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	expect_lock(segment, true);
	expect_figure(steals(segment), 1);
	controller_unlock(segment);
	expect_lock(segment, false);
	controller_unlock(segment);
	process_kill(pid);
}

Test(controller, lock_of_a_live_holder_is_waited_for)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct office *office = shared_alloc(sizeof(*office));
	pid_t pid = start_holder(office);
	pid_t second = process_start(hold, 1, office);

	clock_sleep_ns(100 * MS);
	expect_figure(counter_get(&office->holding), 1);
	counter_set(&office->let_go, 1);
	cr_assert(counter_await(&office->holding, 2, TIMEOUT_MS));
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	expect_result(process_join(second, TIMEOUT_MS), 0);
	expect_figure(steals(segment), 0);
}

Test(controller, lock_of_a_stopped_holder_is_not_taken_over)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct office *office = shared_alloc(sizeof(*office));
	pid_t pid = start_holder(office), second;

	cr_assert(process_stop(pid));
	second = process_start(hold, 1, office);
	clock_sleep_ns(300 * MS);
	expect_figure(counter_get(&office->holding), 1);
	counter_set(&office->let_go, 1);
	process_continue(pid);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	expect_result(process_join(second, TIMEOUT_MS), 0);
	expect_figure(steals(segment), 0);
}

Test(controller, lock_that_a_live_holder_keeps_is_given_up_after_ten_seconds)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct office *office = shared_alloc(sizeof(*office));
	pid_t pid = start_holder(office);
	uint64_t begin = clock_now_ns(), elapsed;
	bool must_recover;

	expect_result(controller_lock(segment, &must_recover), -EBUSY);
	elapsed = clock_now_ns() - begin;
	cr_assert(elapsed >= CONTROLLER_PATIENCE_MS * MS && elapsed < (CONTROLLER_PATIENCE_MS + 2000) * MS);
	counter_set(&office->let_go, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
}

Test(controller, lock_of_a_reused_pid_is_taken_over)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	/* Our own pid, started at another time: whoever that was is dead. */
	shm_store_relaxed(lock_word(segment), process_token() + 1);
	expect_lock(segment, true);
	controller_unlock(segment);
}

Test(controller, lock_with_a_damaged_word_is_taken_over)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	shm_store_relaxed(lock_word(segment), 0x4700);
	expect_lock(segment, true);
	controller_unlock(segment);
}

static int lock_after_exec(const char *name)
{
	struct shmq_segment *segment;
	bool must_recover = false;

	CHILD_RESULT(shmq_segment_open(&segment, name, SHMQ_CONTROL), 0);
	CHILD_CHECK(shm_load_relaxed(lock_word(segment)) == process_token());
	CHILD_RESULT(controller_lock(segment, &must_recover), 0);
	CHILD_CHECK(must_recover);
	controller_unlock(segment);
	return 0;
}
REEXEC_ENTRY(lock_after_exec)

static int lock_and_exec(unsigned index, void *context)
{
	struct shmq_segment *segment;
	bool must_recover;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_RESULT(controller_lock(segment, &must_recover), 0);
	return reexec("lock_after_exec", fixture_name());
}

Test(controller, lock_from_before_exec_is_recovered_by_its_own_thread)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	expect_result(process_run(lock_and_exec, NULL, TIMEOUT_MS), 0);
	expect_figure(shm_load_relaxed(lock_word(segment)), 0);
}

static int count_under_lock(unsigned index, void *context)
{
	struct office *office = context;
	struct shmq_segment *segment;
	bool must_recover;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	for (int i = 0; i < 200; i++) {
		uint64_t seen;

		CHILD_RESULT(controller_lock(segment, &must_recover), 0);
		CHILD_CHECK(!must_recover);
		seen = office->plain;
		if (i % 20 == 0)
			clock_sleep_ns(MS / 10);
		office->plain = seen + 1;
		controller_unlock(segment);
	}
	shmq_segment_close(segment);
	return 0;
}

Test(controller, lock_lets_one_at_a_time_through)
{
	struct office *office = shared_alloc(sizeof(*office));
	pid_t pids[4];

	fixture_segment(NULL);
	process_start_group(pids, 4, count_under_lock, office);
	expect_figure(process_join_group(pids, 4, 30000), 0);
	expect_figure(office->plain, 800);
}
