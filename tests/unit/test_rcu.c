/* SPDX-License-Identifier: MIT */
/*
 * Grace periods: who keeps them open, who does not, and that nobody but the one who retires is ever kept waiting.
 */
#include "core/rcu.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/worker.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(rcu, FIXTURE);

#define TIMEOUT_MS 10000

struct stage {
	struct shmq_segment *segment;
	struct counter inside, leave;
};

static struct stage *stage_new(void)
{
	struct stage *stage = shared_alloc(sizeof(*stage));

	stage->segment = fixture_segment(NULL);
	return stage;
}

static struct shmq_shm_slot *enter(struct shmq_segment *segment)
{
	struct shmq_shm_slot *slot = NULL;

	expect_result(worker_enter(segment, &slot), 0);
	cr_assert_not_null(slot);
	return slot;
}

static uint64_t nesting(const struct shmq_shm_slot *slot)
{
	return shm_load_relaxed(&slot->ctr) & RCU_NESTING_MASK;
}

/* A reader in another process: enters, says so, and leaves when it is told to. */
static int read_until_told(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_shm_slot *slot;

	CHILD_RESULT(worker_enter(stage->segment, &slot), 0);
	counter_add(&stage->inside, 1);
	if (!counter_await(&stage->leave, index + 1, TIMEOUT_MS))
		return 1;
	worker_leave(slot);
	return 0;
}

static int die_reading(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_shm_slot *slot;

	(void)index;
	CHILD_RESULT(worker_enter(stage->segment, &slot), 0);
	counter_add(&stage->inside, 1);
	_exit(7);
}

static pid_t start_reader(struct stage *stage, process_body *body)
{
	uint64_t before = counter_get(&stage->inside);
	pid_t pid = process_start(body, (unsigned)before, stage);

	cr_assert(counter_await(&stage->inside, before + 1, TIMEOUT_MS));
	return pid;
}

/* ---- Who keeps a grace period open ---- */

Test(rcu, grace_period_without_readers_is_over_at_once)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	cr_assert(rcu_poll(segment, rcu_cookie(segment)));
}

Test(rcu, grace_period_ends_when_the_reader_inside_leaves)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_shm_slot *slot = enter(segment);
	uint64_t cookie = rcu_cookie(segment);

	for (int i = 0; i < 10; i++)
		cr_assert(!rcu_poll(segment, cookie));
	worker_leave(slot);
	cr_assert(rcu_poll(segment, cookie));
}

Test(rcu, grace_period_does_not_wait_for_a_reader_that_came_later)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	uint64_t cookie = rcu_cookie(segment);
	struct shmq_shm_slot *slot = enter(segment);

	cr_assert(rcu_poll(segment, cookie));
	cr_assert(!rcu_poll(segment, rcu_cookie(segment)));
	worker_leave(slot);
}

Test(rcu, grace_period_waits_for_the_outermost_section)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_shm_slot *slot = enter(segment);
	uint64_t cookie;

	enter(segment);
	cookie = rcu_cookie(segment);
	/* A section inside an older one belongs to it: it must not look new. */
	enter(segment);
	expect_figure(nesting(slot), 3);
	worker_leave(slot);
	worker_leave(slot);
	cr_assert(!rcu_poll(segment, cookie));
	worker_leave(slot);
	expect_figure(shm_load_relaxed(&slot->ctr), 0);
	cr_assert(rcu_poll(segment, cookie));
}

static struct shmq_segment *signal_segment;
static volatile sig_atomic_t signal_result;

static void read_in_handler(int number)
{
	struct shmq_shm_slot *slot;

	(void)number;
	signal_result = worker_enter(signal_segment, &slot);
	if (signal_result == 0)
		worker_leave(slot);
}

