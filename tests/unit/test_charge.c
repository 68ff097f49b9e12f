/* SPDX-License-Identifier: MIT */
/*
 * A component and up to four groups above it: which rank refuses, what is left where one does, what comes back, and what
 * an end leaves. test_charge_model.c tries all of it at random; here are the cases by name.
 */
#include "core/charge.h"

#include "core/operation.h"
#include "core/publication.h"

#include <stdio.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"

TestSuite(charge, FIXTURE);

#define RANKS (1 + LAYOUT_ANCESTORS)
#define LIMIT 100

/* Ranks from the component upwards: "c", "group:1" to "group:4"; "sibling" is in the innermost group. */
static struct shmq_segment *segment;
static struct shmq_component *rank_of[RANKS], *sibling;
static unsigned depth;

static struct shmq_quota quotas[RANKS];

static const char *name_of(unsigned rank)
{
	static const char *const names[RANKS] = {"c", "group:1", "group:2", "group:3", "group:4"};

	return names[rank];
}

static void declare(struct publication *publication, const char *name, unsigned rank)
{
	struct publication_rule rule = {
	    .quota = quotas[rank], .group = rank + 1 < depth ? name_of(rank + 1) : NULL, .is_group = rank > 0};

	expect_result(publication_declare(publication, name, strlen(name), &rule), 0);
}

static void publish(void)
{
	const struct publication_rule fallback = {.quota = quota_calm(LIMIT)};
	struct publication publication;

	expect_result(publication_begin(&publication, segment), 0);
	expect_result(publication_set_default(&publication, &fallback), 0);
	for (unsigned rank = depth; rank > 0; rank--)
		declare(&publication, name_of(rank - 1), rank - 1);
	declare(&publication, "sibling", 0);
	expect_result(publication_commit(&publication), 0);
}

static void forget(void)
{
	for (unsigned i = 0; i < RANKS; i++) {
		shmq_component_put(rank_of[i]);
		rank_of[i] = NULL;
	}
	shmq_component_put(sibling);
	sibling = NULL;
}

/* A new segment with so many ranks, each with a calm quota of LIMIT. */
static void begin(unsigned ranks)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	forget();
	fixture_close();
	shmq_segment_remove(fixture_name());
	options.components = 16;
	options.threads = 2;
	segment = fixture_segment(&options);
	depth = ranks;
	for (unsigned i = 0; i < RANKS; i++)
		quotas[i] = quota_calm(LIMIT);
	publish();
	for (unsigned i = 0; i < depth; i++)
		expect_result(shmq_component_find(&rank_of[i], segment, name_of(i)), 0);
	expect_result(shmq_component_find(&sibling, segment, "sibling"), 0);
}

static void set_limit(unsigned rank, uint64_t limit)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		quotas[rank].limit[resource] = limit;
}

static void set_enforcement(unsigned rank, int enforcement)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		quotas[rank].enforcement[resource] = (uint8_t)enforcement;
}

static void expect_used(int resource, uint64_t own, uint64_t above)
{
	for (unsigned i = 0; i < depth; i++)
		cr_assert_eq(fixture_used(rank_of[i], resource), i == 0 ? own : above, "%s of %s: %" PRIu64,
		             shmq_resource_name(resource), name_of(i), fixture_used(rank_of[i], resource));
}

static uint64_t denied(unsigned rank, int resource)
{
	return fixture_status(rank_of[rank], resource).denied;
}

static uint64_t would_deny(unsigned rank, int resource)
{
	return fixture_status(rank_of[rank], resource).would_deny;
}

/* ---- All or nothing ---- */

