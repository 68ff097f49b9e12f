/* SPDX-License-Identifier: MIT */
/*
 * Buckets interrupted at every single access and every look at the clock, and by threads. The module is compiled into
 * this program once more, with a hook before each atomic access; a victim runs, and at its n-th step others do whole
 * operations, for every n. Every interval is added up, by the readings that things were judged by.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/bucket.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "intervals.h"

#include <pthread.h>
#include <string.h>

#include "../support/fixture.h"
#include "../support/prng.h"

#define BURST 10
#define START UINT64_C(1000000)

TestSuite(bucket_races, .timeout = 120);

/* A unit flows in every ten nanoseconds. */
static const struct bucket_rate rate = {1, 10, BURST, 10 * BURST};
static struct shm_u64 tat, epoch;
static const struct bucket bucket = {&tat, &epoch};
static struct bucket_view view;
static struct intervals taken;
static uint64_t clock_now;
static size_t last_id;

static uint64_t read_clock(void)
{
	interleave_step();
	return clock_now;
}

static uint64_t bound(uint64_t length)
{
	return BURST + (length + 9) / 10;
}

static bool take_by(uint64_t amount, uint64_t now_ns, struct bucket_view *judged)
{
	if (!bucket_take(&bucket, &rate, amount, now_ns, read_clock, judged))
		return false;
	last_id = intervals_note(&taken, judged->now_ns, amount);
	return true;
}

static uint64_t fill(void)
{
	uint64_t sum = 0;

	while (take_by(1, clock_now, &view))
		sum++;
	return sum;
}

/* ---- What the others do meanwhile ---- */

static struct bucket_view held;
static size_t held_id;
static bool is_held;
static uint64_t pause_ns;

/* What is taken after the word was wiped counts, though the reset has not returned yet. */
static uint64_t resetting_from;
static bool was_noted;

static void note_reset(void)
{
	was_noted = resetting_from != 0 && atomic_load(&tat.value) != resetting_from;
	if (was_noted)
		intervals_begin(&taken);
}

static void others_fill(void)
{
	note_reset();
	clock_now += pause_ns;
	fill();
}

static void give_back_held(void)
{
	struct bucket_view back = held;
	size_t id = held_id;

	if (!is_held)
		return;
	is_held = false;
	bucket_refund(&bucket, &back, read_clock);
	intervals_strike(&taken, id, 4);
}

static void others_give_back(void)
{
	note_reset();
	clock_now += pause_ns;
	give_back_held();
	fill();
}

static void others_take_and_hold(void)
{
	note_reset();
	is_held = take_by(4, clock_now, &held);
	held_id = last_id;
}

/* As much as they take, in the same nanosecond: the time in the word is what it was. */
static void others_swap(void)
{
	note_reset();
	clock_now += pause_ns;
	if (take_by(4, clock_now, &view))
		give_back_held();
}

static void others_reset(void)
{
	bucket_reset(&bucket, read_clock);
	intervals_begin(&taken);
	clock_now += pause_ns;
	fill();
}

static void others_let_time_pass(void)
{
	clock_now += pause_ns;
}

static void (*const others[])(void) = {others_fill, others_give_back, others_take_and_hold,
                                       others_swap, others_reset,     others_let_time_pass};

static struct bucket_view victim_view;
static uint64_t victim_now;

static void victim_takes(void)
{
	for (uint64_t amount = BURST; amount > 0; amount /= 2)
		take_by(amount, victim_now, &victim_view);
}

static void victim_refunds(void)
{
	size_t id;

	if (!take_by(5, victim_now, &victim_view))
		return;
	id = last_id;
	bucket_refund(&bucket, &victim_view, read_clock);
	intervals_strike(&taken, id, 5);
	victim_takes();
}

static void victim_resets(void)
{
	resetting_from = atomic_load(&tat.value);
	bucket_reset(&bucket, read_clock);
	resetting_from = 0;
	if (!was_noted)
		intervals_begin(&taken);
	fill();
	give_back_held();
}

/* With `before` and 4 more taken, which others may give back. */
static bool happens(void (*victim)(void), void (*other)(void), uint64_t before, unsigned at)
{
	bool happened;

	bucket_restart(&tat);
	intervals_begin(&taken);
	victim_now = clock_now = START;
	take_by(before, clock_now, &view);
	is_held = take_by(4, clock_now, &held);
	held_id = last_id;
	was_noted = false;
	interleave(at, other);
	victim();
	happened = interleave_happened();
	fill();
	clock_now += 25;
	fill();
	expect_no_excess(&taken, bound);
	return happened;
}

