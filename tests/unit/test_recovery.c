/* SPDX-License-Identifier: MIT */
/*
 * Controllers that die at every single access to the segment. The modules of the directory are compiled into this
 * program once more, with a hook before each atomic access; for every n a child opens the segment, begins a change and
 * ends at its n-th access with the lock in its hand. The next controller finds the change done or not begun, and the
 * directory whole.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/controller.c"
#include "core/directory.c"
#include "core/level.c"
#include "core/publication.c"
#include "core/rcu.c"
#include "core/tracker.c"
#include "core/window.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(recovery, FIXTURE);

#define COMPONENTS 12
#define TIMEOUT_MS 10000
#define DIED 9

static struct shmq_segment *segment;

/* ---- What a whole directory is ---- */

static unsigned state_at(uint32_t index)
{
	return entry_state(&segment->entries[index]);
}

static uint64_t flags_at(uint32_t index)
{
	return quota_flags(&directory_quotas(segment)[index]);
}

/* Walk all chains: each link is in range and in its bucket, each entry is met at most once. */
static void count_links(unsigned links[COMPONENTS])
{
	for (uint32_t bucket = 0; bucket < segment->layout.buckets; bucket++) {
		uint32_t link = shm_load32_relaxed(&segment->buckets[bucket]);

		for (unsigned hops = 0; link != 0; hops++) {
			const struct shmq_shm_entry *entry = &segment->entries[link - 1];

			cr_assert_leq(link, COMPONENTS, "a link leads out of the table");
			cr_assert_lt(hops, COMPONENTS, "a chain does not end");
			expect_figure(shm_load32_relaxed(&entry->hash) & (segment->layout.buckets - 1), bucket);
			links[link - 1]++;
			link = shm_load32_relaxed(&entry->next);
		}
	}
}

static void expect_whole_entry(uint32_t index, unsigned links, unsigned at)
{
	const struct shmq_shm_entry *entry = &segment->entries[index];
	bool is_live = state_at(index) == ENTRY_LIVE;
	bool is_declared_here = (flags_at(index) & QUOTA_DECLARED) != 0;
	struct directory_key key;

	cr_assert_eq(links, is_live || is_declared_here, "died at %u: entry %u, state %u, is linked %u times", at,
	             index, state_at(index), links);
	cr_assert_eq((flags_at(index) & QUOTA_PRESENT) != 0, is_live, "died at %u: entry %u, state %u, flags %u", at,
	             index, state_at(index), (unsigned)flags_at(index));
	if (!is_live)
		return;
	cr_assert(text_is_component_name(entry->name, entry->name_length), "died at %u: entry %u", at, index);
	expect_result(directory_find(segment, entry->name, entry->name_length, &key), 0);
	expect_figure(key.index, index);
}

static void expect_whole(unsigned at)
{
	const struct shmq_shm_control *control = &segment->policy->control;
	unsigned links[COMPONENTS] = {0}, live = 0, dying = 0;

	count_links(links);
	for (uint32_t i = 0; i < COMPONENTS; i++) {
		expect_whole_entry(i, links[i], at);
		live += state_at(i) == ENTRY_LIVE;
		dying += state_at(i) == ENTRY_DYING;
	}
	expect_figure(shm_load32_relaxed(&control->registered), live);
	expect_figure(shm_load32_relaxed(&control->retired), dying);
	expect_figure(shm_load_relaxed(&control->lock), 0);
}

/* ---- Names and limits ---- */

static uint64_t storage_limit(const char *name)
{
	struct directory_key key;

	if (directory_find(segment, name, strlen(name), &key) < 0)
		return 0;
	return quota_limit(shm_load_relaxed(&directory_quota(segment, &key)->resource[SHMQ_STORAGE].limit));
}

static int add(struct shmq_segment *to, const char *name, uint64_t limit)
{
	const struct shmq_quota quota = quota_calm(limit);

	return directory_register(to, name, strlen(name), limit == 0 ? NULL : &quota);
}

static int drop(struct shmq_segment *from, const char *name)
{
	return directory_unregister(from, name, strlen(name));
}

/* Publish a policy of these names, each with the same limit; the default has limit + 1. */
static int publish(struct shmq_segment *to, const char *const names[], uint64_t limit)
{
	const struct publication_rule rule = {.quota = quota_calm(limit)}, fallback = {.quota = quota_calm(limit + 1)};
	struct publication publication;
	int result = publication_begin(&publication, to);

	if (result < 0)
		return result;
	result = publication_set_default(&publication, &fallback);
	for (; *names != NULL && result == 0; names++)
		result = publication_declare(&publication, *names, strlen(*names), &rule);
	if (result == 0)
		return publication_commit(&publication);
	publication_abort(&publication);
	return result;
}

