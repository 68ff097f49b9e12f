/* SPDX-License-Identifier: MIT */
/*
 * Reading and changing the directory. Each change is prepared, linked and then committed by one store, so a controller
 * may die after any instruction: docs/recovery.md goes through them.
 */
#include "core/directory_write.h"

#include "base/process.h"
#include "base/text.h"
#include "core/charge.h"
#include "core/controller.h"
#include "core/worker.h"

#include <errno.h>
#include <string.h>

/* ---- Reading ---- */

static bool entry_has_name(const struct shmq_shm_entry *entry, uint32_t hash, const char *name, size_t length)
{
	return shm_load32_relaxed(&entry->hash) == hash && entry->name_length == length &&
	       memcmp(entry->name, name, length) == 0;
}

int directory_at(const struct shmq_segment *segment, uint32_t index, struct directory_key *out)
{
	if (index >= segment->layout.components)
		return -EINVAL;
	out->index = index;
	out->genstate = shm_load_acquire(&segment->entries[index].genstate); /* (D2) */
	if ((out->genstate & ENTRY_STATE_MASK) != ENTRY_LIVE || directory_quota(segment, out) == NULL)
		return -ENOENT;
	return 0;
}

int directory_find(const struct shmq_segment *segment, const char *name, size_t length, struct directory_key *out)
{
	uint64_t hash = directory_hash(segment, name, length);
	/* (D4) acquire: the entry before the link to it. Pairs with directory_link(). */
	uint32_t link = shm_load32_acquire(&segment->buckets[hash & (segment->layout.buckets - 1)]);

	for (uint32_t hops = 0; link != 0 && link <= segment->layout.components; hops++) {
		const struct shmq_shm_entry *entry = &segment->entries[link - 1];

		if (hops == segment->layout.components)
			break; /* a damaged chain */
		if (shm_load32_relaxed(&entry->hash) == (uint32_t)hash && directory_at(segment, link - 1, out) == 0 &&
		    entry_has_name(entry, (uint32_t)hash, name, length) && directory_is_current(segment, out))
			return 0;
		link = shm_load32_acquire(&entry->next); /* (D4) */
	}
	return -ENOENT;
}

bool directory_name(const struct shmq_segment *segment, const struct directory_key *key, char out[SHMQ_NAME_MAX + 1])
{
	const struct shmq_shm_entry *entry = &segment->entries[key->index];
	uint32_t length = entry->name_length;

	if (length > SHMQ_NAME_MAX)
		return false;
	memcpy(out, entry->name, length);
	out[length] = '\0';
	return text_is_component_name(out, length) && directory_is_current(segment, key);
}

void directory_init(struct shmq_segment *segment)
{
	const struct quota_rule fallback = {.quota = SHMQ_QUOTA_DEFAULT, .flags = QUOTA_PRESENT};
	char *bytes = (char *)segment_writable(segment);
	struct shmq_shm_quota *quotas = (struct shmq_shm_quota *)(bytes + segment->layout.quotas_at[0]);

	quota_store(&quotas[segment->layout.components], &fallback);
	for (int table = 0; table < 2; table++)
		rules_clear(&(struct rules){(struct shmq_shm_rules *)(void *)(bytes + segment->layout.rules_at[table]),
		                            segment->layout.rules_bytes});
}

/* ---- Links ---- */

static struct shm_u32 *bucket_of(const struct directory *directory, uint32_t index)
{
	const struct shmq_shm_entry *entry = &directory->entries[index];
	uint32_t mask = directory->segment->layout.buckets - 1;

	return &directory->buckets[shm_load32_relaxed(&entry->hash) & mask]; /* relaxed: ours */
}

/* Returns the word that links to the entry, or NULL where it is not in its chain. */
static struct shm_u32 *find_link(const struct directory *directory, uint32_t index)
{
	struct shm_u32 *word = bucket_of(directory, index);

	if (directory->entries[index].name_length == 0)
		return NULL; /* never used */
	for (uint32_t hops = 0; hops < directory->segment->layout.components; hops++) {
		uint32_t link = shm_load32_relaxed(word); /* relaxed: ours */

		if (link == index + 1)
			return word;
		if (link == 0 || link > directory->segment->layout.components)
			return NULL;
		word = &directory->entries[link - 1].next;
	}
	return NULL;
}

static void directory_link(struct directory *directory, uint32_t index)
{
	struct shm_u32 *bucket = bucket_of(directory, index);

	shm_store32_release(&directory->entries[index].next, shm_load32_relaxed(bucket));
	/* (D4) release: the entry before the link to it. Pairs with directory_find(). */
	shm_store32_release(bucket, index + 1);
}

