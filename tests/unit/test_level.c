/* SPDX-License-Identifier: MIT */
/*
 * Levels: two words that only grow, modulo 2^51. What happens between two accesses is in test_interleaving.c.
 */
#include "core/level.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/prng.h"

TestSuite(level, .timeout = 60);

static struct shmq_shm_tracker tracker;
static struct shmq_shm_slot slots[4];
static const struct shmq_segment segment = {
    .layout = {.components = 1, .threads = 4}, .slots = slots, .trackers = &tracker};
static const struct level_place place = {&segment, 0, 1};
static struct shmq_shm_level *const level = &tracker.level[1];
static uint64_t used;

static void begin_at(uint64_t in, uint64_t out)
{
	shm_store_relaxed(&level->in, in);
	shm_store_relaxed(&level->out, out);
}

static void expect_invariants(uint64_t expected)
{
	expect_figure(level_read(level), expected);
	cr_assert_leq(shm_load_relaxed(&level->in), LEVEL_AMOUNT_MASK);
	cr_assert_leq(shm_load_relaxed(&level->out), LEVEL_AMOUNT_MASK);
}

Test(level, admits_an_amount_that_just_fits_and_refuses_one_more)
{
	cr_assert(level_take(&place, 7, 10, &used));
	expect_figure(used, 0);
	cr_assert(!level_take(&place, 4, 10, &used));
	expect_figure(used, 7);
	cr_assert(level_take(&place, 3, 10, &used));
	cr_assert(!level_take(&place, 1, 10, &used));
	expect_invariants(10);
}

Test(level, of_limit_zero_admits_nothing_but_nothing)
{
	cr_assert(!level_take(&place, 1, 0, &used));
	cr_assert(level_take(&place, 0, 0, &used));
	expect_invariants(0);
}

Test(level, refuses_amounts_that_would_overflow_the_sum)
{
	cr_assert(level_take(&place, 5, 10, &used));
	cr_assert(!level_take(&place, UINT64_MAX, 10, &used));
	cr_assert(!level_take(&place, UINT64_MAX - 4, LEVEL_CEILING, &used));
	expect_invariants(5);
}

Test(level, counts_up_to_its_ceiling_and_no_further)
{
	cr_assert(level_take(&place, LEVEL_CEILING - 1, LEVEL_CEILING, &used));
	cr_assert(!level_take(&place, 2, LEVEL_CEILING, &used));
	cr_assert(level_take(&place, 1, LEVEL_CEILING, &used));
	cr_assert(!level_take(&place, 1, LEVEL_CEILING, &used));
	expect_invariants(LEVEL_CEILING);
}

Test(level, admits_again_what_was_released)
{
	cr_assert(level_take(&place, 10, 10, &used));
	expect_figure(level_release(&place, 4), 4);
	cr_assert(!level_take(&place, 5, 10, &used));
	cr_assert(level_take(&place, 4, 10, &used));
	expect_invariants(10);
}

Test(level, stops_at_zero_when_more_is_released_than_is_there)
{
	cr_assert(level_take(&place, 3, 10, &used));
	expect_figure(level_release(&place, 4), 3);
	expect_figure(level_release(&place, 1), 0);
	expect_figure(level_release(&place, UINT64_MAX), 0);
	expect_invariants(0);
}

Test(level, gives_back_at_least_what_was_asked_for_or_nothing)
{
	cr_assert(level_take(&place, 5, 10, &used));
	expect_figure(level_release_as(&place, 0, 8, 6), 0);
	expect_invariants(5);
	expect_figure(level_release_as(&place, 0, 8, 5), 5);
	expect_figure(level_release_as(&place, 0, 0, 0), 0);
	expect_invariants(0);
}

Test(level, drops_what_was_seen_unless_somebody_released)
{
	uint64_t out;

	cr_assert(level_take(&place, 9, 10, &used));
	out = shm_load_relaxed(&level->out);
	cr_assert(level_drop(&place, 0, out, 4));
	expect_invariants(5);
	cr_assert(!level_drop(&place, 0, out, 4), "it was seen before the other one");
	expect_invariants(5);
}

