/* SPDX-License-Identifier: MIT */
/*
 * Leases: what is taken ahead counts as used, is spent only where it counts, and comes back. By one thread everything
 * must come out as without leases, to the last unit.
 */
#include "core/lease.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(lease, FIXTURE);

#define LIMIT 1000
#define LEASE 64
#define NAME "tenant"
#define TIMEOUT_MS 10000

static struct shmq_quota quota_leased(uint64_t limit, uint64_t lease)
{
	struct shmq_quota quota = quota_calm(limit);

	quota.lease[SHMQ_MESSAGES] = lease;
	return quota;
}

static struct shmq_component *leased_tenant(uint64_t limit)
{
	struct shmq_quota quota = quota_leased(limit, LEASE);

	return fixture_tenant(&quota);
}

static int consume(struct shmq_component *c, uint64_t amount)
{
	return shmq_try_consume(c, SHMQ_MESSAGES, amount, NULL);
}

static uint64_t leased(struct shmq_component *c)
{
	return fixture_status(c, SHMQ_MESSAGES).leased;
}

static uint64_t used(struct shmq_component *c)
{
	return fixture_used(c, SHMQ_MESSAGES);
}

static uint32_t own_slot(struct shmq_component *c)
{
	return (uint32_t)(worker_self->attachment[c->segment->ordinal].slot - c->segment->slots);
}

static uint64_t drain(struct shmq_component *c)
{
	uint64_t sum = 0;

	while (consume(c, 1) == SHMQ_OK)
		sum++;
	return sum;
}

/* ---- What is taken, and how it counts ---- */

Test(lease, is_a_batch_that_counts_as_used_at_once)
{
	struct shmq_component *c = leased_tenant(LIMIT);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), LEASE);
	expect_figure(leased(c), LEASE - 1);
	for (int i = 1; i < LEASE; i++)
		expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), LEASE);
	expect_figure(leased(c), 0);
	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), 2 * LEASE);
	expect_figure(leased(c), LEASE - 1);
}

Test(lease, is_at_most_a_part_of_what_is_left)
{
	struct shmq_component *c = leased_tenant(80);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), 80 / LEASE_PART);
}

Test(lease, does_not_take_ahead_when_that_would_be_less_than_two_amounts)
{
	struct shmq_component *c = leased_tenant(LIMIT);

	expect_result(consume(c, LEASE / 2 + 1), SHMQ_OK);
	expect_figure(used(c), LEASE / 2 + 1);
	expect_figure(leased(c), 0);
}

Test(lease, of_one_thread_admits_what_no_lease_would_and_says_so)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct prng prng = prng_seed(7, 0);
	uint64_t sum = 0, refused = 0;

	for (int i = 0; i < 2000; i++) {
		uint64_t amount = prng_below(&prng, i < 1000 ? 30 : 5);
		struct shmq_verdict verdict;
		int expected = sum + amount <= LIMIT ? SHMQ_OK : SHMQ_DENIED;

		expect_result(shmq_check(c, SHMQ_MESSAGES, amount, NULL), expected);
		expect_result(shmq_try_consume(c, SHMQ_MESSAGES, amount, &verdict), expected);
		expect_figure(verdict.current, sum);
		expect_figure(verdict.limit, LIMIT);
		expect_figure(verdict.requested, amount);
		sum += expected == SHMQ_OK ? amount : 0;
		refused += expected != SHMQ_OK;
		expect_figure(verdict.remaining, LIMIT - sum);
		cr_assert((verdict.retry_after_ns == 0) == (expected == SHMQ_OK));
		expect_figure(used(c) - leased(c), sum);
	}
	expect_figure(fixture_status(c, SHMQ_MESSAGES).denied, refused);
}

Test(lease, gives_way_to_what_goes_by_the_shared_total)
{
	struct shmq_component *c = leased_tenant(80);
	const struct shmq_demand demand = {SHMQ_MESSAGES, 70};
	struct shmq_reservation reservation;

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_try_consume_all(c, &demand, 1, NULL), SHMQ_OK);
	expect_figure(used(c), 80);
	expect_figure(leased(c), 9);
	expect_result(shmq_reserve(&reservation, c, SHMQ_MESSAGES, 9, NULL), SHMQ_OK);
	expect_figure(leased(c), 0);
	expect_result(shmq_check(c, SHMQ_MESSAGES, 1, NULL), SHMQ_DENIED);
	shmq_cancel(&reservation);
	expect_figure(drain(c), 9);
}

