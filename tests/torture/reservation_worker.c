/* SPDX-License-Identifier: MIT */
/*
 * Workers of torture_reservation: two threads each, which reserve, finish, take, release and state shares until they
 * are told to stop, or killed.
 *
 * Around each call stand what books.h asks for: the book before and after it, the tally after taking and before giving
 * back.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../support/process.h"
#include "reservation_worker.h"

#define RESERVED_MAX 16
#define PLAIN_MAX 4
#define SHARE_MAX 24
#define HELPER_STEPS 24

/* The most that a life has of a level beyond its death, and of messages. */
static const uint64_t level_cap[PLACES] = {[TIGHT] = 4, [BESIDE] = 4, [ASIDE] = 4, [OWN] = 200};
static const uint64_t message_cap[PLACES] = {
    [TIGHT] = 800, [BESIDE] = 400, [ASIDE] = 400, [OWN] = 200, [CHURN] = BOOK_MAX};

/* ---- The tallies of what has limits ---- */

static bool is_mortal(enum book_resource resource)
{
	return resource != BOOK_MESSAGES;
}

static bool counts_against(enum place place, enum limited which)
{
	return place < LIMITED_PLACES && arena_is_above(which, place);
}

static void count_in(struct worker *worker, enum place place, enum book_resource resource, uint64_t amount, bool mortal)
{
	for (enum limited i = 0; i < LIMITED; i++) {
		struct tally *tally = &worker->arena->tally[i];
		uint64_t limit = arena_limits[i][resource];
		int64_t sum;

		if (!counts_against(place, i))
			continue;
		sum = mortal ? tally_add_mortal(tally, worker->index, resource, amount)
		             : tally_add(tally, resource, amount);
		if (sum > (int64_t)limit)
			torture_complain(&worker->torture->findings->over, 1, book_resource_name(resource),
			                 (uint64_t)sum, 0, limit);
	}
}

static void count_out(struct worker *worker, enum place place, enum book_resource resource, uint64_t amount,
                      bool mortal)
{
	for (enum limited i = 0; i < LIMITED; i++) {
		struct tally *tally = &worker->arena->tally[i];

		if (counts_against(place, i) && mortal)
			tally_drop_mortal(tally, worker->index, resource, amount);
		else if (counts_against(place, i))
			tally_drop(tally, resource, amount);
	}
}

static void count_as_kept(struct worker *worker, enum place place, enum book_resource resource, uint64_t amount)
{
	for (enum limited i = 0; i < LIMITED; i++)
		if (counts_against(place, i))
			tally_keep(&worker->arena->tally[i], worker->index, resource, amount);
}

/* ---- Answers ---- */

void worker_count_answer(struct worker *worker, int result)
{
	struct figures *figures = worker->figures;

	counter_add(result == SHMQ_OK   ? &figures->admitted
	            : result == -ESTALE ? &figures->stale
	                                : &figures->refused,
	            1);
}

int worker_check_answer(enum place place, int result)
{
	static const char *const what[PLACES] = {
	    "answer of the tight place",
	    "answer of the place beside",
	    "answer of the place aside",
	    "answer of an own place",
	    "answer of a place that comes and goes",
	    "answer of the place that moves",
	};

	if (result == SHMQ_OK || (result == SHMQ_DENIED && place != OWN) || (result == -ESTALE && place == CHURN))
		return 0;
	return process_complain(__FILE__, __LINE__, what[place], result);
}

static uint64_t room(const struct pot *pot, enum book_resource resource)
{
	uint64_t cap = resource == BOOK_MESSAGES ? message_cap[pot->place] : level_cap[pot->place];
	uint64_t has = book_has(pot->book, resource);

	return has < cap ? cap - has : 0;
}

/* ---- Reservations ---- */

static struct cell *claim_cell(struct worker *worker, struct prng *prng, uint64_t state)
{
	uint64_t start = prng_below(prng, CELLS);

	for (unsigned i = 0; i < CELLS; i++) {
		struct cell *cell = &worker->arena->cells[worker->index][(start + i) % CELLS];
		uint64_t expected = state;

		if (atomic_compare_exchange_strong(&cell->state.value, &expected, CELL_BUSY))
			return cell;
	}
	return NULL;
}

/*
 * Of a rate it stays taken when the worker dies, so that is in the book, and only the worker's own thread does it.
 * `found` is a component that is not the place's own, or NULL; its handle goes with the reservation.
 */
