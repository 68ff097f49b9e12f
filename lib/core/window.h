/* SPDX-License-Identifier: MIT */
/*
 * Windows of a rate, by baselines. Totals are never reset: a window is the difference to a baseline, so a roll cannot
 * lose anything, and one compare-and-swap on the total is at once admission and account.
 *
 *     total         everything ever taken
 *     current       [start_ms:40 | seq:24]   the window in force; a roll is one CAS by whoever notices the end
 *     base[seq % 4] [seq:16 | total:48]      total when the window began, captured by CAS, lazily, once per window
 *
 * Why it never admits too much: baselines only grow from window to window, so total + n - base_j <= limit implies
 * total + n - base_k <= limit for j < k. A stale view only ever refuses. What makes that true is (W3): a baseline is
 * captured only while its window is still in force after the total was read. Without it a closed window captured late
 * would get a baseline above its successor's. The algorithm is searched exhaustively with spin: tests/model/window.pml,
 * and docs/concurrency.md says how far.
 *
 * A worker may die or stop anywhere: the next one rolls, captures, goes on. Lock-free; each retry means that another
 * operation took, rolled or captured. All functions are called inside a read section.
 */
#ifndef SHMQ_CORE_WINDOW_H
#define SHMQ_CORE_WINDOW_H

#include "base/clock.h"
#include "core/counter.h"
#include "shm/layout.h"

#define WINDOW_SEQ_BITS 24
#define WINDOW_SEQ_MASK ((UINT64_C(1) << WINDOW_SEQ_BITS) - 1)
#define WINDOW_TOTAL_BITS 48
#define WINDOW_TOTAL_MASK ((UINT64_C(1) << WINDOW_TOTAL_BITS) - 1)

/* A damaged tracker must not hold a worker: after so many looks without a window to judge by, it refuses. */
#define WINDOW_TRIES 10000

/* The most one window can hold; differences of 48 bits stay far from wrapping. */
#define WINDOW_CEILING (UINT64_C(1) << 47)

/*
 * How far a new window's number is on from the one before: whether the two follow each other in time can be told by it.
 * Each takes the next word of `base` in any case. If some words were passed over for long, their tags would at some
 * time look like those of new windows.
 */
#define WINDOW_NEXT 1
#define WINDOW_AFTER_IDLE (LAYOUT_BASES + 1) /* at least one period in between without any window */
#define WINDOW_AFTER_RESET (LAYOUT_BASES * LAYOUT_BASES + 1)
#define WINDOW_AFTER_RESCALE (2 * LAYOUT_BASES * LAYOUT_BASES + 1)

/* What an operation saw, and where its amount went. */
struct window_view {
	uint64_t used;     /* before the operation; of a sliding window the estimate */
	uint64_t peak;     /* only for window_read(): used in the last window that had any consumption */
	uint64_t start_ms; /* of the window */
	uint64_t former;   /* only of a sliding window: used in the window before it */
	uint64_t now_ms;   /* the reading of the clock that it was judged by: of a refusal, and of a sliding window */
	uint32_t seq;      /* names the window for a refund */
};

static inline uint64_t window_start_ms(uint64_t current)
{
	return current >> WINDOW_SEQ_BITS;
}

/* A clock that stands still or runs backwards is inside the window. */
static inline bool window_has_ended(uint64_t current, uint64_t period_ms, uint64_t now_ms)
{
	uint64_t start_ms = window_start_ms(current);

	return now_ms >= start_ms && now_ms - start_ms >= period_ms;
}

/* True inside the window; before its start the difference wraps. */
static inline bool window_holds(uint64_t current, uint64_t period_ms, uint64_t now_ms)
{
	return now_ms - window_start_ms(current) < period_ms;
}

/* True of a window that somebody has begun, but for those of a machine that runs for less than one: what is new has none. */
static inline bool window_is_begun(uint64_t current)
{
	return current >> WINDOW_SEQ_BITS != 0;
}

static inline struct shm_u64 *window_base(struct shmq_shm_rate *rate, uint64_t current)
{
	return &rate->base[current % LAYOUT_BASES];
}

/*
 * True where the baseline is this window's. Any other tag is an older window's, or damage: a window that is in force has
 * no successor that could have left its own.
 */