static void expect_refusal_by(unsigned refuser, int resource)
{
	struct shmq_verdict verdict;

	expect_result(shmq_try_consume(rank_of[0], resource, 7, &verdict), SHMQ_OK);
	expect_figure(verdict.component, shmq_component_id(rank_of[0]));
	expect_result(shmq_try_consume(rank_of[0], resource, 4, &verdict), SHMQ_DENIED);
	expect_figure(verdict.component, shmq_component_id(rank_of[refuser]));
	expect_figure(verdict.current, 7);
	expect_figure(verdict.requested, 4);
	expect_figure(verdict.limit, 10);
	expect_figure(verdict.remaining, 3);
	expect_used(resource, 7, 7);
	/* Not even the figures of who would have admitted it tell of it. */
	for (unsigned i = 0; i < depth; i++) {
		expect_figure(fixture_status(rank_of[i], resource).total, 7);
		expect_figure(denied(i, resource), i == 0 || i == refuser);
	}
	expect_result(shmq_try_consume(rank_of[0], resource, 3, NULL), SHMQ_OK);
	expect_used(resource, 10, 10);
}

Test(charge, is_all_or_nothing_at_every_depth)
{
	for (unsigned ranks = 1; ranks <= RANKS; ranks++) {
		for (unsigned refuser = 0; refuser < ranks; refuser++) {
			begin(ranks);
			set_limit(refuser, 10);
			publish();
			for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
				expect_refusal_by(refuser, resource);
		}
	}
	forget();
}

Test(charge, of_a_reservation_is_all_or_nothing_at_every_depth)
{
	for (unsigned ranks = 1; ranks <= RANKS; ranks++) {
		for (unsigned refuser = 0; refuser < ranks; refuser++) {
			begin(ranks);
			set_limit(refuser, 10);
			publish();
			for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
				struct shmq_reservation first, second;
				struct shmq_verdict verdict;

				expect_result(shmq_reserve(&first, rank_of[0], resource, 7, &verdict), SHMQ_OK);
				expect_result(shmq_reserve(&second, rank_of[0], resource, 4, &verdict), SHMQ_DENIED);
				expect_figure(verdict.component, shmq_component_id(rank_of[refuser]));
				expect_used(resource, 7, 7);
				expect_result(shmq_commit(&first, 5), 0);
				expect_used(resource, 5, 5);
			}
		}
	}
	forget();
}

/* The component's own rank was named by shmq_check(), and the nearest group by shmq_try_consume(). */
Test(charge, names_the_nearest_rank_that_refuses)
{
	for (unsigned nearest = 0; nearest < RANKS; nearest++) {
		begin(RANKS);
		for (unsigned i = nearest; i < RANKS; i++)
			set_limit(i, 10 - i);
		publish();
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			struct shmq_verdict checked, verdict;

			expect_result(shmq_check(rank_of[0], resource, 11, &checked), SHMQ_DENIED);
			expect_figure(checked.component, shmq_component_id(rank_of[nearest]));
			expect_result(shmq_try_consume(rank_of[0], resource, 11, &verdict), SHMQ_DENIED);
			cr_assert_eq(memcmp(&checked, &verdict, sizeof(verdict)), 0);
			expect_figure(denied(nearest, resource), 1);
		}
	}
	forget();
}

Test(charge, of_a_sibling_counts_against_the_groups_alone)
{
	begin(RANKS);
	set_limit(2, 10);
	publish();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict;

		expect_result(shmq_try_consume(sibling, resource, 8, NULL), SHMQ_OK);
		expect_used(resource, 0, 8);
		expect_result(shmq_try_consume(rank_of[0], resource, 3, &verdict), SHMQ_DENIED);
		expect_figure(verdict.component, shmq_component_id(rank_of[2]));
		expect_result(shmq_try_consume(rank_of[0], resource, 2, NULL), SHMQ_OK);
		expect_used(resource, 2, 10);
	}
	forget();
}

/* ---- What a refusal means ---- */

static const int enforcements[] = {SHMQ_ENFORCE_DENY, SHMQ_ENFORCE_WARN, SHMQ_ENFORCE_OFF};

