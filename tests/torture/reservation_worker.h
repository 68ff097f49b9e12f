/* SPDX-License-Identifier: MIT */
/*
 * A worker of torture_reservation as its parts see it: one life, with the places that it uses. Private to one process,
 * or thread; what others see of it is in the arena.
 */
#ifndef TESTS_TORTURE_RESERVATION_WORKER_H
#define TESTS_TORTURE_RESERVATION_WORKER_H

#include <pthread.h>

#include "../support/prng.h"
#include "reservation_arena.h"

/* A place as one life sees it. */
struct pot {
	struct shmq_component *component;
	struct book *book;
	uint64_t unit;
	enum place place;
};

struct worker {
	struct torture *torture;
	struct arena *arena;
	struct figures *figures;
	unsigned index;
	struct pot pots[PLACES];
	struct prng prng, helper_prng;
	uint64_t share[PLACES];
	struct shmq_reservation hoard[ARENA_HOARD];
	unsigned hoarded;
	pthread_t helper;
	bool has_helper;
};

/* Count what a call answered. */
void worker_count_answer(struct worker *worker, int result);

/* Returns 0 for an answer that a place may give to who wants more of it; else says so and returns 1. */
int worker_check_answer(enum place place, int result);

/* Do one thing many times in a row. Returns 0, or 1 for an answer that must not be. */
int reservation_burst(struct worker *worker, const struct pot *pot);

/* Have many reservations open, and cancel them all. The first returns as reservation_burst(). */
int reservation_hoard(struct worker *worker);
void reservation_drop_hoard(struct worker *worker);

#endif
