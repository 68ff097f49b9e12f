/* SPDX-License-Identifier: MIT */
/*
 * Sliding windows interrupted at every single access, and by threads. The modules are compiled into this program once
 * more, with a hook before each atomic access; a victim runs, and at its n-th access others do whole operations, for
 * every n. Every interval is added up, by the instants that sliding.c gives to what was admitted.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/sliding.c"
#include "core/window.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <pthread.h>
#include <string.h>

#include "../support/prng.h"
#include "sliding_rate.h"

TestSuite(sliding_races, .timeout = 120);

/* ---- Others at every access ---- */

static uint64_t others_now;

static void others_fill_now(void)
{
	fill(others_now);
}

/* By who dies then, or had read the clock long before. */
static void roll_at(uint64_t now_ms)
{
	uint64_t current = shm_load_relaxed(&rate.current);

	if (window_has_ended(current, PERIOD, now_ms))
		window_roll(&rate, current, PERIOD, now_ms);
}

static void others_roll_late(void)
{
	roll_at(others_now - PERIOD);
}

static void others_let_time_pass(void)
{
	clock_now = START + 2 * PERIOD + 50;
}

static void others_fill_five_windows(void)
{
	for (uint64_t i = 1; i <= 5; i++)
		fill(START + i * PERIOD + 70);
}

static void others_use_little_of_five_windows(void)
{
	for (uint64_t i = 1; i <= 5; i++)
		take(1, START + i * PERIOD + 70);
}

static void others_roll(void)
{
	roll_at(START + 2 * PERIOD + 5);
}

/* Nothing of before counts any more. */
static void others_reset(void)
{
	window_reset(&rate);
	intervals_begin(&taken);
	others_fill_now();
}

static void others_take_and_refund(void)
{
	if (take(3, others_now)) {
		sliding_refund(&rate, view.seq, 3);
		intervals_strike(&taken, last_id, 3);
	}
	others_fill_now();
}

static void (*const others[])(void) = {others_fill_now, others_fill_five_windows, others_use_little_of_five_windows,
                                       others_roll,     others_roll_late,         others_let_time_pass,
                                       others_reset,    others_take_and_refund};

static struct window_view victim_view;
static uint64_t victim_now;

static void victim_takes(void)
{
	for (uint64_t amount = LIMIT; amount > 0; amount /= 2)
		if (sliding_take(&rate, amount, LIMIT, PERIOD, victim_now, read_clock, &victim_view))
			intervals_note(&taken, instant_of(&victim_view, victim_view.now_ms), amount);
}

static void victim_refunds(void)
{
	size_t id;

	if (!sliding_take(&rate, 9, LIMIT, PERIOD, victim_now, read_clock, &victim_view))
		return;
	id = intervals_note(&taken, instant_of(&victim_view, victim_view.now_ms), 9);
	sliding_refund(&rate, victim_view.seq, 9);
	intervals_strike(&taken, id, 9);
	victim_takes();
}

/* From a window before that is full, half full or empty, or that nobody was in. */
static void interrupt_everywhere(void (*victim)(void))
{
	static const uint64_t nows[] = {PERIOD, PERIOD + 3, PERIOD + 50, 2 * PERIOD - 1, 2 * PERIOD + 50};

	for (size_t other = 0; other < sizeof(others) / sizeof(others[0]); other++)
		for (size_t when = 0; when < 25; when++)
			for (uint64_t before = 0; before <= LIMIT; before += LIMIT / 2)
				for (unsigned at = 1, happened = 1; happened; at++) {
					begin_anew();
					take(before, START + PERIOD - 1);
					victim_now = clock_now = START + nows[when % 5];
					others_now = START + nows[when / 5];
					interleave(at, others[other]);
					victim();
					happened = interleave_happened();
					fill(victim_now);
					fill(START + 3 * PERIOD + 40);
					expect_no_excess(&taken, bound);
				}
}

Test(sliding_races, of_a_take_with_others_never_pass_the_bound)
{
	interrupt_everywhere(victim_takes);
}

Test(sliding_races, of_a_refund_with_others_never_pass_the_bound)
{
	interrupt_everywhere(victim_refunds);
}

/* ---- Threads ---- */

#define THREADS 4
#define THREAD_OPERATIONS 1000

struct operation {
	uint64_t begun_ms, ended_ms, amount;
};

static struct {
	struct shm_u64 now_ms;
	struct shmq_shm_rate rate;
	struct operation done[THREADS][THREAD_OPERATIONS];
} shared;

static uint64_t read_shared_clock(uint64_t period_ms)
{
	(void)period_ms;
	return shm_load_seq_cst(&shared.now_ms);
}

static void *take_and_refund_at_random(void *argument)
{
	struct operation *done = argument;
	struct prng prng = prng_seed(14, (uint64_t)(done - shared.done[0]));

	for (int i = 0; i < THREAD_OPERATIONS; i++) {
		uint64_t amount = 1 + prng_below(&prng, 6);
		struct window_view judged;

		done[i].begun_ms = read_shared_clock(PERIOD);
		if (sliding_take(&shared.rate, amount, LIMIT, PERIOD, done[i].begun_ms, read_shared_clock, &judged))
			done[i].amount = amount;
		done[i].ended_ms = read_shared_clock(PERIOD);
		if (done[i].amount != 0 && prng_below(&prng, 3) == 0) {
			sliding_refund(&shared.rate, judged.seq, amount);
			done[i].amount = 0;
		}
		if (prng_below(&prng, 4) == 0)
			shm_add_seq_cst(&shared.now_ms, prng_below(&prng, 9));
	}
	return NULL;
}

Test(sliding_races, of_threads_never_pass_the_bound)
{
	pthread_t threads[THREADS];
	const struct operation *all = shared.done[0];

	shm_store_relaxed(&shared.now_ms, START);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, take_and_refund_at_random, shared.done[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	/* Whatever instants they had between their begin and end, all of those count that lie within. */
	for (size_t first = 0; first < (size_t)THREADS * THREAD_OPERATIONS; first++) {
		static uint64_t ends[4 * PERIOD + 1];
		uint64_t sum = 0;

		memset(ends, 0, sizeof(ends));
		for (size_t i = 0; i < (size_t)THREADS * THREAD_OPERATIONS; i++)
			if (all[i].begun_ms >= all[first].begun_ms &&
			    all[i].ended_ms - all[first].begun_ms <= 4 * PERIOD)
				ends[all[i].ended_ms - all[first].begun_ms] += all[i].amount;
		for (uint64_t length = 0; length <= 4 * PERIOD; length++) {
			sum += ends[length];
			cr_assert_leq(sum, bound(length), "%" PRIu64 " within %" PRIu64, sum, length);
		}
	}
}
