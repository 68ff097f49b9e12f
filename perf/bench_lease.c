/* SPDX-License-Identifier: MIT */
/*
 * What a rate costs that is leased, beside the same rate without a lease and the bare operations of the machine: by one
 * process, and by two on one component, where a shared total has to go back and forth between them.
 */
#include "baseline.h"
#include "program.h"
#include "segment.h"

#include <stdio.h>

#define LIMIT UINT64_C(1000000000000)
#define LEASE 1024

struct subject {
	struct baseline *baseline;
	struct shmq_component *plain, *leased, *small;
	uint64_t now_ns; /* what a caller is told that knows the time */
};

static bool is_admitted(struct shmq_component *component)
{
	return shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK;
}

static bool is_admitted_at(struct shmq_component *component, uint64_t now_ns)
{
	return shmq_try_consume_at(component, SHMQ_MESSAGES, 1, now_ns, NULL) == SHMQ_OK;
}

static bool is_admitted_with_verdict(struct shmq_component *component)
{
	struct shmq_verdict verdict;

	return shmq_try_consume(component, SHMQ_MESSAGES, 1, &verdict) == SHMQ_OK;
}

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct subject, expression)

DEFINE_RUN(run_cas, baseline_cas(s->baseline, 1))
DEFINE_RUN(run_clock, s != NULL && baseline_clock(CLOCK_MONOTONIC_COARSE))
DEFINE_RUN(run_plain, is_admitted(s->plain))
DEFINE_RUN(run_leased, is_admitted(s->leased))
DEFINE_RUN(run_small, is_admitted(s->small))
DEFINE_RUN(run_told, is_admitted_at(s->leased, s->now_ns))
DEFINE_RUN(run_verdict, is_admitted_with_verdict(s->leased))

/* An event loop reads the clock once a round; here once a sample. */
static void prepare_told(void *subject, unsigned round)
{
	struct subject *s = subject;

	(void)round;
	s->now_ns = bench_now_ns();
}

enum { CASE_CAS, CASE_CLOCK, CASE_PLAIN, CASE_LEASED, CASE_SMALL, CASE_TOLD, CASE_VERDICT, CASES };

static const struct bench_case cases[CASES] = {
    [CASE_CAS] = {"cas", "load and compare-and-swap", run_cas, NULL},
    [CASE_CLOCK] = {"clock", "clock, CLOCK_MONOTONIC_COARSE", run_clock, NULL},
    [CASE_PLAIN] = {"plain", "try_consume, without lease", run_plain, NULL},
    [CASE_LEASED] = {"leased", "try_consume, lease of 1024", run_leased, NULL},
    [CASE_SMALL] = {"leased_64", "try_consume, lease of 64", run_small, NULL},
    [CASE_TOLD] = {"leased_told", "try_consume_at, lease of 1024", run_told, prepare_told},
    [CASE_VERDICT] = {"leased_verdict", "try_consume with verdict, lease of 1024", run_verdict, NULL},
};

static const struct target targets[] = {
    {"leased, less the clock / CAS", 1.5, CASE_LEASED, BENCH_ONE, CASE_CAS, BENCH_ONE, CASE_CLOCK},
    {"leased, by two on one / by one", 1.3, CASE_LEASED, BENCH_TOGETHER, CASE_LEASED, BENCH_ONE, TARGET_WHOLE},
    {"leased, told the time / CAS", 1.5, CASE_TOLD, BENCH_ONE, CASE_CAS, BENCH_ONE, TARGET_WHOLE},
};

static int add_components(struct subject *subject, struct shmq_segment *segment, unsigned number)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char name[BENCH_NAME_SIZE];

	quota.limit[SHMQ_MESSAGES] = LIMIT;
	snprintf(name, sizeof(name), "plain %u", number);
	if (bench_add_component(&subject->plain, segment, name, &quota) < 0)
		return -1;
	quota.lease[SHMQ_MESSAGES] = LEASE;
	snprintf(name, sizeof(name), "leased %u", number);
	if (bench_add_component(&subject->leased, segment, name, &quota) < 0)
		return -1;
	quota.lease[SHMQ_MESSAGES] = LEASE / 16;
	snprintf(name, sizeof(name), "small %u", number);
	return bench_add_component(&subject->small, segment, name, &quota);
}

static int setup(struct subject subjects[2])
{
	struct baseline *baselines = baseline_create(2);
	struct shmq_segment *segment = bench_segment_unnamed(NULL);

	if (baselines == NULL || segment == NULL)
		return bench_complain("cannot set up", 0);
	for (unsigned i = 0; i < 2; i++) {
		subjects[i].baseline = &baselines[i];
		if (add_components(&subjects[i], segment, i) < 0)
			return -1;
	}
	return 0;
}

static const struct argp_child children[] = {{&program_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .children = children,
    .doc = "Measure what leased rates cost.\v" PROGRAM_EXIT_STATUS "\n\nExample: bench_lease --seconds 10 --check",
};

int main(int argc, char *argv[])
{
	struct program_arguments arguments = PROGRAM_ARGUMENTS_DEFAULT;
	struct report report = {.cases = cases,
	                        .count = CASES,
	                        .yardsticks = {{"cas", "CAS", CASE_CAS}, {"clock", "clock", CASE_CLOCK}},
	                        .targets = targets,
	                        .target_count = sizeof(targets) / sizeof(targets[0])};
	struct subject both[2] = {{0}};
	void *subjects[2] = {&both[0], &both[1]};

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (setup(both) < 0)
		return 2;
	return program_run(&report, &arguments, subjects);
}
