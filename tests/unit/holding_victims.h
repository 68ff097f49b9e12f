/* SPDX-License-Identifier: MIT */
/*
 * A component under three groups, with a sibling, and children that work on it and die at a chosen access: what
 * test_holding.c and test_holding_released.c have in common.
 *
 * The modules are compiled into the program that includes this once more, with a hook before each atomic access.
 */
#ifndef TESTS_UNIT_HOLDING_VICTIMS_H
#define TESTS_UNIT_HOLDING_VICTIMS_H

#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/charge.c"
#include "core/holding.c"
#include "core/ledger.c"
#include "core/level.c"
#include "core/reservation.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"

#define TIMEOUT_MS 10000
#define DIED 9
#define RANKS 4
#define USED 40   /* by the component, for good, before the victim begins */
#define SIBLING 5 /* by its sibling, of storage and of memory */

static const char policy[] =
    "[default]\nstorage = 100\nmemory = 100\n[group:1]\ngroup = 2\nstorage = 120\nmemory = 120\n[group:2]\ngroup = 3\n"
    "[group:3]\nstorage = 110\nmemory = 110\n[component:c]\ngroup = 1\n[component:sibling]\ngroup = 1\n";

static struct shmq_segment *segment;
static struct shmq_component *component, *sibling;
static uint32_t ids[RANKS]; /* of "c" and its groups */

struct victim {
	int (*work)(void);
	unsigned at;
};

static inline void die(void)
{
	_exit(DIED);
}

static inline struct shmq_component *find(const char *name)
{
	struct shmq_component *found = NULL;

	expect_result(shmq_component_find(&found, segment, name), 0);
	return found;
}

static inline void forget(void)
{
	shmq_component_put(component);
	shmq_component_put(sibling);
}

/* By the policy, with what the sibling uses. */
static inline void begin_family(void)
{
	static const char *const names[RANKS] = {"c", "group:1", "group:2", "group:3"};

	fixture_publish(segment, policy);
	for (int i = 0; i < RANKS; i++) {
		struct shmq_component *rank = find(names[i]);

		ids[i] = shmq_component_id(rank);
		shmq_component_put(rank);
	}
	component = find("c");
	sibling = find("sibling");
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE)
		expect_result(shmq_try_consume(sibling, resource, SIBLING, NULL), SHMQ_OK);
}

static inline void begin(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 8;
	options.threads = 4;
	options.reservations = 3;
	segment = fixture_segment(&options);
	begin_family();
}

/* One segment for all deaths of a test: what the last one left is reset. */
static inline void begin_anew(void)
{
	if (segment == NULL)
		begin();
	expect_result(shmq_reset(component), 0);
	expect_result(shmq_try_consume(component, SHMQ_STORAGE, USED, NULL), SHMQ_OK);
}

static inline uint64_t used(unsigned rank, int resource)
{
	struct level_place place = tracker_level(segment, ids[rank], resource);

	return level_read(level_at(&place));
}

static inline void expect_empty_ledgers(unsigned at)
{
	size_t holdings = (size_t)segment->layout.threads * segment->layout.entries;

	for (size_t i = 0; i < holdings; i++)
		cr_assert_eq(shm_load_relaxed(&segment->ledgers[i].held), 0, "died at %u: a holding is left", at);
}

/* The groups have what the component has, and the sibling. Returns what the component has. */
static inline uint64_t expect_same_at_all_ranks(int resource, unsigned at)
{
	uint64_t own = used(0, resource);

	for (unsigned i = 1; i < RANKS; i++)
		cr_assert_eq(used(i, resource), own + SIBLING,
		             "died at %u: %s: %" PRIu64 " at rank %u, %" PRIu64 " below", at,
		             shmq_resource_name(resource), used(i, resource), i, own);
	return own;
}

/* Somebody else overwrites the marks that the dead left on the words of the groups. */
static inline void overwrite_marks(void)
{
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE) {
		expect_result(shmq_try_consume(sibling, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_release(sibling, resource, 1), 0);
	}
}

static inline int work_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;

	(void)index;
	CHILD_RESULT(shmq_check(component, SHMQ_STORAGE, 0, NULL), SHMQ_OK); /* attach first */
	interleave(victim->at, die);
	CHILD_RESULT(victim->work(), 0);
	interleave_happened();
	_exit(0); /* without detaching: a death after the last access */
}

/*
 * Let `work` die at each of its accesses. What the component has of storage and of memory then was there before, or is
 * what the work leaves.
 */
static inline void die_everywhere(int (*work)(void), uint64_t storage_after, uint64_t memory_after)
{
	for (int is_overwritten = 0; is_overwritten <= 1; is_overwritten++) {
		struct victim victim = {work, 0};
		bool was_seen = false;
		int outcome;

		do {
			uint64_t storage, memory;
			bool is_done;

			victim.at += 1 + (unsigned)is_overwritten;
			begin_anew();
			outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
			cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
			if (is_overwritten)
				overwrite_marks();
			expect_result(worker_recover(segment), 1);
			expect_empty_ledgers(victim.at);
			storage = expect_same_at_all_ranks(SHMQ_STORAGE, victim.at);
			memory = expect_same_at_all_ranks(SHMQ_MEMORY, victim.at);
			is_done = storage == storage_after && memory == memory_after;
			cr_assert(is_done || (storage == USED && memory == 0),
			          "died at %u: storage %" PRIu64 ", memory %" PRIu64, victim.at, storage, memory);
			was_seen |= is_done;
			expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
		} while (outcome == DIED);
		cr_assert(was_seen);
		cr_assert_gt(victim.at, 20, "the victim was not at work");
	}
	forget();
}

/* ---- Works of both ---- */

static struct shmq_reservation reservation;

static inline int reserve(void)
{
	return shmq_reserve(&reservation, component, SHMQ_STORAGE, 7, NULL);
}

static inline int reserve_and_commit_a_part(void)
{
	int result = reserve();

	return result != 0 ? result : shmq_commit(&reservation, 3);
}

#endif
