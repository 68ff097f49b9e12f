/* SPDX-License-Identifier: MIT */
/*
 * Access modes: what an observer, a worker and a child of a controller may do, and that the kernel enforces it, by
 * mappings always and by file permissions where a worker runs under another uid.
 *
 * The tests that change uid need root; elsewhere they are skipped, visibly.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"

TestSuite(access, FIXTURE);

#define TIMEOUT_MS 10000
#define NOBODY 65534
#define STRANGER 65533

static struct shmq_component *open_tenant(struct shmq_segment **segment, enum shmq_access access)
{
	struct shmq_component *tenant = NULL;

	expect_result(shmq_segment_open(segment, fixture_name(), access), 0);
	expect_result(shmq_component_find(&tenant, *segment, "tenant"), 0);
	return tenant;
}

Test(access, an_observer_looks_and_changes_nothing)
{
	struct shmq_demand demand = {SHMQ_STORAGE, 1};
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota), *seen;
	struct shmq_segment *segment;

	seen = open_tenant(&segment, SHMQ_OBSERVE);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_check(seen, resource, 100, NULL), SHMQ_OK);
		expect_result(shmq_check(seen, resource, 101, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(seen, resource, 1, NULL), -EROFS);
		expect_result(shmq_consume(seen, resource, 1), -EROFS);
	}
	expect_result(shmq_release(seen, SHMQ_STORAGE, 1), -EROFS);
	expect_result(shmq_try_consume_all(seen, &demand, 1, NULL), -EROFS);
	expect_result(shmq_reset(seen), -EROFS);
	expect_result(shmq_component_register(segment, "new", NULL), -EACCES);
	expect_result(shmq_component_unregister(segment, "tenant"), -EACCES);
	expect_result(shmq_housekeep(segment), -EACCES);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	shmq_component_put(seen);
	shmq_segment_close(segment);
}

Test(access, a_worker_consumes_and_controls_nothing)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota), *mine;
	const char *path = fixture_policy_file("[default]\nstorage = 1MB\n");
	struct shmq_policy *policy = NULL;
	struct shmq_segment *segment;

	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	mine = open_tenant(&segment, SHMQ_WORK);
	expect_result(shmq_try_consume(mine, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	expect_result(shmq_component_register(segment, "new", NULL), -EACCES);
	expect_result(shmq_component_unregister(segment, "tenant"), -EACCES);
	expect_result(shmq_policy_publish(segment, policy), -EACCES);
	cr_assert_geq(shmq_housekeep(segment), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 1);
	shmq_policy_free(policy);
	shmq_component_put(mine);
	shmq_segment_close(segment);
}

/* How often this process has an object mapped, and how often so that it could write to it. */
struct mappings {
	unsigned all, writable;
};

static struct mappings count_mappings(const char *object)
{
	struct mappings mappings = {0};
	FILE *maps = fopen("/proc/self/maps", "r");
	char path[NAME_SIZE], line[512], rights[8];
	unsigned long inode;
	struct stat file;

	name_object(path, fixture_name(), object);
	if (stat(path, &file) != 0)
		file.st_ino = 0;
	while (maps && fgets(line, sizeof(line), maps)) {
		/* By inode: an object may have had another name when it was mapped. */
		if (sscanf(line, "%*s %7s %*s %*s %lu", rights, &inode) != 2 || inode != file.st_ino)
			continue;
		mappings.all++;
		mappings.writable += rights[1] == 'w';
	}
	if (maps)
		fclose(maps);
	return mappings;
}

static int child_of_controller_maps_policy_read_only(unsigned index, void *tenant)
{
	(void)index;
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	CHILD_CHECK(count_mappings("policy").all > 0);
	CHILD_CHECK(count_mappings("policy").writable == 0);
	CHILD_CHECK(count_mappings("usage").writable > 0);
	return 0;
}

static int worker_maps_policy_read_only(unsigned index, void *unused)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)unused;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_CHECK(count_mappings("policy").all > 0);
	CHILD_CHECK(count_mappings("policy").writable == 0);
	CHILD_CHECK(count_mappings("usage").writable > 0);
	shmq_segment_close(segment);
	CHILD_CHECK(count_mappings("policy").all == 0);
	CHILD_CHECK(count_mappings("usage").all == 0);
	return 0;
}

static int observer_maps_both_read_only(unsigned index, void *unused)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)unused;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	CHILD_CHECK(count_mappings("policy").all > 0);
	CHILD_CHECK(count_mappings("policy").writable == 0);
	CHILD_CHECK(count_mappings("usage").all > 0);
	CHILD_CHECK(count_mappings("usage").writable == 0);
	shmq_segment_close(segment);
	return 0;
}

Test(access, the_policy_is_writable_for_its_controller_only)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	cr_assert_eq(process_run(child_of_controller_maps_policy_read_only, tenant, TIMEOUT_MS), 0);
	cr_assert_gt(count_mappings("policy").writable, 0);
}

