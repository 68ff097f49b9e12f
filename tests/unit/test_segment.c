/* SPDX-License-Identifier: MIT */
/*
 * A segment as one process has it, and what is judged a leftover. Creators that race or die are in tests/process.
 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/process.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"

TestSuite(segment, FIXTURE);

#define TIMEOUT_MS 10000

static struct shmq_segment *open_as(enum shmq_access access)
{
	struct shmq_segment *segment = NULL;

	expect_result(shmq_segment_open(&segment, fixture_name(), access), 0);
	return segment;
}

static int create_again(bool persistent)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment = NULL;
	int result;

	options.components = 16;
	options.persistent = persistent;
	result = shmq_segment_create(&segment, fixture_name(), &options);
	shmq_segment_close(segment);
	return result;
}

static int create_in_child(unsigned index, void *persistent)
{
	(void)index;
	CHILD_RESULT(create_again(persistent != NULL), 0);
	return 0;
}

static void write_at(const char *object, size_t offset, const void *bytes, size_t length)
{
	char path[NAME_SIZE];
	int fd;

	name_object(path, fixture_name(), object);
	fd = open(path, O_WRONLY);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, bytes, length, (off_t)offset), (ssize_t)length);
	close(fd);
}

static uint64_t created_ns(void)
{
	struct shmq_segment *segment = open_as(SHMQ_OBSERVE);
	uint64_t created = segment->policy->header.created_unix_ns;

	shmq_segment_close(segment);
	return created;
}

/* ---- Openings ---- */

Test(segment, opened_many_times_has_serials_that_are_never_used_twice)
{
	uint64_t last = fixture_segment(NULL)->serial;

	for (int i = 0; i < 300; i++) {
		struct shmq_segment *segment = open_as(i % 2 ? SHMQ_OBSERVE : SHMQ_WORK);

		cr_assert_gt(segment->serial, last);
		cr_assert_lt(segment->ordinal, SEGMENT_ORDINALS);
		last = segment->serial;
		shmq_segment_close(segment);
	}
}

Test(segment, is_found_by_its_place_in_the_table_while_it_is_open)
{
	struct shmq_segment *segment = fixture_segment(NULL), *other = open_as(SHMQ_OBSERVE);
	uint32_t place = other->ordinal;

	cr_assert_eq(segment_by_ordinal(segment->ordinal), segment);
	cr_assert_eq(segment_by_ordinal(place), other);
	shmq_segment_close(other);
	cr_assert_null(segment_by_ordinal(place));
}

Test(segment, gives_nobody_but_a_controller_the_writable_policy)
{
	struct shmq_segment *worker, *observer;

	cr_assert_not_null(segment_writable(fixture_segment(NULL)));
	worker = open_as(SHMQ_WORK);
	observer = open_as(SHMQ_OBSERVE);
	cr_assert_null(segment_writable(worker));
	cr_assert_null(segment_writable(observer));
	shmq_segment_close(worker);
	shmq_segment_close(observer);
}

Test(segment, keeps_its_geometry_whatever_the_shared_header_says_later)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	segment->usage->header.components = UINT32_MAX;
	segment->usage->header.threads = UINT32_MAX;
	expect_figure(segment->layout.components, 1024);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	expect_result(shmq_housekeep(segment), 0);
}

/* ---- Children ---- */

static int write_policy(unsigned index, void *context)
{
	struct shmq_segment *segment = context;

	(void)index;
	CHILD_CHECK(segment_writable(segment) == NULL);
	CHILD_CHECK(mprotect((void *)(uintptr_t)segment->policy, 4096, PROT_READ | PROT_WRITE) != 0);
	signal(SIGSEGV, SIG_DFL);
	((struct shmq_shm_policy *)(uintptr_t)segment->policy)->header.magic = 0;
	return 0;
}

Test(segment, policy_cannot_be_written_by_a_child)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	expect_result(process_run(write_policy, segment, TIMEOUT_MS), PROCESS_SIGNAL(SIGSEGV));
	expect_figure(segment->policy->header.magic, LAYOUT_MAGIC);
}

static int touch_writable(unsigned index, void *address)
{
	(void)index;
	/* The mapping itself is not there: not even its address helps. */
	return msync(address, 4096, MS_ASYNC) == 0 || errno != ENOMEM;
}

Test(segment, writable_mapping_is_left_out_of_a_child)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	expect_result(process_run(touch_writable, segment_writable(segment), TIMEOUT_MS), 0);
}

/* ---- Leftovers ---- */

Test(segment, of_a_dead_creator_that_nobody_has_open_is_replaced)
{
	expect_result(process_run(create_in_child, NULL, TIMEOUT_MS), 0);
	expect_result(create_again(false), 0);
}

Test(segment, that_is_persistent_is_not_replaced)
{
	uint64_t created;

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	created = created_ns();
	expect_result(create_again(false), -EEXIST);
	expect_result(create_again(true), -EEXIST);
	expect_figure(created_ns(), created);
}

Test(segment, whose_creator_lives_is_not_replaced)
{
	expect_result(create_again(false), 0);
	expect_result(create_again(false), -EEXIST);
}

Test(segment, that_a_worker_has_open_is_not_replaced)
{
	struct shmq_segment *worker;

	expect_result(process_run(create_in_child, NULL, TIMEOUT_MS), 0);
	worker = open_as(SHMQ_WORK);
	expect_result(create_again(false), -EEXIST);
	shmq_segment_close(worker);
	expect_result(create_again(false), 0);
}

