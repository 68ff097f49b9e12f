/* SPDX-License-Identifier: MIT */
/*
 * Labels of handles and the tables that lead to them. See orders.c.
 */
/* NOLINTBEGIN(bugprone-suspicious-include): its inner functions are what is tested */
#include "core/handle.c"
#include "core/handle_table.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "orders.h"

/* ---- Handles ---- */

#define HASH UINT64_C(0x123456789abcdef0)

static const struct handle_name looked_for = {NAME, NAME_LENGTH, HASH};
static struct handle_cache cache; /* not the segment's */
static _Atomic(struct shmq_component *) handle;

static struct shmq_component *handle_seen(void)
{
	struct shmq_component *seen;

	do
		seen = atomic_load_explicit(&handle, memory_order_relaxed);
	while (seen == NULL);
	return seen;
}

static void create_handle(void)
{
	write_plain();
	atomic_store_explicit(&handle, handle_create(segment, &cache, &key, &looked_for), memory_order_relaxed);
}

static void compare_handle(void)
{
	must(node_matches(&handle_seen()->node, &looked_for) ? 0 : -ENOENT, "node_matches");
	read_plain();
}

static void begin_handles(void)
{
	must(handle_table_init(&cache.table, 8), "handle_table_init");
}

static void free_handles(void)
{
	handle_table_free(&cache.table);
	memset(&cache, 0, sizeof(cache));
	atomic_store_explicit(&handle, NULL, memory_order_relaxed);
}

/* Retired before the last grace period; somebody has it still. */
static void retire_handle(void)
{
	begin_handles();
	create_handle();
	handle_seen()->retired_epoch = 0;
	cache.retired = handle_seen();
	must(rcu_poll(segment, rcu_cookie(segment)) ? 0 : -EBUSY, "rcu_poll");
}

static void put_handle(void)
{
	write_plain();
	handle_put(handle_seen());
	atomic_store_explicit(&handle, NULL, memory_order_relaxed);
}

static void free_retired(void)
{
	cache_free_retired(segment, &cache);
	must(cache.retired == NULL ? 0 : -EBUSY, "cache_free_retired");
	read_plain();
}

static void create_cache(void)
{
	write_plain();
	must(cache_create(segment) == NULL ? -ENOMEM : 0, "cache_create");
}

static void look_for_cache(void)
{
	must(cache_of(segment) == NULL ? -ENOENT : 0, "cache_of");
	read_plain();
}

static void put_shortcut(void)
{
	write_plain();
	shortcuts_put(private_load_acquire(&cache.table.shortcuts), HASH, 1);
}

static void follow_shortcut(void)
{
	/* The table was there before. */
	const struct shortcuts *shortcuts = atomic_load_explicit(&cache.table.shortcuts, memory_order_relaxed);
	struct shortcut_search search = shortcut_search(shortcuts, HASH);

	must(shortcut_next(&search, shortcuts->number_bits) == 1 ? 0 : -ENOENT, "shortcut_next");
	read_plain();
}

/* What a handle says that was seen in force after the retirement to come: so its entry is not looked at. */
static void foresee_retirement(void)
{
	register_entry();
	begin_handles();
	create_handle();
	shm_store_relaxed(&handle_seen()->verified, shm_load_relaxed(&segment->policy->control.retirements) + 1);
}

static void hold_handle(void)
{
	must(handle_hold(segment, handle_seen()) ? 0 : -ENOENT, "handle_hold");
	read_plain();
}

static void end_change_and_handles(void)
{
	end_change();
	free_handles();
}

static void retire_entry(void)
{
	write_plain();
	directory_retire(&directory, key.index);
}

const struct order orders_handles[] = {
    {"D6", foresee_retirement, retire_entry, hold_handle, end_change_and_handles},
    {"H1", nothing, create_cache, look_for_cache, nothing},
    {"H2", retire_handle, put_handle, free_retired, free_handles},
    {"H4", begin_handles, create_handle, compare_handle, free_handles},
    {"H5", begin_handles, put_shortcut, follow_shortcut, free_handles},
    {0},
};
