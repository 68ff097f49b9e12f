/* SPDX-License-Identifier: MIT */
/*
 * Staging, switching and cleaning up. What is LIVE without being PRESENT in the active table is retired: after an abort
 * that is what was staged, after a commit what was dropped, and directory recovery applies the same rule.
 */
#include "core/publication.h"

#include "core/tracker.h"

#include <errno.h>

static void carry_over(struct publication *publication, uint32_t index, const struct shmq_quota *fallback)
{
	const struct directory *directory = &publication->directory;
	const struct shmq_shm_quota *active = &directory->quotas[directory->active][index];
	struct shmq_shm_quota *staged = &publication->staged[index];
	uint64_t flags = quota_flags(active);
	bool exists = entry_state(&directory->entries[index]) == ENTRY_LIVE && (flags & QUOTA_PRESENT) != 0;

	if (!exists || (flags & QUOTA_DECLARED) != 0)
		shm_store_relaxed(&staged->flags, 0); /* relaxed: the switch releases the whole table */
	else if ((flags & QUOTA_OWN) != 0)
		quota_copy(staged, active, QUOTA_PRESENT | QUOTA_OWN);
	else
		quota_store(staged, fallback, QUOTA_PRESENT);
}

int publication_begin(struct publication *out, struct shmq_segment *segment, const struct shmq_quota *fallback)
{
	struct directory *directory = &out->directory;
	uint32_t components = segment->layout.components;
	int result = directory_begin(directory, segment);

	if (result < 0)
		return result;
	out->staged = directory->quotas[1 - directory->active];
	/* relaxed: ours under the lock */
	if (!rcu_wait(segment, shm_load_relaxed(&directory->control->table_cookie), PUBLICATION_PATIENCE_MS)) {
		directory_end(directory);
		return -EAGAIN;
	}
	for (uint32_t i = 0; i < components; i++)
		carry_over(out, i, fallback);
	quota_store(&out->staged[components], fallback, QUOTA_PRESENT);
	return 0;
}

int publication_declare(struct publication *publication, const char *name, size_t length,
                        const struct shmq_quota *quota)
{
	struct directory *directory = &publication->directory;
	uint32_t index = directory_lookup(directory, name, length);
	unsigned state = index == DIRECTORY_NONE ? ENTRY_DYING : entry_state(&directory->entries[index]);

	if (state == ENTRY_DYING) {
		index = directory_allocate(directory);
		if (index == DIRECTORY_NONE)
			return -ENOSPC;
		directory_prepare(directory, index, name, length);
		directory_commit(directory, index);
	} else if (state == ENTRY_FREE) {
		directory_revive(directory, index);
	}
	quota_store(&publication->staged[index], quota, QUOTA_PRESENT | QUOTA_DECLARED);
	return 0;
}

static bool has_other_periods(const struct shmq_shm_quota *a, const struct shmq_shm_quota *b)
{
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		if (tracker_limits(a, i).period_ms != tracker_limits(b, i).period_ms)
			return true;
	return false;
}

static void realign_windows(const struct directory *directory)
{
	const struct shmq_shm_quota *active = directory->quotas[directory->active];
	const struct shmq_shm_quota *before = directory->quotas[1 - directory->active];

	for (uint32_t i = 0; i < directory->segment->layout.components; i++)
		if (entry_state(&directory->entries[i]) == ENTRY_LIVE && has_other_periods(&active[i], &before[i]))
			tracker_realign(directory->segment, i, &active[i]);
}

/* Retire what exists without a quota, and unlink what is no longer reserved. */
static void sweep(struct directory *directory, bool was_declared_before)
{
	const struct shmq_shm_quota *active = directory->quotas[directory->active];
	const struct shmq_shm_quota *before = directory->quotas[1 - directory->active];

	for (uint32_t i = 0; i < directory->segment->layout.components; i++) {
		unsigned state = entry_state(&directory->entries[i]);
		bool is_dropped = state == ENTRY_LIVE && (quota_flags(&active[i]) & QUOTA_PRESENT) == 0;
		bool is_unreserved = was_declared_before && state != ENTRY_LIVE &&
		                     (quota_flags(&before[i]) & ~quota_flags(&active[i]) & QUOTA_DECLARED) != 0;

		if (is_dropped || is_unreserved)
			directory_retire(directory, i);
	}
}

void publication_commit(struct publication *publication)
{
	struct directory *directory = &publication->directory;
	struct shm_u64 *generation = &directory->control->generation;

	/*
	 * (D1) release: the whole staged table and all staged entries before the generation that names them.
	 * Pairs with directory_quotas(). Without it a worker could judge by a half-filled table.
	 */
	shm_store_release(generation, shm_load_relaxed(generation) + 1);
	directory->active = 1 - directory->active;
	/* relaxed: ours. Killed before this, recovery takes a new cookie. */
	shm_store_relaxed(&directory->control->table_cookie, rcu_cookie(directory->segment));
	sweep(directory, true);
	realign_windows(directory);
	directory_end(directory);
}

void publication_abort(struct publication *publication)
{
	sweep(&publication->directory, false);
	directory_end(&publication->directory);
}
