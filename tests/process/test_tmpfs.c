/* SPDX-License-Identifier: MIT */
/*
 * Shared memory that runs out, and places that are none: a full tmpfs is an error at creation, never a SIGBUS later,
 * and nothing stays behind.
 *
 * The small tmpfs is mounted in a mount namespace of the test's own, which needs root; elsewhere the test is skipped.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/names.h"

TestSuite(tmpfs, FIXTURE);

#define TMPFS_MAGIC_NUMBER 0x01021994

/* Mount a tmpfs of `kilobytes` that nobody else sees and that ends with this process. */
static void mount_small(char directory[NAME_SIZE], unsigned kilobytes)
{
	char options[64];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		cr_skip("needs root: mounts a tmpfs");
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	name_directory(directory, "small");
	snprintf(options, sizeof(options), "size=%uk", kilobytes);
	cr_assert_eq(mount("shmq-test", directory, "tmpfs", 0, options), 0);
}

/* What takes room beside components is kept small. */
static struct shmq_options small_options(uint32_t components)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = components;
	options.threads = 16;
	options.events = 16;
	options.rules_bytes = 4096;
	return options;
}

static int create_of(const char *name, uint32_t components)
{
	struct shmq_options options = small_options(components);
	struct shmq_segment *segment = NULL;
	int result;

	result = shmq_segment_create(&segment, name, &options);
	if (result == 0)
		shmq_segment_close(segment);
	return result;
}

Test(tmpfs, that_is_too_small_is_an_error_and_nothing_stays_behind)
{
	char directory[NAME_SIZE], name[2 * NAME_SIZE];
	struct statfs before, after;
	unsigned fitting = 0, refused = 0;

	mount_small(directory, 512);
	snprintf(name, sizeof(name), "%s/quota", directory);
	cr_assert_eq(statfs(directory, &before), 0);
	/* Of all sizes around what fits: the policy may fit and the usage not. */
	for (uint32_t components = 16; components < 2000; components += components / 4) {
		int result = create_of(name, components);

		cr_assert(result == 0 || result == -ENOSPC, "%u components: %d (%s)", components, result,
		          shmq_strerror(result));
		if (result == 0)
			expect_result(shmq_segment_remove(name), 0);
		fitting += result == 0;
		refused += result == -ENOSPC;
		cr_assert_eq(name_count(directory, ""), 0, "%u components: something stays behind", components);
		cr_assert_eq(statfs(directory, &after), 0);
		expect_figure(after.f_bfree, before.f_bfree);
	}
	cr_assert(fitting > 0 && refused > 0, "%u fitting, %u refused", fitting, refused);
	umount(directory);
}

Test(tmpfs, that_is_full_refuses_without_touching_the_others)
{
	struct shmq_component *found = NULL;
	struct shmq_segment *segment = NULL;
	struct shmq_options options = small_options(64);
	char directory[NAME_SIZE], name[2 * NAME_SIZE], other[2 * NAME_SIZE];

	mount_small(directory, 256);
	snprintf(name, sizeof(name), "%s/quota", directory);
	snprintf(other, sizeof(other), "%s/other", directory);
	expect_result(shmq_segment_create(&segment, name, &options), 0);
	expect_result(create_of(other, 1000), -ENOSPC);
	for (unsigned i = 0; i < 64; i++) {
		char component[16];

		snprintf(component, sizeof(component), "c%u", i);
		expect_result(shmq_component_register(segment, component, NULL), 0);
		expect_result(shmq_component_find(&found, segment, component), 0);
		expect_result(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
		shmq_component_put(found);
	}
	shmq_segment_close(segment);
	expect_result(shmq_segment_remove(name), 0);
	umount(directory);
}

Test(tmpfs, is_what_a_path_must_be_on)
{
	const char *elsewhere = "/var/tmp";
	char name[NAME_SIZE];
	struct statfs kind;

	if (statfs(elsewhere, &kind) != 0 || kind.f_type == TMPFS_MAGIC_NUMBER || access(elsewhere, W_OK) != 0)
		cr_skip("no writable directory that is not a tmpfs");
	snprintf(name, sizeof(name), "%s/shmq-test-%d", elsewhere, (int)getpid());
	expect_result(create_of(name, 16), -ENOTSUP);
	cr_assert_eq(name_count(elsewhere, strrchr(name, '/') + 1), 0, "something stays behind");
	/* Who is not root may hear first that he may not write there. */
	expect_result(create_of("/proc/shmq-test", 16), geteuid() == 0 ? -ENOTSUP : -EACCES);
}

Test(tmpfs, directory_that_is_missing_or_closed_is_named_by_its_errno)
{
	char directory[NAME_SIZE], name[2 * NAME_SIZE];
	struct shmq_segment *segment = NULL;

	name_directory(directory, "d");
	snprintf(name, sizeof(name), "%s/missing/quota", directory);
	expect_result(create_of(name, 16), -ENOENT);
	expect_result(shmq_segment_open(&segment, name, SHMQ_WORK), -ENOENT);
	expect_result(shmq_segment_remove(name), -ENOENT);
}
