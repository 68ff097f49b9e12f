/* SPDX-License-Identifier: MIT */
/*
 * Trackers: which word a resource is, what a verdict says, what is counted, what reset and restart leave. Time is real
 * here, so windows last through the test unless it says otherwise.
 */
#include "core/tracker.h"

#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"

TestSuite(tracker, FIXTURE);

static struct shmq_shm_tracker trackers[2];
static struct shmq_shm_slot slots[1];
static const struct shmq_segment segment = {
    .layout = {.components = 2, .threads = 1}, .slots = slots, .trackers = trackers};

static struct tracker_limits limits_of(int resource, uint64_t limit)
{
	return (struct tracker_limits){.limit = limit,
	                               .period_ms = tracker_is_rate(resource) ? clock_calm_period_ns() / MS : 0,
	                               .capacity = limit,
	                               .per_period = limit};
}

static int take(int resource, uint64_t limit, uint64_t amount, struct shmq_verdict *verdict)
{
	struct tracker_limits limits = limits_of(resource, limit);
	struct tracker_receipt receipt;

	if (verdict != NULL)
		*verdict = (struct shmq_verdict){.resource = resource, .requested = amount};
	return tracker_take(&segment, 0, resource, &limits, amount, verdict, &receipt);
}

static int check(int resource, uint64_t limit, uint64_t amount, struct shmq_verdict *verdict)
{
	struct tracker_limits limits = limits_of(resource, limit);

	if (verdict != NULL)
		*verdict = (struct shmq_verdict){.resource = resource, .requested = amount};
	return tracker_check(&trackers[0], resource, &limits, amount, verdict);
}

static uint64_t release(int resource, uint64_t amount)
{
	struct level_place place = tracker_level(&segment, 0, resource);

	return level_release(&place, amount);
}

static struct shmq_resource_status read_status(int resource, uint64_t limit)
{
	struct tracker_limits limits = limits_of(resource, limit);
	struct shmq_resource_status status;

	tracker_read(&trackers[0], resource, &limits, false, &status);
	return status;
}

Test(tracker, keeps_resources_and_components_apart)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(take(resource, 100, (uint64_t)resource + 1, NULL), SHMQ_OK);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_figure(read_status(resource, 100).used, (uint64_t)resource + 1);
	for (size_t i = 0; i < sizeof(trackers[1]); i++)
		expect_figure(((const unsigned char *)&trackers[1])[i], 0);
}

Test(tracker, admits_exactly_the_limit_of_each_resource)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		for (int i = 0; i < 10; i++)
			expect_result(take(resource, 10, 1, NULL), SHMQ_OK);
		expect_result(take(resource, 10, 1, NULL), SHMQ_DENIED);
		expect_figure(read_status(resource, 10).used, 10);
	}
}

Test(tracker, verdict_of_an_admission_says_what_is_left)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict;

		expect_result(take(resource, 10, 4, NULL), SHMQ_OK);
		expect_result(take(resource, 10, 5, &verdict), SHMQ_OK);
		expect_figure(verdict.current, 4);
		expect_figure(verdict.limit, 10);
		expect_figure(verdict.remaining, 1);
		expect_figure(verdict.retry_after_ns, 0);
		cr_assert_eq(verdict.period_ns != 0, tracker_is_rate(resource));
	}
}

Test(tracker, verdict_of_a_refusal_says_when_to_come_back)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict;

		expect_result(take(resource, 10, 8, NULL), SHMQ_OK);
		expect_result(take(resource, 10, 3, &verdict), SHMQ_DENIED);
		expect_figure(verdict.current, 8);
		expect_figure(verdict.remaining, 2);
		if (tracker_is_rate(resource))
			cr_assert(verdict.retry_after_ns > 0 && verdict.retry_after_ns <= clock_calm_period_ns());
		else
			expect_figure(verdict.retry_after_ns, UINT64_MAX);
		expect_result(take(resource, 10, 11, &verdict), SHMQ_DENIED);
		expect_figure(verdict.retry_after_ns, UINT64_MAX);
	}
}

