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
#define TIMEOUT_MS 20000

struct office {
	struct shmq_segment *segment;
	struct shmq_component *kept;
	const char *policies[2];
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

static bool is_an_expected_answer(int result)
{
	return result == 0 || result == -EEXIST || result == -ENOENT || result == -EAGAIN;
}

/* Register, unregister and publish until killed or told to stop. */
static int control(unsigned index, void *context)
{
	struct prng prng = prng_seed(clock_now_ns(), index);
	struct office *office = context;
	struct shmq_policy *policies[2];
	struct shmq_segment *segment;

	CHILD_RESULT(open_for_control(&segment), 0);
	for (unsigned i = 0; i < 2; i++)
		CHILD_RESULT(shmq_policy_load(&policies[i], &office->policies[i], 1, NULL), 0);
	while (counter_get(&office->stop) == 0) {
		int result = prng_below(&prng, 8) ? change_at_random(segment, &prng)
		                                  : shmq_policy_publish(segment, policies[prng_below(&prng, 2)]);

		if (!is_an_expected_answer(result))
			return process_complain(__FILE__, __LINE__, "an unexpected answer to a controller", result);
		counter_add(&office->changes, 1);
	}
	for (unsigned i = 0; i < 2; i++)
		shmq_policy_free(policies[i]);
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

static struct office *open_the_office(void)
{
	static const char *const texts[2] = {
	    "[component:kept]\nstorage = unlimited\n[component:from-policy-a]\n",
	    "[component:kept]\nstorage = unlimited\nmemory = 5\n[component:from-policy-b]\n",
	};
	struct office *office = shared_alloc(sizeof(*office));
	static char paths[2][160];

	office->segment = fixture_segment(NULL);
	fixture_publish(office->segment, texts[0]);
	expect_result(shmq_component_find(&office->kept, office->segment, "kept"), 0);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s.%u", fixture_policy_file(texts[i]), i);
		cr_assert_eq(rename(fixture_policy_file(texts[i]), paths[i]), 0);
		office->policies[i] = paths[i];
	}
	return office;
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
	shmq_component_put(office->kept);
}

Test(controllers, killed_at_random_leave_a_whole_directory)
{
	struct office *office = open_the_office();
	struct prng prng = prng_seed(5, 0);
	pid_t workers[2];

	process_start_group(workers, 2, work, office);
	for (unsigned kills = 0; kills < 400; kills++) {
		pid_t victim = process_start(control, kills, office);

		clock_sleep_ns(prng_below(&prng, 4 * MS));
		expect_result(process_kill(victim), PROCESS_SIGNAL(9));
		/* The next change must get through at once, whoever held the lock. */
		cr_assert(is_an_expected_answer(change_at_random(office->segment, &prng)));
		if (kills % 20 == 0)
			expect_whole_directory(office);
	}
	counter_set(&office->stop, 1);
	expect_figure(process_join_group(workers, 2, TIMEOUT_MS), 0);
	cr_assert_gt(counter_get(&office->changes), 400, "the victims hardly did anything before they were killed");
	expect_whole_directory(office);
	expect_full_control(office);
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
}
