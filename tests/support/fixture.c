/* SPDX-License-Identifier: MIT */
/*
 * The frame of every suite. Criterion runs each test in a process of its own, so plain statics serve as its state.
 *
 * The end gives everything back in the order the library asks for, so a leak checker sees only what the library leaks.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "names.h"

#define FIXTURE_SECONDS 60
#define FIXTURE_HANDLES 32

static char fixture_segment_name[NAME_SIZE];
static char fixture_policy_path[NAME_SIZE];
static struct shmq_segment *fixture_opened;
static struct shmq_component *fixture_handles[FIXTURE_HANDLES];
static unsigned fixture_handle_count;

void fixture_begin(void)
{
	alarm(FIXTURE_SECONDS);
	name_sweep();
	name_segment(fixture_segment_name, "main");
}

void fixture_close(void)
{
	while (fixture_handle_count > 0)
		shmq_component_put(fixture_handles[--fixture_handle_count]);
	shmq_segment_close(fixture_opened);
	fixture_opened = NULL;
}

void fixture_end(void)
{
	fixture_close();
	name_sweep();
	alarm(0);
}

const char *fixture_name(void)
{
	return fixture_segment_name;
}

struct shmq_segment *fixture_segment(const struct shmq_options *options)
{
	expect_result(shmq_segment_create(&fixture_opened, fixture_segment_name, options), 0);
	cr_assert_not_null(fixture_opened);
	return fixture_opened;
}

struct shmq_component *fixture_component(struct shmq_segment *segment, const char *name, const struct shmq_quota *quota)
{
	struct shmq_component *component = NULL;

	expect_result(shmq_component_register(segment, name, quota), 0);
	expect_result(shmq_component_find(&component, segment, name), 0);
	cr_assert_not_null(component);
	cr_assert_lt(fixture_handle_count, FIXTURE_HANDLES);
	fixture_handles[fixture_handle_count++] = component;
	return component;
}

struct shmq_component *fixture_tenant(const struct shmq_quota *quota)
{
	return fixture_component(fixture_segment(NULL), "tenant", quota);
}

const char *fixture_policy_file(const char *text)
{
	FILE *file;

	name_object(fixture_policy_path, fixture_segment_name, "ini");
	file = fopen(fixture_policy_path, "w");
	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
	return fixture_policy_path;
}

void fixture_publish(struct shmq_segment *segment, const char *text)
{
	const char *path = fixture_policy_file(text);
	struct shmq_policy *policy = NULL;

	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	expect_result(shmq_policy_publish(segment, policy), 0);
	shmq_policy_free(policy);
}

const char *fixture_calm_unit(void)
{
	static char unit[16];

	/* Decided once: a policy that changes the window's length would be another test. */
	if (!*unit)
		snprintf(unit, sizeof(unit), "%" PRIu64 "h", clock_calm_period_ns() / HOUR);
	return strcmp(unit, "1h") == 0 ? "h" : unit;
}

struct shmq_resource_status fixture_status(struct shmq_component *component, int resource)
{
	struct shmq_status status;

	expect_result(shmq_status(component, &status), 0);
	return status.resource[resource];
}

uint64_t fixture_used(struct shmq_component *component, int resource)
{
	return fixture_status(component, resource).used;
}

struct shmq_quota quota_periodic(uint64_t limit, uint64_t period_ns)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		quota.limit[resource] = limit;
		quota.period_ns[resource] = shmq_resource_is_rate(resource) ? period_ns : 0;
	}
	return quota;
}

struct shmq_quota quota_calm(uint64_t limit)
{
	return quota_periodic(limit, clock_calm_period_ns());
}
