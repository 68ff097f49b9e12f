/* SPDX-License-Identifier: MIT */
/*
 * What was taken and when, and whether any interval of time holds more than it may: all pairs of instants are tried,
 * nothing is known of how it was judged. What was given back is struck off.
 */
#ifndef TESTS_UNIT_INTERVALS_H
#define TESTS_UNIT_INTERVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define INTERVALS_MAX 4096

struct intervals {
	size_t count, next_id;
	struct {
		uint64_t instant, amount;
		size_t id;
	} taken[INTERVALS_MAX];
};

static inline void intervals_begin(struct intervals *intervals)
{
	intervals->count = 0;
}

/* Returns an id by which it can be struck off. */
static inline size_t intervals_note(struct intervals *intervals, uint64_t instant, uint64_t amount)
{
	if (intervals->count == INTERVALS_MAX)
		abort();
	intervals->taken[intervals->count].instant = instant;
	intervals->taken[intervals->count].amount = amount;
	intervals->taken[intervals->count].id = intervals->next_id;
	intervals->count++;
	return intervals->next_id++;
}

/* Nothing happens where it was forgotten meanwhile. */
static inline void intervals_strike(struct intervals *intervals, size_t id, uint64_t amount)
{
	for (size_t i = 0; i < intervals->count; i++)
		if (intervals->taken[i].id == id)
			intervals->taken[i].amount -= amount;
}

static inline int intervals_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Look for an interval that holds more than bound(its length). Returns the sum of the worst one, or 0 where there is
 * none; `*length` is how long that is.
 */
static inline uint64_t intervals_excess(struct intervals *intervals, uint64_t (*bound)(uint64_t length),
                                        uint64_t *length)
{
	/* The instant is the first member. */
	qsort(intervals->taken, intervals->count, sizeof(intervals->taken[0]), intervals_order);
	for (size_t first = 0; first < intervals->count; first++) {
		uint64_t sum = 0;

		for (size_t last = first; last < intervals->count; last++) {
			*length = intervals->taken[last].instant - intervals->taken[first].instant;
			sum += intervals->taken[last].amount;
			if (sum > bound(*length))
				return sum;
		}
	}
	*length = 0;
	return 0;
}

/* The most that any interval of this length held. */
static inline uint64_t intervals_most(struct intervals *intervals, uint64_t length)
{
	uint64_t most = 0, sum = 0;
	size_t first = 0;

	qsort(intervals->taken, intervals->count, sizeof(intervals->taken[0]), intervals_order);
	for (size_t last = 0; last < intervals->count; last++) {
		sum += intervals->taken[last].amount;
		while (intervals->taken[last].instant - intervals->taken[first].instant > length)
			sum -= intervals->taken[first++].amount;
		most = sum > most ? sum : most;
	}
	return most;
}

#define expect_no_excess(intervals, bound)                                                                             \
	do {                                                                                                           \
		uint64_t excess_length, excess = intervals_excess(intervals, bound, &excess_length);                   \
		cr_assert(excess == 0, "%" PRIu64 " within %" PRIu64 ", at most %" PRIu64 " may be", excess,           \
		          excess_length, bound(excess_length));                                                        \
	} while (0)

#endif
