/* SPDX-License-Identifier: MIT */
/*
 * Size: 100,000 components in one segment, registered, filled, looked up by name and by id, and what that costs in
 * shared memory: at most 1 KiB per component over both objects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(capacity, FIXTURE);

#define COMPONENTS 100000
#define BYTES_PER_COMPONENT 1024

static void name_component(char name[32], uint32_t i)
{
	snprintf(name, 32, "tenant-%06u.example", i);
}

static struct shmq_segment *large_segment(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = COMPONENTS;
	return fixture_segment(&options);
}

Test(capacity, of_a_component_costs_at_most_a_kibibyte)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint64_t bytes;

	expect_result(shmq_segment_info(large_segment(), &info), 0);
	bytes = info.policy_bytes + info.usage_bytes;
	cr_assert_leq(bytes, (uint64_t)COMPONENTS * BYTES_PER_COMPONENT, "%" PRIu64 " bytes per component",
	              bytes / COMPONENTS);
}

static void register_all(struct shmq_segment *segment)
{
	struct shmq_quota quota = quota_calm(0);
	char name[32];

	for (uint32_t i = 0; i < COMPONENTS; i++) {
		name_component(name, i);
		quota.limit[SHMQ_STORAGE] = i;
		expect_result(shmq_component_register(segment, name, &quota), 0);
	}
	expect_result(shmq_component_register(segment, "one too many", NULL), -ENOSPC);
}

/* Fill each component to a limit of its own; none has more and none has less room. */
static void fill_all(struct shmq_segment *segment, unsigned char *seen)
{
	struct shmq_component *found = NULL;
	char name[32];

	for (uint32_t i = 0; i < COMPONENTS; i++) {
		name_component(name, i);
		expect_result(shmq_component_find(&found, segment, name), 0);
		cr_assert_lt(shmq_component_id(found), COMPONENTS);
		cr_assert_eq(seen[shmq_component_id(found)]++, 0, "two components have the id %u",
		             shmq_component_id(found));
		expect_result(shmq_try_consume(found, SHMQ_STORAGE, (uint64_t)i + 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(found, SHMQ_STORAGE, i, NULL), SHMQ_OK);
		shmq_component_put(found);
	}
}

static int look_everything_up(unsigned index, void *segment)
{
	struct shmq_component *by_name = NULL, *by_id = NULL;
	struct shmq_status status;
	char name[32];

	(void)index;
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		name_component(name, i);
		CHILD_RESULT(shmq_component_find(&by_name, segment, name), 0);
		CHILD_RESULT(shmq_component_at(&by_id, segment, shmq_component_id(by_name)), 0);
		CHILD_RESULT(strcmp(shmq_component_name(by_id), name), 0);
		CHILD_RESULT(shmq_status(by_id, &status), 0);
		CHILD_CHECK(status.resource[SHMQ_STORAGE].used == i);
		CHILD_CHECK(status.resource[SHMQ_STORAGE].limit == i);
		CHILD_RESULT(shmq_check(by_name, SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
		shmq_component_put(by_name);
		shmq_component_put(by_id);
	}
	CHILD_RESULT(shmq_component_find(&by_name, segment, "tenant-100000.example"), -ENOENT);
	return 0;
}

Test(capacity, of_100000_components_is_real)
{
	struct shmq_info info = {.size = sizeof(info)};
	unsigned char *seen = calloc(COMPONENTS, 1);
	struct shmq_segment *segment = large_segment();

	cr_assert_not_null(seen);
	register_all(segment);
	expect_result(shmq_segment_info(segment, &info), 0);
	expect_figure(info.components_used, COMPONENTS);
	fill_all(segment, seen);
	free(seen);
	/* A process that never met them finds them all as well. */
	expect_result(process_run(look_everything_up, segment, 30000), 0);
}

Test(capacity, is_there_again_after_everything_was_unregistered)
{
	struct shmq_segment *segment = large_segment();
	struct shmq_info info = {.size = sizeof(info)};
	char name[32];

	register_all(segment);
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		name_component(name, i);
		expect_result(shmq_component_unregister(segment, name), 0);
	}
	expect_result(shmq_segment_info(segment, &info), 0);
	expect_figure(info.components_used, 0);
	register_all(segment);
}
