/* SPDX-License-Identifier: MIT */
/*
 * The age test of the kernel's rcutorture, over processes: nothing older than one grace period is ever seen.
 *
 * A controller publishes elements of a pool one after the other. An element that is replaced is of age 1 at once, and a
 * grace period older each time that one which began after that is over; at the greatest age it is free again. Readers
 * pick the published element inside a read section of the segment and look at its age until they leave: it may become
 * 1, never 2. Both are killed and stopped at random; the pool lies outside of the segment, so that the controller's
 * successor goes on with it.
 *
 * TORTURE_AGE_FAULT seeds a fault that must be found: `hasty` ages without waiting, `early` waits for the grace period
 * before, `outside` reads outside of sections.
 */
#include "core/worker.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "torture.h"

#define ELEMENTS 64
#define AGE_FREE 10
#define LOOKS 200
#define PAUSES 16 /* one section out of so many is left for somebody else in the middle */

/* `cookie` 0: its next grace period has not begun. */
struct element {
	struct counter age, cookie;
};

struct pool {
	struct element elements[ELEMENTS];
	struct counter published; /* index */
	struct counter grace_periods, looks, waits;
	struct counter seen[AGE_FREE + 1]; /* sections by the greatest age they saw */
	bool is_hasty, is_early, is_outside;
};

/* ---- Readers ---- */

static void read_once(struct torture *torture, struct pool *pool, struct prng *prng)
{
	struct element *element = &pool->elements[counter_get(&pool->published)];
	uint64_t looks = 1 + prng_below(prng, LOOKS), oldest = 0;

	/* Free again means that it was aged all the way: as bad as any age above 1. */
	for (uint64_t i = 0; i < looks; i++) {
		uint64_t age = counter_get(&element->age);

		if (age > oldest)
			oldest = age;
		if (i == looks / 2 && prng_below(prng, PAUSES) == 0)
			sched_yield();
	}
	counter_add(&pool->seen[oldest], 1);
	counter_add(&pool->looks, looks);
	if (oldest > 1)
		counter_add(&torture->findings->wrong, 1);
}

static int work(struct torture *torture, unsigned index)
{
	struct pool *pool = torture->context;
	struct prng prng = prng_seed(torture->seed + torture->round, index);

	while (!torture_stops(torture)) {
		struct shmq_shm_slot *slot;

		CHILD_RESULT(worker_enter(torture->segment, &slot), 0);
		if (pool->is_outside)
			worker_leave(slot);
		read_once(torture, pool, &prng);
		if (!pool->is_outside)
			worker_leave(slot);
		counter_add(torture->operations, 1);
	}
	return 0;
}

/* ---- The controller ---- */

/* Every element that is neither published nor free: one grace period at a time. */
static void grow_older(struct pool *pool, struct shmq_segment *segment)
{
	for (unsigned i = 0; i < ELEMENTS; i++) {
		struct element *element = &pool->elements[i];
		uint64_t age = counter_get(&element->age), cookie = counter_get(&element->cookie);

		if (age == 0 || age == AGE_FREE)
			continue;
		if (cookie == 0) {
			counter_set(&element->cookie, rcu_cookie(segment));
		} else if (pool->is_hasty || rcu_poll(segment, cookie - pool->is_early)) {
			/* The cookie first: killed in between, it only waits for one grace period more. */
			counter_set(&element->cookie, 0);
			counter_set(&element->age, age + 1);
			counter_add(&pool->grace_periods, 1);
		} else {
			counter_add(&pool->waits, 1);
		}
	}
}

static bool publish_another(struct pool *pool)
{
	uint64_t before = counter_get(&pool->published);

	for (unsigned i = 0; i < ELEMENTS; i++) {
		if (counter_get(&pool->elements[i].age) != AGE_FREE)
			continue;
		counter_set(&pool->elements[i].age, 0);
		counter_set(&pool->published, i);
		/* Killed before this, the successor finds an element of age 0 that is not published. */
		counter_set(&pool->elements[before].age, 1);
		return true;
	}
	return false;
}

/* What a predecessor that was killed left between two steps. */
static void tidy(struct pool *pool)
{
	uint64_t published = counter_get(&pool->published);

	for (unsigned i = 0; i < ELEMENTS; i++) {
		if (i != published && counter_get(&pool->elements[i].age) == 0)
			counter_set(&pool->elements[i].age, 1);
		/* Perhaps begun before the element was replaced. */
		counter_set(&pool->elements[i].cookie, 0);
	}
}

static int control(struct torture *torture, unsigned index)
{
	struct pool *pool = torture->context;
	struct shmq_segment *segment;

	(void)index;
	CHILD_RESULT(torture_open_control(torture, &segment), 0);
	tidy(pool);
	while (!torture_stops(torture)) {
		publish_another(pool);
		grow_older(pool, segment);
		counter_add(torture->operations, 1);
	}
	torture_close_control(torture, segment);
	return 0;
}

/* ---- The run ---- */

static int begin(struct torture *torture)
{
	const char *fault = getenv("TORTURE_AGE_FAULT"); /* NOLINT(concurrency-mt-unsafe) */
	struct pool *pool = shared_alloc(sizeof(*pool));

	torture->context = pool;
	for (unsigned i = 1; i < ELEMENTS; i++)
		counter_set(&pool->elements[i].age, AGE_FREE);
	pool->is_hasty = fault != NULL && strcmp(fault, "hasty") == 0;
	pool->is_early = fault != NULL && strcmp(fault, "early") == 0;
	pool->is_outside = fault != NULL && strcmp(fault, "outside") == 0;
	return 0;
}

/* A run without grace periods, or without sections that saw one begin, proves nothing. */
static void round_ends(struct torture *torture)
{
	struct pool *pool = torture->context;

	if (counter_get(&pool->grace_periods) == 0)
		torture_complain(&torture->findings->wrong, 1, "grace periods", 0, 1, UINT64_MAX);
}

static void summary(struct torture *torture)
{
	struct pool *pool = torture->context;

	printf("%" PRIu64 " ageings by a grace period, %" PRIu64 " had to wait, sections by the oldest they saw:",
	       counter_get(&pool->grace_periods), counter_get(&pool->waits));
	for (unsigned age = 0; age <= AGE_FREE; age++)
		printf(" %" PRIu64, counter_get(&pool->seen[age]));
}

static void end(struct torture *torture)
{
	shared_free(torture->context, sizeof(struct pool));
}

int main(int argc, char **argv)
{
	const struct torture_plan plan = {
	    .name = "torture_age",
	    .controllers = 1,
	    .options =
		{.size = sizeof(struct shmq_options), .components = 1, .threads = 64, .mode = 0600, .reservations = 1},
	    .begin = begin,
	    .work = work,
	    .control = control,
	    .round_ends = round_ends,
	    .summary = summary,
	    .end = end,
	};

	return torture_main(argc, argv, &plan);
}
