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

/* ---- By a time that the caller tells ---- */

static int take_at(struct shmq_component *tenant, uint64_t now_ns)
{
	return shmq_try_consume_at(tenant, SHMQ_MESSAGES, 1, now_ns, NULL);
}

Test(rate, by_a_told_time_is_exact_whatever_that_is)
{
	const uint64_t now_ns = clock_now_ns(), period_ns = clock_calm_period_ns();
	const uint64_t told[] = {
	    0, 1, now_ns - MINUTE, now_ns, now_ns + period_ns, now_ns + 3 * period_ns, UINT64_MAX / 2, UINT64_MAX};
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);
	unsigned admitted = 0;

	for (unsigned i = 0; i < 2000; i++)
		admitted += take_at(tenant, told[i % (sizeof(told) / sizeof(told[0]))]) == SHMQ_OK;
	expect_figure(admitted, 1000);
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 1000);
	expect_figure(fixture_status(tenant, SHMQ_MESSAGES).denied, 1000);
}

Test(rate, by_a_time_that_stands_still_begins_new_windows_all_the_same)
{
	const uint64_t period_ns = 200 * MS;
	struct shmq_quota quota = quota_calm(5);
	struct shmq_component *tenant;
	uint64_t told_ns;

	quota.period_ns[SHMQ_MESSAGES] = period_ns;
	tenant = fixture_tenant(&quota);
	clock_enter_window(period_ns);
	told_ns = clock_coarse_ns();
	for (int window = 0; window < 3; window++) {
		for (int i = 0; i < 5; i++)
			expect_result(take_at(tenant, told_ns), SHMQ_OK);
		expect_result(take_at(tenant, told_ns), SHMQ_DENIED);
		clock_enter_window(period_ns);
	}
}

Test(rate, by_a_told_time_is_none_for_what_goes_by_the_clock_or_by_none)
{
	struct shmq_quota quota = quota_calm(3);
	struct shmq_component *tenant;

	quota.algorithm[SHMQ_NETWORK] = SHMQ_SLIDING;
	quota.algorithm[SHMQ_CPU] = SHMQ_BUCKET;
	quota.burst[SHMQ_CPU] = 3;
	tenant = fixture_tenant(&quota);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict;

		for (int i = 0; i < 3; i++)
			expect_result(shmq_try_consume_at(tenant, resource, 1, UINT64_MAX, &verdict), SHMQ_OK);
		expect_result(shmq_try_consume_at(tenant, resource, 1, UINT64_MAX, &verdict), SHMQ_DENIED);
		expect_figure(verdict.current, 3);
		expect_result(shmq_try_consume_at(tenant, resource, 1, 0, NULL), SHMQ_DENIED);
	}
	expect_result(shmq_try_consume_at(tenant, SHMQ_RESOURCES, 1, 0, NULL), -EINVAL);
	expect_result(shmq_try_consume_at(NULL, SHMQ_MESSAGES, 1, 0, NULL), -EINVAL);
	expect_result(shmq_try_consume_at(tenant, SHMQ_MESSAGES, SHMQ_AMOUNT_MAX + 1, 0, NULL), -EOVERFLOW);
}
