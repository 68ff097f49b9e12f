/* SPDX-License-Identifier: MIT */
/*
 * The ring of events: what comes out of it, also when readers are slow or the ring is damaged, and how often a flooding
 * component may write to it.
 */
#include "event_ring.h"

#include "../support/prng.h"
#include "../support/process.h"

#include <sys/mman.h>

TestSuite(events, .timeout = 60);

static struct shmq_event write_and_read(const struct event_note *note)
{
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = events_newest(ring);

	cr_assert(events_write(ring, capacity, note));
	cr_assert(events_read(ring, capacity, &cursor, now(), &event));
	return event;
}

Test(events, come_out_as_they_went_in)
{
	begin_anew(16);
	write_some(3);
	for (uint64_t n = 0; n < 200; n++) {
		struct event_note note = note_of(n);
		uint64_t before = clock_read_ns(CLOCK_REALTIME_COARSE); /* the clock that a writer reads */
		struct shmq_event event = write_and_read(&note);

		expect_figure(expect_whole(&event), n);
		expect_figure(event.sequence, n + 4);
		expect_figure(event.lost, 0);
		cr_assert(event.time_unix_ns >= before && event.time_unix_ns <= now());
	}
}

Test(events, hold_the_largest_figures)
{
	struct event_note note = {
	    .kind = SHMQ_EVENT_RESET,
	    .resource = SHMQ_NONE,
	    .component = SHMQ_NO_COMPONENT,
	    .refused_by = SHMQ_NO_COMPONENT,
	    .pid = UINT32_MAX,
	    .place = UINT32_MAX,
	    .used = SHMQ_AMOUNT_MAX,
	    .requested = SHMQ_AMOUNT_MAX,
	    .limit = SHMQ_AMOUNT_MAX,
	    .period_ns = SHMQ_PERIOD_MAX_NS,
	};
	struct shmq_event event;

	begin_anew(1);
	event = write_and_read(&note);
	expect_figure(event.component, SHMQ_NO_COMPONENT);
	expect_figure(event.refused_by, SHMQ_NO_COMPONENT);
	expect_figure(event.pid, UINT32_MAX);
	expect_figure(event.place, UINT32_MAX);
	expect_figure(event.used, SHMQ_AMOUNT_MAX);
	expect_figure(event.requested, SHMQ_AMOUNT_MAX);
	expect_figure(event.limit, SHMQ_AMOUNT_MAX);
	expect_figure(event.period_ns, SHMQ_PERIOD_MAX_NS);
	cr_assert_eq(event.resource, SHMQ_NONE);
	note.limit = SHMQ_UNLIMITED;
	note.suppressed = UINT64_MAX;
	event = write_and_read(&note);
	expect_figure(event.limit, SHMQ_UNLIMITED);
	expect_figure(event.suppressed, EVENT_DATA_MASK);
}

Test(events, cut_a_text_between_two_characters)
{
	/* Filled with a character of two bytes from an odd offset, each cut would fall into the middle of one. */
	char name[SHMQ_NAME_MAX + 2], text[400];

	begin_anew(4);
	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "ä", 2);
	for (size_t name_length = 0; name_length <= sizeof(name); name_length++) {
		struct event_note note = {.kind = SHMQ_EVENT_CAPABILITY_VIOLATION,
		                          .name = name,
		                          .name_length = name_length,
		                          .text = text,
		                          .text_length = sizeof(text)};
		struct shmq_event event = write_and_read(&note);
		size_t kept = name_length < SHMQ_NAME_MAX ? name_length : SHMQ_NAME_MAX;
		size_t room = EVENT_STRING_BYTES - kept;

		room = (room < SHMQ_EVENT_TEXT_MAX ? room : SHMQ_EVENT_TEXT_MAX) & ~(size_t)1;
		expect_figure(strlen(event.component_name), kept);
		expect_figure(strlen(event.text), room);
		cr_assert_eq(memcmp(event.text, text, room), 0);
	}
}

