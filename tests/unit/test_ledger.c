/* SPDX-License-Identifier: MIT */
/*
 * What a thread holds, and its death at every single access. Ledgers, levels and reservations are compiled into this
 * program once more with a hook before each atomic access; a child dies there, others go on with the same level, and
 * whoever recovers it must return exactly what the child held, also when recoverers die in turn.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/charge.c"
#include "core/holding.c"
#include "core/ledger.c"
#include "core/level.c"
#include "core/reservation.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <unistd.h>

#include "../support/fixture.h"
#include "../support/process.h"

TestSuite(ledger, FIXTURE);

#define TIMEOUT_MS 10000
#define DIED 9
#define LIMIT 100
#define OTHERS 5 /* used plainly by others all the while */

static struct shmq_segment *segment;
static struct shmq_component *tenant;

struct victim {
	int (*work)(void);
	unsigned at;
};

static void die(void)
{
	_exit(DIED);
}

static int work_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;

	(void)index;
	CHILD_RESULT(shmq_check(tenant, SHMQ_STORAGE, 0, NULL), SHMQ_OK); /* attach first */
	interleave(victim->at, die);
	CHILD_RESULT(victim->work(), 0);
	interleave_happened();
	_exit(0); /* without detaching: a death after the last access */
}

static int recover_and_die(unsigned index, void *context)
{
	const struct victim *victim = context;

	(void)index;
	interleave(victim->at, die);
	CHILD_CHECK(worker_recover(segment) >= 0);
	interleave_happened();
	return 0;
}

static void begin_anew(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(LIMIT);

	fixture_close();
	shmq_segment_remove(fixture_name());
	options.components = 4;
	options.threads = 4;
	options.reservations = 3;
	segment = fixture_segment(&options);
	tenant = fixture_component(segment, "tenant", &quota);
	expect_result(shmq_consume(tenant, SHMQ_STORAGE, OTHERS), 0);
	expect_result(shmq_consume(tenant, SHMQ_MEMORY, OTHERS), 0);
}

static uint64_t used(int resource)
{
	struct level_place place = tracker_level(segment, shmq_component_id(tenant), resource);

	return level_read(level_at(&place));
}

/* Others overwrite the marks that the dead left on the words. */
static void overwrite_marks(void)
{
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE) {
		expect_result(shmq_try_consume(tenant, resource, 1, NULL), SHMQ_OK);
		expect_result(shmq_release(tenant, resource, 1), 0);
	}
}

static void expect_empty_ledgers(unsigned at)
{
	size_t holdings = (size_t)segment->layout.threads * segment->layout.entries;

	for (size_t i = 0; i < holdings; i++)
		cr_assert_eq(shm_load_relaxed(&segment->ledgers[i].held), 0, "died at %u: a holding is left", at);
}

/*
 * Let `work` die at each of its accesses. Afterwards `resource` holds what others use, or `kept` more where the work had
 * been committed before the death.
 */
static void die_everywhere(int (*work)(void), int resource, uint64_t kept)
{
	for (int is_overwritten = 0; is_overwritten <= 1; is_overwritten++) {
		struct victim victim = {work, 0};
		int outcome;

		do {
			victim.at++;
			begin_anew();
			outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
			cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, victim.at);
			if (is_overwritten)
				overwrite_marks();
			expect_result(worker_recover(segment), 1);
			cr_assert(used(resource) == OTHERS || used(resource) == OTHERS + kept,
			          "died at %u: %" PRIu64 " are used", victim.at, used(resource));
			expect_empty_ledgers(victim.at);
		} while (outcome == DIED);
		expect_figure(used(resource), OTHERS + kept);
		cr_assert_gt(victim.at, 5, "the victim was not at work");
	}
}

/* ---- The work ---- */

static struct shmq_reservation reservation;

static int reserve_only(void)
{
	return shmq_reserve(&reservation, tenant, SHMQ_STORAGE, 10, NULL);
}

static int reserve_three(void)
{
	static struct shmq_reservation three[3];
	int result = 0;

	for (uint64_t i = 0; i < 3 && result == 0; i++)
		result = shmq_reserve(&three[i], tenant, SHMQ_STORAGE, 10 + i, NULL);
	return result;
}

static int reserve_and_commit_all(void)
{
	int result = reserve_only();

	return result != 0 ? result : shmq_commit(&reservation, 10);
}

static int reserve_and_commit_some(void)
{
	int result = reserve_only();

	return result != 0 ? result : shmq_commit(&reservation, 6);
}

static int reserve_and_cancel(void)
{
	int result = reserve_only();

	shmq_cancel(&reservation);
	return result;
}

static int reserve_too_much(void)
{
	return shmq_reserve(&reservation, tenant, SHMQ_STORAGE, LIMIT, NULL) == SHMQ_DENIED ? 0 : 1;
}

static int change_memory(void)
{
	static const uint64_t steps[] = {10, 30, 4, 0, 7};
	int result = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && result == 0; i++)
		result = shmq_memory_set(tenant, steps[i], NULL);
	return result;
}

Test(ledger, of_a_dead_reserver_returns_all)
{
	die_everywhere(reserve_only, SHMQ_STORAGE, 0);
}

Test(ledger, of_a_dead_reserver_of_many_returns_all)
{
	die_everywhere(reserve_three, SHMQ_STORAGE, 0);
}

