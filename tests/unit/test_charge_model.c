/* SPDX-License-Identifier: MIT */
/*
 * Random operations on random chains, each against a model of what they mean (charge_model.h): result, verdict, and what
 * every rank has used and counted afterwards. Before each amount is taken it is checked, which must say the same.
 *
 * The seed is fixed, so a failure is repeatable; it names the step.
 */
#include "core/publication.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "charge_model.h"

TestSuite(charge_model, FIXTURE);

#define GROUPS 12
#define RANKS 30 /* groups first */
#define HELD_MAX 8
#define STEPS 60000
#define HUGE_AMOUNT (SHMQ_AMOUNT_MAX - 5)

static struct prng prng;
static struct shmq_segment *segment;
static struct model_rank ranks[RANKS];
static struct shmq_component *component[RANKS];
static uint8_t algorithm[RANKS][SHMQ_RESOURCES];
static struct held {
	struct shmq_reservation reservation;
	int component, resource;
	uint64_t amount;
} held[HELD_MAX];
static unsigned held_count, step;

static void name_of(char name[16], int rank)
{
	snprintf(name, 16, "%s%d", ranks[rank].is_group ? "group:" : "c", rank);
}

/* ---- The forest ---- */

static int depth_of(int rank)
{
	int depth = 0;

	for (; rank != MODEL_NONE; rank = ranks[rank].parent)
		depth++;
	return depth;
}

static int some_parent(int rank)
{
	int below = rank < GROUPS ? rank : GROUPS;
	int parent = below == 0 ? MODEL_NONE : (int)prng_below(&prng, (uint64_t)below + 1) - 1;

	return parent != MODEL_NONE && depth_of(parent) <= (rank < GROUPS ? 3 : 4) ? parent : MODEL_NONE;
}

/* A bucket's limits divide any window of hours, so that an amount costs whole nanoseconds. */
static void draw_limits(int rank)
{
	static const uint64_t limits[] = {1, 2, 5, 10, 20, 50, 100, 200};

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		uint64_t kind = prng_below(&prng, 16);

		ranks[rank].limit[resource] = limits[prng_below(&prng, 8)];
		ranks[rank].enforcement[resource] =
		    kind < 10 ? SHMQ_ENFORCE_DENY : (kind < 13 ? SHMQ_ENFORCE_WARN : SHMQ_ENFORCE_OFF);
		if (algorithm[rank][resource] == SHMQ_BUCKET)
			continue;
		if (kind % 8 == 0)
			ranks[rank].limit[resource] = SHMQ_UNLIMITED;
		else if (kind == 9)
			ranks[rank].limit[resource] = 0;
	}
}

static void draw_forest(void)
{
	for (int rank = 0; rank < RANKS; rank++) {
		ranks[rank].is_group = rank < GROUPS;
		ranks[rank].parent = some_parent(rank);
		for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++)
			algorithm[rank][resource] = (uint8_t)prng_below(&prng, 3);
		draw_limits(rank);
	}
}

static struct shmq_quota quota_of(int rank)
{
	struct shmq_quota quota = quota_calm(0);

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		quota.limit[resource] = ranks[rank].limit[resource];
		quota.enforcement[resource] = (uint8_t)ranks[rank].enforcement[resource];
		quota.algorithm[resource] = algorithm[rank][resource];
	}
	return quota;
}

static void publish(void)
{
	const struct publication_rule fallback = {.quota = quota_calm(0)};
	struct publication publication;

	expect_result(publication_begin(&publication, segment), 0);
	expect_result(publication_set_default(&publication, &fallback), 0);
	for (int rank = 0; rank < RANKS; rank++) {
		char name[16], parent[16];
		struct publication_rule rule = {.quota = quota_of(rank), .is_group = ranks[rank].is_group};

		name_of(name, rank);
		if (ranks[rank].parent != MODEL_NONE) {
			name_of(parent, ranks[rank].parent);
			rule.group = parent;
		}
		expect_result(publication_declare(&publication, name, strlen(name), &rule), 0);
	}
	expect_result(publication_commit(&publication), 0);
}

/* ---- What is expected ---- */

static void expect_rank(int rank)
{
	struct shmq_status status;

	expect_result(shmq_status(component[rank], &status), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		const struct shmq_resource_status *here = &status.resource[resource];

		cr_assert(here->used == ranks[rank].used[resource] && here->denied == ranks[rank].denied[resource] &&
		              here->would_deny == ranks[rank].would_deny[resource],
		          "step %u: rank %d, %s: used %" PRIu64 " (%" PRIu64 "), denied %" PRIu64 " (%" PRIu64
		          "), would_deny %" PRIu64 " (%" PRIu64 ")",
		          step, rank, shmq_resource_name(resource), here->used, ranks[rank].used[resource],
		          here->denied, ranks[rank].denied[resource], here->would_deny,
		          ranks[rank].would_deny[resource]);
	}
}

