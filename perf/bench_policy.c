/* SPDX-License-Identifier: MIT */
/*
 * What a whole policy costs: publishing it, what a worker notices of that, groups above a component, and capabilities.
 *
 * What is repeated millions of times goes by the harness (policy_cases.h). Publishing and the latency of single operations
 * are measured before that, and are a part of the report of their own (policy_reload.h).
 */
#include "policy_cases.h"
#include "policy_reload.h"
#include "program.h"
#include "segment.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPONENTS 10000
#define COMPONENTS_MAX 1000000
#define RELOAD_ROUNDS 11
#define SHARE 0.4 /* of the seconds, for the stall */

/* ---- What is measured once a round ------------------------------------------------------------------------------- */

static const struct {
	const char *key, *name;
} reload_lines[RELOAD_TIMES] = {
    [RELOAD_LOAD] = {"load", "load the file"},
    [RELOAD_FIRST] = {"publish_first", "publish, all new"},
    [RELOAD_AGAIN] = {"publish_again", "publish again, every limit changed"},
};

static const struct {
	const char *key, *name;
} stall_lines[STALL_KINDS] = {
    [STALL_QUIET] = {"quiet", "nothing is published"},
    [STALL_ELSEWHERE] = {"elsewhere", "to another segment"},
    [STALL_HERE] = {"here", "to its own segment"},
};

static unsigned components = COMPONENTS;
static struct bench_figure reload_figures[2][RELOAD_TIMES]; /* of a tenth of the components, and of all */
static struct stall stalls[STALL_KINDS];
static bool has_stalls; /* it takes two cores */

static unsigned components_of(unsigned size)
{
	return size == 0 ? components / 10 : components;
}

/* Of each kind as many operations as there were reloads: were each to hold one operation up, it would be in here. */
static uint64_t beyond_reloads(const struct stall *stall)
{
	const struct stall *here = &stalls[STALL_HERE];
	double part = (double)here->publications / (double)(here->latency.count > 0 ? here->latency.count : 1);

	return latency_quantile(&stall->latency, 1 - part);
}

/*
 * What a reload adds to what publishing elsewhere costs, in microseconds. The first may be some cache misses. The second
 * is near the interrupts of the machine, and so is its noise; a worker that waits for a publication waits milliseconds.
 */
static const struct {
	const char *text;
	double bound;
} stall_targets[] = {
    {"a reload adds to the slowest operation in 10,000, us", 1},
    {"a reload adds to the slowest operation per publication, us", 100},
};

#define STALL_TARGETS (sizeof(stall_targets) / sizeof(stall_targets[0]))

static double stall_figure(size_t target)
{
	const struct stall *here = &stalls[STALL_HERE], *elsewhere = &stalls[STALL_ELSEWHERE];
	uint64_t of = target == 0 ? latency_quantile(&here->latency, 0.9999) : beyond_reloads(here);
	uint64_t to = target == 0 ? latency_quantile(&elsewhere->latency, 0.9999) : beyond_reloads(elsewhere);

	return of > to ? (double)(of - to) / 1e3 : 0;
}

static bool is_part_met(void)
{
	bool met = true;

	for (size_t i = 0; has_stalls && i < STALL_TARGETS; i++)
		met &= stall_figure(i) <= stall_targets[i].bound;
	return met;
}

/* ---- Report ------------------------------------------------------------------------------------------------------ */

static void show_reload(void)
{
	printf("\n%-56s %8s %8s %8s %14s\n", "milliseconds", "median", "min", "max", "ns/component");
	for (unsigned size = 0; size < 2; size++) {
		for (int i = 0; i < RELOAD_TIMES; i++) {
			const struct bench_figure *figure = &reload_figures[size][i];
			char name[64];

			snprintf(name, sizeof(name), "%u components: %s", components_of(size), reload_lines[i].name);
			printf("  %-54s %8.2f %8.2f %8.2f %14.0f\n", name, figure->median / 1e6, figure->min / 1e6,
			       figure->max / 1e6, figure->median / components_of(size));
		}
	}
}

static void show_stalls(void)
{
	printf(
	    "\nNanoseconds of single operations of a worker, with one look at the clock in each, while %u components\n"
	    "are published from the other core, one time after the other. \"Once each\" is what as many operations\n"
	    "exceeded as there were publications to the worker's own segment.\n\n%-24s %8s %8s %9s %10s %14s %12s\n",
	    components, "published", "median", "1/10,000", "once each", "longest", "operations", "publications");
	for (int i = 0; i < STALL_KINDS; i++) {
		const struct stall *stall = &stalls[i];

		printf("  %-22s %8llu %8llu %9llu %10llu %14llu %12llu\n", stall_lines[i].name,
		       (unsigned long long)latency_quantile(&stall->latency, 0.5),
		       (unsigned long long)latency_quantile(&stall->latency, 0.9999),
		       (unsigned long long)beyond_reloads(stall), (unsigned long long)stall->latency.longest_ns,
		       (unsigned long long)stall->latency.count, (unsigned long long)stall->publications);
	}
}

