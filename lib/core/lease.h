/* SPDX-License-Identifier: MIT */
/*
 * Leases: of a rate that many processes use, a thread takes a batch from the shared totals and spends it by itself,
 * without a read section, a fence or a compare-and-swap.
 *
 *     shared    what is left of a batch, and the windows that it counts in, one per rank     struct shmq_shm_lease
 *     private   by what it was taken: policy, registration, windows, and when they end       struct segment_lease
 *
 * A batch counts as used from when it is taken, so nobody is admitted too much as long as it is spent in the windows it
 * counts in, by the policy it was taken by. Every spend looks at that. No word it compares ever returns to a value it
 * had: what is equal now was equal ever since, and the spend is as if it were done at the first of its loads.
 *
 *     another policy, limit, group or inheritance        the policy's generation
 *     the component was unregistered                     genstate of its entry
 *     a roll, a reset, a rescaling, at any rank          `current` of that rate
 *     a window that is over, and nobody has noticed      the clock
 *     refunds of others                                  nothing: the batch stays counted
 *
 * tests/model/lease.pml searches it; docs/decisions/0012-leases.md says why it is like this.
 */
#ifndef SHMQ_CORE_LEASE_H
#define SHMQ_CORE_LEASE_H

#include "base/clock.h"
#include "core/operation.h"
#include "core/window.h"

/* A batch is at most this part of what is left at the tightest rank: near the limit little is held by who may not use it. */
#define LEASE_PART 8

/* A rate that wants another one's place gets it when that one has not taken a batch for so many tries. */
#define LEASE_PATIENCE 16

/* Whether a quota wants leases of a rate. */
static inline bool lease_is_asked(const struct shmq_shm_quota *quota, int resource)
{
	return (shm_load_relaxed(&quota->resource[resource].mode) & MODE_LEASED) != 0; /* relaxed: as the limits */
}

/* Whether a thread of this process ever had some of a resource on lease: all that leases cost who has none. */
static inline HOT_INLINE bool lease_is_likely(const struct shmq_component *c, int resource)
{
	return (shm_load32_relaxed(&c->leases) >> resource & 1) != 0; /* relaxed: a hint */
}

/* Which component and rate a batch is of: [resource:4 | component + 1:28]; of the ranks above it just the latter. */
static inline uint32_t lease_name(uint32_t component, int resource)
{
	return (uint32_t)resource << LEASE_RESOURCE_AT | (component + 1);
}

/* A thread's place for a component's rate; others may share it, and then take turns. */
static inline unsigned lease_place(uint32_t component, int resource)
{
	return (component * LAYOUT_RATES + (unsigned)(resource - SHMQ_MESSAGES)) % LAYOUT_LEASES;
}

static inline HOT_INLINE struct segment_lease *
lease_of(const struct shmq_segment *segment, const struct shmq_shm_slot *slot, uint32_t component, int resource)
{
	size_t first = (size_t)(slot - segment->slots) * LAYOUT_LEASES;

	return &segment->own_leases[first + lease_place(component, resource)];
}

static inline HOT_INLINE bool lease_is_of(const struct segment_lease *lease, const struct directory_key *key,
                                          int resource)
{
	return lease->genstate == key->genstate && lease->component == key->index && lease->resource == resource;
}

/*
 * A thread's lease is its own, but a signal handler may come in between: it finds the lease busy, and does without. Only
 * the compiler must keep the order.
 */
static inline HOT_INLINE bool lease_enter(struct segment_lease *lease)
{
	if (__builtin_expect(shm_load32_relaxed(&lease->busy) != 0, 0)) /* relaxed: this thread's */
		return false;
	shm_store32_relaxed(&lease->busy, 1); /* relaxed: as above */
	shm_compiler_barrier();
	return true;
}

static inline HOT_INLINE void lease_leave(struct segment_lease *lease)
{
	shm_compiler_barrier();
	shm_store32_relaxed(&lease->busy, 0); /* relaxed: as lease_enter() */
}

/* Whether it may be spent: see the head of this file. */
static inline HOT_INLINE bool lease_is_valid(const struct shmq_segment *segment, const struct segment_lease *lease,
                                             uint64_t now_ms)
{
	bool is_valid = shm_load_acquire(&segment->policy->control.generation) == lease->generation && /* (D1) */
	                shm_load_acquire(lease->registration) == lease->genstate &&                    /* (D2) */
	                now_ms < lease->end_ms;

	for (unsigned i = 0; i < lease->ranks; i++)
		is_valid &= shm_load_seq_cst(&lease->rank[i].rate->current) == lease->rank[i].window; /* (W1) */
	return is_valid;
}

/* Fill in a verdict: what this thread has on lease is not used yet, and it may still take it. */
void lease_tell(const struct segment_lease *lease, uint64_t left, uint64_t amount, struct shmq_verdict *verdict);

/*
 * Take `amount` from what the calling thread has on lease. Wait-free; `verdict` says already who asks for what.
 * `told_ns` is the time that the caller was told, or NULL: read the clock. It is believed unless it ends a window.
 *
 * Returns  true   admitted
 *          false  there is not enough of it, or it is no longer valid; nothing was taken
 */
static inline HOT_INLINE bool lease_spend(const struct shmq_component *c, int resource, uint64_t amount,
                                          const uint64_t *told_ns, struct shmq_verdict *verdict)
{
	const struct shmq_segment *segment = c->segment;
	const struct worker_attachment *attachment = &worker_self->attachment[segment->ordinal];
	struct segment_lease *lease;
	uint64_t left = 0;
	bool is_spent;

	if (__builtin_expect(attachment->serial != segment->serial, 0))
		return false;
	lease = lease_of(segment, attachment->slot, c->key.index, resource);
	if (__builtin_expect(!lease_is_of(lease, &c->key, resource), 0) || !lease_enter(lease))
		return false;
	is_spent = lease_is_valid(segment, lease,
	                          told_ns != NULL ? *told_ns / NS_PER_MS : clock_window_ms(lease->shortest_ms));
	if (__builtin_expect(is_spent, 1)) {
		left = shm_load32_relaxed(&lease->shared->left); /* relaxed: this thread's */
		is_spent = amount <= left;
	}
	if (__builtin_expect(is_spent, 1)) {
		shm_store32_relaxed(&lease->shared->left, (uint32_t)(left - amount)); /* relaxed: a figure for others */
		if (__builtin_expect(verdict != NULL, 0))
			lease_tell(lease, left, amount, verdict);
	}
	lease_leave(lease);
	return is_spent;
}

/*
 * Take a batch with `amount` in it, and keep the rest on lease, in place of what was left. In an operation.
 *
 * Returns  true   admitted, by all ranks
 *          false  nothing was taken, and nothing is on lease for it: a batch would be too small, a rank is no window that
 *                 denies, or another rate has its place
 */
bool lease_take(struct shmq_component *c, const struct operation *operation, int resource, uint64_t amount,
                struct shmq_verdict *verdict);

/* Give back what the calling thread has on lease of a component's rate. Returns whether there was any. In an operation. */
bool lease_give_up(const struct shmq_component *c, const struct operation *operation, int resource);

/* Give back what a slot has on lease: by its owner, or after its death by who owns the slot now. In a read section. */
void lease_return(const struct shmq_segment *segment, uint32_t slot);

/* Forget what this process knew of a slot's leases. Its thread is gone, or begins. */
void lease_forget(const struct shmq_segment *segment, uint32_t slot);

/* How much of a rate's window in force is on lease, over all workers; of a group what its members have, too. */
uint64_t lease_sum(const struct shmq_segment *segment, uint32_t component, int resource);

#endif