static void expect_chain(int rank)
{
	for (; rank != MODEL_NONE; rank = ranks[rank].parent)
		expect_rank(rank);
}

static void expect_outcome(const char *operation, const struct model_outcome *outcome, int result,
                           const struct shmq_verdict *verdict, int resource, uint64_t amount)
{
	uint64_t limit = ranks[outcome->named].limit[resource];

	cr_assert(result == outcome->result, "step %u: %s of %" PRIu64 " %s: %s, expected %s", step, operation, amount,
	          shmq_resource_name(resource), shmq_strerror(result), shmq_strerror(outcome->result));
	if (verdict == NULL || result < 0)
		return;
	cr_assert(verdict->component == shmq_component_id(component[outcome->named]) && verdict->resource == resource &&
	              verdict->requested == amount && verdict->current == outcome->used && verdict->limit == limit,
	          "step %u: %s: component %u (%u), %" PRIu64 " + %" PRIu64 " > %" PRIu64 " (%" PRIu64 ")", step,
	          operation, verdict->component, shmq_component_id(component[outcome->named]), verdict->current,
	          verdict->requested, verdict->limit, outcome->used);
	cr_assert((verdict->retry_after_ns == 0) == (result != SHMQ_DENIED),
	          "step %u: %s of %" PRIu64 " %s: %s, but retry after %" PRIu64 " ns", step, operation, amount,
	          shmq_resource_name(resource), shmq_strerror(result), verdict->retry_after_ns);
}

/* ---- Operations ---- */

static int some_member(void)
{
	return GROUPS + (int)prng_below(&prng, RANKS - GROUPS);
}

static bool has_bucket(int rank, int resource)
{
	for (; rank != MODEL_NONE; rank = ranks[rank].parent)
		if (algorithm[rank][resource] == SHMQ_BUCKET)
			return true;
	return false;
}

/* Small ones mostly, some of 0, and some that pass what can be counted; a bucket forgets those with time. */
static uint64_t some_amount(int rank, int resource)
{
	uint64_t kind = prng_below(&prng, 200);

	if (kind < 2 && !has_bucket(rank, resource))
		return HUGE_AMOUNT;
	return kind < 20 ? 0 : prng_below(&prng, 12);
}

static void take_or_force(bool is_forced)
{
	int rank = some_member(), resource = (int)prng_below(&prng, SHMQ_RESOURCES);
	uint64_t amount = some_amount(rank, resource);
	struct model_outcome outcome = model_judge(ranks, rank, resource, amount, is_forced);
	struct shmq_verdict verdict;
	bool is_silent = prng_below(&prng, 4) == 0;

	if (is_forced) {
		expect_outcome("consume", &outcome, shmq_consume(component[rank], resource, amount), NULL, resource,
		               amount);
	} else {
		expect_outcome("check", &outcome, shmq_check(component[rank], resource, amount, NULL), NULL, resource,
		               amount);
		expect_outcome("check", &outcome, shmq_check(component[rank], resource, amount, &verdict), &verdict,
		               resource, amount);
		expect_outcome("try", &outcome,
		               shmq_try_consume(component[rank], resource, amount, is_silent ? NULL : &verdict),
		               is_silent ? NULL : &verdict, resource, amount);
	}
	model_take(ranks, rank, resource, amount, is_forced);
	expect_chain(rank);
}

static void take(void)
{
	take_or_force(false);
}

static void force(void)
{
	take_or_force(true);
}

static void release(void)
{
	int rank = some_member(), resource = prng_below(&prng, 2) == 0 ? SHMQ_STORAGE : SHMQ_MEMORY;
	uint64_t there = ranks[rank].used[resource] - ranks[rank].held[resource];
	uint64_t most = there < SHMQ_AMOUNT_MAX ? there : SHMQ_AMOUNT_MAX - 1;
	uint64_t amount = prng_below(&prng, 2) == 0 ? most : prng_below(&prng, most + 1);

	if (ranks[rank].held[resource] == 0 && most == there && prng_below(&prng, 4) == 0) { /* more than there is */
		amount = there;
		expect_result(shmq_release(component[rank], resource, amount + 1), -ERANGE);
	} else {
		expect_result(shmq_release(component[rank], resource, amount), 0);
	}
	model_give_back(ranks, rank, resource, amount);
	expect_chain(rank);
}

static void reserve(void)
{
	int rank = some_member(), resource = (int)prng_below(&prng, SHMQ_RESOURCES);
	uint64_t amount = some_amount(rank, resource);
	struct held *here = &held[held_count];
	struct shmq_verdict verdict;
	struct model_outcome outcome = model_judge(ranks, rank, resource, amount, false);
	int result;

	if (held_count == HELD_MAX)
		return;
	result = shmq_reserve(&here->reservation, component[rank], resource, amount, &verdict);
	expect_outcome("reserve", &outcome, result, &verdict, resource, amount);
	model_take(ranks, rank, resource, amount, false);
	expect_chain(rank);
	if (!model_is_admitted(result))
		return;
	*here = (struct held){here->reservation, rank, resource, amount};
	ranks[rank].held[resource] += amount;
	held_count++;
}

