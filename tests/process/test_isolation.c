/* SPDX-License-Identifier: MIT */
/*
 * Isolation: whatever happens to one component, by consuming, releasing, resetting, unregistering, concerns no other one,
 * also where both count against one group.
 *
 * Also what a handle of an unregistered component may touch, which is nothing, even when its place is used again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(isolation, FIXTURE);

#define TENANTS 16

Test(isolation, a_full_component_does_not_hinder_another)
{
	struct shmq_quota quota = quota_calm(10);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *full = fixture_component(segment, "full", &quota);
	struct shmq_component *other = fixture_component(segment, "other", &quota);

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_result(shmq_consume(full, resource, 1000), SHMQ_OK);
		expect_figure(fixture_used(other, resource), 0);
		expect_result(shmq_try_consume(other, resource, 10, NULL), SHMQ_OK);
	}
	expect_result(shmq_reset(full), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_figure(fixture_used(other, resource), 10);
}

struct market {
	struct shmq_component *tenants[TENANTS];
	struct counter taken[TENANTS][SHMQ_RESOURCES];
};

static int buy_at_random(unsigned index, void *context)
{
	struct market *market = context;
	struct prng prng = prng_seed(17, index);

	for (unsigned i = 0; i < 100000; i++) {
		unsigned tenant = (unsigned)prng_below(&prng, TENANTS);
		int resource = (int)prng_below(&prng, SHMQ_RESOURCES);
		uint64_t amount = 1 + prng_below(&prng, 9);
		int result = shmq_try_consume(market->tenants[tenant], resource, amount, NULL);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_OK)
			counter_add(&market->taken[tenant][resource], amount);
	}
	return 0;
}

Test(isolation, each_component_has_exactly_what_was_taken_from_it)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct market *market = shared_alloc(sizeof(*market));
	pid_t pids[4];

	for (unsigned i = 0; i < TENANTS; i++) {
		/* Some are so small that they run out, some never do. */
		struct shmq_quota quota = quota_calm(100 * (1 + i * i));
		char name[16];

		snprintf(name, sizeof(name), "tenant-%u", i);
		market->tenants[i] = fixture_component(segment, name, &quota);
	}
	process_start_group(pids, 4, buy_at_random, market);
	expect_figure(process_join_group(pids, 4, 20000), 0);
	for (unsigned i = 0; i < TENANTS; i++)
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			uint64_t taken = counter_get(&market->taken[i][resource]);

			expect_figure(fixture_used(market->tenants[i], resource), taken);
			cr_assert_leq(taken, 100 * (1 + i * i));
		}
}

Test(isolation, unregistering_one_leaves_the_others_alone)
{
	struct shmq_quota quota = quota_calm(10);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *gone = fixture_component(segment, "gone", &quota);
	struct shmq_component *kept = fixture_component(segment, "kept", &quota);
	struct shmq_component *found = NULL;

	expect_result(shmq_consume(kept, SHMQ_STORAGE, 7), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "gone"), 0);
	expect_result(shmq_try_consume(gone, SHMQ_STORAGE, 1, NULL), -ESTALE);
	expect_figure(fixture_used(kept, SHMQ_STORAGE), 7);
	expect_result(shmq_component_find(&found, segment, "kept"), 0);
	cr_assert_eq(shmq_component_id(found), shmq_component_id(kept));
	cr_assert_str_eq(shmq_component_name(found), "kept");
	shmq_component_put(found);
	expect_result(shmq_component_find(&found, segment, "gone"), -ENOENT);
}

/* Every operation on a handle whose component is no more. */
static void expect_stale(struct shmq_component *gone)
{
	struct shmq_demand demand = {SHMQ_STORAGE, 1};
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_status status;

	expect_result(shmq_check(gone, SHMQ_MESSAGES, 1, NULL), -ESTALE);
	expect_result(shmq_try_consume(gone, SHMQ_MESSAGES, 1, NULL), -ESTALE);
	expect_result(shmq_try_consume_all(gone, &demand, 1, NULL), -ESTALE);
	expect_result(shmq_consume(gone, SHMQ_STORAGE, 1), -ESTALE);
	expect_result(shmq_release(gone, SHMQ_STORAGE, 1), -ESTALE);
	expect_result(shmq_reset(gone), -ESTALE);
	expect_result(shmq_status(gone, &status), -ESTALE);
	expect_result(shmq_component_quota(gone, &quota), -ESTALE);
	cr_assert_not(shmq_is_warning(gone));
	cr_assert_not(shmq_is_critical(gone));
	cr_assert_str_eq(shmq_component_name(gone), "gone");
}

