/* SPDX-License-Identifier: MIT */
/*
 * Segments made with `membarrier`: operations begin without a fence, and who waits for them makes them pass one. For
 * users nothing may change: limits, reuse only after a grace period, workers after fork and exec, workers and hosts in
 * sandboxes that refuse the system call.
 *
 * Which way a worker goes is seen by the flags of its slot, as shm-dump --raw shows them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/confine.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"
#include "../support/step.h"

TestSuite(membarrier, FIXTURE);

#define TIMEOUT_MS 10000
#define WORKERS 4
#define LIMIT 20000
#define WITHOUT_FENCES 2 /* in a slot's flags */

/* Instructions from one stand to the next; a sanitizer puts many between two of the program's. */
#if defined(__SANITIZE_ADDRESS__)
#define STRIDE 101
#else
#define STRIDE 17
#endif

static struct shmq_segment *the_segment;
static struct shmq_component *tenant;

static void set_up(uint64_t limit)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(limit);

	options.components = 4;
	options.threads = 8;
	options.membarrier = true;
	the_segment = fixture_segment(&options);
	tenant = fixture_component(the_segment, "tenant", &quota);
}

/* The flags of this process's slot; UINT64_MAX where it has none. */
static uint64_t own_flags(struct shmq_segment *segment)
{
	struct shmq_field field;
	uint64_t cursor = 0;
	struct shmq_worker worker;
	uint32_t own = UINT32_MAX;

	for (uint32_t i = 0; i < 8; i++)
		if (shmq_worker_at(segment, i, &worker) == 0 && worker.tid == (uint32_t)getpid())
			own = i;
	while (shmq_field_next(segment, &cursor, &field) == 1)
		if (strcmp(field.structure, "slot") == 0 && field.index == own && strcmp(field.name, "flags") == 0)
			return field.value;
	return UINT64_MAX;
}

/* How many unregistered components still wait for their grace period. */
static uint32_t retired(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	return shmq_segment_info(segment, &info) == 0 ? info.retired : UINT32_MAX;
}

/* ---- A whole life ---- */

struct books {
	struct counter admitted[SHMQ_RESOURCES], stop;
};

static int consume_all_there_is(unsigned index, void *context)
{
	struct books *books = context;
	bool is_over = false;

	(void)index;
	while (!is_over) {
		is_over = true;
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			int result = shmq_try_consume(tenant, resource, 1, NULL);

			CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
			counter_add(&books->admitted[resource], result == SHMQ_OK);
			is_over = is_over && result == SHMQ_DENIED;
		}
	}
	CHILD_CHECK(own_flags(the_segment) == WITHOUT_FENCES);
	return 0;
}

/* Names come and go meanwhile, more of them than there are entries: each needs a grace period. */
static void register_and_unregister(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		char name[24];

		snprintf(name, sizeof(name), "guest-%u", i);
		expect_result(shmq_component_register(the_segment, name, NULL), 0);
		expect_result(shmq_component_unregister(the_segment, name), 0);
	}
}

Test(membarrier, admits_exactly_the_limit_across_processes)
{
	struct books *books = shared_alloc(sizeof(*books));
	pid_t pids[WORKERS];

	set_up(LIMIT);
	process_start_group(pids, WORKERS, consume_all_there_is, books);
	register_and_unregister(200);
	cr_assert_eq(process_join_group(pids, WORKERS, TIMEOUT_MS), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_figure(counter_get(&books->admitted[resource]), LIMIT);
		expect_figure(fixture_used(tenant, resource), LIMIT);
	}
	expect_result(shmq_segment_verify(the_segment, NULL, NULL), 0);
}

static int reserve_and_wait(unsigned index, void *context)
{
	struct books *books = context;
	struct shmq_reservation reservation;

	(void)index;
	CHILD_RESULT(shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(tenant, 10, NULL), SHMQ_OK);
	counter_add(&books->admitted[0], 1);
	counter_await(&books->stop, 1, TIMEOUT_MS);
	return 1; /* it is killed before */
}

Test(membarrier, returns_what_killed_workers_held)
{
	struct books *books = shared_alloc(sizeof(*books));
	pid_t pids[WORKERS];

	set_up(100);
	process_start_group(pids, WORKERS, reserve_and_wait, books);
	cr_assert(counter_await(&books->admitted[0], WORKERS, TIMEOUT_MS));
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 10 * WORKERS);
	for (int i = 0; i < WORKERS; i++)
		expect_result(process_kill(pids[i]), PROCESS_SIGNAL(SIGKILL));
	expect_result(shmq_housekeep(the_segment), WORKERS);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	expect_figure(fixture_used(tenant, SHMQ_MEMORY), 0);
	register_and_unregister(10);
}

/* ---- Grace periods ---- */

#if STEP_IS_POSSIBLE

struct reader {
	struct shmq_component *component;
	struct counter begun, finished;
};

static int consume_step_by_step(unsigned index, void *context)
{
	struct reader *reader = context;
	int result;

	(void)index;
	CHILD_RESULT(shmq_check(reader->component, SHMQ_CPU, 0, NULL), SHMQ_OK);
	step_ready();
	counter_set(&reader->begun, 1);
	result = shmq_try_consume(reader->component, SHMQ_MESSAGES, 1, NULL);
	CHILD_CHECK(result == SHMQ_OK || result == -ESTALE);
	counter_set(&reader->finished, 1);
	return 0;
}