Test(access, workers_and_observers_map_no_more_than_they_need)
{
	static const char *const objects[] = {"policy", "usage"};

	fixture_tenant(NULL);
	fixture_close();
	cr_assert_eq(process_run(worker_maps_policy_read_only, NULL, TIMEOUT_MS), 0);
	cr_assert_eq(process_run(observer_maps_both_read_only, NULL, TIMEOUT_MS), 0);
	for (unsigned i = 0; i < 2; i++)
		expect_figure(count_mappings(objects[i]).all, 0);
}

Test(access, the_policy_object_is_never_open_to_group_or_other)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	char path[NAME_SIZE];
	struct stat file;

	options.mode = 0660;
	fixture_segment(&options);
	name_object(path, fixture_name(), "policy");
	cr_assert_eq(stat(path, &file), 0);
	cr_assert_eq(file.st_mode & 0022, 0, "mode %o", (unsigned)file.st_mode);
	name_object(path, fixture_name(), "usage");
	cr_assert_eq(stat(path, &file), 0);
	cr_assert_eq(file.st_mode & 0777, 0660, "mode %o", (unsigned)file.st_mode);
}

/* Become another user, with group 0 kept where `group` says so. */
static int become(unsigned user, bool keep_group)
{
	if (setgroups(0, NULL) != 0 || (!keep_group && setgid(user) != 0) || setuid(user) != 0)
		return -1;
	return 0;
}

static int stranger_is_kept_out(unsigned index, void *unused)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)unused;
	CHILD_RESULT(become(NOBODY, false), 0);
	for (int access = SHMQ_CONTROL; access <= SHMQ_OBSERVE; access++)
		CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), (enum shmq_access)access), -EACCES);
	/* Where /dev/shm is sticky, as everywhere, another user's name stays. */
	CHILD_CHECK(shmq_segment_remove(fixture_name()) < 0);
	return 0;
}

Test(access, another_user_without_permission_is_refused)
{
	struct shmq_segment *segment = NULL;

	if (geteuid() != 0)
		cr_skip("needs root: changes uid");
	fixture_tenant(NULL);
	cr_assert_eq(process_run(stranger_is_kept_out, NULL, TIMEOUT_MS), 0);
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	shmq_segment_close(segment);
}

/* Try to make every mapping of the policy writable. Returns how many were tried, -1 when one could be. */
static int attack_mappings(ino_t policy)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to, inode;
	char line[512];
	int attempts = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %lu", &from, &to, &inode) != 3 || inode != policy)
			continue;
		if (mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) == 0)
			return -1;
		attempts++;
	}
	if (maps)
		fclose(maps);
	return attempts;
}

/* How many descriptors of the policy allow writing to it. */
static int count_writable_descriptors(ino_t policy)
{
	struct stat file;
	int writable = 0;

	for (int descriptor = 0; descriptor < 1024; descriptor++)
		if (fstat(descriptor, &file) == 0 && file.st_ino == policy)
			writable += (fcntl(descriptor, F_GETFL) & O_ACCMODE) != O_RDONLY;
	return writable;
}

/* Even a hostile worker finds no way to write to the policy: not by name, by a descriptor or by a mapping. */
static int hostile_worker(unsigned index, void *inherited)
{
	struct shmq_component *tenant = NULL;
	struct shmq_segment *segment = NULL;
	char path[NAME_SIZE];
	struct stat file;

	(void)index;
	CHILD_RESULT(become(NOBODY, true), 0);
	CHILD_RESULT(shmq_try_consume(inherited, SHMQ_STORAGE, 60, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), -EACCES);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 40, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
	name_object(path, fixture_name(), "policy");
	CHILD_RESULT(stat(path, &file), 0);
	CHILD_CHECK(open(path, O_RDWR) < 0 && errno == EACCES);
	CHILD_RESULT(count_writable_descriptors(file.st_ino), 0);
	CHILD_CHECK(attack_mappings(file.st_ino) > 0);
	return 0;
}

Test(access, a_worker_of_another_user_cannot_raise_its_limit)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant;

	if (geteuid() != 0)
		cr_skip("needs root: changes uid");
	options.mode = 0660;
	tenant = fixture_component(fixture_segment(&options), "tenant", &quota);
	cr_assert_eq(process_run(hostile_worker, tenant, TIMEOUT_MS), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 100);
}

static int stranger_creates(unsigned index, void *context)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)context;
	CHILD_RESULT(become(STRANGER, false), 0);
	options.mode = 0644;
	options.persistent = true;
	CHILD_RESULT(shmq_segment_create(&segment, fixture_name(), &options), 0);
	shmq_segment_close(segment);
	return 0;
}

static int victim_opens(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;

	(void)index;
	(void)context;
	CHILD_RESULT(become(NOBODY, false), 0);
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), -EPERM);
	return 0;
}

Test(access, a_segment_of_a_user_who_is_not_trusted_is_refused)
{
	if (geteuid() != 0)
		cr_skip("needs root: changes uid");
	cr_assert_eq(process_run(stranger_creates, NULL, TIMEOUT_MS), 0);
	cr_assert_eq(process_run(victim_opens, NULL, TIMEOUT_MS), 0);
	expect_result(shmq_segment_remove(fixture_name()), 0);
}
