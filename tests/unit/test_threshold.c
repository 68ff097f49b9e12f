/* SPDX-License-Identifier: MIT */
/*
 * Thresholds: which edges there are, that each is told of once, and what a second's bound on events makes of them. The
 * module is compiled into this program once more with a hook before each atomic access.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/threshold.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "../support/fixture.h"
#include "../support/prng.h"

TestSuite(threshold, .timeout = 60);

#define LIMIT 1000
#define WARNING 80
#define CRITICAL 95

static struct shm_u32 word;
static uint64_t limit, second, edges, told_edges, events;
static int last_event;

static void begin_anew(uint64_t of)
{
	shm_store32_relaxed(&word, 0);
	limit = of;
	second = 1000;
	edges = told_edges = events = 0;
	last_event = 0;
}

/* What an operation does that leaves so much used. Returns the kind of the event it writes, or 0. */
static int use(uint64_t used)
{
	uint64_t suppressed = 0;
	uint32_t before = shm_load32_relaxed(&word) & THRESHOLD_STATE_MASK;
	int kind;

	if (!threshold_is_crossed(&word, used, limit, WARNING, CRITICAL))
		return 0;
	kind = threshold_cross(&word, used, limit, WARNING, CRITICAL, second, &suppressed);
	edges += (shm_load32_relaxed(&word) & THRESHOLD_STATE_MASK) != before;
	if (kind != 0) {
		events++;
		told_edges += 1 + suppressed;
		last_event = kind;
	}
	return kind;
}

static int use_later(uint64_t used)
{
	second++;
	return use(used);
}

Test(threshold, edges_are_told_of_and_re_armed_five_points_lower)
{
	static const struct {
		uint64_t used;
		int event;
	} steps[] = {
	    {0, 0},
	    {799, 0},
	    {800, SHMQ_EVENT_WARNING},
	    {801, 0},
	    {750, 0}, /* armed again below 75 % only */
	    {800, 0},
	    {749, SHMQ_EVENT_WARNING_CLEARED},
	    {799, 0},
	    {800, SHMQ_EVENT_WARNING},
	    {949, 0},
	    {950, SHMQ_EVENT_CRITICAL},
	    {900, 0},
	    {899, SHMQ_EVENT_CRITICAL_CLEARED},
	    {949, 0},
	    {1000, SHMQ_EVENT_CRITICAL},
	    {5000, 0}, /* recorded beyond the limit */
	    {10, SHMQ_EVENT_WARNING_CLEARED},
	    {950, SHMQ_EVENT_CRITICAL},
	    {760, SHMQ_EVENT_CRITICAL_CLEARED}, /* the warning threshold was passed, too, and is held */
	    {749, SHMQ_EVENT_WARNING_CLEARED},
	};

	begin_anew(LIMIT);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		int event = use_later(steps[i].used);

		cr_assert_eq(event, steps[i].event, "step %zu: event %d, expected %d", i, event, steps[i].event);
	}
}

Test(threshold, of_no_limit_is_never_reached)
{
	begin_anew(SHMQ_UNLIMITED);
	cr_assert_eq(use_later(0), 0);
	cr_assert_eq(use_later(SHMQ_AMOUNT_MAX), 0);
	expect_figure(shm_load32_relaxed(&word), 0);
}

Test(threshold, is_cleared_when_a_limit_is_lifted)
{
	begin_anew(LIMIT);
	cr_assert_eq(use_later(990), SHMQ_EVENT_CRITICAL);
	limit = SHMQ_UNLIMITED;
	cr_assert_eq(use_later(990), SHMQ_EVENT_WARNING_CLEARED);
}

Test(threshold, of_a_zero_limit_is_reached_by_anything)
{
	begin_anew(0);
	cr_assert_eq(use_later(0), 0);
	cr_assert_eq(use_later(1), SHMQ_EVENT_CRITICAL);
	cr_assert_eq(use_later(1), 0);
	cr_assert_eq(use_later(0), SHMQ_EVENT_WARNING_CLEARED);
}

Test(threshold, of_the_largest_limit_is_exact)
{
	uint64_t reached = (SHMQ_AMOUNT_MAX * WARNING + 99) / 100, armed = (SHMQ_AMOUNT_MAX * (WARNING - 5) + 99) / 100;

	begin_anew(SHMQ_AMOUNT_MAX);
	cr_assert_eq(use_later(reached - 1), 0);
	cr_assert_eq(use_later(reached), SHMQ_EVENT_WARNING);
	cr_assert_eq(use_later(armed), 0);
	cr_assert_eq(use_later(armed - 1), SHMQ_EVENT_WARNING_CLEARED);
	cr_assert_eq(use_later(UINT64_C(1) << 47), SHMQ_EVENT_CRITICAL);
}

Test(threshold, of_few_percent_is_re_armed_when_nothing_is_used)
{
	uint64_t suppressed;

	begin_anew(LIMIT);
	cr_assert_eq(threshold_cross(&word, 30, LIMIT, 3, 0, 1, &suppressed), SHMQ_EVENT_WARNING);
	cr_assert_eq(threshold_cross(&word, 1, LIMIT, 3, 0, 2, &suppressed), 0);
	cr_assert_eq(threshold_cross(&word, LIMIT, LIMIT, 3, 0, 3, &suppressed), 0, "0 percent is never reached");
	cr_assert_eq(threshold_cross(&word, 0, LIMIT, 3, 0, 4, &suppressed), SHMQ_EVENT_WARNING_CLEARED);
}

