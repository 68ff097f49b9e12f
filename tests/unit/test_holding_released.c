/* SPDX-License-Identifier: MIT */
/*
 * Levels of a component in groups that somebody releases whose they were not: what is reserved, stated as memory, or just
 * being taken. Whatever dies and whenever, the groups count just what their members do, so nothing of the siblings is
 * lost and nobody is admitted in its place. Also components that ended meanwhile.
 */
#include "holding_victims.h"

TestSuite(holding_released, FIXTURE);

/* ---- Before it is given back ---- */

/* All that the component uses, what is reserved of it included. */
static int have_a_reservation_released(void)
{
	int result = reserve();

	return result != 0 ? result : shmq_release(component, SHMQ_STORAGE, USED + 7);
}

static int cancel_what_was_released(void)
{
	int result = have_a_reservation_released();

	shmq_cancel(&reservation);
	return result;
}

Test(holding_released, is_not_taken_off_the_siblings_when_it_is_cancelled)
{
	die_everywhere(cancel_what_was_released, 0, 0);
}

static int commit_a_part_of_what_was_released(void)
{
	int result = reserve();

	if (result == 0)
		result = shmq_release(component, SHMQ_STORAGE, USED + 5);
	return result != 0 ? result : shmq_commit(&reservation, 3);
}

Test(holding_released, is_not_taken_off_the_siblings_when_a_part_is_committed)
{
	die_everywhere(commit_a_part_of_what_was_released, 0, 0);
}

static int change_memory_that_was_released(void)
{
	static const uint64_t steps[] = {30, 4, 2};
	int result = shmq_memory_set(component, 10, NULL);

	if (result == 0)
		result = shmq_release(component, SHMQ_MEMORY, 6);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && result == 0; i++)
		result = shmq_memory_set(component, steps[i], NULL);
	return result;
}

Test(holding_released, is_not_taken_off_the_siblings_when_memory_changes)
{
	die_everywhere(change_memory_that_was_released, USED, 0);
}

/* ---- While it is taken or given back ---- */

static int release_all_and_fill_up(unsigned index, void *context)
{
	(void)index;
	(void)context;
	CHILD_CHECK(shmq_release(component, SHMQ_STORAGE, 1000) == -ERANGE);
	for (uint64_t amount = 64; amount > 0; amount /= 2)
		while (shmq_try_consume(sibling, SHMQ_STORAGE, amount, NULL) == SHMQ_OK)
			;
	return 0;
}

static void let_a_stranger_release(void)
{
	if (process_run(release_all_and_fill_up, NULL, TIMEOUT_MS) != 0)
		_exit(1);
}

static int be_released_meanwhile(unsigned index, void *context)
{
	struct victim *victim = context;

	(void)index;
	CHILD_RESULT(shmq_check(component, SHMQ_STORAGE, 0, NULL), SHMQ_OK);
	interleave(victim->at, let_a_stranger_release);
	CHILD_CHECK(victim->work() >= 0);
	return interleave_happened() ? 0 : DIED;
}

/* What is being taken, or given back after a late refusal, is released by another process, and a sibling takes the rest. */
static void be_released_everywhere(int (*work)(void))
{
	struct victim victim = {work, 0};
	int outcome;

	do {
		struct level_place other;

		victim.at++;
		begin_anew();
		outcome = process_run(be_released_meanwhile, &victim, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
		(void)worker_recover(segment);
		other = tracker_level(segment, shmq_component_id(sibling), SHMQ_STORAGE);
		for (unsigned i = 1; i < RANKS; i++)
			cr_assert_eq(used(i, SHMQ_STORAGE), used(0, SHMQ_STORAGE) + level_read(level_at(&other)),
			             "released at %u: %" PRIu64 " at rank %u, %" PRIu64 " and %" PRIu64 " below",
			             victim.at, used(i, SHMQ_STORAGE), i, used(0, SHMQ_STORAGE),
			             level_read(level_at(&other)));
		expect_empty_ledgers(victim.at);
		expect_result(shmq_release(sibling, SHMQ_STORAGE, level_read(level_at(&other)) - SIBLING), 0);
	} while (outcome == 0);
	cr_assert_gt(victim.at, 20, "the victim was not at work");
	forget();
}

static int take_much(void)
{
	return shmq_try_consume(component, SHMQ_STORAGE, 12, NULL);
}

Test(holding_released, while_it_is_taken_is_counted_by_the_groups_as_by_the_component)
{
	be_released_everywhere(take_much);
}

static int take_much_of_both_levels(void)
{
	static const struct shmq_demand demands[] = {{SHMQ_MEMORY, 7}, {SHMQ_STORAGE, 12}};

	return shmq_try_consume_all(component, demands, 2, NULL);
}

Test(holding_released, while_both_levels_are_taken_is_counted_by_the_groups_as_by_the_component)
{
	be_released_everywhere(take_much_of_both_levels);
}

static int reserve_and_cancel(void)
{
	int result = shmq_reserve(&reservation, component, SHMQ_STORAGE, 12, NULL);

	if (result == SHMQ_OK)
		shmq_cancel(&reservation);
	return result;
}

Test(holding_released, while_it_is_cancelled_is_counted_by_the_groups_as_by_the_component)
{
	be_released_everywhere(reserve_and_cancel);
}

/* ---- Ended ---- */

static void expect_only_the_sibling_at_the_groups(unsigned at)
{
	for (unsigned i = 1; i < RANKS; i++)
		for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE)
			cr_assert_eq(used(i, resource), SIBLING, "died at %u: %" PRIu64 " at rank %u", at,
			             used(i, resource), i);
}

