/* SPDX-License-Identifier: MIT */
/*
 * What watchers see: used, available, peak, total, denied, percentages, warnings, notes. One process, windows that last.
 */
#include "../support/clock.h"
#include "../support/fixture.h"

#include <errno.h>
#include <string.h>

TestSuite(status, FIXTURE);

#define FOR_EACH_RESOURCE(resource) for (int resource = 0; resource < SHMQ_RESOURCES; resource++)

static void expect_percentage(struct shmq_component *tenant, int resource, double expected)
{
	double actual = fixture_status(tenant, resource).percentage;

	cr_assert(actual > expected - 0.01 && actual < expected + 0.01, "percentage of %s is %f, expected %f",
	          shmq_resource_name(resource), actual, expected);
}

Test(status, of_a_fresh_component_is_empty)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status = fixture_status(tenant, resource);

		expect_figure(status.used, 0);
		expect_figure(status.limit, 100);
		expect_figure(status.available, 100);
		expect_figure(status.peak, 0);
		expect_figure(status.total, 0);
		expect_figure(status.denied, 0);
		expect_figure(status.would_deny, 0);
		expect_percentage(tenant, resource, 0);
	}
}

Test(status, follows_what_is_taken_and_refused)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status;

		expect_result(shmq_try_consume(tenant, resource, 30, NULL), SHMQ_OK);
		expect_result(shmq_consume(tenant, resource, 40), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 31, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(tenant, resource, 1000, NULL), SHMQ_DENIED);
		status = fixture_status(tenant, resource);
		expect_figure(status.used, 70);
		expect_figure(status.available, 30);
		expect_figure(status.peak, 70);
		expect_figure(status.total, 70);
		expect_figure(status.denied, 2);
		expect_percentage(tenant, resource, 70);
	}
}

Test(status, has_nothing_available_beyond_the_limit)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_resource_status status;

		expect_result(shmq_consume(tenant, resource, 250), SHMQ_OK);
		status = fixture_status(tenant, resource);
		expect_figure(status.used, 250);
		expect_figure(status.available, 0);
		expect_figure(status.peak, 250);
		expect_percentage(tenant, resource, 250);
	}
}

Test(status, keeps_peak_and_total_of_a_level_when_it_falls)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);
	static const int levels[] = {SHMQ_STORAGE, SHMQ_MEMORY};

	for (unsigned i = 0; i < 2; i++) {
		struct shmq_resource_status status;

		expect_result(shmq_try_consume(tenant, levels[i], 90, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, levels[i], 80), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, levels[i], 20, NULL), SHMQ_OK);
		status = fixture_status(tenant, levels[i]);
		expect_figure(status.used, 30);
		expect_figure(status.peak, 90);
		expect_figure(status.total, 110);
		expect_figure(status.window_end_ns, 0);
	}
}

Test(status, keeps_the_peak_of_the_best_window)
{
	struct shmq_quota quota = quota_periodic(100, 50 * MS);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_resource_status status;

	clock_enter_window(50 * MS);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 70, NULL), SHMQ_OK);
	clock_enter_window(50 * MS);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 20, NULL), SHMQ_OK);
	status = fixture_status(tenant, SHMQ_MESSAGES);
	expect_figure(status.peak, 70);
	expect_figure(status.total, 90);
}

Test(status, of_a_zero_limit_is_0_percent_unused_and_100_percent_used)
{
	struct shmq_quota quota = quota_calm(0);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	expect_percentage(tenant, resource, 0);
	cr_assert_not(shmq_is_warning(tenant));
	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_consume(tenant, resource, 1), SHMQ_OK);
		expect_percentage(tenant, resource, 100);
	}
	cr_assert(shmq_is_warning(tenant));
	cr_assert(shmq_is_critical(tenant));
}

Test(status, warns_at_80_percent_of_any_resource_and_not_before)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_reset(tenant), 0);
		expect_result(shmq_consume(tenant, resource, 799), SHMQ_OK);
		cr_assert_not(shmq_is_warning(tenant), "79.9 %% of %s", shmq_resource_name(resource));
		expect_result(shmq_consume(tenant, resource, 1), SHMQ_OK);
		cr_assert(shmq_is_warning(tenant), "80 %% of %s", shmq_resource_name(resource));
		cr_assert_not(shmq_is_critical(tenant));
	}
}

