/* SPDX-License-Identifier: MIT */
/*
 * Finding, and growing where it is needed. A handle whose shortcut is forgotten costs some misses more, and memory that
 * cannot be had for more shortcuts costs no more than that.
 */
#include "core/handle_table.h"

#include <errno.h>
#include <string.h>
#include <urcu/flavor.h>

#define FIRST_BUCKETS 256
#define TIER_FACTOR 16
#define FIRST_SHORTCUTS 512
#define SHORTCUT_FACTOR 8

static void flavor_nothing(void)
{
}

/* The tables' read sections are ours, entered before they are called; they never resize, so they ask for no more. */
static const struct rcu_flavor_struct segment_flavor = {
    .read_lock = flavor_nothing,
    .read_unlock = flavor_nothing,
    .thread_offline = flavor_nothing,
    .thread_online = flavor_nothing,
    .register_thread = flavor_nothing,
    .unregister_thread = flavor_nothing,
};

static bool handle_has_name(const struct shmq_component *handle, const struct handle_name *name)
{
	return handle->name_length == name->length && memcmp(handle_name(handle), name->bytes, name->length) == 0;
}

static struct shmq_component *handle_of(struct cds_lfht_node *node)
{
	return (struct shmq_component *)(void *)((char *)node - offsetof(struct shmq_component, node));
}

static int node_matches(struct cds_lfht_node *node, const void *key)
{
	const struct shmq_component *handle = handle_of(node);

	/*
	 * (H4) acquire: pairs with handle_create(). The handle before the table that leads to it; liburcu orders it
	 * too, but not so that ThreadSanitizer could see it.
	 */
	(void)shm_load_acquire(&handle->verified);
	return handle_has_name(handle, key);
}

static struct shmq_component *find_by_shortcut(const struct handle_table *table, const struct handle_name *name)
{
	const struct shortcuts *shortcuts = private_load_acquire(&table->shortcuts); /* (H5) */
	struct shortcut_search search = shortcut_search(shortcuts, name->hash);
	uint32_t number;

	while ((number = shortcut_next(&search, shortcuts->number_bits)) != SHORTCUT_NONE) {
		struct shmq_component *handle = handle_store_at(&table->store, number);

		if (handle_has_name(handle, name))
			return handle;
	}
	return NULL;
}

struct shmq_component *handle_table_find(const struct handle_table *table, const struct handle_name *name)
{
	struct shmq_component *handle = find_by_shortcut(table, name);
	struct cds_lfht_iter iterator;

	/* (H5) acquire: pairs with add_tier(). */
	for (uint32_t i = handle == NULL ? shm_load32_acquire(&table->tiers) : 0; i > 0; i--) {
		cds_lfht_lookup(table->tier[i - 1], (unsigned long)name->hash, node_matches, name, &iterator);
		if (cds_lfht_iter_get_node(&iterator) != NULL)
			return handle_of(cds_lfht_iter_get_node(&iterator));
	}
	return handle;
}

/* ---- Under the process lock ---- */

static int add_tier(struct handle_table *table)
{
	uint32_t tiers = shm_load32_relaxed(&table->tiers); /* relaxed: ours */
	uint32_t buckets = tiers == 0 ? FIRST_BUCKETS : table->buckets * TIER_FACTOR;

	table->tier[tiers] = cds_lfht_new_flavor(buckets, buckets, buckets, 0, &segment_flavor, NULL);
	if (table->tier[tiers] == NULL)
		return -ENOMEM;
	table->buckets = buckets;
	/* (H5) release: the table before the number of them. Pairs with handle_table_find(). */
	shm_store32_release(&table->tiers, tiers + 1);
	return 0;
}

static uint64_t hash_of(const struct shmq_component *handle)
{
	return directory_hash(handle->segment, handle_name(handle), handle->name_length);
}

