/* SPDX-License-Identifier: MIT */
/*
 * Windows: they begin at multiples of their length on CLOCK_MONOTONIC, end by themselves, carry nothing over, and no
 * interleaving around a boundary admits more than the limit between two boundaries.
 *
 * Tests that must do several steps inside one window look at the clock afterwards and try again when it ended.
 */
#include <stdio.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/ledger.h"
#include "../support/process.h"

TestSuite(window, FIXTURE);

#define PERIOD (100 * MS)

/* Run `steps` inside one window; they are repeated, from a fresh window, if it ended before they did. */
#define INSIDE_ONE_WINDOW(period, steps)                                                                               \
	do {                                                                                                           \
		uint64_t window_number;                                                                                \
		clock_enter_window(period);                                                                            \
		window_number = clock_now_ns() / (period);                                                             \
		steps;                                                                                                 \
		if (clock_now_ns() / (period) == window_number)                                                        \
			break;                                                                                         \
	} while (1)

static unsigned admitted_of(struct shmq_component *tenant, unsigned attempts)
{
	unsigned admitted = 0;

	for (unsigned i = 0; i < attempts; i++)
		admitted += shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK;
	return admitted;
}

Test(window, resets_by_itself_when_it_ends)
{
	struct shmq_quota quota = quota_periodic(10, PERIOD);
	struct shmq_component *tenant = fixture_tenant(&quota);

	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		INSIDE_ONE_WINDOW(PERIOD, {
			shmq_consume(tenant, resource, 10);
			expect_result(shmq_check(tenant, resource, 1, NULL), SHMQ_DENIED);
		});
		clock_enter_window(PERIOD);
		expect_result(shmq_check(tenant, resource, 10, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, resource, 10, NULL), SHMQ_OK);
	}
}

Test(window, carries_nothing_over_from_idle_windows)
{
	struct shmq_quota quota = quota_periodic(10, PERIOD);
	struct shmq_component *tenant = fixture_tenant(&quota);
	unsigned admitted = 0;

	expect_result(shmq_consume(tenant, SHMQ_MESSAGES, 3), SHMQ_OK);
	clock_sleep_ns(3 * PERIOD);
	INSIDE_ONE_WINDOW(PERIOD, admitted = admitted_of(tenant, 50));
	cr_assert_eq(admitted, 10, "%u admitted after idle windows", admitted);
}

Test(window, carries_no_excess_over)
{
	struct shmq_quota quota = quota_periodic(10, PERIOD);
	struct shmq_component *tenant = fixture_tenant(&quota);
	unsigned admitted = 0;

	INSIDE_ONE_WINDOW(PERIOD, {
		expect_result(shmq_consume(tenant, SHMQ_MESSAGES, 1000), SHMQ_OK);
		expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_DENIED);
	});
	INSIDE_ONE_WINDOW(PERIOD, admitted = admitted_of(tenant, 50));
	cr_assert_eq(admitted, 10, "%u admitted after an excess", admitted);
}

Test(window, is_over_for_a_reader_as_well_when_nobody_consumes)
{
	struct shmq_quota quota = quota_periodic(10, PERIOD);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_resource_status status;

	expect_result(shmq_consume(tenant, SHMQ_NETWORK, 10), SHMQ_OK);
	clock_enter_window(PERIOD);
	status = fixture_status(tenant, SHMQ_NETWORK);
	expect_figure(status.used, 0);
	expect_figure(status.available, 10);
	expect_figure(status.peak, 10);
	expect_figure(status.total, 10);
	cr_assert_not(shmq_is_warning(tenant));
}

Test(window, ends_at_a_multiple_of_its_length)
{
	static const uint64_t periods[] = {10 * MS, 50 * MS, 100 * MS, 250 * MS, 1 * SECOND, 10 * SECOND, 1 * HOUR};
	struct shmq_segment *segment = fixture_segment(NULL);

	for (unsigned i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		struct shmq_quota quota = quota_periodic(10, periods[i]);
		char name[] = {(char)('a' + i), '\0'};
		struct shmq_component *tenant = fixture_component(segment, name, &quota);
		uint64_t before, end;

		expect_result(shmq_try_consume(tenant, SHMQ_CPU, 1, NULL), SHMQ_OK);
		before = clock_coarse_ns();
		end = fixture_status(tenant, SHMQ_CPU).window_end_ns;
		expect_figure(end % periods[i], 0);
		cr_assert_gt(end, before);
		cr_assert_leq(end, clock_now_ns() + periods[i]);
	}
}