static void interrupt_everywhere(void (*victim)(void))
{
	static const uint64_t pauses[] = {0, 1, 10, 19, 35, 60, 200};

	for (size_t other = 0; other < sizeof(others) / sizeof(others[0]); other++)
		for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++)
			for (uint64_t before = 0; before < BURST; before++) {
				unsigned at = 1;

				pause_ns = pauses[i];
				while (happens(victim, others[other], before, at))
					at++;
			}
}

Test(bucket_races, of_a_take_with_others_never_pass_the_bound)
{
	interrupt_everywhere(victim_takes);
}

Test(bucket_races, of_a_refund_with_others_never_pass_the_bound)
{
	interrupt_everywhere(victim_refunds);
}

Test(bucket_races, of_a_reset_with_others_never_pass_the_bound)
{
	interrupt_everywhere(victim_resets);
}

/* ---- The word that is the same again ---- */

static void swap_and_let_time_pass(void)
{
	struct bucket_view other;

	clock_now += 20;
	cr_assert(take_by(2, clock_now, &other));
	/* What is held has lost 2 of its 4: the same time is in the word again. */
	give_back_held();
}

Test(bucket_races, of_a_refund_with_a_word_that_came_back_are_noticed)
{
	uint64_t word;

	bucket_restart(&tat);
	clock_now = START;
	cr_assert(take_by(3, START, &view));
	cr_assert(take_by(4, START, &held));
	held_id = last_id;
	is_held = true;
	word = shm_load_relaxed(&tat);
	interleave(4, swap_and_let_time_pass); /* between the clock and the CAS */
	bucket_refund(&bucket, &view, read_clock);
	cr_assert(interleave_happened());
	expect_figure(shm_load_relaxed(&tat) >> BUCKET_COUNT_BITS, (word >> BUCKET_COUNT_BITS) - 10);
}

/* ---- Threads ---- */

#define THREADS 4
#define THREAD_OPERATIONS 1000
#define SPAN 400

struct operation {
	uint64_t begun_ns, ended_ns, amount;
};

static struct {
	struct shm_u64 now_ns, tat, epoch;
	struct operation done[THREADS][THREAD_OPERATIONS];
} shared;

static uint64_t read_shared_clock(void)
{
	return shm_load_seq_cst(&shared.now_ns);
}

static void *take_and_refund_at_random(void *argument)
{
	const struct bucket place = {&shared.tat, &shared.epoch};
	struct operation *done = argument;
	struct prng prng = prng_seed(26, (uint64_t)(done - shared.done[0]));

	for (int i = 0; i < THREAD_OPERATIONS; i++) {
		uint64_t amount = 1 + prng_below(&prng, 3);
		struct bucket_view judged;

		done[i].begun_ns = read_shared_clock();
		if (bucket_take(&place, &rate, amount, done[i].begun_ns, read_shared_clock, &judged))
			done[i].amount = amount;
		done[i].ended_ns = read_shared_clock();
		if (done[i].amount != 0 && prng_below(&prng, 3) == 0) {
			bucket_refund(&place, &judged, read_shared_clock);
			done[i].amount = 0;
		}
		if (prng_below(&prng, 4) == 0)
			shm_add_seq_cst(&shared.now_ns, prng_below(&prng, 20));
	}
	return NULL;
}

Test(bucket_races, of_threads_never_pass_the_bound)
{
	pthread_t threads[THREADS];
	const struct operation *all = shared.done[0];

	shm_store_relaxed(&shared.now_ns, START);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, take_and_refund_at_random, shared.done[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	/* Whatever instants they had between their begin and end, all of those count that lie within. */
	for (size_t first = 0; first < (size_t)THREADS * THREAD_OPERATIONS; first++) {
		static uint64_t ends[SPAN + 1];
		uint64_t sum = 0;

		memset(ends, 0, sizeof(ends));
		for (size_t i = 0; i < (size_t)THREADS * THREAD_OPERATIONS; i++)
			if (all[i].begun_ns >= all[first].begun_ns && all[i].ended_ns - all[first].begun_ns <= SPAN)
				ends[all[i].ended_ns - all[first].begun_ns] += all[i].amount;
		for (uint64_t length = 0; length <= SPAN; length++) {
			sum += ends[length];
			cr_assert_leq(sum, bound(length), "%" PRIu64 " within %" PRIu64, sum, length);
		}
	}
}
