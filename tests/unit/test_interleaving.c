/* SPDX-License-Identifier: MIT */
/*
 * Windows and levels interrupted at every single access. The modules are compiled into this program once more, with a
 * hook before each atomic access; a victim runs, and at its n-th access others do whole operations, for every n.
 *
 * Over the limit is counted twice: by the window that an amount was judged in, and by what landed after a baseline.
 * Counting the first way alone misses a window that is captured after it was closed.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/level.c"
#include "core/window.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "../support/fixture.h"

#define PERIOD 1000
#define START (UINT64_C(7) * PERIOD)
#define LIMIT 10
#define WINDOWS 64

TestSuite(interleaving, .timeout = 60);

static struct shmq_shm_rate rate;
static uint64_t judged[WINDOWS];   /* admitted, by the window it was judged in */
static uint64_t captured[WINDOWS]; /* baselines as first seen */
static uint64_t baseline[WINDOWS]; /* as last seen: refunds raise them */
static bool has_baseline[WINDOWS];

/* The books are kept past the hooks. */
static uint64_t look(const struct shm_u64 *word)
{
	return atomic_load(&word->value);
}

/* Remember baselines before their words are used again; they only grow, and never above the total. */
static void note_baselines(void)
{
	uint64_t total = look(&rate.total);

	for (int i = 0; i < LAYOUT_BASES; i++) {
		uint64_t word = look(&rate.base[i]);
		uint64_t seq = word >> WINDOW_TOTAL_BITS, value = word & WINDOW_TOTAL_MASK;

		cr_assert_lt(seq, WINDOWS);
		cr_assert_leq(value, total, "a baseline is above the total");
		cr_assert(!has_baseline[seq] || value >= baseline[seq], "a baseline went down");
		if (!has_baseline[seq])
			captured[seq] = value;
		has_baseline[seq] = true;
		baseline[seq] = value;
	}
}

static bool take_at(uint64_t amount, uint64_t now_ms, struct window_view *view)
{
	bool is_taken = window_take(&rate, amount, LIMIT, PERIOD, now_ms, view);

	if (is_taken)
		judged[view->seq] += amount;
	note_baselines();
	return is_taken;
}

static void fill_at(uint64_t now_ms)
{
	struct window_view view;

	while (take_at(3, now_ms, &view) || take_at(1, now_ms, &view))
		;
}

static void expect_no_window_over_its_limit(unsigned at)
{
	uint64_t last = 0;

	note_baselines();
	for (uint64_t seq = 1; seq < WINDOWS; seq++) {
		cr_assert_leq(judged[seq], LIMIT, "window %" PRIu64 " admitted too much, interrupted at %u", seq, at);
		if (!has_baseline[seq])
			continue;
		cr_assert_leq(captured[seq] - baseline[last], LIMIT * (seq - last),
		              "too much landed before window %" PRIu64 ", interrupted at %u", seq, at);
		last = seq;
	}
	cr_assert_leq(look(&rate.total) - baseline[last], LIMIT,
	              "too much landed in the last window, interrupted at %u", at);
}

static void begin_anew(void)
{
	window_restart(&rate);
	for (int i = 0; i < WINDOWS; i++) {
		judged[i] = 0;
		has_baseline[i] = false;
		baseline[i] = captured[i] = 0;
	}
}

/* ---- What the others do meanwhile ---- */

static void fill_this_window(void)
{
	fill_at(START + PERIOD);
}

static void fill_the_next_window(void)
{
	fill_at(START + 2 * PERIOD);
}

static void fill_three_windows(void)
{
	for (uint64_t i = 1; i <= 3; i++)
		fill_at(START + i * PERIOD);
}

static void fill_nine_windows(void)
{
	for (uint64_t i = 1; i <= 9; i++)
		fill_at(START + i * PERIOD);
}

static void roll_and_die(void)
{
	window_roll(&rate, shm_load_relaxed(&rate.current), PERIOD, START + 2 * PERIOD);
}

static void reset_and_fill(void)
{
	window_reset(&rate);
	fill_at(START + PERIOD);
}

