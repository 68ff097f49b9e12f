/* SPDX-License-Identifier: MIT */
/*
 * The life of a segment: both forms of name, creating, opening, closing, removing, and which leftovers are replaced.
 *
 * Whoever is alive is never replaced; whoever is dead never stands in the way. Damage is in test_damage.c, creators
 * that die half-way are in test_creator.c.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(segment, FIXTURE);

#define TIMEOUT_MS 10000

/* Open, look at what it is, close. */
static void expect_open(const char *name)
{
	for (int access = SHMQ_CONTROL; access <= SHMQ_OBSERVE; access++) {
		struct shmq_info info = {.size = sizeof(info)};
		struct shmq_segment *segment = NULL;

		expect_result(shmq_segment_open(&segment, name, (enum shmq_access)access), 0);
		expect_result(shmq_segment_info(segment, &info), 0);
		cr_assert_str_eq(info.name, name);
		shmq_segment_close(segment);
	}
}

static void live_a_life(const char *name)
{
	struct shmq_segment *segment = NULL, *other = NULL;

	expect_result(shmq_segment_open(&other, name, SHMQ_WORK), -ENOENT);
	expect_result(shmq_segment_remove(name), -ENOENT);
	expect_result(shmq_segment_create(&segment, name, NULL), 0);
	expect_open(name);
	expect_result(shmq_segment_create(&other, name, NULL), -EEXIST);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	expect_result(shmq_segment_remove(name), 0);
	expect_result(shmq_segment_remove(name), -ENOENT);
	expect_result(shmq_segment_open(&other, name, SHMQ_WORK), -ENOENT);
	/* Without a name it goes on for those who have it. */
	expect_result(shmq_component_register(segment, "later", NULL), 0);
	shmq_segment_close(segment);
}

Test(segment, of_posix_shared_memory_lives_and_ends)
{
	char path[NAME_SIZE];

	live_a_life(fixture_name());
	cr_assert_eq(name_leftovers(), 0, "something is left behind");
	fixture_segment(NULL);
	name_object(path, fixture_name(), "policy");
	cr_assert_eq(access(path, F_OK), 0, "the object is not called %s", path);
	name_object(path, fixture_name(), "usage");
	cr_assert_eq(access(path, F_OK), 0, "the object is not called %s", path);
	cr_assert_eq(name_leftovers(), 2, "there is more than the two objects");
}

Test(segment, in_a_directory_of_a_tmpfs_lives_and_ends)
{
	char directory[NAME_SIZE], name[2 * NAME_SIZE];
	struct shmq_segment *segment = NULL;

	name_directory(directory, "runtime");
	snprintf(name, sizeof(name), "%s/quota", directory);
	live_a_life(name);
	cr_assert_eq(name_count(directory, ""), 0, "something is left behind");
	expect_result(shmq_segment_create(&segment, name, NULL), 0);
	cr_assert_eq(name_count(directory, ""), 2, "there is more than the two objects");
	cr_assert_eq(name_count(directory, "quota.policy"), 1);
	cr_assert_eq(name_count(directory, "quota.usage"), 1);
	shmq_segment_close(segment);
	expect_result(shmq_segment_remove(name), 0);
}

Test(segment, has_the_options_it_was_created_with)
{
	struct shmq_options options = {.size = sizeof(options),
	                               .components = 77,
	                               .threads = 33,
	                               .mode = 0640,
	                               .persistent = true,
	                               .reservations = 5,
	                               .events = 3,
	                               .rules_bytes = 100};
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_segment *segment = fixture_segment(&options);
	struct stat file;
	char path[NAME_SIZE];

	expect_result(shmq_segment_info(segment, &info), 0);
	expect_figure(info.components, 77);
	expect_figure(info.components_used, 0);
	expect_figure(info.threads, 33);
	cr_assert(info.persistent);
	expect_figure(info.creator_pid, (uint32_t)getpid());
	name_object(path, fixture_name(), "usage");
	cr_assert_eq(stat(path, &file), 0);
	expect_figure(file.st_mode & 0777, 0640);
	expect_figure(info.usage_bytes, (uint64_t)file.st_size);
	name_object(path, fixture_name(), "policy");
	cr_assert_eq(stat(path, &file), 0);
	expect_figure(info.policy_bytes, (uint64_t)file.st_size);
	/* Allocated now, so that nobody meets SIGBUS later. */
	cr_assert_geq((uint64_t)file.st_blocks * 512, (uint64_t)file.st_size);
}

struct host {
	struct gate gate;
	bool persistent;
};

/* A host that creates a segment with one component, takes something, and stays or is killed. */
static int be_a_host(unsigned index, void *context)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_component *tenant = NULL;
	struct shmq_segment *segment = NULL;
	struct host *host = context;

	(void)index;
	options.persistent = host->persistent;
	CHILD_RESULT(shmq_segment_create(&segment, fixture_name(), &options), 0);
	CHILD_RESULT(shmq_component_register(segment, "of-the-host", NULL), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "of-the-host"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 5, NULL), SHMQ_OK);
	gate_wait(&host->gate);
	return 0;
}

static pid_t start_host(struct host *host)
{
	uint64_t hosts = counter_get(&host->gate.waiting);
	pid_t pid = process_start(be_a_host, 0, host);

	cr_assert(counter_await(&host->gate.waiting, hosts + 1, TIMEOUT_MS));
	return pid;
}

