/* SPDX-License-Identifier: MIT */
/*
 * What the parts of torture_reservation share: the components, the books on them, and what workers have open.
 *
 * All workers use TIGHT, BESIDE and ASIDE, whose limits they reach, and those of the groups above: the first two count
 * against the tenant, the tenant and the third against the host. Beside them each life, that is one process until it is
 * killed, has a place of its OWN in a component of several lives: amounts of the first life there are multiples of 1,
 * of the second of 256 and so on, so that one level, written by all of them, tells at rest what each of them has.
 * CHURN stands for the components that controllers replace. Both are in groups without limits. MOVER is in use for
 * moments only, so that policies can move it: from the tenant's group to that of the lives, and back.
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
#define CELLS 8
#define ARENA_HOARD 64
#define CHURN_NAMES 4  /* of each controller */
#define CHURN_BASE 500 /* taken by the controller, for nobody to return */

enum place { TIGHT, BESIDE, ASIDE, LIMITED_PLACES, OWN = LIMITED_PLACES, CHURN, MOVER, PLACES };

/* Who has limits: places, and groups of them. Those of groups change with the policy; here are the largest. */
enum limited { TENANT = LIMITED_PLACES, HOST, LIMITED };

static const uint64_t arena_limits[LIMITED][BOOK_RESOURCES] = {
    [TIGHT] = {100, 100, 1200},  [BESIDE] = {60, 60, 600},  [ASIDE] = {60, 60, 600},
    [TENANT] = {130, 120, 1500}, [HOST] = {170, 160, 1900},
};

/* Above a place with limits: the tenant, if it is in there, and the host. */
static inline bool arena_is_above(enum limited which, enum place place)
{
	return which == HOST || which == (enum limited)place || (which == TENANT && place != ASIDE);
}

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
	struct counter admitted, refused, reservations, stale, recovered, verified, registrations, full, published,
	    busy;
};

#define ARENA_POLICIES 3 /* two with other limits of the groups, and one that also moves MOVER */

struct arena {
	struct shmq_component *limited[LIMITED], *own[OWN_POTS], *mover;
	struct shmq_policy *policies[ARENA_POLICIES];
	struct counter lives;       /* begun in this round */
	struct counter controllers; /* begun in all rounds */
	struct book books[LIVES][PLACES];
	struct tally tally[LIMITED];
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
