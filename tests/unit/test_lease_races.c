/* SPDX-License-Identifier: MIT */
/*
 * Leases interrupted at every single access. The module is compiled into this program once more, with a hook before each
 * atomic access; at its n-th access others reset, publish or use the rest, or the process dies, for every n. Then one
 * thread takes what is left to the last unit, and the sum must be the limit: not one more, and not one less.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/lease.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <stdio.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(lease_races, FIXTURE);

#define LIMIT 1000
#define LOWERED 100
#define LEASE 64
#define NAME "tenant"
#define TIMEOUT_MS 10000

static struct shmq_component *victim;

static struct shmq_quota quota_leased(uint64_t limit)
{
	struct shmq_quota quota = quota_calm(limit);

	quota.lease[SHMQ_MESSAGES] = LEASE;
	return quota;
}

static uint64_t drain(void)
{
	uint64_t sum = 0;

	while (shmq_try_consume(victim, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
		sum++;
	return sum;
}

/* One try by hooked code: from what is on lease, or by a new batch. */
static bool try_hooked(uint64_t amount)
{
	struct operation operation;
	bool is_admitted = lease_spend(victim, SHMQ_MESSAGES, amount, NULL, NULL);

	if (is_admitted || operation_begin(&operation, victim) < 0)
		return is_admitted;
	is_admitted = lease_take(victim, &operation, SHMQ_MESSAGES, amount, NULL);
	operation_end(&operation);
	return is_admitted;
}

static void begin(uint64_t first)
{
	struct shmq_quota quota = quota_leased(LIMIT);

	victim = fixture_tenant(&quota);
	if (first > 0)
		expect_result(shmq_try_consume(victim, SHMQ_MESSAGES, first, NULL), SHMQ_OK);
}

static void end(void)
{
	expect_result(shmq_segment_verify(victim->segment, NULL, NULL), 0);
	fixture_close();
	shmq_segment_remove(fixture_name());
}

/* ---- Others ---- */

static uint64_t others; /* what they take */

static void reset_it(void)
{
	expect_result(shmq_reset(victim), 0);
}

static void lower_it(void)
{
	struct shmq_quota lowered = quota_leased(LOWERED);

	expect_result(shmq_component_set(victim->segment, NAME, &lowered), 0);
}

static void use_what_is_left(void)
{
	others = fixture_status(victim, SHMQ_MESSAGES).available;
	expect_result(shmq_consume(victim, SHMQ_MESSAGES, others), SHMQ_OK);
}

/* What one try admits that is interrupted at this access. Returns false where it had fewer. */
static bool interrupt(unsigned at, void (*action)(void), uint64_t first, uint64_t amount, uint64_t *admitted)
{
	bool has_happened;

	begin(first);
	others = 0;
	interleave(at, action);
	*admitted = try_hooked(amount) ? amount : 0;
	has_happened = interleave_happened();
	if (!has_happened)
		action();
	return has_happened;
}

static void expect_the_limit_to_the_last_unit(void (*action)(void), uint64_t first, uint64_t amount, uint64_t limit)
{
	bool goes_on = true;

	for (unsigned at = 1; goes_on; at++) {
		uint64_t admitted;

		goes_on = interrupt(at, action, first, amount, &admitted);
		expect_figure(first + admitted + others + drain(), limit);
		expect_figure(fixture_used(victim, SHMQ_MESSAGES), limit);
		end();
	}
}

Test(lease_races, with_a_lower_limit_admit_no_more_than_that)
{
	expect_the_limit_to_the_last_unit(lower_it, 0, 1, LOWERED);
	expect_the_limit_to_the_last_unit(lower_it, 1, 1, LOWERED);
	expect_the_limit_to_the_last_unit(lower_it, 30, 32, LOWERED);
}

Test(lease_races, with_others_who_use_the_rest_admit_no_more_than_the_limit)
{
	expect_the_limit_to_the_last_unit(use_what_is_left, 0, 1, LIMIT);
	expect_the_limit_to_the_last_unit(use_what_is_left, 1, 1, LIMIT);
}

/* Whether the try comes before the reset is up to it, unless it was called afterwards. */
static void expect_the_limit_after_a_reset(uint64_t first, uint64_t amount)
{
	bool goes_on = true;

	for (unsigned at = 1; goes_on; at++) {
		uint64_t admitted, rest;

		goes_on = interrupt(at, reset_it, first, amount, &admitted);
		rest = drain();
		cr_assert(rest == LIMIT || rest + admitted == LIMIT, "%" PRIu64 " after the reset, at access %u", rest,
		          at);
		cr_assert(at > 1 || rest + admitted == LIMIT, "called after the reset, it does not count");
		expect_figure(fixture_used(victim, SHMQ_MESSAGES), LIMIT);
		end();
	}
}

Test(lease_races, with_a_reset_admit_no_more_than_the_limit_after_it)
{
	expect_the_limit_after_a_reset(0, 1);
	expect_the_limit_after_a_reset(1, 1);
	expect_the_limit_after_a_reset(30, 32);
}

