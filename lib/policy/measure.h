/* SPDX-License-Identifier: MIT */
/*
 * Measuring: numbers with a unit of size or time behind them, taken from a scan.
 *
 * Each function takes what belongs to it and leaves the rest. A number too large for 64 bits is noted in the scan and
 * judged by who finishes it. Which resource is measured in what is not known here.
 */
#ifndef SHMQ_POLICY_MEASURE_H
#define SHMQ_POLICY_MEASURE_H

#include "policy/scan.h"

#define MEASURE_BURST "burst" /* the one word that may follow an amount: a second amount follows it */

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

/* Tell whether the scan is at the end of an amount: at the end of the text, at a '/', or at the word above. */
bool measure_is_over(struct scan *scan);

/* Read a size in bytes. Returns 0 or -EINVAL, as all of these do. */
int measure_size(struct scan *scan, uint64_t *bytes);

/* Read a time: one or several numbers, each with its unit. */
int measure_time(struct scan *scan, uint64_t *ns);

/* Read a time that may also be a bare number of seconds with nothing behind it. */
int measure_duration(struct scan *scan, uint64_t *ns);

/* Read what may follow a rate, "/10s" or "/s": a valid period, or 0 where no '/' follows. */
int measure_rate_period(struct scan *scan, uint64_t *ns);

/* Check that `ns` can be a period. `at` is where it stands. */
int measure_check_period(struct scan *scan, size_t at, uint64_t ns);

#endif
