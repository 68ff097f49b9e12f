/* SPDX-License-Identifier: MIT */
/*
 * Handles, and the process's cache of them by name. A handle names one registration. When that ends the handle is stale:
 * the next lookup of the name replaces it in the cache, and it is freed when nobody holds it and a grace period has
 * passed.
 *
 * What the cache holds stands in liburcu's lock-free hash tables (cds_lfht) under the segment's own RCU. In front of them
 * are shortcuts (core/shortcut.h), which may forget: they find all but a few names with one cache miss less than a chain
 * takes, and that is what a lookup among many names costs.
 *
 * Why not one of liburcu's flavours: a fork copies their registry of readers together with readers that do not exist in
 * the child, where a grace period can then last for ever. Ours knows its readers by slot, and a child has none before
 * it attaches.
 */
#ifndef SHMQ_CORE_HANDLE_H
#define SHMQ_CORE_HANDLE_H

#include "core/directory.h"

#include <urcu/rculfhash.h>

#define HANDLE_BYTES 128
#define HANDLE_NAME_INSIDE 38 /* bytes; the first 18 lie in the first cache line */

struct shmq_component {
	/* What a lookup and an operation need comes first. */
	struct shm_u64 verified;   /* how many retirements there had been when it was last seen in force */
	struct shm_u64 references; /* of users; the cache's own is not counted */
	struct shmq_segment *segment;
	struct directory_key key;
	struct shm_u32 leases; /* bit by resource: a thread of this process had some of it on lease; a hint */
	uint8_t name_length;
	uint8_t tier;                         /* of the table that it is in */
	char name_inside[HANDLE_NAME_INSIDE]; /* the name, or how it begins */

	uint32_t number;    /* in the store; SHORTCUT_NONE where it is outside */
	char *name_outside; /* where it is longer; else NULL */
	struct cds_lfht_node node;
	struct shmq_component *next_retired;
	uint64_t retired_epoch;
};

/* NUL-terminated; lives as long as the handle. */
static inline const char *handle_name(const struct shmq_component *handle)
{
	return handle->name_outside != NULL ? handle->name_outside : handle->name_inside;
}

/* See shmq_component_find(), shmq_component_at() and shmq_component_put(). */
int handle_find(struct shmq_component **out, struct shmq_segment *segment, const char *name, size_t length);

/*
 * Find `count` names at once: their cache misses overlap. `out[i]` is NULL for what is no name of a component. Returns how
 * many were found, or as handle_find(); then nothing is held.
 */
int handle_find_many(struct shmq_component *out[], struct shmq_segment *segment, const char *const names[],
                     size_t count);

int handle_at(struct shmq_component **out, struct shmq_segment *segment, uint32_t index);
void handle_put(struct shmq_component *component);

/* Free the cache and all handles, before the segment is closed. */
void handle_close_all(struct shmq_segment *segment);

#endif
