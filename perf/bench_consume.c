/* SPDX-License-Identifier: MIT */
/*
 * What checking and consuming costs, beside the bare operations of the same machine in the same run.
 *
 * Absolute figures say more about the machine than about the library, so the targets are ratios wherever they can be.
 * README.md says how to read them.
 */
#include "consume_cases.h"
#include "report.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX 10000
#define COMPONENTS_MAX 1000000
#define CPU_MAX 1023
#define NOISE 1.15

struct arguments {
	struct bench_settings settings;
	unsigned components;
	bool is_json, is_check;
};

static const struct target targets[] = {
    {"level / bare CAS", 2.2, CASE_LEVEL, BENCH_ONE, CASE_CAS, BENCH_ONE},
    {"level to a new peak / bare CAS", 2.2, CASE_LEVEL_PEAK, BENCH_ONE, CASE_CAS, BENCH_ONE},
    {"rate / robust mutex, both with the coarse clock", 0.6, CASE_RATE, BENCH_ONE, CASE_MUTEX_WINDOW, BENCH_ONE},
    {"rate to a new peak / robust mutex, both with the coarse clock", 0.6, CASE_RATE_PEAK, BENCH_ONE, CASE_MUTEX_WINDOW,
     BENCH_ONE},
    {"check of a rate / consume of a rate", 1.0, CASE_CHECK_RATE, BENCH_ONE, CASE_RATE, BENCH_ONE},
    {"find by name and put, 256 of the names, ns", 60, CASE_FIND_HOT, BENCH_ONE, TARGET_NS, BENCH_ONE},
    {"find by name and put, all in random order, ns", 60, CASE_FIND, BENCH_ONE, TARGET_NS, BENCH_ONE},
    {"own components, level: 2 processes / 1", NOISE, CASE_LEVEL, BENCH_APART, CASE_LEVEL, BENCH_ONE},
    {"own components, rate: 2 processes / 1", NOISE, CASE_RATE, BENCH_APART, CASE_RATE, BENCH_ONE},
    {"own components, check of a rate: 2 processes / 1", NOISE, CASE_CHECK_RATE, BENCH_APART, CASE_CHECK_RATE,
     BENCH_ONE},
    {"own components, three rates: 2 processes / 1", NOISE, CASE_CONSUME_THREE, BENCH_APART, CASE_CONSUME_THREE,
     BENCH_ONE},
};

enum { OPTION_COMPONENTS = 256, OPTION_CPUS, OPTION_CHECK };

static const struct argp_option options[] = {
    {"rounds", 'r', "N", 0, "Take N samples of each case, 7 or more (101); fewer on a busy machine", 0},
    {"seconds", 's', "S", 0, "Measure for about S seconds (8), up to four times that on a busy machine", 0},
    {"cpus", OPTION_CPUS, "A,B", 0, "Run the processes on these cores (the first two allowed ones)", 0},
    {"components", OPTION_COMPONENTS, "N", 0, "Look names up among N components (50000)", 0},
    {"check", OPTION_CHECK, NULL, 0, "Compare with the targets; exit with 1 where one is missed", 0},
    {"json", 'j', NULL, 0, "Write JSON", 0},
    {"help", 'h', NULL, OPTION_HIDDEN, NULL, -1},
    {0},
};

static unsigned parse_number(struct argp_state *state, const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || *text == '-' || value < least || value > most)
		argp_error(state, "'%s' is not a number from %u to %u", text, least, most);
	return (unsigned)value;
}

static double parse_seconds(struct argp_state *state, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || !(value > 0 && value <= 3600))
		argp_error(state, "'%s' is not a number of seconds up to 3600", text);
	return value;
}

static int parse_cpu(const char *text, char **end)
{
	long cpu = strtol(text, end, 10);

	return *end == text || cpu < 0 || cpu > CPU_MAX ? -1 : (int)cpu;
}

static void parse_cpus(struct argp_state *state, const char *text, int cpus[2])
{
	char *end;
	bool has_second;

	cpus[0] = parse_cpu(text, &end);
	cpus[1] = -1;
	has_second = *end == ',';
	if (has_second)
		cpus[1] = parse_cpu(end + 1, &end);
	if (*end != '\0' || cpus[0] < 0 || (has_second && (cpus[1] < 0 || cpus[1] == cpus[0])))
		argp_error(state, "'%s' is not one core or two different ones, such as 0,1", text);
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'r':
		arguments->settings.rounds = parse_number(state, text, BENCH_ROUNDS_MIN, ROUNDS_MAX);
		return 0;
	case 's':
		arguments->settings.seconds = parse_seconds(state, text);
		return 0;
	case 'j':
		arguments->is_json = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPTION_CHECK:
		arguments->is_check = true;
		return 0;
	case OPTION_CPUS:
		parse_cpus(state, text, arguments->settings.cpus);
		return 0;
	case OPTION_COMPONENTS:
		arguments->components = parse_number(state, text, 1, COMPONENTS_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "an argument too many: '%s'", text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .doc = "Measure what checking and consuming costs, beside the bare operations of this machine.\v"
	   "Exit status: 0 measured, and with --check every target was met; 1 a target was missed; 2 it could not be "
	   "measured; 64 wrong usage.\n\n"
	   "Example: bench_consume --seconds 30 --check",
};

static bool are_targets_met(const struct report *report)
{
	bool met = true;

	for (size_t i = 0; i < report->target_count; i++)
		met &= target_figure(report, &report->targets[i]) <= report->targets[i].bound;
	return met;
}

int main(int argc, char *argv[])
{
	struct arguments arguments = {.settings = {.rounds = 101, .seconds = 8}, .components = 50000};
	struct bench_results results = {0};
	void *subjects[2];
	struct report report = {.settings = &arguments.settings,
	                        .results = &results,
	                        .cases = consume_cases,
	                        .count = CONSUME_CASES,
	                        .bare = CASE_CAS,
	                        .locked = CASE_MUTEX_WINDOW,
	                        .targets = targets};
	bool met;

	bench_choose_cpus(arguments.settings.cpus);
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (consume_setup(subjects, arguments.components) < 0 ||
	    bench_measure(&results, &arguments.settings, consume_cases, CONSUME_CASES, subjects) < 0)
		return 2;
	report.components = arguments.components;
	report.target_count = arguments.is_check ? sizeof(targets) / sizeof(targets[0]) : 0;
	if (!arguments.is_json)
		report_text(&report);
	else if (report_json(&report) < 0)
		return 2;
	met = are_targets_met(&report);
	bench_free(&results);
	return met ? 0 : 1;
}
