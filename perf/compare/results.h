/* SPDX-License-Identifier: MIT */
/*
 * The figures and the bounds as JSON, for perf/run, which makes tables and plots of them. Members are only ever added.
 */
#ifndef RESULTS_H
#define RESULTS_H

#include "cases.h"
#include "check.h"

struct limiter_result {
	const struct limiter *limiter;
	bool is_measured; /* false: it could not be started */
	struct bound long_bound, short_bound;
};

/* Write everything to standard output; `control` is the bound of what is wrong on purpose. Returns 0, or -1. */
int results_write(const struct limiter_result *limiters, size_t count, const struct bound *control,
                  const struct case_table *table, const struct bench_results *figures,
                  const struct bench_settings *settings);

#endif
