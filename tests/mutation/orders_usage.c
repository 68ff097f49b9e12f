/* SPDX-License-Identifier: MIT */
/*
 * Labels of rates, levels, what is held, and events. See orders.c.
 */
/* NOLINTBEGIN(bugprone-suspicious-include): its inner functions are what is tested */
#include "core/bucket.c"
#include "core/events.c"
#include "core/lease.c"
#include "core/ledger.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "base/process.h"
#include "core/holding.h"
#include "core/sliding.h"

#include <string.h>

#include "orders.h"

#define PERIOD_MS 1000
#define HOLDER 2
#define LEVEL (&(const struct level_place){segment, 0, 0})
#define ENTRY (&(const struct ledger_entry){segment, HOLDER, 0})
#define TOKEN (UINT64_C(4711) << PROCESS_START_BITS | 1)

/* ---- Rates and levels ---- */

/* Of component 0. */
static struct shmq_shm_rate *rate_here(void)
{
	return &segment->trackers[0].rate[0];
}

static void look_at_window(void)
{
	struct window_view view;

	window_read(rate_here(), PERIOD_MS, PERIOD_MS, &view);
	read_plain();
}

static void roll(void)
{
	write_plain();
	window_roll(rate_here(), shm_load_relaxed(&rate_here()->current), PERIOD_MS, PERIOD_MS);
}

static void capture(void)
{
	uint64_t current = shm_load_relaxed(&rate_here()->current);

	write_plain();
	window_capture(rate_here(), current, shm_load_relaxed(window_base(rate_here(), current)),
	               shm_load_relaxed(&rate_here()->total));
}

static void take_from_window(void)
{
	struct window_view view;

	write_plain();
	must(window_take(rate_here(), 1, 10, PERIOD_MS, PERIOD_MS, &view) ? 0 : -EBUSY, "window_take");
}

static void begin_window(void)
{
	window_roll(rate_here(), shm_load_relaxed(&rate_here()->current), PERIOD_MS, PERIOD_MS);
}

static void fill_window(void)
{
	take_from_window(); /* rolls and captures */
}

static void refund_late(void)
{
	must(window_refund(rate_here(), 77, 1) ? -EBUSY : 0, "window_refund");
	read_plain();
}

/* Two windows that follow each other, each with a baseline. */
static void fill_two_windows(void)
{
	struct window_view view;

	for (uint64_t now_ms = PERIOD_MS; now_ms <= 2 * PERIOD_MS; now_ms += PERIOD_MS)
		must(window_take(rate_here(), 5, 10, PERIOD_MS, now_ms, &view) ? 0 : -EBUSY, "window_take");
}

/* The second half of a refund to a sliding window. */
static void raise_former(void)
{
	write_plain();
	must(window_raise(rate_here(), (shm_load_relaxed(&rate_here()->current) - 1) & WINDOW_SEQ_MASK, 1) ? 0
	                                                                                                   : -ENOENT,
	     "window_raise");
}

static uint64_t still_ms(uint64_t period_ms)
{
	return 2 * period_ms;
}

static void take_beside_former(void)
{
	struct window_view view;

	must(sliding_take(rate_here(), 1, 100, PERIOD_MS, 2 * PERIOD_MS, still_ms, &view) ? 0 : -EBUSY, "sliding_take");
	read_plain();
}

static uint64_t bucket_time_ns;

static uint64_t bucket_time(void)
{
	return bucket_time_ns;
}

static struct bucket bucket_here(void)
{
	return (struct bucket){&rate_here()->tat, &rate_here()->current};
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
	must(level_take(LEVEL, 1, 100, &used) ? 0 : -EBUSY, "level_take");
}

static void release_level(void)
{
	write_plain();
	must(level_release(LEVEL, 1) == 1 ? 0 : -ERANGE, "level_release");
}

static void look_at_level(void)
{
	level_read(level_at(LEVEL));
	read_plain();
}

/* ---- Held operations ---- */

static void begin_operation(void)
{
	intent_begin(ENTRY, LEVEL, false, 1);
}

static void end_operation(void)
{
	write_plain();
	intent_end(ENTRY);
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
	ledger_sum(LEVEL);
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

	intent_begin(ENTRY, LEVEL, false, 1);
	must(level_take_as(LEVEL, HOLDER + 1, 1, 100, &used) ? 0 : -EBUSY, "level_take_as");
	shm_store_relaxed(&level_at(LEVEL)->in, 0); /* overwritten: only the state still says that it landed */
}

static void acknowledge(void)
{
	write_plain();
	level_acknowledge(segment, LEVEL_WORD(LEVEL, false), (uint64_t)(HOLDER + 1) << LEVEL_AMOUNT_BITS | 1);
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

/* ---- Leases ---- */

static void let_some(void)
{
	shm_store32_relaxed(&segment->leases[0].left, 1); /* of nothing that could be given back */
}

static void give_some_back(void)
{
	write_plain();
	lease_return(segment, 0);
}

static void find_none_left(void)
{
	lease_return(segment, 0);
	read_plain();
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

const struct order orders_usage[] = {
    {"W1", nothing, roll, look_at_window, nothing},
    {"W2", begin_window, capture, look_at_window, nothing},
    {"W3", fill_window, take_from_window, look_at_window, nothing},
    {"W4", nothing, roll, refund_late, nothing},
    {"W5", fill_two_windows, raise_former, take_beside_former, nothing},
    {"B1", nothing, take_from_bucket, refund_to_bucket_late, nothing},
    {"B2", take_from_bucket, advance_epoch, look_at_epoch, nothing},
    {"L1", take_from_level, release_level, look_at_level, nothing},
    {"L2", nothing, take_from_level, look_at_level, nothing},
    {"L3", mark_level, acknowledge, ask_whether_it_landed, nothing},
    {"I2", own_holder, begin_operation_late, sum_holdings, free_holder},
    {"I3", begin_operation, end_operation, recover_operation, nothing},
    {"Y1", let_some, give_some_back, find_none_left, nothing},
    {"E1", draw_numbers, set_newer_word, be_too_late, nothing},
    {"E2", begin_ring, write_event, read_event, nothing},
    {"V1", nothing, work_on_ledger, work_on_ledger, nothing},
    {0},
};