Test(lease, is_for_windows_that_deny)
{
	struct shmq_quota quota = quota_leased(LIMIT, LEASE);
	struct shmq_segment *segment = fixture_segment(NULL);

	quota.enforcement[SHMQ_MESSAGES] = SHMQ_ENFORCE_WARN;
	expect_result(consume(fixture_component(segment, "warns", &quota), 1), SHMQ_OK);
	expect_figure(used(fixture_component(segment, "denies", &quota)), 0);
	quota.enforcement[SHMQ_MESSAGES] = SHMQ_ENFORCE_DENY;
	quota.algorithm[SHMQ_MESSAGES] = SHMQ_SLIDING;
	expect_result(shmq_component_register(segment, "sliding", &quota), -EINVAL);
	quota.algorithm[SHMQ_MESSAGES] = SHMQ_BUCKET;
	expect_result(shmq_component_register(segment, "bucket", &quota), -EINVAL);
	quota = quota_calm(LIMIT);
	quota.lease[SHMQ_MEMORY] = 1;
	expect_result(shmq_component_register(segment, "level", &quota), -EINVAL);
}

Test(lease, of_no_limit_is_as_large_as_asked_for)
{
	struct shmq_component *c = leased_tenant(SHMQ_UNLIMITED);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(leased(c), LEASE - 1);
}

Test(lease, tells_of_thresholds_by_what_counts_as_used)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = 0, admitted = 0;
	bool is_told = false;

	while (!is_told) {
		expect_result(consume(c, 1), SHMQ_OK);
		admitted++;
		while (shmq_event_read(c->segment, &cursor, &event) == 1)
			is_told |= event.kind == SHMQ_EVENT_WARNING;
	}
	cr_assert_leq(admitted, LIMIT * SHMQ_WARNING_PERCENT / 100);
	cr_assert_geq(used(c), LIMIT * SHMQ_WARNING_PERCENT / 100);
}

/* ---- When it ends ---- */

Test(lease, is_forgotten_by_a_reset)
{
	struct shmq_component *c = leased_tenant(LIMIT);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_reset(c), 0);
	expect_figure(leased(c), 0);
	expect_figure(drain(c), LIMIT);
}

Test(lease, is_given_back_when_a_policy_lowers_the_limit)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_quota lower = quota_leased(10, LEASE);

	for (int i = 0; i < 5; i++)
		expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_component_set(c->segment, NAME, &lower), 0);
	expect_figure(drain(c), 5);
	expect_figure(used(c), 10);
}

Test(lease, ends_when_the_policy_wants_none_any_more)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_quota none = quota_calm(LIMIT);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_component_set(c->segment, NAME, &none), 0);
	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), 2);
	expect_figure(leased(c), 0);
	expect_figure(drain(c), LIMIT - 2);
}

Test(lease, is_not_spent_in_the_next_window)
{
	struct shmq_quota quota = quota_periodic(LIMIT, 100 * MS);
	struct shmq_component *c;

	quota.lease[SHMQ_MESSAGES] = LEASE;
	c = fixture_tenant(&quota);
	clock_enter_window(100 * MS);
	expect_result(consume(c, 1), SHMQ_OK);
	clock_enter_window(100 * MS);
	expect_figure(used(c), 0);
	expect_figure(leased(c), 0);
	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), LEASE);
	expect_figure(leased(c), LEASE - 1);
}

/* A clock that runs behind sees no end; the window that somebody else began is in force all the same. */
Test(lease, is_not_spent_by_an_old_clock_when_others_have_rolled)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_shm_rate *rate = &c->segment->trackers[c->key.index].rate[0];
	uint64_t now_ns = clock_now_ns(), current;

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_try_consume_at(c, SHMQ_MESSAGES, 1, 0, NULL), SHMQ_OK); /* before its start: inside */
	expect_figure(leased(c), LEASE - 2);
	current = shm_load_relaxed(&rate->current);
	window_roll(rate, current, 1, now_ns / NS_PER_MS + 1);
	expect_result(shmq_try_consume_at(c, SHMQ_MESSAGES, 1, now_ns, NULL), SHMQ_OK);
	expect_figure(used(c), LEASE);
	expect_figure(leased(c), LEASE - 1);
}

