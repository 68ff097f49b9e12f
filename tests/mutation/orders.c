/* SPDX-License-Identifier: MIT */
/*
 * Memory orders that x86 gives for free, and that no test on it can therefore miss, under ThreadSanitizer: it judges by
 * what the program says, not by what the processor did.
 *
 * For each label of docs/concurrency.md one thread writes a plain word and then does the label's store side; another
 * does the load side and reads the plain word. In between they hand over by a relaxed word, which orders nothing, so the
 * label is all that keeps the two accesses apart: without it ThreadSanitizer reports a race, each time.
 *
 *     mutation_orders [LABEL...]
 */
/* NOLINTBEGIN(bugprone-suspicious-include): their inner functions are what is tested */
#include "core/bucket.c"
#include "core/events.c"
#include "core/handle.c"
#include "core/ledger.c"
#include "core/worker.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "core/controller.h"
#include "core/publication.h"
#include "core/sliding.h"
#include "core/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/names.h"

#define NAME "tenant"
#define NAME_LENGTH 6
#define PERIOD_MS 1000
#define HOLDER 2
#define TOKEN (UINT64_C(4711) << PROCESS_START_BITS | 1)
#define DEAD (UINT64_C(4194304) << PROCESS_START_BITS | 1) /* no thread has so high an id */

static int plain; /* what the label protects */

static struct shmq_segment *segment;
static struct directory directory;
static struct publication publication;
static struct directory_key key;
static struct shmq_shm_slot *own, *slot;
static struct level_place place;
static struct ledger_entry entry;
static struct shmq_shm_rate *rate;
static uint64_t cookie;

static void must(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "%s: %s\n", what, shmq_strerror(result));
	exit(2); /* NOLINT(concurrency-mt-unsafe) */
}

#define MUST(call) must((call), #call)

static void write_plain(void)
{
	plain++;
}

static void read_plain(void)
{
	volatile int seen = plain;

	(void)seen;
}

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

static void register_entry(void)
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

static void end_change(void)
{
	directory_end(&directory);
}

/* ---- Handles ---- */

static const struct handle_name handle_name = {NAME, NAME_LENGTH};
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
	atomic_store_explicit(&handle, handle_create(segment, &key, &handle_name), memory_order_relaxed);
}

static void compare_handle(void)
{
	must(handle_matches(&handle_seen()->node, &handle_name) ? 0 : -ENOENT, "handle_matches");
	read_plain();
}

static void free_handle(void)
{
	free(handle_seen());
	atomic_store_explicit(&handle, NULL, memory_order_relaxed);
}

