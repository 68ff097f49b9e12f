/* SPDX-License-Identifier: MIT */
/*
 * The text that the programs share: amounts in human units, display width, escaping, shortening, suggestions.
 *
 * Tables of an input and what must be shown for it; a row that fails is named.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <shmquota.h>
#include <string.h>

#include "event.h"
#include "nearest.h"
#include "render.h"
#include "units.h"

static void begin(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	render_init();
}

TestSuite(tool_text, .init = begin);

static const struct style utf8_style = {.unicode = true};

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

struct row {
	uint64_t value;
	const char *text;
};

static void check(struct label (*make)(uint64_t), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct label label = make(rows[i].value);

		cr_expect_str_eq(label.text, rows[i].text, "%" PRIu64 " is shown as \"%s\", not \"%s\"", rows[i].value,
		                 label.text, rows[i].text);
	}
}

#define CHECK(make, rows) check(make, rows, sizeof(rows) / sizeof((rows)[0]))

Test(tool_text, bytes_are_powers_of_1024_cut_off)
{
	static const struct row rows[] = {
	    {0, "0 B"},
	    {1, "1 B"},
	    {1023, "1023 B"},
	    {KIB, "1 KiB"},
	    {KIB + KIB / 2, "1.5 KiB"},
	    {10 * KIB - 1, "9.9 KiB"},
	    {100 * KIB - 1, "99.9 KiB"},
	    {MIB - 1, "1023 KiB"},
	    {100 * MIB, "100 MiB"},
	    {100 * MIB - 1, "99.9 MiB"},
	    {GIB + GIB / 4, "1.2 GiB"},
	    {SHMQ_AMOUNT_MAX, "63.9 TiB"},
	    {UINT64_MAX, "15.9 EiB"},
	};

	CHECK(bytes_label, rows);
}

Test(tool_text, counts_are_exact_up_to_five_digits)
{
	static const struct row rows[] = {
	    {0, "0"},         {1, "1"},           {99999, "99999"},      {100000, "100 k"},      {123456, "123 k"},
	    {1000000, "1 M"}, {1999999, "1.9 M"}, {1234567890, "1.2 G"}, {UINT64_MAX, "18.4 E"},
	};

	CHECK(count_label, rows);
}

Test(tool_text, durations_have_two_units_at_most)
{
	static const struct row rows[] = {
	    {0, "0 ms"},
	    {MS / 2, "0.5 ms"},
	    {250 * MS, "250 ms"},
	    {SECOND, "1 s"},
	    {59 * SECOND, "59 s"},
	    {60 * SECOND, "1 min"},
	    {125 * SECOND, "2 min 5 s"},
	    {HOUR + 59 * SECOND, "1 h"},
	    {DAY + 4 * HOUR, "1 d 4 h"},
	    {SHMQ_PERIOD_MAX_NS, "366 d"},
	};

	CHECK(duration_label, rows);
}

static struct label cpu_label_utf8(uint64_t us)
{
	return cpu_label(us, true);
}

Test(tool_text, cpu_time_goes_from_microseconds_to_hours)
{
	static const struct row rows[] = {
	    {999, "999 \u00b5s"},
	    {1000, "1 ms"},
	    {12500, "12.5 ms"},
	    {250000, "250 ms"},
	    {1500000, "1.5 s"},
	    {90000000, "1.5 min"},
	    {UINT64_C(7200000000), "2 h"},
	};

	CHECK(cpu_label_utf8, rows);
	cr_expect_str_eq(cpu_label(5, false).text, "5 us");
}

Test(tool_text, limits_carry_their_window)
{
	static const struct {
		int resource;
		uint64_t limit, period_ns;
		const char *text;
	} rows[] = {
	    {SHMQ_STORAGE, 100 * MIB, 0, "100 MiB"},
	    {SHMQ_MESSAGES, 1000, SECOND, "1000/s"},
	    {SHMQ_MESSAGES, 100, HOUR, "100/h"},
	    {SHMQ_MESSAGES, 100, 10 * SECOND, "100/10s"},
	    {SHMQ_NETWORK, 10 * MIB, SECOND, "10 MiB/s"},
	    {SHMQ_NETWORK, 10 * MIB, 250 * MS, "10 MiB/250ms"},
	    {SHMQ_CPU, 500000, SECOND, "500 ms/s"},
	    {SHMQ_CPU, 500000, DAY, "500 ms/d"},
	    {SHMQ_MESSAGES, 0, SECOND, "0"},
	    {SHMQ_MESSAGES, SHMQ_UNLIMITED, SECOND, "\u221e"},
	    {SHMQ_MESSAGES, UINT64_MAX - 1, UINT64_MAX, "18.4 E/18446744073709ms"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_str_eq(limit_label(rows[i].resource, rows[i].limit, rows[i].period_ns, true).text,
		                 rows[i].text);
	cr_expect_str_eq(limit_label(SHMQ_CPU, SHMQ_UNLIMITED, SECOND, false).text, "unlimited");
}

Test(tool_text, a_percentage_is_100_only_at_the_limit)
{
	cr_expect_str_eq(percent_label(0, 0).text, "0");
	cr_expect_str_eq(percent_label(1, 0).text, "100");
	cr_expect_str_eq(percent_label(0, 100).text, "0");
	cr_expect_str_eq(percent_label(29, 100).text, "29.0");
	cr_expect_str_eq(percent_label(999999, 1000000).text, "99.9");
	cr_expect_str_eq(percent_label(SHMQ_AMOUNT_MAX - 1, SHMQ_AMOUNT_MAX).text, "99.9");
	cr_expect_str_eq(percent_label(100, 100).text, "100");
	cr_expect_str_eq(percent_label(250, 100).text, "250");
	cr_expect_str_eq(percent_label(5000, 100).text, ">999");
	cr_expect_str_eq(percent_label(5, SHMQ_UNLIMITED).text, "0");
	cr_expect_str_eq(percent_label(UINT64_MAX, 3).text, ">999");
}

Test(tool_text, nothing_that_steers_a_terminal_gets_through)
{
	char out[TEXT_PRINTABLE_MAX];

	cr_expect_str_eq(text_printable(out, sizeof(out), "plain \u65e5"), "plain \u65e5");
	cr_expect_str_eq(text_printable(out, sizeof(out), "a\033[2Jb"), "a\\x1b[2Jb");
	cr_expect_str_eq(text_printable(out, sizeof(out), "\xff\xc3"), "\\xff\\xc3");
	cr_expect_str_eq(text_printable(out, sizeof(out), "\xc2\x9b"), "\\xc2\\x9b");
	/* What does not fit is cut between characters. */
	cr_expect_str_eq(text_printable(out, 4, "a\u65e5"), "a");
	cr_expect_str_eq(text_printable(out, 5, "a\u65e5"), "a\u65e5");
}