/* Register under new names until the id is used again; other places may have to be filled first. */
static struct shmq_component *move_into_place(struct shmq_segment *segment, uint32_t id, unsigned places)
{
	struct shmq_quota quota = quota_calm(10);
	struct shmq_component *found = NULL;

	for (unsigned i = 0; i < places; i++) {
		char name[16];

		snprintf(name, sizeof(name), "new-%u", i);
		for (unsigned tries = 0; shmq_component_register(segment, name, &quota) == -ENOSPC; tries++) {
			cr_assert_lt(tries, 1000, "the place of an unregistered component is not used again");
			cr_assert_geq(shmq_housekeep(segment), 0);
			clock_sleep_ns(MS);
		}
		expect_result(shmq_component_find(&found, segment, name), 0);
		if (shmq_component_id(found) == id)
			return found;
		shmq_component_put(found);
	}
	cr_assert_fail("no new component got the place of the old one");
	return NULL;
}

Test(isolation, an_old_handle_never_touches_who_moved_into_its_place)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(10);
	struct shmq_component *gone, *heir;
	struct shmq_segment *segment;

	options.components = 4;
	segment = fixture_segment(&options);
	gone = fixture_component(segment, "gone", &quota);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_consume(gone, resource, 9), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "gone"), 0);
	expect_stale(gone);
	heir = move_into_place(segment, shmq_component_id(gone), 4);
	expect_stale(gone);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_resource_status status = fixture_status(heir, resource);

		expect_figure(status.used, 0);
		expect_figure(status.peak, 0);
		expect_figure(status.total, 0);
		expect_figure(status.denied, 0);
		expect_result(shmq_try_consume(heir, resource, 10, NULL), SHMQ_OK);
	}
	expect_stale(gone);
	shmq_component_put(heir);
}

Test(isolation, a_name_that_comes_back_starts_anew)
{
	struct shmq_quota quota = quota_calm(10);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *gone = fixture_component(segment, "gone", &quota), *back;

	expect_result(shmq_consume(gone, SHMQ_STORAGE, 10), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "gone"), 0);
	expect_result(shmq_component_unregister(segment, "gone"), -ENOENT);
	back = fixture_component(segment, "gone", &quota);
	expect_stale(gone);
	expect_figure(fixture_used(back, SHMQ_STORAGE), 0);
	expect_figure(fixture_status(back, SHMQ_STORAGE).total, 0);
}

/* ---- Siblings in a group ---- */

static const char group_policy[] = "[default]\nstorage = 100\nmemory = 100\n[group:g]\nstorage = 120\nmemory = 120\n"
				   "[component:a]\ngroup = g\n[component:b]\ngroup = g\n";

struct family {
	struct shmq_segment *segment;
	struct shmq_component *group, *a, *b;
	struct counter ready, released, stop;
};

static struct family *family_begin(void)
{
	struct family *family = shared_alloc(sizeof(*family));
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.threads = 8;
	family->segment = fixture_segment(&options);
	fixture_publish(family->segment, group_policy);
	expect_result(shmq_component_find(&family->group, family->segment, "group:g"), 0);
	expect_result(shmq_component_find(&family->a, family->segment, "a"), 0);
	expect_result(shmq_component_find(&family->b, family->segment, "b"), 0);
	return family;
}

static void family_end(struct family *family)
{
	shmq_component_put(family->group);
	shmq_component_put(family->a);
	shmq_component_put(family->b);
	shared_free(family, sizeof(*family));
}

/* What the group counts is what its members do. */
static void expect_family_in_order(struct family *family)
{
	for (int resource = SHMQ_STORAGE; resource < SHMQ_RESOURCES; resource += SHMQ_MEMORY - SHMQ_STORAGE)
		expect_figure(fixture_used(family->group, resource),
		              fixture_used(family->a, resource) + fixture_used(family->b, resource));
	expect_result(shmq_segment_verify(family->segment, NULL, NULL), 0);
}

enum way { CANCELS, COMMITS_A_PART, SHRINKS, CLOSES, IS_KILLED, WAYS };