Test(events, deliver_plain_text_only)
{
	static const struct {
		const char *written, *read;
	} texts[] = {
	    {"plain ä€😀", "plain ä€😀"},
	    {"a\nb\tc\x1b[31m\x7f", "a?b?c?[31m?"},
	    {"C1 \xc2\x9b here", "C1 ?? here"},
	    {"overlong \xc0\xaf surrogate \xed\xa0\x80 cut \xe2\x82", "overlong ?? surrogate ??? cut ??"},
	    {"\xff\xfe latin \xe9t\xe9", "?? latin ?t?"},
	};

	begin_anew(4);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct event_note note = {.kind = SHMQ_EVENT_CAPABILITY_VIOLATION,
		                          .name = texts[i].written,
		                          .name_length = strlen(texts[i].written),
		                          .text = texts[i].written,
		                          .text_length = strlen(texts[i].written)};
		struct shmq_event event = write_and_read(&note);

		cr_assert_str_eq(event.component_name, texts[i].read);
		cr_assert_str_eq(event.text, texts[i].read);
	}
}

Test(events, describe_a_capability_and_its_target)
{
	char text[SHMQ_EVENT_TEXT_MAX + 1], target[1000];

	expect_figure(events_describe(text, "network.connect", "example.org:443"), 31);
	cr_assert_str_eq(text, "network.connect example.org:443");
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	expect_figure(events_describe(text, "message.send", target), SHMQ_EVENT_TEXT_MAX);
	expect_figure(strlen(text), SHMQ_EVENT_TEXT_MAX);
	expect_figure(events_describe(text, target, target), SHMQ_EVENT_TEXT_MAX);
}

Test(events, have_names)
{
	for (int kind = 1; kind < SHMQ_EVENT_KINDS; kind++) {
		cr_assert_not_null(events_kind_name(kind), "kind %d", kind);
		for (int other = 1; other < kind; other++)
			cr_assert_str_neq(events_kind_name(kind), events_kind_name(other));
	}
	cr_assert_null(events_kind_name(0));
	cr_assert_null(events_kind_name(-1));
	cr_assert_null(events_kind_name(SHMQ_EVENT_KINDS));
}

Test(events, reach_each_reader_once)
{
	uint64_t cursors[3] = {0};
	struct shmq_event event;

	begin_anew(8);
	for (uint64_t n = 0; n < 100; n++) {
		write_next();
		for (int i = 0; i < 3; i++) {
			if (n % (uint64_t)(i + 1) != 0)
				continue; /* reads less often: several at a time */
			while (read_at(&cursors[i], now(), &event))
				expect_figure(event.lost, 0);
			expect_figure(cursors[i], n + 1);
		}
	}
}

Test(events, that_were_overwritten_are_counted)
{
	static const uint32_t capacities[] = {1, 2, 3, 7, 512};

	for (size_t i = 0; i < sizeof(capacities) / sizeof(*capacities); i++) {
		for (uint64_t written = 0; written <= 3 * (uint64_t)capacities[i] + 1; written++) {
			uint64_t cursor = 0;
			struct shmq_event event;

			begin_anew(capacities[i]);
			write_some(written);
			if (written > 0) {
				cr_assert(read_at(&cursor, now(), &event));
				expect_figure(event.lost, written > capacity ? written - capacity : 0);
				while (read_at(&cursor, now(), &event))
					expect_figure(event.lost, 0);
			}
			expect_figure(cursor, written);
		}
	}
}

Test(events, of_another_segment_leave_no_cursor_behind)
{
	uint64_t cursor = 1000;
	struct shmq_event event = {.size = sizeof(event)};

	begin_anew(8);
	write_some(20);
	cr_assert(events_read(ring, capacity, &cursor, now(), &event));
	expect_figure(event.sequence, 13);
	expect_figure(event.lost, 12);
	expect_figure(cursor, 13);
}

Test(events, are_not_kept_without_records)
{
	uint64_t cursor = 0;
	struct shmq_event event = {.size = sizeof(event)};

	begin_anew(0);
	cr_assert_not(write_next());
	cr_assert_not(events_read(ring, capacity, &cursor, now(), &event));
}

static int read_only(unsigned index, void *context)
{
	uint64_t cursor = 0;
	struct shmq_event event = {.size = sizeof(event)};

	(void)index;
	(void)context;
	CHILD_RESULT(mprotect(bytes, sizeof(bytes), PROT_READ), 0);
	for (unsigned n = 0; n < 8; n++)
		CHILD_CHECK(events_read(ring, capacity, &cursor, now(), &event));
	CHILD_CHECK(!events_read(ring, capacity, &cursor, now(), &event));
	return 0;
}