Test(tool_text, width_is_what_a_terminal_takes)
{
	cr_expect_eq(text_width(""), 0);
	cr_expect_eq(text_width("plain"), 5);
	cr_expect_eq(text_width("\u00fcber"), 4);
	cr_expect_eq(text_width("\u65e5\u672c\u8a9e"), 6);
	cr_expect_eq(text_width("e\u0301"), 1);
}

/* Fit a text into every width: never wider, and the whole text as soon as it fits. */
Test(tool_text, a_shortened_name_never_takes_more_than_it_may)
{
	static const char *const texts[] = {"",
	                                    "a",
	                                    "abcdef",
	                                    "\u65e5\u672c\u8a9e\u30c6\u30ca\u30f3\u30c8",
	                                    "mixed-\u65e5\u672c-e\u0301\u0301-name",
	                                    "long-name-of.example.com"};
	char text[TEXT_PRINTABLE_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (unsigned width = 1; width < 40; width++) {
			strcpy(text, texts[i]);
			text_fit(text, width, &utf8_style);
			cr_expect_leq(text_width(text), width, "%s in %u: %s", texts[i], width, text);
			if (text_width(texts[i]) <= width)
				cr_expect_str_eq(text, texts[i]);
		}
	}
	strcpy(text, "long-name-of.example.com");
	cr_expect_str_eq(text_fit(text, 11, &utf8_style), "long-\u2026e.com");
}

Test(tool_text, suggestions_are_near)
{
	struct nearest nearest = nearest_to("pubish");

	nearest_offer(&nearest, "remove");
	nearest_offer(&nearest, "publish");
	nearest_offer(&nearest, "list");
	cr_expect_str_eq(nearest.best, "publish");
	nearest = nearest_to("reg");
	nearest_offer(&nearest, "register");
	cr_expect_str_eq(nearest.best, "register");
	nearest = nearest_to("");
	nearest_offer(&nearest, "a");
	cr_expect_str_eq(nearest.best, "");
	nearest = nearest_to("xyz");
	nearest_offer(&nearest, "abc");
	cr_expect_str_eq(nearest.best, "");
}

/* "critical: 1 of 200/s used, 0.5 %" was once all that an operator was told of a window that was over. */
Test(tool_text, an_event_that_had_to_wait_says_so)
{
	struct shmq_event event = {
	    .kind = SHMQ_EVENT_CRITICAL, .resource = SHMQ_MESSAGES, .limit = 200, .period_ns = SECOND, .used = 190};
	char text[256];

	cr_expect_str_eq(event_sentence(text, sizeof(text), NULL, &event, true), "190 of 200/s used, 95.0 %");
	event.used = 1;
	cr_expect_str_eq(event_sentence(text, sizeof(text), NULL, &event, true),
	                 "reached a moment before; now 1 of 200/s used, 0.5 %");
	event.kind = SHMQ_EVENT_CRITICAL_CLEARED;
	cr_expect_str_eq(event_sentence(text, sizeof(text), NULL, &event, true), "1 of 200/s used, 0.5 %");
}