/* ---- Groups ---- */

static struct shmq_component *group;

static void use_what_the_group_has_left(void)
{
	others = fixture_status(group, SHMQ_MESSAGES).available;
	expect_result(shmq_consume(group, SHMQ_MESSAGES, others), SHMQ_OK);
}

static void begin_grouped(void)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	char text[256];

	snprintf(text, sizeof(text),
	         "[group:all]\nmessages = %d/%s\n[component:member]\ngroup = all\nmessages = %d/%s\n"
	         "messages.lease = %d\n",
	         LIMIT, fixture_calm_unit(), 2 * LIMIT, fixture_calm_unit(), LEASE);
	fixture_publish(segment, text);
	expect_result(shmq_component_find(&victim, segment, "member"), 0);
	expect_result(shmq_component_find(&group, segment, "group:all"), 0);
}

/* A batch that the component's own rank took and the group refuses goes back, and the amount is tried by itself. */
Test(lease_races, with_others_of_the_group_leave_nothing_behind_at_any_rank)
{
	bool goes_on = true;

	for (unsigned at = 1; goes_on; at++) {
		uint64_t admitted;

		begin_grouped();
		interleave(at, use_what_the_group_has_left);
		admitted = try_hooked(1) ? 1 : 0;
		goes_on = interleave_happened();
		if (!goes_on)
			use_what_the_group_has_left();
		admitted += drain();
		expect_figure(admitted + others, LIMIT);
		expect_figure(fixture_used(group, SHMQ_MESSAGES), LIMIT);
		expect_figure(fixture_used(victim, SHMQ_MESSAGES), admitted);
		expect_figure(fixture_status(victim, SHMQ_MESSAGES).leased, 0);
		shmq_component_put(victim);
		shmq_component_put(group);
		fixture_close();
		shmq_segment_remove(fixture_name());
	}
}

/* ---- Deaths ---- */

static void die(void)
{
	_exit(1);
}

/* What the child was told it may take. */
static struct counter *told;

struct death {
	unsigned at;
	uint64_t first, amount;
};

static int die_at(unsigned index, void *context)
{
	const struct death *death = context;

	(void)index;
	if (death->first > 0) {
		CHILD_RESULT(shmq_try_consume(victim, SHMQ_MESSAGES, death->first, NULL), SHMQ_OK);
		counter_add(told, death->first);
	}
	interleave(death->at, die);
	if (try_hooked(death->amount))
		counter_add(told, death->amount);
	return interleave_happened() ? 1 : 0;
}

/* It forfeits nothing but what it was taking in that moment: the batch, until the next word says that it is there. */
static void expect_books_after_every_death(uint64_t first, uint64_t amount)
{
	struct death death = {.first = first, .amount = amount};
	unsigned forfeits = 0;
	int status;

	told = shared_alloc(sizeof(*told));
	do {
		uint64_t used;

		death.at++;
		counter_set(told, 0);
		begin(0);
		status = process_run(die_at, &death, TIMEOUT_MS);
		cr_assert_geq(shmq_housekeep(victim->segment), 0);
		expect_figure(fixture_status(victim, SHMQ_MESSAGES).leased, 0);
		used = fixture_used(victim, SHMQ_MESSAGES);
		cr_assert_geq(used, counter_get(told), "died at access %u", death.at);
		cr_assert_leq(used, counter_get(told) + LEASE, "died at access %u", death.at);
		forfeits += used > counter_get(told) + amount;
		expect_figure(used + drain(), LIMIT);
		end();
	} while (status == 1);
	expect_result(status, 0);
	cr_assert_lt(forfeits, death.at / 2, "%u of %u deaths forfeit a batch", forfeits, death.at);
	shared_free(told, sizeof(*told));
}

Test(lease_races, with_death_forfeit_one_batch_at_most)
{
	expect_books_after_every_death(0, 1);
	expect_books_after_every_death(1, 1);
	expect_books_after_every_death(30, 32);
}

static uint32_t own_slot;

/* Who gives back for a dead thread dies as well: the next one must not give it back once more. */
static int return_and_die_at(unsigned index, void *context)
{
	const struct death *death = context;

	(void)index;
	interleave(death->at, die);
	lease_return(victim->segment, own_slot);
	return interleave_happened() ? 1 : 0;
}

Test(lease_races, with_deaths_of_who_gives_back_give_back_once_at_most)
{
	struct death death = {.at = 0};
	int status;

	do {
		uint64_t rest;

		death.at++;
		begin(1);
		own_slot = (uint32_t)(worker_self->attachment[victim->segment->ordinal].slot - victim->segment->slots);
		status = process_run(return_and_die_at, &death, TIMEOUT_MS);
		lease_return(victim->segment, own_slot);
		rest = LIMIT - fixture_used(victim, SHMQ_MESSAGES);
		cr_assert(rest == LIMIT - 1 || rest == LIMIT - LEASE, "%" PRIu64 " left, died at access %u", rest,
		          death.at);
		end();
	} while (status == 1);
	expect_result(status, 0);
}
