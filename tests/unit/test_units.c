/* SPDX-License-Identifier: MIT */
/*
 * Amounts as people write them. Tables of text and what it means; a row that fails is named by its text.
 *
 * Exactness is checked against wide integers over generated numbers, so that no rounding of a double can hide in it.
 */
#include "policy/scan.h"
#include "policy/units.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
#define SECOND UINT64_C(1000000000)
#define UNTOUCHED UINT64_C(0x1234567890)

__extension__ typedef unsigned __int128 wide;

struct row {
	const char *text;
	int result;
	uint64_t value; /* of result 0 */
};

/* Each text must give its result, and touch the output only where that is 0. */
static void check(int (*parse)(uint64_t *, const char *), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		uint64_t expected = rows[i].result == 0 ? rows[i].value : UNTOUCHED;
		int result = parse(&value, rows[i].text);

		cr_expect_eq(result, rows[i].result, "'%s' gives %d, not %d", rows[i].text, result, rows[i].result);
		cr_expect_eq(value, expected, "'%s' is %llu, not %llu", rows[i].text, (unsigned long long)value,
		             (unsigned long long)expected);
	}
}

#define CHECK(parse, ...)                                                                                              \
	do {                                                                                                           \
		const struct row rows[] = {__VA_ARGS__};                                                               \
                                                                                                                       \
		check(parse, rows, sizeof(rows) / sizeof(rows[0]));                                                    \
	} while (0)

#define REFUSED(text)                                                                                                  \
	{                                                                                                              \
		text, -EINVAL, 0                                                                                       \
	}
#define TOO_LARGE(text)                                                                                                \
	{                                                                                                              \
		text, -EOVERFLOW, 0                                                                                    \
	}

Test(size, a_bare_number_is_bytes)
{
	CHECK(units_parse_size, {"0", 0, 0}, {"1", 0, 1}, {"512", 0, 512}, {"0000512", 0, 512}, {"1.0", 0, 1});
}

Test(size, every_unit_is_a_power_of_1024)
{
	CHECK(units_parse_size, {"3B", 0, 3}, {"3K", 0, 3 * KIB}, {"3KB", 0, 3 * KIB}, {"3KiB", 0, 3 * KIB},
	      {"3M", 0, 3 * MIB}, {"100MB", 0, 100 * MIB}, {"3MiB", 0, 3 * MIB}, {"3G", 0, 3 * GIB},
	      {"3GB", 0, 3 * GIB}, {"3GiB", 0, 3 * GIB}, {"3T", 0, 3 * TIB}, {"3TB", 0, 3 * TIB}, {"3TiB", 0, 3 * TIB},
	      {"1 byte", 0, 1}, {"7 bytes", 0, 7});
}

Test(size, case_and_blanks_do_not_matter)
{
	CHECK(units_parse_size, {"64 K", 0, 64 * KIB}, {"64kb", 0, 64 * KIB}, {"64kib", 0, 64 * KIB},
	      {"  64\tKIB  ", 0, 64 * KIB}, {"64KB\n", 0, 64 * KIB}, {"UNLIMITED", 0, SHMQ_UNLIMITED},
	      {" Unlimited ", 0, SHMQ_UNLIMITED});
}

Test(size, a_fraction_is_exact_and_rounded_down)
{
	CHECK(units_parse_size, {"1.5GiB", 0, 1610612736}, {"0.5KB", 0, 512}, {"0.1KB", 0, 102}, {"1.9999KB", 0, 2047},
	      {"0.3MB", 0, 314572}, {"63.99999999999999999999999TB", 0, 64 * TIB - 1}, {"0.0009765625KB", 0, 1});
}

Test(size, what_is_not_zero_never_becomes_zero)
{
	CHECK(units_parse_size, REFUSED("0.0009KB"), REFUSED("0.00000000000000000001TB"), {"0.0TB", 0, 0});
}

Test(size, there_is_no_fraction_of_a_byte)
{
	CHECK(units_parse_size, REFUSED("1.5"), REFUSED("0.5B"), REFUSED("1.5 bytes"), {"1.00B", 0, 1});
}