static const char *const first_policy[] = {"kept", "dropped", "resting", "away", NULL};
static const char *const second_policy[] = {"kept", "new-1", "new-2", "resting", "own", NULL};

/* Every kind of component: declared, declared but unregistered (resting long since, away a moment ago), own, default. */
static void begin_anew(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	fixture_close();
	shmq_segment_remove(fixture_name());
	options.components = COMPONENTS;
	options.threads = 4;
	segment = fixture_segment(&options);
	expect_result(publish(segment, first_policy, 100), 0);
	expect_result(drop(segment, "resting"), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_result(drop(segment, "away"), 0);
	expect_result(add(segment, "own", 55), 0);
	expect_result(add(segment, "default", 0), 0);
	expect_result(add(segment, "passing", 66), 0);
	expect_whole(0);
}

/* ---- Dying ---- */

struct victim {
	int (*change)(struct shmq_segment *segment);
	unsigned at;
};

static void die(void)
{
	_exit(DIED);
}

static int change_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;
	struct shmq_segment *own = NULL;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&own, fixture_name(), SHMQ_CONTROL), 0);
	interleave(victim->at, die);
	CHILD_RESULT(victim->change(own), 0);
	interleave_happened();
	shmq_segment_close(own);
	return 0;
}

/* Everything can be done with the directory, and names get the limits they should. */
static void expect_full_control(unsigned at)
{
	expect_result(publish(segment, second_policy, 300), 0);
	expect_whole(at);
	for (const char *const *name = second_policy; *name != NULL; name++)
		expect_figure(storage_limit(*name), 300);
	expect_figure(storage_limit("dropped"), 0);
	expect_figure(storage_limit("away"), 0);
	expect_result(drop(segment, "kept"), 0);
	expect_result(add(segment, "kept", 0), 0);
	expect_figure(storage_limit("kept"), 300);
	expect_whole(at);
}

/*
 * Let `change` die at each of its accesses, recover, and look: `is_done` tells whether the change took place, and must
 * find it done or not done at all.
 */