Test(threshold, that_nothing_crosses_is_left_alone)
{
	begin_anew(LIMIT);
	for (uint64_t used = 0; used < 800; used++)
		cr_assert_not(threshold_is_crossed(&word, used, LIMIT, WARNING, CRITICAL));
	cr_assert_eq(use_later(800), SHMQ_EVENT_WARNING);
	for (uint64_t used = 750; used < 950; used++)
		cr_assert_not(threshold_is_crossed(&word, used, LIMIT, WARNING, CRITICAL));
}

/* ---- One event per second ---- */

Test(threshold, that_is_crossed_to_and_fro_is_told_of_once_per_second)
{
	begin_anew(LIMIT);
	for (int n = 0; n < 10; n++) {
		use(800);
		use(0);
	}
	expect_figure(events, 1);
	expect_figure(edges, 20);
	/* Down again, which nobody knows: the next operation tells of it, even if it crosses nothing. */
	cr_assert_eq(use(1), 0, "not in the same second");
	cr_assert_eq(use_later(1), SHMQ_EVENT_WARNING_CLEARED);
	expect_figure(told_edges, edges);
	cr_assert_eq(use_later(1), 0);
}

Test(threshold, that_came_back_to_what_was_told_has_nothing_to_tell)
{
	begin_anew(LIMIT);
	cr_assert_eq(use(800), SHMQ_EVENT_WARNING);
	use(0);
	use(800);
	cr_assert_not(threshold_is_crossed(&word, 800, LIMIT, WARNING, CRITICAL));
	cr_assert_eq(use_later(800), 0);
	/* What was suppressed is told with the next edge. */
	cr_assert_eq(use_later(950), SHMQ_EVENT_CRITICAL);
	expect_figure(told_edges, edges);
	expect_figure(edges, 4);
}

Test(threshold, events_come_at_any_second)
{
	/* A word of second 0 looks like one that was never told of; and 16 bits of seconds come again. */
	static const uint64_t begins[] = {0, 1, 65534, 65535, 65536, UINT64_C(0xffffffff)};

	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		begin_anew(LIMIT);
		second = begins[i];
		cr_assert_eq(use(800), SHMQ_EVENT_WARNING);
		cr_assert_eq(use(0), 0, "second %" PRIu64, begins[i]);
		second += 3;
		cr_assert_eq(use(0), SHMQ_EVENT_WARNING_CLEARED, "second %" PRIu64, begins[i]);
	}
}

Test(threshold, counts_suppressed_edges_up_to_an_end)
{
	begin_anew(LIMIT);
	for (int n = 0; n < 10000; n++) {
		use(800);
		use(0);
	}
	cr_assert_eq(use_later(0), SHMQ_EVENT_WARNING_CLEARED);
	expect_figure(told_edges, 1 + THRESHOLD_SUPPRESSED_MAX);
}

Test(threshold, told_by_random_operations_adds_up)
{
	struct prng prng = prng_seed(5, 5);
	uint64_t last_told = 0;

	begin_anew(LIMIT);
	for (int n = 0; n < 100000; n++) {
		uint64_t before = events;

		second += prng_below(&prng, 8) == 0;
		use(prng_below(&prng, 1100));
		cr_assert(events == before || second != last_told, "two events in second %" PRIu64, second);
		last_told = events > before ? second : last_told;
	}
	use_later(1000);
	second++;
	use(0);
	expect_figure(told_edges, edges);
	cr_assert_gt(events, 1000);
}

/* ---- Others meanwhile ---- */

static uint64_t others_use;

static void others_cross(void)
{
	use(others_use);
}

Test(threshold, edge_has_one_teller)
{
	/* Whoever comes in between: two operations that reach the same threshold tell of it once. */
	static const uint64_t uses[] = {800, 900, 950, 0};

	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		for (unsigned at = 1;; at++) {
			begin_anew(LIMIT);
			others_use = uses[i];
			interleave(at, others_cross);
			use(850);
			if (!interleave_happened())
				break;
			expect_figure(events, 1);
			use_later(0);
			use_later(0);
			cr_assert_eq(last_event, SHMQ_EVENT_WARNING_CLEARED);
		}
	}
}

Test(threshold, word_that_is_damaged_ends_in_order)
{
	struct prng prng = prng_seed(6, 6);

	for (int n = 0; n < 100000; n++) {
		begin_anew(LIMIT);
		shm_store32_relaxed(&word, (uint32_t)prng_next(&prng));
		for (int i = 0; i < 4; i++)
			use_later(900);
		use_later(0);
		second += 5;
		use(0);
		expect_figure(
		    shm_load32_relaxed(&word) & (THRESHOLD_STATE_MASK << THRESHOLD_TOLD_AT | THRESHOLD_STATE_MASK), 0);
	}
}
