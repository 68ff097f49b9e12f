/* SPDX-License-Identifier: MIT */
/*
 * Levels, storage and memory: kept until released, never above the limit by admission, never below zero by release.
 *
 * One process only: what concurrency adds is in test_exactness.c. Each test runs for both levels.
 */
#include <errno.h>

#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(level, FIXTURE);

static int next_level(int resource)
{
	return resource == SHMQ_STORAGE ? SHMQ_MEMORY : SHMQ_NONE;
}

#define FOR_EACH_LEVEL(resource) for (int resource = SHMQ_STORAGE; resource >= 0; resource = next_level(resource))

Test(level, admits_up_to_its_limit_and_not_one_byte_more)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 999, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 2, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 999);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 1000);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 1000);
	}
}

Test(level, admits_a_whole_limit_at_once_but_nothing_larger)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 1001, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 0);
		expect_result(shmq_try_consume(tenant, resource, 1000, NULL), SHMQ_OK);
	}
}

Test(level, has_room_again_for_exactly_what_was_released)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 1000, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 300), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 700);
		expect_result(shmq_try_consume(tenant, resource, 301, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 300, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 1000), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 0);
	}
}

Test(level, stops_at_zero_when_too_much_is_released)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_release(tenant, resource, 1), -ERANGE);
		expect_result(shmq_try_consume(tenant, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 11), -ERANGE);
		expect_figure(fixture_used(tenant, resource), 0);
		/* Had it gone below zero, more than the limit would fit now. */
		expect_result(shmq_try_consume(tenant, resource, 1001, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1000, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
	}
}

Test(level, is_not_touched_by_releasing_nothing)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_release(tenant, resource, 0), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 5, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 0), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 5);
	}
}

Test(level, may_be_passed_by_what_already_happened_and_drains_by_release)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_LEVEL(resource)
	{
		expect_result(shmq_consume(tenant, resource, 1500), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 1500);
		expect_result(shmq_check(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_release(tenant, resource, 501), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 2, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 1000);
	}
}

Test(level, storage_and_memory_are_apart)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1000, NULL), SHMQ_OK);
	expect_figure(fixture_used(tenant, SHMQ_MEMORY), 0);
	expect_result(shmq_try_consume(tenant, SHMQ_MEMORY, 1000, NULL), SHMQ_OK);
	expect_result(shmq_release(tenant, SHMQ_MEMORY, 400), SHMQ_OK);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 1000);
}

static int store_ten_bytes(unsigned index, void *tenant)
{
	(void)index;
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	return 0;
}

Test(level, storage_survives_the_worker_that_took_it)
{
	struct shmq_quota quota = quota_calm(25);
	struct shmq_component *tenant = fixture_tenant(&quota);

	cr_assert_eq(process_run(store_ten_bytes, tenant, 5000), 0);
	cr_assert_eq(process_run(store_ten_bytes, tenant, 5000), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 20);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 10, NULL), SHMQ_DENIED);
	/* What another process took can be released by this one: a file is deleted by whoever deletes it. */
	expect_result(shmq_release(tenant, SHMQ_STORAGE, 20), SHMQ_OK);
}