/* Retired before the last grace period; somebody has it still. */
static void retire_handle(void)
{
	create_handle();
	handle_seen()->retired_epoch = 0;
	cache = (struct handle_cache){.retired = handle_seen()};
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

static void look_handle_up(void)
{
	cache_lookup(segment, 0, &handle_name); /* not there, but looked for */
	read_plain();
}

static void retire_entry(void)
{
	write_plain();
	directory_retire(&directory, key.index);
}

/* ---- Rates and levels ---- */

static void look_at_window(void)
{
	struct window_view view;

	window_read(rate, PERIOD_MS, PERIOD_MS, &view);
	read_plain();
}

static void roll(void)
{
	write_plain();
	window_roll(rate, shm_load_relaxed(&rate->current), PERIOD_MS, PERIOD_MS);
}

static void capture(void)
{
	uint64_t current = shm_load_relaxed(&rate->current);

	write_plain();
	window_capture(rate, current, shm_load_relaxed(window_base(rate, current)), shm_load_relaxed(&rate->total));
}

static void take_from_window(void)
{
	struct window_view view;

	write_plain();
	must(window_take(rate, 1, 10, PERIOD_MS, PERIOD_MS, &view) ? 0 : -EBUSY, "window_take");
}

static void begin_window(void)
{
	window_roll(rate, shm_load_relaxed(&rate->current), PERIOD_MS, PERIOD_MS);
}

static void fill_window(void)
{
	take_from_window(); /* rolls and captures */
}

static void refund_late(void)
{
	must(window_refund(rate, 77, 1) ? -EBUSY : 0, "window_refund");
	read_plain();
}

/* Two windows that follow each other, each with a baseline. */
static void fill_two_windows(void)
{
	struct window_view view;

	for (uint64_t now_ms = PERIOD_MS; now_ms <= 2 * PERIOD_MS; now_ms += PERIOD_MS)
		must(window_take(rate, 5, 10, PERIOD_MS, now_ms, &view) ? 0 : -EBUSY, "window_take");
}

/* The second half of a refund to a sliding window. */
static void raise_former(void)
{
	write_plain();
	must(window_raise(rate, (shm_load_relaxed(&rate->current) - 1) & WINDOW_SEQ_MASK, 1) ? 0 : -ENOENT,
	     "window_raise");
}

static uint64_t still_ms(uint64_t period_ms)
{
	return 2 * period_ms;
}

static void be_refused_by_former(void)
{
	struct window_view view;

	must(sliding_take(rate, 10, 10, PERIOD_MS, 2 * PERIOD_MS, still_ms, &view) ? -EBUSY : 0, "sliding_take");
	read_plain();
}

static uint64_t bucket_time_ns;

static uint64_t bucket_time(void)
{
	return bucket_time_ns;
}

static struct bucket bucket_here(void)
{
	return (struct bucket){&rate->tat, &rate->current};
}

static struct bucket_view taken;

static void take_from_bucket(void)
{
	struct bucket bucket = bucket_here();
	struct bucket_rate flow = bucket_rate_of(10, NS_PER_S, 10);

	write_plain();
	bucket_time_ns = 5 * NS_PER_S;
	must(bucket_take(&bucket, &flow, 1, bucket_time_ns, bucket_time, &taken) ? 0 : -EBUSY, "bucket_take");
}

static uint64_t late_bucket_time(void)
{
	return 9 * NS_PER_S;
}

/* All of it has flowed in again: the word is loaded, and left alone. */
static void refund_to_bucket_late(void)
{
	const struct bucket_view view = {.now_ns = 5 * NS_PER_S, .cost_ns = 1};
	struct bucket bucket = bucket_here();

	bucket_refund(&bucket, &view, late_bucket_time);
	read_plain();
}

/* The first half of a reset. */
static void advance_epoch(void)
{
	struct bucket bucket = bucket_here();
	uint64_t other = shm_load_relaxed(bucket.tat) + 1;

	write_plain();
	must(set_ahead(&bucket, other, bucket_time_ns, 0) ? -EBUSY : 0, "set_ahead");
}

static void look_at_epoch(void)
{
	struct bucket bucket = bucket_here();
	struct bucket_rate flow = bucket_rate_of(10, NS_PER_S, 10);
	struct bucket_view view;

	must(bucket_take(&bucket, &flow, 0, 5 * NS_PER_S, late_bucket_time, &view) ? 0 : -EBUSY, "bucket_take");
	read_plain();
}

static void take_from_level(void)
{
	uint64_t used;

	write_plain();
	must(level_take(&place, 1, 100, &used) ? 0 : -EBUSY, "level_take");
}

static void release_level(void)
{
	write_plain();
	must(level_release(&place, 1) == 1 ? 0 : -ERANGE, "level_release");
}

static void look_at_level(void)
{
	level_read(level_at(&place));
	read_plain();
}

/* ---- Held operations ---- */

static void begin_operation(void)
{
	intent_begin(&entry, &place, false, 1);
}

static void end_operation(void)
{
	write_plain();
	intent_end(&entry);
}

static void own_holder(void)
{
	shm_store_relaxed(&segment->slots[HOLDER].owner, TOKEN);
}

static void begin_operation_late(void)
{
	write_plain();
	begin_operation();
}

static void sum_holdings(void)
{
	ledger_sum(&place);
	read_plain();
}

static void free_holder(void)
{
	end_operation();
	shm_store_relaxed(&segment->slots[HOLDER].owner, 0);
}

static void recover_operation(void)
{
	ledger_recover(segment, HOLDER);
	read_plain();
}

static void mark_level(void)
{
	uint64_t used;

	intent_begin(&entry, &place, false, 1);
	must(level_take_as(&place, HOLDER + 1, 1, 100, &used) ? 0 : -EBUSY, "level_take_as");
	shm_store_relaxed(&level_at(&place)->in, 0); /* overwritten: only the state still says that it landed */
}

static void acknowledge(void)
{
	write_plain();
	level_acknowledge(segment, LEVEL_WORD(&place, false), (uint64_t)(HOLDER + 1) << LEVEL_AMOUNT_BITS | 1);
}

static void ask_whether_it_landed(void)
{
	must(intent_has_landed(segment, HOLDER) ? 0 : -ENOENT, "intent_has_landed");
	read_plain();
}

static void work_on_ledger(void)
{
	holding_lock(&segment->private->slots[HOLDER]);
	write_plain();
	holding_unlock(&segment->private->slots[HOLDER]);
}

/* ---- Events ---- */

#define RECORDS 2
#define RING_BYTES (sizeof(struct shmq_shm_events) + RECORDS * sizeof(struct shmq_shm_event))
static _Alignas(LAYOUT_LINE) unsigned char ring_bytes[RING_BYTES];
static struct shmq_shm_events *const ring = (struct shmq_shm_events *)(void *)ring_bytes;
static const struct event_note note = {.kind = SHMQ_EVENT_RESET, .resource = SHMQ_NONE};

/* Two numbers that have the same place. */
static void draw_numbers(void)
{
	shm_store_relaxed(&ring->head, RECORDS + 1);
}

static void set_newer_word(void)
{
	struct event_position newer = event_position(ring, RECORDS, RECORDS + 1);

	write_plain();
	must(event_set_word(&ring->record[0].word[1], &newer, 1) ? 0 : -EBUSY, "event_set_word");
}

static void be_too_late(void)
{
	struct event_position older = event_position(ring, RECORDS, 1);

	must(event_set_word(&ring->record[0].word[1], &older, 1) ? -EBUSY : 0, "event_set_word");
	read_plain();
}

static void begin_ring(void)
{
	memset(ring_bytes, 0, sizeof(ring_bytes));
}

static void write_event(void)
{
	write_plain();
	must(events_write(ring, RECORDS, &note) ? 0 : -EBUSY, "events_write");
}

static void read_event(void)
{
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = 0;

	must(events_read(ring, RECORDS, &cursor, 0, &event) ? 0 : -ENOENT, "events_read");
	read_plain();
}

/* ---- The run ---- */

static void nothing(void)
{
}

static const struct order {
	const char *label;
	void (*before)(void); /* by one thread, before there is another */
	void (*store_side)(void), (*load_side)(void);
	void (*after)(void);
} orders[] = {
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
    {"D6", register_entry, retire_entry, look_handle_up, end_change},
    {"H1", nothing, create_cache, look_handle_up, nothing},
    {"H2", retire_handle, put_handle, free_retired, nothing},
    {"H4", nothing, create_handle, compare_handle, free_handle},
    {"W1", nothing, roll, look_at_window, nothing},
    {"W2", begin_window, capture, look_at_window, nothing},
    {"W3", fill_window, take_from_window, look_at_window, nothing},
    {"W4", nothing, roll, refund_late, nothing},
    {"W5", fill_two_windows, raise_former, be_refused_by_former, nothing},
    {"B1", nothing, take_from_bucket, refund_to_bucket_late, nothing},
    {"B2", take_from_bucket, advance_epoch, look_at_epoch, nothing},
    {"L1", take_from_level, release_level, look_at_level, nothing},
    {"L2", nothing, take_from_level, look_at_level, nothing},
    {"L3", mark_level, acknowledge, ask_whether_it_landed, nothing},
    {"I2", own_holder, begin_operation_late, sum_holdings, free_holder},
    {"I3", begin_operation, end_operation, recover_operation, nothing},
    {"E1", draw_numbers, set_newer_word, be_too_late, nothing},
    {"E2", begin_ring, write_event, read_event, nothing},
    {"V1", nothing, work_on_ledger, work_on_ledger, nothing},
};
#define ORDERS (sizeof(orders) / sizeof(*orders))

static _Atomic bool is_handed_over;

static void *second_thread(void *argument)
{
	const struct order *order = argument;

	while (!atomic_load_explicit(&is_handed_over, memory_order_relaxed))
		usleep(100);
	order->load_side();
	return NULL;
}

/* ThreadSanitizer goes by addresses, and the policy is mapped twice: let readers use the writable mapping, too. */
static void use_one_mapping(void)
{
	char *bytes = (char *)segment->private->writable;

	segment->policy = segment->private->writable;
	segment->buckets = (struct shm_u32 *)(void *)(bytes + segment->layout.buckets_at);
	segment->entries = (struct shmq_shm_entry *)(void *)(bytes + segment->layout.entries_at);
	for (int i = 0; i < 2; i++)
		segment->quotas[i] = (struct shmq_shm_quota *)(void *)(bytes + segment->layout.quotas_at[i]);
}

static void run(const struct order *order, const char *name)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	const struct shmq_shm_policy *readable;
	pthread_t thread;

	options.components = 8;
	options.threads = 4;
	options.reservations = 1;
	MUST(shmq_segment_create(&segment, name, &options));
	readable = segment->policy;
	use_one_mapping();
	MUST(worker_enter(segment, &own));
	worker_leave(own);
	slot = own == &segment->slots[0] ? &segment->slots[1] : &segment->slots[0];
	place = (struct level_place){segment, 0, 0};
	entry = (struct ledger_entry){segment, HOLDER, 0};
	rate = &segment->trackers[0].rate[0];
	atomic_store_explicit(&is_handed_over, false, memory_order_relaxed);
	order->before();
	must(-pthread_create(&thread, NULL, second_thread, (void *)(uintptr_t)order), "pthread_create");
	order->store_side();
	atomic_store_explicit(&is_handed_over, true, memory_order_relaxed);
	must(-pthread_join(thread, NULL), "pthread_join");
	order->after();
	segment->policy = readable;
	shmq_segment_close(segment);
	MUST(shmq_segment_remove(name));
}

static bool is_wanted(const char *label, int count, char **labels)
{
	for (int i = 0; i < count; i++)
		if (strcmp(labels[i], label) == 0)
			return true;
	return count == 0;
}

int main(int argc, char **argv)
{
	char name[NAME_SIZE];
	size_t ran = 0;

	name_segment(name, "orders");
	for (size_t i = 0; i < ORDERS; i++) {
		if (!is_wanted(orders[i].label, argc - 1, argv + 1))
			continue;
		run(&orders[i], name);
		printf("%s\n", orders[i].label);
		ran++;
	}
	return ran > 0 ? 0 : 2;
}