Test(rcu, section_in_a_signal_handler_leaves_the_interrupted_one_as_it_was)
{
	const struct sigaction action = {.sa_handler = read_in_handler};
	struct shmq_shm_slot *slot;
	uint64_t before;

	signal_segment = fixture_segment(NULL);
	slot = enter(signal_segment);
	before = shm_load_relaxed(&slot->ctr);
	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	signal_result = -1;
	raise(SIGUSR1);
	expect_result(signal_result, 0);
	expect_figure(shm_load_relaxed(&slot->ctr), before);
	worker_leave(slot);
	raise(SIGUSR1);
	expect_figure(shm_load_relaxed(&slot->ctr), 0);
}

Test(rcu, section_states_the_epoch_it_began_in)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_shm_slot *slot;

	for (int i = 0; i < 3; i++) {
		uint64_t epoch = rcu_cookie(segment);

		slot = enter(segment);
		expect_figure(shm_load_relaxed(&slot->ctr) >> RCU_NESTING_BITS, epoch);
		worker_leave(slot);
	}
}

/* ---- Readers in other processes ---- */

Test(rcu, grace_period_waits_for_a_reader_in_another_process)
{
	struct stage *stage = stage_new();
	pid_t pid = start_reader(stage, read_until_told);
	uint64_t cookie = rcu_cookie(stage->segment);

	cr_assert(!rcu_poll(stage->segment, cookie));
	counter_set(&stage->leave, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	cr_assert(rcu_poll(stage->segment, cookie));
}

Test(rcu, grace_period_does_not_wait_for_a_zombie_that_died_reading)
{
	struct stage *stage = stage_new();
	pid_t pid = start_reader(stage, die_reading);
	uint64_t cookie = rcu_cookie(stage->segment);
	siginfo_t info;

	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	cr_assert(rcu_poll(stage->segment, cookie));
	expect_result(process_join(pid, TIMEOUT_MS), 7);
	cr_assert(rcu_poll(stage->segment, rcu_cookie(stage->segment)));
}

Test(rcu, grace_period_does_not_wait_for_a_killed_reader)
{
	struct stage *stage = stage_new();
	pid_t pid = start_reader(stage, read_until_told);
	uint64_t cookie = rcu_cookie(stage->segment);

	cr_assert(!rcu_poll(stage->segment, cookie));
	expect_result(process_kill(pid), PROCESS_SIGNAL(SIGKILL));
	cr_assert(rcu_poll(stage->segment, cookie));
}

Test(rcu, grace_period_waits_for_one_of_many_readers)
{
	struct stage *stage = stage_new();
	pid_t pids[4];
	uint64_t cookie;

	for (int i = 0; i < 4; i++)
		pids[i] = start_reader(stage, read_until_told);
	cookie = rcu_cookie(stage->segment);
	for (uint64_t i = 0; i < 4; i++) {
		cr_assert(!rcu_poll(stage->segment, cookie));
		counter_set(&stage->leave, i + 1);
		expect_result(process_join(pids[i], TIMEOUT_MS), 0);
	}
	cr_assert(rcu_poll(stage->segment, cookie));
}

Test(rcu, stopped_reader_delays_only_the_reuse_of_what_was_retired)
{
	struct stage *stage = stage_new();
	struct shmq_quota quota = quota_calm(5);
	struct shmq_component *tenant = fixture_component(stage->segment, "tenant", &quota);
	pid_t pid = start_reader(stage, read_until_told);
	struct shmq_component *found = NULL;
	uint64_t cookie;

	cr_assert(process_stop(pid));
	cookie = rcu_cookie(stage->segment);
	cr_assert(!rcu_poll(stage->segment, cookie));
	for (int i = 0; i < 5; i++)
		expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	expect_result(shmq_component_register(stage->segment, "another", &quota), 0);
	expect_result(shmq_component_unregister(stage->segment, "another"), 0);
	expect_result(shmq_component_register(stage->segment, "another", &quota), 0);
	expect_result(shmq_component_find(&found, stage->segment, "another"), 0);
	shmq_component_put(found);
	expect_result(shmq_housekeep(stage->segment), 0);
	expect_figure(shm_load32_relaxed(&stage->segment->policy->control.retired), 1);
	cr_assert(!rcu_poll(stage->segment, cookie));
	counter_set(&stage->leave, 1);
	process_continue(pid);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	expect_result(shmq_housekeep(stage->segment), 1);
	expect_figure(shm_load32_relaxed(&stage->segment->policy->control.retired), 0);
}

Test(rcu, slot_that_a_live_thread_took_over_is_judged_by_its_new_section)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct stage *stage = shared_alloc(sizeof(*stage));
	struct shmq_shm_slot *slot;
	uint64_t cookie;

	options.threads = 1;
	stage->segment = fixture_segment(&options);
	process_join(start_reader(stage, die_reading), TIMEOUT_MS);
	cookie = rcu_cookie(stage->segment);
	slot = enter(stage->segment); /* the only slot there is: the dead reader's */
	cr_assert(rcu_poll(stage->segment, cookie));
	cr_assert(!rcu_poll(stage->segment, rcu_cookie(stage->segment)));
	worker_leave(slot);
}

