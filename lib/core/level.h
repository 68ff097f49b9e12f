/* SPDX-License-Identifier: MIT */
/*
 * Levels: storage and memory, kept until they are released. A level is two monotonic words, like a window's total and
 * baseline: what went in, less what went out. Monotonic words have no ABA, so a stalled compare-and-swap simply fails.
 *
 *     in, out   [slot:13 | amount:51]   who wrote last: 0 a plain operation, else the slot of a held one, plus 1
 *
 * Amounts wrap at 2^51 and are compared modularly; a level stays below LEVEL_CEILING. `out` is always loaded before
 * `in` where a level is judged: it only grows, so what is judged is never below the truth, and never over-admits.
 *
 * A held operation (core/ledger.h) must be able to tell, even by another process after its death, whether it
 * landed. The word says so while nobody has written after it; whoever does says it for it first: level_acknowledge().
 * This is the detectable compare-and-swap of Attiya, Ben-Baruch and Hendler ("Nesting-safe recoverable linearizability",
 * PODC 2018) on words that never repeat.
 *
 * Lock-free; each retry means that another operation took or released.
 */
#ifndef SHMQ_CORE_LEVEL_H
#define SHMQ_CORE_LEVEL_H

#include "core/counter.h"
#include "shm/segment.h"

#define LEVEL_AMOUNT_BITS 51
#define LEVEL_AMOUNT_MASK ((UINT64_C(1) << LEVEL_AMOUNT_BITS) - 1)
#define LEVEL_CEILING (UINT64_C(1) << 47)

static_assert(SHMQ_THREADS_MAX < UINT64_C(1) << (64 - LEVEL_AMOUNT_BITS), "every slot has a number above 0");

/* Which level is meant: its component's index, and storage or memory. */
struct level_place {
	const struct shmq_segment *segment;
	uint32_t component;
	uint32_t number; /* 0 storage, 1 memory */
};

/* Names one of the two words of a level in an intent; never 0. */
#define LEVEL_WORD(place, is_out) (((uint64_t)(place)->component << 2 | (place)->number << 1 | (is_out)) + 1)

static inline struct shmq_shm_level *level_at(const struct level_place *place)
{
	return &place->segment->trackers[place->component].level[place->number];
}

static inline uint64_t level_difference(uint64_t in, uint64_t out)
{
	return (in - out) & LEVEL_AMOUNT_MASK;
}

static inline uint64_t level_amount(uint64_t word)
{
	return word & LEVEL_AMOUNT_MASK;
}

static inline uint64_t level_writer(uint64_t word)
{
	return word >> LEVEL_AMOUNT_BITS;
}

/* True where `amount` was reached after `before`; modular, for distances below 2^50. */
static inline bool level_is_after(uint64_t amount, uint64_t before)
{
	uint64_t distance = level_difference(amount, before);

	return distance != 0 && distance < UINT64_C(1) << (LEVEL_AMOUNT_BITS - 1);
}

/* Tell the writer of `seen` that its operation on `word` landed, before `seen` is overwritten. */
void level_acknowledge(const struct shmq_segment *segment, uint64_t word, uint64_t seen);

/* `self` is the slot number of a held operation, 0 for a plain one. */
static inline void level_before_overwriting(const struct level_place *place, bool is_out, uint64_t seen, uint64_t self)
{
	if (__builtin_expect(level_writer(seen) != 0 && level_writer(seen) != self, 0))
		level_acknowledge(place->segment, LEVEL_WORD(place, is_out), seen);
}

/* The words of a level, by which it is judged. */
struct level_words {
	uint64_t in, out;
};

static inline HOT_INLINE struct level_words level_load(const struct shmq_shm_level *level)
{
	struct level_words words;

	/*
	 * (L1) seq_cst: `out` before `in`.
	 * Pairs with the CAS in level_subtract(). The other way round, an `in` older than the `out` would make the
	 * level look lower than it is.
	 */
	words.out = shm_load_seq_cst(&level->out);
	words.in = shm_load_seq_cst(&level->in);
	return words;
}

static inline uint64_t level_used(struct level_words words)
{
	return level_difference(words.in, words.out);
}

/* Add to what went in, unless somebody did since it was loaded. By value: an address would want a stack. */
static inline HOT_INLINE bool level_add(struct shmq_shm_level *level, uint64_t in, uint64_t self, uint64_t amount)
{
	/* (L2) seq_cst: pairs with the loads of `in` after `out`: what was taken can be released. */
	return shm_cas_seq_cst(&level->in, &in, self << LEVEL_AMOUNT_BITS | level_amount(in + amount));
}

/*
 * The same for what went out, where `used` was in use. A level is highest before something is released, so its peak needs
 * no work when it rises.
 */
static inline HOT_INLINE bool level_subtract(struct shmq_shm_level *level, uint64_t out, uint64_t self, uint64_t amount,
                                             uint64_t used)
{
	/* (L1) seq_cst: pairs with level_load(). */
	if (!shm_cas_seq_cst(&level->out, &out, self << LEVEL_AMOUNT_BITS | level_amount(out + amount)))
		return false;
	counter_raise(&level->peak, used);
	return true;
}

/*
 * Take `amount` if the level then is at most `ceiling` (<= LEVEL_CEILING). `*used` is the level before.
 *
 * Returns  true   taken
 *          false  it would pass the ceiling; nothing was taken
 */
static inline HOT_INLINE bool level_take_as(const struct level_place *place, uint64_t self, uint64_t amount,
                                            uint64_t ceiling, uint64_t *used)
{
	struct shmq_shm_level *level = level_at(place);

	for (;;) {
		struct level_words words = level_load(level);

		*used = level_used(words);
		if (*used > ceiling || amount > ceiling - *used) {
			if (shm_load_seq_cst(&level->out) == words.out)
				return false;
			continue; /* somebody released: refusing by the old figure would be needless */
		}
		level_before_overwriting(place, false, words.in, self);
		if (level_add(level, words.in, self, amount))
			return true;
	}
}

static inline bool level_take(const struct level_place *place, uint64_t amount, uint64_t ceiling, uint64_t *used)
{
	return level_take_as(place, 0, amount, ceiling, used);
}

/*
 * Give back at most `amount`, and at least `least` or nothing. Returns how much it was: less than `amount` where the
 * level would have gone below zero.
 */
uint64_t level_release_as(const struct level_place *place, uint64_t self, uint64_t amount, uint64_t least);

static inline uint64_t level_release(const struct level_place *place, uint64_t amount)
{
	return level_release_as(place, 0, amount, 0);
}

/* Look without changing anything; `level` may be mapped read-only. */
uint64_t level_read(const struct shmq_shm_level *level);

/* The same for hot paths. */
static inline HOT_INLINE uint64_t level_peek(const struct shmq_shm_level *level)
{
	struct level_words words = level_load(level);

	/* (L1) once more */
	return __builtin_expect(shm_load_seq_cst(&level->out) == words.out, 1) ? level_used(words) : level_read(level);
}

/*
 * Drop `amount` of what was used when `out` was loaded, before `in`. Returns false where somebody has released since:
 * what was counted may have been returned, and something else be held that was not counted.
 */
bool level_drop(const struct level_place *place, uint64_t self, uint64_t out, uint64_t amount);

/* Forget the figures for people. */
void level_forget(struct shmq_shm_level *level);

/* Drop all of the level, and its figures. */
void level_reset(const struct level_place *place);

#endif
