/* SPDX-License-Identifier: MIT */
/*
 * Atomic words of the segment. Each is a one-member struct, so that `word++` does not compile and every access names
 * its memory order. Nothing else in the library touches <stdatomic.h>.
 *
 * The orders are the C11 ones. Sequentially consistent loads cost nothing extra on x86; stores do, so there is no
 * sequentially consistent store but shm_store_fence(), which is a store and the full fence after it in one.
 */
#ifndef SHMQ_BASE_ATOMIC_H
#define SHMQ_BASE_ATOMIC_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What every operation runs through. Left to itself the compiler makes calls of it whose arguments and results go
 * through the stack, and their latency stands between a section's beginning and its compare-and-swap.
 */
#define HOT_INLINE __attribute__((always_inline))

struct shm_u32 {
	_Atomic uint32_t value;
};

struct shm_u64 {
	_Atomic uint64_t value;
};

static_assert(sizeof(struct shm_u32) == 4 && sizeof(struct shm_u64) == 8, "atomic words have no hidden parts");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock inside a word would not be shared");

static inline uint32_t shm_load32_relaxed(const struct shm_u32 *word)
{
	return atomic_load_explicit(&word->value, memory_order_relaxed);
}

static inline uint32_t shm_load32_acquire(const struct shm_u32 *word)
{
	return atomic_load_explicit(&word->value, memory_order_acquire);
}

static inline void shm_store32_relaxed(struct shm_u32 *word, uint32_t value)
{
	atomic_store_explicit(&word->value, value, memory_order_relaxed);
}

static inline void shm_store32_release(struct shm_u32 *word, uint32_t value)
{
	atomic_store_explicit(&word->value, value, memory_order_release);
}

/* Returns false where somebody holds it. Let go with shm_store32_release(word, 0). */
static inline bool shm_try_lock32(struct shm_u32 *word)
{
	return atomic_exchange_explicit(&word->value, 1, memory_order_acquire) == 0;
}

static inline uint64_t shm_load_relaxed(const struct shm_u64 *word)
{
	return atomic_load_explicit(&word->value, memory_order_relaxed);
}

static inline uint64_t shm_load_acquire(const struct shm_u64 *word)
{
	return atomic_load_explicit(&word->value, memory_order_acquire);
}

static inline uint64_t shm_load_seq_cst(const struct shm_u64 *word)
{
	return atomic_load_explicit(&word->value, memory_order_seq_cst);
}

static inline void shm_store_relaxed(struct shm_u64 *word, uint64_t value)
{
	atomic_store_explicit(&word->value, value, memory_order_relaxed);
}

static inline void shm_store_release(struct shm_u64 *word, uint64_t value)
{
	atomic_store_explicit(&word->value, value, memory_order_release);
}

static inline void shm_add_relaxed(struct shm_u64 *word, uint64_t amount)
{
	atomic_fetch_add_explicit(&word->value, amount, memory_order_relaxed);
}

static inline uint64_t shm_fetch_add_relaxed(struct shm_u64 *word, uint64_t amount)
{
	return atomic_fetch_add_explicit(&word->value, amount, memory_order_relaxed);
}

static inline void shm_subtract_release(struct shm_u64 *word, uint64_t amount)
{
	atomic_fetch_sub_explicit(&word->value, amount, memory_order_release);
}

static inline uint64_t shm_add_seq_cst(struct shm_u64 *word, uint64_t amount)
{
	return atomic_fetch_add_explicit(&word->value, amount, memory_order_seq_cst);
}

/* A failed compare-and-swap writes what it found to `*expected`, as in C11. */
static inline bool shm_cas32_relaxed(struct shm_u32 *word, uint32_t *expected, uint32_t desired)
{
	return atomic_compare_exchange_strong_explicit(&word->value, expected, desired, memory_order_relaxed,
	                                               memory_order_relaxed);
}

static inline bool shm_cas_relaxed(struct shm_u64 *word, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(&word->value, expected, desired, memory_order_relaxed,
	                                               memory_order_relaxed);
}

static inline bool shm_cas_acq_rel(struct shm_u64 *word, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(&word->value, expected, desired, memory_order_acq_rel,
	                                               memory_order_acquire);
}

static inline bool shm_cas_seq_cst(struct shm_u64 *word, uint64_t *expected, uint64_t desired)
{
	return atomic_compare_exchange_strong_explicit(&word->value, expected, desired, memory_order_seq_cst,
	                                               memory_order_seq_cst);
}

/* A pointer that threads of one process share: published with what it points to. */
#define private_load_acquire(pointer) atomic_load_explicit(pointer, memory_order_acquire)
#define private_store_release(pointer, value) atomic_store_explicit(pointer, value, memory_order_release)

#if defined(__SANITIZE_THREAD__)
#define SHM_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SHM_UNDER_TSAN 1
#endif
#endif

/*
 * Fences for who is not on the hot path. ThreadSanitizer models neither (gcc says so); it judges by the accesses around.
 */
static inline void shm_fence_acquire(void)
{
#if !defined(SHM_UNDER_TSAN)
	atomic_thread_fence(memory_order_acquire);
#endif
}

static inline void shm_fence_release(void)
{
#if !defined(SHM_UNDER_TSAN)
	atomic_thread_fence(memory_order_release);
#endif
}

/* Keeps the order of accesses as the compiler writes them; the CPU may still change it. */
static inline void shm_compiler_barrier(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

static inline void shm_fence_seq_cst(void)
{
#if !defined(SHM_UNDER_TSAN)
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

/*
 * Store, then a full fence: nothing after it is done before the store is visible.
 *
 * On x86 one locked exchange is both; `mov` and `mfence`, which clang 14 makes of the portable form, take five times as
 * long. ThreadSanitizer models exchanges but not fences. Elsewhere an exchange is no fence for the loads behind it.
 */
static inline void shm_store_fence(struct shm_u64 *word, uint64_t value)
{
#if defined(__x86_64__) || defined(SHM_UNDER_TSAN)
	(void)atomic_exchange_explicit(&word->value, value, memory_order_seq_cst);
#else
	atomic_store_explicit(&word->value, value, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
