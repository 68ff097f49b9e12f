/* SPDX-License-Identifier: MIT */
/*
 * The bucket. Below is why the bound holds; tests/model/bucket.pml searches it exhaustively, and docs/concurrency.md
 * says how far.
 */
#include "core/bucket.h"

#include "base/wide.h"
#include "core/window.h"

#include <shmquota.h>

/*
 * The bound. What was taken has the instant a of the reading that it was judged by, and the cost c. Call it live until
 * it is given back. Then at any moment, for any set S of live takes,
 *
 *     (*)   tat >= min of a over S + sum of c over S
 *
 * - A take sets tat to max(tat, a) + c, so (*) holds for a set with it if it did for the set without it.
 * - A refund of r reads the word, then the clock: u; and sets tat back by d = c(r) - (u - a(r)), if that is above 0.
 *   For an S without r, look at S with r before. If some a of S is at most a(r), tat was at least min + sum + c(r), and
 *   d <= c(r). Else tat - d is at least a(r) + c(r) + sum - d = u + sum; and all of S had landed when the word was read,
 *   with readings that were made before that, so min <= u. That is why (B1) the clock is read after the word, anew for
 *   each CAS, and why the word counts: it would be the same again after others had taken and given back.
 * - Of a take that is given back in part, both parts are takes. What was recorded is one that is never given back.
 * - A reset ends all lives. (B2) Between its load of the word and its CAS the epoch moves on, so nothing that it wiped
 *   out can be given back: whoever took it knows the old epoch. A rescaling does the same, and leaves something.
 *
 * Now let S be all of an interval [x, y]. The admission that landed last left tat <= its a + depth <= y + depth, and (*)
 * says tat >= x + sum. So the sum of costs is at most y - x + depth; a cost is at least amount * period / limit, and the
 * depth is worth less than burst + 1, or, for rates above one unit per nanosecond, less than burst and a nanosecond.
 *
 * The count has 6 bits: a refund would have to stall between its clock and its CAS for exactly a multiple of 64 refunds
 * which, together with what was taken, leave the very same nanosecond. It then sets the word back too far by at most
 * the time that it stalled.
 */

static bool is_limited(const struct bucket_rate *rate)
{
	return rate->limit != 0 && rate->limit != SHMQ_UNLIMITED;
}

/* a * b / c, rounded up; `most` where it is more, or c is 0. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c, uint64_t most)
{
	uint128 product = (uint128)a * b, quotient;
	uint64_t narrow = (uint64_t)product;

	if (c == 0)
		return most;
	if (product == narrow) /* 64 bits divide faster */
		quotient = narrow / c + (narrow % c != 0);
	else
		quotient = product / c + (product % c != 0);
	return quotient < most ? (uint64_t)quotient : most;
}

/* The same rounded down; 0 where c is. */
static uint64_t scale_down(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t product;

	if (c == 0)
		return 0;
	return __builtin_mul_overflow(a, b, &product) ? (uint64_t)((uint128)a * b / c) : product / c;
}

/* What an amount costs; more than any depth where it is more than can be said. */
static uint64_t cost_of(const struct bucket_rate *rate, uint64_t amount)
{
	return scale(amount, rate->period_ns, rate->limit, BUCKET_DEBT_MAX_NS);
}

struct bucket_rate bucket_rate_of(uint64_t limit, uint64_t period_ns, uint64_t burst)
{
	struct bucket_rate rate = {limit, period_ns, burst, BUCKET_DEPTH_MAX_NS};
	uint64_t units;

	if (burst > SHMQ_AMOUNT_MAX) /* a damaged policy */
		rate.burst = burst = SHMQ_AMOUNT_MAX;
	if (!is_limited(&rate))
		return rate;
	units = scale(cost_of(&rate, 1), burst, 1, BUCKET_DEPTH_MAX_NS);
	if ((uint128)units * limit < (uint128)burst * period_ns + period_ns) {
		rate.depth_ns = units;
	} else {
		uint64_t whole = scale(burst, period_ns, limit, BUCKET_DEPTH_MAX_NS);
		uint64_t below = scale(burst + 1, period_ns, limit, BUCKET_DEPTH_MAX_NS + 1) - 1;

		rate.depth_ns = whole > below ? whole : below;
	}
	return rate;
}

/* A word that was never written is one of the past, whenever that is. */
static uint64_t ahead_of(uint64_t word, uint64_t now_ns)
{
	uint64_t ahead_ns = (word - (now_ns << BUCKET_COUNT_BITS)) >> BUCKET_COUNT_BITS;

	return word != 0 && ahead_ns <= BUCKET_AHEAD_MAX_NS ? ahead_ns : 0;
}

