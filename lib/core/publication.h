/* SPDX-License-Identifier: MIT */
/*
 * Publishing a whole policy at once.
 *
 * The segment has two tables of quotas and two areas of rules; bit 0 of the generation says which are active. A
 * publication fills the inactive ones, stages components that are new (LIVE, but without a quota in the active table, so
 * no reader sees them), and then adds one to the generation. That one store switches every limit, shows every new
 * component and hides every dropped one. Usage is not touched. What went out of use is filled again only after a grace
 * period.
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
	struct rules rules;            /* the inactive area */
};

/* What a policy says of a component, or of those that a pattern names. */
struct publication_rule {
	struct shmq_quota quota;
	const char *group;              /* the component that it counts against, NULL none */
	uint32_t grants;                /* from publication_add_grants(), 0 none */
	uint32_t place[SHMQ_RESOURCES]; /* [file number:10 | line:22], 0 nowhere */
	bool is_group;                  /* others may count against it */
};

/*
 * Begin. What is not declared and not matched by a pattern gets the default: set it before the commit.
 *
 * Returns  0        to be followed by publication_commit() or publication_abort()
 *          -EAGAIN  the inactive table is still being read; nothing is held
 *          -EACCES, -EBUSY  from the controller lock
 */
int publication_begin(struct publication *out, struct shmq_segment *segment);

/* Name a file that places speak of; numbers go up from 1. Returns 0, or -ENOSPC where the rules area is full. */
int publication_add_file(struct publication *publication, const char *name);

/* Add a set of capabilities as core/capability.h stores it. Returns 0 and its offset, or -ENOSPC. */
int publication_add_grants(struct publication *publication, const void *set, size_t bytes, uint32_t *offset);

/*
 * Declare a component. Groups are declared before what counts against them.
 *
 * Returns  0, -ENOSPC where the directory is full, -ENOENT where its group is not declared
 */
int publication_declare(struct publication *publication, const char *name, size_t length,
                        const struct publication_rule *rule);

/* Say what holds for components that match a glob and are not declared. Returns as publication_declare(). */
int publication_add_pattern(struct publication *publication, const char *glob, const struct publication_rule *rule);

/* Say what holds for all others. Returns as publication_declare(). */
int publication_set_default(struct publication *publication, const struct publication_rule *rule);

/*
 * Switch, and end.
 *
 * Returns  0
 *          -EBUSY   a component that uses storage or memory would change its group; nothing was changed
 *          -EAGAIN  a reader did not let a component change its group in time; nothing was changed
 *          -ENOSPC  no room for what manifests asked for; nothing was changed
 */
int publication_commit(struct publication *publication);
void publication_abort(struct publication *publication);

/*
 * Register a component as its manifest asks, under the cap of the policy in force. One that the policy declares is there
 * already: its first manifest counts.
 *
 * Returns  as publication_commit(); -EEXIST, -ENOSPC
 */
int publication_register(struct shmq_segment *segment, const char *name, size_t length,
                         const struct directory_request *request);

/* Publish the policy in force once more, with another quota for one component. Returns as above, or -ENOENT. */
int publication_change(struct shmq_segment *segment, const char *name, size_t length, const struct shmq_quota *quota);

#endif
