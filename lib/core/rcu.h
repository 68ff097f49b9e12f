/* SPDX-License-Identifier: MIT */
/*
 * RCU (read-copy-update) across processes, for what lies in a segment.
 *
 * A reader states the epoch it began in; who retires something bumps the epoch and frees it when every reader is idle,
 * began later, or is proven dead. 64-bit epochs never wrap, so one phase is enough where liburcu's 32-bit flavours need
 * two (Desnoyers et al., "User-Level Implementations of Read-Copy Update", IEEE TPDS 23(2), 2012, section 4; its QSBR
 * flavour drops to one phase on 64 bits for the same reason). liburcu itself cannot serve here: its list of readers is
 * private to a process.
 *
 *     ctr of a slot = [epoch:48 | nesting:16], written by the slot's owner only; 0 is idle
 *
 * Readers never wait. A stopped reader delays only the reuse of what was retired. There are no time-outs: taking a
 * sleeper for dead would hand its memory to somebody else under its eyes.
 */
#ifndef SHMQ_CORE_RCU_H
#define SHMQ_CORE_RCU_H

#include "shm/segment.h"

#define RCU_NESTING_BITS 16
#define RCU_NESTING_MASK ((UINT64_C(1) << RCU_NESTING_BITS) - 1)

/* Whether the calling thread, or what a signal handler of it interrupted, is in a section. */
static inline bool rcu_is_reading(const struct shmq_shm_slot *slot)
{
	/* relaxed: only this thread, and signal handlers that leave it as they found it, write this word */
	return shm_load_relaxed(&slot->ctr) != 0;
}

/*
 * Begin a section that is in no other one. `has_membarrier`: this process accepts fences from others, and the slot's
 * flag says so.
 */
static inline void rcu_begin(struct shmq_shm_slot *slot, const struct shm_u64 *epoch, bool has_membarrier)
{
	/*
	 * (R1) acquire: the epoch before all that the section reads.
	 * Pairs with the epoch's increment in rcu_cookie(). Without it a reader could state the new epoch and still
	 * see what was retired before it; nobody would wait for it.
	 */
	uint64_t ctr = shm_load_acquire(epoch) << RCU_NESTING_BITS | 1;

	/*
	 * (R2) store and full fence: the statement is visible before anything is read.
	 * Pairs with the full fence in rcu_poll(). Without it the scan could find an idle slot while its
	 * owner already reads what was just retired (store buffering). With membarrier the scan makes this thread's
	 * CPU pass the fence (process_fence_others()), and only the compiler must keep the order here.
	 */
	if (has_membarrier) {
		shm_store_relaxed(&slot->ctr, ctr); /* relaxed: ordered by (R2) from outside */
		shm_compiler_barrier();
	} else {
		shm_store_fence(&slot->ctr, ctr);
	}
}

/* End a section that is in no other one. */
static inline void rcu_end(struct shmq_shm_slot *slot)
{
	/*
	 * (R3) release: all that the section read before the statement that it is over.
	 * Pairs with the acquire in rcu_slot_is_quiescent(). Without it memory could be reused while a load of the
	 * section is still under way.
	 */
	shm_store_release(&slot->ctr, 0);
}

/* Begin a read section; they nest, so a signal handler may run one inside another. Wait-free. */
static inline void rcu_read_lock(struct shmq_shm_slot *slot, const struct shm_u64 *epoch, bool has_membarrier)
{
	if (rcu_is_reading(slot)) /* relaxed: the section is visible already */
		shm_store_relaxed(&slot->ctr, shm_load_relaxed(&slot->ctr) + 1);
	else
		rcu_begin(slot, epoch, has_membarrier);
}

/* End a read section. Wait-free. */
static inline void rcu_read_unlock(struct shmq_shm_slot *slot)
{
	uint64_t ctr = shm_load_relaxed(&slot->ctr); /* relaxed: as in rcu_is_reading() */

	if ((ctr & RCU_NESTING_MASK) == 1)
		rcu_end(slot);
	else
		shm_store_relaxed(&slot->ctr, ctr - 1); /* relaxed: the outermost one says when it is over */
}

/*
 * Begin a grace period, after unpublishing what is to be retired. Returns the cookie to poll with. Controller only.
 */
uint64_t rcu_cookie(struct shmq_segment *segment);

/*
 * Tell whether the grace period of a cookie is over: one scan over the slots, which any process may do or resume. Never
 * waits. Makes system calls only where a reader is inside an older section, to learn whether it is dead.
 */
bool rcu_poll(struct shmq_segment *segment, uint64_t cookie);

/* The newest epoch whose grace period is known to be over. */
uint64_t rcu_done(const struct shmq_segment *segment);

/* Poll until the grace period is over or `timeout_ms` has passed. Returns what rcu_poll() said last. */
bool rcu_wait(struct shmq_segment *segment, uint64_t cookie, unsigned timeout_ms);

#endif