/* Three ranks of which each is passed. The strictest answer counts, and the nearest that gives it is named. */
static void expect_strictest(const int mix[3], int resource)
{
	int result = SHMQ_OK;
	unsigned named = 0;
	struct shmq_verdict checked, verdict;

	for (unsigned i = 3; i > 0; i--) {
		int here = mix[i - 1] == SHMQ_ENFORCE_DENY ? SHMQ_DENIED : SHMQ_WOULD_DENY;

		if (mix[i - 1] == SHMQ_ENFORCE_OFF || (result == SHMQ_DENIED && here == SHMQ_WOULD_DENY))
			continue;
		result = here;
		named = i - 1;
	}
	expect_result(shmq_check(rank_of[0], resource, 11, &checked), result);
	expect_result(shmq_try_consume(rank_of[0], resource, 11, &verdict), result);
	expect_figure(checked.component, shmq_component_id(rank_of[named]));
	expect_figure(verdict.component, shmq_component_id(rank_of[named]));
	expect_figure(verdict.remaining, result == SHMQ_DENIED ? 10 : 0);
	expect_used(resource, result == SHMQ_DENIED ? 0 : 11, result == SHMQ_DENIED ? 0 : 11);
	for (unsigned i = 0; i < 3; i++) {
		bool warns = result == SHMQ_WOULD_DENY && (mix[i] == SHMQ_ENFORCE_WARN || i == 0);

		expect_figure(denied(i, resource), result == SHMQ_DENIED && (i == named || i == 0));
		expect_figure(would_deny(i, resource), warns);
	}
}

Test(charge, is_as_strict_as_the_strictest_rank)
{
	for (int mix = 0; mix < 27; mix++) {
		const int ranks[] = {enforcements[mix % 3], enforcements[mix / 3 % 3], enforcements[mix / 9]};

		begin(3);
		for (unsigned i = 0; i < 3; i++) {
			set_limit(i, 10);
			set_enforcement(i, ranks[i]);
		}
		publish();
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
			expect_strictest(ranks, resource);
	}
	forget();
}

Test(charge, of_several_resources_is_as_strict_as_the_strictest_rank)
{
	static const struct shmq_demand demands[] = {
	    {SHMQ_STORAGE, 11}, {SHMQ_MESSAGES, 1}, {SHMQ_MEMORY, 11}, {SHMQ_CPU, 11}};

	for (int mix = 0; mix < 9; mix++) {
		const int ranks[] = {enforcements[mix % 3], enforcements[mix / 3]};
		bool denies = ranks[0] == SHMQ_ENFORCE_DENY || ranks[1] == SHMQ_ENFORCE_DENY;
		bool warns = ranks[0] == SHMQ_ENFORCE_WARN || ranks[1] == SHMQ_ENFORCE_WARN;

		begin(2);
		for (unsigned i = 0; i < 2; i++) {
			set_limit(i, 10);
			set_enforcement(i, ranks[i]);
		}
		publish();
		expect_result(shmq_try_consume_all(rank_of[0], demands, 4, NULL),
		              denies ? SHMQ_DENIED : (warns ? SHMQ_WOULD_DENY : SHMQ_OK));
		for (size_t i = 0; i < 4; i++)
			expect_used(demands[i].resource, denies ? 0 : demands[i].amount,
			            denies ? 0 : demands[i].amount);
		expect_figure(would_deny(0, SHMQ_MEMORY), !denies && warns);
		expect_figure(would_deny(0, SHMQ_MESSAGES), 0);
	}
	forget();
}

/* ---- The end of what can be counted ---- */

