/* SPDX-License-Identifier: MIT */
/*
 * The cache belongs to one process: its pointer lies in the page that is wiped in a forked child, which then starts an
 * empty one. Handles that the child inherited stay valid, they are ordinary memory.
 *
 * Hits are lock-free; misses allocate, under the process lock. An observer has no slot and so no read sections: nothing
 * it cached is freed before it closes the segment.
 */
#include "core/handle.h"

#include "base/process.h"
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/flavor.h>

#define TABLE_MIN 64
#define HANDLE_ALIGNMENT 64
#define HANDLE_BYTES ((sizeof(struct shmq_component) + HANDLE_ALIGNMENT - 1) / HANDLE_ALIGNMENT * HANDLE_ALIGNMENT)

struct handle_cache {
	struct cds_lfht *table;
	/* Under the process lock: */
	struct shmq_component **by_index; /* the handle in the table for an entry; bounds the table by the capacity */
	struct shmq_component *retired;   /* out of the table, waiting to be freed */
	struct handle_cache *inherited;   /* of the process that forked this one: unused, but to be freed */
};

/* What is looked for. */
struct handle_name {
	const char *bytes;
	size_t length;
};

static void flavor_nothing(void)
{
}

/* The table's read sections are ours, entered before it is called; it never resizes itself, so it asks for no more. */
static const struct rcu_flavor_struct segment_flavor = {
    .read_lock = flavor_nothing,
    .read_unlock = flavor_nothing,
    .thread_offline = flavor_nothing,
    .thread_online = flavor_nothing,
    .register_thread = flavor_nothing,
    .unregister_thread = flavor_nothing,
};

static struct shmq_component *handle_of(struct cds_lfht_node *node)
{
	if (node == NULL)
		return NULL;
	return (struct shmq_component *)(void *)((char *)node - offsetof(struct shmq_component, node));
}

static int handle_matches(struct cds_lfht_node *node, const void *key)
{
	const struct handle_name *name = key;
	const struct shmq_component *handle =
	    (const void *)((const char *)node - offsetof(struct shmq_component, node));

	/*
	 * (H4) acquire: pairs with handle_create(). The handle before the table that leads to it; liburcu orders it
	 * too, but not so that ThreadSanitizer could see it.
	 */
	(void)shm_load_acquire(&handle->verified);
	return handle->name_length == name->length && memcmp(handle->name, name->bytes, name->length) == 0;
}

/* A read section, or nothing for an observer. */
static int section_enter(struct shmq_segment *segment, struct shmq_shm_slot **out)
{
	*out = NULL;
	return segment->access == SHMQ_OBSERVE ? 0 : worker_enter(segment, out);
}

static void section_leave(struct shmq_shm_slot *slot)
{
	if (slot != NULL)
		worker_leave(slot);
}

/* Returns a handle that is in force, with a reference, or NULL. Inside a read section. */
static struct shmq_component *cache_lookup(struct shmq_segment *segment, uint64_t hash, const struct handle_name *name)
{
	/* (H1) acquire: pairs with cache_create(). The table before the pointer to it. */
	struct handle_cache *cache = private_load_acquire(&segment->private->handles);
	/* (D6) acquire: pairs with directory_retire(). The number before what it vouches for. */
	uint64_t retirements = shm_load_acquire(&segment->policy->control.retirements);
	struct cds_lfht_iter iterator;
	struct shmq_component *handle;

	if (cache == NULL)
		return NULL;
	cds_lfht_lookup(cache->table, (unsigned long)hash, handle_matches, name, &iterator);
	handle = handle_of(cds_lfht_iter_get_node(&iterator));
	if (handle == NULL)
		return NULL;
	/* Nothing has ended since it was seen in force: its entry need not be looked at, which saves a cache miss. */
	if (shm_load_relaxed(&handle->verified) != retirements) {
		if (directory_quota(segment, &handle->key) == NULL)
			return NULL;
		shm_store_release(&handle->verified, retirements); /* (H4) */
	}
	shm_add_relaxed(&handle->references, 1); /* relaxed: the section keeps the handle meanwhile */
	return handle;
}

/* ---- Under the process lock ---- */

static struct handle_cache *cache_create(struct shmq_segment *segment)
{
	struct handle_cache *cache = calloc(1, sizeof(*cache));
	unsigned long buckets = segment->layout.buckets < TABLE_MIN ? TABLE_MIN : segment->layout.buckets;

	if (cache == NULL)
		return NULL;
	cache->by_index = calloc(segment->layout.components, sizeof(struct shmq_component *));
	cache->table = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &segment_flavor, NULL);
	if (cache->table == NULL || cache->by_index == NULL) {
		if (cache->table != NULL)
			cds_lfht_destroy(cache->table, NULL);
		free(cache->by_index);
		free(cache);
		return NULL;
	}
	cache->inherited = segment->caches;
	segment->caches = cache;
	private_store_release(&segment->private->handles, cache); /* (H1) */
	return cache;
}

/* Free what nobody holds and no lookup can still be looking at. */
static void cache_free_retired(const struct shmq_segment *segment, struct handle_cache *cache)
{
	uint64_t done = segment->access == SHMQ_OBSERVE ? 0 : rcu_done(segment);
	struct shmq_component **link = &cache->retired;

	while (*link != NULL) {
		struct shmq_component *handle = *link;

		/*
		 * (H2) acquire: pairs with handle_put(). The last user's reads before the memory goes.
		 * (H3) a later grace period is over: pairs with cache_retire().
		 */
		if (handle->retired_epoch < done && shm_load_acquire(&handle->references) == 0) {
			*link = handle->next_retired;
			free(handle);
		} else {
			link = &handle->next_retired;
		}
	}
}

