/* SPDX-License-Identifier: MIT */
/*
 * What the parts of torture_reservation share: the components, the books on them, and what workers have open.
 *
 * All workers use the component TIGHT, whose limits they reach. Beside it each life, that is one process until it is
 * killed, has a place of its OWN in a component of several lives: amounts of the first life there are multiples of 1,
 * of the second of 256 and so on, so that one level, written by all of them, tells at rest what each of them has.
 * CHURN stands for the components that controllers replace.
 */
#ifndef TESTS_TORTURE_RESERVATION_ARENA_H
#define TESTS_TORTURE_RESERVATION_ARENA_H

#include "../support/clock.h"
#include "books.h"

#define CONTROLLERS 2
#define LIVES 256 /* of a round; whoever comes later has nothing to do in it */
#define DIGIT_BITS 8
#define LIVES_OF_POT 4
#define OWN_POTS (LIVES / LIVES_OF_POT)
#define TIGHT_LEVEL 100
#define TIGHT_MESSAGES 1200
#define CELLS 8
#define ARENA_HOARD 64
#define CHURN_NAMES 4  /* of each controller */
#define CHURN_BASE 500 /* taken by the controller, for nobody to return */

enum place { TIGHT, OWN, CHURN, PLACES };

/* A reservation and who is at it. In memory that the auditor sees, too: threads end with open ones. */
struct cell {
	struct counter state;
	struct shmq_reservation reservation;
	struct shmq_component *found; /* to be put when it is finished; NULL where it is not this one's */
	struct book *book;
	enum place place;
	enum book_resource resource;
	uint64_t amount;
};

enum cell_state { CELL_FREE, CELL_BUSY, CELL_OPEN };

/* Of a component that was replaced: perhaps, or certainly has its controller taken the base. */
enum base_state { BASE_UNKNOWN, BASE_TAKEN };

struct figures {
	struct counter admitted, refused, reservations, stale, recovered, verified, registrations, full;
};

struct arena {
	struct shmq_component *tight, *own[OWN_POTS];
	struct shmq_policy *policies[2];
	struct counter lives;       /* begun in this round */
	struct counter controllers; /* begun in all rounds */
	struct book books[LIVES][PLACES];
	struct tally tally; /* of TIGHT */
	struct cell cells[TORTURE_WORKERS_MAX][CELLS];
	struct counter bases[CONTROLLERS][CHURN_NAMES];
	struct figures figures[TORTURE_WORKERS_MAX];
	uint64_t all_lives;
};

/* Every other round nobody housekeeps: then dead slots are left to who needs one. */
static inline bool arena_is_kept(const struct torture *torture)
{
	return torture->round % 2 == 0;
}

void arena_churn_name(char out[32], unsigned owner, unsigned which);

/* The bodies of workers and controllers, and the burial of one: see torture.h. */
int reservation_work(struct torture *torture, unsigned index);
int reservation_control(struct torture *torture, unsigned index);
void reservation_doom(struct torture *torture, unsigned index);

/* Verify the segment; what is not sound counts as wrong. Returns 0, or 1 where it could not be done. */
int arena_verify(struct torture *torture, struct shmq_segment *segment);

/* The same while controllers are killed: one may lie dead at work. */
int arena_verify_at_work(struct torture *torture, struct shmq_segment *segment);

#endif
