/* SPDX-License-Identifier: MIT */
/*
 * Changing groups by a publication: for a moment the levels of who changes are frozen. Workers use them at every single
 * access of the publication, which then goes on, stands still or dies. Nobody waits, and what is used counts once, at
 * the groups that are in force.
 *
 * The publication is compiled into this program once more with a hook before each atomic access.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/publication.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <signal.h>
#include <sys/wait.h>

#include "core/worker.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(publication_groups, FIXTURE);

#define CAPACITY 8
#define TIMEOUT_MS 10000
#define LIMIT 100

/* "mover" changes its group itself; "member" stays in "group:inner", which is what moves. */
static const char *const groups[] = {"group:one", "group:two", "group:inner"};
static const char *const members[] = {"mover", "member"};

static struct shmq_segment *segment;
static struct shmq_component *group[3], *member[2];

/* Publish that the mover and the inner group are in this one. Returns as publication_commit(). */
static int publish(struct shmq_segment *to, const char *outer)
{
	const struct publication_rule fallback = {.quota = quota_calm(LIMIT)};
	struct publication_rule rule = {.quota = quota_calm(LIMIT), .is_group = true};
	struct publication publication;
	unsigned at = interleave_at;
	int result;

	interleave_at = 0; /* only the commit is of interest */
	result = publication_begin(&publication, to);
	if (result == 0)
		result = publication_set_default(&publication, &fallback);
	for (size_t i = 0; i < 3 && result == 0; i++) {
		rule.group = i == 2 ? outer : NULL;
		result = publication_declare(&publication, groups[i], strlen(groups[i]), &rule);
	}
	rule.is_group = false;
	for (size_t i = 0; i < 2 && result == 0; i++) {
		rule.group = i == 1 ? groups[2] : outer;
		result = publication_declare(&publication, members[i], strlen(members[i]), &rule);
	}
	interleave_at = at;
	return result == 0 ? publication_commit(&publication) : result;
}

static void begin(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = CAPACITY;
	options.threads = 4;
	options.reservations = 3;
	segment = fixture_segment(&options);
	expect_result(publish(segment, "group:one"), 0);
	for (size_t i = 0; i < 3; i++)
		expect_result(shmq_component_find(&group[i], segment, groups[i]), 0);
	for (size_t i = 0; i < 2; i++)
		expect_result(shmq_component_find(&member[i], segment, members[i]), 0);
}

static void end(void)
{
	for (size_t i = 0; i < 3; i++)
		shmq_component_put(group[i]);
	for (size_t i = 0; i < 2; i++)
		shmq_component_put(member[i]);
}

/* What all use is counted once, by the groups in force. */
static void expect_counted_once(bool is_moved, unsigned at)
{
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE) {
		uint64_t mover = fixture_used(member[0], resource), other = fixture_used(member[1], resource);
		uint64_t here = fixture_used(group[is_moved], resource);
		uint64_t there = fixture_used(group[!is_moved], resource);

		cr_assert_eq(fixture_used(group[2], resource), other, "at %u", at);
		cr_assert_eq(here, mover + other, "at %u: %" PRIu64 " of %" PRIu64 " count", at, here, mover + other);
		cr_assert_eq(there, 0, "at %u: %" PRIu64 " count at the other group", at, there);
	}
}

/* ---- What workers do in between, and how they take it back ---- */

static bool is_taken[2];
static struct shmq_reservation reservation[2];

static void take(void)
{
	for (int i = 0; i < 2; i++)
		is_taken[i] = shmq_try_consume(member[i], SHMQ_STORAGE, 3, NULL) == SHMQ_OK;
}

static void take_back(void)
{
	for (int i = 0; i < 2; i++)
		expect_result(shmq_release(member[i], SHMQ_STORAGE, 3), is_taken[i] ? 0 : -ERANGE);
}

/* All levels can be used again. */
static void expect_thawed(bool is_moved, unsigned at)
{
	expect_counted_once(is_moved, at);
	take();
	cr_assert(is_taken[0] && is_taken[1], "at %u: a level is still frozen", at);
	expect_counted_once(is_moved, at);
	take_back();
	expect_counted_once(is_moved, at);
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
}