static unsigned state_of_component(void)
{
	return shm_load_relaxed(&segment->entries[ids[0]].genstate) & ENTRY_STATE_MASK;
}

/* The component ends and is settled, and comes again. */
static void end_and_settle(unsigned at)
{
	expect_result(shmq_component_unregister(segment, "c"), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_result(worker_recover(segment), 1);
	expect_result(directory_housekeep(segment), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_only_the_sibling_at_the_groups(at);
	cr_assert_eq(state_of_component(), ENTRY_FREE, "died at %u: state %u", at, state_of_component());
	shmq_component_put(component);
	expect_result(shmq_component_register(segment, "c", NULL), 0);
	component = find("c");
	ids[0] = shmq_component_id(component);
}

/* A worker died with an operation under way: before its slot is recovered nobody knows what is held. */
Test(holding_released, and_ended_is_off_the_groups_though_the_worker_died_at_any_access)
{
	static int (*const works[])(void) = {reserve_and_commit_a_part, cancel_what_was_released};

	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		struct victim victim = {works[i], 0};
		int outcome;

		do {
			victim.at++;
			begin_anew();
			outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
			cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
			end_and_settle(victim.at);
			expect_empty_ledgers(victim.at);
		} while (outcome == DIED);
	}
	forget();
}

/* Less is there than is held: its holders would give back at the groups what is the sibling's. */
Test(holding_released, and_ended_keeps_its_place_until_it_is_returned)
{
	begin_anew();
	expect_result(have_a_reservation_released(), 0);
	expect_result(shmq_memory_set(component, 10, NULL), 0);
	expect_result(shmq_release(component, SHMQ_MEMORY, 4), 0);
	expect_result(shmq_component_unregister(segment, "c"), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_geq(shmq_housekeep(segment), 0);
	expect_only_the_sibling_at_the_groups(0);
	expect_figure(state_of_component(), ENTRY_DYING);
	shmq_cancel(&reservation);
	expect_only_the_sibling_at_the_groups(0);
	for (int i = 0; i < 2; i++)
		cr_assert_geq(shmq_housekeep(segment), 0);
	expect_figure(state_of_component(), ENTRY_FREE);
	expect_empty_ledgers(0);
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
	forget();
}

static const char without_family[] = "[group:2]\ngroup = 3\n[group:3]\nstorage = 110\nmemory = 110\n";

#define COUSIN 60 /* of the groups above, by others */

static void change_groups_above(unsigned at, bool is_taken)
{
	for (unsigned i = 2; i < RANKS; i++) {
		for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE) {
			struct level_place place = tracker_level(segment, ids[i], resource);
			uint64_t before;

			if (is_taken)
				cr_assert(level_take(&place, COUSIN, LEVEL_CEILING, &before));
			else
				cr_assert_eq(level_release(&place, LEVEL_CEILING), COUSIN,
				             "died at %u: another figure at rank %u", at, i);
		}
	}
}

/* The component, its sibling and their group end at once. */
static void end_family(unsigned at)
{
	change_groups_above(at, true);
	forget();
	fixture_publish(segment, without_family);
	expect_result(directory_housekeep(segment), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_result(worker_recover(segment), 1);
	for (int i = 0; i < 3; i++)
		expect_result(directory_housekeep(segment), 0);
	change_groups_above(at, false);
	expect_empty_ledgers(at);
	expect_figure(shm_load32_relaxed(&segment->policy->control.retired), 0);
	begin_family();
}

/* What its members used is settled with the group, and not once more with them. */
Test(holding_released, and_ended_with_its_group_is_off_the_groups_above_once)
{
	static int (*const works[])(void) = {reserve_and_commit_a_part, cancel_what_was_released};

	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		struct victim victim = {works[i], 0};
		int outcome;

		do {
			victim.at += 2;
			begin_anew();
			outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
			cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
			end_family(victim.at);
		} while (outcome == DIED);
	}
	forget();
}