static void die_everywhere(int (*change)(struct shmq_segment *), void (*expect_done_or_not)(unsigned at))
{
	struct victim victim = {change, 0};
	int outcome;

	do {
		victim.at++;
		begin_anew();
		outcome = process_run(change_and_die, &victim, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
		expect_done_or_not(victim.at);
		expect_result(directory_housekeep(segment), 0);
		expect_whole(victim.at);
		expect_done_or_not(victim.at);
		expect_full_control(victim.at);
	} while (outcome == DIED);
	cr_assert_gt(victim.at, 5, "the victim was not at work");
}

/* ---- The changes ---- */

static int register_own(struct shmq_segment *to)
{
	return add(to, "newcomer", 77);
}

static void expect_newcomer_or_not(unsigned at)
{
	uint64_t limit = storage_limit("newcomer");

	cr_assert(limit == 0 || limit == 77, "limit %" PRIu64 ", died at %u", limit, at);
	expect_figure(storage_limit("kept"), 100);
	expect_figure(storage_limit("own"), 55);
}

Test(recovery, of_a_registration_finds_it_done_or_not)
{
	die_everywhere(register_own, expect_newcomer_or_not);
}

static int register_resting(struct shmq_segment *to)
{
	return add(to, "resting", 0);
}

static void expect_resting_or_not(unsigned at)
{
	uint64_t limit = storage_limit("resting");

	cr_assert(limit == 0 || limit == 100, "limit %" PRIu64 ", died at %u", limit, at);
	expect_figure(storage_limit("kept"), 100);
}

Test(recovery, of_a_registration_that_the_policy_reserved_finds_it_done_or_not)
{
	die_everywhere(register_resting, expect_resting_or_not);
}

static int register_away(struct shmq_segment *to)
{
	return add(to, "away", 0);
}

static void expect_away_or_not(unsigned at)
{
	uint64_t limit = storage_limit("away");

	cr_assert(limit == 0 || limit == 100, "limit %" PRIu64 ", died at %u", limit, at);
	expect_figure(storage_limit("kept"), 100);
}

Test(recovery, of_a_registration_just_after_its_unregistration_finds_it_done_or_not)
{
	die_everywhere(register_away, expect_away_or_not);
}

static int unregister_passing(struct shmq_segment *from)
{
	return drop(from, "passing");
}

static void expect_passing_or_not(unsigned at)
{
	uint64_t limit = storage_limit("passing");

	cr_assert(limit == 0 || limit == 66, "limit %" PRIu64 ", died at %u", limit, at);
	expect_figure(storage_limit("own"), 55);
}

Test(recovery, of_an_unregistration_finds_it_done_or_not)
{
	die_everywhere(unregister_passing, expect_passing_or_not);
}

static int unregister_kept(struct shmq_segment *from)
{
	return drop(from, "kept");
}

static void expect_kept_or_not(unsigned at)
{
	uint64_t limit = storage_limit("kept");

	cr_assert(limit == 0 || limit == 100, "limit %" PRIu64 ", died at %u", limit, at);
}

Test(recovery, of_an_unregistration_that_the_policy_names_finds_it_done_or_not)
{
	die_everywhere(unregister_kept, expect_kept_or_not);
}

static int publish_second(struct shmq_segment *to)
{
	return publish(to, second_policy, 200);
}

static void expect_one_of_two_policies(unsigned at)
{
	bool is_second = storage_limit("new-1") != 0;

	cr_assert_eq(storage_limit("kept"), is_second ? 200 : 100, "died at %u", at);
	cr_assert_eq(storage_limit("dropped"), is_second ? 0 : 100, "died at %u", at);
	cr_assert_eq(storage_limit("new-2"), is_second ? 200 : 0, "died at %u", at);
	cr_assert_eq(storage_limit("resting"), is_second ? 200 : 0, "died at %u", at);
	cr_assert_eq(storage_limit("own"), is_second ? 200 : 55, "died at %u", at);
	cr_assert_eq(storage_limit("passing"), 66, "died at %u", at);
	cr_assert_eq(storage_limit("default"), is_second ? 201 : 101, "died at %u", at);
	cr_assert_eq(storage_limit("away"), 0, "died at %u", at);
}

Test(recovery, of_a_publication_finds_one_policy_or_the_other)
{
	die_everywhere(publish_second, expect_one_of_two_policies);
}

static int publish_too_many(struct shmq_segment *to)
{
	static const char *const names[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", NULL};

	return publish(to, names, 400) == -ENOSPC ? 0 : 1;
}

static void expect_the_first_policy(unsigned at)
{
	(void)at;
	expect_figure(storage_limit("1"), 0);
	expect_figure(storage_limit("kept"), 100);
	expect_figure(storage_limit("dropped"), 100);
	expect_figure(storage_limit("own"), 55);
	expect_figure(storage_limit("default"), 101);
}

Test(recovery, of_a_publication_that_does_not_fit_finds_nothing_changed)
{
	die_everywhere(publish_too_many, expect_the_first_policy);
}

static int housekeep(struct shmq_segment *of)
{
	return directory_housekeep(of);
}

Test(recovery, of_housekeeping_finds_nothing_changed_for_readers)
{
	die_everywhere(housekeep, expect_the_first_policy);
}

/* ---- Recoverers that die ---- */

static int recover_again(struct shmq_segment *of)
{
	return add(of, "newcomer", 77);
}

/* Returns false where the publication was over before its `at`-th access. */
static bool recoverers_die_everywhere(unsigned at)
{
	struct victim victim = {publish_second, at}, heir = {recover_again, 0};
	int outcome;

	do {
		heir.at += 3;
		begin_anew();
		if (process_run(change_and_die, &victim, TIMEOUT_MS) != DIED)
			return false;
		outcome = process_run(change_and_die, &heir, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, heir.at);
		if (outcome == DIED)
			expect_result(add(segment, "nudge", 1), 0);
		expect_whole(heir.at);
		expect_one_of_two_policies(heir.at);
		expect_full_control(heir.at);
	} while (outcome == DIED);
	return true;
}

Test(recovery, may_die_at_every_third_access_itself)
{
	for (unsigned at = 40; recoverers_die_everywhere(at); at += 67)
		;
}

Test(recovery, counts_each_lock_that_was_taken_from_the_dead)
{
	struct victim victim = {register_own, 8};
	uint64_t before;

	begin_anew();
	before = shm_load_relaxed(&segment->policy->control.steals);
	for (int i = 0; i < 3; i++) {
		expect_result(process_run(change_and_die, &victim, TIMEOUT_MS), DIED);
		expect_result(directory_housekeep(segment), 0);
	}
	expect_figure(shm_load_relaxed(&segment->policy->control.steals), before + 3);
}
