/* SPDX-License-Identifier: MIT */
/*
 * Amounts near 2^64 and counts that near the end of their range: refused with -EOVERFLOW, never wrapped round. A wrap
 * would show as a limit that suddenly admits again, so that is what is watched for.
 */
#include <errno.h>

#include "../support/clock.h"
#include "../support/fixture.h"

TestSuite(overflow, FIXTURE);

#define FOR_EACH_RESOURCE(resource) for (int resource = 0; resource < SHMQ_RESOURCES; resource++)

static const uint64_t huge[] = {SHMQ_AMOUNT_MAX + 1,     UINT64_C(1) << 48, (UINT64_C(1) << 52) - 1, UINT64_C(1) << 52,
                                (UINT64_C(1) << 63) - 1, UINT64_C(1) << 63, UINT64_MAX - 1,          UINT64_MAX};

static void expect_all_refused(struct shmq_component *tenant, int resource, uint64_t amount)
{
	struct shmq_demand demand = {resource, amount};

	expect_result(shmq_check(tenant, resource, amount, NULL), -EOVERFLOW);
	expect_result(shmq_try_consume(tenant, resource, amount, NULL), -EOVERFLOW);
	expect_result(shmq_try_consume_all(tenant, &demand, 1, NULL), -EOVERFLOW);
	expect_result(shmq_consume(tenant, resource, amount), -EOVERFLOW);
	if (!shmq_resource_is_rate(resource))
		expect_result(shmq_release(tenant, resource, amount), -EOVERFLOW);
}

Test(overflow, of_an_amount_is_refused_and_takes_nothing)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	const uint64_t limits[] = {0, 100, SHMQ_AMOUNT_MAX, SHMQ_UNLIMITED};

	for (unsigned i = 0; i < 4; i++) {
		struct shmq_quota quota = quota_calm(limits[i]);
		char name[] = {(char)('a' + i), '\0'};
		struct shmq_component *tenant = fixture_component(segment, name, &quota);

		FOR_EACH_RESOURCE(resource)
		{
			expect_result(shmq_consume(tenant, resource, 5), SHMQ_OK);
			for (unsigned j = 0; j < sizeof(huge) / sizeof(huge[0]); j++)
				expect_all_refused(tenant, resource, huge[j]);
			expect_figure(fixture_used(tenant, resource), 5);
			expect_figure(fixture_status(tenant, resource).total, 5);
			expect_figure(fixture_status(tenant, resource).denied, 0);
		}
	}
}

/* Add the largest amounts until refused; after each, what is used is what was accepted, and the limit stays shut. */
static void fill_to_the_end(struct shmq_component *tenant, int resource)
{
	unsigned accepted = 0;

	for (unsigned i = 0; i < 20000; i++) {
		int result = shmq_consume(tenant, resource, SHMQ_AMOUNT_MAX);

		cr_assert(result == SHMQ_OK || result == -EOVERFLOW, "consume returned %d", result);
		accepted += result == SHMQ_OK;
		expect_figure(fixture_used(tenant, resource), accepted * SHMQ_AMOUNT_MAX);
		expect_result(shmq_check(tenant, resource, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
		if (result == -EOVERFLOW && i > accepted + 10)
			break;
	}
	cr_assert_geq(accepted, 1);
}

Test(overflow, of_a_count_never_opens_a_limit_again)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	fill_to_the_end(tenant, resource);
	expect_result(shmq_reset(tenant), 0);
	FOR_EACH_RESOURCE(resource)
	{
		expect_figure(fixture_used(tenant, resource), 0);
		expect_result(shmq_try_consume(tenant, resource, 101, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 100, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_DENIED);
	}
}

Test(overflow, of_an_unlimited_count_loses_nothing)
{
	struct shmq_quota quota = quota_calm(SHMQ_UNLIMITED);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		unsigned accepted = 0;

		for (unsigned i = 0; i < 300; i++) {
			int result = shmq_try_consume(tenant, resource, SHMQ_AMOUNT_MAX, NULL);

			cr_assert(result == SHMQ_OK || result == -EOVERFLOW, "try_consume returned %d", result);
			accepted += result == SHMQ_OK;
			expect_figure(fixture_used(tenant, resource), accepted * SHMQ_AMOUNT_MAX);
		}
	}
}

/* Totals run on over many windows, far beyond what one window can hold. */
Test(overflow, of_a_total_over_many_windows_keeps_each_window_exact)
{
	struct shmq_quota quota = quota_periodic(SHMQ_AMOUNT_MAX, 10 * MS);
	struct shmq_component *tenant = fixture_tenant(&quota);
	uint64_t total = 0;

	for (unsigned window = 0; window < 40; window++) {
		struct shmq_verdict verdict;

		clock_enter_window(10 * MS);
		expect_result(shmq_try_consume(tenant, SHMQ_NETWORK, SHMQ_AMOUNT_MAX, &verdict), SHMQ_OK);
		expect_figure(verdict.current, 0);
		total += SHMQ_AMOUNT_MAX;
	}
	clock_enter_window(10 * MS);
	expect_figure(fixture_used(tenant, SHMQ_NETWORK), 0);
	expect_figure(fixture_status(tenant, SHMQ_NETWORK).total, total);
	expect_figure(fixture_status(tenant, SHMQ_NETWORK).peak, SHMQ_AMOUNT_MAX);
}

/* Taking and releasing over and over moves only the difference; whatever runs beneath must not run out. */
Test(overflow, of_what_was_taken_and_released_leaves_levels_exact)
{
	struct shmq_quota quota = quota_calm(SHMQ_AMOUNT_MAX);
	struct shmq_component *tenant = fixture_tenant(&quota);
	static const int levels[] = {SHMQ_STORAGE, SHMQ_MEMORY};

	for (unsigned i = 0; i < 2; i++) {
		expect_result(shmq_consume(tenant, levels[i], 7), SHMQ_OK);
		for (unsigned round = 0; round < 1000; round++) {
			expect_result(shmq_try_consume(tenant, levels[i], SHMQ_AMOUNT_MAX - 7, NULL), SHMQ_OK);
			expect_result(shmq_try_consume(tenant, levels[i], 1, NULL), SHMQ_DENIED);
			expect_figure(fixture_used(tenant, levels[i]), SHMQ_AMOUNT_MAX);
			expect_result(shmq_release(tenant, levels[i], SHMQ_AMOUNT_MAX - 7), SHMQ_OK);
			expect_figure(fixture_used(tenant, levels[i]), 7);
		}
	}
}
