/* SPDX-License-Identifier: MIT */
/*
 * Several resources of one component, all or nothing, without a lock: looked at first, then taken one by one, and given
 * back where another worker was quicker. Meanwhile others may be refused needlessly; nobody is admitted too much.
 */
#ifndef SHMQ_CORE_DEMANDS_H
#define SHMQ_CORE_DEMANDS_H

#include "core/tracker.h"

/*
 * Inside a read section; the demands are valid. The verdict names the resource that refused, or the last one.
 *
 * Returns  as tracker_take(); with anything but SHMQ_OK nothing is taken
 */
int demands_take(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota,
                 const struct shmq_demand *demands, size_t count, struct shmq_verdict *verdict);

#endif
