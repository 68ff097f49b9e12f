/* SPDX-License-Identifier: MIT */
/*
 * Chunks of handles. AddressSanitizer is told which of them are not in use: to it a chunk is one object, and a handle
 * that is used after it was freed would look like any other.
 */
#include "core/handle_store.h"

#include "core/shortcut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif

#if defined(UNDER_ASAN)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start))
#endif

#define CHUNK_BYTES ((size_t)HANDLE_STORE_CHUNK * HANDLE_BYTES)
#define SPARE 4096 /* handles of ended registrations, beside one of each component */

static_assert(sizeof(struct shmq_component) == HANDLE_BYTES, "a handle is two cache lines");

static uint32_t chunk_count(const struct handle_store *store)
{
	return store->limit / HANDLE_STORE_CHUNK + 1;
}

int handle_store_init(struct handle_store *store, uint32_t handles)
{
	uint32_t limit = handles + handles / 16 + SPARE;

	*store = (struct handle_store){.limit = limit};
	/* Both are zero pages until they are used. */
	store->chunks = calloc(chunk_count(store), sizeof(struct shmq_component *));
	store->freed = calloc(limit, sizeof(*store->freed));
	if (store->chunks != NULL && store->freed != NULL)
		return 0;
	handle_store_free(store);
	return -ENOMEM;
}

void handle_store_free(struct handle_store *store)
{
	for (uint32_t i = 0; store->chunks != NULL && i < chunk_count(store); i++) {
		if (store->chunks[i] != NULL)
			ASAN_UNPOISON_MEMORY_REGION(store->chunks[i], CHUNK_BYTES);
		free(store->chunks[i]);
	}
	free(store->chunks);
	free(store->freed);
	*store = (struct handle_store){0};
}

static bool make_chunk(struct handle_store *store, uint32_t number)
{
	struct shmq_component **chunk = &store->chunks[number / HANDLE_STORE_CHUNK];

	if (*chunk != NULL)
		return true;
	*chunk = aligned_alloc(HANDLE_BYTES, CHUNK_BYTES);
	if (*chunk == NULL)
		return false;
	ASAN_POISON_MEMORY_REGION(*chunk, CHUNK_BYTES);
	return true;
}

/* One with a number, or by itself where all numbers are taken. */
static struct shmq_component *take_memory(struct handle_store *store, uint32_t *number)
{
	struct shmq_component *handle;

	*number = SHORTCUT_NONE;
	if (store->freed_count == 0 && store->used == store->limit)
		return aligned_alloc(HANDLE_BYTES, HANDLE_BYTES);
	if (store->freed_count > 0) {
		*number = store->freed[--store->freed_count];
	} else if (make_chunk(store, store->used)) {
		*number = store->used++;
	} else {
		return NULL;
	}
	handle = handle_store_at(store, *number);
	ASAN_UNPOISON_MEMORY_REGION(handle, HANDLE_BYTES);
	return handle;
}

struct shmq_component *handle_store_take(struct handle_store *store, const char *name, size_t length)
{
	char *outside = length < HANDLE_NAME_INSIDE ? NULL : strndup(name, length);
	struct shmq_component *handle;
	uint32_t number;

	if (length >= HANDLE_NAME_INSIDE && outside == NULL)
		return NULL;
	handle = take_memory(store, &number);
	if (handle == NULL) {
		free(outside);
		return NULL;
	}
	memset(handle, 0, sizeof(*handle));
	handle->number = number;
	handle->name_outside = outside;
	handle->name_length = (uint8_t)length;
	memcpy(handle->name_inside, name, length < HANDLE_NAME_INSIDE ? length : HANDLE_NAME_INSIDE);
	return handle;
}

void handle_store_give(struct handle_store *store, struct shmq_component *handle)
{
	free(handle->name_outside);
	if (handle->number == SHORTCUT_NONE) {
		free(handle);
		return;
	}
	store->freed[store->freed_count++] = handle->number;
	ASAN_POISON_MEMORY_REGION(handle, HANDLE_BYTES);
}