static uint64_t word_of(uint64_t time_ns, uint64_t count)
{
	return time_ns << BUCKET_COUNT_BITS | (count & BUCKET_COUNT_MASK);
}

static uint32_t epoch_of(const struct bucket *bucket)
{
	return (uint32_t)(shm_load_acquire(bucket->epoch) & WINDOW_SEQ_MASK);
}

bool bucket_take(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, uint64_t now_ns,
                 bucket_clock *clock, struct bucket_view *view)
{
	bool is_fresh = false;
	uint64_t word;

	*view = (struct bucket_view){.now_ns = now_ns};
	if (!is_limited(rate))
		return rate->limit != 0 || amount == 0;
	view->cost_ns = cost_of(rate, amount);
	/* (B2) acquire: the epoch before the word is changed. Pairs with the CAS in set_ahead(). */
	view->epoch = epoch_of(bucket);
	word = shm_load_acquire(bucket->tat); /* (B1) */
	for (;;) {
		view->ahead_ns = ahead_of(word, view->now_ns);
		if (amount <= rate->burst && view->ahead_ns + view->cost_ns <= rate->depth_ns) {
			uint64_t desired = word_of(view->now_ns + view->ahead_ns + view->cost_ns, word);

			/* (B1) acq_rel: the reading of the clock before it. Retried when somebody else was first. */
			if (amount == 0 || shm_cas_acq_rel(bucket->tat, &word, desired))
				return true;
			is_fresh = false;
			continue;
		}
		/* A refusal must be right when the word was loaded: who was stopped since then has an old reading. */
		now_ns = is_fresh ? 0 : clock();
		if (now_ns <= view->now_ns)
			return false;
		view->now_ns = now_ns;
		is_fresh = true;
	}
}

void bucket_charge(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, uint64_t now_ns,
                   struct bucket_view *view)
{
	uint64_t word, after;

	*view = (struct bucket_view){.now_ns = now_ns};
	if (!is_limited(rate))
		return;
	view->cost_ns = cost_of(rate, amount);
	view->epoch = epoch_of(bucket);       /* (B2) */
	word = shm_load_acquire(bucket->tat); /* (B1) */
	do {
		view->ahead_ns = ahead_of(word, now_ns);
		after = view->ahead_ns + view->cost_ns;
		if (after > BUCKET_DEBT_MAX_NS)
			after = view->ahead_ns > BUCKET_DEBT_MAX_NS ? view->ahead_ns : BUCKET_DEBT_MAX_NS;
		/* (B1) acq_rel; retried when somebody else was first */
	} while (!shm_cas_acq_rel(bucket->tat, &word, word_of(now_ns + after, word)));
}

void bucket_refund(const struct bucket *bucket, const struct bucket_view *taken, bucket_clock *clock)
{
	/* (B1) acquire: the word, then the clock. Pairs with the CAS in bucket_take(). */
	uint64_t word = shm_load_acquire(bucket->tat);
	uint64_t now_ns, elapsed_ns, back_ns, ahead_ns;

	do {
		/* (B2) acquire: after the word. Pairs with the CAS in set_ahead(). */
		if (epoch_of(bucket) != taken->epoch)
			return;
		now_ns = clock();
		elapsed_ns = now_ns > taken->now_ns ? now_ns - taken->now_ns : 0;
		if (elapsed_ns >= taken->cost_ns)
			return;
		back_ns = taken->cost_ns - elapsed_ns;
		ahead_ns = ahead_of(word, now_ns);
		ahead_ns = ahead_ns > back_ns ? ahead_ns - back_ns : 0;
		/* (B1) acq_rel; retried when somebody else was first */
	} while (!shm_cas_acq_rel(bucket->tat, &word, word_of(now_ns + ahead_ns, word + 1)));
}

uint64_t bucket_part_ns(uint64_t cost_ns, uint64_t part, uint64_t amount)
{
	return scale_down(cost_ns, part, amount);
}

void bucket_read(const struct shm_u64 *tat, bucket_clock *clock, struct bucket_view *out)
{
	uint64_t word = shm_load_acquire(tat); /* (B1): the word, then the clock */

	*out = (struct bucket_view){.now_ns = clock()};
	out->ahead_ns = ahead_of(word, out->now_ns);
}

uint64_t bucket_period_ns(const struct bucket_rate *rate)
{
	return is_limited(rate) ? scale(rate->burst, rate->period_ns, rate->limit, BUCKET_DEPTH_MAX_NS)
	                        : rate->period_ns;
}

