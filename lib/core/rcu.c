/* SPDX-License-Identifier: MIT */
/*
 * The updater's side. `done` is only a memory of scans that succeeded: losing an update of it costs a scan.
 */
#include "core/rcu.h"

#include "base/clock.h"
#include "base/probe.h"
#include "base/process.h"

#include <time.h>

#define POLL_PAUSE_NS 50000

uint64_t rcu_cookie(struct shmq_segment *segment)
{
	/* relaxed: a controller's, under the lock */
	PROBE2(grace_begin, segment->name, shm_load_relaxed(&segment->policy->control.epoch) + 1);
	/*
	 * (R1) seq_cst: what was unpublished before the new epoch.
	 * Pairs with the acquire in rcu_read_lock().
	 */
	return shm_add_seq_cst(&segment_writable(segment)->control.epoch, 1) + 1;
}

/* `are_fenced`: readers that leave out their own fence have passed one since the cookie was made. */
static bool rcu_slot_is_quiescent(const struct shmq_shm_slot *slot, uint64_t cookie, bool are_fenced)
{
	/* (R3) acquire: pairs with the release in rcu_read_unlock(). */
	uint64_t ctr = shm_load_acquire(&slot->ctr);
	/*
	 * (R6) acquire: pairs with slot_announce_fences(). A flag that is not seen here belongs to a thread whose sections
	 * all begin behind the fence there, and so behind what was unpublished.
	 */
	bool is_known = are_fenced || (shm_load32_acquire(&slot->flags) & SLOT_MEMBARRIER) == 0;
	uint64_t owner;

	if (is_known && ((ctr & RCU_NESTING_MASK) == 0 || ctr >> RCU_NESTING_BITS >= cookie))
		return true;
	/*
	 * (R4) acquire, and after `ctr`: an owner that is dead now wrote no later `ctr` than the one just seen.
	 * Pairs with slot_claim(). The other order would be safe too (tests/model: who claims the slot passes a full
	 * fence before it reads); this one needs no such argument.
	 */
	owner = shm_load_acquire(&slot->owner);
	return owner == 0 || process_is_dead(owner);
}

static void rcu_raise_done(struct shmq_segment *segment, uint64_t cookie)
{
	struct shmq_shm_policy *policy = segment_writable(segment);
	uint64_t done;

	if (policy == NULL) /* a worker may look but not tell */
		return;
	done = shm_load_relaxed(&policy->control.done); /* relaxed: the CAS decides */
	/* (R5) acq_rel: pairs with rcu_done(). Retried only when somebody else raised it. */
	while (done < cookie && !shm_cas_acq_rel(&policy->control.done, &done, cookie))
		;
}

uint64_t rcu_done(const struct shmq_segment *segment)
{
	const struct shmq_shm_policy *writable = segment_writable(segment);

	/*
	 * (R5) acquire: what the earlier scan saw. Pairs with the CAS in rcu_raise_done().
	 * Through the mapping it was raised by, where there is one: ThreadSanitizer goes by addresses.
	 */
	return shm_load_acquire(writable != NULL ? &writable->control.done : &segment->policy->control.done);
}

bool rcu_poll(struct shmq_segment *segment, uint64_t cookie)
{
	bool are_fenced;

	if (rcu_done(segment) >= cookie)
		return true;
	if (cookie > shm_load_relaxed(&segment->policy->control.epoch)) /* relaxed: a cookie is never ahead of it */
		return false; /* a damaged cookie: it would end all later grace periods at once */
	/* (R2) The fence that readers left out. Who may not ask for it finds their slots unknown, never idle. */
	are_fenced = segment->policy->header.features & FEATURE_MEMBARRIER ? process_fence_others() : true;
	/*
	 * (R2) full fence: what was unpublished before the scan, whoever of us did it.
	 * Pairs with the full fence in rcu_read_lock().
	 */
	shm_fence_seq_cst();
	for (uint32_t i = 0; i < segment->layout.threads; i++)
		if (!rcu_slot_is_quiescent(&segment->slots[i], cookie, are_fenced))
			return false;
	rcu_raise_done(segment, cookie);
	PROBE2(grace_end, segment->name, cookie);
	return true;
}

bool rcu_wait(struct shmq_segment *segment, uint64_t cookie, unsigned timeout_ms)
{
	const struct timespec pause = {.tv_nsec = POLL_PAUSE_NS};
	uint64_t deadline_ns = clock_read_ns(CLOCK_MONOTONIC) + timeout_ms * NS_PER_MS;

	while (!rcu_poll(segment, cookie)) {
		if (clock_read_ns(CLOCK_MONOTONIC) >= deadline_ns)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}