Test(status, is_critical_at_95_percent_of_any_resource_and_not_before)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_reset(tenant), 0);
		expect_result(shmq_consume(tenant, resource, 949), SHMQ_OK);
		cr_assert_not(shmq_is_critical(tenant), "94.9 %% of %s", shmq_resource_name(resource));
		expect_result(shmq_consume(tenant, resource, 1), SHMQ_OK);
		cr_assert(shmq_is_critical(tenant), "95 %% of %s", shmq_resource_name(resource));
		cr_assert(shmq_is_warning(tenant));
	}
}

Test(status, of_an_unlimited_resource_never_warns)
{
	struct shmq_quota quota = quota_calm(SHMQ_UNLIMITED);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		expect_result(shmq_consume(tenant, resource, SHMQ_AMOUNT_MAX), SHMQ_OK);
		cr_assert_lt(fixture_status(tenant, resource).percentage, 80);
	}
	cr_assert_not(shmq_is_warning(tenant));
}

Test(status, can_be_read_by_an_observer)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota), *seen = NULL;
	struct shmq_segment *segment = NULL;

	expect_result(shmq_consume(tenant, SHMQ_STORAGE, 96), SHMQ_OK);
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&seen, segment, "tenant"), 0);
	expect_figure(fixture_used(seen, SHMQ_STORAGE), 96);
	expect_result(shmq_consume(tenant, SHMQ_STORAGE, 1), SHMQ_OK);
	expect_figure(fixture_used(seen, SHMQ_STORAGE), 97);
	cr_assert(shmq_is_critical(seen));
	shmq_component_put(seen);
	shmq_segment_close(segment);
}

Test(status, says_where_a_resource_is_unknown)
{
	cr_assert_str_eq(shmq_resource_name(SHMQ_STORAGE), "storage");
	cr_assert_str_eq(shmq_resource_name(SHMQ_MESSAGES), "messages");
	cr_assert_str_eq(shmq_resource_name(SHMQ_NETWORK), "network");
	cr_assert_str_eq(shmq_resource_name(SHMQ_CPU), "cpu");
	cr_assert_str_eq(shmq_resource_name(SHMQ_MEMORY), "memory");
	cr_assert_null(shmq_resource_name(SHMQ_RESOURCES));
	cr_assert_null(shmq_resource_name(SHMQ_NONE));
	cr_assert_not(shmq_resource_is_rate(SHMQ_NONE));
	cr_assert_not(shmq_resource_is_rate(SHMQ_RESOURCES));
}

/* ---- Notes among the events -------------------------------------------------------------------------------------- */

Test(status, a_note_is_read_as_it_was_written)
{
	struct shmq_segment *segment, *other;
	struct shmq_component *tenant = fixture_tenant(NULL);
	struct shmq_event event = {.size = sizeof(event)};
	char text[300];
	uint64_t cursor = 0;

	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	shmq_event_skip(segment, &cursor);
	expect_result(shmq_event_write(segment, NULL, "moved\tto \xff rack 7"), 0);
	expect_result(shmq_event_read(segment, &cursor, &event), 1);
	cr_assert_str_eq(event.text, "moved?to ? rack 7");
	cr_assert_str_eq(event.component_name, "");
	cr_assert_eq(event.kind, SHMQ_EVENT_NOTE);
	expect_figure(event.component, SHMQ_NO_COMPONENT);
	/* The last character that fits as a whole: 190 letters, and one of two bytes that does not. */
	memset(text, 'x', sizeof(text));
	memcpy(text + SHMQ_EVENT_TEXT_MAX - 1, "\u00e9", sizeof("\u00e9"));
	expect_result(shmq_component_find(&tenant, segment, "tenant"), 0);
	expect_result(shmq_event_write(segment, tenant, text), 0);
	expect_result(shmq_event_read(segment, &cursor, &event), 1);
	expect_figure(strlen(event.text), SHMQ_EVENT_TEXT_MAX - 1);
	cr_assert_str_eq(event.component_name, "tenant");
	expect_figure(event.component, shmq_component_id(tenant));
	/* What is refused writes nothing. */
	expect_result(shmq_event_write(NULL, NULL, "x"), -EINVAL);
	expect_result(shmq_event_write(segment, NULL, NULL), -EINVAL);
	expect_result(shmq_event_write(segment, NULL, ""), -EINVAL);
	expect_result(shmq_segment_open(&other, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_event_write(other, tenant, "x"), -EINVAL);
	expect_result(shmq_event_write(other, NULL, "x"), -EROFS);
	expect_result(shmq_event_read(segment, &cursor, &event), 0);
	shmq_component_put(tenant);
	shmq_segment_close(other);
	shmq_segment_close(segment);
}
