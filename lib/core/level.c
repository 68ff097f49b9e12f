/* SPDX-License-Identifier: MIT */
/*
 * Releasing and acknowledging. `in` is loaded after `out`, and the compare-and-swap proves that `out` did not move
 * meanwhile, so a level that stops at zero really was that low.
 */
#include "core/level.h"

/* How often a reader looks again while others release; then it takes what it saw, which is never below the truth. */
#define READ_TRIES 64

void level_acknowledge(const struct shmq_segment *segment, uint64_t word, uint64_t seen)
{
	struct shmq_shm_intent *intent;
	uint64_t state;

	if (level_writer(seen) > segment->layout.threads)
		return; /* a damaged word */
	intent = &segment->slots[level_writer(seen) - 1].intent;
	/*
	 * (L3) seq_cst: the state after the word was seen.
	 * Pairs with ledger_recover(), which loads the word before the state. Otherwise an operation that landed and was
	 * overwritten could be taken for one that did not.
	 */
	state = shm_load_seq_cst(&intent->state);
	/* (I1) acquire: pairs with intent_begin(). */
	if ((state & INTENT_STATE_MASK) != INTENT_PENDING || shm_load_acquire(&intent->word) != word ||
	    !level_is_after(level_amount(seen), shm_load_acquire(&intent->before)))
		return;
	/* Failing is fine: its owner is past it, or somebody else said so. */
	shm_cas_seq_cst(&intent->state, &state, (state & ~(uint64_t)INTENT_STATE_MASK) | INTENT_DONE);
}

uint64_t level_release_as(const struct level_place *place, uint64_t self, uint64_t amount, uint64_t least)
{
	struct shmq_shm_level *level = level_at(place);
	struct level_words words;
	uint64_t used, released;

	do {
		words = level_load(level); /* (L2) `in` after `out`: pairs with the CAS in level_add(). */
		used = level_used(words);
		released = amount < used ? amount : used;
		if (released == 0 || released < least)
			return 0;
		level_before_overwriting(place, true, words.out, self);
	} while (!level_subtract(level, words.out, self, released, used));
	return released;
}

uint64_t level_read(const struct shmq_shm_level *level)
{
	uint64_t out = shm_load_seq_cst(&level->out); /* (L1) */
	uint64_t used = 0;

	/* Taken and released between the two loads it would look higher than it ever was. */
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t seen = out;

		used = level_difference(shm_load_seq_cst(&level->in), out);
		out = shm_load_seq_cst(&level->out);
		if (out == seen)
			break;
	}
	return used;
}

bool level_drop(const struct level_place *place, uint64_t self, uint64_t out, uint64_t amount)
{
	level_before_overwriting(place, true, out, self);
	/* (L1) seq_cst: as level_release_as() */
	return shm_cas_seq_cst(&level_at(place)->out, &out, self << LEVEL_AMOUNT_BITS | level_amount(out + amount));
}

void level_forget(struct shmq_shm_level *level)
{
	shm_store_relaxed(&level->peak, 0); /* relaxed: a figure for people */
}

void level_reset(const struct level_place *place)
{
	level_release(place, LEVEL_AMOUNT_MASK);
	level_forget(level_at(place));
}