Test(size, the_largest_limit_is_the_end)
{
	CHECK(units_parse_size, {"70368744177663", 0, SHMQ_AMOUNT_MAX}, TOO_LARGE("70368744177664"), TOO_LARGE("64TB"),
	      {"63TB", 0, 63 * TIB});
}

Test(size, overflow_of_64_bits_is_noticed)
{
	CHECK(units_parse_size, TOO_LARGE("18446744073709551614"), TOO_LARGE("18446744073709551616"),
	      TOO_LARGE("99999999999999999999999999999999999999"), TOO_LARGE("16777216TB"),
	      TOO_LARGE("18446744073709551615TB"), TOO_LARGE("16777215.99999TB"));
}

Test(size, the_digits_of_unlimited_are_not_unlimited)
{
	/* UINT64_MAX stands for "unlimited" inside; 2^64 - 1 bytes written out must not become it. */
	CHECK(units_parse_size, TOO_LARGE("18446744073709551615"));
}

Test(size, other_notations_are_refused)
{
	CHECK(units_parse_size, REFUSED(""), REFUSED(" "), REFUSED("-1"), REFUSED("+1"), REFUSED("0x10"),
	      REFUSED("1e3"), REFUSED("nan"), REFUSED("inf"), REFUSED("infinity"), REFUSED("1,5MB"), REFUSED("1.MB"),
	      REFUSED(".5MB"), REFUSED("1.2.3MB"), REFUSED("1_000"), REFUSED("1'000"), REFUSED("\xd9\xa3MB"),
	      REFUSED("MB"));
}

Test(size, trailing_text_is_refused)
{
	CHECK(units_parse_size, REFUSED("1MB x"), REFUSED("1MBx"), REFUSED("1XB"), REFUSED("1PB"), REFUSED("1MB 1KB"),
	      REFUSED("1MB/s"), REFUSED("50%"), REFUSED("unlimited!"), REFUSED("unlimite"), REFUSED("1MB\xa0"));
}

Test(size, nonsense_with_many_digits_stays_nonsense)
{
	CHECK(units_parse_size, REFUSED("99999999999999999999999XB"), REFUSED("99999999999999999999999MB x"));
}

Test(size, null_is_refused)
{
	uint64_t value = UNTOUCHED;

	cr_expect_eq(units_parse_size(&value, NULL), -EINVAL);
	cr_expect_eq(units_parse_size(NULL, "1"), -EINVAL);
	cr_expect_eq(value, UNTOUCHED);
}

Test(size, fractions_are_exact_to_the_last_digit)
{
	uint64_t random = 42;

	for (int i = 0; i < 100000; i++) {
		uint64_t fraction, factor = i % 2 == 0 ? TIB : 604800 * SECOND, got;
		struct decimal decimal;
		struct scan scan = {0};
		char text[40];

		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		fraction = random % UINT64_C(1000000000000000000);
		snprintf(text, sizeof(text), "%d.%018llu", i % 1000, (unsigned long long)fraction);
		scan.text = text;
		cr_assert_eq(scan_decimal(&scan, &decimal), 0);
		got = scan_scale(&scan, &decimal, factor);
		cr_assert_eq(got,
		             (uint64_t)(i % 1000) * factor +
		                 (uint64_t)((wide)fraction * factor / UINT64_C(1000000000000000000)),
		             "%s times %llu gives %llu", text, (unsigned long long)factor, (unsigned long long)got);
	}
}

Test(bandwidth, is_converted_to_bytes_per_second)
{
	CHECK(units_parse_bandwidth, {"10MB/s", 0, 10 * MIB}, {"600MB/min", 0, 10 * MIB}, {"1048576", 0, MIB},
	      {"1MB", 0, MIB}, {"10MB/10s", 0, MIB}, {"1KB/10ms", 0, 100 * KIB}, {"36MB/hour", 0, 10485},
	      {"1.5 KB / s", 0, 1536}, {"0/s", 0, 0}, {"0", 0, 0}, {"unlimited", 0, SHMQ_UNLIMITED},
	      {"10mb/SEC", 0, 10 * MIB});
}

