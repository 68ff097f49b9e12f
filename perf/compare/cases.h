/* SPDX-License-Identifier: MIT */
/*
 * Every limiter, admitting and refusing, over one key and over many: the cases for the harness.
 */
#ifndef CASES_H
#define CASES_H

#include "../harness.h"
#include "limiter.h"

#define KEY_SETS_MAX 3

struct limiter_case {
	const struct limiter *limiter;
	enum key_kind kind; /* KIND_OPEN: all is admitted; KIND_CLOSED: all is refused */
	struct walk walk;   /* of this process */
	bool *is_warm;      /* this process has visited every key of that kind */
	bool has_begun;
};

struct case_table {
	struct bench_case *cases; /* for the harness */
	struct limiter_case *details;
	size_t count;
};

/* The numbers of keys to go round: 1, 1,000, and `most` where that is more. Returns how many of them there are. */
unsigned cases_key_sets(uint32_t out[KEY_SETS_MAX], uint32_t most);

/* Make the cases of `count` limiters that were started. Returns 0, or -1 with a message. */
int cases_create(struct case_table *out, const struct limiter *const limiters[], size_t count, uint32_t most_keys);

/* For struct bench_settings; the subject of all cases is the table. */
void cases_choose(void *subject, const struct bench_case *bench_case);
void cases_correct(void *subject, const struct bench_case *bench_case, struct bench_cost *cost);

#endif
