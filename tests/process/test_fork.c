/* SPDX-License-Identifier: MIT */
/*
 * Processes: opening before and after fork, handles in children and grandchildren, exec, and what a child of a
 * controller may and may not do. No child needs a call of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/reexec.h"
#include "../support/shared.h"

TestSuite(forks, FIXTURE);

#define TIMEOUT_MS 10000

static struct shmq_segment *the_segment;
static struct shmq_component *the_tenant;

static void set_up(uint64_t limit)
{
	struct shmq_quota quota = quota_calm(limit);

	the_segment = fixture_segment(NULL);
	the_tenant = fixture_component(the_segment, "tenant", &quota);
}

static int take_one_of_each(void)
{
	struct shmq_status status;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		CHILD_RESULT(shmq_check(the_tenant, resource, 1, NULL), SHMQ_OK);
		CHILD_RESULT(shmq_try_consume(the_tenant, resource, 1, NULL), SHMQ_OK);
	}
	CHILD_RESULT(shmq_status(the_tenant, &status), 0);
	CHILD_CHECK(status.resource[SHMQ_STORAGE].used > 0);
	return 0;
}

static int child_takes(unsigned index, void *context)
{
	(void)index;
	(void)context;
	return take_one_of_each();
}

static void expect_used_everywhere(uint64_t expected)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_figure(fixture_used(the_tenant, resource), expected);
}

Test(forks, a_child_uses_the_handle_it_inherits)
{
	set_up(100);
	cr_assert_eq(process_run(child_takes, NULL, TIMEOUT_MS), 0);
	expect_used_everywhere(1);
}

Test(forks, a_child_uses_a_handle_that_its_parent_used_before)
{
	set_up(100);
	cr_assert_eq(take_one_of_each(), 0);
	cr_assert_eq(process_run(child_takes, NULL, TIMEOUT_MS), 0);
	cr_assert_eq(take_one_of_each(), 0);
	expect_used_everywhere(3);
}

static int child_with_children(unsigned depth, void *context)
{
	int failed = depth > 0 ? process_join(process_start(child_with_children, depth - 1, context), TIMEOUT_MS) : 0;

	return failed ? failed : take_one_of_each();
}

Test(forks, grandchildren_use_the_handle_as_well)
{
	set_up(100);
	cr_assert_eq(process_join(process_start(child_with_children, 5, NULL), TIMEOUT_MS), 0);
	expect_used_everywhere(6);
}

static int child_uses_then_forks(unsigned index, void *context)
{
	(void)index;
	if (take_one_of_each())
		return 1;
	return process_run(child_takes, context, TIMEOUT_MS) ? 1 : take_one_of_each();
}

Test(forks, a_worker_that_forks_goes_on_as_its_child_does)
{
	set_up(100);
	for (unsigned i = 0; i < 10; i++)
		cr_assert_eq(process_run(child_uses_then_forks, NULL, TIMEOUT_MS), 0);
	expect_used_everywhere(30);
}

static int child_opens_by_name(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&the_tenant, segment, "tenant"), 0);
	if (take_one_of_each())
		return 1;
	shmq_component_put(the_tenant);
	shmq_segment_close(segment);
	return 0;
}

Test(forks, a_child_may_open_for_itself)
{
	set_up(100);
	cr_assert_eq(process_run(child_opens_by_name, NULL, TIMEOUT_MS), 0);
	expect_used_everywhere(1);
}

Test(forks, a_segment_may_be_opened_twice_in_one_process)
{
	struct shmq_segment *again = NULL;
	struct shmq_component *tenant = NULL;

	set_up(100);
	expect_result(shmq_segment_open(&again, fixture_name(), SHMQ_WORK), 0);
	expect_result(shmq_component_find(&tenant, again, "tenant"), 0);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 60, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(the_tenant, SHMQ_STORAGE, 41, NULL), SHMQ_DENIED);
	shmq_component_put(tenant);
	shmq_segment_close(again);
	expect_result(shmq_try_consume(the_tenant, SHMQ_STORAGE, 40, NULL), SHMQ_OK);
}

static int opened_after_exec(const char *name)
{
	struct shmq_segment *segment = NULL;

	CHILD_RESULT(shmq_segment_open(&segment, name, SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&the_tenant, segment, "tenant"), 0);
	return take_one_of_each();
}
REEXEC_ENTRY(opened_after_exec)

static int child_uses_then_execs(unsigned index, void *context)
{
	(void)index;
	return take_one_of_each() ? 1 : reexec("opened_after_exec", context);
}

Test(forks, a_worker_that_execs_opens_again_and_leaves_no_slot_behind)
{
	struct shmq_info info = {.size = sizeof(info)};
	char name[160];

	set_up(2000);
	snprintf(name, sizeof(name), "%s", fixture_name());
	/* More often than there are slots: each exec leaves the old image's slot to be found. */
	for (unsigned i = 0; i < 300; i++)
		cr_assert_eq(process_run(child_uses_then_execs, name, TIMEOUT_MS), 0, "run %u", i);
	expect_used_everywhere(600);
	expect_result(shmq_segment_info(the_segment, &info), 0);
	cr_assert_leq(info.threads_used, info.threads);
}

static int child_attaches_then_execs(unsigned index, void *name)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, name, SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&the_tenant, segment, "tenant"), 0);
	return take_one_of_each() ? 1 : reexec("opened_after_exec", name);
}