static inline bool window_has_base(uint64_t current, uint64_t base)
{
	return (uint16_t)(base >> WINDOW_TOTAL_BITS) == (uint16_t)current;
}

static inline uint64_t window_used(uint64_t total, uint64_t base)
{
	return (total - base) & WINDOW_TOTAL_MASK;
}

/* The start of the window that holds `now_ms`: aligned, so that windows of equal length roll together. */
static inline uint64_t window_align(uint64_t now_ms, uint64_t period_ms)
{
	return period_ms == 0 ? now_ms : now_ms - now_ms % period_ms; /* 0: a damaged policy */
}

/* The window that follows: `windows` numbers on, from `start_ms`. */
static inline uint64_t window_after(uint64_t current, uint64_t windows, uint64_t start_ms)
{
	return start_ms << WINDOW_SEQ_BITS | ((current + windows) & WINDOW_SEQ_MASK);
}

/* True where the window that holds `now_ms` begins when this one ends, or this one's use may reach into it. */
static inline bool window_is_adjacent(uint64_t current, uint64_t period_ms, uint64_t now_ms)
{
	return window_align(now_ms, period_ms) - window_start_ms(current) < 2 * period_ms;
}

/* Replace a window that has ended. Returns the window that is in force then, and has not ended. */
uint64_t window_roll(struct shmq_shm_rate *rate, uint64_t current, uint64_t period_ms, uint64_t now_ms);

/* Give the window its baseline, if it is still in force and nobody else did. The caller looks again. */
void window_capture(struct shmq_shm_rate *rate, uint64_t current, uint64_t base, uint64_t total);

/* Take `amount` if the window, judged by a baseline and with `former` on top, then holds at most `ceiling`. */
static inline HOT_INLINE bool window_take_judged(struct shmq_shm_rate *rate, uint64_t amount, uint64_t ceiling,
                                                 uint64_t total, uint64_t base, uint64_t former,
                                                 struct window_view *view)
{
	for (;;) {
		view->used = window_used(total, base) + former;
		if (view->used > ceiling || amount > ceiling - view->used)
			return false;
		/* (W3) seq_cst: a failed CAS reloads the total; somebody else took. */
		if (shm_cas_seq_cst(&rate->total, &total, total + amount))
			return true;
	}
}

/*
 * Before a refusal: were these still the window and its baseline when the total was loaded? Rolled or refunded
 * meanwhile, refusing by them would be needless, and the figures odd.
 */
static inline bool window_is_unchanged(struct shmq_shm_rate *rate, uint64_t current, uint64_t base)
{
	return shm_load_seq_cst(&rate->current) == current &&        /* (W1) */
	       shm_load_acquire(window_base(rate, current)) == base; /* (W2) */
}

enum window_outcome { WINDOW_FULL = 0, WINDOW_TAKEN = 1, WINDOW_UNSETTLED = -1 };

/*
 * Take `amount` if the window `current`, which was in force, then holds at most `ceiling` (<= WINDOW_CEILING).
 *
 * Returns  WINDOW_TAKEN
 *          WINDOW_FULL       it would pass the ceiling; nothing was taken
 *          WINDOW_UNSETTLED  it has no baseline yet, or it is not in force any more; nothing was taken
 */
static inline HOT_INLINE enum window_outcome window_take_in(struct shmq_shm_rate *rate, uint64_t current,
                                                            uint64_t amount, uint64_t ceiling, struct window_view *view)
{
	/*
	 * (W2) acquire: the baseline before the total.
	 * Pairs with the release CAS in window_capture() and window_refund(). Read the other way round, a total older
	 * than the baseline would make the window look almost 2^48 full.
	 */
	uint64_t base = shm_load_acquire(window_base(rate, current));
	/*
	 * (W3) seq_cst: pairs with the CAS on the total in window_take_judged(). Where the baseline is missing, it is
	 * captured by a total that was loaded before `current` is looked at once more: window_capture().
	 */
	uint64_t total = shm_load_seq_cst(&rate->total);

	if (__builtin_expect(!window_has_base(current, base), 0))
		return WINDOW_UNSETTLED;
	view->start_ms = window_start_ms(current);
	view->seq = (uint32_t)(current & WINDOW_SEQ_MASK);
	if (window_take_judged(rate, amount, ceiling, total, base, 0, view))
		return WINDOW_TAKEN;
	return window_is_unchanged(rate, current, base) ? WINDOW_FULL : WINDOW_UNSETTLED;
}

