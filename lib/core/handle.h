/* SPDX-License-Identifier: MIT */
/*
 * Handles, and the process's cache of them by name: liburcu's lock-free hash table (cds_lfht) under the segment's own
 * RCU. A handle names one registration. When that ends the handle is stale: the next lookup of the name replaces it in
 * the cache, and it is freed when nobody holds it and a grace period has passed.
 *
 * Why not one of liburcu's flavours: a fork copies their registry of readers together with readers that do not exist in
 * the child, where a grace period can then last for ever. Ours knows its readers by slot, and a child has none before
 * it attaches.
 */
#ifndef SHMQ_CORE_HANDLE_H
#define SHMQ_CORE_HANDLE_H

#include "core/directory.h"

#include <urcu/rculfhash.h>

struct shmq_component {
	/* What a lookup needs comes first, in one cache line with most names. */
	struct cds_lfht_node node;
	struct shm_u64 verified;   /* how many retirements there had been when it was last seen in force */
	struct shm_u64 references; /* of users; the cache's own is not counted */
	uint32_t name_length;
	char name[SHMQ_NAME_MAX + 1];

	/* What an operation needs. */
	struct directory_key key;
	struct shmq_segment *segment;

	struct shmq_component *next_retired;
	uint64_t retired_epoch;
};

/* See shmq_component_find(), shmq_component_at() and shmq_component_put(). */
int handle_find(struct shmq_component **out, struct shmq_segment *segment, const char *name, size_t length);
int handle_at(struct shmq_component **out, struct shmq_segment *segment, uint32_t index);
void handle_put(struct shmq_component *component);

/* Free the cache and all handles, before the segment is closed. */
void handle_close_all(struct shmq_segment *segment);

#endif
