/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies, and how much shared memory a component costs at any capacity.
 */
#include "shm/layout.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/names.h"

TestSuite(layout, FIXTURE);

static const uint32_t capacities[] = {1,    2,    3,     7,     100,    1000,    1023,
                                      1024, 1025, 10000, 65536, 100000, 1000000, SHMQ_COMPONENTS_MAX};
#define RESERVATIONS 24
#define EVENTS 256
#define RULES 32768
/* A ledger has an entry more than reservations: for what is only under way. */
#define THREAD_BYTES                                                                                                   \
	(sizeof(struct shmq_shm_slot) + LAYOUT_LEASES * sizeof(struct shmq_shm_lease) +                                \
	 (RESERVATIONS + 1) * sizeof(struct shmq_shm_holding))
#define CAPACITIES (sizeof(capacities) / sizeof(*capacities))

static int compute_into(struct layout *out, uint32_t components, uint32_t threads, uint32_t reservations,
                        uint32_t events, uint32_t rules_bytes)
{
	const struct shmq_shm_header header = {.components = components,
	                                       .threads = threads,
	                                       .reservations = reservations,
	                                       .events = events,
	                                       .rules_bytes = rules_bytes};

	return layout_compute(out, &header);
}

static struct layout compute(uint32_t components, uint32_t threads)
{
	struct layout layout;

	expect_result(compute_into(&layout, components, threads, RESERVATIONS, EVENTS, RULES), 0);
	return layout;
}

Test(layout, of_capacities_out_of_range_is_refused)
{
	struct layout layout;

	expect_result(compute_into(&layout, 0, 1, RESERVATIONS, EVENTS, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, 0, RESERVATIONS, EVENTS, RULES), -EINVAL);
	expect_result(compute_into(&layout, SHMQ_COMPONENTS_MAX + 1, 1, RESERVATIONS, EVENTS, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, SHMQ_THREADS_MAX + 1, RESERVATIONS, EVENTS, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, SHMQ_RESERVATIONS_MAX + 1, EVENTS, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, RESERVATIONS, 0, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, RESERVATIONS, SHMQ_EVENTS_MAX + 1, RULES), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, RESERVATIONS, EVENTS, 0), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, RESERVATIONS, EVENTS, RULES + 8), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, RESERVATIONS, EVENTS, SHMQ_RULES_MAX + LAYOUT_LINE), -EINVAL);
	expect_result(compute_into(&layout, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX), -EINVAL);
	expect_result(compute_into(&layout, 1, 1, 0, 1, LAYOUT_LINE), 0);
	expect_result(compute_into(&layout, SHMQ_COMPONENTS_MAX, SHMQ_THREADS_MAX, SHMQ_RESERVATIONS_MAX,
	                           SHMQ_EVENTS_MAX, SHMQ_RULES_MAX),
	              0);
}

Test(layout, has_parts_that_follow_each_other_without_overlap)
{
	for (size_t i = 0; i < CAPACITIES; i++) {
		uint64_t n = capacities[i];
		struct layout layout = compute(capacities[i], 77);

		cr_assert_geq(layout.buckets_at, sizeof(struct shmq_shm_policy));
		cr_assert_geq(layout.entries_at, layout.buckets_at + layout.buckets * sizeof(struct shm_u32));
		cr_assert_geq(layout.quotas_at[0], layout.entries_at + n * sizeof(struct shmq_shm_entry));
		cr_assert_geq(layout.quotas_at[1], layout.quotas_at[0] + (n + 1) * sizeof(struct shmq_shm_quota));
		cr_assert_geq(layout.rules_at[0], layout.quotas_at[1] + (n + 1) * sizeof(struct shmq_shm_quota));
		cr_assert_geq(layout.rules_at[1], layout.rules_at[0] + RULES);
		cr_assert_geq(layout.policy_bytes, layout.rules_at[1] + RULES);
		cr_assert_geq(layout.slots_at, sizeof(struct shmq_shm_usage));
		cr_assert_geq(layout.ledgers_at, layout.slots_at + 77 * sizeof(struct shmq_shm_slot));
		cr_assert_geq(layout.trackers_at,
		              layout.ledgers_at + 77 * (RESERVATIONS + 1) * sizeof(struct shmq_shm_holding));
		cr_assert_geq(layout.events_at, layout.trackers_at + n * sizeof(struct shmq_shm_tracker));
		cr_assert_geq(layout.usage_bytes, layout.events_at + LAYOUT_EVENT_RING_BYTES(EVENTS));
	}
}