Test(level, above_a_lowered_limit_refuses_until_it_drained)
{
	cr_assert(level_take(&place, 10, 10, &used));
	cr_assert(!level_take(&place, 1, 5, &used));
	expect_figure(level_release(&place, 5), 5);
	cr_assert(!level_take(&place, 1, 5, &used));
	expect_figure(level_release(&place, 1), 1);
	cr_assert(level_take(&place, 1, 5, &used));
}

Test(level, words_wrap_at_51_bits_unnoticed)
{
	begin_at(LEVEL_AMOUNT_MASK - 3, LEVEL_AMOUNT_MASK - 3);
	for (int i = 0; i < 5; i++) {
		cr_assert(level_take(&place, 10, 10, &used));
		expect_figure(used, 0);
		cr_assert(!level_take(&place, 1, 10, &used));
		expect_invariants(10);
		expect_figure(level_release(&place, 11), 10);
		expect_invariants(0);
	}
}

Test(level, words_wrap_one_after_the_other_unnoticed)
{
	begin_at(LEVEL_AMOUNT_MASK - 1, LEVEL_AMOUNT_MASK - 1);
	cr_assert(level_take(&place, 10, 10, &used));
	cr_assert_lt(shm_load_relaxed(&level->in), shm_load_relaxed(&level->out));
	expect_invariants(10);
	expect_figure(level_release(&place, 1), 1);
	expect_invariants(9);
	cr_assert(level_take(&place, 1, 10, &used));
	expect_figure(level_release(&place, 10), 10);
	expect_invariants(0);
}

Test(level, at_the_ceiling_wraps_unnoticed)
{
	begin_at(LEVEL_AMOUNT_MASK - LEVEL_CEILING / 2, LEVEL_AMOUNT_MASK - LEVEL_CEILING / 2);
	for (int i = 0; i < 20; i++) {
		cr_assert(level_take(&place, LEVEL_CEILING, LEVEL_CEILING, &used));
		expect_invariants(LEVEL_CEILING);
		expect_figure(level_release(&place, LEVEL_AMOUNT_MASK), LEVEL_CEILING);
	}
}

Test(level, that_a_reservation_wrote_last_is_counted_alike)
{
	/* Words carry the number of the slot that wrote them; plain operations write 0. */
	begin_at(UINT64_C(4) << LEVEL_AMOUNT_BITS | 30, UINT64_C(2) << LEVEL_AMOUNT_BITS | 22);
	expect_figure(level_read(level), 8);
	cr_assert(level_take(&place, 2, 10, &used));
	expect_figure(used, 8);
	expect_figure(level_release(&place, 10), 10);
	expect_invariants(0);
}

Test(level, that_was_reset_is_empty_and_without_figures)
{
	cr_assert(level_take(&place, 9, 10, &used));
	shm_store_relaxed(&level->peak, 9);
	level_reset(&place);
	expect_invariants(0);
	expect_figure(shm_load_relaxed(&level->peak), 0);
	expect_figure(shm_load_relaxed(&level->in), 9);
}

Test(level, stays_in_order_over_a_million_random_operations)
{
	struct prng prng = prng_seed(4, 4);
	uint64_t expected = 0;

	begin_at(LEVEL_AMOUNT_MASK - 5000, LEVEL_AMOUNT_MASK - 5000);
	for (int i = 0; i < 1000000; i++) {
		uint64_t amount = prng_below(&prng, 40);

		if (prng_below(&prng, 2) == 0) {
			bool fits = expected + amount <= 100;

			cr_assert_eq(level_take(&place, amount, 100, &used), fits);
			expect_figure(used, expected);
			expected += fits ? amount : 0;
		} else {
			uint64_t given = amount < expected ? amount : expected;

			expect_figure(level_release(&place, amount), given);
			expected -= given;
		}
	}
	expect_invariants(expected);
}

Test(level, can_be_looked_at_through_a_read_only_mapping)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct shmq_shm_level *mapped = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(mapped, MAP_FAILED);
	shm_store_relaxed(&mapped->in, 9);
	shm_store_relaxed(&mapped->out, 3);
	cr_assert_eq(mprotect(mapped, page, PROT_READ), 0);
	expect_figure(level_read(mapped), 6);
	munmap(mapped, page);
}