static int reserve(struct worker *worker, struct prng *prng, const struct pot *pot, enum book_resource resource,
                   struct shmq_component *found)
{
	uint64_t amount = 1 + prng_below(prng, RESERVED_MAX);
	bool is_rate = resource == BOOK_MESSAGES;
	struct cell *cell;
	int result;

	cell = is_rate && room(pot, resource) < amount ? NULL : claim_cell(worker, prng, CELL_FREE);
	if (!cell) {
		shmq_component_put(found);
		return 0;
	}
	if (is_rate)
		book_announce_one(pot->book, resource, (int64_t)amount);
	result = shmq_reserve(&cell->reservation, found ? found : pot->component, book_resource(resource),
	                      amount * pot->unit, NULL);
	if (is_rate)
		book_settle(pot->book, result == SHMQ_OK);
	worker_count_answer(worker, result);
	if (result == SHMQ_OK) {
		counter_add(&worker->figures->reservations, 1);
		count_in(worker, pot->place, resource, amount, is_mortal(resource));
		cell->found = found;
		cell->book = pot->book;
		cell->place = pot->place;
		cell->resource = resource;
		cell->amount = amount;
	}
	if (result != SHMQ_OK)
		shmq_component_put(found);
	counter_set(&cell->state, result == SHMQ_OK ? CELL_OPEN : CELL_FREE);
	return worker_check_answer(pot->place, result);
}

/* How much of a reservation to commit: of a level all, a part or nothing, of a rate mostly nothing. */
static uint64_t choose_actual(struct worker *worker, const struct cell *cell)
{
	uint64_t most = cell->amount, rest = room(&worker->pots[cell->place], cell->resource);

	if (cell->place == CHURN)
		return 0;
	if (cell->resource == BOOK_MESSAGES)
		return prng_below(&worker->prng, 8) == 0 ? prng_below(&worker->prng, most + 1) : 0;
	if (most <= rest && prng_below(&worker->prng, 2))
		return most;
	return prng_below(&worker->prng, (most < rest ? most : rest) + 1);
}

static int finish_cell(struct worker *worker, struct cell *cell)
{
	const struct pot *pot = &worker->pots[cell->place];
	uint64_t actual = choose_actual(worker, cell), rest = cell->amount - actual;
	bool mortal = is_mortal(cell->resource), is_stranger = cell->found != NULL;
	int result = 0;

	count_out(worker, pot->place, cell->resource, rest, mortal);
	book_announce_one(pot->book, cell->resource, mortal ? (int64_t)actual : -(int64_t)rest);
	if (actual == 0 && prng_below(&worker->prng, 2))
		shmq_cancel(&cell->reservation);
	else
		result = shmq_commit(&cell->reservation, actual * pot->unit);
	book_settle(pot->book, true);
	if (mortal)
		count_as_kept(worker, pot->place, cell->resource, actual);
	shmq_component_put(cell->found);
	cell->found = NULL;
	counter_set(&cell->state, CELL_FREE);
	if (result != 0)
		worker_count_answer(worker, result);
	CHILD_CHECK(result == 0 || (is_stranger && result == -ESTALE));
	return 0;
}

static int finish(struct worker *worker)
{
	struct cell *cell = claim_cell(worker, &worker->prng, CELL_OPEN);

	return cell ? finish_cell(worker, cell) : 0;
}

/* ---- Plain use, and several at once ---- */

static int take_plain(struct worker *worker, const struct pot *pot)
{
	enum book_resource resource = (enum book_resource)prng_below(&worker->prng, BOOK_RESOURCES);
	uint64_t amount = 1 + prng_below(&worker->prng, PLAIN_MAX);
	int result;

	if (room(pot, resource) < amount)
		return 0;
	book_announce_one(pot->book, resource, (int64_t)amount);
	result = shmq_try_consume(pot->component, book_resource(resource), amount * pot->unit, NULL);
	book_settle(pot->book, result == SHMQ_OK);
	worker_count_answer(worker, result);
	if (result == SHMQ_OK)
		count_in(worker, pot->place, resource, amount, false);
	return worker_check_answer(pot->place, result);
}

