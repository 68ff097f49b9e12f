/* SPDX-License-Identifier: MIT */
/*
 * Writers of events that stand still or die at each access of the ring while others lap it, and readers that are
 * interrupted there by writers. Nobody is ever given parts of two events, nothing is destroyed or held up, and what is
 * lost is counted.
 */
#include "event_ring.h"

#include "../support/prng.h"

#include <setjmp.h>

TestSuite(event_writers, .timeout = 60);

/* ---- Writers that stand still, and writers that die ---- */

static uint64_t meanwhile; /* how many events others write */

static void others_write(void)
{
	write_some(meanwhile);
}

/* How far others get while one stands still: from nothing to several laps. */
static uint64_t distance(unsigned step)
{
	static const int beyond[] = {-1, 0, 1};

	return step == 0 ? 0 : (uint64_t)((int)(capacity * ((step + 2) / 3)) + beyond[(step - 1) % 3]);
}
#define DISTANCES 10

/* All that a reader has not seen of the last lap must be there, but for `missing`. */
static void expect_last_lap(uint64_t *cursor, uint64_t missing)
{
	uint64_t head = events_newest(ring), unread = head - *cursor, delivered = read_rest(cursor);

	cr_assert_geq(delivered + missing, unread < capacity ? unread : capacity);
	cr_assert_leq(head - *cursor, missing);
}

Test(event_writers, that_stood_still_destroy_no_newer_event)
{
	for (capacity = 1; capacity <= 4; capacity++) {
		for (unsigned step = 0; step < DISTANCES; step++) {
			for (unsigned at = 2;; at++) { /* its first access draws its number */
				uint64_t cursor = 0, early = 0;
				bool is_there, happened;

				begin_anew(capacity);
				write_some(capacity + 1);
				read_rest(&early);
				meanwhile = distance(step);
				interleave(at, others_write);
				is_there = write_next();
				happened = interleave_happened();
				cr_assert_eq(is_there, !happened || meanwhile < capacity,
				             "capacity %" PRIu32 ", %" PRIu64 " meanwhile, interrupted at %u", capacity,
				             meanwhile, at);
				if (happened) {
					expect_last_lap(&cursor, 0);
					expect_last_lap(&early, 0);
				}
				/* Nothing of it is left behind. */
				write_some(capacity);
				expect_figure(read_rest(&cursor), capacity);
				if (!happened)
					break;
			}
		}
	}
}

static jmp_buf death;

static void die(void)
{
	longjmp(death, 1); /* NOLINT(cert-err52-cpp): takes no further step, as the dead do */
}

/* Write an event and die at its `at`-th access. Returns false where it has fewer. */
static bool write_and_die(unsigned at)
{
	interleave(at, die);
	if (setjmp(death) != 0) /* NOLINT(cert-err52-cpp) */
		return true;
	write_next();
	return interleave_happened();
}

Test(event_writers, that_died_hold_up_nobody)
{
	struct shmq_event event;

	for (capacity = 1; capacity <= 4; capacity++) {
		for (unsigned at = 2;; at++) {
			uint64_t cursor = 0;

			begin_anew(capacity);
			write_some(5);
			read_rest(&cursor);
			if (!write_and_die(at))
				break;
			cr_assert_not(read_at(&cursor, now() + LATER, &event), "what is not there yet");
			for (uint64_t n = 1; n < capacity; n++) {
				write_next();
				cr_assert_not(read_at(&cursor, now(), &event), "it may come yet");
			}
			if (capacity > 1) {
				cr_assert(read_at(&cursor, now() + LATER, &event));
				expect_figure(event.lost, 1);
			}
			for (uint32_t place = 0; place < capacity; place++)
				cr_assert(events_are_sound(ring, capacity, place));
			write_some(3 * capacity); /* in its place, too */
			expect_last_lap(&cursor, 0);
		}
		cr_assert_gt(capacity, 0);
	}
}

Test(event_writers, that_died_are_all_counted)
{
	struct prng prng = prng_seed(4711, 0);
	uint64_t cursor = 0, delivered = 0, lost = 0, died = 0;
	struct shmq_event event;

	begin_anew(64);
	for (unsigned n = 0; n < 5000; n++) {
		if (prng_below(&prng, 4) == 0)
			died += write_and_die(2 + (unsigned)prng_below(&prng, 40));
		else
			write_next();
		if (n % 8 != 0)
			continue;
		while (read_at(&cursor, now() + LATER, &event)) {
			delivered++;
			lost += event.lost;
		}
	}
	write_next();
	while (read_at(&cursor, now() + LATER, &event)) {
		delivered++;
		lost += event.lost;
	}
	cr_assert_gt(died, 1000);
	expect_figure(lost, died);
	expect_figure(delivered + lost, 5001);
}

Test(event_writers, that_are_late_are_waited_for)
{
	uint64_t cursor = 0;
	struct shmq_event event;
	bool has_waited = false;

	/* Others read while it stands still: they are told to wait, and then get both. */
	for (unsigned at = 2; !has_waited || interleave_at == 0; at++) {
		begin_anew(8);
		cursor = 0;
		meanwhile = 1;
		interleave(at, others_write);
		cr_assert(write_next());
		if (!interleave_happened())
			break;
		has_waited = true;
		cr_assert(read_at(&cursor, now(), &event));
		expect_figure(event.lost, 0);
		expect_figure(event.used, 0);
		cr_assert(read_at(&cursor, now(), &event));
		expect_figure(event.lost, 0);
		expect_figure(event.used, 1);
	}
	cr_assert(has_waited);
}

Test(event_writers, that_died_are_not_waited_for_by_a_clock_that_was_set_back)
{
	uint64_t cursor = 0;
	struct shmq_event event;

	begin_anew(8);
	cr_assert(write_and_die(4));
	write_next();
	cr_assert(read_at(&cursor, now() - 3600 * NS_PER_S, &event));
	expect_figure(event.lost, 1);
}

/* ---- Readers that are interrupted ---- */

Test(event_writers, and_readers_agree_on_what_is_whole)
{
	for (capacity = 1; capacity <= 4; capacity++) {
		for (unsigned step = 0; step < DISTANCES; step++) {
			for (unsigned at = 1;; at++) {
				uint64_t cursor = 0;
				struct shmq_event event;

				begin_anew(capacity);
				write_some(capacity);
				meanwhile = distance(step);
				interleave(at, others_write);
				cr_assert(read_at(&cursor, now(), &event)); /* looks whether it is whole */
				if (!interleave_happened())
					break;
				expect_last_lap(&cursor, 0);
				expect_figure(cursor, capacity + meanwhile);
			}
		}
	}
}

static void others_write_and_die(void)
{
	unsigned at = 2 + (unsigned)(meanwhile % 20);
	jmp_buf outer;

	memcpy(&outer, &death, sizeof(death));
	write_some(meanwhile);
	write_and_die(at);
	memcpy(&death, &outer, sizeof(death));
}

Test(event_writers, that_die_while_somebody_reads_do_no_harm)
{
	for (capacity = 1; capacity <= 4; capacity++) {
		for (meanwhile = 0; meanwhile <= 40; meanwhile++) {
			for (unsigned at = 1;; at++) {
				uint64_t cursor = 0;
				struct shmq_event event;

				begin_anew(capacity);
				write_some(capacity);
				interleave(at, others_write_and_die);
				read_at(&cursor, now() + LATER, &event);
				if (!interleave_happened())
					break;
				write_some(1);
				expect_last_lap(&cursor, capacity > 1 ? 2 : 1);
			}
		}
	}
}
