/* SPDX-License-Identifier: MIT */
/*
 * The slow side of windows: rolling, capturing, refunds, looking.
 */
#include "core/window.h"

#include "base/probe.h"
#include "base/wide.h"

/* How often a reader that may not write looks again while others roll; then it takes what it saw. */
#define READ_TRIES 64

/* Further on than the first windows of a rate can be. */
#define WINDOW_PAST_TAG_0 1024

uint64_t window_roll(struct shmq_shm_rate *rate, uint64_t current, uint64_t period_ms, uint64_t now_ms)
{
	/* Somebody slow may have rolled to a window that has ended as well; judging by that would admit too much. */
	for (int tries = 0; tries < WINDOW_TRIES && window_has_ended(current, period_ms, now_ms); tries++) {
		uint64_t windows = window_is_adjacent(current, period_ms, now_ms) ? WINDOW_NEXT : WINDOW_AFTER_IDLE;
		uint64_t next = window_after(current, windows, window_align(now_ms, period_ms));

		/*
		 * (W1) (W4) seq_cst: pairs with the loads in window_take() and window_refund(). Who loses the race
		 * finds the winner's window.
		 */
		if (shm_cas_seq_cst(&rate->current, &current, next))
			return next;
	}
	return current;
}

/*
 * What was used in the window before is known when its successor begins: its peak needs no work at each consumption.
 * Windows without a baseline in between had no consumption; beyond a reset nothing counts.
 */
static void record_peak(struct shmq_shm_rate *rate, uint64_t current, uint64_t total)
{
	PROBE3(window_begin, rate, window_start_ms(current), total);
	for (uint64_t back = 1; back < LAYOUT_BASES; back++) {
		uint64_t base = shm_load_acquire(&rate->base[(current - back) % LAYOUT_BASES]);
		uint16_t distance = (uint16_t)(current - (base >> WINDOW_TOTAL_BITS));

		if (distance <= back * WINDOW_AFTER_IDLE) {
			counter_raise(&rate->peak, window_used(total, base));
			return;
		}
	}
}

void window_capture(struct shmq_shm_rate *rate, uint64_t current, uint64_t base, uint64_t total)
{
	uint64_t captured = (current << WINDOW_TOTAL_BITS) | (total & WINDOW_TOTAL_MASK);

	/* (W3) seq_cst: after the total was loaded. Closed meanwhile: capturing now would give it too high a base. */
	if (shm_load_seq_cst(&rate->current) != current)
		return;
	/* (W2) acq_rel: the baseline before anybody judges by it. Pairs with the load in window_take(). */
	if (shm_cas_acq_rel(window_base(rate, current), &base, captured))
		record_peak(rate, current, total);
}

void window_settle(struct shmq_shm_rate *rate, uint64_t current)
{
	uint64_t base = shm_load_acquire(window_base(rate, current)); /* (W2) */
	uint64_t total = shm_load_seq_cst(&rate->total);              /* (W3) */

	if (!window_has_base(current, base))
		window_capture(rate, current, base, total);
}

uint64_t window_former(const struct shmq_shm_rate *rate)
{
	uint64_t current = shm_load_seq_cst(&rate->current), former = current - WINDOW_NEXT; /* (W1) */
	uint64_t base = shm_load_acquire(&rate->base[current % LAYOUT_BASES]);               /* (W2) */
	uint64_t before = shm_load_acquire(&rate->base[former % LAYOUT_BASES]);

	return window_has_base(current, base) && window_has_base(former, before) ? window_used(base, before) : 0;
}

bool window_raise(struct shmq_shm_rate *rate, uint64_t seq, uint64_t amount)
{
	struct shm_u64 *word = window_base(rate, seq);
	uint64_t base = shm_load_acquire(word);
	uint64_t raised;

	do {
		if (!window_has_base(seq, base))
			return false;
		raised = (base & ~WINDOW_TOTAL_MASK) | ((base + amount) & WINDOW_TOTAL_MASK);
		/* (W2) acq_rel; retried when another refund raised it */
	} while (!shm_cas_acq_rel(word, &base, raised));
	return true;
}

bool window_refund(struct shmq_shm_rate *rate, uint32_t seq, uint64_t amount)
{
	/*
	 * (W4) seq_cst: `current` before the baseline is raised. Pairs with the CAS in window_roll(). Without it a
	 * late refund could raise a baseline by which a later window is still judged.
	 */
	if ((shm_load_seq_cst(&rate->current) & WINDOW_SEQ_MASK) != seq)
		return false;
	return window_raise(rate, seq, amount);
}