Test(ledger, of_who_died_committing_returns_all_or_nothing)
{
	die_everywhere(reserve_and_commit_all, SHMQ_STORAGE, 10);
}

Test(ledger, of_who_died_committing_a_part_returns_all_or_the_rest)
{
	die_everywhere(reserve_and_commit_some, SHMQ_STORAGE, 6);
}

Test(ledger, of_who_died_cancelling_returns_it_once)
{
	die_everywhere(reserve_and_cancel, SHMQ_STORAGE, 0);
}

Test(ledger, of_who_died_being_refused_returns_nothing)
{
	die_everywhere(reserve_too_much, SHMQ_STORAGE, 0);
}

Test(ledger, of_a_dead_holder_of_memory_returns_its_share)
{
	die_everywhere(change_memory, SHMQ_MEMORY, 0);
}

/* The intent of what was committed is there still when the next one begins. */
static int reserve_after_a_commit(void)
{
	unsigned at = interleave_at;
	int result;

	interleave_at = 0;
	result = reserve_and_commit_all();
	interleave(at, die);
	return result != 0 ? result : reserve_only();
}

Test(ledger, of_a_dead_reserver_keeps_what_was_committed_before)
{
	struct victim victim = {reserve_after_a_commit, 0};
	int outcome;

	do {
		victim.at++;
		begin_anew();
		outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
		expect_result(worker_recover(segment), 1);
		cr_assert_eq(used(SHMQ_STORAGE), OTHERS + 10, "died at %u: %" PRIu64 " are used", victim.at,
		             used(SHMQ_STORAGE));
		expect_empty_ledgers(victim.at);
	} while (outcome == DIED);
	expect_result(outcome, 0);
}

static int take_both_levels(void)
{
	static const struct shmq_demand demands[] = {{SHMQ_MEMORY, 7}, {SHMQ_MESSAGES, 1}, {SHMQ_STORAGE, 6}};

	return shmq_try_consume_all(tenant, demands, 3, NULL);
}

Test(ledger, of_who_died_taking_both_levels_leaves_both_or_none)
{
	for (int is_overwritten = 0; is_overwritten <= 1; is_overwritten++) {
		struct victim victim = {take_both_levels, 0};
		int outcome;

		do {
			bool took_both, took_none;

			victim.at++;
			begin_anew();
			outcome = process_run(work_and_die, &victim, TIMEOUT_MS);
			if (is_overwritten)
				overwrite_marks();
			expect_result(worker_recover(segment), 1);
			took_both = used(SHMQ_STORAGE) == OTHERS + 6 && used(SHMQ_MEMORY) == OTHERS + 7;
			took_none = used(SHMQ_STORAGE) == OTHERS && used(SHMQ_MEMORY) == OTHERS;
			cr_assert(took_both || took_none, "died at %u: storage %" PRIu64 ", memory %" PRIu64, victim.at,
			          used(SHMQ_STORAGE), used(SHMQ_MEMORY));
			expect_empty_ledgers(victim.at);
		} while (outcome == DIED);
		expect_result(outcome, 0);
		expect_figure(used(SHMQ_MEMORY), OTHERS + 7);
	}
}

/* ---- Recoverers that die ---- */

/* Returns false where the victim had fewer accesses. */
static bool recoverers_die_everywhere(unsigned at)
{
	struct victim victim = {reserve_three, at}, recoverer = {NULL, 0};
	int outcome;

	do {
		recoverer.at++;
		begin_anew();
		if (process_run(work_and_die, &victim, TIMEOUT_MS) != DIED)
			return false;
		outcome = process_run(recover_and_die, &recoverer, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, recoverer.at);
		if (at % 2 == 0)
			overwrite_marks();
		cr_assert_geq(worker_recover(segment), 0);
		cr_assert_eq(used(SHMQ_STORAGE), OTHERS, "died at %u, recoverer at %u: %" PRIu64 " are used", at,
		             recoverer.at, used(SHMQ_STORAGE));
		expect_empty_ledgers(recoverer.at);
	} while (outcome == DIED);
	return true;
}

Test(ledger, is_returned_once_though_recoverers_die_at_every_access)
{
	for (unsigned at = 3; recoverers_die_everywhere(at); at += 5)
		;
}

/* ---- Damage ---- */

Test(ledger, that_is_damaged_is_recovered_without_harm)
{
	struct victim victim = {reserve_only, 12};

	for (uint64_t noise = 1; noise < 64; noise++) {
		struct shmq_shm_slot *slot = NULL;

		begin_anew();
		expect_result(process_run(work_and_die, &victim, TIMEOUT_MS), DIED);
		for (uint32_t i = 0; i < segment->layout.threads; i++)
			if (process_is_dead(shm_load_relaxed(&segment->slots[i].owner)) &&
			    segment->slots[i].owner.value != 0)
				slot = &segment->slots[i];
		cr_assert_not_null(slot);
		shm_store_relaxed(&slot->intent.state, 4 + noise % 4);
		shm_store_relaxed(&slot->intent.word, UINT64_MAX >> noise);
		shm_store_relaxed(&slot->intent.entry, UINT64_MAX >> noise);
		shm_store_relaxed(&segment->ledgers[noise % 12].level, UINT64_MAX >> noise);
		shm_store_relaxed(&segment->ledgers[noise % 12].held, noise);
		cr_assert_geq(worker_recover(segment), 1);
		cr_assert_leq(used(SHMQ_MEMORY), LEVEL_CEILING);
	}
}
