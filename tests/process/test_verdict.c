/* SPDX-License-Identifier: MIT */
/*
 * Verdicts: every field on every kind of answer, and the sentences that shmq_verdict_format() makes of them, which
 * programs outside show to people and must not change by a letter.
 */
#include <errno.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"

TestSuite(verdict, FIXTURE);

#define FOR_EACH_RESOURCE(resource) for (int resource = 0; resource < SHMQ_RESOURCES; resource++)

/* A verdict no field of which has a value that a call would leave there by accident. */
static struct shmq_verdict garbage(void)
{
	struct shmq_verdict verdict;

	memset(&verdict, 0xa5, sizeof(verdict));
	return verdict;
}

static void expect_common(const struct shmq_verdict *verdict, int resource, uint64_t current, uint64_t requested)
{
	cr_assert_eq(verdict->resource, resource, "resource is %d", verdict->resource);
	expect_figure(verdict->current, current);
	expect_figure(verdict->requested, requested);
}

Test(verdict, of_an_admission_says_what_is_left_after_it)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_verdict verdict = garbage();

		expect_result(shmq_consume(tenant, resource, 25), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 30, &verdict), SHMQ_OK);
		expect_common(&verdict, resource, 25, 30);
		expect_figure(verdict.limit, 100);
		expect_figure(verdict.remaining, 45);
		expect_figure(verdict.retry_after_ns, 0);
		expect_figure(verdict.period_ns, quota.period_ns[resource]);
		expect_figure(verdict.component, shmq_component_id(tenant));
	}
}

Test(verdict, of_a_check_leaves_all_that_was_left)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_verdict verdict = garbage();

		expect_result(shmq_consume(tenant, resource, 25), SHMQ_OK);
		expect_result(shmq_check(tenant, resource, 30, &verdict), SHMQ_OK);
		expect_common(&verdict, resource, 25, 30);
		expect_figure(verdict.remaining, 75);
		expect_figure(verdict.retry_after_ns, 0);
	}
}

Test(verdict, of_a_refusal_says_what_could_still_be_taken)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_verdict verdict = garbage();

		expect_result(shmq_consume(tenant, resource, 80), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 21, &verdict), SHMQ_DENIED);
		expect_common(&verdict, resource, 80, 21);
		expect_figure(verdict.limit, 100);
		expect_figure(verdict.remaining, 20);
		expect_result(shmq_consume(tenant, resource, 80), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 1, &verdict), SHMQ_DENIED);
		expect_common(&verdict, resource, 160, 1);
		expect_figure(verdict.remaining, 0);
	}
}

Test(verdict, of_an_unlimited_resource_leaves_it_unlimited)
{
	struct shmq_quota quota = quota_calm(SHMQ_UNLIMITED);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_verdict verdict = garbage();

		expect_result(shmq_try_consume(tenant, resource, 30, &verdict), SHMQ_OK);
		expect_common(&verdict, resource, 0, 30);
		expect_figure(verdict.limit, SHMQ_UNLIMITED);
		expect_figure(verdict.remaining, SHMQ_UNLIMITED);
	}
}

Test(verdict, tells_when_waiting_helps_and_when_it_cannot)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_verdict verdict = garbage();

		expect_result(shmq_consume(tenant, resource, 100), SHMQ_OK);
		expect_result(shmq_check(tenant, resource, 1, &verdict), SHMQ_DENIED);
		if (shmq_resource_is_rate(resource))
			cr_assert(verdict.retry_after_ns > 0 && verdict.retry_after_ns <= quota.period_ns[resource]);
		else
			expect_figure(verdict.retry_after_ns, UINT64_MAX);
		/* More than the limit itself will not fit in any window to come. */
		expect_result(shmq_check(tenant, resource, 101, &verdict), SHMQ_DENIED);
		expect_figure(verdict.retry_after_ns, UINT64_MAX);
	}
}

Test(verdict, sends_nobody_back_too_early)
{
	struct shmq_quota quota = quota_periodic(100, 200 * MS);
	struct shmq_component *tenant = fixture_tenant(&quota);

	for (unsigned round = 0; round < 4; round++) {
		struct shmq_verdict verdict = garbage();

		while (shmq_try_consume(tenant, SHMQ_NETWORK, 100, &verdict) != SHMQ_DENIED)
			clock_sleep_ns(17 * MS);
		cr_assert_leq(verdict.retry_after_ns, 200 * MS + CLOCK_TICK_NS);
		/* The coarse clock may see the boundary one tick later than the clock this sleeps by. */
		clock_sleep_ns(verdict.retry_after_ns + CLOCK_TICK_NS);
		expect_result(shmq_try_consume(tenant, SHMQ_NETWORK, 100, NULL), SHMQ_OK);
	}
}

static void expect_sentence(int resource, uint64_t period_ns, const uint64_t figures[3], const char *expected)
{
	struct shmq_verdict verdict = {
	    .resource = resource,
	    .current = figures[0],
	    .requested = figures[1],
	    .limit = figures[2],
	    .period_ns = period_ns,
	};
	char text[256];

	expect_result(shmq_verdict_format(text, sizeof(text), &verdict), (int)strlen(expected));
	cr_assert_str_eq(text, expected);
}

