/* SPDX-License-Identifier: MIT */
/*
 * What directory.c, registration.c and publication.c share: the directory as its one writer sees it, through the writable mapping and
 * under the controller lock. Nobody else includes this.
 */
#ifndef SHMQ_CORE_DIRECTORY_WRITE_H
#define SHMQ_CORE_DIRECTORY_WRITE_H

#include "core/directory.h"
#include "core/rules.h"

struct directory {
	struct shmq_segment *segment;
	struct shmq_shm_control *control;
	struct shm_u32 *buckets;
	struct shmq_shm_entry *entries;
	struct shmq_shm_quota *quotas[2];
	uint32_t active;     /* which table is in force */
	uint64_t unfinished; /* the oldest cookie found not to be over: no use in scanning for later ones */
};

#define DIRECTORY_NONE UINT32_MAX
#define DIRECTORY_PATIENCE_MS 100 /* for a grace period, before the directory counts as full */

/* Take the controller lock and repair what a dead holder left. Returns 0, -EACCES or -EBUSY. */
int directory_begin(struct directory *out, struct shmq_segment *segment);
void directory_end(struct directory *directory);

/* Find the entry that holds a name: a LIVE one, published or staged, else one that the active policy reserves for it. */
uint32_t directory_lookup(const struct directory *directory, const char *name, size_t length);

/* Find an entry to use, reclaiming on the way. Returns DIRECTORY_NONE where the directory is full. */
uint32_t directory_allocate(struct directory *directory);

/* Give a free entry its name, an empty tracker and a place in its chain. Not committed yet. */
void directory_prepare(struct directory *directory, uint32_t index, const char *name, size_t length);

/* Commit a prepared entry: LIVE, of the next generation. */
void directory_commit(struct directory *directory, uint32_t index);

/* Commit an entry that is reserved for its name, with an empty tracker. */
void directory_revive(struct directory *directory, uint32_t index);

/* Retire an entry: DYING, out of its chain, to be free after a grace period. */
void directory_retire(struct directory *directory, uint32_t index);

/* Free a DYING entry if its grace period is over, and what it used is off its groups. */
bool directory_reclaim(struct directory *directory, uint32_t index);

/* The rules that belong to a table. */
struct rules directory_rules(const struct directory *directory, uint32_t table);

/* What a manifest asks for: the policy caps it. */
struct directory_request {
	const struct shmq_quota *quota; /* valid */
	const void *grants;             /* as core/capability.h stores them */
	uint32_t grants_bytes;
};

/* What a table's policy says of an entry: by declaration, by pattern, or by default. */
void directory_policy_for(const struct directory *directory, uint32_t table, uint32_t index, struct quota_rule *out);

/* Put what a manifest asks for under the cap of `*rule`. Returns 0, or -ENOSPC where the table's rules are full. */
int directory_ask(const struct directory *directory, uint32_t table, const struct directory_request *request,
                  struct quota_rule *rule);

/*
 * Write the quota that a registered component has under a table's policy: what that says of it, but for limits of its
 * own or what its manifest asked for. Returns as directory_ask().
 */
int directory_carry(const struct directory *directory, uint32_t table, uint32_t index);

static inline unsigned entry_state(const struct shmq_shm_entry *entry)
{
	/* relaxed: only the holder of the controller lock writes it, and that is who asks */
	return (unsigned)(shm_load_relaxed(&entry->genstate) & ENTRY_STATE_MASK);
}

#endif