static void show_part(bool is_check)
{
	show_reload();
	if (has_stalls)
		show_stalls();
	for (size_t i = 0; is_check && has_stalls && i < STALL_TARGETS; i++)
		printf("%s  %-60s %8.2f %8.2f  %s\n", i == 0 ? "\n" : "", stall_targets[i].text, stall_targets[i].bound,
		       stall_figure(i), stall_figure(i) <= stall_targets[i].bound ? "met" : "MISSED");
}

static json_t *reload_json(unsigned size, int i)
{
	const struct bench_figure *figure = &reload_figures[size][i];

	return json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "case", reload_lines[i].key, "description",
	                 reload_lines[i].name, "components", (int)components_of(size), "median_ns", figure->median,
	                 "min_ns", figure->min, "max_ns", figure->max, "ns_per_component",
	                 figure->median / components_of(size));
}

static json_t *stall_json(int i)
{
	const struct stall *stall = &stalls[i];

	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "case", stall_lines[i].key, "description",
	                 stall_lines[i].name, "median_ns", (json_int_t)latency_quantile(&stall->latency, 0.5),
	                 "p9999_ns", (json_int_t)latency_quantile(&stall->latency, 0.9999), "once_each_ns",
	                 (json_int_t)beyond_reloads(stall), "longest_ns", (json_int_t)stall->latency.longest_ns,
	                 "operations", (json_int_t)stall->latency.count, "dropped", (json_int_t)stall->dropped,
	                 "publications", (json_int_t)stall->publications);
}

static int add_part(void *root, bool is_check)
{
	json_t *reload = json_array(), *stall = json_array(), *targets = json_object_get(root, "targets");
	int result = 0;

	for (unsigned size = 0; size < 2; size++)
		for (int i = 0; i < RELOAD_TIMES; i++)
			result |= json_array_append_new(reload, reload_json(size, i));
	for (int i = 0; has_stalls && i < STALL_KINDS; i++)
		result |= json_array_append_new(stall, stall_json(i));
	for (size_t i = 0; is_check && has_stalls && i < STALL_TARGETS; i++)
		result |= json_array_append_new(targets,
		                                json_pack("{s:s, s:f, s:f, s:b}", "target", stall_targets[i].text,
		                                          "at_most", stall_targets[i].bound, "figure", stall_figure(i),
		                                          "met", stall_figure(i) <= stall_targets[i].bound));
	result |= json_object_set_new(root, "reload", reload);
	result |= json_object_set_new(root, "stall", stall);
	return result == 0 ? 0 : -1;
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

static const struct target targets[] = {
    {"capability / fnmatch, UTF-8; 1 pattern", 1, CASE_CHECK, BENCH_ONE, CASE_FNMATCH_UTF8, BENCH_ONE, TARGET_WHOLE},
    {"capability / fnmatch in bytes; 8 patterns", 1, CASE_CHECK_LIST, BENCH_ONE, CASE_FNMATCH_LIST, BENCH_ONE,
     TARGET_WHOLE},
};

static const struct report_part part = {show_part, add_part, is_part_met};

static const struct argp_option options[] = {
    {"components", 'c', "N", 0, "Publish N components (10000), and a tenth of them", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case 'c':
		components = program_number(state, text, 10, COMPONENTS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = (const struct argp_child[]){{&program_argp, 0, NULL, 0}, {0}},
    .doc = "Measure what a policy costs: publishing it, what workers notice of that, groups beside chains of page "
	   "counters, and capabilities beside fnmatch(3).\v" PROGRAM_EXIT_STATUS
	   "\n\nExample: bench_policy --components 100000 --seconds 30 --check",
};

static int measure_part(const struct bench_settings *settings)
{
	for (unsigned size = 0; size < 2; size++)
		if (reload_measure(reload_figures[size], components_of(size), RELOAD_ROUNDS) < 0)
			return -1;
	has_stalls = settings->cpus[1] >= 0;
	return has_stalls ? stall_measure(stalls, components, settings->seconds * SHARE, settings->cpus) : 0;
}

int main(int argc, char *argv[])
{
	struct program_arguments arguments = PROGRAM_ARGUMENTS_DEFAULT;
	struct report report = {.cases = policy_cases,
	                        .count = POLICY_CASES,
	                        .yardsticks = {{"cas", "CAS", CASE_CAS}, {"peer", "peer", 0}},
	                        .peers = policy_peers,
	                        .peers_are = POLICY_PEERS,
	                        .targets = targets,
	                        .target_count = sizeof(targets) / sizeof(targets[0]),
	                        .part = &part};
	void *subjects[2];

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (measure_part(&arguments.settings) < 0 || policy_cases_setup(subjects) < 0)
		return 2;
	arguments.settings.seconds *= 1 - SHARE;
	return program_run(&report, &arguments, subjects);
}
