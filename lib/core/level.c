/* SPDX-License-Identifier: MIT */
/*
 * Releasing. `in` is loaded after `out`, and the compare-and-swap proves that `out` did not move meanwhile, so a level
 * that stops at zero really was that low.
 */
#include "core/level.h"

uint64_t level_release(struct shmq_shm_level *level, uint64_t amount)
{
	uint64_t out = shm_load_seq_cst(&level->out);
	uint64_t released;

	do {
		/* (L2) seq_cst: pairs with the CAS in level_take(): what was taken can be released. */
		uint64_t held = level_difference(shm_load_seq_cst(&level->in), out);

		released = amount < held ? amount : held;
		if (released == 0)
			return 0;
		/* (L1) seq_cst: pairs with the loads in level_take(). */
	} while (!shm_cas_seq_cst(&level->out, &out, (out + released) & LEVEL_AMOUNT_MASK));
	return released;
}

void level_reset(struct shmq_shm_level *level)
{
	level_release(level, LEVEL_AMOUNT_MASK);
	shm_store_relaxed(&level->peak, 0);   /* relaxed: a figure for people */
	shm_store_relaxed(&level->denied, 0); /* relaxed: the same */
}