static void finish(unsigned which)
{
	struct held *here = &held[which];
	uint64_t actual = here->amount == 0 ? 0 : prng_below(&prng, here->amount + 1);

	expect_result(shmq_commit(&here->reservation, actual), 0);
	ranks[here->component].held[here->resource] -= here->amount;
	model_give_back(ranks, here->component, here->resource, here->amount - actual);
	expect_chain(here->component);
	held[which] = held[--held_count];
}

/* Of a rate at once: a bucket gives back only what has not flowed in again, and a reset makes it forget. */
static void reserve_and_finish(void)
{
	reserve();
	for (unsigned i = held_count; i > 0; i--)
		if (shmq_resource_is_rate(held[i - 1].resource))
			finish(i - 1);
	if (held_count > 0 && prng_below(&prng, 2) == 0)
		finish((unsigned)prng_below(&prng, held_count));
}

static void state_memory(void)
{
	static uint64_t stated[RANKS];
	int rank = some_member();
	uint64_t bytes = prng_below(&prng, 12), before = stated[rank];
	uint64_t growth = bytes > before ? bytes - before : 0;
	struct model_outcome outcome = model_judge(ranks, rank, SHMQ_MEMORY, growth, false);
	struct shmq_verdict verdict;
	int result = shmq_memory_set(component[rank], bytes, &verdict);

	if (growth == 0) {
		expect_result(result, SHMQ_OK);
		model_give_back(ranks, rank, SHMQ_MEMORY, before - bytes);
	} else {
		expect_outcome("memory_set", &outcome, result, &verdict, SHMQ_MEMORY, growth);
		model_take(ranks, rank, SHMQ_MEMORY, growth, false);
	}
	if (growth == 0 || model_is_admitted(result)) {
		ranks[rank].held[SHMQ_MEMORY] += bytes - before;
		stated[rank] = bytes;
	}
	expect_chain(rank);
}

/* Judged resource by resource; the first that is refused counts, and nothing is taken. */
static void take_several(void)
{
	int rank = some_member(), expected = SHMQ_OK;
	struct shmq_demand demands[SHMQ_RESOURCES];
	size_t count = 0;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (prng_below(&prng, 2) == 0)
			demands[count++] = (struct shmq_demand){resource, prng_below(&prng, 6)};
	if (count == 0)
		return;
	for (size_t i = 0; i < count && model_is_admitted(expected); i++) {
		struct model_outcome outcome = model_judge(ranks, rank, demands[i].resource, demands[i].amount, false);

		if (outcome.result == SHMQ_DENIED)
			model_take(ranks, rank, demands[i].resource, demands[i].amount, false);
		if (outcome.result != SHMQ_OK && (demands[i].amount > 0 || outcome.result == SHMQ_DENIED))
			expected = outcome.result;
	}
	for (size_t i = 0; i < count && model_is_admitted(expected); i++)
		if (demands[i].amount > 0)
			model_take(ranks, rank, demands[i].resource, demands[i].amount, false);
	expect_result(shmq_try_consume_all(component[rank], demands, count, NULL), expected);
	expect_chain(rank);
}

static void reset(void)
{
	int rank = (int)prng_below(&prng, RANKS);

	expect_result(shmq_reset(component[rank]), 0);
	model_reset(ranks, rank);
	expect_chain(rank);
}

static void change_limits(void)
{
	for (int rank = 0; rank < RANKS; rank++)
		if (prng_below(&prng, 4) == 0)
			draw_limits(rank);
	publish();
}

static void do_something(void)
{
	uint64_t kind = prng_below(&prng, 1000);

	if (kind < 400)
		take();
	else if (kind < 450)
		force();
	else if (kind < 600)
		release();
	else if (kind < 750)
		reserve_and_finish();
	else if (kind < 850)
		state_memory();
	else if (kind < 950)
		take_several();
	else if (kind < 998)
		reset();
	else
		change_limits();
}

static void run(uint64_t seed)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	prng = prng_seed(seed, 4);
	options.components = RANKS;
	options.threads = 2;
	segment = fixture_segment(&options);
	draw_forest();
	publish();
	for (int rank = 0; rank < RANKS; rank++) {
		char name[16];

		name_of(name, rank);
		expect_result(shmq_component_find(&component[rank], segment, name), 0);
	}
	for (step = 0; step < STEPS; step++)
		do_something();
	for (int rank = 0; rank < RANKS; rank++) {
		expect_rank(rank);
		shmq_component_put(component[rank]);
	}
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
}

/* Some forests by some seeds; each test has a process of its own. */
Test(charge_model, agrees_on_a_forest)
{
	run(1);
}

Test(charge_model, agrees_on_another_forest)
{
	run(2);
}

Test(charge_model, agrees_on_a_third_forest)
{
	run(3);
}
