/* SPDX-License-Identifier: MIT */
/*
 * What makes deaths in narrow places likely: bursts, in which a worker does nearly nothing but what is tested, and
 * hoards, whose return takes so long that recoverers are killed at it.
 *
 * Both leave nothing behind. What is taken here is not in the tally, which says what there is at least.
 */
#include "reservation_worker.h"

#define BURST 64

/* ---- Bursts ---- */

typedef int burst_body(struct worker *worker, const struct pot *pot, enum book_resource level);

static int reserve_and_cancel(struct worker *worker, const struct pot *pot, enum book_resource level)
{
	struct shmq_reservation reservation;
	int result = shmq_reserve(&reservation, pot->component, book_resource(level), pot->unit, NULL);

	counter_add(&worker->figures->reservations, result == SHMQ_OK);
	shmq_cancel(&reservation);
	return result;
}

/* A rate's is in the book: it stays taken when the worker dies. */
static int reserve_and_refund(struct worker *worker, const struct pot *pot, enum book_resource level)
{
	struct shmq_reservation reservation;
	int result;

	(void)level;
	book_announce_one(pot->book, BOOK_MESSAGES, 1);
	result = shmq_reserve(&reservation, pot->component, SHMQ_MESSAGES, pot->unit, NULL);
	book_settle(pot->book, result == SHMQ_OK);
	if (result != SHMQ_OK)
		return result;
	counter_add(&worker->figures->reservations, 1);
	book_announce_one(pot->book, BOOK_MESSAGES, -1);
	result = shmq_commit(&reservation, 0);
	book_settle(pot->book, result == 0);
	return result;
}

static int release_one(const struct pot *pot, enum book_resource level)
{
	int result;

	book_announce_one(pot->book, level, -1);
	result = shmq_release(pot->component, book_resource(level), pot->unit);
	book_settle(pot->book, result == 0);
	return result;
}

static int commit_half(struct worker *worker, const struct pot *pot, enum book_resource level)
{
	struct shmq_reservation reservation;
	int result = shmq_reserve(&reservation, pot->component, book_resource(level), 2 * pot->unit, NULL);

	counter_add(&worker->figures->reservations, result == SHMQ_OK);
	if (result != SHMQ_OK)
		return result;
	book_announce_one(pot->book, level, 1);
	result = shmq_commit(&reservation, pot->unit);
	book_settle(pot->book, result == 0);
	return result == 0 ? release_one(pot, level) : result;
}

static int take_both(struct worker *worker, const struct pot *pot, enum book_resource level)
{
	const struct shmq_demand demands[] = {{SHMQ_MEMORY, pot->unit}, {SHMQ_STORAGE, pot->unit}};
	static const int64_t change[BOOK_RESOURCES] = {[BOOK_STORAGE] = 1, [BOOK_MEMORY] = 1};
	int result;

	(void)worker;
	(void)level;
	book_announce(pot->book, change);
	result = shmq_try_consume_all(pot->component, demands, 2, NULL);
	book_settle(pot->book, result == SHMQ_OK);
	if (result == SHMQ_OK)
		result = release_one(pot, BOOK_STORAGE);
	return result == SHMQ_OK ? release_one(pot, BOOK_MEMORY) : result;
}

static int grow_and_shrink(struct worker *worker, const struct pot *pot, enum book_resource level)
{
	uint64_t share = worker->share[pot->place];
	int result = shmq_memory_set(pot->component, (share + 1) * pot->unit, NULL);

	(void)level;
	return result == SHMQ_OK ? shmq_memory_set(pot->component, share * pot->unit, NULL) : result;
}

int reservation_burst(struct worker *worker, const struct pot *pot)
{
	static burst_body *const bodies[] = {reserve_and_cancel, reserve_and_refund, commit_half, take_both,
	                                     grow_and_shrink};
	/* Of what is to move nothing stays but by a death, which returns it. */
	static burst_body *const passing[] = {reserve_and_cancel, grow_and_shrink};
	bool is_passing = pot->place == MOVER;
	uint64_t choice = prng_below(&worker->prng, is_passing ? 2 : sizeof(bodies) / sizeof(*bodies));
	burst_body *body = is_passing ? passing[choice] : bodies[choice];
	enum book_resource level = prng_below(&worker->prng, 2) ? BOOK_STORAGE : BOOK_MEMORY;
	int result = SHMQ_OK;

	for (unsigned i = 0; i < BURST && result == SHMQ_OK; i++) {
		result = body(worker, pot, level);
		worker_count_answer(worker, result);
	}
	return worker_check_answer(pot->place, result);
}

/* ---- Hoards ---- */

void reservation_drop_hoard(struct worker *worker)
{
	while (worker->hoarded > 0)
		shmq_cancel(&worker->hoard[--worker->hoarded]);
}

int reservation_hoard(struct worker *worker)
{
	const struct pot *pot = &worker->pots[OWN];
	int result = SHMQ_OK;

	while (worker->hoarded < ARENA_HOARD && result == SHMQ_OK) {
		result = shmq_reserve(&worker->hoard[worker->hoarded], pot->component,
		                      worker->hoarded % 2 ? SHMQ_STORAGE : SHMQ_MEMORY, pot->unit, NULL);
		worker_count_answer(worker, result);
		worker->hoarded += result == SHMQ_OK;
	}
	return worker_check_answer(OWN, result);
}
