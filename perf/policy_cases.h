/* SPDX-License-Identifier: MIT */
/*
 * The cases of bench_policy that are repeated: components under groups beside a chain of page counters, and checks of
 * capabilities beside fnmatch(3).
 */
#ifndef POLICY_CASES_H
#define POLICY_CASES_H

#include "harness.h"

#define POLICY_DEPTH 4U /* as many groups may stand above a component */

enum policy_case {
	CASE_CAS,
	CASE_LEVEL,                                 /* and one for each depth above it */
	CASE_PAGES = CASE_LEVEL + POLICY_DEPTH + 1, /* likewise */
	CASE_PAIR = CASE_PAGES + POLICY_DEPTH + 1,
	CASE_PAGES_PAIR,
	CASE_LEVEL_REFUSED,
	CASE_PAGES_REFUSED,
	CASE_RATE, /* as CASE_LEVEL */
	CASE_RATE_REFUSED = CASE_RATE + POLICY_DEPTH + 1,
	CASE_FNMATCH,
	CASE_FNMATCH_UTF8,
	CASE_CHECK,
	CASE_FNMATCH_LIST,
	CASE_FNMATCH_LIST_UTF8,
	CASE_CHECK_LIST,
	POLICY_CASES
};

extern const struct bench_case policy_cases[POLICY_CASES];

/* For each case the one that does the same without this library, or SIZE_MAX. */
extern const size_t policy_peers[POLICY_CASES];
#define POLICY_PEERS "page counters as deep, or fnmatch in bytes"

/* Publish their policy to a segment without a name. Returns 0, or -1 with a message on stderr. */
int policy_cases_setup(void *subjects[2]);

#endif