void window_read(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms, struct window_view *out)
{
	for (int i = 0; i < READ_TRIES; i++) {
		/* (W1) (W2) (W3): as in window_take() */
		uint64_t current = shm_load_seq_cst(&rate->current);
		uint64_t base = shm_load_acquire(&rate->base[current % LAYOUT_BASES]);
		uint64_t total = shm_load_seq_cst(&rate->total);
		bool has_base = window_has_base(current, base);
		bool has_ended = window_has_ended(current, period_ms, now_ms);

		out->seq = (uint32_t)(current & WINDOW_SEQ_MASK);
		out->start_ms = has_ended ? window_align(now_ms, period_ms) : window_start_ms(current);
		/* No baseline: nobody has taken anything in this window yet. */
		out->used = has_ended || !has_base ? 0 : window_used(total, base);
		out->peak = has_base ? window_used(total, base) : 0;
		if (shm_load_seq_cst(&rate->current) == current) /* (W1): else the baseline is of another window */
			return;
	}
}

void window_realign(struct shmq_shm_rate *rate, uint64_t period_ms)
{
	uint64_t current = shm_load_seq_cst(&rate->current);
	uint64_t aligned;

	do {
		aligned = window_after(current, 0, window_align(window_start_ms(current), period_ms));
		/* (W1) seq_cst; retried only when somebody else rolled */
	} while (aligned != current && !shm_cas_seq_cst(&rate->current, &current, aligned));
}

/* What `used` of `from` is of `to`, within what a window can hold. */
static uint64_t proportion_of(uint64_t used, uint64_t from, uint64_t to)
{
	uint128 part = from == 0 ? used : ((uint128)used * to + from - 1) / from;

	return part < WINDOW_CEILING ? (uint64_t)part : WINDOW_CEILING;
}

void window_rescale(struct shmq_shm_rate *rate, uint64_t former, uint64_t from, uint64_t to)
{
	for (int tries = 0; tries < WINDOW_TRIES; tries++) {
		uint64_t current = shm_load_seq_cst(&rate->current); /* (W1) */
		/* A number that no roll or reset leads to, in another word than that of the window in force. */
		uint64_t next = window_after(current, WINDOW_AFTER_RESCALE, window_start_ms(current));
		uint64_t base = shm_load_acquire(window_base(rate, current)); /* (W2) */
		uint64_t total = shm_load_seq_cst(&rate->total);              /* (W3) */
		uint64_t used = window_has_base(current, base) ? window_used(total, base) : 0;
		uint64_t word = shm_load_acquire(window_base(rate, next));
		uint64_t prepared = total - proportion_of(used + former, from, to);

		/*
		 * (W3) seq_cst: still in force, so `word` is of a window long closed. Once the next one is captured, the
		 * CAS below fails; that one's baseline must stay.
		 */
		if (shm_load_seq_cst(&rate->current) != current)
			continue;
		prepared = (next << WINDOW_TOTAL_BITS) | (prepared & WINDOW_TOTAL_MASK);
		if (!shm_cas_acq_rel(window_base(rate, next), &word, prepared)) /* (W2) */
			continue;
		/* (W1) (W4) seq_cst: what is taken since the total was loaded counts in the new window as well. */
		if (shm_cas_seq_cst(&rate->current, &current, next)) {
			counter_raise(&rate->peak, used);
			return;
		}
	}
}

void window_reset(struct shmq_shm_rate *rate)
{
	uint64_t current = shm_load_seq_cst(&rate->current);

	/*
	 * A window without a baseline has had no consumption: resetting it again would only use up tags.
	 * (W1) (W4) seq_cst; retried only when somebody else rolled
	 */
	while (window_has_base(current, shm_load_acquire(window_base(rate, current))) &&
	       !shm_cas_seq_cst(&rate->current, &current,
	                        window_after(current, WINDOW_AFTER_RESET, window_start_ms(current))))
		;
	shm_store_relaxed(&rate->peak, 0); /* relaxed: a figure for people */
}

void window_restart_on(struct shmq_shm_rate *rate)
{
	uint64_t current = shm_load_relaxed(&rate->current); /* relaxed: as below */
	uint64_t next = window_after(current, WINDOW_AFTER_RESET, 0);

	/* Baselines of a new rate carry the tag 0: not just before a window would have it, too. */
	if ((uint16_t)next > UINT16_MAX - WINDOW_PAST_TAG_0)
		next = window_after(next, WINDOW_PAST_TAG_0, 0);
	window_restart(rate);
	shm_store_relaxed(&rate->current, current == 0 ? 0 : next); /* relaxed: as below; 0: it was never used */
}

void window_restart(struct shmq_shm_rate *rate)
{
	/* Relaxed throughout: the entry's commit releases them. */
	shm_store_relaxed(&rate->total, 0);
	shm_store_relaxed(&rate->current, 0);
	for (int i = 0; i < LAYOUT_BASES; i++)
		shm_store_relaxed(&rate->base[i], 0);
	shm_store_relaxed(&rate->peak, 0);
}
