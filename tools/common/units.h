/* SPDX-License-Identifier: MIT */
/*
 * Amounts as people read them: at most four significant characters and a unit, "1.5 MiB", "250 ms", "100/s".
 *
 * Everything is rounded down, so that "100 %" is never shown below the limit. Labels are small values that are passed
 * and returned whole; exact figures are what --json is for.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stdint.h>

struct label {
	char text[40];
};

struct label bytes_label(uint64_t bytes);          /* "0", "512 B", "1.5 MiB" */
struct label count_label(uint64_t count);          /* "0", "12345", "1.2 M" */
struct label duration_label(uint64_t ns);          /* "250 ms", "2 min 5 s", "3 d 4 h" */
struct label cpu_label(uint64_t us, bool unicode); /* "250 ms", "1.5 s" */

/* An amount of a resource in its unit, and its limit with the window's length: "10 MiB/s", "100/h", "unlimited". */
struct label amount_label(int resource, uint64_t amount, bool unicode);
struct label limit_label(int resource, uint64_t limit, uint64_t period_ns, bool unicode);

/* The limit of a token bucket, as policies write it: "1 MiB/s burst 4 MiB"; without a burst of its own as a window's. */
struct label bucket_label(int resource, uint64_t rate, uint64_t burst, uint64_t period_ns, bool unicode);

/* How much of a limit is used, in percent without the sign: "0", "7.5", "99.9", "100", ">999". */
struct label percent_label(uint64_t used, uint64_t limit);

/* "1 component", "12 components". */
struct label components_label(uint64_t count);

/* A point in time, in the user's time zone: "2024-05-01 13:07:22 +0200". */
struct label time_label(uint64_t unix_ns);

/* The same for programs, RFC 3339 in UTC: "2024-05-01T11:07:22.000000001Z"; "" for what is no time. */
struct label utc_label(uint64_t unix_ns);

/* The time of day only: "13:07:22". */
struct label clock_label(uint64_t unix_ns);

/* How long ago that was. */
struct label age_label(uint64_t unix_ns);

#endif