uint64_t bucket_used(const struct bucket_rate *rate, uint64_t ahead_ns)
{
	uint64_t room;

	if (!is_limited(rate) || ahead_ns == 0)
		return 0;
	if (ahead_ns > rate->depth_ns)
		return rate->burst +
		       scale(ahead_ns - rate->depth_ns, rate->limit, rate->period_ns, UINT64_MAX - rate->burst);
	room = scale_down(rate->depth_ns - ahead_ns, rate->limit, rate->period_ns);
	return room < rate->burst ? rate->burst - room : 0;
}

uint64_t bucket_retry_ns(const struct bucket_rate *rate, const struct bucket_view *view, uint64_t amount)
{
	uint64_t needed_ns;

	if (!is_limited(rate))
		return rate->limit != 0 || amount == 0 ? 0 : UINT64_MAX;
	needed_ns = cost_of(rate, amount);
	if (amount > rate->burst || needed_ns > rate->depth_ns)
		return UINT64_MAX;
	needed_ns += view->ahead_ns;
	return needed_ns > rate->depth_ns ? needed_ns - rate->depth_ns : 0;
}

/* a * b / c * d / e, rounded up; UINT64_MAX where it is more. */
static uint64_t scale_twice(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	uint64_t first = scale(a, b, c, UINT64_MAX);

	if (first != UINT64_MAX)
		return scale(first, d, e, UINT64_MAX);
	/* The other way round. If that is too much as well, so is the result. */
	first = scale(a, d, e, UINT64_MAX);
	return first == UINT64_MAX ? UINT64_MAX : scale(first, b, c, UINT64_MAX);
}

static uint64_t ahead_after(uint64_t ahead_ns, const struct bucket_rate *from, const struct bucket_rate *to,
                            enum bucket_carry carry)
{
	if (carry == BUCKET_RESET)
		return 0;
	if (!is_limited(from) || !is_limited(to))
		return ahead_ns;
	if (carry == BUCKET_PROPORTIONAL)
		return scale(ahead_ns, to->depth_ns, from->depth_ns, BUCKET_DEBT_MAX_NS);
	return scale_twice(ahead_ns, to->period_ns, from->period_ns, from->limit, to->limit);
}

/*
 * Set the word by hand: `word` was loaded before. It has to be tried again where somebody took or gave back since then,
 * with another epoch.
 */
static bool set_ahead(const struct bucket *bucket, uint64_t word, uint64_t now_ns, uint64_t ahead_ns)
{
	uint64_t current = shm_load_acquire(bucket->epoch);

	if (ahead_ns > BUCKET_DEBT_MAX_NS)
		ahead_ns = BUCKET_DEBT_MAX_NS;
	/* (B2) acq_rel: after the load of the word, before it is changed. Pairs with the loads of the epoch. */
	while (!shm_cas_acq_rel(bucket->epoch, &current,
	                        window_after(current, WINDOW_AFTER_RESET, window_start_ms(current))))
		;
	return shm_cas_acq_rel(bucket->tat, &word, word_of(now_ns + ahead_ns, word + 1)); /* (B1) */
}

void bucket_rescale(const struct bucket *bucket, const struct bucket_rate *from, const struct bucket_rate *to,
                    enum bucket_carry carry, bucket_clock *clock)
{
	uint64_t word, now_ns;

	do {
		word = shm_load_acquire(bucket->tat); /* (B1): the word, then the clock */
		now_ns = clock();
	} while (!set_ahead(bucket, word, now_ns, ahead_after(ahead_of(word, now_ns), from, to, carry)));
}

void bucket_reset(const struct bucket *bucket, bucket_clock *clock)
{
	uint64_t word, now_ns;

	do {
		word = shm_load_acquire(bucket->tat); /* (B1): the word, then the clock */
		now_ns = clock();
		/* Of what could still be given back nothing would be left: there is nothing to wipe out. */
		if (ahead_of(word, now_ns) == 0)
			return;
	} while (!set_ahead(bucket, word, now_ns - NS_PER_S, 0)); /* in the past of both clocks */
}

void bucket_fill(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, bucket_clock *clock)
{
	uint64_t ahead_ns = is_limited(rate) ? cost_of(rate, amount) : 0;
	uint64_t word;

	do
		word = shm_load_acquire(bucket->tat); /* (B1) */
	while (!set_ahead(bucket, word, clock(), ahead_ns));
}

void bucket_restart(struct shm_u64 *tat)
{
	shm_store_relaxed(tat, 0); /* relaxed: the entry's commit releases it */
}
