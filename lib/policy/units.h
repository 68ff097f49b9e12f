/* SPDX-License-Identifier: MIT */
/*
 * Amounts as people write them: sizes, rates, CPU time, durations.
 *
 *     NUMBER    digits, perhaps with a point and more digits; no sign, no exponent, no thousands separators
 *     SIZE      NUMBER [B K M G T, KB MB GB TB, KiB MiB GiB TiB]: all of them powers of 1024
 *     TIME      NUMBER UNIT, or several that are added up: "1min 30s"; ns us ms s min h d w
 *     rate      AMOUNT [/ PERIOD]: "100/s", "10MB/10s", "500ms/s"; PERIOD is a TIME or a unit alone
 *     CPU time  TIME [/ PERIOD], or NUMBER% of one core; more than 100% is more than one core
 *     bucket    a rate, "burst", and an AMOUNT without a period: "10MB/s burst 20MB"
 *
 * "unlimited" stands for any limit. Units are known in upper and lower case, blanks around them do not matter, and
 * the locale does not either. All arithmetic is exact: what has a fraction of the smallest unit left is rounded down,
 * and what is not zero but would become zero is refused, since 0 means "deny everything".
 */
#ifndef SHMQ_POLICY_UNITS_H
#define SHMQ_POLICY_UNITS_H

#include <shmquota.h>

/* What is wrong with a text, and at which byte of it, from 0. */
struct units_fault {
	size_t at;
	char text[200];
};

/* A limit as it was written; units_limit_resolve() makes a number of it. */
struct units_limit {
	uint64_t amount;    /* in the resource's unit, or of a percentage the millionths of a percent */
	uint64_t period_ns; /* the rate's own window, 0 where it counts per reset_period */
	bool is_percent;    /* of one core, for as long as reset_period says */
	uint64_t burst;     /* in the resource's unit, 0 where none is written */
};

/* As shmq_parse_size() and its siblings; see shmquota.h. */
int units_parse_size(uint64_t *bytes, const char *text);
int units_parse_bandwidth(uint64_t *bytes_per_second, const char *text);
int units_parse_cpu(uint64_t *us_per_second, const char *text);
int units_parse_duration(uint64_t *ns, const char *text);

/*
 * Read the limit of a resource. Returns 0, or a negative errno with `*fault` filled (`fault` may be NULL):
 * -EINVAL no such amount or period, -EOVERFLOW above SHMQ_AMOUNT_MAX.
 */
int units_read_limit(struct units_limit *out, enum shmq_resource resource, const char *text, struct units_fault *fault);

/* Read an amount of a resource without a period: a burst, a lease. Returns as units_read_limit(). */
int units_read_amount(uint64_t *out, enum shmq_resource resource, const char *text, struct units_fault *fault);

/* Read a percentage from 1 to 100, with or without its sign. Returns as units_read_limit(). */
int units_read_percent(uint64_t *out, const char *text, struct units_fault *fault);

/* Read a window's length: whole milliseconds in the range of a period. Returns as units_read_limit(). */
int units_read_period(uint64_t *ns, const char *text, struct units_fault *fault);

/*
 * Say how much a limit is within a window of `period_ns` (a rate's own period has been taken into account by the
 * caller). Returns 0, -EOVERFLOW above SHMQ_AMOUNT_MAX, -ERANGE below one microsecond but not zero.
 */
int units_limit_resolve(uint64_t *amount, const struct units_limit *limit, uint64_t period_ns);

#endif
