/* SPDX-License-Identifier: MIT */
/*
 * Quotas as they lie in the policy object: packed on the way in by a controller, unpacked on the way out by everybody.
 * A whole table of them switches by one store (core/publication.h), so single words need no order of their own.
 */
#ifndef SHMQ_CORE_QUOTA_H
#define SHMQ_CORE_QUOTA_H

#include "base/clock.h"
#include "shm/layout.h"

/* What a policy says of a component beyond its limits. */
struct quota_rule {
	struct shmq_quota quota;
	uint32_t parent;                /* index of its group + 1, 0 none */
	uint32_t grants, asked;         /* offsets into the rules, 0 none */
	uint32_t place[SHMQ_RESOURCES]; /* [file number:10 | line:22] */
	uint64_t flags;                 /* QUOTA_… */
};

static inline uint64_t quota_limit(uint64_t word)
{
	uint64_t limit = word & QUOTA_AMOUNT_MASK;

	return limit == QUOTA_AMOUNT_MASK ? SHMQ_UNLIMITED : limit;
}

static inline enum shmq_enforcement mode_enforcement(uint64_t mode)
{
	return (enum shmq_enforcement)(mode >> MODE_ENFORCE_AT & ((1 << MODE_ENFORCE_BITS) - 1));
}

static inline uint64_t quota_flags(const struct shmq_shm_quota *quota)
{
	return shm_load_relaxed(&quota->flags); /* relaxed: by the holder of the controller lock, or acquired before */
}

/* Write a quota into a table that is not in force, or of an entry that is not. */
void quota_store(struct shmq_shm_quota *out, const struct quota_rule *rule);

/* Read a quota back. Inside a read section, or followed by directory_is_current(). */
void quota_load(struct quota_rule *out, const struct shmq_shm_quota *quota);

/* Copy a quota as it is, but for its flags: `flags` in place of those that say whose it is and whether it is there. */
void quota_copy(struct shmq_shm_quota *out, const struct shmq_shm_quota *from, uint64_t flags);

/* The smaller of both, resource by resource: limits of a manifest under those of the host. */
void quota_cap(struct shmq_quota *asked, const struct shmq_quota *cap);

#endif