static void take_and_refund(void)
{
	struct window_view view;

	if (take_at(4, START + PERIOD, &view)) {
		window_refund(&rate, view.seq, 4);
		judged[view.seq] -= 4;
	}
	fill_at(START + PERIOD);
}

static void (*const others[])(void) = {fill_this_window, fill_the_next_window, fill_three_windows, fill_nine_windows,
                                       roll_and_die,     reset_and_fill,       take_and_refund};
#define OTHERS (sizeof(others) / sizeof(*others))

/* Run `victim` with each of the others at each of its accesses, from a used window and from a fresh rate. */
static void interrupt_everywhere(void (*victim)(void))
{
	for (size_t other = 0; other < OTHERS; other++) {
		for (int is_used = 0; is_used <= 1; is_used++) {
			for (unsigned at = 1;; at++) {
				struct window_view view;
				bool happened;

				begin_anew();
				if (is_used)
					take_at(6, START, &view);
				interleave(at, others[other]);
				victim();
				happened = interleave_happened();
				fill_at(START + 3 * PERIOD);
				expect_no_window_over_its_limit(at);
				if (!happened)
					break;
			}
		}
	}
}

static void take_much(void)
{
	struct window_view view;

	if (window_take(&rate, LIMIT, LIMIT, PERIOD, START + PERIOD, &view))
		judged[view.seq] += LIMIT;
}

static void take_twice(void)
{
	struct window_view view;

	for (int i = 0; i < 2; i++)
		if (window_take(&rate, 6, LIMIT, PERIOD, START + PERIOD, &view))
			judged[view.seq] += 6;
}

static void take_then_refund(void)
{
	struct window_view view;

	if (!window_take(&rate, 7, LIMIT, PERIOD, START + PERIOD, &view))
		return;
	judged[view.seq] += 7;
	note_baselines();
	window_refund(&rate, view.seq, 7);
	/* Dropped or not: what was refunded may be taken again within the same window, once. */
	judged[view.seq] -= 7;
}

static void reset(void)
{
	window_reset(&rate);
}

Test(interleaving, of_a_take_never_admits_too_much)
{
	interrupt_everywhere(take_much);
}

Test(interleaving, of_two_takes_never_admits_too_much)
{
	interrupt_everywhere(take_twice);
}

Test(interleaving, of_a_refund_never_admits_too_much)
{
	interrupt_everywhere(take_then_refund);
}

Test(interleaving, of_a_reset_never_admits_too_much)
{
	interrupt_everywhere(reset);
}

/* ---- Needless answers ---- */

static void use_some_of_the_next_window(void)
{
	struct window_view view;

	fill_at(START + PERIOD);
	take_at(2, START + 2 * PERIOD, &view);
}

Test(interleaving, of_a_take_with_a_roll_does_not_refuse_by_the_old_window)
{
	/* It compared the new window's total with the old window's baseline: used 12 of 10, and refused. */
	for (unsigned at = 1;; at++) {
		struct window_view view;
		bool is_taken;

		begin_anew();
		take_at(1, START, &view);
		interleave(at, use_some_of_the_next_window);
		is_taken = window_take(&rate, 1, LIMIT, PERIOD, START + PERIOD, &view);
		if (!interleave_happened())
			break;
		cr_expect(is_taken, "refused although there was room, interrupted at %u", at);
		cr_expect_leq(view.used, LIMIT, "used %" PRIu64 ", interrupted at %u", view.used, at);
	}
}

Test(interleaving, of_a_look_with_a_roll_sees_one_of_the_two_windows)
{
	for (unsigned at = 1;; at++) {
		struct window_view view, seen;

		begin_anew();
		take_at(1, START + PERIOD, &view);
		interleave(at, use_some_of_the_next_window);
		window_read(&rate, PERIOD, START + PERIOD, &seen);
		if (!interleave_happened())
			break;
		cr_expect_leq(seen.used, LIMIT, "used %" PRIu64 ", interrupted at %u", seen.used, at);
	}
}

/* ---- Levels ---- */

static struct shmq_shm_tracker tracker;
static struct shmq_shm_slot slots[1];
static const struct shmq_segment segment = {
    .layout = {.components = 1, .threads = 1}, .slots = slots, .trackers = &tracker};
