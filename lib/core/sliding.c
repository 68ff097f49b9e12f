/* SPDX-License-Identifier: MIT */
/*
 * Sliding windows. Below is why the bound holds; tests/model/sliding.pml searches it exhaustively, and docs/concurrency.md
 * says how far.
 */
#include "core/sliding.h"

#include "base/wide.h"

/* How often a reader that may not write looks again while others roll; then it takes what it saw. */
#define READ_TRIES 64

/*
 * The bound. An amount that was judged by window m with the reading a has the instant max(a, start of m): one between
 * its call and its return, since somebody had read a clock past the start before m began. Windows are P long and L is
 * the limit. Let x and y be instants, m0 and m the first and the last window that hold instants in between, S(k) what
 * was judged by k and not given back, X that part of S(m) which lies before y. It is to be shown that
 *
 *     S(m0) + ... + S(m-1) + X <= L * (1 + (y - x) / P)
 *
 * S(k) <= L as for plain windows (window.h). So is m = m0. Else let k = (start of m - start of m0) / P, the number of
 * periods before m, and f = (y - start of m) / P. Then y - x > (k - 1 + f) * P, and L * (k + f) is left to be shown.
 *
 * 1. If the window before m has no S, one of the k periods is empty, and X <= L: at most L * k.
 * 2. Else look at what landed last of X and S(m-1), by its CAS on the total.
 *    If it was judged by m-1, its total - B(m-1) contained all of both, so S(m-1) + X <= L: at most L * k.
 * 3. If it was judged by m, at (1 - w) * P after the start of m, 1 - w <= f: part p of S(m-1) landed before the
 *    total was read that became B(m), part q after it. All of q and X are in total - B(m), all of p in
 *    B(m) - B(m-1), so q + X + p * w <= L, and S(m-1) + X <= L + S(m-1) * (1 - w): at most L * (k + f).
 *
 * What carries it, each with a fault in the model that is found when it is missing:
 *
 * - Number m - 1 is the window that ended when m began, or there was none: idle periods are skipped over in the
 *   numbers. (W5) The baseline of m is loaded before that of m-1. If the latter is not there, nothing that was judged
 *   by m-1 had landed before the former; if its word already has a later window's, m is closed, and the second look
 *   at `current` finds that out.
 * - Baselines that are older than they should be only make the estimate larger, since
 *   total - B(m) + (B(m) - B(m-1)) * w falls with either: refunds may come in between.
 * - A refund raises this window's baseline, then (W5) the one before it, so B(m-1) <= B(m) always, and
 *   B(m) - B(m-1) - what was given back of m-1 stays as it was when B(m) was captured.
 * - The weight goes by the reading that the window was judged by; whose roll came too late rolls on until the window in
 *   force has not ended by his reading, and is not judged by one that had.
 */

/* What is left of the window at `now_ms`; all of it where the clock is behind its start. */
static uint64_t rest_ms(uint64_t start_ms, uint64_t period_ms, uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms > start_ms ? now_ms - start_ms : 0;

	return elapsed_ms < period_ms ? period_ms - elapsed_ms : 0;
}

/* What still counts of the window before, rounded up. */
static uint64_t part_of(uint64_t former, uint64_t rest, uint64_t period_ms)
{
	uint64_t product;

	if (former == 0 || rest == 0)
		return 0;
	if (__builtin_expect(!__builtin_mul_overflow(former, rest, &product), 1)) /* 64 bits divide faster */
		return product / period_ms + (product % period_ms != 0);
	return (uint64_t)(((uint128)former * rest + period_ms - 1) / period_ms);
}

static uint64_t part_in_view(const struct window_view *view, uint64_t period_ms)
{
	return part_of(view->former, rest_ms(view->start_ms, period_ms, view->now_ms), period_ms);
}

/* What was used between two baselines. Where a refund was seen in the older one but not yet in the newer one, less. */
static uint64_t used_between(uint64_t former, uint64_t base)
{
	uint64_t used = window_used(base, former);

	return used <= WINDOW_CEILING ? used : 0;
}