/* Give the window its baseline, if it has none and is in force. */
void window_settle(struct shmq_shm_rate *rate, uint64_t current);

/* Take as window_take_in(), in the window in force, which is begun if need be. Returns whether it was taken. */
static inline HOT_INLINE bool window_take(struct shmq_shm_rate *rate, uint64_t amount, uint64_t ceiling,
                                          uint64_t period_ms, uint64_t now_ms, struct window_view *view)
{
	for (int tries = 0; tries < WINDOW_TRIES; tries++) {
		/* (W1) seq_cst: pairs with the CAS in window_roll(). A window that another thread began is in force. */
		uint64_t current = shm_load_seq_cst(&rate->current);
		enum window_outcome outcome;

		if (__builtin_expect(window_has_ended(current, period_ms, now_ms), 0))
			current = window_roll(rate, current, period_ms, now_ms);
		outcome = window_take_in(rate, current, amount, ceiling, view);
		if (__builtin_expect(outcome == WINDOW_TAKEN, 1))
			return true;
		view->now_ms = now_ms;
		if (outcome == WINDOW_FULL)
			return false;
		window_settle(rate, current);
	}
	*view = (struct window_view){.used = WINDOW_CEILING, .now_ms = now_ms};
	return false;
}

/* Raise the baseline of window `seq`, if it is still there. Returns whether it was. */
bool window_raise(struct shmq_shm_rate *rate, uint64_t seq, uint64_t amount);

/*
 * Take back `amount`, at most once, of what was taken in window `seq`. A refund raises the baseline; one that comes
 * after its window is dropped, since the window it would relieve is gone. Returns whether it was not.
 */
bool window_refund(struct shmq_shm_rate *rate, uint32_t seq, uint64_t amount);

/* What was used in the window right before the one in force; 0 where there was none. */
uint64_t window_former(const struct shmq_shm_rate *rate);

/* Look without changing anything; `rate` may be mapped read-only. */
void window_read(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms, struct window_view *out);

/* For hot paths: what is used in the window in force. Returns false where others are just beginning one: look again. */
static inline HOT_INLINE bool window_look(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms,
                                          uint64_t *used)
{
	/* (W1) (W2) (W3): as in window_take() */
	uint64_t current = shm_load_seq_cst(&rate->current);
	uint64_t base = shm_load_acquire(&rate->base[current % LAYOUT_BASES]);
	uint64_t total = shm_load_seq_cst(&rate->total);

	/* No baseline: nobody has taken anything in this window yet. */
	*used = window_has_ended(current, period_ms, now_ms) || !window_has_base(current, base)
	            ? 0
	            : window_used(total, base);
	return shm_load_seq_cst(&rate->current) == current; /* (W1): else the baseline is of another window */
}

/* The same in any case. */
static inline HOT_INLINE uint64_t window_peek(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms)
{
	struct window_view view;
	uint64_t used;

	if (__builtin_expect(window_look(rate, period_ms, now_ms, &used), 1))
		return used;
	window_read(rate, period_ms, now_ms, &view);
	return view.used;
}

/*
 * After a change of the period: let the window in force end at a boundary of its new length. Its baseline stays. Until
 * then it ends later than it should, never earlier.
 */
void window_realign(struct shmq_shm_rate *rate, uint64_t period_ms);

/*
 * After a change of the limit: let the window in force hold `to` of each `from` that it holds, rounded up, together with
 * `former`, what a sliding window still counts of the one before. What was taken until now is not refunded any more.
 * Only by the holder of the controller lock; what others take meanwhile counts as it is.
 */
void window_rescale(struct shmq_shm_rate *rate, uint64_t former, uint64_t from, uint64_t to);

/* Begin a window in which nothing is used, at the same start. */
void window_reset(struct shmq_shm_rate *rate);

/* Make a tracker's rate new. Only while no operation can reach it. */
void window_restart(struct shmq_shm_rate *rate);

/* The same, with windows numbered on: then none has the word of a window of which somebody still has something left. */
void window_restart_on(struct shmq_shm_rate *rate);

#endif