static void take_by_force(void)
{
	for (int i = 0; i < 2; i++)
		is_taken[i] = shmq_consume(member[i], SHMQ_STORAGE, 3) == 0;
}

static void take_both_levels(void)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, 3}, {SHMQ_MEMORY, 4}};

	for (int i = 0; i < 2; i++)
		is_taken[i] = shmq_try_consume_all(member[i], demands, 2, NULL) == SHMQ_OK;
}

static void take_both_levels_back(void)
{
	take_back();
	for (int i = 0; i < 2; i++)
		expect_result(shmq_release(member[i], SHMQ_MEMORY, 4), is_taken[i] ? 0 : -ERANGE);
}

static void reserve(void)
{
	for (int i = 0; i < 2; i++)
		shmq_reserve(&reservation[i], member[i], SHMQ_STORAGE, 3, NULL);
}

static void finish(void)
{
	for (int i = 0; i < 2; i++) {
		is_taken[i] = reservation[i].component != NULL && shmq_commit(&reservation[i], 3) == 0;
	}
	take_back();
}

static void state_memory(void)
{
	for (int i = 0; i < 2; i++)
		shmq_memory_set(member[i], 7, NULL);
}

static void state_no_memory(void)
{
	for (int i = 0; i < 2; i++)
		expect_result(shmq_memory_set(member[i], 0, NULL), SHMQ_OK);
}

static const struct work {
	void (*begin)(void), (*undo)(void);
} works[] = {
    {take, take_back}, {take_by_force, take_back},      {take_both_levels, take_both_levels_back},
    {reserve, finish}, {state_memory, state_no_memory},
};
#define WORKS (sizeof(works) / sizeof(*works))

/* Groups were changed though a member of the group that moved took from its levels: that counted at both, or at none. */
Test(publication_groups, that_change_count_what_is_taken_meanwhile_once)
{
	begin();
	for (size_t i = 0; i < WORKS; i++) {
		unsigned moved = 0, refused = 0;
		bool happened = true;

		for (unsigned at = 1; happened; at++) {
			int result;

			expect_result(publish(segment, "group:one"), 0);
			interleave(at, works[i].begin);
			result = publish(segment, "group:two");
			happened = interleave_happened();
			if (!happened)
				works[i].begin(); /* when all is over */
			cr_assert(result == 0 || result == -EBUSY, "at %u: %s", at, shmq_strerror(result));
			moved += result == 0;
			refused += result != 0;
			expect_counted_once(result == 0, at);
			works[i].undo();
			expect_thawed(result == 0, at);
			expect_figure(fixture_used(group[0], SHMQ_STORAGE) + fixture_used(group[1], SHMQ_STORAGE), 0);
			expect_figure(fixture_used(group[0], SHMQ_MEMORY) + fixture_used(group[1], SHMQ_MEMORY), 0);
		}
		cr_assert_gt(moved, 5);
		cr_assert_gt(refused, 5);
	}
	end();
}

/* Take at one access, give back at a later one. */
static unsigned later_at;

static void take_some_of_both(void)
{
	take();
	for (int i = 0; i < 2; i++)
		shmq_memory_set(member[i], 9, NULL);
}

static void give_some_of_both_back(void)
{
	for (int i = 0; i < 2; i++) {
		expect_result(shmq_release(member[i], SHMQ_STORAGE, 2), is_taken[i] ? 0 : -ERANGE);
		if (shmq_memory_set(member[i], 4, NULL) != SHMQ_OK)
			expect_result(shmq_memory_set(member[i], 0, NULL), SHMQ_OK);
	}
}

static void give_the_rest_back(void)
{
	for (int i = 0; i < 2; i++)
		expect_result(shmq_release(member[i], SHMQ_STORAGE, 1), is_taken[i] ? 0 : -ERANGE);
	state_no_memory();
}

static void take_and_go_on(void)
{
	take_some_of_both();
	interleave(later_at, give_some_of_both_back);
}