/* The entry keeps its own link: readers that stand on it walk on. */
static void directory_unlink(struct directory *directory, uint32_t index)
{
	struct shm_u32 *word = find_link(directory, index);

	if (word != NULL)
		shm_store32_release(word, shm_load32_relaxed(&directory->entries[index].next)); /* (D4) */
}

/* ---- States ---- */

static void entry_set_state(struct shmq_shm_entry *entry, uint64_t generation, unsigned state)
{
	/*
	 * (D2) (D5) release: all that was prepared before it is true.
	 * Pairs with directory_quota(), directory_at() and directory_is_current(). Without it a reader could find the
	 * entry with the name or quota of its former life.
	 */
	shm_store_release(&entry->genstate, generation << ENTRY_STATE_BITS | state);
}

static uint64_t entry_generation(const struct shmq_shm_entry *entry)
{
	return shm_load_relaxed(&entry->genstate) >> ENTRY_STATE_BITS; /* relaxed: ours */
}

static void count(struct shm_u32 *counter, int change)
{
	/* relaxed: a derived figure, ours under the lock */
	shm_store32_relaxed(counter, shm_load32_relaxed(counter) + (uint32_t)change);
}

static bool is_declared(const struct directory *directory, uint32_t index)
{
	return (quota_flags(&directory->quotas[directory->active][index]) & QUOTA_DECLARED) != 0;
}

void directory_prepare(struct directory *directory, uint32_t index, const char *name, size_t length)
{
	struct shmq_shm_entry *entry = &directory->entries[index];

	/* Plain stores: nobody reads the name of a free entry, and the commit releases them. */
	memset(entry->name, 0, sizeof(entry->name));
	memcpy(entry->name, name, length);
	entry->name_length = (uint32_t)length;
	shm_store32_relaxed(&entry->hash, (uint32_t)directory_hash(directory->segment, name,
	                                                           length)); /* relaxed: the link releases it */
	tracker_restart(directory->segment, index);
	directory_link(directory, index);
}

void directory_commit(struct directory *directory, uint32_t index)
{
	struct shmq_shm_entry *entry = &directory->entries[index];

	entry_set_state(entry, entry_generation(entry) + 1, ENTRY_LIVE);
	count(&directory->control->registered, 1);
}

/*
 * The group that an entry counts against while its registration ends: by the table in which it was there last. After the
 * switch that dropped it, that is the one before.
 */
static uint64_t home_of(const struct directory *directory, uint32_t index)
{
	const struct shmq_shm_quota *quota = &directory->quotas[directory->active][index];
	uint32_t parent;

	if ((quota_flags(quota) & QUOTA_PRESENT) == 0)
		quota = &directory->quotas[1 - directory->active][index];
	parent = (quota_flags(quota) & QUOTA_PRESENT) != 0 ? group_parent(quota) : 0;
	return parent == 0 || parent > directory->segment->layout.components
	           ? 0
	           : group_registration(directory->segment, parent - 1);
}

/* Commit the end of an entry's registration; no reader that begins now finds it in force. */
static void entry_end(struct directory *directory, uint32_t index)
{
	struct shmq_shm_entry *entry = &directory->entries[index];
	struct shmq_shm_quota *quota = &directory->quotas[directory->active][index];

	if (entry_state(entry) == ENTRY_LIVE) {
		count(&directory->control->registered, -1);
		shm_store_relaxed(&entry->home, home_of(directory, index)); /* relaxed: the state releases it */
	}
	if (entry_state(entry) != ENTRY_DYING)
		count(&directory->control->retired, 1);
	entry_set_state(entry, entry_generation(entry), ENTRY_DYING);
	/* relaxed: readers go by the state; the flag must be gone before the entry is used again */
	shm_store_relaxed(&quota->flags, quota_flags(quota) & ~(uint64_t)QUOTA_PRESENT);
}

/* Let an ended entry, which is out of its chain or stays there reserved, wait for its grace period. */
static void entry_wait(struct directory *directory, uint32_t index)
{
	struct shm_u64 *retirements = &directory->control->retirements;

	/*
	 * (D6) release: the entry's end before the number that says that something ended.
	 * Pairs with the load in cache_lookup(). Without it a lookup could return a handle that has long been stale.
	 */
	shm_store_release(retirements, shm_load_relaxed(retirements) + 1);
	/* relaxed: ours. Killed before this, recovery takes a new cookie. */
	shm_store_relaxed(&directory->entries[index].cookie, rcu_cookie(directory->segment));
}

void directory_retire(struct directory *directory, uint32_t index)
{
	entry_end(directory, index);
	if (!is_declared(directory, index))
		directory_unlink(directory, index);
	entry_wait(directory, index);
}

