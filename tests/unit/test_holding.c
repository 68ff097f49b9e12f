/* SPDX-License-Identifier: MIT */
/*
 * Levels of a component and its groups, and deaths between any two accesses: afterwards all ranks have taken, or none
 * has, and nothing of the siblings is lost. test_ledger.c does the same for components without groups.
 *
 * The modules are compiled into this program once more with a hook before each atomic access. A child dies there, as a
 * worker in an operation, as a controller that takes what an ended component used off its groups, or as a recoverer.
 */
#include "holding_victims.h"

TestSuite(holding, FIXTURE);

/* ---- Workers ---- */

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

Test(holding, that_dies_reserving_has_nothing)
{
	die_everywhere(reserve, USED, 0);
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

#define REST (100 - USED)

/* Somebody takes the rest of the component after all was looked at: its groups, taken before, are given back. */
static void take_the_rest(void)
{
	(void)level_take(&(struct level_place){segment, ids[0], 0}, REST, LEVEL_CEILING, &(uint64_t){0});
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
	struct victim victim = {NULL, 0};
	unsigned refused = 0;
	int outcome;

	do {
		uint64_t rest, own;

		victim.at++;
		begin_anew();
		outcome = process_run(be_refused_late, &victim, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
		rest = outcome == 0 ? REST : 0;
		own = used(0, SHMQ_STORAGE) - rest;
		cr_assert(own == USED || own == USED + 7);
		refused += own == USED;
		for (unsigned i = 1; i < RANKS; i++)
			expect_figure(used(i, SHMQ_STORAGE), own + SIBLING);
		expect_empty_ledgers(victim.at);
		level_release(&(struct level_place){segment, ids[0], 0}, rest);
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

#define NEWCOMER 50

/* Reclaim the component's place if that can be, and let its successor use it. */
static int use_place_again(unsigned index, void *context)
{
	struct shmq_component *successor;
	struct shmq_segment *own;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&own, fixture_name(), SHMQ_CONTROL), 0);
	CHILD_RESULT(directory_housekeep(own), 0);
	if ((shm_load_relaxed(&own->entries[ids[0]].genstate) & ENTRY_STATE_MASK) != ENTRY_FREE)
		return 0;
	CHILD_RESULT(shmq_component_register(own, context, NULL), 0);
	CHILD_RESULT(shmq_component_find(&successor, own, context), 0);
	CHILD_CHECK(shmq_component_id(successor) == ids[0]);
	CHILD_RESULT(shmq_try_consume(successor, SHMQ_STORAGE, NEWCOMER, NULL), SHMQ_OK);
	return 0;
}

static char *ended; /* its name */

static void let_somebody_use_its_place(void)
{
	cr_assert_eq(process_run(use_place_again, ended, TIMEOUT_MS), 0);
}

static void fill_the_directory(void)
{
	char name[] = "other-0";
	struct shmq_info info = {.size = sizeof(info)};

	expect_result(shmq_segment_info(segment, &info), 0);
	for (uint32_t i = info.components_used; i < info.components; i++) {
		name[sizeof(name) - 2] = (char)('0' + i);
		expect_result(shmq_component_register(segment, name, NULL), 0);
	}
}

/* Its holder has found the place when it is reclaimed, and gives back what it holds: not to who is there now. */
static void end_before_it_is_given_back(char *name, bool is_in_groups)
{
	unsigned at = 0;
	bool happened;

	begin();
	ended = name;
	if (!is_in_groups)
		expect_result(shmq_component_register(segment, name, NULL), 0);
	fill_the_directory();
	do {
		uint64_t expected = 0;

		shmq_component_put(component);
		component = find(name);
		ids[0] = shmq_component_id(component);
		expect_result(shmq_reserve(&reservation, component, SHMQ_STORAGE, 7, NULL), SHMQ_OK);
		expect_result(shmq_component_unregister(segment, name), 0);
		interleave(++at, let_somebody_use_its_place);
		shmq_cancel(&reservation);
		happened = interleave_happened();
		if (shmq_component_register(segment, name, NULL) == -EEXIST)
			expected = NEWCOMER;
		cr_assert_eq(used(0, SHMQ_STORAGE), expected, "reclaimed at %u: %" PRIu64 " used", at,
		             used(0, SHMQ_STORAGE));
		for (unsigned i = 1; i < RANKS; i++)
			expect_figure(used(i, SHMQ_STORAGE), SIBLING + (is_in_groups ? expected : 0));
		expect_empty_ledgers(at);
		if (expected > 0)
			cr_assert_eq(level_release(&(struct level_place){segment, ids[0], 0}, NEWCOMER), NEWCOMER);
		for (unsigned i = 1; is_in_groups && expected > 0 && i < RANKS; i++)
			level_release(&(struct level_place){segment, ids[i], 0}, NEWCOMER);
	} while (happened);
	cr_assert_gt(at, 5, "nothing was given back");
	forget();
}

Test(holding, of_an_ended_component_is_not_given_back_to_who_has_its_place)
{
	static char name[] = "c";

	end_before_it_is_given_back(name, true);
}

Test(holding, of_an_ended_component_without_groups_is_not_given_back_to_who_has_its_place)
{
	static char name[] = "alone";

	end_before_it_is_given_back(name, false);
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
