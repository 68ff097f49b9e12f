/* SPDX-License-Identifier: MIT */
/*
 * A token bucket on one word, by the generic cell rate algorithm (virtual scheduling, ITU-T I.371). Instead of tokens
 * and when they were last counted, the word says when the bucket would be full again: the theoretical arrival time.
 *
 *     tat   [time:58 | count:6]   nanoseconds of CLOCK_MONOTONIC, and how often it was set back
 *
 * An amount costs the time in which it flows in; it is admitted if, put on top of what is still to flow in, it does not
 * pass the bucket's depth. One compare-and-swap is at once admission and account. In any time T at most
 * burst + limit * T / period is admitted, rounded up to a whole unit; bucket.c has the proof, tests/model/bucket.pml
 * the search. Each amount costs whole nanoseconds, rounded up: of a rate above one unit per nanosecond the bound rounds
 * up to what a nanosecond is worth.
 *
 * Lock-free; each retry means that another operation took, gave back or reset.
 */
#ifndef SHMQ_CORE_BUCKET_H
#define SHMQ_CORE_BUCKET_H

#include "base/atomic.h"
#include "base/clock.h"

#define BUCKET_COUNT_BITS 6
#define BUCKET_COUNT_MASK ((UINT64_C(1) << BUCKET_COUNT_BITS) - 1)

/* The deepest bucket. */
#define BUCKET_DEPTH_MAX_NS (UINT64_C(366) * 86400 * NS_PER_S)

/*
 * What was recorded beyond the depth fills it up to here (417 days); what is more is not counted. Times wrap: a word up
 * to 2^56 ns (834 days) ahead is one, anything else is in the past. So a clock reading may be more than a year old
 * when it is used, and a bucket may be idle for more than six.
 */
#define BUCKET_DEBT_MAX_NS (UINT64_C(1) << 55)
#define BUCKET_AHEAD_MAX_NS (UINT64_C(1) << 56)

/* Where a bucket is. `epoch` is the word that numbers windows; while a bucket is in force, only resets change it. */
struct bucket {
	struct shm_u64 *tat, *epoch;
};

/* `limit` units per period flow in, and at most `burst` are there. A limit of 0 or SHMQ_UNLIMITED is one. */
struct bucket_rate {
	uint64_t limit, period_ns, burst;
	uint64_t depth_ns; /* see bucket_rate_of() */
};

/* Where the time is read: one of the two of clock.h, or a test's own. */
typedef uint64_t bucket_clock(void);

/* What an operation saw, and what names its amount for a refund. */
struct bucket_view {
	uint64_t ahead_ns; /* before the operation: until the bucket is full again */
	uint64_t now_ns;   /* the reading of the clock that it was judged by */
	uint64_t cost_ns;  /* of the amount */
	uint32_t epoch;
};

/*
 * The depth is what `burst` costs in one go, or what it costs unit by unit, if that is worth less than one unit more: an
 * idle bucket of 3 admits three times 1, although each of them is rounded up.
 */
struct bucket_rate bucket_rate_of(uint64_t limit, uint64_t period_ns, uint64_t burst);

/* True where the coarse clock will do: the depth lasts 100 ms or more, or does not matter. */
static inline bool bucket_is_coarse(const struct bucket_rate *rate)
{
	return rate->depth_ns >= CLOCK_COARSE_FROM_MS * NS_PER_MS;
}

static inline bucket_clock *bucket_clock_of(const struct bucket_rate *rate)
{
	return bucket_is_coarse(rate) ? clock_read_coarse_ns : clock_read_precise_ns;
}

/*
 * Take `amount` if it fits. `now_ns` is a reading of `clock`, which is read again before a refusal.
 *
 * Returns  true   taken
 *          false  it does not fit; nothing was taken
 */
bool bucket_take(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, uint64_t now_ns,
                 bucket_clock *clock, struct bucket_view *view);

/* Take `amount` though it may not fit: it has been used already. */
void bucket_charge(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, uint64_t now_ns,
                   struct bucket_view *view);

/*
 * Give back, at most once, what was taken with this view, or the part of it that bucket_part_ns() has put into its
 * `cost_ns`. As much of it as has flowed in since is gone; so is all of it after a reset.
 */
void bucket_refund(const struct bucket *bucket, const struct bucket_view *taken, bucket_clock *clock);

/* What `part` of `amount` cost, rounded down: what is kept stays paid in full. */
uint64_t bucket_part_ns(uint64_t cost_ns, uint64_t part, uint64_t amount);

/* Look without changing anything; `tat` may be mapped read-only. */
void bucket_read(const struct shm_u64 *tat, bucket_clock *clock, struct bucket_view *out);

/* How long it takes from empty to full: burst * period / limit, rounded up. The depth may be a little more. */
uint64_t bucket_period_ns(const struct bucket_rate *rate);

/* How much is used of the burst: what more fits is just the rest. Above the burst where more was recorded. */
uint64_t bucket_used(const struct bucket_rate *rate, uint64_t ahead_ns);

/*
 * Nanoseconds from the view's `now_ns` until `amount` fits, if nothing else is taken or given back: exact. UINT64_MAX
 * where it never does, 0 where it does already.
 */
uint64_t bucket_retry_ns(const struct bucket_rate *rate, const struct bucket_view *view, uint64_t amount);

/* What becomes of the amount that is used when the rate changes. */
enum bucket_carry {
	BUCKET_KEEP,         /* it stays */
	BUCKET_PROPORTIONAL, /* it stays the same part of the burst */
	BUCKET_RESET         /* it is forgotten */
};

/*
 * After a change of the rate. What was taken until now is not given back any more. Around a limit of 0, or none, times
 * stay as they are. Who takes by the new rate before this is done has that scaled, too.
 */
void bucket_rescale(const struct bucket *bucket, const struct bucket_rate *from, const struct bucket_rate *to,
                    enum bucket_carry carry, bucket_clock *clock);

/* Forget what is used. What was taken until now is not given back any more. */
void bucket_reset(const struct bucket *bucket, bucket_clock *clock);

/* Let exactly `amount` be used. What was taken until now is not given back any more. */
void bucket_fill(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount, bucket_clock *clock);

/* Make it new. Only while no operation can reach it. */
void bucket_restart(struct shm_u64 *tat);

#endif
