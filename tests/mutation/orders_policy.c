/* SPDX-License-Identifier: MIT */
/*
 * Labels of read sections, slots, controllers and the directory. See orders.c.
 */
/* NOLINTBEGIN(bugprone-suspicious-include): its inner functions are what is tested */
#include "core/worker.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "core/controller.h"
#include "core/publication.h"

#include "orders.h"

#define TOKEN (UINT64_C(4711) << PROCESS_START_BITS | 1)
#define DEAD (UINT64_C(4194304) << PROCESS_START_BITS | 1) /* no thread has so high an id */

static struct publication publication;
static uint64_t cookie;

/* ---- Read sections and slots ---- */

static void enter_late(void)
{
	rcu_read_lock(slot, &segment->policy->control.epoch, false);
	read_plain();
	rcu_read_unlock(slot);
}

static void retire_early(void)
{
	write_plain();
	rcu_cookie(segment);
}

static void begin_reading(void)
{
	rcu_read_lock(own, &segment->policy->control.epoch, false);
	cookie = rcu_cookie(segment);
}

static void read_and_leave(void)
{
	read_plain();
	rcu_read_unlock(own);
}

static void reuse(void)
{
	must(rcu_poll(segment, cookie) ? 0 : -EBUSY, "rcu_poll");
	write_plain();
}

static void scan(void)
{
	write_plain();
	must(rcu_poll(segment, cookie) ? 0 : -EBUSY, "rcu_poll");
}

static void learn_of_scan(void)
{
	rcu_done(segment);
	read_plain();
}

static void take_cookie(void)
{
	cookie = rcu_cookie(segment);
}

static void own_slot(void)
{
	shm_store_relaxed(&slot->owner, TOKEN);
}

static void free_slot(void)
{
	write_plain();
	worker_slot_free(slot);
}

static void claim_slot(void)
{
	must(slot_claim(slot, 0, TOKEN) ? 0 : -EBUSY, "slot_claim");
	write_plain();
}

static void own_slot_and_die(void)
{
	shm_store_relaxed(&slot->owner, DEAD);
}

static void leave_slot(void)
{
	write_plain();
	must(slot_leave_to_process(slot, DEAD) ? 0 : -EBUSY, "slot_leave_to_process");
}

static void judge_slot(void)
{
	slot_is_dead(slot, DEAD);
	read_plain();
}

/* ---- Controllers ---- */

static void work_under_lock(void)
{
	bool must_recover;

	MUST(controller_lock(segment, &must_recover));
	write_plain();
	controller_unlock(segment);
}

static void begin_publication(void)
{
	const struct publication_rule fallback = {.quota = SHMQ_QUOTA_DEFAULT};

	MUST(publication_begin(&publication, segment));
	MUST(publication_set_default(&publication, &fallback));
}

static void commit_publication(void)
{
	write_plain();
	MUST(publication_commit(&publication));
}

static void look_at_quotas(void)
{
	directory_quotas(segment);
	read_plain();
}

static void prepare_entry(void)
{
	const struct quota_rule rule = {.quota = SHMQ_QUOTA_DEFAULT, .flags = QUOTA_PRESENT};

	MUST(directory_begin(&directory, segment));
	key.index = directory_allocate(&directory);
	directory_prepare(&directory, key.index, NAME, NAME_LENGTH);
	quota_store(&directory.quotas[directory.active][key.index], &rule);
}

static void commit_entry(void)
{
	write_plain();
	directory_commit(&directory, key.index);
}

static void look_at_entry(void)
{
	struct directory_key found;

	MUST(directory_at(segment, key.index, &found));
	read_plain();
}

void register_entry(void)
{
	prepare_entry();
	directory_commit(&directory, key.index);
	MUST(directory_at(segment, key.index, &key));
}

static void change_quota(void)
{
	const struct quota_rule rule = {.quota = SHMQ_QUOTA_DEFAULT, .flags = QUOTA_PRESENT};

	write_plain();
	quota_store(&directory.quotas[directory.active][key.index], &rule);
}

static void look_at_quota(void)
{
	must(directory_quota(segment, &key) == NULL ? -ENOENT : 0, "directory_quota");
	read_plain();
}

static void begin_change(void)
{
	MUST(directory_begin(&directory, segment));
	key.index = directory_allocate(&directory);
}

static void link_entry(void)
{
	write_plain();
	directory_prepare(&directory, key.index, NAME, NAME_LENGTH);
}

static void walk_chain(void)
{
	struct directory_key found;

	directory_find(segment, NAME, NAME_LENGTH, &found); /* not there yet, but walked over */
	read_plain();
}

void end_change(void)
{
	directory_end(&directory);
}

const struct order orders_policy[] = {
    {"R1", nothing, retire_early, enter_late, nothing},
    {"R3", begin_reading, read_and_leave, reuse, nothing},
    {"R5", take_cookie, scan, learn_of_scan, nothing},
    {"K1", own_slot, free_slot, claim_slot, free_slot},
    {"K2", own_slot_and_die, leave_slot, judge_slot, free_slot},
    {"C1", nothing, work_under_lock, work_under_lock, nothing},
    {"D1", begin_publication, commit_publication, look_at_quotas, nothing},
    {"D2", prepare_entry, commit_entry, look_at_entry, end_change},
    {"D3", register_entry, change_quota, look_at_quota, end_change},
    {"D4", begin_change, link_entry, walk_chain, end_change},
    {0},
};