static int hold_until_released(unsigned way, void *context)
{
	struct family *family = context;
	struct shmq_reservation reservation;

	CHILD_RESULT(shmq_reserve(&reservation, family->a, SHMQ_STORAGE, 30, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(family->a, 30, NULL), SHMQ_OK);
	counter_set(&family->ready, 1);
	CHILD_CHECK(counter_await(&family->released, 1, 10000));
	if (way == CANCELS)
		shmq_cancel(&reservation);
	else if (way == COMMITS_A_PART)
		CHILD_RESULT(shmq_commit(&reservation, 10), 0);
	else if (way == SHRINKS)
		CHILD_RESULT(shmq_memory_set(family->a, 5, NULL), SHMQ_OK);
	else if (way == CLOSES)
		shmq_segment_close(family->segment);
	else
		raise(SIGKILL);
	return 0;
}

Test(isolation, what_others_release_of_a_component_comes_off_its_group_once)
{
	struct family *family = family_begin();

	expect_result(shmq_try_consume(family->b, SHMQ_STORAGE, 40, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(family->b, 40, NULL), SHMQ_OK);
	for (enum way way = CANCELS; way < WAYS; way++) {
		int end = way == IS_KILLED ? PROCESS_SIGNAL(SIGKILL) : 0;
		pid_t holder;

		counter_set(&family->ready, 0);
		counter_set(&family->released, 0);
		holder = process_start(hold_until_released, way, family);
		cr_assert(counter_await(&family->ready, 1, 10000));
		expect_result(shmq_release(family->a, SHMQ_STORAGE, 28), 0);
		expect_result(shmq_release(family->a, SHMQ_MEMORY, 1000), -ERANGE);
		expect_figure(fixture_used(family->group, SHMQ_STORAGE), 42);
		expect_figure(fixture_used(family->group, SHMQ_MEMORY), 40);
		counter_set(&family->released, 1);
		expect_result(process_join(holder, 10000), end);
		cr_assert_geq(shmq_housekeep(family->segment), 0);
		expect_figure(fixture_used(family->a, SHMQ_STORAGE), 0);
		expect_figure(fixture_used(family->a, SHMQ_MEMORY), 0);
		expect_family_in_order(family);
		expect_result(shmq_check(family->b, SHMQ_STORAGE, 60, NULL), SHMQ_OK);
	}
	family_end(family);
}

static int hold_at_random(unsigned index, void *context)
{
	struct family *family = context;
	struct prng prng = prng_seed(23, index);

	while (counter_get(&family->stop) == 0) {
		struct shmq_reservation reservation;

		CHILD_CHECK(shmq_memory_set(family->a, prng_below(&prng, 40), NULL) >= 0);
		CHILD_CHECK(shmq_try_consume(family->a, SHMQ_STORAGE, 1 + prng_below(&prng, 20), NULL) >= 0);
		if (shmq_reserve(&reservation, family->a, SHMQ_STORAGE, 20, NULL) != SHMQ_OK)
			continue;
		if (prng_below(&prng, 2) == 0)
			CHILD_RESULT(shmq_commit(&reservation, prng_below(&prng, 20)), 0);
		else
			shmq_cancel(&reservation);
	}
	return 0;
}

static int release_at_random(unsigned index, void *context)
{
	struct family *family = context;
	struct prng prng = prng_seed(29, index);

	while (counter_get(&family->stop) == 0) {
		int resource = prng_below(&prng, 3) == 0 ? SHMQ_MEMORY : SHMQ_STORAGE;
		int result = shmq_release(family->a, resource, 1 + prng_below(&prng, 40));

		CHILD_CHECK(result == 0 || result == -ERANGE);
	}
	return 0;
}

/* Takes and releases what is b's; the group never counts less than that. Returns what b uses then. */
static uint64_t use_and_look(struct family *family, struct prng *prng, uint64_t used)
{
	for (int i = 0; i < 200; i++) {
		uint64_t amount = 1 + prng_below(prng, 30), counted;

		if (shmq_try_consume(family->b, SHMQ_STORAGE, amount, NULL) == SHMQ_OK)
			used += amount;
		counted = fixture_used(family->group, SHMQ_STORAGE);
		cr_assert(counted >= used && counted <= 120, "b uses %" PRIu64 ", its group %" PRIu64, used, counted);
		if (used > 60) {
			expect_result(shmq_release(family->b, SHMQ_STORAGE, used - 20), 0);
			used = 20;
		}
	}
	return used;
}

Test(isolation, others_that_release_what_workers_hold_cost_no_sibling_anything)
{
	struct family *family = family_begin();
	struct prng prng = prng_seed(31, 0);
	pid_t holders[2], stranger;
	uint64_t used = 0;

	stranger = process_start(release_at_random, 0, family);
	process_start_group(holders, 2, hold_at_random, family);
	for (unsigned round = 0; round < 40; round++) {
		used = use_and_look(family, &prng, used);
		process_kill(holders[round % 2]);
		cr_assert_geq(shmq_housekeep(family->segment), 0);
		holders[round % 2] = process_start(hold_at_random, round, family);
	}
	counter_set(&family->stop, 1);
	expect_figure(process_join_group(holders, 2, 10000), 0);
	expect_result(process_join(stranger, 10000), 0);
	cr_assert_geq(shmq_housekeep(family->segment), 0);
	expect_figure(fixture_used(family->b, SHMQ_STORAGE), used);
	expect_family_in_order(family);
	family_end(family);
}