Test(layout, has_parts_that_begin_on_cache_lines)
{
	for (size_t i = 0; i < CAPACITIES; i++) {
		struct layout layout = compute(capacities[i], 5);

		expect_figure(layout.buckets_at % LAYOUT_LINE, 0);
		expect_figure(layout.entries_at % LAYOUT_LINE, 0);
		expect_figure(layout.quotas_at[0] % LAYOUT_LINE, 0);
		expect_figure(layout.quotas_at[1] % LAYOUT_LINE, 0);
		expect_figure(layout.rules_at[0] % LAYOUT_LINE, 0);
		expect_figure(layout.rules_at[1] % LAYOUT_LINE, 0);
		expect_figure(layout.slots_at % LAYOUT_LINE, 0);
		expect_figure(layout.leases_at % LAYOUT_LINE, 0);
		expect_figure(layout.ledgers_at % LAYOUT_LINE, 0);
		expect_figure(layout.trackers_at % LAYOUT_LINE, 0);
		expect_figure(layout.events_at % LAYOUT_LINE, 0);
	}
}

Test(layout, has_a_power_of_two_of_buckets_with_at_most_one_component_each)
{
	for (size_t i = 0; i < CAPACITIES; i++) {
		struct layout layout = compute(capacities[i], 1);

		expect_figure(layout.buckets & (layout.buckets - 1), 0);
		cr_assert_geq(layout.buckets, capacities[i]);
		cr_assert_lt(layout.buckets, 2 * (uint64_t)capacities[i]);
	}
}

/* What a component costs beside the fixed parts: headers, the default quotas, rules, thread slots, events. */
static double bytes_per_component(uint32_t components)
{
	struct layout layout = compute(components, 256);
	size_t fixed = sizeof(struct shmq_shm_policy) + 2 * sizeof(struct shmq_shm_quota) +
	               sizeof(struct shmq_shm_usage) + 256 * THREAD_BYTES + 2 * RULES + LAYOUT_EVENT_RING_BYTES(EVENTS);
	size_t padding = 4 * LAYOUT_LINE;

	return (double)(layout.policy_bytes + layout.usage_bytes - fixed - padding) / components;
}

Test(layout, takes_at_most_960_bytes_for_a_component_at_any_capacity)
{
	for (size_t i = 0; i < CAPACITIES; i++)
		cr_assert_leq(bytes_per_component(capacities[i]), 960.0, "%u components: %.1f bytes each",
		              capacities[i], bytes_per_component(capacities[i]));
}

Test(layout, takes_at_most_1024_bytes_for_a_component_with_everything_from_ten_thousand_on)
{
	for (size_t i = 0; i < CAPACITIES; i++) {
		struct layout layout = compute(capacities[i], 256);
		uint64_t pages = (layout.policy_bytes + 4095) / 4096 + (layout.usage_bytes + 4095) / 4096;

		if (capacities[i] >= 10000)
			cr_assert_leq(pages * 4096, UINT64_C(1024) * capacities[i]);
	}
}

static uint64_t allocated_bytes(const char *object)
{
	char path[NAME_SIZE];
	struct stat stat_of;

	name_object(path, fixture_name(), object);
	cr_assert_eq(stat(path, &stat_of), 0);
	return (uint64_t)stat_of.st_blocks * 512;
}

Test(layout, of_ten_thousand_components_takes_no_more_shared_memory_than_promised)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 10000;
	fixture_segment(&options);
	cr_assert_leq(allocated_bytes("policy") + allocated_bytes("usage"), 10000 * UINT64_C(1024));
}

Test(layout, grows_with_both_capacities)
{
	struct layout small = compute(1000, 10), more_components = compute(1001, 10), more_threads = compute(1000, 11);

	cr_assert_gt(more_components.policy_bytes, small.policy_bytes);
	cr_assert_gt(more_components.usage_bytes, small.usage_bytes);
	expect_figure(more_threads.policy_bytes, small.policy_bytes);
	expect_figure(more_threads.usage_bytes - small.usage_bytes, THREAD_BYTES);
}