Test(tracker, refusal_is_over_when_its_verdict_said)
{
	struct tracker_limits limits = {.limit = 5, .period_ms = 150, .capacity = 5, .per_period = 5};

	for (int i = 0; i < 5; i++) {
		struct shmq_verdict verdict = {.resource = SHMQ_MESSAGES, .requested = 5};
		struct tracker_receipt receipt;

		while (tracker_take(&segment, 0, SHMQ_MESSAGES, &limits, 5, &verdict, &receipt) == SHMQ_OK)
			;
		clock_sleep_ns(verdict.retry_after_ns);
		expect_result(tracker_take(&segment, 0, SHMQ_MESSAGES, &limits, 5, &verdict, &receipt), SHMQ_OK);
	}
}

Test(tracker, check_says_what_a_take_would_say_and_changes_nothing)
{
	struct prng prng = prng_seed(9, 9);

	for (int i = 0; i < 20000; i++) {
		int resource = (int)prng_below(&prng, SHMQ_RESOURCES);
		uint64_t limit = prng_below(&prng, 5) == 0 ? SHMQ_UNLIMITED : prng_below(&prng, 2000);
		uint64_t amount = prng_below(&prng, 50);
		struct shmq_shm_tracker before = trackers[0];
		struct shmq_verdict looked, taken;
		int expected = check(resource, limit, amount, &looked);

		cr_assert_eq(memcmp(&before, &trackers[0], sizeof(before)), 0);
		expect_result(take(resource, limit, amount, &taken), expected);
		expect_figure(looked.current, taken.current);
		expect_figure(looked.limit, taken.limit);
	}
}

Test(tracker, without_a_limit_counts_up_to_what_can_be_counted)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict;

		expect_result(take(resource, SHMQ_UNLIMITED, SHMQ_AMOUNT_MAX, NULL), SHMQ_OK);
		expect_result(take(resource, SHMQ_UNLIMITED, SHMQ_AMOUNT_MAX, &verdict), SHMQ_OK);
		expect_figure(verdict.remaining, SHMQ_UNLIMITED);
		expect_result(check(resource, SHMQ_UNLIMITED, SHMQ_AMOUNT_MAX, NULL), -EOVERFLOW);
		expect_result(take(resource, SHMQ_UNLIMITED, SHMQ_AMOUNT_MAX, NULL), -EOVERFLOW);
		expect_figure(read_status(resource, SHMQ_UNLIMITED).used, 2 * SHMQ_AMOUNT_MAX);
	}
}

Test(tracker, gives_back_what_a_receipt_says)
{
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		struct tracker_limits limits = limits_of(resource, 10);
		struct tracker_receipt receipt;

		expect_result(take(resource, 10, 3, NULL), SHMQ_OK);
		expect_result(tracker_take(&segment, 0, resource, &limits, 7, NULL, &receipt), SHMQ_OK);
		expect_figure(receipt.used, 3);
		tracker_give_back(&segment, 0, resource, 7, &receipt);
		expect_figure(read_status(resource, 10).used, 3);
		expect_result(take(resource, 10, 7, NULL), SHMQ_OK);
		expect_result(take(resource, 10, 1, NULL), SHMQ_DENIED);
	}
}

Test(tracker, status_says_how_much_of_the_limit_is_used)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_resource_status status;

		expect_result(take(resource, 200, 50, NULL), SHMQ_OK);
		status = read_status(resource, 200);
		cr_assert_eq(status.percentage, 25.0);
		expect_figure(status.available, 150);
		expect_figure(read_status(resource, 40).available, 0);
		cr_assert_eq(read_status(resource, 40).percentage, 125.0);
		expect_figure(read_status(resource, SHMQ_UNLIMITED).available, SHMQ_UNLIMITED);
		cr_assert_eq(read_status(resource, SHMQ_UNLIMITED).percentage, 0.0);
		cr_assert_eq(read_status(resource, 0).percentage, 100.0);
	}
}

