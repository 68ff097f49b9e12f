/* SPDX-License-Identifier: MIT */
/*
 * Controllers that die or compete: the directory stays whole, the controller lock is taken over from the dead only,
 * workers notice nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(controllers, FIXTURE);

#define NAMES 24
#define POLICY_NAMES 100
#define TIMEOUT_MS 20000

struct office {
	struct shmq_segment *segment;
	struct shmq_component *kept;
	struct shmq_policy *policies[2]; /* loaded before the fork */
	struct counter stop, taken, changes;
};

static int open_for_control(struct shmq_segment **segment)
{
	return shmq_segment_open(segment, fixture_name(), SHMQ_CONTROL);
}

static int change_at_random(struct shmq_segment *segment, struct prng *prng)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char name[16];

	snprintf(name, sizeof(name), "name-%u", (unsigned)prng_below(prng, NAMES));
	quota.limit[SHMQ_STORAGE] = 1234;
	quota.limit[SHMQ_MEMORY] = 1234;
	switch (prng_below(prng, 8)) {
	case 0:
		return shmq_housekeep(segment) < 0 ? -EIO : 0;
	case 1:
	case 2:
	case 3:
		return shmq_component_unregister(segment, name);
	default:
		return shmq_component_register(segment, name, &quota);
	}
}

/* -ENOSPC: at this pace, what is retired while one worker is off its processor fills all places until it is back. */
static bool is_an_expected_answer(int result)
{
	return result == 0 || result == -EEXIST || result == -ENOENT || result == -EAGAIN || result == -ENOSPC;
}

/* Register, unregister and publish until killed or told to stop. */
static int control(unsigned index, void *context)
{
	struct prng prng = prng_seed(clock_now_ns(), index);
	struct office *office = context;
	struct shmq_segment *segment;

	CHILD_RESULT(open_for_control(&segment), 0);
	while (counter_get(&office->stop) == 0) {
		int result = prng_below(&prng, 4)
		                 ? change_at_random(segment, &prng)
		                 : shmq_policy_publish(segment, office->policies[prng_below(&prng, 2)]);

		if (!is_an_expected_answer(result))
			return process_complain(__FILE__, __LINE__, "an unexpected answer to a controller", result);
		counter_add(&office->changes, 1);
	}
	shmq_segment_close(segment);
	return 0;
}

static int work(unsigned index, void *context)
{
	struct office *office = context;
	struct prng prng = prng_seed(21, index);

	while (counter_get(&office->stop) == 0) {
		struct shmq_component *found = NULL;
		char name[16];
		int result;

		CHILD_RESULT(shmq_try_consume(office->kept, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
		counter_add(&office->taken, 1);
		snprintf(name, sizeof(name), "name-%u", (unsigned)prng_below(&prng, NAMES));
		result = shmq_component_find(&found, office->segment, name);
		CHILD_CHECK(result == 0 || result == -ENOENT);
		if (result != 0)
			continue;
		result = shmq_try_consume(found, SHMQ_MESSAGES, 1, NULL);
		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED || result == -ESTALE);
		CHILD_CHECK(strcmp(shmq_component_name(found), name) == 0);
		shmq_component_put(found);
	}
	return 0;
}

/* So many components of its own that publishing it takes a while: controllers are to be killed in the middle. */
static struct shmq_policy *make_policy(unsigned which)
{
	static char text[POLICY_NAMES * 32 + 128];
	struct shmq_policy *policy = NULL;
	const char *path;
	int length = snprintf(text, sizeof(text), "[component:kept]\nstorage = unlimited\nmemory = %u\n", which);

	for (unsigned i = 0; i < POLICY_NAMES; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "[component:of-%u-%u]\n", which, i);
	path = fixture_policy_file(text);
	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	return policy;
}

static struct office *open_the_office(void)
{
	struct office *office = shared_alloc(sizeof(*office));

	office->segment = fixture_segment(NULL);
	for (unsigned i = 0; i < 2; i++)
		office->policies[i] = make_policy(i);
	expect_result(shmq_policy_publish(office->segment, office->policies[0]), 0);
	expect_result(shmq_component_find(&office->kept, office->segment, "kept"), 0);
	return office;
}

static void close_the_office(struct office *office)
{
	for (unsigned i = 0; i < 2; i++)
		shmq_policy_free(office->policies[i]);
	shmq_component_put(office->kept);
}

/* Every name is there by name and by id alike, or not at all; and every change is possible. */
static void expect_whole_directory(struct office *office)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint32_t found_by_id = 0;

	expect_result(shmq_segment_info(office->segment, &info), 0);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *by_id = NULL, *by_name = NULL;
		int result = shmq_component_at(&by_id, office->segment, id);

		cr_assert(result == 0 || result == -ENOENT);
		if (result != 0)
			continue;
		found_by_id++;
		expect_result(shmq_component_find(&by_name, office->segment, shmq_component_name(by_id)), 0);
		expect_figure(shmq_component_id(by_name), id);
		shmq_component_put(by_name);
		shmq_component_put(by_id);
	}
	expect_figure(info.components_used, found_by_id);
}