Test(events, are_read_from_a_read_only_mapping)
{
	begin_anew(8);
	write_some(20);
	cr_assert_eq(process_run(read_only, NULL, 10000), 0);
}

Test(events, go_on_when_laps_come_again)
{
	uint64_t cursor;
	struct shmq_event event;

	for (uint64_t laps = 65534; laps < 65538; laps++) {
		begin_anew(4);
		cursor = laps * capacity;
		shm_store_relaxed(&ring->head, cursor);
		for (int n = 0; n < 20; n++) {
			cr_assert(write_next());
			cr_assert(read_at(&cursor, now(), &event));
			expect_figure(event.lost, 0);
		}
	}
}

/* ---- Damage ---- */

static void expect_plain(const char *text, size_t most)
{
	size_t length = strnlen(text, most + 1);
	char copy[256];

	cr_assert_leq(length, most);
	memcpy(copy, text, length);
	text_make_plain(copy, length);
	cr_assert_eq(memcmp(copy, text, length), 0);
}

/* Read from a ring that holds anything; nothing is expected but bounds. */
static void read_damaged(uint64_t cursor)
{
	struct shmq_event event = {.size = sizeof(event)};

	for (unsigned n = 0; n < 2 * CAPACITY_MAX; n++) {
		uint64_t before = cursor;

		if (!events_read(ring, capacity, &cursor, now(), &event))
			return;
		cr_assert(event.resource >= SHMQ_NONE && event.resource < SHMQ_RESOURCES);
		cr_assert(event.sequence == cursor && (cursor > before || before > events_newest(ring)));
		expect_plain(event.component_name, SHMQ_NAME_MAX);
		expect_plain(event.text, SHMQ_EVENT_TEXT_MAX);
	}
}

Test(events, of_a_damaged_ring_are_bounded)
{
	struct prng prng = prng_seed(99, 1);

	for (unsigned round = 0; round < 200; round++) {
		begin_anew(1 + (uint32_t)prng_below(&prng, CAPACITY_MAX));
		write_some(prng_below(&prng, 3 * (uint64_t)capacity));
		/* Words that look right, but for what they say. */
		for (uint64_t i = prng_below(&prng, 4000); i > 0; i--) {
			struct shm_u64 *word =
			    &ring->record[prng_below(&prng, capacity)].word[prng_below(&prng, EVENT_WORDS)];

			shm_store_relaxed(word, (shm_load_relaxed(word) & ~EVENT_DATA_MASK) |
			                            (prng_next(&prng) & EVENT_DATA_MASK));
		}
		read_damaged(0);
		for (size_t i = 0; i < sizeof(bytes) / sizeof(uint64_t); i++)
			shm_store_relaxed((struct shm_u64 *)(void *)bytes + i, prng_next(&prng));
		read_damaged(prng_next(&prng));
		/* Who writes there heals it, record by record. */
		write_some(3 * (uint64_t)capacity);
		expect_figure(read_rest(&(uint64_t){events_newest(ring) - capacity}), capacity);
	}
}

static unsigned count_unsound(void)
{
	unsigned unsound = 0;

	for (uint32_t place = 0; place < capacity; place++)
		unsound += !events_are_sound(ring, capacity, place);
	return unsound;
}

Test(events, that_are_damaged_are_told_from_sound_ones)
{
	for (uint64_t written = 0; written < 20; written++) {
		begin_anew(8);
		write_some(written);
		expect_figure(count_unsound(), 0);
		for (uint32_t place = 0; place < capacity && place < written; place++) {
			struct shm_u64 *word = &ring->record[place].word[EVENT_PLACE];

			shm_store_relaxed(word, shm_load_relaxed(word) + (UINT64_C(1) << EVENT_DATA_BITS));
			expect_figure(count_unsound(), place + 1);
		}
		write_some(capacity);
		expect_figure(count_unsound(), 0);
	}
}

