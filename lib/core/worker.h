/* SPDX-License-Identifier: MIT */
/*
 * Workers: processes, thread by thread, that are attached to segments.
 *
 * What a thread knows of its attachments lies in a page that the kernel wipes in a forked child (MADV_WIPEONFORK). So
 * "never attached" and "I am a forked child" are one test, which costs nothing extra and also holds for a raw clone():
 * a child never writes its parent's slot.
 */
#ifndef SHMQ_CORE_WORKER_H
#define SHMQ_CORE_WORKER_H

#include "core/rcu.h"

struct worker_attachment {
	uint64_t serial; /* of the segment; 0 where this thread is not attached */
	struct shmq_shm_slot *slot;
};

/* Private to one thread; zero after fork. */
struct worker_thread {
	struct worker_attachment attachment[SEGMENT_ORDINALS];
	uint64_t token; /* 0 until the thread attaches for the first time */
	struct worker_thread *previous, *next;
};

/* Points to a page of zeroes that nobody writes, until the thread attaches. */
extern _Thread_local struct worker_thread *worker_self __attribute__((tls_model("initial-exec")));

/*
 * Attach the calling thread. Makes system calls.
 *
 * Returns  0
 *          -EAGAIN  all slots are taken by live threads
 *          -EROFS   the segment is open for observing
 *          -EXDEV   this process has moved to another pid or time namespace
 *          -ENOSYS  no /proc to tell who we are
 *          -ENOMEM
 */
int worker_attach(struct shmq_segment *segment, struct shmq_shm_slot **out);

/* The calling thread's identity token, read from /proc once; 0 where that cannot be read. */
uint64_t worker_token(void);

/* Begin an operation: attach if needed, then enter a read section. Returns as worker_attach(). */
static inline int worker_enter(struct shmq_segment *segment, struct shmq_shm_slot **out)
{
	const struct worker_attachment *attachment = &worker_self->attachment[segment->ordinal];
	struct shmq_shm_slot *slot = attachment->slot;

	if (__builtin_expect(attachment->serial != segment->serial, 0)) {
		struct shmq_shm_slot *attached;
		int result = worker_attach(segment, &attached);

		if (result < 0)
			return result;
		slot = attached; /* so that what the common way holds needs no address */
	}
	rcu_read_lock(slot, &segment->policy->control.epoch, segment->has_membarrier);
	*out = slot;
	return 0;
}

static inline void worker_leave(struct shmq_shm_slot *slot)
{
	rcu_read_unlock(slot);
}

/* Detach all threads of this process, before the segment is closed. */
void worker_detach_all(struct shmq_segment *segment);

/* Free the slots of dead threads. Returns how many there were. */
int worker_recover(struct shmq_segment *segment);

/* Free a slot that this process owns and that holds nothing. */
void worker_slot_free(struct shmq_shm_slot *slot);

/* See shmq_worker_at(). */
int worker_at(const struct shmq_segment *segment, uint32_t index, struct shmq_worker *out);

#endif