/*
 * Nobody is in the middle of using it any more: what it used is taken off its groups. Until then who holds some of it
 * finds it, and goes by its level to the end of the section: so another grace period passes before its place is free.
 */
static bool entry_settle(struct directory *directory, uint32_t index)
{
	struct shmq_shm_entry *entry = &directory->entries[index];
	struct shmq_shm_slot *slot;
	uint64_t cookie;
	int result;

	if (shm_load_relaxed(&entry->home) == 0) /* relaxed: ours */
		return true;
	if (worker_enter(directory->segment, &slot) < 0)
		return false;
	result = charge_settle(directory->segment, slot, index);
	worker_leave(slot);
	if (result != 0)
		return false;
	/* relaxed: the grace period orders it. Killed before the cookie, recovery takes a new one. */
	shm_store_relaxed(&entry->home, 0);
	cookie = rcu_cookie(directory->segment);
	shm_store_relaxed(&entry->cookie, cookie); /* relaxed: ours */
	if (rcu_poll(directory->segment, cookie))
		return true;
	if (cookie < directory->unfinished)
		directory->unfinished = cookie;
	return false;
}

bool directory_reclaim(struct directory *directory, uint32_t index)
{
	struct shmq_shm_entry *entry = &directory->entries[index];
	uint64_t cookie = shm_load_relaxed(&entry->cookie); /* relaxed: ours */

	if (cookie >= directory->unfinished)
		return false;
	if (!rcu_poll(directory->segment, cookie)) {
		directory->unfinished = cookie;
		return false;
	}
	if (!entry_settle(directory, index))
		return false;
	entry_set_state(entry, entry_generation(entry), ENTRY_FREE);
	count(&directory->control->retired, -1);
	return true;
}

static uint32_t find_free_index(struct directory *directory)
{
	uint32_t components = directory->segment->layout.components;
	uint32_t hint = shm_load32_relaxed(&directory->control->hint); /* relaxed: ours */

	for (uint32_t i = 0; i < components; i++) {
		uint32_t index = (uint32_t)(((uint64_t)hint + i) % components);
		unsigned state = entry_state(&directory->entries[index]);

		if (state == ENTRY_DYING && directory_reclaim(directory, index))
			state = ENTRY_FREE;
		if (state == ENTRY_FREE && !is_declared(directory, index)) {
			shm_store32_relaxed(&directory->control->hint, (index + 1) % components); /* relaxed: ours */
			return index;
		}
	}
	return DIRECTORY_NONE;
}

uint32_t directory_allocate(struct directory *directory)
{
	uint32_t index = find_free_index(directory);

	/* Full, but somebody may only be off its processor in the middle of an operation. */
	if (index == DIRECTORY_NONE && directory->unfinished != UINT64_MAX &&
	    rcu_wait(directory->segment, directory->unfinished, DIRECTORY_PATIENCE_MS)) {
		directory->unfinished = UINT64_MAX;
		index = find_free_index(directory);
	}
	return index;
}

uint32_t directory_lookup(const struct directory *directory, const char *name, size_t length)
{
	uint32_t hash = (uint32_t)directory_hash(directory->segment, name, length);
	uint32_t components = directory->segment->layout.components;
	uint32_t link = shm_load32_relaxed(&directory->buckets[hash & (directory->segment->layout.buckets - 1)]);
	uint32_t reserved = DIRECTORY_NONE;

	for (uint32_t hops = 0; hops < components && link != 0 && link <= components; hops++) {
		const struct shmq_shm_entry *entry = &directory->entries[link - 1];

		if (entry_has_name(entry, hash, name, length)) {
			if (entry_state(entry) == ENTRY_LIVE)
				return link - 1;
			reserved = link - 1;
		}
		link = shm_load32_relaxed(&entry->next); /* relaxed: ours */
	}
	return reserved;
}

/* ---- The lock and recovery ---- */

static bool is_present(const struct directory *directory, uint32_t index)
{
	return (quota_flags(&directory->quotas[directory->active][index]) & QUOTA_PRESENT) != 0;
}

/* LIVE without a quota was staged for a policy that was never published, or dropped by the one that was. */
static bool belongs_into_chain(const struct directory *directory, uint32_t index)
{
	return is_declared(directory, index) ||
	       (entry_state(&directory->entries[index]) == ENTRY_LIVE && is_present(directory, index));
}

/*
 * Take out of one chain what does not belong there; `*budget` hops are left for all chains together. Returns how many
 * stay, or DIRECTORY_NONE where the chain is damaged.
 */
