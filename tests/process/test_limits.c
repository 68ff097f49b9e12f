/* SPDX-License-Identifier: MIT */
/*
 * What holds for all five resources alike: the limits 0 and unlimited, amounts of 0, checks that take nothing, reset.
 */
#include "../support/fixture.h"

TestSuite(limits, FIXTURE);

#define FOR_EACH_RESOURCE(resource) for (int resource = 0; resource < SHMQ_RESOURCES; resource++)

Test(limits, zero_denies_every_amount_but_zero)
{
	struct shmq_quota quota = quota_calm(0);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_check(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, SHMQ_AMOUNT_MAX, NULL), SHMQ_DENIED);
		expect_result(shmq_check(tenant, resource, 0, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 0, NULL), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 0);
		expect_figure(fixture_status(tenant, resource).denied, 2);
	}
}

Test(limits, unlimited_denies_nothing_and_still_counts)
{
	struct shmq_quota quota = quota_calm(SHMQ_UNLIMITED);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status;

		expect_result(shmq_try_consume(tenant, resource, SHMQ_AMOUNT_MAX, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_check(tenant, resource, SHMQ_AMOUNT_MAX, NULL), SHMQ_OK);
		status = fixture_status(tenant, resource);
		expect_figure(status.used, SHMQ_AMOUNT_MAX + 1);
		expect_figure(status.limit, SHMQ_UNLIMITED);
		expect_figure(status.available, SHMQ_UNLIMITED);
	}
	cr_assert_not(shmq_is_warning(tenant));
	cr_assert_not(shmq_is_critical(tenant));
}

Test(limits, the_largest_limit_is_exact)
{
	struct shmq_quota quota = quota_calm(SHMQ_AMOUNT_MAX);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, SHMQ_AMOUNT_MAX - 1, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 2, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), SHMQ_AMOUNT_MAX);
	}
}

Test(limits, nothing_is_admitted_at_the_limit_as_well)
{
	struct shmq_quota quota = quota_calm(7);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 7, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 0, NULL), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 7);
	}
}

Test(limits, a_check_takes_and_counts_nothing)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status;

		expect_result(shmq_try_consume(tenant, resource, 60, NULL), SHMQ_OK);
		for (unsigned i = 0; i < 1000; i++) {
			expect_result(shmq_check(tenant, resource, 40, NULL), SHMQ_OK);
			expect_result(shmq_check(tenant, resource, 41, NULL), SHMQ_DENIED);
		}
		status = fixture_status(tenant, resource);
		expect_figure(status.used, 60);
		expect_figure(status.peak, 60);
		expect_figure(status.total, 60);
		expect_figure(status.denied, 0);
		expect_result(shmq_try_consume(tenant, resource, 40, NULL), SHMQ_OK);
	}
}

Test(limits, reset_forgets_what_is_used_and_keeps_totals)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_try_consume(tenant, resource, 100, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
	}
	expect_result(shmq_reset(tenant), 0);
	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status = fixture_status(tenant, resource);

		expect_figure(status.used, 0);
		expect_figure(status.peak, 0);
		expect_figure(status.denied, 0);
		expect_figure(status.total, 100);
		expect_result(shmq_try_consume(tenant, resource, 101, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 100, NULL), SHMQ_OK);
		expect_figure(fixture_status(tenant, resource).total, 200);
	}
}

Test(limits, reset_heals_a_component_that_was_passed)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	expect_result(shmq_consume(tenant, resource, 100000), SHMQ_OK);
	for (unsigned round = 0; round < 5; round++) {
		expect_result(shmq_reset(tenant), 0);
		FOR_EACH_RESOURCE(resource)
		{
			expect_result(shmq_try_consume(tenant, resource, 100, NULL), SHMQ_OK);
			expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		}
	}
}