/* Without memory the ones there are go on. */
static void add_shortcuts(struct handle_table *table, uint32_t room)
{
	struct shortcuts *older = private_load_acquire(&table->shortcuts); /* (H5), and ours */
	struct shortcuts *shortcuts = shortcuts_create(room, table->store.limit);
	struct cds_lfht_iter iterator;

	if (shortcuts == NULL)
		return;
	for (uint32_t i = 0; i < shm_load32_relaxed(&table->tiers); i++) { /* relaxed: ours */
		for (cds_lfht_first(table->tier[i], &iterator); cds_lfht_iter_get_node(&iterator) != NULL;
		     cds_lfht_next(table->tier[i], &iterator)) {
			const struct shmq_component *handle = handle_of(cds_lfht_iter_get_node(&iterator));

			if (handle->number != SHORTCUT_NONE)
				shortcuts_put(shortcuts, hash_of(handle), handle->number);
		}
	}
	shortcuts->older = older;                            /* somebody may be in the middle of it */
	private_store_release(&table->shortcuts, shortcuts); /* (H5) */
}

/* As much as all handles need, when that is not much more. */
static uint32_t more_room(const struct handle_table *table, uint32_t room)
{
	uint64_t more = (uint64_t)room * SHORTCUT_FACTOR;

	return more < table->components || room >= table->components ? (uint32_t)more : table->components;
}

int handle_table_init(struct handle_table *table, uint32_t components)
{
	memset(table, 0, sizeof(*table));
	table->components = components;
	if (handle_store_init(&table->store, components) < 0)
		return -ENOMEM;
	add_shortcuts(table, FIRST_SHORTCUTS);
	if (private_load_acquire(&table->shortcuts) != NULL && add_tier(table) == 0) /* (H5), and ours */
		return 0;
	handle_table_free(table);
	return -ENOMEM;
}

static void free_tier(struct handle_table *table, struct cds_lfht *tier)
{
	struct cds_lfht_iter iterator;

	for (cds_lfht_first(tier, &iterator); cds_lfht_iter_get_node(&iterator) != NULL;
	     cds_lfht_next(tier, &iterator)) {
		struct cds_lfht_node *node = cds_lfht_iter_get_node(&iterator);

		cds_lfht_del(tier, node);
		handle_store_give(&table->store, handle_of(node));
	}
	cds_lfht_destroy(tier, NULL);
}

void handle_table_free(struct handle_table *table)
{
	for (uint32_t i = 0; i < shm_load32_relaxed(&table->tiers); i++) /* relaxed: nobody else is left */
		free_tier(table, table->tier[i]);
	shortcuts_free(private_load_acquire(&table->shortcuts)); /* (H5), and ours */
	handle_store_free(&table->store);
}

void handle_table_add(struct handle_table *table, uint64_t hash, struct shmq_component *handle)
{
	struct shortcuts *shortcuts = private_load_acquire(&table->shortcuts); /* (H5), and ours */
	uint32_t tiers = shm_load32_relaxed(&table->tiers);                    /* relaxed: ours */

	if (table->handles >= table->buckets && tiers < HANDLE_TIERS && add_tier(table) == 0)
		tiers++; /* else chains grow longer */
	handle->tier = (uint8_t)(tiers - 1);
	cds_lfht_add(table->tier[tiers - 1], (unsigned long)hash, &handle->node);
	if (++table->handles > shortcuts_room(shortcuts))
		add_shortcuts(table, more_room(table, shortcuts_room(shortcuts)));
	/* New ones have this handle already. */
	if (handle->number != SHORTCUT_NONE &&
	    private_load_acquire(&table->shortcuts) == shortcuts) /* (H5), and ours */
		shortcuts_put(shortcuts, hash, handle->number);
}

void handle_table_remove(struct handle_table *table, uint64_t hash, struct shmq_component *handle)
{
	if (handle->number != SHORTCUT_NONE)
		shortcuts_drop(private_load_acquire(&table->shortcuts), hash, handle->number); /* (H5), and ours */
	cds_lfht_del(table->tier[handle->tier], &handle->node);
	table->handles--;
}