static bool is_reading(pid_t pid)
{
	struct shmq_worker worker;

	for (uint32_t i = 0; i < 8; i++)
		if (shmq_worker_at(the_segment, i, &worker) == 0 && worker.tid == (uint32_t)pid)
			return worker.reading;
	return false;
}

/* A worker stands still inside an operation on a component that goes: nothing of it is reused before it goes on. */
Test(membarrier, unregistering_waits_for_who_is_inside)
{
	struct reader *reader = shared_alloc(sizeof(*reader));
	unsigned inside = 0;
	bool is_over = false;

	set_up(1000);
	for (long steps = 0; !is_over; steps += STRIDE) {
		pid_t pid;

		*reader = (struct reader){0};
		expect_result(shmq_component_register(the_segment, "guest", NULL), 0);
		expect_result(shmq_component_find(&reader->component, the_segment, "guest"), 0);
		pid = step_start(consume_step_by_step, reader);
		cr_assert_gt(pid, 0);
		cr_assert_geq(step_until(pid, &reader->begun, 100000), 0);
		cr_assert_geq(step_until(pid, &reader->finished, steps), 0);
		is_over = counter_get(&reader->finished) != 0;
		expect_result(shmq_component_unregister(the_segment, "guest"), 0);
		shmq_housekeep(the_segment);
		expect_figure(retired(the_segment), is_reading(pid) ? 1 : 0);
		inside += is_reading(pid);
		step_release(pid);
		expect_result(process_join(pid, TIMEOUT_MS), 0);
		shmq_housekeep(the_segment);
		expect_figure(retired(the_segment), 0);
		shmq_component_put(reader->component);
	}
	cr_assert_gt(inside, 10);
}

#endif

/* ---- exec and sandboxes ---- */

static int work_after_exec(const char *name)
{
	CHILD_RESULT(shmq_segment_open(&the_segment, name, SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, the_segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_CHECK(own_flags(the_segment) == WITHOUT_FENCES);
	return 0;
}
REEXEC_ENTRY(work_after_exec)

static int work_then_exec(unsigned index, void *context)
{
	(void)index;
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	return reexec("work_after_exec", context);
}

Test(membarrier, is_asked_for_again_after_exec)
{
	char name[160];

	set_up(1000);
	snprintf(name, sizeof(name), "%s", fixture_name());
	for (unsigned i = 0; i < 30; i++)
		expect_result(process_run(work_then_exec, name, TIMEOUT_MS), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 60);
	register_and_unregister(10);
}

static int work_in_a_sandbox(const char *name)
{
	CHILD_RESULT(confine_refuse(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&the_segment, name, SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, the_segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_CHECK(own_flags(the_segment) == 0);
	return 0;
}
REEXEC_ENTRY(work_in_a_sandbox)

static int exec_into_a_sandbox(unsigned index, void *context)
{
	(void)index;
	return reexec("work_in_a_sandbox", context);
}

Test(membarrier, is_done_without_by_a_worker_that_may_not_use_it)
{
	char name[160];

	set_up(1000);
	snprintf(name, sizeof(name), "%s", fixture_name());
	expect_result(process_run(exec_into_a_sandbox, name, TIMEOUT_MS), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 1);
	register_and_unregister(10);
}

static int work_without_calling(unsigned index, void *context)
{
	struct shmq_verdict verdict;

	(void)index;
	(void)context;
	CHILD_RESULT(confine_kill(SYS_membarrier), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		CHILD_RESULT(shmq_check(tenant, resource, 1, &verdict), SHMQ_OK);
		CHILD_RESULT(shmq_try_consume(tenant, resource, 1, &verdict), SHMQ_OK);
		CHILD_RESULT(shmq_consume(tenant, resource, 1), SHMQ_OK);
	}
	CHILD_RESULT(shmq_release(tenant, SHMQ_STORAGE, 1), 0);
	CHILD_CHECK(own_flags(the_segment) == WITHOUT_FENCES);
	return 0;
}

/* Confined after it opened the segment: it accepts fences for good, and asks for none. */
Test(membarrier, is_not_called_by_operations)
{
	set_up(1000);
	expect_result(process_run(work_without_calling, NULL, TIMEOUT_MS), 0);
}

static int control_in_a_sandbox(unsigned index, void *context)
{
	struct books *books = context;
	struct shmq_segment *control = NULL;

	(void)index;
	CHILD_RESULT(confine_refuse(SYS_membarrier), 0);
	CHILD_RESULT(shmq_segment_open(&control, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_RESULT(shmq_component_register(control, "guest", NULL), 0);
	CHILD_RESULT(shmq_component_unregister(control, "guest"), 0);
	CHILD_RESULT(shmq_housekeep(control), 0);
	/* Somebody is attached of whom it cannot know: it keeps what it retired, and says so. */
	CHILD_CHECK(retired(control) == 1);
	counter_set(&books->admitted[0], 1);
	CHILD_CHECK(counter_await(&books->stop, 1, TIMEOUT_MS));
	CHILD_CHECK(retired(control) == 0);
	return 0;
}

Test(membarrier, is_asked_for_by_another_controller_where_one_may_not)
{
	struct books *books = shared_alloc(sizeof(*books));
	pid_t pid;

	set_up(1000);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	pid = process_start(control_in_a_sandbox, 0, books);
	cr_assert(counter_await(&books->admitted[0], 1, TIMEOUT_MS));
	expect_result(shmq_housekeep(the_segment), 0);
	counter_set(&books->stop, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
}
