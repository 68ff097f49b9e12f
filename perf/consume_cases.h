/* SPDX-License-Identifier: MIT */
/*
 * The cases of bench_consume: what is measured, and the segment it is measured on.
 */
#ifndef CONSUME_CASES_H
#define CONSUME_CASES_H

#include "harness.h"

enum consume_case {
	CASE_CALL,
	CASE_ADD,
	CASE_CAS,
	CASE_CLOCK_COARSE,
	CASE_CLOCK,
	CASE_READ,
	CASE_MUTEX,
	CASE_MUTEX_WINDOW,
	CASE_MUTEX_WINDOW_PRECISE,
	CASE_CHECK_LEVEL,
	CASE_CHECK_RATE,
	CASE_LEVEL,
	CASE_LEVEL_PEAK,
	CASE_LEVEL_PAIR,
	CASE_LEVEL_MEMBARRIER,
	CASE_RATE,
	CASE_RATE_AT,
	CASE_RATE_MEMBARRIER,
	CASE_RATE_PEAK,
	CASE_RATE_PRECISE,
	CASE_RATE_SLIDING,
	CASE_RATE_BUCKET,
	CASE_RATE_BUCKET_PRECISE,
	CASE_RATE_VERDICT,
	CASE_REFUSED,
	CASE_CONSUME_THREE,
	CASE_TRY_THREE,
	CASE_FIND_HOT,
	CASE_FIND,
	CONSUME_CASES
};

extern const struct bench_case consume_cases[CONSUME_CASES];

struct consume_subject;

/*
 * Create a segment with that many components and what else the cases need. Its name is removed at once, so nothing is
 * left behind however the program ends.
 *
 * Returns 0, or -1 with a message on stderr.
 */
int consume_setup(void *subjects[2], uint32_t components);

#endif