Test(segment, of_a_killed_host_is_replaced)
{
	struct host *host = shared_alloc(sizeof(*host));
	struct shmq_component *found = NULL;
	struct shmq_segment *segment;

	for (unsigned round = 0; round < 20; round++)
		cr_assert_eq(process_kill(start_host(host)), PROCESS_SIGNAL(9));
	segment = fixture_segment(NULL);
	expect_result(shmq_component_find(&found, segment, "of-the-host"), -ENOENT);
	cr_assert_eq(name_leftovers(), 2);
}

Test(segment, of_a_killed_host_can_be_looked_at_until_then)
{
	struct host *host = shared_alloc(sizeof(*host));
	struct shmq_component *found = NULL;
	struct shmq_segment *segment = NULL;

	cr_assert_eq(process_kill(start_host(host)), PROCESS_SIGNAL(9));
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&found, segment, "of-the-host"), 0);
	expect_figure(fixture_used(found, SHMQ_STORAGE), 5);
	shmq_component_put(found);
	shmq_segment_close(segment);
	fixture_segment(NULL);
}

Test(segment, of_a_living_host_is_not_replaced)
{
	struct host *host = shared_alloc(sizeof(*host));
	struct shmq_segment *segment = NULL;
	pid_t pid = start_host(host);

	expect_result(shmq_segment_create(&segment, fixture_name(), NULL), -EEXIST);
	cr_assert(process_stop(pid));
	/* One that is only stopped is alive. */
	expect_result(shmq_segment_create(&segment, fixture_name(), NULL), -EEXIST);
	process_continue(pid);
	expect_open(fixture_name());
	counter_set(&host->gate.open, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	fixture_segment(NULL);
}

struct orphan {
	struct gate gate;
};

static int worker_of_a_host(unsigned index, void *context)
{
	struct orphan *orphan = context;
	struct shmq_component *tenant = NULL;
	struct shmq_segment *segment = NULL;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "of-the-host"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	gate_wait(&orphan->gate);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	return 0;
}

Test(segment, of_a_dead_host_is_not_replaced_while_a_worker_has_it_open)
{
	struct orphan *orphan = shared_alloc(sizeof(*orphan));
	struct host *host = shared_alloc(sizeof(*host));
	struct shmq_segment *segment = NULL;
	pid_t pid = start_host(host), worker;

	worker = process_start(worker_of_a_host, 0, orphan);
	cr_assert(counter_await(&orphan->gate.waiting, 1, TIMEOUT_MS));
	cr_assert_eq(process_kill(pid), PROCESS_SIGNAL(9));
	expect_result(shmq_segment_create(&segment, fixture_name(), NULL), -EEXIST);
	expect_open(fixture_name());
	cr_assert(gate_open(&orphan->gate, 1));
	expect_result(process_join(worker, TIMEOUT_MS), 0);
	fixture_segment(NULL);
}

Test(segment, that_is_persistent_outlives_its_host_until_removed)
{
	struct host *host = shared_alloc(sizeof(*host));
	struct shmq_component *found = NULL;
	struct shmq_segment *segment = NULL;

	host->persistent = true;
	cr_assert_eq(process_kill(start_host(host)), PROCESS_SIGNAL(9));
	expect_result(shmq_segment_create(&segment, fixture_name(), NULL), -EEXIST);
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	expect_result(shmq_component_find(&found, segment, "of-the-host"), 0);
	expect_figure(fixture_used(found, SHMQ_STORAGE), 5);
	shmq_component_put(found);
	shmq_segment_close(segment);
	expect_result(shmq_segment_remove(fixture_name()), 0);
	fixture_segment(NULL);
}

static int create_once(unsigned index, void *context)
{
	struct gate *gates = context;
	struct shmq_segment *segment = NULL;
	int result;

	(void)index;
	gate_wait(&gates[0]);
	result = shmq_segment_create(&segment, fixture_name(), NULL);
	CHILD_CHECK(result == 0 || result == -EEXIST);
	gate_wait(&gates[1]);
	shmq_segment_close(segment);
	return result == 0 ? 10 : 0;
}

Test(segment, that_several_create_at_once_is_created_by_one)
{
	for (unsigned round = 0; round < 20; round++) {
		struct gate *gates = shared_alloc(2 * sizeof(*gates));
		unsigned created = 0;
		pid_t pids[4];

		process_start_group(pids, 4, create_once, gates);
		cr_assert(gate_open(&gates[0], 4));
		cr_assert(gate_open(&gates[1], 4));
		for (unsigned i = 0; i < 4; i++) {
			int status = process_join(pids[i], TIMEOUT_MS);

			cr_assert(status == 0 || status == 10, "child ended with %d", status);
			created += status == 10;
		}
		cr_assert_eq(created, 1, "%u created it", created);
		/* All of them are dead: the next round replaces it. */
		expect_open(fixture_name());
		shared_free(gates, 2 * sizeof(*gates));
	}
}

Test(segment, closes_nothing_where_there_is_nothing)
{
	shmq_segment_close(NULL);
	shmq_component_put(NULL);
	shmq_policy_free(NULL);
}