/* The handle is out of the table: note when, so that it can be freed after a grace period. */
static void cache_retire(const struct shmq_segment *segment, struct handle_cache *cache, struct shmq_component *handle)
{
	/*
	 * (H3) full fence, then load: out of the table before the epoch.
	 * Pairs with the comparison in cache_free_retired(): a grace period that began after this epoch waits for
	 * every lookup that could have found the handle.
	 */
	shm_fence_seq_cst();
	handle->retired_epoch = shm_load_acquire(&segment->policy->control.epoch);
	handle->next_retired = cache->retired;
	cache->retired = handle;
}

static struct shmq_component *handle_create(struct shmq_segment *segment, const struct directory_key *key,
                                            const struct handle_name *name)
{
	struct shmq_component *handle = aligned_alloc(HANDLE_ALIGNMENT, HANDLE_BYTES);

	if (handle == NULL)
		return NULL;
	*handle = (struct shmq_component){.segment = segment, .key = *key, .name_length = (uint32_t)name->length};
	memcpy(handle->name, name->bytes, name->length);
	shm_store_relaxed(&handle->references, 1); /* relaxed: not shared yet */
	/* (H4) release: pairs with handle_matches(). Of no use yet: the first lookup verifies it. */
	shm_store_release(&handle->verified, UINT64_MAX);
	return handle;
}

/* Put a handle into the table, in place of what is stale now: that of its entry, and that of its name. */
static void cache_put(const struct shmq_segment *segment, struct handle_cache *cache, uint64_t hash,
                      struct shmq_component *handle)
{
	const struct handle_name name = {handle->name, handle->name_length};
	struct shmq_component **slot = &cache->by_index[handle->key.index];
	struct shmq_component *replaced;

	if (*slot != NULL) {
		replaced = *slot;
		*slot = NULL; /* first: a child forked right here must not free it twice */
		cds_lfht_del(cache->table, &replaced->node);
		cache_retire(segment, cache, replaced);
	}
	*slot = handle;
	replaced =
	    handle_of(cds_lfht_add_replace(cache->table, (unsigned long)hash, handle_matches, &name, &handle->node));
	if (replaced != NULL) {
		cache->by_index[replaced->key.index] = NULL;
		cache_retire(segment, cache, replaced);
	}
}

static int cache_add(struct shmq_component **out, struct shmq_segment *segment, uint64_t hash,
                     const struct handle_name *name)
{
	struct handle_cache *cache = private_load_acquire(&segment->private->handles);
	struct directory_key key;
	int result = directory_find(segment, name->bytes, name->length, &key);

	if (result < 0)
		return result;
	if (cache == NULL)
		cache = cache_create(segment);
	*out = cache == NULL ? NULL : handle_create(segment, &key, name);
	if (*out == NULL)
		return -ENOMEM;
	cache_put(segment, cache, hash, *out);
	cache_free_retired(segment, cache);
	return 0;
}

/* ---- The interface ---- */

int handle_find(struct shmq_component **out, struct shmq_segment *segment, const char *name, size_t length)
{
	const struct handle_name key = {name, length};
	uint64_t hash = directory_hash(segment, name, length);
	struct shmq_component *handle = NULL;
	struct shmq_shm_slot *slot;
	int result = section_enter(segment, &slot);

	if (result < 0)
		return result;
	handle = cache_lookup(segment, hash, &key);
	if (handle == NULL) {
		result = process_lock();
		if (result == 0) {
			handle = cache_lookup(segment, hash, &key); /* another thread may have been quicker */
			if (handle == NULL)
				result = cache_add(&handle, segment, hash, &key);
			process_unlock();
		}
	}
	section_leave(slot);
	if (result == 0)
		*out = handle;
	return result;
}

int handle_at(struct shmq_component **out, struct shmq_segment *segment, uint32_t index)
{
	char name[SHMQ_NAME_MAX + 1];
	struct directory_key key;
	struct shmq_component *handle = NULL;
	struct shmq_shm_slot *slot;
	int result = section_enter(segment, &slot);

	if (result < 0)
		return result;
	result = directory_at(segment, index, &key);
	if (result == 0 && !directory_name(segment, &key, name))
		result = -ENOENT;
	section_leave(slot);
	if (result == 0)
		result = handle_find(&handle, segment, name, strlen(name));
	if (handle == NULL)
		return result;
	if (handle->key.index != index) { /* registered anew elsewhere meanwhile */
		handle_put(handle);
		return -ENOENT;
	}
	*out = handle;
	return 0;
}

void handle_put(struct shmq_component *component)
{
	shm_subtract_release(&component->references, 1); /* (H2) release: pairs with cache_free_retired() */
}

static void cache_free(const struct shmq_segment *segment, struct handle_cache *cache)
{
	for (uint32_t i = 0; i < segment->layout.components; i++) {
		if (cache->by_index[i] != NULL) {
			cds_lfht_del(cache->table, &cache->by_index[i]->node);
			free(cache->by_index[i]);
		}
	}
	while (cache->retired != NULL) {
		struct shmq_component *handle = cache->retired;

		cache->retired = handle->next_retired;
		free(handle);
	}
	cds_lfht_destroy(cache->table, NULL);
	free(cache->by_index);
	free(cache);
}

void handle_close_all(struct shmq_segment *segment)
{
	while (segment->caches != NULL) {
		struct handle_cache *cache = segment->caches;

		segment->caches = cache->inherited;
		cache_free(segment, cache);
	}
}
