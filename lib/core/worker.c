/* SPDX-License-Identifier: MIT */
/*
 * Claiming and freeing slots. A slot is claimed by one compare-and-swap that also says by whom, so a thread that dies
 * right after it is recognised. Everything here is outside the hot path and under the process lock, which nobody in
 * another process ever waits for.
 */
#include "core/worker.h"

#include "base/clock.h"
#include "base/process.h"
#include "core/lease.h"
#include "core/report.h"
#include "core/reservation.h"
#include "shm/object.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static struct worker_thread worker_none; /* all zero, never written */
_Thread_local struct worker_thread *worker_self __attribute__((tls_model("initial-exec"))) = &worker_none;

/* Zero after fork: of the parent's threads only one is left, and it is not attached yet. */
static struct worker_list {
	struct worker_thread *first;
} * worker_list;

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static int thread_setup_result;

static_assert(sizeof(struct worker_thread) <= 4096, "a thread's attachments fit one page");

void worker_slot_free(struct shmq_shm_slot *slot)
{
	shm_store_relaxed(&slot->ctr, 0); /* relaxed: the release below orders it */
	/*
	 * (K1) release: the idle ctr before the free slot.
	 * Pairs with the CAS in slot_claim(). Without it the next owner's section could be overwritten by our zero.
	 */
	shm_store_release(&slot->owner, 0);
}

/* Make the slot ours if it is `expected`'s still. */
static bool slot_claim(struct shmq_shm_slot *slot, uint64_t expected, uint64_t token)
{
	/* (K1) (R4) acq_rel: pairs with worker_slot_free(), and with the scan in rcu_slot_is_quiescent(). */
	if (!shm_cas_acq_rel(&slot->owner, &expected, token))
		return false;
	shm_store_relaxed(&slot->ctr, 0); /* relaxed: a dead owner's section; until now it only delayed reuse */
	shm_store32_release(&slot->flags, 0);
	return true;
}

/* The slot is ours: return what its owner before us held. Returns how many holdings that were. */
static uint32_t slot_return_holdings(struct shmq_segment *segment, struct shmq_shm_slot *slot)
{
	uint32_t returned;

	rcu_read_lock(slot, &segment->policy->control.epoch, false);
	returned = holding_recover(segment, (uint32_t)(slot - segment->slots));
	lease_return(segment, (uint32_t)(slot - segment->slots));
	rcu_read_unlock(slot);
	return returned;
}

/* With positive proof. What an ended thread left to its process lives as long as that does. */
static bool slot_is_dead(const struct shmq_shm_slot *slot, uint64_t owner)
{
	if (!process_is_dead(owner))
		return false;
	/* (K2) acquire, after the proof: pairs with slot_leave_to_process(), which says so before the thread ends. */
	return (shm_load32_acquire(&slot->flags) & SLOT_OF_PROCESS) == 0 || process_is_gone(owner);
}

/*
 * The thread ends and still holds something: other threads of its process may finish it. One compare-and-swap hands the
 * slot over; before it the slot is the thread's, and dies with it.
 */
static bool slot_leave_to_process(struct shmq_shm_slot *slot, uint64_t token)
{
	uint64_t leader = process_leader_token();

	if (leader == 0)
		return false;
	shm_store32_release(&slot->flags, SLOT_OF_PROCESS); /* (K2) release: before the owner's end can be seen */
	return shm_cas_acq_rel(&slot->owner, &token, leader);
}

static void thread_forget(struct worker_thread *thread)
{
	if (thread->previous != NULL)
		thread->previous->next = thread->next;
	else if (worker_list->first == thread)
		worker_list->first = thread->next;
	if (thread->next != NULL)
		thread->next->previous = thread->previous;
	munmap(thread, sizeof(*thread));
}

/* What the thread had on lease is nobody else's to use, also where what it holds is left to its process. */
static void slot_return_leases(struct shmq_segment *segment, struct shmq_shm_slot *slot)
{
	rcu_read_lock(slot, &segment->policy->control.epoch, false);
	lease_return(segment, (uint32_t)(slot - segment->slots));
	rcu_read_unlock(slot);
}

static void slot_detach(struct shmq_segment *segment, struct shmq_shm_slot *slot, uint64_t token)
{
	struct segment_slot *private = &segment->private->slots[slot - segment->slots];

	slot_return_leases(segment, slot);
	holding_lock(private);
	if (private->held > 0 && slot_leave_to_process(slot, token)) {
		private->is_orphan = true;
	} else {
		private->uses++; /* reservations that are still about are void */
		slot_return_holdings(segment, slot);
		private->held = 0;
		worker_slot_free(slot);
	}
	holding_unlock(private);
}

