/* SPDX-License-Identifier: MIT */
/*
 * Reservations, and a process's share of memory: what is taken and may still be given back.
 *
 * A level's share stands in the ledger of the slot that took it, so it is returned when its process dies, wherever that
 * happens. A rate's share stands in the caller's memory only: a worker that dies forfeits it, and it comes back with the
 * window's end.
 *
 * The ledger belongs to a slot, but any thread of the process may finish what another one reserved, also after that one
 * has ended. So each ledger has a lock that is private to the process: never contended unless two threads work on one
 * slot's reservations, gone with the process, open again in a forked child (its memory is wiped there). Nobody in
 * another process ever waits for it.
 */
#ifndef SHMQ_CORE_RESERVATION_H
#define SHMQ_CORE_RESERVATION_H

#include "core/handle.h"
#include "core/tracker.h"

void reservation_lock(struct segment_slot *private);
void reservation_unlock(struct segment_slot *private);

/* What these need of the calling operation. */
struct reservation_context {
	struct shmq_component *component;
	struct shmq_shm_slot *slot; /* of the calling thread, which is in a read section */
	struct tracker_limits limits;
};

/* See shmq_reserve(). */
int reservation_reserve(struct shmq_reservation *out, const struct reservation_context *context, int resource,
                        uint64_t amount, struct shmq_verdict *verdict);

/*
 * Finish: `actual` of the reserved amount is used, the rest returned. `is_current` is false where the component was
 * unregistered: then there is nothing to return to.
 *
 * Returns  0, or -ESTALE where the component is gone
 */
int reservation_finish(struct shmq_reservation *reservation, uint64_t actual, bool is_current);

/* Finish: all of the reserved amount is used. Needs no read section. Returns 0 or -ESTALE. */
int reservation_keep(struct shmq_reservation *reservation);

/* Take both storage and memory, or neither, also if the process dies in between. Returns as reservation_reserve(). */
int reservation_take_levels(const struct reservation_context *context, const struct shmq_shm_quota *quota,
                            const uint64_t amounts[SHMQ_RESOURCES], struct shmq_verdict *verdict);

/* See shmq_memory_set(). */
int reservation_set_memory(const struct reservation_context *context, uint64_t bytes, struct shmq_verdict *verdict);

#endif