Test(bandwidth, is_rounded_down_but_never_to_zero)
{
	CHECK(units_parse_bandwidth, {"10B/3s", 0, 3}, {"119B/min", 0, 1}, REFUSED("59B/min"), REFUSED("1B/d"));
}

Test(bandwidth, is_judged_by_what_it_is_per_second)
{
	CHECK(units_parse_bandwidth, {"100TB/min", 0, 100 * TIB / 60}, {"64TB/1001ms", 0, UINT64_C(70298445731932)},
	      TOO_LARGE("64TB/s"), TOO_LARGE("1TB/10ms"), TOO_LARGE("16777215TB/10ms"), TOO_LARGE("20000000TB/366d"),
	      {"16777215TB/366d", 0, UINT64_C(583344179258)});
}

Test(bandwidth, wrong_periods_are_refused)
{
	CHECK(units_parse_bandwidth, REFUSED("1MB/"), REFUSED("1MB/0s"), REFUSED("1MB/9ms"), REFUSED("1MB/367d"),
	      REFUSED("1MB/10"), REFUSED("1MB/-1s"), REFUSED("1MB/m"), REFUSED("1MB/s/s"), REFUSED("1MB/s x"),
	      REFUSED("/s"), REFUSED("1MB/10.5ms"), REFUSED("1MB/99999999999999999999s"), REFUSED("10MBps"),
	      REFUSED("unlimited/s"), REFUSED("50%"));
}

Test(cpu, is_converted_to_microseconds_per_second)
{
	CHECK(units_parse_cpu, {"500ms/s", 0, 500000}, {"1.5s/s", 0, 1500000}, {"30s/min", 0, 500000},
	      {"500ms", 0, 500000}, {"1min 30s/h", 0, 25000}, {"100us/10ms", 0, 10000}, {"2500ns", 0, 2}, {"0", 0, 0},
	      {"0/s", 0, 0}, {"0ms/s", 0, 0}, {"unlimited", 0, SHMQ_UNLIMITED});
}

Test(cpu, a_percentage_is_of_one_core)
{
	CHECK(units_parse_cpu, {"50%", 0, 500000}, {"100%", 0, 1000000}, {"250 %", 0, 2500000}, {"0%", 0, 0},
	      {"12.5%", 0, 125000}, {"33.333333%", 0, 333333}, {"0.0001%", 0, 1}, REFUSED("0.00001%"),
	      REFUSED("0.00000001%"), {"7036874417%", 0, UINT64_C(70368744170000)}, TOO_LARGE("7036874418%"),
	      TOO_LARGE("18446744073709551615%"), TOO_LARGE("99999999999999999999999%"));
}

Test(cpu, a_number_needs_a_unit)
{
	CHECK(units_parse_cpu, REFUSED("500"), REFUSED("0.5"), REFUSED("500/s"), REFUSED("50%/s"), REFUSED("50%%"),
	      REFUSED("-5%"), REFUSED("1KB/s"), REFUSED("1s 500/s"), REFUSED("999ns"));
}

Test(duration, adds_its_terms_up)
{
	CHECK(units_parse_duration, {"1s", 0, SECOND}, {"250ms", 0, SECOND / 4}, {"1min 30s", 0, 90 * SECOND},
	      {"1min30s", 0, 90 * SECOND}, {"2h", 0, 7200 * SECOND}, {"1d", 0, 86400 * SECOND},
	      {"1w", 0, 604800 * SECOND}, {"1.5h", 0, 5400 * SECOND}, {"7ns", 0, 7}, {"7us", 0, 7000},
	      {"2 days 3 hours 4 minutes 5 seconds", 0, 183845 * SECOND}, {"1 SEC", 0, SECOND}, {"0s", 0, 0},
	      {"0", 0, 0});
}

Test(duration, a_bare_number_is_in_seconds)
{
	CHECK(units_parse_duration, {"1", 0, SECOND}, {"0.25", 0, SECOND / 4}, {" 90 ", 0, 90 * SECOND},
	      REFUSED("1min 30"), REFUSED("30 1min"));
}

