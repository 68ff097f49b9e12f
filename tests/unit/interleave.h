/* SPDX-License-Identifier: MIT */
/*
 * Other threads at a chosen instant: every atomic access of what is included after this header calls interleave_step()
 * first, which runs the test's action at the n-th access. One thread, so every run is repeatable, and trying all n is
 * trying every place where one operation can be interrupted by whole others, or where its process can die.
 *
 * It shows sequentially consistent interleavings only; memory orders are for the torture programs and the models.
 */
#ifndef TESTS_UNIT_INTERLEAVE_H
#define TESTS_UNIT_INTERLEAVE_H

#include "base/atomic.h"

/* Access number at which the action runs, counted from 1; 0 never. Set to 0 while it runs: actions are not interrupted. */
static unsigned interleave_at, interleave_count;
static void (*interleave_action)(void);

static void interleave_step(void)
{
	void (*action)(void) = interleave_action;

	if (interleave_at == 0 || ++interleave_count != interleave_at)
		return;
	interleave_at = 0;
	action();
}

/* Run `action` at the `at`-th access from here. */
static inline void interleave(unsigned at, void (*action)(void))
{
	interleave_at = at;
	interleave_count = 0;
	interleave_action = action;
}

/* Returns false where the operation had fewer accesses than asked for: all places have been tried. */
static inline bool interleave_happened(void)
{
	bool happened = interleave_at == 0;

	interleave_at = 0;
	return happened;
}

#define INTERLEAVED_LOAD32(order)                                                                                      \
	static inline uint32_t interleaved_load32_##order(const struct shm_u32 *word)                                  \
	{                                                                                                              \
		interleave_step();                                                                                     \
		return shm_load32_##order(word);                                                                       \
	}
#define INTERLEAVED_STORE32(order)                                                                                     \
	static inline void interleaved_store32_##order(struct shm_u32 *word, uint32_t value)                           \
	{                                                                                                              \
		interleave_step();                                                                                     \
		shm_store32_##order(word, value);                                                                      \
	}
#define INTERLEAVED_LOAD(order)                                                                                        \
	static inline uint64_t interleaved_load_##order(const struct shm_u64 *word)                                    \
	{                                                                                                              \
		interleave_step();                                                                                     \
		return shm_load_##order(word);                                                                         \
	}
#define INTERLEAVED_STORE(order)                                                                                       \
	static inline void interleaved_store_##order(struct shm_u64 *word, uint64_t value)                             \
	{                                                                                                              \
		interleave_step();                                                                                     \
		shm_store_##order(word, value);                                                                        \
	}
#define INTERLEAVED_CAS(order)                                                                                         \
	static inline bool interleaved_cas_##order(struct shm_u64 *word, uint64_t *expected, uint64_t desired)         \
	{                                                                                                              \
		interleave_step();                                                                                     \
		return shm_cas_##order(word, expected, desired);                                                       \
	}

INTERLEAVED_LOAD32(relaxed)
INTERLEAVED_LOAD32(acquire)
INTERLEAVED_STORE32(relaxed)
INTERLEAVED_STORE32(release)
INTERLEAVED_LOAD(relaxed)
INTERLEAVED_LOAD(acquire)
INTERLEAVED_LOAD(seq_cst)
INTERLEAVED_STORE(relaxed)
INTERLEAVED_STORE(release)
INTERLEAVED_CAS(relaxed)
INTERLEAVED_CAS(acq_rel)
INTERLEAVED_CAS(seq_cst)

static inline bool interleaved_cas32_relaxed(struct shm_u32 *word, uint32_t *expected, uint32_t desired)
{
	interleave_step();
	return shm_cas32_relaxed(word, expected, desired);
}

static inline uint64_t interleaved_add_seq_cst(struct shm_u64 *word, uint64_t amount)
{
	interleave_step();
	return shm_add_seq_cst(word, amount);
}

#define shm_load32_relaxed interleaved_load32_relaxed
#define shm_load32_acquire interleaved_load32_acquire
#define shm_store32_relaxed interleaved_store32_relaxed
#define shm_store32_release interleaved_store32_release
#define shm_cas32_relaxed interleaved_cas32_relaxed
#define shm_load_relaxed interleaved_load_relaxed
#define shm_load_acquire interleaved_load_acquire
#define shm_load_seq_cst interleaved_load_seq_cst
#define shm_store_relaxed interleaved_store_relaxed
#define shm_store_release interleaved_store_release
#define shm_add_seq_cst interleaved_add_seq_cst
#define shm_cas_relaxed interleaved_cas_relaxed
#define shm_cas_acq_rel interleaved_cas_acq_rel
#define shm_cas_seq_cst interleaved_cas_seq_cst

#endif
