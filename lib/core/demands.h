/* SPDX-License-Identifier: MIT */
/*
 * Several resources of one component, all or nothing, without a lock between processes: looked at first, then taken one
 * by one, and given back where another worker was quicker. Meanwhile others may be refused needlessly; nobody is
 * admitted too much.
 *
 * A worker that dies in the middle leaves nothing for ever: rates come first, and what was taken of them returns with
 * their windows; of storage and memory it has taken both or none (reservation_take_levels()).
 */
#ifndef SHMQ_CORE_DEMANDS_H
#define SHMQ_CORE_DEMANDS_H

#include "core/reservation.h"

/*
 * The demands are valid; those on one resource add up. The verdict names the resource that refused, or the last one.
 *
 * Returns  as tracker_take(), and -EAGAIN where the ledger is full; with anything but SHMQ_OK nothing is taken
 */
int demands_take(struct shmq_component *component, const struct operation *operation, const struct shmq_demand *demands,
                 size_t count, struct shmq_verdict *verdict);

#endif