Test(verdict, reads_as_the_interface_promises)
{
	static const uint64_t figures[3] = {900, 200, 1000}, cpu[3] = {900000, 200000, 1000000};

	expect_sentence(SHMQ_STORAGE, 0, figures,
	                "Storage quota exceeded: used 900 bytes + requested 200 bytes > limit 1000 bytes");
	expect_sentence(SHMQ_MESSAGES, 1 * SECOND, figures,
	                "Message rate quota exceeded: 900 messages/sec + 200 messages > limit 1000 messages/sec");
	expect_sentence(SHMQ_NETWORK, 1 * SECOND, figures,
	                "Network bandwidth quota exceeded: 900 bytes/sec + 200 bytes > limit 1000 bytes/sec");
	expect_sentence(SHMQ_CPU, 1 * SECOND, cpu, "CPU time quota exceeded: 900 ms/sec + 200 ms > limit 1000 ms/sec");
	expect_sentence(SHMQ_MEMORY, 0, figures,
	                "Memory quota exceeded: requested 200 bytes > limit 1000 bytes (current: 900 bytes)");
}

Test(verdict, names_the_length_of_its_window)
{
	static const uint64_t figures[3] = {100, 1, 100}, cpu[3] = {30000000, 1000, 30000000};

	expect_sentence(SHMQ_MESSAGES, 1 * MINUTE, figures,
	                "Message rate quota exceeded: 100 messages/min + 1 messages > limit 100 messages/min");
	expect_sentence(SHMQ_MESSAGES, 1 * HOUR, figures,
	                "Message rate quota exceeded: 100 messages/h + 1 messages > limit 100 messages/h");
	expect_sentence(SHMQ_MESSAGES, 10 * SECOND, figures,
	                "Message rate quota exceeded: 100 messages/10s + 1 messages > limit 100 messages/10s");
	expect_sentence(SHMQ_NETWORK, 1 * HOUR, figures,
	                "Network bandwidth quota exceeded: 100 bytes/h + 1 bytes > limit 100 bytes/h");
	expect_sentence(SHMQ_CPU, 1 * MINUTE, cpu, "CPU time quota exceeded: 30000 ms/min + 1 ms > limit 30000 ms/min");
}

Test(verdict, writes_large_figures_in_full)
{
	static const uint64_t figures[3] = {SHMQ_AMOUNT_MAX, SHMQ_AMOUNT_MAX - 1, SHMQ_AMOUNT_MAX};

	expect_sentence(SHMQ_STORAGE, 0, figures,
	                "Storage quota exceeded: used 70368744177663 bytes + requested 70368744177662 bytes > limit "
	                "70368744177663 bytes");
}

Test(verdict, of_a_real_refusal_reads_well)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_verdict verdict = garbage();
	struct shmq_component *tenant;
	char text[256];

	/* A guard of its own: the window of a minute must not end between the two calls. */
	quota.period_ns[SHMQ_MESSAGES] = 1 * MINUTE;
	tenant = fixture_tenant(&quota);
	do {
		expect_result(shmq_reset(tenant), 0);
		expect_result(shmq_consume(tenant, SHMQ_MESSAGES, 100), SHMQ_OK);
	} while (shmq_try_consume(tenant, SHMQ_MESSAGES, 1, &verdict) != SHMQ_DENIED);
	cr_assert_gt(shmq_verdict_format(text, sizeof(text), &verdict), 0);
	cr_assert_str_eq(text, "Message rate quota exceeded: 100 messages/min + 1 messages > limit 100 messages/min");
}

Test(verdict, is_cut_to_the_room_there_is_and_ends_with_nul)
{
	struct shmq_verdict verdict = {.resource = SHMQ_STORAGE, .current = 1, .requested = 2, .limit = 2};
	char full[256], cut[256];
	int length = shmq_verdict_format(full, sizeof(full), &verdict);

	cr_assert_gt(length, 40);
	for (size_t size = 1; size <= (size_t)length + 1; size++) {
		memset(cut, '#', sizeof(cut));
		expect_result(shmq_verdict_format(cut, size, &verdict), length);
		cr_assert_eq(strlen(cut), size - 1);
		cr_assert_eq(strncmp(cut, full, size - 1), 0);
		cr_assert_eq(cut[size], '#', "wrote beyond the %zu bytes it was given", size);
	}
}

Test(verdict, without_a_resource_is_refused)
{
	struct shmq_verdict verdict = {.resource = SHMQ_RESOURCES};
	char text[16];

	expect_result(shmq_verdict_format(text, sizeof(text), &verdict), -EINVAL);
	verdict.resource = SHMQ_NONE;
	expect_result(shmq_verdict_format(text, sizeof(text), &verdict), -EINVAL);
	verdict.resource = -1000000;
	expect_result(shmq_verdict_format(text, sizeof(text), &verdict), -EINVAL);
	expect_result(shmq_verdict_format(text, sizeof(text), NULL), -EINVAL);
}