bool sliding_take(struct shmq_shm_rate *rate, uint64_t amount, uint64_t limit, uint64_t period_ms, uint64_t now_ms,
                  sliding_clock *clock_ms, struct window_view *view)
{
	for (int tries = 0; tries < WINDOW_TRIES; tries++) {
		/* (W1) (W2) (W3): as in window_take() */
		uint64_t current = shm_load_seq_cst(&rate->current);
		uint64_t base, former, total, fresh_ms;
		bool has_former;

		if (window_has_ended(current, period_ms, now_ms))
			current = window_roll(rate, current, period_ms, now_ms);
		base = shm_load_acquire(window_base(rate, current));
		/* (W5) acquire: after this window's baseline. Pairs with the release CAS in window_capture(). */
		former = shm_load_acquire(window_base(rate, current - 1));
		total = shm_load_seq_cst(&rate->total);
		if (!window_has_base(current, base)) {
			window_capture(rate, current, base, total);
			continue;
		}
		has_former = window_has_base(current - 1, former);
		if (!has_former && shm_load_seq_cst(&rate->current) != current)
			continue; /* (W1): its word is used again */
		*view = (struct window_view){
		    .start_ms = window_start_ms(current),
		    .former = has_former ? used_between(former, base) : 0,
		    .now_ms = now_ms,
		    .seq = (uint32_t)(current & WINDOW_SEQ_MASK),
		};
		if (window_take_judged(rate, amount, limit, total, base, part_in_view(view, period_ms), view))
			return true;
		/* A refusal must be right at the total's load, also by the clock: who was stopped has an old one. */
		fresh_ms = clock_ms(period_ms);
		if (fresh_ms <= now_ms && window_is_unchanged(rate, current, base) &&
		    (!has_former || shm_load_acquire(window_base(rate, current - 1)) == former))
			return false;
		now_ms = fresh_ms > now_ms ? fresh_ms : now_ms;
	}
	*view = (struct window_view){.used = WINDOW_CEILING, .now_ms = now_ms};
	return false;
}

void sliding_refund(struct shmq_shm_rate *rate, uint32_t seq, uint64_t amount)
{
	/* (W5) this window's baseline before the other: acq_rel CASes. Pairs with the loads in sliding_take(). */
	if (window_refund(rate, seq, amount))
		window_raise(rate, (seq - UINT64_C(1)) & WINDOW_SEQ_MASK, amount);
}

void sliding_read(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms, struct window_view *out)
{
	for (int i = 0; i < READ_TRIES; i++) {
		/* (W1) (W2) (W3) (W5): as in sliding_take() */
		uint64_t current = shm_load_seq_cst(&rate->current);
		uint64_t base = shm_load_acquire(&rate->base[current % LAYOUT_BASES]);
		uint64_t former = shm_load_acquire(&rate->base[(current - 1) % LAYOUT_BASES]);
		uint64_t total = shm_load_seq_cst(&rate->total);
		bool has_base = window_has_base(current, base);
		uint64_t own = has_base ? window_used(total, base) : 0;

		*out = (struct window_view){
		    .start_ms = window_start_ms(current),
		    .now_ms = now_ms,
		    .peak = own,
		    .seq = (uint32_t)(current & WINDOW_SEQ_MASK),
		};
		if (window_has_ended(current, period_ms, now_ms)) {
			out->former = window_is_adjacent(current, period_ms, now_ms) ? own : 0;
			out->start_ms = window_align(now_ms, period_ms);
			own = 0;
		} else if (window_has_base(current - 1, former)) {
			out->former = used_between(former, has_base ? base : total);
		}
		out->used = own + part_in_view(out, period_ms);
		if (shm_load_seq_cst(&rate->current) == current) /* (W1): else the baselines are of other windows */
			return;
	}
}

uint64_t sliding_own(const struct window_view *view, uint64_t period_ms)
{
	return view->used - part_in_view(view, period_ms);
}

/* The longest rest of a window at which so much still counts of the one before that it fits in `room`. */
static uint64_t longest_rest(uint64_t former, uint64_t room, uint64_t period_ms)
{
	uint128 rest;

	if (former <= room)
		return period_ms;
	rest = (uint128)room * period_ms / former;
	return (uint64_t)rest; /* below period_ms */
}

uint64_t sliding_retry_ms(const struct window_view *view, uint64_t limit, uint64_t amount, uint64_t period_ms)
{
	uint64_t own = sliding_own(view, period_ms);
	uint64_t end_ms = view->start_ms + period_ms;
	uint64_t rest = 0, at_ms;

	if (amount > limit)
		return UINT64_MAX;
	if (own <= limit - amount)
		rest = longest_rest(view->former, limit - amount - own, period_ms);
	if (rest > 0)
		at_ms = end_ms - rest;
	else /* in the next window, where it is this one that counts by its part */
		at_ms = end_ms + period_ms - longest_rest(own, limit - amount, period_ms);
	return at_ms > view->now_ms ? at_ms - view->now_ms : 0;
}
