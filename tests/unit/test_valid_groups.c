/* SPDX-License-Identifier: MIT */
/*
 * Invariants of groups, of what is held at several ranks, of events, and what a publisher leaves that died while it
 * rescaled windows. test_valid.c has the others.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/window.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "core/events.h"
#include "core/ledger.h"
#include "core/quota.h"

#include <unistd.h>

#include "../support/clock.h"
#include "../support/process.h"
#include "defects.h"

TestSuite(valid_groups, FIXTURE);

#define DIED 9
#define TIMEOUT_MS 10000
#define THREADS 4

static const char policy[] = "[group:outer]\n[group:inner]\ngroup = outer\n[component:a]\ngroup = inner\n"
			     "storage = 1000\nmemory = 1000\n[component:alone]\nstorage = 1000\n";

static struct shmq_component *a, *alone;
static uint32_t outer, inner, own;

static uint32_t id_of(const char *name)
{
	struct shmq_component *found = NULL;
	uint32_t id;

	expect_result(shmq_component_find(&found, segment, name), 0);
	id = shmq_component_id(found);
	shmq_component_put(found);
	return id;
}

static void set_the_scene(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 8;
	options.threads = THREADS;
	options.reservations = 4;
	options.events = 8;
	segment = fixture_segment(&options);
	fixture_publish(segment, policy);
	outer = id_of("group:outer");
	inner = id_of("group:inner");
	own = id_of("a");
	expect_result(shmq_component_find(&a, segment, "a"), 0);
	expect_result(shmq_component_find(&alone, segment, "alone"), 0);
	expect_sound();
}

static void clear_the_scene(void)
{
	expect_sound();
	shmq_component_put(a);
	shmq_component_put(alone);
}

/* ---- Groups ---- */

static void breaks_parent(uint32_t index, uint32_t parent, uint32_t where, const char *invariant)
{
	breaks32(&quota_at(index)->parent, parent, "quota", where, invariant, false);
}

Test(valid_groups, minds_parents)
{
	uint64_t flags;

	set_the_scene();
	breaks_parent(own, 9, own, "a parent is a component");
	breaks_parent(own, UINT32_MAX, own, "a parent is a component");
	breaks_parent(inner, 9, own, "a parent is a component");
	breaks_parent(own, shmq_component_id(alone) + 1, own, "is a group");
	breaks_parent(own, 0, own, "marked so");
	flags = shm_load_relaxed(&quota_at(own)->flags);
	breaks(&quota_at(own)->flags, flags & ~(uint64_t)QUOTA_GROUPED, "quota", own, "marked so");
	flags = shm_load_relaxed(&quota_at(outer)->flags);
	breaks(&quota_at(outer)->flags, flags | QUOTA_GROUPED, "quota", outer, "marked so");
	clear_the_scene();
}

Test(valid_groups, minds_a_group_that_is_above_itself)
{
	set_the_scene();
	breaks_parent(own, own + 1, own, "at most four groups");
	breaks_parent(inner, inner + 1, inner, "at most four groups");
	breaks_parent(outer, inner + 1, inner, "at most four groups");
	breaks_parent(outer, inner + 1, own, "at most four groups");
	clear_the_scene();
}

/* A cycle in the table makes no operation go on for ever. */
Test(valid_groups, that_go_round_in_a_circle_end_every_call)
{
	struct shmq_verdict verdict;

	set_the_scene();
	shm_store32_relaxed(&quota_at(outer)->parent, inner + 1);
	expect_result(shmq_try_consume(a, SHMQ_MESSAGES, 1, &verdict), SHMQ_OK);
	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 1, &verdict), SHMQ_OK);
	expect_result(shmq_release(a, SHMQ_STORAGE, 1), 0);
	expect_result(shmq_check(a, SHMQ_MEMORY, 1, &verdict), SHMQ_OK);
	shm_store32_relaxed(&quota_at(outer)->parent, 0);
	clear_the_scene();
}

/* ---- Holdings of several ranks ---- */

Test(valid_groups, minds_the_ranks_of_a_holding)
{
	struct shmq_reservation reservation;
	struct shmq_shm_holding *holding;
	struct ledger_share share;
	uint32_t index;
	uint64_t registration;

	set_the_scene();
	expect_result(shmq_reserve(&reservation, a, SHMQ_STORAGE, 30, NULL), SHMQ_OK);
	index = reservation.slot * segment->layout.entries + reservation.entry;
	holding = &segment->ledgers[index];
	expect_sound();
	share = ledger_unpack(shm_load_relaxed(&holding->held));
	expect_figure(share.last, 3);
	breaks(&holding->held, ledger_pack(&(struct ledger_share){0, 4, 0, 5}), "holding", index,
	       "ranks that it was opened for");
	breaks(&holding->held, ledger_pack(&(struct ledger_share){0, 10, 0, 5}), "holding", index,
	       "ranks that it was opened for");
	breaks(&holding->held, UINT64_C(2) << 60 | UINT64_C(1) << 56 | 30, "holding", index, "a range of ranks");
	breaks(&holding->held, ledger_pack(&(struct ledger_share){0, 3, 4, 5}), "holding", index, "a range of ranks");
	registration = shm_load_relaxed(&holding->ancestor[1]);
	breaks(&holding->ancestor[1], registration + 1, "holding", index, "the groups of a holding");
	breaks(&holding->ancestor[1], UINT64_C(9) << REGISTRATION_GENERATION_BITS | 1, "holding", index,
	       "the groups of a holding");
	breaks(&holding->ancestor[1], 1, "holding", index, "the groups of a holding");
	/* The third rank would be the component's own once more. */
	shm_store_relaxed(&holding->ancestor[1], 0);
	expect_broken("holding", index, "ranks that it was opened for", false);
	shm_store_relaxed(&holding->ancestor[1], registration);
	shmq_cancel(&reservation);
	clear_the_scene();
}

