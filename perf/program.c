/* SPDX-License-Identifier: MIT */
/*
 * The options that benchmarks share, in two parts: how figures are shown, and how the harness measures. A program makes
 * what fits it a child of its own argp.
 */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>

#define ROUNDS_MAX 10000
#define CPU_MAX 1023

enum { OPTION_CPUS = 512, OPTION_CHECK };

static const struct argp_option output_options[] = {
    {"check", OPTION_CHECK, NULL, 0, "Compare with the targets; exit with 1 where one is missed", 0},
    {"json", 'j', NULL, 0, "Write JSON", 0},
    {"help", 'h', NULL, OPTION_HIDDEN, NULL, -1},
    {0},
};

static const struct argp_option measure_options[] = {
    {"rounds", 'r', "N", 0, "Take N samples of each case, 7 or more (101); fewer on a busy machine", 0},
    {"seconds", 's', "S", 0, "Measure for about S seconds (8), up to four times that on a busy machine", 0},
    {"cpus", OPTION_CPUS, "A,B", 0, "Run the processes on these cores (the first two allowed ones)", 0},
    {0},
};

unsigned program_number(struct argp_state *state, const char *text, unsigned least, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0' || *text == '-' || value < least || value > most)
		argp_error(state, "'%s' is not a number from %u to %u", text, least, most);
	return (unsigned)value;
}

double program_seconds(struct argp_state *state, const char *text)
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

static error_t parse_output_option(int key, char *text, struct argp_state *state)
{
	struct program_output *output = state->input;

	switch (key) {
	case 'j':
		output->is_json = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case OPTION_CHECK:
		output->is_check = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "an argument too many: '%s'", text);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp program_output_argp = {.options = output_options, .parser = parse_output_option};

static error_t parse_measure_option(int key, char *text, struct argp_state *state)
{
	struct bench_settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		bench_choose_cpus(settings->cpus);
		return 0;
	case 'r':
		settings->rounds = program_number(state, text, BENCH_ROUNDS_MIN, ROUNDS_MAX);
		return 0;
	case 's':
		settings->seconds = program_seconds(state, text);
		return 0;
	case OPTION_CPUS:
		parse_cpus(state, text, settings->cpus);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp program_measure_argp = {.options = measure_options, .parser = parse_measure_option};

static error_t parse_nothing(int key, char *text, struct argp_state *state)
{
	struct program_arguments *arguments = state->input;

	(void)text;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = &arguments->settings;
	state->child_inputs[1] = &arguments->output;
	return 0;
}

static const struct argp_child children[] = {
    {&program_measure_argp, 0, NULL, 0}, {&program_output_argp, 0, NULL, 0}, {0}};
const struct argp program_argp = {.parser = parse_nothing, .children = children};

static bool are_targets_met(const struct report *report)
{
	bool met = report->part == NULL || report->part->is_met();

	for (size_t i = 0; i < report->target_count; i++)
		met &= target_figure(report, &report->targets[i]) <= report->targets[i].bound;
	return met;
}

int program_run(const struct report *of, const struct program_arguments *arguments, void *const subjects[2])
{
	struct bench_results results = {0};
	struct report report = *of;
	int status = 2;

	if (bench_measure(&results, &arguments->settings, report.cases, report.count, subjects) < 0)
		return 2;
	report.settings = &arguments->settings;
	report.results = &results;
	report.is_check = arguments->output.is_check;
	if (!arguments->output.is_json)
		report_text(&report);
	if (!arguments->output.is_json || report_json(&report) == 0)
		status = !report.is_check || are_targets_met(&report) ? 0 : 1;
	bench_free(&results);
	return status;
}