static int give_back(struct worker *worker, const struct pot *pot)
{
	enum book_resource resource = prng_below(&worker->prng, 2) ? BOOK_STORAGE : BOOK_MEMORY;
	uint64_t has = book_has(pot->book, resource), amount;

	if (has == 0)
		return 0;
	amount = 1 + prng_below(&worker->prng, has);
	count_out(worker, pot->place, resource, amount, false);
	book_announce_one(pot->book, resource, -(int64_t)amount);
	CHILD_RESULT(shmq_release(pot->component, book_resource(resource), amount * pot->unit), 0);
	book_settle(pot->book, true);
	return 0;
}

static int take_together(struct worker *worker, const struct pot *pot)
{
	struct shmq_demand demands[BOOK_RESOURCES];
	int64_t change[BOOK_RESOURCES];
	size_t count = 2 + prng_below(&worker->prng, 2);
	int result;

	for (unsigned i = 0; i < BOOK_RESOURCES; i++) {
		change[i] = i < count ? 1 + (int64_t)prng_below(&worker->prng, PLAIN_MAX) : 0;
		demands[i] = (struct shmq_demand){book_resource(i), (uint64_t)change[i] * pot->unit};
		if (room(pot, i) < (uint64_t)change[i])
			return 0;
	}
	book_announce(pot->book, change);
	result = shmq_try_consume_all(pot->component, demands, count, NULL);
	book_settle(pot->book, result == SHMQ_OK);
	worker_count_answer(worker, result);
	for (unsigned i = 0; i < count && result == SHMQ_OK; i++)
		count_in(worker, pot->place, i, (uint64_t)change[i], false);
	return worker_check_answer(pot->place, result);
}

/* ---- Memory shares ---- */

/* Threads of one process state one share: then nobody can tell what it is but who stated it last. */
static int state_share(struct worker *worker, const struct pot *pot)
{
	uint64_t *share = &worker->share[pot->place], amount = prng_below(&worker->prng, SHARE_MAX + 1);
	bool is_known = !worker->torture->as_threads;
	int result;

	if (is_known && amount < *share)
		count_out(worker, pot->place, BOOK_MEMORY, *share - amount, true);
	result = shmq_memory_set(pot->component, amount * pot->unit, NULL);
	if (is_known && amount > *share && result == SHMQ_OK)
		count_in(worker, pot->place, BOOK_MEMORY, amount - *share, true);
	worker_count_answer(worker, result);
	CHILD_CHECK(result == SHMQ_OK || !is_known || amount > *share);
	if (result == SHMQ_OK)
		*share = amount;
	return worker_check_answer(pot->place, result);
}

/* ---- Components that come and go ---- */

/* Nothing stays of what is done here: reservations are finished with nothing, and shares go with their worker. */
static int visit(struct worker *worker)
{
	struct shmq_component *found = NULL;
	char name[32];
	int result;

	arena_churn_name(name, (unsigned)prng_below(&worker->prng, CONTROLLERS),
	                 (unsigned)prng_below(&worker->prng, CHURN_NAMES));
	result = shmq_component_find(&found, worker->torture->segment, name);
	CHILD_CHECK(result == 0 || result == -ENOENT);
	if (result != 0)
		return 0;
	if (prng_below(&worker->prng, 4) != 0)
		return reserve(worker, &worker->prng, &worker->pots[CHURN],
		               (enum book_resource)prng_below(&worker->prng, BOOK_RESOURCES), found);
	result = shmq_memory_set(found, prng_below(&worker->prng, SHARE_MAX), NULL);
	shmq_component_put(found);
	worker_count_answer(worker, result);
	return worker_check_answer(CHURN, result);
}

/* ---- Workers ---- */

/* A second thread reserves levels for the first one to finish, beside it and after its own end. */
static void *help(void *context)
{
	struct worker *worker = context;

	for (unsigned i = 0; i < HELPER_STEPS && !torture_stops(worker->torture); i++) {
		const struct pot *pot = &worker->pots[prng_below(&worker->helper_prng, OWN + 1)];
		enum book_resource resource = prng_below(&worker->helper_prng, 2) ? BOOK_STORAGE : BOOK_MEMORY;

		if (reserve(worker, &worker->helper_prng, pot, resource, NULL) != 0)
			counter_add(&worker->torture->findings->wrong, 1);
		sched_yield();
	}
	return NULL;
}

static void dismiss_helper(struct worker *worker)
{
	if (worker->has_helper)
		pthread_join(worker->helper, NULL);
	worker->has_helper = false;
}