Test(window, admits_its_limit_on_either_side_of_a_boundary)
{
	struct shmq_quota quota = quota_periodic(10, PERIOD);
	struct shmq_component *tenant = fixture_tenant(&quota);

	for (unsigned round = 0; round < 5; round++) {
		unsigned admitted, before, after;
		uint64_t boundary;

		clock_enter_window(PERIOD);
		boundary = clock_approach_boundary(PERIOD, 20 * MS);
		before = admitted_of(tenant, 20);
		if (clock_now_ns() >= boundary)
			continue;
		/* Hammer through the boundary: what is admitted belongs to the second window, all of it. */
		for (after = 0; clock_coarse_ns() < boundary;)
			after += admitted_of(tenant, 1);
		after += admitted_of(tenant, 20);
		admitted = before + after;
		if (clock_now_ns() >= boundary + PERIOD)
			continue;
		cr_assert_eq(before, 10, "%u before the boundary", before);
		cr_assert_eq(after, 10, "%u of %u after the boundary", after, admitted);
	}
}

static void publish_period(struct shmq_segment *segment, const char *period)
{
	char text[128];

	snprintf(text, sizeof(text), "[component:tenant]\nmessage_rate = 10/%s\n", period);
	fixture_publish(segment, text);
}

/*
 * A window begun under a short period and kept under a long one must still end at the long one's boundary, or two
 * windows' worth fits between two of its boundaries.
 */
Test(window, that_a_reload_makes_longer_ends_at_a_boundary_of_its_new_length)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *tenant = NULL;
	uint64_t boundary, admitted = 0;

	publish_period(segment, "100ms");
	expect_result(shmq_component_find(&tenant, segment, "tenant"), 0);
	boundary = clock_approach_boundary(SECOND, 250 * MS);
	/* Looking is not enough to begin a window: this begins one, 300 ms to 200 ms before the second is full. */
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 0, NULL), SHMQ_OK);
	publish_period(segment, "1s");
	expect_figure(fixture_status(tenant, SHMQ_MESSAGES).window_end_ns % SECOND, 0);
	clock_sleep_until_ns(boundary + 200 * MS);
	while (clock_now_ns() < boundary + SECOND - 50 * MS) {
		admitted += admitted_of(tenant, 1);
		clock_sleep_ns(MS);
	}
	shmq_component_put(tenant);
	cr_assert_leq(admitted, 10, "%" PRIu64 " between two boundaries", admitted);
}

struct burst {
	struct shmq_component *tenant;
	struct ledger *ledger;
	uint64_t end_ns;
};

/* Ask for one message after the other and book every answer, until the time is over. */
static int hammer(unsigned index, void *context)
{
	struct burst *burst = context;

	(void)index;
	while (clock_now_ns() < burst->end_ns) {
		uint64_t before = clock_coarse_ns();
		int result = shmq_try_consume(burst->tenant, SHMQ_MESSAGES, 1, NULL);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		ledger_note(burst->ledger, before, clock_now_ns(), result == SHMQ_OK);
	}
	return 0;
}

static void burst_over_boundaries(uint64_t limit, uint64_t period, uint64_t duration)
{
	struct shmq_quota quota = quota_periodic(limit, period);
	struct burst burst = {.tenant = fixture_tenant(&quota)};
	struct ledger_audit audit;
	uint64_t windows;
	pid_t pids[4];

	burst.ledger = ledger_open(period, duration + 30 * SECOND);
	burst.end_ns = clock_now_ns() + duration;
	process_start_group(pids, 4, hammer, &burst);
	expect_figure(process_join_group(pids, 4, 20000), 0);
	windows = ledger_elapsed(burst.ledger);
	audit = ledger_audit(burst.ledger, limit);
	expect_figure(audit.over, 0);
	expect_figure(audit.starved, 0);
	/* Else the machine was so busy that nothing was tested. */
	cr_assert_geq(audit.saturated, windows / 4);
	cr_assert_leq(counter_get(&burst.ledger->admitted), windows * limit);
	expect_figure(fixture_status(burst.tenant, SHMQ_MESSAGES).total, counter_get(&burst.ledger->admitted));
	cr_assert_leq(fixture_status(burst.tenant, SHMQ_MESSAGES).peak, limit);
	ledger_close(burst.ledger);
}

Test(window, of_10_ms_is_never_exceeded_by_four_processes)
{
	burst_over_boundaries(50, 10 * MS, 800 * MS);
}

Test(window, of_50_ms_is_never_exceeded_by_four_processes)
{
	burst_over_boundaries(1000, 50 * MS, 1000 * MS);
}

Test(window, of_100_ms_is_never_exceeded_by_four_processes)
{
	burst_over_boundaries(7, 100 * MS, 1200 * MS);
}
