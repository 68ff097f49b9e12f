/* SPDX-License-Identifier: MIT */
/*
 * What running windows and buckets do when a policy changes their limits: `inherit = keep | proportional | reset`.
 *
 * It is done by the publisher, right after the switch; meanwhile operations go by the new limits and the usage as it
 * stands, so no window ever admits more than the larger of both limits. A publisher that dies in between leaves the rest
 * as it stood, which is `keep` for windows and, since a bucket's word is a time, `proportional` for buckets: this is the
 * only part of a publication that recovery does not redo.
 */
#ifndef SHMQ_CORE_CARRY_H
#define SHMQ_CORE_CARRY_H

#include "shm/segment.h"

/* Bring the rates of one component from the quota before to the one in force. By the holder of the controller lock. */
void carry_component(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *before,
                     const struct shmq_shm_quota *active);

#endif