static uint32_t recover_chain(struct directory *directory, uint32_t bucket, uint32_t *budget)
{
	struct shm_u32 *word = &directory->buckets[bucket];
	uint32_t kept = 0;

	for (uint32_t link = shm_load32_relaxed(word); link != 0; link = shm_load32_relaxed(word)) { /* relaxed: ours */
		uint32_t index = link - 1;

		if (link > directory->segment->layout.components || (*budget)-- == 0 ||
		    bucket_of(directory, index) != &directory->buckets[bucket])
			return DIRECTORY_NONE;
		if (belongs_into_chain(directory, index)) {
			kept++;
			word = &directory->entries[index].next;
			continue;
		}
		/* A reader may stand on it: as if it had lived. */
		entry_end(directory, index);
		shm_store32_release(word, shm_load32_relaxed(&directory->entries[index].next)); /* (D4) */
	}
	return kept;
}

/* No death leaves chains that this does not mend in passing; damage may: then they are all made anew. */
static void recover_chains(struct directory *directory)
{
	const struct layout *layout = &directory->segment->layout;
	uint32_t budget = layout->components, kept = 0, wanted = 0;

	for (uint32_t bucket = 0; bucket < layout->buckets; bucket++) {
		uint32_t here = recover_chain(directory, bucket, &budget);

		kept = here == DIRECTORY_NONE ? here : kept + here;
		if (kept == DIRECTORY_NONE)
			break;
	}
	for (uint32_t i = 0; i < layout->components; i++)
		wanted += belongs_into_chain(directory, i);
	if (kept == wanted)
		return;
	for (uint32_t bucket = 0; bucket < layout->buckets; bucket++)
		shm_store32_relaxed(&directory->buckets[bucket], 0); /* relaxed: links are made again below */
	for (uint32_t i = 0; i < layout->components; i++)
		if (belongs_into_chain(directory, i))
			directory_link(directory, i);
}

/* Once chains are right: bring an entry in line with its state. Doing it twice does no harm. */
static void recover_entry(struct directory *directory, uint32_t index)
{
	struct shmq_shm_entry *entry = &directory->entries[index];
	struct shmq_shm_quota *quota = &directory->quotas[directory->active][index];

	if (entry_state(entry) == ENTRY_LIVE && is_present(directory, index)) {
		tracker_realign(directory->segment, index, quota); /* its period may just have been changed */
		/* relaxed: it may admit again */
		shm_store_relaxed(&quota->flags, quota_flags(quota) & ~(uint64_t)QUOTA_FROZEN);
		return;
	}
	if (entry_state(entry) == ENTRY_LIVE)
		entry_end(directory, index);
	if (entry_state(entry) == ENTRY_DYING)
		entry_wait(directory, index);
	/* relaxed: nobody reads the quota of what is not LIVE */
	shm_store_relaxed(&quota->flags, quota_flags(quota) & ~(uint64_t)QUOTA_PRESENT);
}

/* Linear in the segment's size, whatever was found in it. */
static void directory_recover(struct directory *directory)
{
	uint32_t registered = 0, retired = 0;

	recover_chains(directory);
	for (uint32_t i = 0; i < directory->segment->layout.components; i++) {
		recover_entry(directory, i);
		registered += entry_state(&directory->entries[i]) == ENTRY_LIVE;
		retired += entry_state(&directory->entries[i]) == ENTRY_DYING;
	}
	/* relaxed: derived figures, ours under the lock */
	shm_store32_relaxed(&directory->control->registered, registered);
	shm_store32_relaxed(&directory->control->retired, retired);
	shm_store32_relaxed(&directory->control->hint, 0);
	/* The dead controller may have switched tables just before it died. */
	shm_store_relaxed(&directory->control->table_cookie, rcu_cookie(directory->segment));
}

int directory_begin(struct directory *out, struct shmq_segment *segment)
{
	bool must_recover;
	int result = controller_lock(segment, &must_recover);
	char *bytes;

	if (result < 0)
		return result;
	bytes = (char *)segment_writable(segment);
	*out = (struct directory){
	    .segment = segment,
	    .control = &segment_writable(segment)->control,
	    .buckets = (struct shm_u32 *)(bytes + segment->layout.buckets_at),
	    .entries = (struct shmq_shm_entry *)(bytes + segment->layout.entries_at),
	    .unfinished = UINT64_MAX,
	};
	for (int i = 0; i < 2; i++)
		out->quotas[i] = (struct shmq_shm_quota *)(bytes + segment->layout.quotas_at[i]);
	out->active = shm_load_relaxed(&out->control->generation) & 1; /* relaxed: ours */
	if (must_recover)
		directory_recover(out);
	return 0;
}

void directory_end(struct directory *directory)
{
	controller_unlock(directory->segment);
}