/* Runs when a thread ends. In a forked child the page is zero and there is nothing to give back. */
static void thread_end(void *argument)
{
	struct worker_thread *thread = argument;

	worker_self = &worker_none;
	if (process_lock() < 0)
		return;
	for (uint32_t i = 0; i < SEGMENT_ORDINALS; i++) {
		struct shmq_segment *segment = segment_by_ordinal(i);

		if (segment != NULL && thread->attachment[i].serial == segment->serial)
			slot_detach(segment, thread->attachment[i].slot, thread->token);
	}
	thread_forget(thread);
	process_unlock();
}

static void thread_setup(void)
{
	thread_setup_result = -pthread_key_create(&thread_key, thread_end);
	worker_list = process_private_map(sizeof(*worker_list));
	if (worker_list == NULL)
		thread_setup_result = -ENOMEM;
}

/* Make sure that this thread has a page of its own, with its token in it and enlisted in this process. */
static int thread_prepare(void)
{
	struct worker_thread *thread = worker_self;

	pthread_once(&thread_once, thread_setup);
	if (thread_setup_result < 0)
		return thread_setup_result;
	if (thread == &worker_none) {
		thread = process_private_map(sizeof(*thread));
		if (thread == NULL)
			return -ENOMEM;
		if (pthread_setspecific(thread_key, thread) != 0) {
			munmap(thread, sizeof(*thread));
			return -ENOMEM;
		}
		worker_self = thread;
	}
	if (thread->token != 0)
		return 0;
	thread->token = process_token();
	if (thread->token == 0)
		return -ENOSYS; /* no /proc: nobody could tell whether we live */
	thread->next = worker_list->first;
	if (thread->next != NULL)
		thread->next->previous = thread;
	worker_list->first = thread;
	return 0;
}

uint64_t worker_token(void)
{
	if (worker_self->token == 0 && process_lock() == 0) {
		thread_prepare(); /* where it fails the token stays 0 */
		process_unlock();
	}
	return worker_self->token;
}

/* True where this thread uses the slot through another opening of the segment, or an ended one left it to us. */
static bool slot_is_in_use(const struct shmq_segment *segment, uint32_t index)
{
	for (uint32_t i = 0; i < SEGMENT_ORDINALS; i++) {
		const struct worker_attachment *attachment = &worker_self->attachment[i];
		const struct shmq_segment *other = segment_by_ordinal(i);

		if (other == NULL || other->usage->header.pair != segment->usage->header.pair)
			continue;
		if (attachment->serial == other->serial && attachment->slot == &other->slots[index])
			return true;
		if (other->access != SHMQ_OBSERVE && other->private->slots[index].is_orphan)
			return true;
	}
	return false;
}

/*
 * exec() keeps the pid and the start time: a slot that carries our token already is from before, unless we know of it.
 * Its owner is us, but what it holds is the other program's.
 */
static void free_slots_from_before_exec(struct shmq_segment *segment, uint64_t token)
{
	for (uint32_t i = 0; i < segment->layout.threads; i++)
		if (shm_load_relaxed(&segment->slots[i].owner) == token && /* relaxed: only we write our token */
		    !slot_is_in_use(segment, i)) {
			slot_return_holdings(segment, &segment->slots[i]);
			worker_slot_free(&segment->slots[i]);
		}
}

static struct shmq_shm_slot *find_slot(struct shmq_segment *segment, uint64_t token)
{
	uint32_t threads = segment->layout.threads;
	uint32_t start = process_tid(token) % threads; /* spreads concurrent claims */

	for (int take_dead = 0; take_dead <= 1; take_dead++) {
		for (uint32_t i = 0; i < threads; i++) {
			struct shmq_shm_slot *slot = &segment->slots[(start + i) % threads];
			uint64_t owner = shm_load_relaxed(&slot->owner); /* relaxed: the CAS decides */

			if ((owner == 0 || (take_dead && slot_is_dead(slot, owner))) &&
			    slot_claim(slot, owner, token)) {
				slot_return_holdings(segment, slot);
				if (owner != 0)
					report_recovery(segment, process_tid(owner));
				return slot;
			}
		}
	}
	return NULL;
}

/* What this process knew of the slot is of an earlier thread. Under its lock: who freed the slot may hold it still. */
static void forget_slot(struct shmq_segment *segment, const struct shmq_shm_slot *slot)
{
	struct segment_slot *private = &segment->private->slots[slot - segment->slots];

	holding_lock(private);
	private->uses++;
	private->held = 0;
	private->hint = 0;
	private->is_orphan = false;
	holding_unlock(private);
	lease_forget(segment, (uint32_t)(slot - segment->slots));
}

