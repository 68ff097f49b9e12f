/* SPDX-License-Identifier: MIT */
/*
 * Levels: storage and memory, kept until they are released. A level is two monotonic words, like a window's total and
 * baseline: what went in, less what went out. Monotonic words have no ABA, so a stalled compare-and-swap simply fails.
 *
 *     in, out   [slot:13 | amount:51]   slot 0: a plain operation; others are for reservations
 *
 * Amounts wrap at 2^51 and are compared modularly; a level stays below LEVEL_CEILING. `out` is always loaded before
 * `in` where a level is judged: it only grows, so what is judged is never below the truth, and never over-admits.
 * Lock-free; each retry means that another operation took or released.
 */
#ifndef SHMQ_CORE_LEVEL_H
#define SHMQ_CORE_LEVEL_H

#include "core/counter.h"
#include "shm/layout.h"

#define LEVEL_AMOUNT_BITS 51
#define LEVEL_AMOUNT_MASK ((UINT64_C(1) << LEVEL_AMOUNT_BITS) - 1)
#define LEVEL_CEILING (UINT64_C(1) << 47) /* as WINDOW_CEILING */

static_assert(SHMQ_THREADS_MAX < UINT64_C(1) << (64 - LEVEL_AMOUNT_BITS), "every slot has a number above 0");

static inline uint64_t level_difference(uint64_t in, uint64_t out)
{
	return (in - out) & LEVEL_AMOUNT_MASK;
}

/*
 * Take `amount` if the level then is at most `ceiling` (<= LEVEL_CEILING). `*used` is the level before.
 *
 * Returns  true   taken
 *          false  it would pass the ceiling; nothing was taken
 */
static inline bool level_take(struct shmq_shm_level *level, uint64_t amount, uint64_t ceiling, uint64_t *used)
{
	/*
	 * (L1) seq_cst: `out` before `in`.
	 * Pairs with the CAS in level_release(). The other way round, an `in` older than the `out` would make the
	 * level look lower than it is.
	 */
	uint64_t out = shm_load_seq_cst(&level->out);
	uint64_t in = shm_load_seq_cst(&level->in);

	for (;;) {
		*used = level_difference(in, out);
		if (*used > ceiling || amount > ceiling - *used) {
			uint64_t now = shm_load_seq_cst(&level->out);

			if (now == out)
				return false;
			out = now; /* somebody released: refusing by the old figure would be needless */
			in = shm_load_seq_cst(&level->in);
		} else if (shm_cas_seq_cst(&level->in, &in, (in + amount) & LEVEL_AMOUNT_MASK)) { /* (L2) */
			return true;
		}
	}
}

/* Give back at most `amount`. Returns how much it was: less where the level would have gone below zero. */
uint64_t level_release(struct shmq_shm_level *level, uint64_t amount);

/* Look without changing anything; `level` may be mapped read-only. */
static inline uint64_t level_read(const struct shmq_shm_level *level)
{
	uint64_t out = shm_load_seq_cst(&level->out); /* (L1) */

	return level_difference(shm_load_seq_cst(&level->in), out);
}

/* Drop the level to zero and forget its figures. */
void level_reset(struct shmq_shm_level *level);

#endif
