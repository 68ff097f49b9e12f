/* SPDX-License-Identifier: MIT */
/*
 * Rates, messages, network and cpu: counted per window, forgotten with it. One process; each test runs for all three.
 *
 * Tests of one window use windows of hours that do not end meanwhile. What happens when windows end is in
 * test_window.c.
 */
#include <errno.h>

#include "../support/clock.h"
#include "../support/fixture.h"

TestSuite(rate, FIXTURE);

#define FOR_EACH_RATE(resource) for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++)

Test(rate, admits_up_to_its_limit_and_not_one_more)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RATE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 999, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 2, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 999);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 1000);
	}
}

Test(rate, counts_single_steps_exactly)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RATE(resource)
	{
		unsigned admitted = 0;

		for (unsigned i = 0; i < 1500; i++)
			admitted += shmq_try_consume(tenant, resource, 1, NULL) == SHMQ_OK;
		expect_figure(admitted, 1000);
		expect_figure(fixture_status(tenant, resource).denied, 500);
	}
}

Test(rate, cannot_be_released)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RATE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 5), -EOPNOTSUPP);
		expect_result(shmq_release(tenant, resource, 0), -EOPNOTSUPP);
		expect_figure(fixture_used(tenant, resource), 10);
	}
}

Test(rate, may_be_passed_by_what_already_happened)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RATE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 900, NULL), SHMQ_OK);
		expect_result(shmq_consume(tenant, resource, 5000), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 5900);
		expect_result(shmq_check(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
	}
}

Test(rate, has_a_window_of_its_own_per_resource)
{
	struct shmq_quota quota = quota_calm(10);
	struct shmq_component *tenant;

	quota.period_ns[SHMQ_MESSAGES] = 100 * MS;
	tenant = fixture_tenant(&quota);
	expect_result(shmq_try_consume(tenant, SHMQ_NETWORK, 10, NULL), SHMQ_OK);
	clock_enter_window(100 * MS);
	expect_result(shmq_consume(tenant, SHMQ_MESSAGES, 10), SHMQ_OK);
	clock_enter_window(100 * MS);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 10, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_NETWORK, 1, NULL), SHMQ_DENIED);
}

Test(rate, of_a_registered_component_without_quota_is_the_default)
{
	struct shmq_component *tenant = fixture_tenant(NULL);
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT, actual = {.size = sizeof(actual)};

	expect_result(shmq_component_quota(tenant, &actual), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_figure(actual.limit[resource], quota.limit[resource]);
		expect_figure(actual.period_ns[resource], quota.period_ns[resource]);
	}
	expect_figure(actual.limit[SHMQ_STORAGE], UINT64_C(100) * 1024 * 1024);
	expect_figure(actual.limit[SHMQ_MESSAGES], 1000);
	expect_figure(actual.limit[SHMQ_NETWORK], UINT64_C(10) * 1024 * 1024);
	expect_figure(actual.limit[SHMQ_CPU], 1000000);
	expect_figure(actual.limit[SHMQ_MEMORY], UINT64_C(256) * 1024 * 1024);
}
