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
#include "core/handle_table.h"
#include "core/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 16 /* names whose cache misses overlap: about as many as a core has under way */

struct handle_cache {
	struct handle_table table;
	/* Under the process lock: */
	struct shmq_component **by_index; /* the handle in the table for an entry; bounds the table by the capacity */
	struct shmq_component *retired;   /* out of the table, waiting to be freed */
	struct handle_cache *inherited;   /* of the process that forked this one: unused, but to be freed */
};

static struct handle_cache *cache_of(const struct shmq_segment *segment)
{
	/* (H1) acquire: pairs with cache_create(). The tables before the pointer to them. */
	return private_load_acquire(&segment->private->handles);
}

static struct handle_name handle_name_of(const struct shmq_segment *segment, const char *bytes, size_t length)
{
	return (struct handle_name){bytes, length, directory_hash(segment, bytes, length)};
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

/* Take a reference to a handle that is in force still. Inside a read section. */
static bool handle_hold(struct shmq_segment *segment, struct shmq_component *handle)
{
	/* (D6) acquire: pairs with directory_retire(). The number before what it vouches for. */
	uint64_t retirements = shm_load_acquire(&segment->policy->control.retirements);

	/* Nothing has ended since it was seen in force: its entry need not be looked at, which saves a cache miss. */
	if (shm_load_relaxed(&handle->verified) != retirements) {
		if (directory_quota(segment, &handle->key) == NULL)
			return false;
		shm_store_release(&handle->verified, retirements); /* (H4) */
	}
	shm_add_relaxed(&handle->references, 1); /* relaxed: the section keeps the handle meanwhile */
	return true;
}

/* ---- Under the process lock ---- */

static struct handle_cache *cache_create(struct shmq_segment *segment)
{
	struct handle_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->by_index = calloc(segment->layout.components, sizeof(struct shmq_component *));
	if (cache->by_index == NULL || handle_table_init(&cache->table, segment->layout.components) < 0) {
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
			handle_store_give(&cache->table.store, handle);
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

static struct shmq_component *handle_create(struct shmq_segment *segment, struct handle_cache *cache,
                                            const struct directory_key *key, const struct handle_name *name)
{
	struct shmq_component *handle = handle_store_take(&cache->table.store, name->bytes, name->length);

	if (handle == NULL)
		return NULL;
	handle->segment = segment;
	handle->key = *key;
	shm_store_relaxed(&handle->references, 1); /* relaxed: not shared yet */
	/* (H4) release: pairs with node_matches(). Of no use yet: the first lookup verifies it. */
	shm_store_release(&handle->verified, UINT64_MAX);
	return handle;
}

/* Take a handle out of the cache. Its place by index goes first: a child forked right here must not free it twice. */
static void cache_drop(const struct shmq_segment *segment, struct handle_cache *cache, struct shmq_component *handle)
{
	cache->by_index[handle->key.index] = NULL;
	handle_table_remove(&cache->table, directory_hash(segment, handle_name(handle), handle->name_length), handle);
	cache_retire(segment, cache, handle);
}

/* Put a handle into the table, in place of what is stale now: that of its entry, and that of its name. */
static void cache_put(const struct shmq_segment *segment, struct handle_cache *cache, const struct handle_name *name,
                      struct shmq_component *handle, struct shmq_component *stale)
{
	struct shmq_component **slot = &cache->by_index[handle->key.index];

	if (stale != NULL)
		cache_drop(segment, cache, stale);
	if (*slot != NULL)
		cache_drop(segment, cache, *slot);
	*slot = handle;
	handle_table_add(&cache->table, name->hash, handle);
}

/* Make a handle for a name; `stale` is the one that there is, or NULL. */
static int cache_add(struct shmq_component **out, struct shmq_segment *segment, const struct handle_name *name,
                     struct shmq_component *stale)
{
	struct handle_cache *cache = cache_of(segment);
	struct directory_key key;
	int result = directory_find(segment, name->bytes, name->length, &key);

	if (result < 0)
		return result;
	if (cache == NULL)
		cache = cache_create(segment);
	*out = cache == NULL ? NULL : handle_create(segment, cache, &key, name);
	if (*out == NULL)
		return -ENOMEM;
	cache_put(segment, cache, name, *out, stale);
	cache_free_retired(segment, cache);
	return 0;
}

static int find_under_lock(struct shmq_component **out, struct shmq_segment *segment, const struct handle_name *name)
{
	int result = process_lock();
	const struct handle_cache *cache;
	struct shmq_component *handle;

	if (result < 0)
		return result;
	cache = cache_of(segment);
	handle = cache == NULL ? NULL : handle_table_find(&cache->table, name);
	if (handle != NULL && handle_hold(segment, handle)) /* another thread was quicker */
		*out = handle;
	else
		result = cache_add(out, segment, name, handle);
	process_unlock();
	return result;
}

/* ---- The interface ---- */

/* Inside a read section, or none for an observer. */
static int find_in_section(struct shmq_component **out, struct shmq_segment *segment, const struct handle_name *name)
{
	const struct handle_cache *cache = cache_of(segment);
	struct shmq_component *handle = cache == NULL ? NULL : handle_table_find(&cache->table, name);

	if (handle == NULL || !handle_hold(segment, handle))
		return find_under_lock(out, segment, name);
	*out = handle;
	return 0;
}

int handle_find(struct shmq_component **out, struct shmq_segment *segment, const char *name, size_t length)
{
	const struct handle_name key = handle_name_of(segment, name, length);
	struct shmq_shm_slot *slot;
	int result = section_enter(segment, &slot);

	if (result < 0)
		return result;
	result = find_in_section(out, segment, &key);
	section_leave(slot);
	return result;
}

/* Begin the cache misses of all of them before the first is waited for. Inside a read section. */
static void prefetch(const struct shmq_segment *segment, const struct handle_name names[], size_t count)
{
	const struct handle_cache *cache = cache_of(segment);

	if (cache == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		handle_table_prefetch_line(&cache->table, names[i].hash);
	for (size_t i = 0; i < count; i++)
		handle_table_prefetch_handle(&cache->table, names[i].hash);
}

static int find_batch(struct shmq_component *out[], struct shmq_segment *segment, const char *const names[],
                      size_t count)
{
	struct handle_name keys[BATCH];
	struct shmq_shm_slot *slot;
	int found = 0, result;

	for (size_t i = 0; i < count; i++) {
		size_t length = names[i] == NULL ? 0 : strnlen(names[i], SHMQ_NAME_MAX + 1);

		keys[i] = handle_name_of(segment, names[i], length > SHMQ_NAME_MAX ? 0 : length);
		out[i] = NULL;
	}
	result = section_enter(segment, &slot);
	if (result < 0)
		return result;
	prefetch(segment, keys, count);
	for (size_t i = 0; i < count && (result == 0 || result == -ENOENT); i++) {
		result = keys[i].length == 0 ? -ENOENT : find_in_section(&out[i], segment, &keys[i]);
		found += result == 0;
	}
	section_leave(slot);
	return result == 0 || result == -ENOENT ? found : result;
}

int handle_find_many(struct shmq_component *out[], struct shmq_segment *segment, const char *const names[],
                     size_t count)
{
	int found = 0, result = 0;

	for (size_t done = 0; done < count && result >= 0; done += BATCH) {
		size_t batch = count - done < BATCH ? count - done : BATCH;

		result = find_batch(out + done, segment, names + done, batch);
		found += result > 0 ? result : 0;
		for (size_t i = 0; result < 0 && i < done + batch; i++) {
			if (out[i] != NULL)
				handle_put(out[i]);
			out[i] = NULL;
		}
	}
	return result < 0 ? result : found;
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

static void cache_free(struct handle_cache *cache)
{
	while (cache->retired != NULL) {
		struct shmq_component *handle = cache->retired;

		cache->retired = handle->next_retired;
		handle_store_give(&cache->table.store, handle);
	}
	handle_table_free(&cache->table);
	free(cache->by_index);
	free(cache);
}

void handle_close_all(struct shmq_segment *segment)
{
	while (segment->caches != NULL) {
		struct handle_cache *cache = segment->caches;

		segment->caches = cache->inherited;
		cache_free(cache);
	}
}