static void expect_full_control(struct office *office)
{
	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];
		int result;

		snprintf(name, sizeof(name), "name-%u", i);
		result = shmq_component_unregister(office->segment, name);
		cr_assert(result == 0 || result == -ENOENT, "unregister returned %d", result);
		expect_result(shmq_component_register(office->segment, name, NULL), 0);
		expect_result(shmq_component_unregister(office->segment, name), 0);
	}
	expect_figure(fixture_used(office->kept, SHMQ_STORAGE), counter_get(&office->taken));
}

/* No place was lost: as many fit as the segment was made for. */
static void expect_all_places(struct office *office)
{
	struct shmq_info info = {.size = sizeof(info)};
	char name[32];

	expect_result(shmq_segment_info(office->segment, &info), 0);
	for (uint32_t i = info.components_used; i < info.components; i++) {
		snprintf(name, sizeof(name), "filler-%u", i);
		cr_assert_eq(shmq_component_register(office->segment, name, NULL), 0, "%u of %u places are left", i,
		             info.components);
	}
	expect_result(shmq_component_register(office->segment, "one too many", NULL), -ENOSPC);
}

Test(controllers, killed_at_random_leave_a_whole_directory)
{
	struct office *office = open_the_office();
	struct prng prng = prng_seed(5, 0);
	pid_t workers[2];

	process_start_group(workers, 2, work, office);
	for (unsigned kills = 0; kills < 400; kills++) {
		pid_t victim = process_start(control, kills, office);
		int result;

		clock_sleep_ns(prng_below(&prng, 4 * MS));
		expect_result(process_kill(victim), PROCESS_SIGNAL(9));
		/* The next change must get through at once, whoever held the lock. */
		result = change_at_random(office->segment, &prng);
		cr_assert(is_an_expected_answer(result), "%d (%s)", result, shmq_strerror(result));
		if (kills % 20 == 0)
			expect_whole_directory(office);
	}
	counter_set(&office->stop, 1);
	expect_figure(process_join_group(workers, 2, TIMEOUT_MS), 0);
	cr_assert_gt(counter_get(&office->changes), 400, "the victims hardly did anything before they were killed");
	expect_whole_directory(office);
	expect_full_control(office);
	expect_all_places(office);
	close_the_office(office);
}

Test(controllers, that_compete_wait_for_each_other)
{
	struct office *office = open_the_office();
	pid_t pids[4];

	process_start_group(pids, 3, control, office);
	pids[3] = process_start(work, 3, office);
	clock_sleep_ns(700 * MS);
	counter_set(&office->stop, 1);
	expect_figure(process_join_group(pids, 4, TIMEOUT_MS), 0);
	cr_assert_gt(counter_get(&office->changes), 100);
	expect_whole_directory(office);
	expect_full_control(office);
	expect_all_places(office);
	close_the_office(office);
}
