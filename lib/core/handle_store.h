/* SPDX-License-Identifier: MIT */
/*
 * Memory for the handles of one process: two cache lines each, in chunks that never move, so that a number of 32 bits
 * says where one is (core/shortcut.h). Chunks are made as handles are, and go with the store.
 *
 * Only under the process lock, but for handle_store_at(). A number is used again as soon as its handle is freed: the
 * caller frees one only when no lookup can have its number still.
 */
#ifndef SHMQ_CORE_HANDLE_STORE_H
#define SHMQ_CORE_HANDLE_STORE_H

#include "core/handle.h"

#define HANDLE_STORE_CHUNK 512

struct handle_store {
	struct shmq_component **chunks; /* each of HANDLE_STORE_CHUNK handles, or NULL so far */
	uint32_t *freed;                /* numbers to use again */
	uint32_t freed_count, used, limit;
};

/* `handles` are expected at most; more are possible, and slower to find. Returns 0 or -ENOMEM. */
int handle_store_init(struct handle_store *store, uint32_t handles);
void handle_store_free(struct handle_store *store);

/* Returns a handle with its number and a copy of the name, else zero; or NULL without memory. */
struct shmq_component *handle_store_take(struct handle_store *store, const char *name, size_t length);
void handle_store_give(struct handle_store *store, struct shmq_component *handle);

static inline struct shmq_component *handle_store_at(const struct handle_store *store, uint32_t number)
{
	return &store->chunks[number / HANDLE_STORE_CHUNK][number % HANDLE_STORE_CHUNK];
}

#endif