static void expect_overflow(int resource)
{
	expect_result(shmq_try_consume(sibling, resource, SHMQ_AMOUNT_MAX, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(sibling, resource, SHMQ_AMOUNT_MAX, NULL), SHMQ_OK);
	expect_result(shmq_check(rank_of[0], resource, 10, NULL), -EOVERFLOW);
	expect_result(shmq_try_consume(rank_of[0], resource, 10, NULL), -EOVERFLOW);
	expect_used(resource, 0, 2 * SHMQ_AMOUNT_MAX);
	expect_figure(denied(0, resource) + would_deny(0, resource), 0);
}

/* The groups say so when they are looked at, or only when they are taken. */
Test(charge, that_passes_what_can_be_counted_takes_nothing_at_any_rank)
{
	for (int is_soft = 0; is_soft <= 1; is_soft++) {
		begin(3);
		set_limit(0, SHMQ_UNLIMITED);
		for (unsigned i = 1; i < 3; i++) {
			set_limit(i, is_soft ? 5 : SHMQ_UNLIMITED);
			set_enforcement(i, is_soft ? SHMQ_ENFORCE_OFF : SHMQ_ENFORCE_DENY);
		}
		publish();
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
			expect_overflow(resource);
	}
	forget();
}

/* A forced amount of a level was refused as if it had passed a limit. */
Test(charge, by_force_passes_limits_and_not_the_end_of_what_can_be_counted)
{
	begin(3);
	for (unsigned i = 0; i < 3; i++)
		set_limit(i, 1);
	publish();
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_consume(rank_of[0], resource, 2), 0);
		expect_used(resource, 2, 2);
		expect_result(shmq_consume(sibling, resource, SHMQ_AMOUNT_MAX), 0);
		expect_result(shmq_consume(sibling, resource, SHMQ_AMOUNT_MAX), 0);
		expect_used(resource, 2, 2 + 2 * SHMQ_AMOUNT_MAX);
		expect_result(shmq_consume(rank_of[0], resource, 1), -EOVERFLOW);
		expect_used(resource, 2, 2 + 2 * SHMQ_AMOUNT_MAX);
		for (unsigned i = 0; i < 3; i++)
			expect_figure(denied(i, resource) + would_deny(i, resource), 0);
	}
	forget();
}

/* ---- Giving back ---- */

Test(charge, that_is_given_back_is_given_back_at_all_ranks)
{
	begin(RANKS);
	for (unsigned i = 0; i < RANKS; i++)
		quotas[i].algorithm[SHMQ_CPU] = (uint8_t)(i % 2 ? SHMQ_SLIDING : SHMQ_WINDOW);
	publish();
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		struct charge_receipt receipt;
		struct operation operation;
		struct charge charge;

		expect_result(shmq_try_consume(sibling, resource, 3, NULL), SHMQ_OK);
		expect_result(operation_begin(&operation, rank_of[0]), 0);
		charge = charge_of(rank_of[0], &operation);
		expect_result(charge_take(&charge, resource, 5, false, NULL, &receipt), SHMQ_OK);
		expect_figure(receipt.count, RANKS);
		charge_give_back(segment, resource, 5, &receipt);
		operation_end(&operation);
		expect_used(resource, 0, 3);
		expect_figure(fixture_status(rank_of[4], resource).total, 8);
	}
	forget();
}

Test(charge, that_is_released_is_released_at_all_ranks)
{
	static const int levels[] = {SHMQ_STORAGE, SHMQ_MEMORY};

	begin(RANKS);
	for (size_t i = 0; i < 2; i++) {
		expect_result(shmq_try_consume(sibling, levels[i], 6, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(rank_of[0], levels[i], 9, NULL), SHMQ_OK);
		expect_result(shmq_release(rank_of[0], levels[i], 4), 0);
		expect_used(levels[i], 5, 11);
		/* No more than the component had: the rest is the sibling's. */
		expect_result(shmq_release(rank_of[0], levels[i], 6), -ERANGE);
		expect_used(levels[i], 0, 6);
		expect_figure(shm_load_relaxed(&segment->trackers[shmq_component_id(rank_of[0])].over_released), i + 1);
	}
	forget();
}

/* ---- Resets and ends ---- */

Test(charge, of_a_member_that_is_reset_is_off_its_groups_but_for_what_is_held)
{
	struct shmq_reservation reservation;

	begin(RANKS);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_try_consume(sibling, resource, 2, NULL), SHMQ_OK);
		expect_result(shmq_try_consume(rank_of[0], resource, 3, NULL), SHMQ_OK);
	}
	expect_result(shmq_reserve(&reservation, rank_of[0], SHMQ_STORAGE, 4, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(rank_of[0], 5, NULL), SHMQ_OK);
	expect_result(shmq_reset(rank_of[0]), 0);
	expect_used(SHMQ_STORAGE, 4, 6);
	expect_used(SHMQ_MEMORY, 5, 7);
	/* A window of a group tells of itself only. */
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++)
		expect_used(resource, 0, 5);
	shmq_cancel(&reservation);
	expect_result(shmq_memory_set(rank_of[0], 0, NULL), SHMQ_OK);
	expect_used(SHMQ_STORAGE, 0, 2);
	expect_used(SHMQ_MEMORY, 0, 2);
	forget();
}

