/* SPDX-License-Identifier: MIT */
/*
 * Sliding windows: a rate's window that also weighs the one before it. What was used in the window before counts by the
 * part of a period that is left of this one; together they stay within the limit:
 *
 *     used here + ceil(used before * rest / period) <= limit
 *
 * so in any time T at most limit * (1 + T / period) is admitted, and nothing right after a boundary behind a full
 * window. sliding.c has the proof. The estimate is that of Cloudflare's "How we built rate limiting capable of scaling
 * to millions of domains" (2017). There it is compared with the limit after counting, and trusted to be close; here an
 * amount is charged by the compare-and-swap that admits it, and the bound is exact.
 *
 * The words and the steps are those of window.h, and a policy may change between the two while windows run.
 */
#ifndef SHMQ_CORE_SLIDING_H
#define SHMQ_CORE_SLIDING_H

#include "core/window.h"

/* Where the time is read once more before a refusal: clock_window_ms(), or a test's own. */
typedef uint64_t sliding_clock(uint64_t period_ms);

/*
 * Take `amount` if the estimate then is at most `limit` (<= WINDOW_CEILING). Without a limit use window_take().
 *
 * Returns  true   taken
 *          false  it would pass the limit; nothing was taken
 */
bool sliding_take(struct shmq_shm_rate *rate, uint64_t amount, uint64_t limit, uint64_t period_ms, uint64_t now_ms,
                  sliding_clock *clock_ms, struct window_view *view);

/*
 * As window_refund(). Both baselines are raised: that of the window alone would make the one before look as if more had
 * been used in it. A worker that dies between the two leaves it so until the window ends.
 */
void sliding_refund(struct shmq_shm_rate *rate, uint32_t seq, uint64_t amount);

/* Look without changing anything; `rate` may be mapped read-only. `used` is what a take would find. */
void sliding_read(const struct shmq_shm_rate *rate, uint64_t period_ms, uint64_t now_ms, struct window_view *out);

/* How much of `used` was used in the window itself; the rest is what still counts of the one before. */
uint64_t sliding_own(const struct window_view *view, uint64_t period_ms);

/*
 * Milliseconds from the view's `now_ms` until `amount` fits, if nothing else is taken or given back: exact, at most two
 * periods. UINT64_MAX where it never does, 0 where it does already.
 */
uint64_t sliding_retry_ms(const struct window_view *view, uint64_t limit, uint64_t amount, uint64_t period_ms);

#endif