static const struct level_place place = {&segment, 0, 0};
static struct shmq_shm_level *const level = &tracker.level[0];
static uint64_t taken, released;

static void take_what_is_left(void)
{
	uint64_t used;

	while (level_take(&place, 1, LIMIT, &used))
		taken++;
}

static void release_some(void)
{
	released += level_release(&place, 3);
}

static void release_all_and_fill(void)
{
	released += level_release(&place, LIMIT);
	take_what_is_left();
}

static void (*const level_others[])(void) = {take_what_is_left, release_some, release_all_and_fill};

static void expect_level_in_order(unsigned at)
{
	uint64_t now = level_read(level);

	cr_assert_leq(now, LIMIT, "the level is %" PRIu64 ", interrupted at %u", now, at);
	cr_assert_eq(now, taken - released, "the level is %" PRIu64 ", interrupted at %u", now, at);
}

static bool run_level_victim(unsigned at, void (*other)(void), bool is_release)
{
	uint64_t used;

	tracker = (struct shmq_shm_tracker){0};
	taken = released = 0;
	if (level_take(&place, 7, LIMIT, &used))
		taken += 7;
	interleave(at, other);
	if (is_release) {
		uint64_t given = level_release(&place, 9);

		released += given;
	} else if (level_take(&place, 3, LIMIT, &used)) {
		taken += 3;
	}
	return interleave_happened();
}

Test(interleaving, of_levels_never_exceeds_the_limit_and_loses_nothing)
{
	for (size_t other = 0; other < sizeof(level_others) / sizeof(*level_others); other++)
		for (int is_release = 0; is_release <= 1; is_release++)
			for (unsigned at = 1; run_level_victim(at, level_others[other], is_release); at++)
				expect_level_in_order(at);
}

Test(interleaving, of_a_take_with_a_release_does_not_refuse_by_the_old_level)
{
	for (unsigned at = 1;; at++) {
		uint64_t used;
		bool is_taken;

		tracker = (struct shmq_shm_tracker){0};
		taken = released = 0;
		level_take(&place, 8, LIMIT, &used);
		interleave(at, release_some);
		is_taken = level_take(&place, 5, LIMIT, &used);
		if (!interleave_happened())
			break;
		/* Released before the last look at `out`: there was room when the answer was given. */
		cr_expect(is_taken, "refused at level %" PRIu64 " of %d, interrupted at %u", used, LIMIT, at);
	}
}

static void fill_and_release_all(void)
{
	take_what_is_left();
	released += level_release(&place, LIMIT);
}

Test(interleaving, of_a_take_does_not_refuse_by_an_in_older_than_its_out)
{
	/* Loaded the other way round, the level was below zero, that is almost 2^51: refused while nothing was used. */
	for (unsigned at = 1;; at++) {
		uint64_t used;
		bool is_taken;

		tracker = (struct shmq_shm_tracker){0};
		taken = released = 0;
		level_take(&place, 8, LIMIT, &used);
		interleave(at, fill_and_release_all);
		is_taken = level_take(&place, 2, LIMIT, &used);
		if (!interleave_happened())
			break;
		cr_expect(is_taken, "refused at level %" PRIu64 " of %d, interrupted at %u", used, LIMIT, at);
		cr_expect_leq(used, LIMIT, "used %" PRIu64 ", interrupted at %u", used, at);
	}
}

static void release_and_take_again(void)
{
	for (int i = 0; i < 5; i++)
		release_all_and_fill();
}

Test(interleaving, of_a_look_at_a_level_sees_no_more_than_there_was)
{
	/* It compared a new `in` with an old `out`: 50 of 10 were used. */
	for (unsigned at = 1;; at++) {
		uint64_t used, seen;

		tracker = (struct shmq_shm_tracker){0};
		taken = released = 0;
		level_take(&place, 8, LIMIT, &used);
		interleave(at, release_and_take_again);
		seen = level_read(level);
		if (!interleave_happened())
			break;
		cr_expect_leq(seen, LIMIT, "used %" PRIu64 " of %d, interrupted at %u", seen, LIMIT, at);
	}
}