Test(valid_groups, minds_what_the_last_ranks_hold)
{
	struct shmq_shm_holding *holding;
	uint32_t index;

	set_the_scene();
	expect_result(shmq_memory_set(a, 30, NULL), SHMQ_OK);
	for (index = 0; shm_load_relaxed(&segment->ledgers[index].held) == 0; index++)
		;
	holding = &segment->ledgers[index];
	shm_store_relaxed(&holding->rest, 20);
	shm_store_relaxed(&holding->held, ledger_pack(&(struct ledger_share){0, 3, 1, 30}));
	expect_sound();
	breaks(&holding->rest, LEVEL_CEILING + 1, "holding", index, "at other ranks too");
	shm_store_relaxed(&holding->held, ledger_pack(&(struct ledger_share){0, 3, 0, 30}));
	expect_result(shmq_memory_set(a, 0, NULL), SHMQ_OK);
	clear_the_scene();
}

Test(valid_groups, minds_a_group_that_has_less_than_is_held_of_it)
{
	set_the_scene();
	expect_result(shmq_memory_set(a, 30, NULL), SHMQ_OK);
	breaks(&segment->trackers[outer].level[1].out, 1, "tracker", outer, "memory: a level has at least");
	breaks(&segment->trackers[inner].level[1].out, 1, "tracker", inner, "memory: a level has at least");
	expect_result(shmq_memory_set(a, 0, NULL), SHMQ_OK);
	clear_the_scene();
}

/* ---- Events ---- */

Test(valid_groups, minds_the_laps_of_an_event)
{
	struct shmq_shm_events *ring;
	struct shmq_shm_event *event;
	uint64_t head, word;
	uint32_t place;

	set_the_scene();
	for (int i = 0; i < 20; i++)
		expect_result(shmq_reset(alone), 0);
	ring = segment->events;
	head = events_newest(ring);
	cr_assert_gt(head, segment->layout.events, "the ring was not lapped");
	place = (uint32_t)((head - 1) % segment->layout.events);
	event = &ring->record[place];
	word = shm_load_relaxed(&event->word[3]);
	breaks(&event->word[3], word + (UINT64_C(1) << 48), "event", place, "of its place and of numbers");
	breaks(&event->word[3], word - (UINT64_C(1) << 48), "event", place, "of its place and of numbers");
	breaks(&event->word[3], 0, "event", place, "of its place and of numbers");
	/* Its writer died before the first word, which comes last. */
	word = shm_load_relaxed(&event->word[0]);
	shm_store_relaxed(&event->word[0], word - (UINT64_C(1) << 48));
	expect_sound();
	shm_store_relaxed(&event->word[0], word);
	clear_the_scene();
}

/* ---- Publishers that died while they rescaled windows ---- */

static void die(void)
{
	_exit(DIED);
}

static int rescale_and_die(unsigned index, void *context)
{
	const unsigned *at = context;

	(void)index;
	interleave(*at, die);
	window_rescale(&segment->trackers[own].rate[0], 3, 1000, 4000);
	interleave_happened();
	return 0;
}

Test(valid_groups, finds_nothing_wrong_where_a_publisher_died_rescaling)
{
	unsigned at = 0, prepared = 0;
	int outcome;

	set_the_scene();
	do {
		struct shmq_shm_rate *rate = &segment->trackers[own].rate[0];
		uint64_t current = shm_load_relaxed(&rate->current),
			 next = window_after(current, WINDOW_AFTER_RESCALE, 0);
		struct window_view view;

		at++;
		cr_assert(window_take(rate, 10, WINDOW_CEILING, HOUR / MS, clock_window_ms(HOUR / MS), &view));
		current = shm_load_relaxed(&rate->current);
		next = window_after(current, WINDOW_AFTER_RESCALE, 0);
		outcome = process_run(rescale_and_die, &at, TIMEOUT_MS);
		cr_assert(outcome == DIED || outcome == 0, "outcome %d at %u", outcome, at);
		prepared += outcome == DIED && window_has_base(next, shm_load_relaxed(window_base(rate, next)));
		expect_sound();
		/* Whoever goes on with the window, or begins the next one, leaves nothing to complain of. */
		cr_assert(window_take(rate, 1, WINDOW_CEILING, HOUR / MS, clock_window_ms(HOUR / MS), &view));
		expect_sound();
		if (at % 2 == 0)
			window_reset(rate);
		expect_sound();
	} while (outcome == DIED);
	cr_assert_gt(prepared, 0, "no death left a prepared baseline");
	clear_the_scene();
}
