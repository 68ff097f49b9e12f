/* SPDX-License-Identifier: MIT */
/*
 * Counts of refusals, slot by slot: nothing is lost when a slot changes what it counts, when it changes its owner, when
 * somebody resets in between; and what one component is refused never counts at another.
 */
#include "core/tally.h"

#include <stdlib.h>
#include <string.h>

#include "core/tracker.h"

#include "../support/fixture.h"
#include "../support/prng.h"

#define COMPONENTS 3
#define THREADS 4

TestSuite(tally, FIXTURE);

static struct shmq_shm_tracker trackers[COMPONENTS];
static struct shmq_shm_slot slots[THREADS];
static struct shmq_segment segment = {
    .layout = {.components = COMPONENTS, .threads = THREADS}, .slots = slots, .trackers = trackers};

static uint64_t denied(uint32_t component, int resource)
{
	return shm_load_relaxed(&trackers[component].denied[resource]) + tally_sum(&segment, component, resource);
}

static void refuse(unsigned slot, uint32_t component, int resource, unsigned times)
{
	if (segment.private == NULL)
		segment.private = calloc(1, sizeof(*segment.private) + THREADS * sizeof(struct segment_slot));
	cr_assert_not_null(segment.private);
	for (unsigned i = 0; i < times; i++)
		tally_add(&segment, &slots[slot], component, resource);
}

Test(tally, counts_in_the_slot_alone_while_the_same_is_refused)
{
	refuse(0, 1, SHMQ_MESSAGES, 1000);
	expect_figure(shm_load_relaxed(&trackers[1].denied[SHMQ_MESSAGES]), 1); /* the first one */
	expect_figure(denied(1, SHMQ_MESSAGES), 1000);
	expect_figure(denied(0, SHMQ_MESSAGES), 0);
	expect_figure(denied(1, SHMQ_NETWORK), 0);
}

Test(tally, moves_to_the_tracker_when_another_is_refused)
{
	refuse(0, 1, SHMQ_MESSAGES, 7);
	refuse(0, 1, SHMQ_STORAGE, 2);
	expect_figure(shm_load_relaxed(&trackers[1].denied[SHMQ_MESSAGES]), 7);
	refuse(0, 2, SHMQ_STORAGE, 1);
	expect_figure(denied(1, SHMQ_MESSAGES), 7);
	expect_figure(denied(1, SHMQ_STORAGE), 2);
	expect_figure(denied(2, SHMQ_STORAGE), 1);
}

Test(tally, counts_in_the_trackers_who_is_refused_in_turns)
{
	refuse(0, 2, SHMQ_CPU, 3);
	for (int i = 0; i < 10; i++) {
		refuse(0, 0, SHMQ_CPU, 1);
		refuse(0, 1, SHMQ_CPU, 1);
	}
	expect_figure(shm_load_relaxed(&trackers[0].denied[SHMQ_CPU]), 10);
	expect_figure(shm_load_relaxed(&trackers[1].denied[SHMQ_CPU]), 10);
	expect_figure(denied(2, SHMQ_CPU), 3);
}

Test(tally, adds_up_over_all_slots_also_of_ended_threads)
{
	for (unsigned i = 0; i < THREADS; i++)
		refuse(i, 0, SHMQ_CPU, i + 1);
	expect_figure(denied(0, SHMQ_CPU), 1 + 2 + 3 + 4);
	/* A slot is taken over as it is: its next owner goes on. */
	refuse(3, 0, SHMQ_CPU, 5);
	expect_figure(denied(0, SHMQ_CPU), 15);
}

Test(tally, begins_at_nothing_after_a_reset_and_for_a_successor)
{
	refuse(0, 0, SHMQ_NETWORK, 5);
	refuse(1, 0, SHMQ_NETWORK, 6);
	tracker_reset(&segment, 0);
	expect_figure(denied(0, SHMQ_NETWORK), 0);
	refuse(0, 0, SHMQ_NETWORK, 2);
	refuse(1, 1, SHMQ_NETWORK, 2); /* moves what it had counted before the reset */
	expect_figure(denied(0, SHMQ_NETWORK), 2);
	tracker_restart(&segment, 0);
	expect_figure(denied(0, SHMQ_NETWORK), 0);
	refuse(2, 0, SHMQ_NETWORK, 3);
	expect_figure(denied(0, SHMQ_NETWORK), 3);
}

Test(tally, passes_over_a_damaged_slot)
{
	shm_store_relaxed(&slots[0].refused_name, tally_name(COMPONENTS, SHMQ_MESSAGES));
	shm_store_relaxed(&slots[0].refused, 9);
	refuse(0, 0, SHMQ_MESSAGES, 2);
	shm_store_relaxed(&slots[1].refused_name, tally_name(0, SHMQ_RESOURCES));
	refuse(1, 0, SHMQ_MESSAGES, 2);
	expect_figure(denied(0, SHMQ_MESSAGES), 4);
}

Test(tally, agrees_with_counting_one_by_one)
{
	uint64_t expected[COMPONENTS][SHMQ_RESOURCES] = {0};
	struct prng random = prng_seed(42, 0);

	for (int i = 0; i < 20000; i++) {
		unsigned slot = (unsigned)prng_below(&random, THREADS);
		uint32_t component = (uint32_t)prng_below(&random, COMPONENTS);
		int resource = (int)prng_below(&random, SHMQ_RESOURCES);
		unsigned times = (unsigned)prng_below(&random, 3);

		refuse(slot, component, resource, times);
		expected[component][resource] += times;
		if (prng_below(&random, 200) == 0) {
			tracker_reset(&segment, component);
			memset(expected[component], 0, sizeof(expected[component]));
		}
	}
	for (uint32_t i = 0; i < COMPONENTS; i++)
		for (int j = 0; j < SHMQ_RESOURCES; j++)
			expect_figure(denied(i, j), expected[i][j]);
}