Test(tracker, status_of_a_zero_limit_is_zero_while_nothing_is_used)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		cr_assert_eq(read_status(resource, 0).percentage, 0.0);
}

Test(tracker, status_says_the_most_that_was_used)
{
	expect_result(take(SHMQ_STORAGE, 100, 60, NULL), SHMQ_OK);
	expect_figure(read_status(SHMQ_STORAGE, 100).peak, 60);
	expect_figure(release(SHMQ_STORAGE, 50), 50);
	expect_result(take(SHMQ_STORAGE, 100, 20, NULL), SHMQ_OK);
	expect_figure(read_status(SHMQ_STORAGE, 100).used, 30);
	expect_figure(read_status(SHMQ_STORAGE, 100).peak, 60);
	expect_figure(read_status(SHMQ_STORAGE, 100).total, 80);
}

Test(tracker, status_of_a_rate_says_the_most_that_one_window_used)
{
	static const uint64_t amounts[] = {3, 8, 2};
	struct tracker_limits limits = {.limit = 10, .period_ms = 100, .capacity = 10, .per_period = 10};
	struct shmq_resource_status status;

	for (size_t i = 0; i < 3; i++) {
		struct tracker_receipt receipt;

		clock_enter_window(100 * MS);
		expect_result(tracker_take(&segment, 0, SHMQ_NETWORK, &limits, amounts[i], NULL, &receipt), SHMQ_OK);
	}
	tracker_read(&trackers[0], SHMQ_NETWORK, &limits, false, &status);
	expect_figure(status.peak, 8);
	expect_figure(status.total, 13);
	cr_assert_leq(status.window_end_ns, clock_now_ns() + 100 * MS);
}

/* Figures that refusals and events leave beside what is used. */
static void set_side_figures(uint64_t value)
{
	struct shmq_shm_tracker *tracker = &trackers[0];

	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		shm_store_relaxed(&tracker->denied[i], value);
		shm_store_relaxed(&tracker->would_deny[i], value);
		shm_store_relaxed(&tracker->reported[i], value);
	}
	shm_store_relaxed(&tracker->forbidden, value);
	shm_store_relaxed(&tracker->forbidden_reported, value);
	shm_store_relaxed(&tracker->over_released, value);
}

static void expect_no_side_figures(void)
{
	const struct shmq_shm_tracker *tracker = &trackers[0];

	for (int i = 0; i < SHMQ_RESOURCES; i++)
		expect_figure(shm_load_relaxed(&tracker->denied[i]) | shm_load_relaxed(&tracker->would_deny[i]) |
		                  shm_load_relaxed(&tracker->reported[i]),
		              0);
	expect_figure(shm_load_relaxed(&tracker->forbidden), 0);
	expect_figure(shm_load_relaxed(&tracker->forbidden_reported), 0);
	expect_figure(shm_load_relaxed(&tracker->over_released), 0);
}

/* Levels are reset through the ledger, which knows what is held of them: charge_reset(). */
Test(tracker, that_was_reset_has_forgotten_its_rates_but_their_totals)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(take(resource, 10, 6, NULL), SHMQ_OK);
	set_side_figures(7);
	tracker_reset(&segment, 0);
	expect_no_side_figures();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_resource_status status = read_status(resource, 10);

		expect_figure(status.used, tracker_is_rate(resource) ? 0 : 6);
		expect_figure(status.peak, tracker_is_rate(resource) ? 0 : 6);
		expect_figure(status.total, 6);
		expect_result(take(resource, 10, tracker_is_rate(resource) ? 10 : 4, NULL), SHMQ_OK);
	}
}