/* ---- Cookies and what is remembered ---- */

Test(rcu, cookies_grow_and_a_later_one_says_that_the_earlier_is_over)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	uint64_t first = rcu_cookie(segment), second = rcu_cookie(segment);

	expect_figure(second, first + 1);
	cr_assert(rcu_poll(segment, second));
	expect_figure(rcu_done(segment), second);
	/* Known by heart: no look at the slots, where somebody is inside. */
	enter(segment);
	cr_assert(rcu_poll(segment, first));
	cr_assert(rcu_poll(segment, second));
}

Test(rcu, cookie_that_nobody_gave_out_ends_no_grace_period)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	uint64_t cookie = rcu_cookie(segment);

	/* A damaged cookie once raised `done` beyond the epoch: all later grace periods were over before they began. */
	rcu_poll(segment, cookie + 1000);
	rcu_poll(segment, UINT64_MAX);
	cr_assert_leq(rcu_done(segment), cookie);
	enter(segment);
	cr_assert(!rcu_poll(segment, rcu_cookie(segment)));
}

static int poll_as_worker(unsigned index, void *context)
{
	struct shmq_segment *segment = context;
	uint64_t before = rcu_done(segment);

	(void)index;
	CHILD_CHECK(segment_writable(segment) == NULL);
	CHILD_CHECK(rcu_poll(segment, shm_load_acquire(&segment->policy->control.epoch)));
	CHILD_CHECK(rcu_done(segment) == before);
	return 0;
}

Test(rcu, poll_by_a_worker_tells_but_changes_nothing)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	uint64_t cookie = rcu_cookie(segment);

	expect_result(process_run(poll_as_worker, segment, TIMEOUT_MS), 0);
	cr_assert_lt(rcu_done(segment), cookie);
	cr_assert(rcu_poll(segment, cookie));
	expect_figure(rcu_done(segment), cookie);
}

/* ---- Waiting ---- */

Test(rcu, wait_gives_up_after_its_time)
{
	struct stage *stage = stage_new();
	pid_t pid = start_reader(stage, read_until_told);
	uint64_t cookie = rcu_cookie(stage->segment), begin = clock_now_ns(), elapsed;

	cr_assert(!rcu_wait(stage->segment, cookie, 100));
	elapsed = clock_now_ns() - begin;
	cr_assert(elapsed >= 100 * MS && elapsed < 1000 * MS, "%" PRIu64 " ms", elapsed / MS);
	process_kill(pid);
	cr_assert(rcu_wait(stage->segment, cookie, 0));
}

static void *leave_later(void *context)
{
	struct stage *stage = context;

	clock_sleep_ns(50 * MS);
	counter_set(&stage->leave, 1);
	return NULL;
}

Test(rcu, wait_ends_when_the_reader_leaves)
{
	struct stage *stage = stage_new();
	pid_t pid = start_reader(stage, read_until_told);
	uint64_t cookie = rcu_cookie(stage->segment);
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, leave_later, stage), 0);
	cr_assert(rcu_wait(stage->segment, cookie, TIMEOUT_MS));
	pthread_join(thread, NULL);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
}
