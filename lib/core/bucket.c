/* SPDX-License-Identifier: MIT */
/*
 * Costs and times. Products of amounts and periods may need 101 bits; most fit into 64, where division is cheap.
 */
#include "core/bucket.h"

#include "base/wide.h"

/* a * b / c, rounded up or down, no more than BUCKET_TIME_MAX. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c, bool is_up)
{
	uint64_t add = is_up ? c - 1 : 0;
	uint64_t product, sum;
	uint128 wide;

	if (!__builtin_mul_overflow(a, b, &product) && !__builtin_add_overflow(product, add, &sum)) {
		sum /= c;
		return sum < BUCKET_TIME_MAX ? sum : BUCKET_TIME_MAX;
	}
	wide = ((uint128)a * b + add) / c;
	return wide < BUCKET_TIME_MAX ? (uint64_t)wide : BUCKET_TIME_MAX;
}

static uint64_t cost_of(const struct bucket *bucket, uint64_t amount)
{
	return scale(amount, bucket->period_ns, bucket->limit, true);
}

uint64_t bucket_burst_ns(const struct bucket *bucket)
{
	return scale(bucket->burst, bucket->period_ns, bucket->limit, false);
}

uint64_t bucket_clock_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

uint64_t bucket_now_ns(const struct bucket *bucket)
{
	return bucket_burst_ns(bucket) >= CLOCK_COARSE_FROM_MS * NS_PER_MS ? clock_read_ns(CLOCK_MONOTONIC_COARSE)
	                                                                   : clock_read_ns(CLOCK_MONOTONIC);
}

/* Judge by one value of the word. Returns the time after the take; the view says the rest. */
static uint64_t judge(uint64_t word, const struct bucket *bucket, uint64_t amount, uint64_t now_ns,
                      struct bucket_view *view)
{
	uint64_t tat = word >> BUCKET_REFUND_BITS, burst_ns = bucket_burst_ns(bucket);
	uint64_t start = tat > now_ns ? tat : now_ns;
	uint64_t end;

	view->now_ns = now_ns;
	view->cost_ns = cost_of(bucket, amount);
	view->used = scale(start - now_ns, bucket->limit, bucket->period_ns, true);
	end = start + view->cost_ns;
	if (view->cost_ns > burst_ns || end > BUCKET_TIME_MAX)
		view->wait_ns = UINT64_MAX;
	else
		view->wait_ns = end > now_ns + burst_ns ? end - now_ns - burst_ns : 0;
	return end < BUCKET_TIME_MAX ? end : BUCKET_TIME_MAX;
}

bool bucket_take(struct shm_u64 *tat, const struct bucket *bucket, uint64_t amount, uint64_t now_ns, bool is_forced,
                 struct bucket_view *view)
{
	uint64_t word = shm_load_seq_cst(tat), end;

	do {
		end = judge(word, bucket, amount, now_ns, view);
		if (view->wait_ns > 0 && !is_forced)
			return false;
		/* (B1) seq_cst; retried when somebody else took or gave back. Pairs with bucket_refund(). */
	} while (!shm_cas_seq_cst(tat, &word, end << BUCKET_REFUND_BITS | (word & ((1 << BUCKET_REFUND_BITS) - 1))));
	return true;
}

bool bucket_read(const struct shm_u64 *tat, const struct bucket *bucket, uint64_t amount, uint64_t now_ns,
                 struct bucket_view *view)
{
	judge(shm_load_seq_cst(tat), bucket, amount, now_ns, view);
	return view->wait_ns == 0;
}

void bucket_refund(struct shm_u64 *tat, uint64_t cost_ns, uint64_t taken_ns, uint64_t (*clock_ns)(void))
{
	/*
	 * (B1) seq_cst: the word before the clock, each time anew. Pairs with the CAS in bucket_take(). The other way
	 * round a worker that stands still in between would give back what has drained meanwhile.
	 */
	uint64_t word = shm_load_seq_cst(tat), lowered;

	do {
		uint64_t now_ns = clock_ns(), time = word >> BUCKET_REFUND_BITS;
		uint64_t drained = now_ns > taken_ns ? now_ns - taken_ns : 0;

		if (drained >= cost_ns)
			return;
		lowered = time > cost_ns - drained ? time - (cost_ns - drained) : 0;
		lowered = lowered << BUCKET_REFUND_BITS | ((word + 1) & ((1 << BUCKET_REFUND_BITS) - 1));
	} while (!shm_cas_seq_cst(tat, &word, lowered));
}

void bucket_set(struct shm_u64 *tat, const struct bucket *bucket, uint64_t used, uint64_t now_ns)
{
	uint64_t word = shm_load_seq_cst(tat), wanted;

	do {
		uint64_t end = now_ns + cost_of(bucket, used);

		wanted = (end < BUCKET_TIME_MAX ? end : BUCKET_TIME_MAX) << BUCKET_REFUND_BITS |
		         ((word + 1) & ((1 << BUCKET_REFUND_BITS) - 1));
		/* (B1) seq_cst; retried when somebody else took or gave back */
	} while (!shm_cas_seq_cst(tat, &word, wanted));
}