Test(lease, ends_with_the_registration_and_is_not_given_back_to_the_next)
{
	struct shmq_component *c = leased_tenant(LIMIT), *next;
	struct shmq_quota quota = quota_leased(LIMIT, LEASE);
	uint32_t id = shmq_component_id(c);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(shmq_component_unregister(c->segment, NAME), 0);
	expect_result(consume(c, 1), -ESTALE);
	cr_assert_geq(shmq_housekeep(c->segment), 0);
	for (int i = 0; i < 2000; i++) { /* until the place comes round again */
		expect_result(shmq_component_register(c->segment, NAME, &quota), 0);
		expect_result(shmq_component_find(&next, c->segment, NAME), 0);
		if (shmq_component_id(next) == id)
			break;
		shmq_component_put(next);
		expect_result(shmq_component_unregister(c->segment, NAME), 0);
		cr_assert_geq(shmq_housekeep(c->segment), 0);
	}
	expect_figure(shmq_component_id(next), id);
	expect_result(shmq_consume(next, SHMQ_MESSAGES, LIMIT), SHMQ_OK);
	lease_return(c->segment, own_slot(c));
	expect_figure(used(next), LIMIT);
	expect_result(consume(next, 1), SHMQ_DENIED);
	shmq_component_put(next);
}

/* ---- Groups ---- */

static struct shmq_component *find(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component = NULL;

	expect_result(shmq_component_find(&component, segment, name), 0);
	return component;
}

static void publish_grouped(struct shmq_segment *segment, const char *group, const char *of_group)
{
	char text[512];

	snprintf(text, sizeof(text),
	         "[group:one]\nmessages = 100/%s\n%s\n[group:two]\nmessages = 100/%s\n"
	         "[component:member]\ngroup = %s\nmessages = 1000/%s\nmessages.lease = 64\n",
	         fixture_calm_unit(), of_group, fixture_calm_unit(), group, fixture_calm_unit());
	fixture_publish(segment, text);
}

Test(lease, counts_at_every_rank_and_is_sized_by_the_tightest)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *member, *one;

	publish_grouped(segment, "one", "");
	member = find(segment, "member");
	one = find(segment, "group:one");
	expect_result(consume(member, 1), SHMQ_OK);
	expect_figure(used(member), 100 / LEASE_PART);
	expect_figure(leased(one), 100 / LEASE_PART - 1);
	expect_figure(used(one), 100 / LEASE_PART);
	expect_figure(1 + drain(member), 100);
	expect_figure(used(one), 100);
	shmq_component_put(member);
	shmq_component_put(one);
}

Test(lease, ends_when_a_rank_is_reset_or_the_group_is_another)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *member, *one, *two;

	publish_grouped(segment, "one", "");
	member = find(segment, "member");
	one = find(segment, "group:one");
	two = find(segment, "group:two");
	expect_result(consume(member, 1), SHMQ_OK);
	expect_result(shmq_reset(one), 0);
	expect_result(consume(member, 1), SHMQ_OK);
	expect_figure(used(one) - leased(one), 1);
	expect_figure(used(member) - leased(member), 2);
	publish_grouped(segment, "two", "");
	expect_result(consume(member, 1), SHMQ_OK);
	expect_figure(used(one), 1); /* what was left went back to where it counted */
	expect_figure(used(two) - leased(two), 1);
	expect_figure(used(member) - leased(member), 3);
	expect_figure(drain(member), 99);
	shmq_component_put(member);
	shmq_component_put(one);
	shmq_component_put(two);
}

Test(lease, is_not_taken_below_a_group_that_is_no_window_or_only_warns)
{
	static const char *const others[] = {"messages.algorithm = sliding", "messages.algorithm = bucket",
	                                     "messages.enforce = warn"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		struct shmq_segment *segment = fixture_segment(NULL);
		struct shmq_component *member;

		publish_grouped(segment, "one", others[i]);
		member = find(segment, "member");
		expect_result(consume(member, 1), SHMQ_OK);
		expect_figure(used(member), 1);
		shmq_component_put(member);
		fixture_close();
		shmq_segment_remove(fixture_name());
	}
}

/* ---- Whose it is ---- */

static void *consume_in_a_thread(void *argument)
{
	expect_result(consume(argument, 1), SHMQ_OK);
	expect_figure(leased(argument), LEASE - 1);
	return NULL;
}

Test(lease, of_a_thread_that_ends_is_given_back)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, consume_in_a_thread, c), 0);
	pthread_join(thread, NULL);
	expect_figure(used(c), 1);
	expect_figure(leased(c), 0);
}

static int consume_as_a_child(unsigned index, void *context)
{
	struct shmq_status status;

	(void)index;
	CHILD_RESULT(consume(context, 1), SHMQ_OK);
	CHILD_RESULT(shmq_status(context, &status), 0);
	CHILD_CHECK(status.resource[SHMQ_MESSAGES].used == 2 * LEASE);
	CHILD_CHECK(status.resource[SHMQ_MESSAGES].leased == 2 * (LEASE - 1));
	return 0;
}

