/* SPDX-License-Identifier: MIT */
/*
 * The component directory: a hash table chained by 32-bit index, read under RCU, written under the controller lock.
 *
 * One word is the only truth about an entry: genstate = generation << 8 | FREE, LIVE or DYING. Every change commits by
 * one store of it; links and counts are derived, and recovery redoes them. Entries never move, a deleted one keeps its
 * link until its grace period is over, and readers bound their hops by the number of entries, so even a damaged chain
 * ends.
 *
 *     FREE --register--> LIVE --unregister--> DYING --grace period--> FREE
 *
 * A component exists for readers when its entry is LIVE and its quota under the active policy is PRESENT. The second
 * half is what lets a whole policy appear at once: core/publication.h.
 *
 * An entry is in its chain exactly if it is LIVE, or if the active policy declares it: then it keeps its name and quota
 * while it is unregistered.
 */
#ifndef SHMQ_CORE_DIRECTORY_H
#define SHMQ_CORE_DIRECTORY_H

#include "base/hash.h"
#include "core/quota.h"
#include "core/rcu.h"

/* Who is meant: an entry, and which registration of it. */
struct directory_key {
	uint32_t index;
	uint64_t genstate;
};

/* Seeded by the segment's own random number: names are often chosen by those whom the quotas are for. */
static inline uint64_t directory_hash(const struct shmq_segment *segment, const char *name, size_t length)
{
	return hash_seeded(segment->policy->header.pair, name, length);
}

/* The quotas of the active policy. Inside one read section. */
static inline const struct shmq_shm_quota *directory_quotas(const struct shmq_segment *segment)
{
	/*
	 * (D1) acquire: the generation before the table it names.
	 * Pairs with publication_commit(). Without it limits of the policy before could be mixed in.
	 */
	return segment->quotas[shm_load_acquire(&segment->policy->control.generation) & 1];
}

/*
 * Tell whether a registration is still in force, and by which quota. Inside a read section it stays so to its end: the
 * entry is not used again before.
 */
static inline const struct shmq_shm_quota *directory_quota(const struct shmq_segment *segment,
                                                           const struct directory_key *key)
{
	const struct shmq_shm_quota *quota = &directory_quotas(segment)[key->index];

	/* (D2) acquire: pairs with the commits in directory.c. */
	if (shm_load_acquire(&segment->entries[key->index].genstate) != key->genstate)
		return NULL;
	/* (D3) acquire: pairs with quota_store(). */
	return (shm_load_acquire(&quota->flags) & QUOTA_PRESENT) != 0 ? quota : NULL;
}

/* Where a registration's quota will be found unless the policy changes: an aim taken before a read section begins. */
struct directory_aim {
	const struct shm_u64 *generation, *genstate;
	const struct shmq_shm_quota *quota;
	uint64_t seen; /* the generation that was aimed by */
};

/*
 * Nothing that stands behind the fence of a read section begins before it is through. Addresses are worked out before:
 * then a load is all that waits, not the loads that lead to it.
 */
static inline HOT_INLINE struct directory_aim directory_aim(const struct shmq_segment *segment,
                                                            const struct directory_key *key)
{
	const struct shm_u64 *generation = &segment->policy->control.generation;
	uint64_t seen = shm_load_relaxed(generation); /* relaxed: a guess, looked at once more in the section */

	return (struct directory_aim){generation, &segment->entries[key->index].genstate,
	                              &segment->quotas[seen & 1][key->index], seen};
}

/* directory_quota() by an aim. Inside a read section. */
static inline HOT_INLINE const struct shmq_shm_quota *directory_aimed_quota(const struct shmq_segment *segment,
                                                                            const struct directory_key *key,
                                                                            const struct directory_aim *aim)
{
	/* (D1) acquire: as in directory_quotas(). */
	if (__builtin_expect(shm_load_acquire(aim->generation) != aim->seen, 0))
		return directory_quota(segment, key);
	if (__builtin_expect(shm_load_acquire(aim->genstate) != key->genstate, 0)) /* (D2) */
		return NULL;
	return (shm_load_acquire(&aim->quota->flags) & QUOTA_PRESENT) != 0 ? aim->quota : NULL; /* (D3) */
}

/*
 * Tell, after reading, whether the registration was in force all the while. Only observers need it: they have no read
 * section that keeps the entry.
 */
static inline bool directory_is_current(const struct shmq_segment *segment, const struct directory_key *key)
{
	/*
	 * (D5) acquire fence: all that was read before, then the key once more.
	 * Pairs with the release of entry_set_state(), which comes before anything is written for a successor. Without
	 * it an observer could report another component's name or figures.
	 */
	shm_fence_acquire();
	return directory_quota(segment, key) != NULL;
}

/* Inside a read section, or followed by directory_is_current(). Returns 0 or -ENOENT. */
int directory_find(const struct shmq_segment *segment, const char *name, size_t length, struct directory_key *out);

/* The registration in force at an index. Returns 0, -ENOENT, or -EINVAL beyond the last one. */
int directory_at(const struct shmq_segment *segment, uint32_t index, struct directory_key *out);

/* Copy an entry's name, bounded and NUL-terminated; true where it is a proper name and the key is still in force. */
bool directory_name(const struct shmq_segment *segment, const struct directory_key *key, char out[SHMQ_NAME_MAX + 1]);

/* Write the built-in default quota into a new segment. */
void directory_init(struct shmq_segment *segment);

/* See shmquota.h. `quota` is valid, or NULL. */
int directory_register(struct shmq_segment *segment, const char *name, size_t length, const struct shmq_quota *quota);
int directory_unregister(struct shmq_segment *segment, const char *name, size_t length);

/* Reclaim every retired entry whose grace period is over. Returns 0, -EACCES or -EBUSY. */
int directory_housekeep(struct shmq_segment *segment);

#endif
