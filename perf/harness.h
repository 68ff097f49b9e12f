/* SPDX-License-Identifier: MIT */
/*
 * Measures what an operation costs, in one process and in two at once.
 *
 * Every case is a line; a round takes one sample of each line, and rounds follow each other (A B C, A B C, ...), so a
 * slow minute of the machine hits all lines alike and the ratios stand. A sample in which the scheduler took a process
 * off its core is thrown away and taken again.
 *
 * The harness knows nothing of quotas: it runs functions on subjects.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_placement {
	BENCH_ONE,      /* one process */
	BENCH_TOGETHER, /* two processes on one subject */
	BENCH_APART,    /* two processes, each on a subject of its own */
	BENCH_PLACEMENTS
};

#define BENCH_ROUNDS_MIN 7

struct bench_case {
	const char *key;  /* for programs */
	const char *name; /* for people */
	/* Do the operation `count` times. Returns false where one did not answer as it should. */
	bool (*run)(void *subject, uint64_t count);
	/* Called before each sample in each process, outside the measured time; or NULL. Rounds count from 0. */
	void (*prepare)(void *subject, unsigned round);
};

/* Define a `run` that repeats an expression, true where the operation on `s`, a `type`, answered as it should. */
#define BENCH_DEFINE_RUN(function, type, expression)                                                                   \
	static bool function(void *subject, uint64_t count)                                                            \
	{                                                                                                              \
		__typeof__(type) *s = subject;                                                                         \
		bool is_right = true;                                                                                  \
                                                                                                                       \
		for (uint64_t i = 0; i < count; i++)                                                                   \
			is_right &= (expression);                                                                      \
		return is_right;                                                                                       \
	}

/* What one process spent on one run of a case. */
struct bench_cost {
	uint64_t ns;
	long preemptions; /* how often the scheduler took it off its core */
};

struct bench_settings {
	unsigned rounds;
	double seconds; /* about, for everything */
	int cpus[2];    /* one for each process; the second is -1 where there is none */
	/* The rest may be 0 or NULL. */
	unsigned placements; /* only the first so many; 0: all */
	/* For cases made by a table: called in each process before each sample, with the case that follows. */
	void (*choose)(void *subject, const struct bench_case *bench_case);
	/* For operations that another process does: correct what the last run seems to have cost by what that one says. */
	void (*correct)(void *subject, const struct bench_case *bench_case, struct bench_cost *cost);
};

/* Nanoseconds per operation. */
struct bench_figure {
	double median, min, max;
};

struct bench_results {
	struct bench_figure (*figures)[BENCH_PLACEMENTS]; /* one row per case; all zero where it was not measured */
	unsigned rounds;             /* fewer than asked for where a busy machine would have taken too long */
	uint64_t disturbed;          /* samples used although no try was without preemption */
	uint64_t samples, preempted; /* preempted ones were taken again, up to a point */
	uint64_t sample_ns;          /* how long one sample was meant to take */
};

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t bench_now_ns(void);

/* How often the scheduler took this process off its core. */
long bench_preemptions(void);

/* Sorts the samples. */
struct bench_figure bench_summarize(double *ns, size_t count);

/* Choose the first two cores this process may use. `cpus[1]` is -1 where there is only one. */
void bench_choose_cpus(int cpus[2]);

/*
 * Measure every case in every placement. The second process is forked from this one when it is first needed, so it has
 * all subjects. `subjects` are one for each process; together, both use the first.
 *
 * Returns 0 with `*out` to be given to bench_free(), or -1 with a message on stderr.
 */
int bench_measure(struct bench_results *out, const struct bench_settings *settings, const struct bench_case *cases,
                  size_t count, void *const subjects[2]);

void bench_free(struct bench_results *results);

#endif