/* ---- Who wrote last ---- */

static void begin_intent(uint32_t slot, bool is_out, uint64_t before, uint64_t count)
{
	struct shmq_shm_intent *intent = &slots[slot].intent;

	shm_store_relaxed(&intent->word, LEVEL_WORD(&place, is_out));
	shm_store_relaxed(&intent->before, before);
	shm_store_relaxed(&intent->state, count << INTENT_STATE_BITS | INTENT_PENDING);
}

static uint64_t state_of(uint32_t slot)
{
	return shm_load_relaxed(&slots[slot].intent.state) & INTENT_STATE_MASK;
}

Test(level, tells_the_writer_that_it_landed_before_overwriting_its_mark)
{
	begin_intent(2, false, 0, 7);
	cr_assert(level_take_as(&place, 3, 5, 10, &used));
	expect_figure(level_writer(shm_load_relaxed(&level->in)), 3);
	expect_figure(state_of(2), INTENT_PENDING);
	cr_assert(level_take(&place, 1, 10, &used));
	expect_figure(state_of(2), INTENT_DONE);
	expect_figure(shm_load_relaxed(&slots[2].intent.state) >> INTENT_STATE_BITS, 7);
}

Test(level, tells_the_writer_of_a_release_too)
{
	cr_assert(level_take(&place, 5, 10, &used));
	begin_intent(0, true, 0, 1);
	expect_figure(level_release_as(&place, 1, 2, 0), 2);
	expect_figure(state_of(0), INTENT_PENDING);
	expect_figure(level_release(&place, 1), 1);
	expect_figure(state_of(0), INTENT_DONE);
}

Test(level, tells_the_writer_of_a_drop_before_overwriting_its_mark)
{
	cr_assert(level_take(&place, 5, 10, &used));
	begin_intent(3, true, 0, 1);
	cr_assert(level_drop(&place, 4, 0, 2));
	expect_figure(level_writer(shm_load_relaxed(&level->out)), 4);
	expect_figure(state_of(3), INTENT_PENDING);
	cr_assert(level_drop(&place, 0, shm_load_relaxed(&level->out), 1));
	expect_figure(state_of(3), INTENT_DONE);
}

Test(level, does_not_tell_a_writer_whose_next_operation_is_under_way)
{
	cr_assert(level_take_as(&place, 3, 5, 10, &used));
	begin_intent(2, false, 5, 8); /* begins where the mark it left stands */
	cr_assert(level_take(&place, 1, 10, &used));
	expect_figure(state_of(2), INTENT_PENDING);
	begin_intent(1, true, 0, 8); /* another word */
	shm_store_relaxed(&level->in, UINT64_C(2) << LEVEL_AMOUNT_BITS | 6);
	cr_assert(level_take(&place, 1, 10, &used));
	expect_figure(state_of(1), INTENT_PENDING);
}

Test(level, mark_of_a_slot_that_does_not_exist_is_ignored)
{
	begin_at(UINT64_C(5) << LEVEL_AMOUNT_BITS | 3, UINT64_C(8191) << LEVEL_AMOUNT_BITS | 1);
	cr_assert(level_take(&place, 1, 10, &used));
	expect_figure(level_release(&place, 1), 1);
}

/* ---- Damage ---- */

Test(level, that_is_damaged_keeps_nobody_and_a_reset_heals_it)
{
	struct prng prng = prng_seed(5, 5);

	for (int i = 0; i < 100000; i++) {
		begin_at(prng_next(&prng), prng_next(&prng));
		level_take(&place, prng_below(&prng, 100), prng_below(&prng, LEVEL_CEILING), &used);
		level_release(&place, prng_below(&prng, 100));
		level_read(level);
		level_reset(&place);
		expect_figure(level_read(level), 0);
		cr_assert(level_take(&place, 10, 10, &used));
		cr_assert(!level_take(&place, 1, 10, &used));
	}
}