Test(events, with_damaged_lengths_are_bounded)
{
	/* All words are there; only what the first one says of them is wrong. */
	begin_anew(2);
	for (uint64_t lengths = 0; lengths < UINT64_C(1) << 16; lengths++) {
		uint64_t lap = UINT64_C(1) << EVENT_DATA_BITS, name_length = lengths & 0xff, text_length = lengths >> 8;
		bool fits = name_length <= SHMQ_NAME_MAX && text_length <= SHMQ_EVENT_TEXT_MAX &&
		            name_length + text_length <= EVENT_STRING_BYTES;
		uint64_t cursor = 0;
		struct shmq_event event = {.size = sizeof(event)};

		shm_store_relaxed(&ring->head, 2);
		for (size_t i = 0; i < EVENT_WORDS; i++) {
			shm_store_relaxed(&ring->record[0].word[i],
			                  lap | (i > 0 ? EVENT_DATA_MASK : lengths << 16 | 1));
			shm_store_relaxed(&ring->record[1].word[i], lap | (i > 0 ? EVENT_DATA_MASK : 1));
		}
		cr_assert(events_read(ring, capacity, &cursor, now() + LATER, &event));
		expect_figure(cursor, fits ? 1 : 2);
		expect_figure(strlen(event.text), fits ? text_length : 0);
	}
}

Test(events, with_a_damaged_head_cost_no_more_than_a_look_at_some_thousand)
{
	uint64_t cursor = 0;
	struct shmq_event event = {.size = sizeof(event)};

	begin_anew(CAPACITY_MAX);
	shm_store_relaxed(&ring->head, UINT64_MAX);
	cr_assert_not(events_read(ring, capacity, &cursor, now(), &event));
	shm_store_relaxed(&ring->head, UINT64_MAX - 2);
	write_some(10); /* over the end of all numbers */
	read_damaged(0);
}

/* ---- How often ---- */

static struct shm_u64 reported;
static uint64_t refusals, due, told;

static bool refuse_at(uint64_t second)
{
	uint64_t count = ++refusals, suppressed = 0;
	bool is_due = event_is_due(&reported, count, second, &suppressed);

	due += is_due;
	told += is_due ? 1 + suppressed : 0;
	return is_due;
}

static void refuse_anew(void)
{
	shm_store_relaxed(&reported, 0);
	refusals = due = told = 0;
}

Test(events, of_a_flood_are_written_once_per_second)
{
	static const uint64_t begins[] = {0, 1, 77, UINT32_MAX - 2, UINT64_C(1) << 33};

	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		refuse_anew();
		for (uint64_t second = 0; second < 6; second++) {
			for (int n = 0; n < 1000; n++)
				cr_assert_eq(refuse_at(begins[i] + second), n == 0);
			expect_figure(told, second * 1000 + 1);
		}
		expect_figure(due, 6);
		cr_assert(refuse_at(begins[i] + 100000));
		expect_figure(told, 6001);
	}
}

Test(events, of_a_flood_are_due_again_after_a_damaged_second)
{
	uint64_t suppressed;

	shm_store_relaxed(&reported, UINT64_C(1) << 63 | 7);
	cr_assert(event_is_due(&reported, 10, 1000, &suppressed));
	expect_figure(suppressed, 2);
	cr_assert_not(event_is_due(&reported, 11, 1000, &suppressed));
}

static uint64_t others_second;

static void others_are_refused(void)
{
	for (int n = 0; n < 3; n++)
		refuse_at(others_second);
}

Test(events, of_a_flood_have_one_writer_per_second)
{
	/* At each access of somebody who asks in second 11 or 12, others are refused in second 11 or 12. */
	for (unsigned seconds = 0; seconds < 4; seconds++) {
		uint64_t second = 11 + seconds / 2;

		for (unsigned at = 1;; at++) {
			bool happened;

			refuse_anew();
			refuse_at(10);
			others_second = 11 + seconds % 2;
			interleave(at, others_are_refused);
			refuse_at(second);
			happened = interleave_happened();
			refuse_at(second);
			cr_assert_leq(due, happened && others_second != second ? 3 : 2, "interrupted at %u", at);
			cr_assert_geq(due, 2);
			refuse_at(13);
			/* Nobody is forgotten; who was told of as suppressed and then asked in a later second is there twice. */
			cr_assert(told >= refusals && told <= refusals + 1, "told of %" PRIu64 " of %" PRIu64, told,
			          refusals);
			if (!happened)
				break;
		}
	}
}