Test(charge, of_a_group_that_is_reset_keeps_what_its_members_use_of_levels)
{
	begin(3);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_try_consume(rank_of[0], resource, 3, NULL), SHMQ_OK);
	expect_result(shmq_reset(rank_of[1]), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		bool is_rate = shmq_resource_is_rate(resource);

		expect_figure(fixture_used(rank_of[0], resource), 3);
		expect_figure(fixture_used(rank_of[1], resource), is_rate ? 0 : 3);
		expect_figure(fixture_used(rank_of[2], resource), 3);
	}
	forget();
}

static void settle(uint32_t component)
{
	struct shmq_shm_slot *slot;

	expect_result(worker_enter(segment, &slot), 0);
	expect_result(charge_settle(segment, slot, component), 0);
	worker_leave(slot);
}

/* A controller that dies before it frees the entry leaves it to the next one, who settles it once more. */
Test(charge, of_who_is_unregistered_is_off_its_groups_once_however_often_it_is_settled)
{
	struct shmq_reservation reservation;
	uint32_t id;

	begin(RANKS);
	id = shmq_component_id(rank_of[0]);
	expect_result(shmq_try_consume(sibling, SHMQ_STORAGE, 2, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(sibling, SHMQ_MEMORY, 3, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(rank_of[0], SHMQ_STORAGE, 20, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(rank_of[0], SHMQ_MEMORY, 4, NULL), SHMQ_OK);
	expect_result(shmq_reserve(&reservation, rank_of[0], SHMQ_STORAGE, 7, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(rank_of[0], 30, NULL), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "c"), 0);
	for (int times = 0; times < 3; times++) {
		settle(id);
		for (unsigned i = 1; i < depth; i++) {
			expect_figure(fixture_used(rank_of[i], SHMQ_STORAGE), 2 + 7);
			expect_figure(fixture_used(rank_of[i], SHMQ_MEMORY), 3 + 30);
		}
	}
	/* What is held goes with its holder. */
	expect_result(shmq_commit(&reservation, 5), -ESTALE);
	settle(id);
	expect_result(shmq_housekeep(segment), 0);
	for (unsigned i = 1; i < depth; i++)
		expect_figure(fixture_used(rank_of[i], SHMQ_STORAGE), 2);
	expect_result(shmq_component_register(segment, "c", NULL), 0);
	shmq_component_put(rank_of[0]);
	expect_result(shmq_component_find(&rank_of[0], segment, "c"), 0);
	expect_used(SHMQ_STORAGE, 0, 2);
	expect_result(shmq_memory_set(rank_of[0], 0, NULL), SHMQ_OK);
	expect_used(SHMQ_MEMORY, 0, 3);
	forget();
}

/* What is held is given back to a registration, not to whoever has its place now. */
Test(charge, that_is_held_is_not_given_back_to_the_successor_of_its_group)
{
	struct shmq_reservation reservation;
	struct shmq_component *successor = NULL;
	uint32_t group_id;

	begin(2);
	group_id = shmq_component_id(rank_of[1]);
	expect_result(shmq_reserve(&reservation, rank_of[0], SHMQ_STORAGE, 7, NULL), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "c"), 0);
	/* A policy without any groups, then one whose group gets every place there is in turn. */
	depth = 1;
	publish();
	for (int i = 0; i < 16 && successor == NULL; i++) {
		char name[8];

		snprintf(name, sizeof(name), "g%d", i);
		expect_result(shmq_housekeep(segment), 0);
		expect_result(shmq_component_register(segment, name, NULL), 0);
		expect_result(shmq_component_find(&successor, segment, name), 0);
		if (shmq_component_id(successor) == group_id)
			break;
		shmq_component_put(successor);
		successor = NULL;
	}
	cr_assert_not_null(successor, "nobody got the group's place");
	expect_result(shmq_try_consume(successor, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_result(shmq_commit(&reservation, 0), -ESTALE);
	expect_figure(fixture_used(successor, SHMQ_STORAGE), 10);
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
	shmq_component_put(successor);
	forget();
}

/* ---- Events ---- */

static uint64_t cursor;

static bool next_event(int kind, struct shmq_event *out)
{
	out->size = sizeof(*out);
	while (shmq_event_read(segment, &cursor, out) == 1)
		if (out->kind == kind)
			return true;
	return false;
}

static void expect_told(int kind, unsigned refuser)
{
	struct shmq_event event;

	cr_assert(next_event(kind, &event));
	expect_figure(event.component, shmq_component_id(rank_of[0]));
	expect_figure(event.refused_by, shmq_component_id(rank_of[refuser]));
	expect_figure(event.used, 6);
	expect_figure(event.requested, 7);
	expect_figure(event.limit, 10);
}

Test(charge, that_is_refused_is_told_of_with_the_rank_and_what_was_used_before)
{
	static const int kinds[] = {SHMQ_EVENT_QUOTA_VIOLATION, SHMQ_EVENT_WOULD_DENY};

	for (unsigned refuser = 0; refuser < 3; refuser++) {
		for (int warns = 0; warns <= 1; warns++) {
			begin(3);
			set_limit(refuser, 10);
			set_enforcement(refuser, warns ? SHMQ_ENFORCE_WARN : SHMQ_ENFORCE_DENY);
			publish();
			cursor = 0;
			for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
				expect_result(shmq_try_consume(rank_of[0], resource, 6, NULL), SHMQ_OK);
				expect_result(shmq_try_consume(rank_of[0], resource, 7, NULL),
				              warns ? SHMQ_WOULD_DENY : SHMQ_DENIED);
				expect_told(kinds[warns], refuser);
			}
		}
	}
	forget();
}

#define SHORT (100 * MS)

/* Fill a window and look into the next one. Returns false where this machine was too slow for that. */
static bool fill_and_look(void)
{
	uint64_t window;

	clock_enter_window(SHORT);
	window = clock_coarse_ns() / SHORT;
	expect_result(shmq_consume(rank_of[0], SHMQ_CPU, 99), 0);
	clock_enter_window(SHORT);
	expect_result(shmq_try_consume(rank_of[0], SHMQ_CPU, 1, NULL), SHMQ_OK);
	return clock_now_ns() / SHORT == window + 1;
}

/* A window that begins with nothing used was told of as if the one before had not been full. */
Test(charge, of_a_full_window_is_no_news_when_the_next_one_begins)
{
	struct shmq_event event;
	bool was_quick;

	do {
		begin(1);
		quotas[0] = quota_periodic(LIMIT, SHORT);
		publish();
		cursor = 0;
		expect_result(shmq_consume(rank_of[0], SHMQ_CPU, 99), 0);
		clock_sleep_ns(SECOND + 10 * MS); /* there is an event a second */
		was_quick = fill_and_look();
	} while (!was_quick);
	cr_assert(next_event(SHMQ_EVENT_CRITICAL, &event));
	cr_assert(!next_event(SHMQ_EVENT_WARNING_CLEARED, &event));
	forget();
}
