/* SPDX-License-Identifier: MIT */
/*
 * Levels of a component and its groups, and deaths between any two accesses: afterwards all ranks have taken, or none
 * has, and nothing of the siblings is lost. test_ledger.c does the same for components without groups.
 *
 * The modules are compiled into this program once more with a hook before each atomic access. A child dies there, as a
 * worker in an operation, as a controller that takes what an ended component used off its groups, or as a recoverer.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/charge.c"
#include "core/holding.c"
#include "core/ledger.c"
#include "core/level.c"
#include "core/reservation.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <string.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(holding, FIXTURE);

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

static void die(void)
{
	_exit(DIED);
}

static struct shmq_component *find(const char *name)
{
	struct shmq_component *found = NULL;

	expect_result(shmq_component_find(&found, segment, name), 0);
	return found;
}

static void forget(void)
{
	shmq_component_put(component);
	shmq_component_put(sibling);
}

static void begin(void)
{
	static const char *const names[RANKS] = {"c", "group:1", "group:2", "group:3"};
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 8;
	options.threads = 4;
	options.reservations = 3;
	segment = fixture_segment(&options);
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

/* One segment for all deaths of a test: what the last one left is reset. */
static void begin_anew(void)
{
	if (segment == NULL)
		begin();
	expect_result(shmq_reset(component), 0);
	expect_result(shmq_try_consume(component, SHMQ_STORAGE, USED, NULL), SHMQ_OK);
}

static uint64_t used(unsigned rank, int resource)
{
	struct level_place place = tracker_level(segment, ids[rank], resource);

	return level_read(level_at(&place));
}

static void expect_empty_ledgers(unsigned at)
{
	size_t holdings = (size_t)segment->layout.threads * segment->layout.entries;

	for (size_t i = 0; i < holdings; i++)
		cr_assert_eq(shm_load_relaxed(&segment->ledgers[i].held), 0, "died at %u: a holding is left", at);
}

/* The groups have what the component has, and the sibling. Returns what the component has. */
static uint64_t expect_same_at_all_ranks(int resource, unsigned at)
{
	uint64_t own = used(0, resource);

	for (unsigned i = 1; i < RANKS; i++)
		cr_assert_eq(used(i, resource), own + SIBLING,
		             "died at %u: %s: %" PRIu64 " at rank %u, %" PRIu64 " below", at,
		             shmq_resource_name(resource), used(i, resource), i, own);
	return own;
}

/* Somebody else overwrites the marks that the dead left on the words of the groups. */
static void overwrite_marks(void)
{
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE) {
		expect_result(shmq_try_consume(sibling, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_release(sibling, resource, 1), 0);
	}
}

static int work_and_die(unsigned index, void *context)
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
static void die_everywhere(int (*work)(void), uint64_t storage_after, uint64_t memory_after)
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

/* ---- Workers ---- */

static struct shmq_reservation reservation;

static int take(void)
{
	return shmq_try_consume(component, SHMQ_STORAGE, 7, NULL);
}

Test(holding, that_dies_taking_has_taken_all_ranks_or_none)
{
	die_everywhere(take, USED + 7, 0);
}

static int release(void)
{
	return shmq_release(component, SHMQ_STORAGE, 7);
}

Test(holding, that_dies_releasing_has_released_all_ranks_or_none)
{
	die_everywhere(release, USED - 7, 0);
}

static int reserve(void)
{
	return shmq_reserve(&reservation, component, SHMQ_STORAGE, 7, NULL);
}

Test(holding, that_dies_reserving_has_nothing)
{
	die_everywhere(reserve, USED, 0);
}

static int reserve_and_commit_a_part(void)
{
	int result = reserve();

	return result != 0 ? result : shmq_commit(&reservation, 3);
}

Test(holding, that_dies_committing_a_part_has_it_at_all_ranks_or_none)
{
	die_everywhere(reserve_and_commit_a_part, USED + 3, 0);
}

static int be_refused_by_a_group(void)
{
	return shmq_reserve(&reservation, component, SHMQ_STORAGE, 110 - USED - SIBLING + 1, NULL) == SHMQ_DENIED ? 0
	                                                                                                          : 1;
}

Test(holding, that_dies_being_refused_has_nothing)
{
	die_everywhere(be_refused_by_a_group, USED, 0);
}

/* Somebody takes the rest after all groups were looked at: the ranks below the one that refuses are given back. */
static void take_the_rest(void)
{
	(void)level_take(&(struct level_place){segment, ids[3], 0}, 110 - USED - SIBLING, LEVEL_CEILING,
	                 &(uint64_t){0});
}

static int be_refused_late(unsigned index, void *context)
{
	struct victim *victim = context;

	(void)index;
	CHILD_RESULT(shmq_check(component, SHMQ_STORAGE, 0, NULL), SHMQ_OK);
	interleave(victim->at, take_the_rest);
	CHILD_CHECK(shmq_try_consume(component, SHMQ_STORAGE, 7, NULL) >= 0);
	return interleave_happened() ? 0 : DIED;
}