Test(forks, a_worker_that_execs_gets_its_own_slot_back)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(100);
	char name[160];

	/* The only slot there is. This process controls but does not attach. */
	options.threads = 1;
	snprintf(name, sizeof(name), "%s", fixture_name());
	the_segment = fixture_segment(&options);
	expect_result(shmq_component_register(the_segment, "tenant", &quota), 0);
	cr_assert_eq(process_run(child_attaches_then_execs, name, TIMEOUT_MS), 0);
	expect_result(shmq_component_find(&the_tenant, the_segment, "tenant"), 0);
	expect_used_everywhere(2);
	shmq_component_put(the_tenant);
}

static int child_tries_to_control(unsigned index, void *context)
{
	(void)index;
	CHILD_RESULT(shmq_component_register(the_segment, "new", NULL), -EACCES);
	CHILD_RESULT(shmq_component_unregister(the_segment, "tenant"), -EACCES);
	if (context)
		CHILD_RESULT(shmq_policy_publish(the_segment, context), -EACCES);
	CHILD_CHECK(shmq_housekeep(the_segment) >= 0);
	return take_one_of_each();
}

Test(forks, a_child_of_a_controller_works_but_does_not_control)
{
	struct shmq_component *found = NULL;
	struct shmq_policy *policy = NULL;
	const char *path = fixture_policy_file("[component:new]\nstorage = 1MB\n");

	set_up(100);
	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	cr_assert_eq(process_run(child_tries_to_control, policy, TIMEOUT_MS), 0);
	expect_result(shmq_component_find(&found, the_segment, "new"), -ENOENT);
	/* The parent still does. */
	expect_result(shmq_component_register(the_segment, "new", NULL), 0);
	expect_result(shmq_policy_publish(the_segment, policy), 0);
	shmq_policy_free(policy);
	expect_used_everywhere(1);
}

static int child_opens_for_control(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)context;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_RESULT(shmq_component_register(segment, "of-the-child", NULL), 0);
	CHILD_RESULT(shmq_component_register(the_segment, "denied", NULL), -EACCES);
	shmq_segment_close(segment);
	return 0;
}

Test(forks, a_child_controls_what_it_opened_for_control_itself)
{
	struct shmq_component *found = NULL;

	set_up(100);
	cr_assert_eq(process_run(child_opens_for_control, NULL, TIMEOUT_MS), 0);
	expect_result(shmq_component_find(&found, the_segment, "of-the-child"), 0);
	shmq_component_put(found);
}

static int child_closes(unsigned index, void *context)
{
	(void)index;
	(void)context;
	if (take_one_of_each())
		return 1;
	shmq_component_put(the_tenant);
	shmq_segment_close(the_segment);
	return 0;
}

Test(forks, a_child_that_closes_takes_nothing_from_its_parent)
{
	set_up(100);
	cr_assert_eq(take_one_of_each(), 0);
	cr_assert_eq(process_run(child_closes, NULL, TIMEOUT_MS), 0);
	cr_assert_eq(take_one_of_each(), 0);
	expect_result(shmq_component_register(the_segment, "later", NULL), 0);
	expect_used_everywhere(3);
}

static int child_finds_what_came_later(unsigned index, void *context)
{
	struct gate *gate = context;
	struct shmq_component *later = NULL;

	(void)index;
	CHILD_RESULT(shmq_component_find(&later, the_segment, "later"), -ENOENT);
	gate_wait(gate);
	CHILD_RESULT(shmq_component_find(&later, the_segment, "later"), 0);
	CHILD_RESULT(shmq_try_consume(later, SHMQ_STORAGE, 7, NULL), SHMQ_OK);
	shmq_component_put(later);
	return 0;
}

Test(forks, a_child_finds_what_its_parent_registers_later)
{
	struct gate *gate = shared_alloc(sizeof(*gate));
	pid_t child;

	set_up(100);
	child = process_start(child_finds_what_came_later, 0, gate);
	cr_assert(counter_await(&gate->waiting, 1, TIMEOUT_MS));
	the_tenant = fixture_component(the_segment, "later", NULL);
	cr_assert(gate_open(gate, 1));
	cr_assert_eq(process_join(child, TIMEOUT_MS), 0);
	expect_figure(fixture_used(the_tenant, SHMQ_STORAGE), 7);
}

static struct counter forks_done;

static void *consume_meanwhile(void *argument)
{
	uint64_t *consumed = argument;

	while (counter_get(&forks_done) == 0)
		*consumed += shmq_try_consume(the_tenant, SHMQ_STORAGE, 1, NULL) == SHMQ_OK;
	return NULL;
}

Test(forks, a_process_may_fork_while_its_other_threads_consume)
{
	uint64_t consumed = 0;
	pthread_t thread;

	set_up(SHMQ_UNLIMITED);
	cr_assert_eq(pthread_create(&thread, NULL, consume_meanwhile, &consumed), 0);
	for (unsigned i = 0; i < 300; i++)
		cr_assert_eq(process_run(child_takes, NULL, TIMEOUT_MS), 0, "fork %u", i);
	counter_set(&forks_done, 1);
	pthread_join(thread, NULL);
	cr_assert_gt(consumed, 0);
	expect_figure(fixture_used(the_tenant, SHMQ_STORAGE), consumed + 300);
	expect_figure(fixture_used(the_tenant, SHMQ_CPU), 300);
}