Test(duration, ends_at_366_days)
{
	CHECK(units_parse_duration, {"366d", 0, SHMQ_PERIOD_MAX_NS}, TOO_LARGE("366d 1ns"), TOO_LARGE("367d"),
	      TOO_LARGE("99999999999999999999999d"), TOO_LARGE("300000w 300000w"), TOO_LARGE("30500w 30500w 1s"),
	      TOO_LARGE("18446744073709551615ns"));
}

Test(duration, other_notations_are_refused)
{
	CHECK(units_parse_duration, REFUSED(""), REFUSED("s"), REFUSED("-1s"), REFUSED("1m"), REFUSED("1:30"),
	      REFUSED("1s,"), REFUSED("1s/s"), REFUSED("1e3s"), REFUSED("unlimited"), REFUSED("0.5ns"),
	      REFUSED("0.0000000001s"), REFUSED("1fortnightandahalf"), REFUSED("1month"));
}

Test(units, do_not_follow_the_locale)
{
	static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "tr_TR.UTF-8", "C.UTF-8"};

	/* Not all of them are installed everywhere; those that are must change nothing. */
	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
		setlocale(LC_ALL, locales[i]);
		CHECK(units_parse_size, {"1.5GIB", 0, 1610612736}, {"UNLIMITED", 0, SHMQ_UNLIMITED}, REFUSED("1,5GiB"));
		CHECK(units_parse_duration, {"1.5MIN", 0, 90 * SECOND}, REFUSED("1,5min"));
	}
}

Test(units, a_limit_keeps_its_own_period_and_a_bare_one_has_none)
{
	struct units_limit limit;

	cr_assert_eq(units_read_limit(&limit, SHMQ_MESSAGES, "100/10s", NULL), 0);
	cr_expect_eq(limit.amount, 100);
	cr_expect_eq(limit.period_ns, 10 * SECOND);
	cr_assert_eq(units_read_limit(&limit, SHMQ_MESSAGES, "100", NULL), 0);
	cr_expect_eq(limit.period_ns, 0);
	cr_assert_eq(units_read_limit(&limit, SHMQ_NETWORK, "10 MB / 1min 30s", NULL), 0);
	cr_expect_eq(limit.period_ns, 90 * SECOND);
}

Test(units, a_percentage_is_resolved_within_its_window)
{
	struct units_limit limit;
	uint64_t amount = 0;

	cr_assert_eq(units_read_limit(&limit, SHMQ_CPU, "33.333333%", NULL), 0);
	cr_expect_eq(units_limit_resolve(&amount, &limit, SECOND), 0);
	cr_expect_eq(amount, 333333);
	cr_expect_eq(units_limit_resolve(&amount, &limit, SHMQ_PERIOD_MIN_NS), 0);
	cr_expect_eq(amount, 3333);
	cr_expect_eq(units_limit_resolve(&amount, &limit, SHMQ_PERIOD_MAX_NS), 0);
	cr_expect_eq(amount, (uint64_t)((wide)33333333 * (SHMQ_PERIOD_MAX_NS / 1000) / 100000000));
}

Test(units, a_fault_says_what_and_where)
{
	struct units_fault fault;
	struct units_limit limit;

	cr_assert_eq(units_read_limit(&limit, SHMQ_NETWORK, "10MB/fortnight", &fault), -EINVAL);
	cr_expect_eq(fault.at, 5);
	cr_expect_str_eq(fault.text, "unknown unit 'fortnight'; times are in ns, us, ms, s, min, h, d or w");
}

Test(units, a_fault_quotes_hostile_text_short_and_harmless)
{
	struct units_fault fault;
	struct units_limit limit;
	char text[4096];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "1\x1b[2J", 5);
	cr_assert_eq(units_read_limit(&limit, SHMQ_STORAGE, text, &fault), -EINVAL);
	cr_expect_eq(strlen(fault.text) < 200, true);
	cr_expect_null(strchr(fault.text, '\x1b'));
	cr_expect_not_null(strstr(fault.text, "yyy...'"));
}