Test(tracker, that_was_reset_has_empty_buckets_and_takes_no_refunds_of_before)
{
	struct tracker_limits limits = {
	    .limit = 20, .period_ms = 3600 * 1000, .mode = SHMQ_BUCKET, .capacity = 20, .per_period = 10};
	struct tracker_receipt before, after;
	struct shmq_resource_status status;

	expect_result(tracker_take(&segment, 0, SHMQ_CPU, &limits, 20, NULL, &before), SHMQ_OK);
	tracker_read(&trackers[0], SHMQ_CPU, &limits, false, &status);
	expect_figure(status.used, 20);
	tracker_reset(&segment, 0);
	tracker_read(&trackers[0], SHMQ_CPU, &limits, false, &status);
	expect_figure(status.used, 0);
	expect_result(tracker_take(&segment, 0, SHMQ_CPU, &limits, 20, NULL, &after), SHMQ_OK);
	tracker_give_back(&segment, 0, SHMQ_CPU, 20, &before);
	expect_result(tracker_take(&segment, 0, SHMQ_CPU, &limits, 1, NULL, &before), SHMQ_DENIED);
	tracker_give_back(&segment, 0, SHMQ_CPU, 20, &after);
	expect_result(tracker_take(&segment, 0, SHMQ_CPU, &limits, 20, NULL, &after), SHMQ_OK);
}

Test(tracker, shows_what_was_refused)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		shm_add_relaxed(&trackers[0].denied[resource], 1);
		expect_figure(read_status(resource, 10).denied, 1);
		expect_figure(read_status(resource, 10).would_deny, 0);
		shm_store_relaxed(&trackers[0].would_deny[resource], 3);
		expect_figure(read_status(resource, 10).would_deny, 3);
	}
}

Test(tracker, that_was_restarted_is_as_new_any_number_of_times)
{
	for (int round = 0; round < 3; round++) {
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			expect_result(take(resource, 10, 10, NULL), SHMQ_OK);
			expect_result(take(resource, 10, 6, NULL), SHMQ_DENIED);
		}
		set_side_figures(7);
		for (int i = 0; i < LAYOUT_RATES; i++)
			shm_store_relaxed(&trackers[0].rate[i].tat, 7);
		for (int i = 0; i < SHMQ_RESOURCES; i++)
			shm_store32_relaxed(&trackers[0].threshold[i], 7);
		for (int times = 0; times <= round; times++)
			tracker_restart(&segment, 0);
		expect_no_side_figures();
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			struct shmq_resource_status status = read_status(resource, 10);

			expect_figure(status.used + status.denied + status.peak + status.total, 0);
			expect_figure(shm_load32_relaxed(&trackers[0].threshold[resource]), 0);
		}
	}
}

Test(tracker, with_a_damaged_period_of_zero_ends_every_call)
{
	/* The start of a window was aligned by a division. */
	struct tracker_limits limits = {.limit = 10, .period_ms = 0, .capacity = 10, .per_period = 10};
	struct shmq_resource_status status;
	struct tracker_receipt receipt;
	struct shmq_verdict verdict = {.resource = SHMQ_CPU};

	for (int i = 0; i < 20; i++) {
		tracker_take(&segment, 0, SHMQ_CPU, &limits, 1, &verdict, &receipt);
		tracker_check(&trackers[0], SHMQ_CPU, &limits, 1, &verdict);
		tracker_read(&trackers[0], SHMQ_CPU, &limits, false, &status);
	}
}

Test(tracker, of_noise_ends_every_call)
{
	struct prng prng = prng_seed(10, 10);

	for (int round = 0; round < 500; round++) {
		uint64_t words[sizeof(trackers[0]) / 8] = {0};

		for (size_t i = 0; i < sizeof(words) / 8; i++)
			words[i] = prng_next(&prng);
		memcpy(&trackers[0], words, sizeof(words));
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			take(resource, prng_below(&prng, 1000), prng_below(&prng, 1000), NULL);
			check(resource, SHMQ_UNLIMITED, prng_below(&prng, 1000), NULL);
			read_status(resource, prng_below(&prng, 1000));
		}
		release(SHMQ_MEMORY, prng_below(&prng, 1000));
		tracker_reset(&segment, 0);
		tracker_restart(&segment, 0);
		expect_no_side_figures();
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			expect_figure(read_status(resource, 10).used, 0);
			expect_result(take(resource, 10, 10, NULL), SHMQ_OK);
			expect_result(take(resource, 10, 1, NULL), SHMQ_DENIED);
		}
	}
}