/* From here on this thread's sections begin without a fence of their own. */
static void slot_announce_fences(struct shmq_shm_slot *slot)
{
	shm_store32_relaxed(&slot->flags, SLOT_MEMBARRIER); /* relaxed: the fence orders it */
	/*
	 * (R6) full fence: the flag before any section.
	 * Pairs with rcu_slot_is_quiescent(). Without it a scan that asked for no fence could miss the flag and take a
	 * reader whose statement is still on its way for idle.
	 */
	shm_fence_seq_cst();
}

static int attach_locked(struct shmq_segment *segment, struct shmq_shm_slot **out)
{
	int result = thread_prepare();
	struct shmq_shm_slot *slot;

	if (result < 0)
		return result;
	free_slots_from_before_exec(segment, worker_self->token);
	slot = find_slot(segment, worker_self->token);
	if (slot == NULL)
		return -EAGAIN;
	if (segment->private->life == 0)
		segment->private->life = worker_self->token;
	forget_slot(segment, slot);
	if (segment->has_membarrier)
		slot_announce_fences(slot);
	shm_store_relaxed(&slot->attached_ns, clock_read_ns(CLOCK_MONOTONIC)); /* relaxed: for observers only */
	worker_self->attachment[segment->ordinal] = (struct worker_attachment){segment->serial, slot};
	*out = slot;
	return 0;
}

static int attach_once(struct shmq_segment *segment, struct shmq_shm_slot **out)
{
	int result = process_lock();

	if (result == 0) {
		result = attach_locked(segment, out);
		process_unlock();
	}
	return result;
}

int worker_attach(struct shmq_segment *segment, struct shmq_shm_slot **out)
{
	int saved_errno = errno;
	int result;

	if (segment->access == SHMQ_OBSERVE)
		return -EROFS;
	/* Checked again: a process may have moved to another namespace since it opened the segment. */
	result = object_check_world(&segment->usage->header);
	if (result == 0)
		result = attach_once(segment, out);
	if (result == -EAGAIN) {
		reservation_make_room(segment);
		result = attach_once(segment, out);
	}
	errno = saved_errno;
	return result;
}

void worker_detach_all(struct shmq_segment *segment)
{
	if (worker_list == NULL || process_lock() < 0)
		return;
	for (struct worker_thread *thread = worker_list->first; thread != NULL; thread = thread->next) {
		struct worker_attachment *attachment = &thread->attachment[segment->ordinal];

		if (attachment->serial == segment->serial) {
			slot_return_holdings(segment, attachment->slot);
			worker_slot_free(attachment->slot);
			*attachment = (struct worker_attachment){0};
		}
	}
	for (uint32_t i = 0; i < segment->layout.threads; i++) {
		if (segment->private->slots[i].is_orphan) {
			slot_return_holdings(segment, &segment->slots[i]);
			worker_slot_free(&segment->slots[i]);
		}
	}
	process_unlock();
}

int worker_recover(struct shmq_segment *segment)
{
	uint64_t token = worker_token();
	int recovered = 0;
	int result;

	if (segment->access == SHMQ_OBSERVE)
		return -EACCES;
	/* From another namespace everybody looks dead. */
	result = object_check_world(&segment->usage->header);
	if (result < 0)
		return result;
	if (token == 0)
		return -ENOSYS;
	reservation_make_room(segment);
	for (uint32_t i = 0; i < segment->layout.threads; i++) {
		struct shmq_shm_slot *slot = &segment->slots[i];
		uint64_t owner = shm_load_relaxed(&slot->owner); /* relaxed: the CAS decides */

		/* Claimed before it is freed: a zero over the ctr of somebody who was quicker would end its section. */
		if (owner != 0 && owner != token && slot_is_dead(slot, owner) && slot_claim(slot, owner, token)) {
			slot_return_holdings(segment, slot);
			worker_slot_free(slot);
			report_recovery(segment, process_tid(owner));
			recovered++;
		}
	}
	return recovered;
}

int worker_at(const struct shmq_segment *segment, uint32_t index, struct shmq_worker *out)
{
	const struct shmq_shm_slot *slot;
	uint64_t owner, ctr;

	if (index >= segment->layout.threads)
		return -EINVAL;
	slot = &segment->slots[index];
	ctr = shm_load_acquire(&slot->ctr);
	owner = shm_load_acquire(&slot->owner);
	if (owner == 0)
		return -ENOENT;
	*out = (struct shmq_worker){
	    .slot = index,
	    .tid = process_tid(owner),
	    .alive = segment->is_image || object_check_world(&segment->usage->header) < 0 || !slot_is_dead(slot, owner),
	    .reading = (ctr & RCU_NESTING_MASK) != 0,
	    .epoch = ctr >> RCU_NESTING_BITS,
	    .attached_ns = shm_load_relaxed(&slot->attached_ns),
	};
	return 0;
}
