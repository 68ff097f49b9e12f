/* SPDX-License-Identifier: MIT */
/*
 * The handles of a process by name: liburcu's cds_lfht, which has every one of them, and shortcuts in front of it. Both
 * grow with what is in them, not with the segment: who looks up ten names among a million pays for ten.
 *
 * A cds_lfht that grows starts threads in the host, so there are several of fixed size, each sixteen times the one before;
 * new handles go into the last. Lookups are lock-free inside a read section; everything else is under the process lock.
 */
#ifndef SHMQ_CORE_HANDLE_TABLE_H
#define SHMQ_CORE_HANDLE_TABLE_H

#include "core/handle_store.h"
#include "core/shortcut.h"

#define HANDLE_TIERS 6

struct handle_table {
	_Atomic(struct shortcuts *) shortcuts; /* the last; older ones behind it */
	struct shm_u32 tiers;
	struct cds_lfht *tier[HANDLE_TIERS];
	uint32_t components;       /* of the segment */
	uint32_t buckets, handles; /* of the last one; in all */
	struct handle_store store;
};

/* What is looked for. */
struct handle_name {
	const char *bytes;
	size_t length;
	uint64_t hash;
};

/* Returns 0, or -ENOMEM with nothing to free. */
int handle_table_init(struct handle_table *table, uint32_t components);

/* Frees the handles in it, too. */
void handle_table_free(struct handle_table *table);

/* Put a handle in, which is complete and whose name is not in the table. */
void handle_table_add(struct handle_table *table, uint64_t hash, struct shmq_component *handle);

/* Lookups that began before may still find it. */
void handle_table_remove(struct handle_table *table, uint64_t hash, struct shmq_component *handle);

/* Returns NULL where there is none. */
struct shmq_component *handle_table_find(const struct handle_table *table, const struct handle_name *name);

/* The first two memory accesses of a find, begun early: before, and after some others of the first kind. */
static inline void handle_table_prefetch_line(const struct handle_table *table, uint64_t hash)
{
	const struct shortcuts *shortcuts = private_load_acquire(&table->shortcuts); /* (H5) */

	__builtin_prefetch(shortcut_search(shortcuts, hash).line);
}

static inline void handle_table_prefetch_handle(const struct handle_table *table, uint64_t hash)
{
	const struct shortcuts *shortcuts = private_load_acquire(&table->shortcuts); /* (H5) */
	struct shortcut_search search = shortcut_search(shortcuts, hash);
	uint32_t number = shortcut_next(&search, shortcuts->number_bits);

	if (number != SHORTCUT_NONE)
		__builtin_prefetch(handle_store_at(&table->store, number), 1);
}

#endif