/* Its reservations first: they keep the slot of an ended thread, and there is one for each worker. */
static int call_helper(struct worker *worker)
{
	struct cell *cell;
	int failed = 0;

	dismiss_helper(worker);
	while (!failed && (cell = claim_cell(worker, &worker->prng, CELL_OPEN)) != NULL)
		failed = finish_cell(worker, cell);
	worker->has_helper = !failed && pthread_create(&worker->helper, NULL, help, worker) == 0;
	return failed;
}

static int step(struct worker *worker)
{
	const struct pot *pot = &worker->pots[prng_below(&worker->prng, 3) ? prng_below(&worker->prng, OWN) : OWN];
	enum book_resource resource = (enum book_resource)prng_below(&worker->prng, BOOK_RESOURCES);

	switch (prng_below(&worker->prng, 16)) {
	case 0:
	case 1:
		return take_plain(worker, pot);
	case 2:
	case 3:
		return give_back(worker, pot);
	case 4:
		return take_together(worker, pot);
	case 5:
		return state_share(worker, pot);
	case 6:
		return visit(worker);
	case 7:
	case 8:
	case 9:
		return finish(worker);
	case 10:
		return reservation_burst(worker, prng_below(&worker->prng, 4) ? pot : &worker->pots[MOVER]);
	default:
		return reserve(worker, &worker->prng, pot, resource, NULL);
	}
}

static int recover_others(struct worker *worker)
{
	int result = shmq_housekeep(worker->torture->segment);

	CHILD_CHECK(result >= 0);
	counter_add(&worker->figures->recovered, (uint64_t)result);
	return 0;
}

/* Take a life of its own. Returns false where all are used up. */
static bool begin_life(struct worker *worker)
{
	struct arena *arena = worker->arena;
	uint64_t life = atomic_fetch_add(&arena->lives.value, 1);

	if (life >= LIVES)
		return false;
	for (unsigned i = 0; i < PLACES; i++)
		worker->pots[i] = (struct pot){.book = &arena->books[life][i], .unit = 1, .place = (enum place)i};
	for (unsigned i = 0; i < LIMITED_PLACES; i++)
		worker->pots[i].component = arena->limited[i];
	worker->pots[MOVER].component = arena->mover;
	worker->pots[OWN].component = arena->own[life / LIVES_OF_POT];
	worker->pots[OWN].unit = UINT64_C(1) << DIGIT_BITS * (life % LIVES_OF_POT);
	worker->prng = prng_seed(worker->torture->seed + worker->torture->round * LIVES, life);
	worker->helper_prng = prng_seed(~worker->torture->seed, life);
	return true;
}

static void bury(struct arena *arena, unsigned index)
{
	for (unsigned i = 0; i < LIMITED; i++)
		tally_bury(&arena->tally[i], index);
}

/* Threads leave what they hold to the process, but for the hoard, which ends with them. Some processes just end, others close the segment before. */
static void end_life(struct worker *worker)
{
	dismiss_helper(worker);
	if (worker->torture->as_threads) {
		reservation_drop_hoard(worker);
		return;
	}
	bury(worker->arena, worker->index);
	if (prng_below(&worker->prng, 2))
		shmq_segment_close(worker->torture->segment);
}

int reservation_work(struct torture *torture, unsigned index)
{
	struct arena *arena = torture->context;
	struct worker worker = {.torture = torture, .arena = arena, .figures = &arena->figures[index], .index = index};
	int failed = 0;

	/* What stands there is the dead one's before it, and not to be finished by anybody. */
	memset(arena->cells[index], 0, sizeof(arena->cells[index]));
	if (!begin_life(&worker)) {
		while (!torture_stops(torture))
			clock_sleep_ns(MS);
		return 0;
	}
	for (uint64_t i = 1; !failed && !torture_stops(torture); i++) {
		failed = step(&worker);
		if (i % 64 == 0)
			counter_add(torture->operations, 64);
		if (!failed && i % 512 == 0)
			failed = call_helper(&worker);
		if (!failed && i % 512 == 64)
			failed = reservation_hoard(&worker);
		else if (i % 512 == 256)
			reservation_drop_hoard(&worker);
		if (!failed && i % 4096 == 0 && arena_is_kept(torture))
			failed = recover_others(&worker);
	}
	end_life(&worker);
	return failed;
}

void reservation_doom(struct torture *torture, unsigned index)
{
	struct arena *arena = torture->context;

	if (index < torture->processes)
		bury(arena, index);
}
