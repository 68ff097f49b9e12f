/* SPDX-License-Identifier: MIT */
/*
 * The controller lock: one controller at a time changes the policy object. It is the holder's identity token, set by
 * compare-and-swap and stolen only from a proven-dead holder. Not a robust mutex: glibc's keeps process pointers in
 * shared memory, and whoever can write there makes the unlocking process write where it likes. docs/decisions/ has the
 * whole argument.
 *
 * No worker ever takes it.
 */
#ifndef SHMQ_CORE_CONTROLLER_H
#define SHMQ_CORE_CONTROLLER_H

#include "shm/segment.h"

#define CONTROLLER_PATIENCE_MS 10000

/*
 * Take the lock, waiting for a live holder.
 *
 * Returns  0        `*must_recover` says whether the holder before died at work
 *          -EACCES  this process is not a controller of the segment
 *          -EBUSY   a live holder did not let go in time
 *          -EXDEV   this process has moved to another namespace
 *          -ENOSYS  no /proc to tell who we are
 */
int controller_lock(struct shmq_segment *segment, bool *must_recover);

/* Let go. What was done under the lock is released with it. */
void controller_unlock(struct shmq_segment *segment);

#endif