Test(holding, that_is_refused_late_has_nothing_left)
{
	struct victim victim = {be_refused_by_a_group, 0};
	unsigned refused = 0;
	int outcome;

	do {
		uint64_t own;

		victim.at++;
		begin_anew();
		outcome = process_run(be_refused_late, &victim, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
		own = used(0, SHMQ_STORAGE);
		cr_assert(own == USED || own == USED + 7);
		refused += own == USED;
		for (unsigned i = 1; i < RANKS; i++)
			expect_figure(used(i, SHMQ_STORAGE),
			              own + SIBLING + (i == 3 && outcome == 0 ? 110 - USED - SIBLING : 0));
		expect_empty_ledgers(victim.at);
		if (outcome == 0)
			level_release(&(struct level_place){segment, ids[3], 0}, 110 - USED - SIBLING);
	} while (outcome == 0);
	cr_assert_gt(refused, 10);
	forget();
}

static int change_memory(void)
{
	static const uint64_t steps[] = {10, 30, 4};
	int result = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && result == 0; i++)
		result = shmq_memory_set(component, steps[i], NULL);
	return result;
}

Test(holding, that_dies_changing_its_memory_has_none)
{
	die_everywhere(change_memory, USED, 0);
}

static int take_both_levels(void)
{
	static const struct shmq_demand demands[] = {{SHMQ_MEMORY, 7}, {SHMQ_STORAGE, 6}};

	return shmq_try_consume_all(component, demands, 2, NULL);
}

Test(holding, that_dies_taking_both_levels_has_both_at_all_ranks_or_none)
{
	die_everywhere(take_both_levels, USED + 6, 7);
}

static int reset(void)
{
	return shmq_reset(component);
}

Test(holding, that_dies_resetting_has_what_it_had_or_nothing)
{
	die_everywhere(reset, 0, 0);
}

/* ---- Controllers ---- */

static int settle_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;
	struct shmq_segment *own;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&own, fixture_name(), SHMQ_CONTROL), 0);
	interleave(victim->at, die);
	CHILD_RESULT(directory_housekeep(own), 0);
	interleave_happened();
	_exit(0);
}

/* Its levels are the groups' still, or off them. Afterwards the next housekeeping takes them off. */
Test(holding, of_an_ended_component_is_taken_off_its_groups_once_though_controllers_die_at_every_access)
{
	for (int is_overwritten = 0; is_overwritten <= 1; is_overwritten++) {
		struct victim victim = {NULL, 0};
		int outcome;

		do {
			victim.at += 1 + (unsigned)is_overwritten;
			begin_anew();
			expect_result(shmq_component_unregister(segment, "c"), 0);
			outcome = process_run(settle_and_die, &victim, TIMEOUT_MS);
			cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
			if (is_overwritten)
				overwrite_marks();
			expect_result(shmq_housekeep(segment) >= 0, 1);
			expect_result(shmq_housekeep(segment) >= 0, 1);
			for (unsigned i = 1; i < RANKS; i++)
				cr_assert_eq(used(i, SHMQ_STORAGE), SIBLING, "died at %u: %" PRIu64 " at rank %u",
				             victim.at, used(i, SHMQ_STORAGE), i);
			expect_empty_ledgers(victim.at);
			expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
			shmq_component_put(component);
			expect_result(shmq_component_register(segment, "c", NULL), 0);
			component = find("c");
			ids[0] = shmq_component_id(component);
		} while (outcome == DIED);
		cr_assert_gt(victim.at, 20, "the victim was not at work");
	}
	forget();
}

/* ---- Recoverers ---- */

static int recover_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;

	(void)index;
	interleave(victim->at, die);
	CHILD_CHECK(worker_recover(segment) >= 0);
	interleave_happened();
	return 0;
}

static bool recoverers_die_everywhere(unsigned at)
{
	struct victim victim = {reserve_and_commit_a_part, at}, recoverer = {NULL, 0};
	int outcome;

	do {
		uint64_t own;

		recoverer.at += 3;
		begin_anew();
		if (process_run(work_and_die, &victim, TIMEOUT_MS) != DIED)
			return false;
		outcome = process_run(recover_and_die, &recoverer, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, recoverer.at);
		if (at % 2 == 0)
			overwrite_marks();
		cr_assert_geq(worker_recover(segment), 0);
		own = expect_same_at_all_ranks(SHMQ_STORAGE, recoverer.at);
		cr_assert(own == USED || own == USED + 3, "died at %u, recoverer at %u: %" PRIu64, at, recoverer.at,
		          own);
		expect_empty_ledgers(recoverer.at);
	} while (outcome == DIED);
	return true;
}

Test(holding, is_returned_once_at_each_rank_though_recoverers_die)
{
	for (unsigned at = 3; recoverers_die_everywhere(at); at += 23)
		;
	forget();
}