Test(lease, of_a_parent_is_not_its_childs)
{
	struct shmq_component *c = leased_tenant(LIMIT);

	expect_result(consume(c, 1), SHMQ_OK);
	expect_result(process_run(consume_as_a_child, c, TIMEOUT_MS), 0);
	expect_result(shmq_housekeep(c->segment), 1); /* it ended by _exit() */
	expect_figure(used(c), LEASE + 1);
	expect_figure(leased(c), LEASE - 1);
}

static struct segment_lease *own_lease(struct shmq_component *c)
{
	return lease_of(c->segment, worker_self->attachment[c->segment->ordinal].slot, c->key.index, SHMQ_MESSAGES);
}

Test(lease, that_a_signal_handler_finds_busy_is_left_alone)
{
	struct shmq_component *c = leased_tenant(LIMIT);

	expect_result(consume(c, 1), SHMQ_OK);
	shm_store32_relaxed(&own_lease(c)->busy, 1);
	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), LEASE + 1);
	expect_figure(leased(c), LEASE - 1);
	shm_store32_relaxed(&own_lease(c)->busy, 0);
	expect_result(consume(c, 1), SHMQ_OK);
	expect_figure(used(c), LEASE + 1);
}

Test(lease, of_a_busy_place_goes_to_another_rate_after_some_patience)
{
	struct shmq_quota quota = quota_leased(LIMIT, LEASE);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *c[LAYOUT_LEASES + 1];
	int tries = 0;

	for (int i = 0; i <= LAYOUT_LEASES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%d", i);
		c[i] = fixture_component(segment, name, &quota);
		if (i < LAYOUT_LEASES)
			expect_result(consume(c[i], 1), SHMQ_OK);
	}
	for (int i = 0; i < LAYOUT_LEASES; i++)
		expect_figure(leased(c[i]), LEASE - 1); /* neighbours have places of their own */
	while (leased(c[LAYOUT_LEASES]) == 0) {
		expect_result(consume(c[LAYOUT_LEASES], 1), SHMQ_OK);
		cr_assert_lt(tries++, 2 * LEASE_PATIENCE);
	}
	expect_figure(leased(c[0]), 0);
	expect_figure(used(c[0]), 1);
	cr_assert_geq(tries, LEASE_PATIENCE);
}

Test(lease, that_is_damaged_is_bounded)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_shm_lease *shared;

	expect_result(consume(c, 1), SHMQ_OK);
	shared = own_lease(c)->shared;
	for (unsigned i = 0; i <= LAYOUT_ANCESTORS; i++)
		shm_store32_relaxed(&shared->component[i], UINT32_MAX);
	expect_figure(leased(c), 0);
	lease_return(c->segment, own_slot(c));
	expect_figure(shm_load32_relaxed(&shared->left), 0);
	expect_figure(used(c), LEASE);
}

/* ---- Verifying ---- */

static const char *broken;

static void note_broken(void *context, const struct shmq_defect *defect)
{
	(void)context;
	cr_assert_str_eq(defect->structure, "lease");
	broken = defect->invariant;
}

/* One word of a batch is damaged: that is found, and nothing else. */
static void expect_broken(struct shmq_component *c, struct shm_u32 *word, uint32_t value, const char *invariant)
{
	uint32_t before = shm_load32_relaxed(word);

	broken = "";
	shm_store32_relaxed(word, value);
	expect_result(shmq_segment_verify(c->segment, note_broken, NULL), 1);
	cr_assert_str_eq(broken, invariant);
	shm_store32_relaxed(word, before);
	expect_result(shmq_segment_verify(c->segment, NULL, NULL), 0);
}

Test(lease, that_is_damaged_is_found)
{
	struct shmq_component *c = leased_tenant(LIMIT);
	struct shmq_shm_lease *shared;
	size_t free_slot;

	expect_result(consume(c, 1), SHMQ_OK);
	shared = own_lease(c)->shared;
	free_slot = (own_slot(c) + 1) % c->segment->layout.threads;
	expect_broken(c, &shared->left, LEASE + 1, "what is on lease counts as used");
	expect_broken(c, &shared->component[0], lease_name(c->key.index, SHMQ_STORAGE), "a lease is of a rate");
	expect_broken(c, &shared->component[1], UINT32_MAX, "a lease names components");
	shm_store32_relaxed(&c->segment->leases[free_slot * LAYOUT_LEASES].component[0],
	                    lease_name(c->key.index, SHMQ_MESSAGES));
	expect_broken(c, &c->segment->leases[free_slot * LAYOUT_LEASES].left, 1, "a free slot has nothing on lease");
}
