/* SPDX-License-Identifier: MIT */
/*
 * Reservations, and a process's share of memory: what is taken and may still be given back.
 *
 * A level's share stands in the ledger of the slot that took it, so it is returned when its process dies, wherever that
 * happens. A rate's share stands in the caller's memory only: a worker that dies forfeits it, and it comes back with the
 * window's end.
 *
 * The ledger belongs to a slot, but any thread of the process may finish what another one reserved, also after that one
 * has ended: core/holding.h has the lock for it.
 */
#ifndef SHMQ_CORE_RESERVATION_H
#define SHMQ_CORE_RESERVATION_H

#include "core/charge.h"

#include <limits.h>

/*
 * Drop what this process holds of memory of components that are gone: that may make room in a ledger, and free a slot
 * that an ended thread had left. Who was refused tries again then, whether it was this call or a sibling's that made the
 * room. Needs no read section; what counted against groups stays until an operation of the process meets it.
 */
void reservation_make_room(struct shmq_segment *segment);

/* Nothing was done: it is for reservation_reserve(). */
#define RESERVATION_OTHERWISE INT_MIN

/*
 * The plain way of shmq_reserve(): a level of a component without groups, whose quota denies. `amount` is above 0 and
 * not too much. Returns as shmq_reserve(), or RESERVATION_OTHERWISE.
 */
int reservation_reserve_plain(struct shmq_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                              struct shmq_verdict *verdict);

/* See shmq_reserve(). */
int reservation_reserve(struct shmq_reservation *out, const struct charge *charge, int resource, uint64_t amount,
                        struct shmq_verdict *verdict);

/*
 * Finish: `actual` of the reserved amount is used, the rest returned. `is_current` is false where the component was
 * unregistered: then there is nothing to return to.
 *
 * Returns  0, or -ESTALE where the component is gone
 */
int reservation_finish(struct shmq_reservation *reservation, uint64_t actual, bool is_current);

/*
 * True where committing all of it needs no read section: nothing but its entry is touched. With groups it does: what its
 * component used is taken off them when it is gone, and must be complete by then.
 */
bool reservation_is_simple(const struct shmq_reservation *reservation);

/* Take both storage and memory, or neither, also if the process dies in between. Returns as reservation_reserve(). */
int reservation_take_levels(const struct charge *charge, const uint64_t amounts[SHMQ_RESOURCES],
                            struct shmq_verdict *verdict);

/* See shmq_memory_set(). */
int reservation_set_memory(const struct charge *charge, uint64_t bytes, struct shmq_verdict *verdict);

#endif