static bool take_and_give_back(unsigned at, bool *had_both)
{
	int result;

	memset(is_taken, 0, sizeof(is_taken));
	expect_result(publish(segment, "group:one"), 0);
	interleave(at, take_and_go_on);
	result = publish(segment, "group:two");
	*had_both = interleave_happened();
	if (interleave_action != give_some_of_both_back)
		take_some_of_both();
	if (!*had_both)
		give_some_of_both_back();
	cr_assert(result == 0 || result == -EBUSY, "at %u: %s", at, shmq_strerror(result));
	expect_counted_once(result == 0, at);
	give_the_rest_back();
	expect_counted_once(result == 0, at);
	return result == 0;
}

Test(publication_groups, that_change_get_back_what_is_released_meanwhile)
{
	unsigned moved = 0, at = 1;
	bool had_both;

	begin();
	do {
		for (later_at = 1, had_both = true; had_both; later_at += 2)
			moved += take_and_give_back(at, &had_both);
		at += 3;
	} while (later_at > 3);
	cr_assert_gt(moved, 5);
	end();
}

/* ---- Publishers that stand still, or die ---- */

static void stand_still(void)
{
	raise(SIGSTOP);
}

static int publish_and_stand_still(unsigned index, void *context)
{
	const unsigned *at = context;
	struct shmq_segment *own;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&own, fixture_name(), SHMQ_CONTROL), 0);
	interleave(*at, stand_still);
	CHILD_RESULT(publish(own, "group:two"), 0);
	interleave_happened(); /* or it will not any more */
	shmq_segment_close(own);
	return 0;
}

static bool is_frozen(int i)
{
	return (quota_flags(&directory_quotas(segment)[shmq_component_id(member[i])]) & QUOTA_FROZEN) != 0;
}

static bool are_frozen(void)
{
	return is_frozen(0) && is_frozen(1);
}

/* Workers are told at once, however long the publisher stands still. Of rates nobody is kept. */
static void expect_refusals(void)
{
	for (int i = 0; i < 2; i++) {
		uint64_t denied = fixture_status(member[i], SHMQ_STORAGE).denied;

		expect_result(shmq_try_consume(member[i], SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
		expect_result(shmq_reserve(&reservation[i], member[i], SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
		expect_figure(fixture_status(member[i], SHMQ_STORAGE).denied, denied + 2);
		expect_result(shmq_memory_set(member[i], 1, NULL), SHMQ_DENIED);
		expect_result(shmq_consume(member[i], SHMQ_STORAGE, 1), -EAGAIN);
		expect_result(shmq_release(member[i], SHMQ_STORAGE, 1), -ERANGE);
		expect_result(shmq_memory_set(member[i], 0, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(member[i], SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
		expect_result(shmq_reset(member[i]), 0);
	}
}

/* Stop a publisher at each access, see to it that levels are frozen at some, and let it end as it may. */
static void stop_everywhere(bool is_killed)
{
	unsigned at = 0, frozen = 0;

	for (bool has_stopped = true; has_stopped;) {
		pid_t pid;
		int status;

		at++;
		expect_result(publish(segment, "group:one"), 0);
		pid = process_start(publish_and_stand_still, 0, &at);
		cr_assert_eq(waitpid(pid, &status, WUNTRACED), pid);
		has_stopped = WIFSTOPPED(status);
		if (!has_stopped)
			break;
		if (are_frozen()) {
			frozen++;
			expect_refusals();
		}
		if (is_killed) {
			bool is_moved = false;
			uint32_t parent;

			process_kill(pid);
			expect_result(directory_housekeep(segment), 0);
			expect_result(shmq_component_group(member[0], &parent), 0);
			is_moved = parent == shmq_component_id(group[1]);
			expect_thawed(is_moved, at);
		} else {
			process_continue(pid);
			expect_result(process_join(pid, TIMEOUT_MS), 0);
			expect_thawed(true, at);
		}
	}
	cr_assert_gt(frozen, 10);
}

Test(publication_groups, whose_publisher_stands_still_refuse_at_once)
{
	begin();
	stop_everywhere(false);
	end();
}

Test(publication_groups, whose_publisher_died_are_left_by_the_next_controller)
{
	begin();
	stop_everywhere(true);
	end();
}