Test(segment, that_an_observer_has_open_is_replaced)
{
	struct shmq_segment *observer;

	expect_result(process_run(create_in_child, NULL, TIMEOUT_MS), 0);
	observer = open_as(SHMQ_OBSERVE);
	expect_result(create_again(false), 0);
	/* It goes on looking at what it opened. */
	expect_figure(observer->policy->header.magic, LAYOUT_MAGIC);
	shmq_segment_close(observer);
}

Test(segment, that_carries_a_live_thread_is_not_replaced)
{
	uint64_t token = process_token();
	struct shmq_segment *observer;
	size_t at;

	expect_result(process_run(create_in_child, NULL, TIMEOUT_MS), 0);
	observer = open_as(SHMQ_OBSERVE);
	at = observer->layout.slots_at + offsetof(struct shmq_shm_slot, owner);
	shmq_segment_close(observer);
	write_at("usage", at, &token, sizeof(token));
	expect_result(create_again(false), -EEXIST);
	token++; /* somebody of the same pid, long dead */
	write_at("usage", at, &token, sizeof(token));
	expect_result(create_again(false), 0);
}

Test(segment, of_another_boot_is_replaced_even_if_it_is_persistent)
{
	static const unsigned char boot_id[16] = "another boot...";

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	write_at("usage", offsetof(struct shmq_shm_header, boot_id), boot_id, sizeof(boot_id));
	write_at("policy", offsetof(struct shmq_shm_header, boot_id), boot_id, sizeof(boot_id));
	expect_result(create_again(false), 0);
}

Test(segment, of_other_namespaces_is_not_replaced)
{
	uint64_t namespace = 1;

	expect_result(process_run(create_in_child, NULL, TIMEOUT_MS), 0);
	write_at("usage", offsetof(struct shmq_shm_header, pid_namespace), &namespace, sizeof(namespace));
	expect_result(create_again(false), -EEXIST);
}

Test(segment, that_lost_one_half_is_replaced)
{
	static const char *const halves[] = {"policy", "usage"};

	for (int i = 0; i < 2; i++) {
		char path[NAME_SIZE];

		expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
		name_object(path, fixture_name(), halves[i]);
		cr_assert_eq(unlink(path), 0);
		expect_result(create_again(false), 0);
		expect_result(shmq_segment_remove(fixture_name()), 0);
	}
}

Test(segment, of_two_halves_that_do_not_belong_together_is_damaged)
{
	struct shmq_segment *segment = NULL;
	uint64_t pair = 42;

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	write_at("usage", offsetof(struct shmq_shm_header, pair), &pair, sizeof(pair));
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), -EBADMSG);
}

static int create_with_few_descriptors(unsigned index, void *context)
{
	(void)index;
	(void)context;
	for (rlim_t descriptors = 3; descriptors < 16; descriptors++) {
		struct rlimit few = {descriptors, 16};
		int result;

		CHILD_RESULT(setrlimit(RLIMIT_NOFILE, &few), 0);
		result = create_again(false);
		CHILD_CHECK(result == -EEXIST || result == -EMFILE || result == -EIO);
	}
	return 0;
}

Test(segment, few_descriptors_left_do_not_cost_a_persistent_one)
{
	/* A policy that could not be opened was taken for one that is not there: the accounts were deleted. */
	uint64_t created;

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	created = created_ns();
	expect_result(process_run(create_with_few_descriptors, NULL, TIMEOUT_MS), 0);
	expect_figure(created_ns(), created);
}

static void hear_alarm(int number)
{
	(void)number;
}

Test(segment, is_created_under_a_rain_of_signals)
{
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	alarm(0);
	signal(SIGALRM, hear_alarm);
	options.components = 100000;
	setitimer(ITIMER_REAL, &often, NULL);
	fixture_segment(&options);
	setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- The shared lock ---- */

static bool is_locked(void)
{
	char path[NAME_SIZE];
	bool locked;
	int fd;

	name_object(path, fixture_name(), "usage");
	fd = open(path, O_RDWR);
	cr_assert_geq(fd, 0);
	locked = flock(fd, LOCK_EX | LOCK_NB) != 0;
	close(fd);
	return locked;
}

Test(segment, is_locked_while_somebody_works_with_it_and_no_longer)
{
	struct shmq_segment *worker, *observer;

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	cr_assert(!is_locked());
	observer = open_as(SHMQ_OBSERVE);
	cr_assert(!is_locked());
	worker = open_as(SHMQ_WORK);
	cr_assert(is_locked());
	shmq_segment_close(worker);
	cr_assert(!is_locked());
	shmq_segment_close(observer);
}

static int stay(unsigned index, void *context)
{
	(void)index;
	(void)context;
	pause();
	return 0;
}

Test(segment, stays_locked_while_a_child_has_it)
{
	struct shmq_segment *worker;
	pid_t pid;

	expect_result(process_run(create_in_child, "persistent", TIMEOUT_MS), 0);
	worker = open_as(SHMQ_WORK);
	pid = process_start(stay, 0, NULL);
	shmq_segment_close(worker);
	cr_assert(is_locked());
	process_kill(pid);
	cr_assert(!is_locked());
}
