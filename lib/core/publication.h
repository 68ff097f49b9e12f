/* SPDX-License-Identifier: MIT */
/*
 * Publishing a whole policy at once.
 *
 * The segment has two tables of quotas; bit 0 of the generation says which is active. A publication fills the inactive
 * one, stages components that are new (LIVE, but without a quota in the active table, so no reader sees them), and then
 * adds one to the generation. That one store switches every limit, shows every new component and hides every dropped
 * one. Usage is not touched. The table that went out of use is filled again only after a grace period.
 *
 * Died before the switch: nothing happened, recovery retires what was staged. Died after it: recovery retires what was
 * dropped.
 */
#ifndef SHMQ_CORE_PUBLICATION_H
#define SHMQ_CORE_PUBLICATION_H

#include "core/directory_write.h"

#define PUBLICATION_PATIENCE_MS 1000

struct publication {
	struct directory directory;
	struct shmq_shm_quota *staged; /* the inactive table */
};

/*
 * Begin. Every registered component is carried over as its origin says: with its own quota, with the new default, or,
 * if the policy before declared it, not at all unless this one does too.
 *
 * Returns  0        to be followed by publication_commit() or publication_abort()
 *          -EAGAIN  the inactive table is still being read; nothing is held
 *          -EACCES, -EBUSY  from the controller lock
 */
int publication_begin(struct publication *out, struct shmq_segment *segment, const struct shmq_quota *fallback);

/* Declare a component. Returns 0, or -ENOSPC where the directory is full. */
int publication_declare(struct publication *publication, const char *name, size_t length,
                        const struct shmq_quota *quota);

void publication_commit(struct publication *publication);
void publication_abort(struct publication *publication);

#endif
