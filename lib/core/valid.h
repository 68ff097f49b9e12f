/* SPDX-License-Identifier: MIT */
/*
 * Validity: what is true of a segment whenever nobody is in the middle of a change, invariant by invariant. Nothing is
 * written, no slot is claimed; what is read is input, so every index is checked and every loop bounded.
 *
 * The segment may be in use. Each element is looked at by itself: where something seems wrong, the look counts only if
 * the words that a change would have moved stand still from before it to after it; else it is done again, a bounded
 * number of times. So a defect that is reported was there, and what changes all the time is passed over.
 *
 * What follows from the entries' states (links, counts, presence) is in order only while no controller is at work. It is
 * passed over while the controller lock is held: by a live holder, who is changing it, or by a dead one, after whom the
 * next holder repairs it.
 *
 * What repairs is elsewhere: directory_begin() what a controller left, ledger_recover() what a worker left.
 */
#ifndef SHMQ_CORE_VALID_H
#define SHMQ_CORE_VALID_H

#include "shm/segment.h"

/* See shmq_segment_verify(). Returns how many invariants are broken, or -ENOMEM. */
int valid_segment(const struct shmq_segment *segment, void (*complain)(void *context, const struct shmq_defect *defect),
                  void *context);

#endif
