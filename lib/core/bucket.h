/* SPDX-License-Identifier: MIT */
/*
 * Token buckets, in one word: the generic cell rate algorithm (ITU-T Recommendation I.371, annex A; "virtual scheduling").
 *
 *     tat = [theoretical arrival time, ns:58 | refunds:6]   when the bucket will be empty of what was taken
 *
 *     take    admitted exactly if max(tat, now) + cost <= now + burst time; then tat = max(tat, now) + cost
 *     cost    ceil(amount * period / limit); the burst time is floor(burst * period / limit)
 *
 * Bound: in any time T at most burst + limit * T / period is admitted, where each admission counts at the reading of the
 * clock that its call made. Proof: of the admissions with readings in [a, b], in the order of their compare-and-swaps, the
 * first leaves tat >= a + its cost, each other one adds its cost, and tat never falls; so the last leaves tat >= a + the
 * sum of costs, and was admitted because that is <= its reading + burst time <= b + burst time. The order of readings does
 * not matter, so a worker may stand still between its reading and its compare-and-swap.
 *
 * A refund lowers tat, by the cost less the time since the take: that much has drained already, and others may have been
 * admitted for it. tat is loaded before the clock is read: no admission lies between the two, so the reading is not
 * before that of any admission that the lower tat comes after. The count of refunds keeps a stalled compare-and-swap
 * from succeeding on a tat that came to be the same. tests/model/bucket.pml searches the interleavings.
 *
 * Lock-free; each retry means that another operation took or gave back.
 */
#ifndef SHMQ_CORE_BUCKET_H
#define SHMQ_CORE_BUCKET_H

#include "base/atomic.h"
#include "base/clock.h"

#define BUCKET_REFUND_BITS 6
#define BUCKET_TIME_MAX ((UINT64_C(1) << (64 - BUCKET_REFUND_BITS)) - 1) /* nine years after boot it refuses */

/* What a policy says of a bucket; `limit` is above 0 and below SHMQ_UNLIMITED, as is `burst`. */
struct bucket {
	uint64_t limit, period_ns, burst;
};

/* What an operation found. */
struct bucket_view {
	uint64_t now_ns;  /* the reading of the clock that it was judged by */
	uint64_t cost_ns; /* of the amount */
	uint64_t used;    /* before it, rounded up */
	uint64_t wait_ns; /* until it would be admitted, if nothing else is taken; UINT64_MAX never */
};

/* How long it takes to drain a full bucket. */
uint64_t bucket_burst_ns(const struct bucket *bucket);

/* The time that a bucket goes by: the coarse clock where its steps are small beside the burst time. */
uint64_t bucket_now_ns(const struct bucket *bucket);

/*
 * Take `amount` at `now_ns`. `is_forced`: whatever the bucket holds.
 *
 * Returns  true   taken
 *          false  it would overflow the bucket; nothing was taken
 */
bool bucket_take(struct shm_u64 *tat, const struct bucket *bucket, uint64_t amount, uint64_t now_ns, bool is_forced,
                 struct bucket_view *view);

/* Look without changing anything; fills the view as bucket_take() of `amount` would. Returns whether it would be taken. */
bool bucket_read(const struct shm_u64 *tat, const struct bucket *bucket, uint64_t amount, uint64_t now_ns,
                 struct bucket_view *view);

/* Give back, at most once, what was taken at `taken_ns` at a cost of `cost_ns`; `clock_ns` reads CLOCK_MONOTONIC. */
void bucket_refund(struct shm_u64 *tat, uint64_t cost_ns, uint64_t taken_ns, uint64_t (*clock_ns)(void));

/* CLOCK_MONOTONIC, which is never behind what bucket_now_ns() said before. */
uint64_t bucket_clock_ns(void);

/* Let the bucket hold `used`. Only by the holder of the controller lock; what others take meanwhile may be forgotten. */
void bucket_set(struct shm_u64 *tat, const struct bucket *bucket, uint64_t used, uint64_t now_ns);

#endif
