/* SPDX-License-Identifier: MIT */
/*
 * What checking and consuming costs, beside the bare operations of the same machine in the same run.
 *
 * Absolute figures say more about the machine than about the library, so the targets are ratios wherever they can be.
 * README.md says how to read them.
 */
#include "consume_cases.h"
#include "program.h"

#define COMPONENTS_MAX 1000000
#define NOISE 1.15

struct arguments {
	struct program_arguments common;
	unsigned components;
};

static const struct target targets[] = {
    {"level / bare CAS", 1.6, CASE_LEVEL, BENCH_ONE, CASE_CAS, BENCH_ONE, TARGET_WHOLE},
    {"level / bare CAS, 2 processes on one component", 1.8, CASE_LEVEL, BENCH_TOGETHER, CASE_CAS, BENCH_TOGETHER,
     TARGET_WHOLE},
    {"level to a new peak / bare CAS", 2.2, CASE_LEVEL_PEAK, BENCH_ONE, CASE_CAS, BENCH_ONE, TARGET_WHOLE},
    {"rate less its coarse clock / bare CAS", 1.8, CASE_RATE, BENCH_ONE, CASE_CAS, BENCH_ONE, CASE_CLOCK_COARSE},
    {"rate to a new peak less its clock / bare CAS", 1.8, CASE_RATE_PEAK, BENCH_ONE, CASE_CAS, BENCH_ONE,
     CASE_CLOCK_COARSE},
    {"rate / robust mutex, 2 processes on one component", 0.5, CASE_RATE, BENCH_TOGETHER, CASE_MUTEX_WINDOW,
     BENCH_TOGETHER, TARGET_WHOLE},
    {"refused / admitted", 1.0, CASE_REFUSED, BENCH_ONE, CASE_RATE, BENCH_ONE, TARGET_WHOLE},
    {"refused / robust mutex, 2 processes on one component", 0.333, CASE_REFUSED, BENCH_TOGETHER, CASE_MUTEX_WINDOW,
     BENCH_TOGETHER, TARGET_WHOLE},
    {"check of a rate / consume of a rate", 1.0, CASE_CHECK_RATE, BENCH_ONE, CASE_RATE, BENCH_ONE, TARGET_WHOLE},
    {"find by name and put, 256 of the names, ns", 60, CASE_FIND_HOT, BENCH_ONE, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
    {"find by name and put, all in random order, ns", 150, CASE_FIND, BENCH_ONE, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
    {"the same by 2 processes, ns", 150, CASE_FIND, BENCH_APART, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
    {"own components, level: 2 processes / 1", NOISE, CASE_LEVEL, BENCH_APART, CASE_LEVEL, BENCH_ONE, TARGET_WHOLE},
    {"own components, rate: 2 processes / 1", NOISE, CASE_RATE, BENCH_APART, CASE_RATE, BENCH_ONE, TARGET_WHOLE},
    {"own components, check of a rate: 2 processes / 1", NOISE, CASE_CHECK_RATE, BENCH_APART, CASE_CHECK_RATE,
     BENCH_ONE, TARGET_WHOLE},
    {"own components, three rates: 2 processes / 1", NOISE, CASE_CONSUME_THREE, BENCH_APART, CASE_CONSUME_THREE,
     BENCH_ONE, TARGET_WHOLE},
};

enum { OPTION_COMPONENTS = 256 };

static const struct argp_option options[] = {
    {"components", OPTION_COMPONENTS, "N", 0, "Look names up among N components (50000)", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->common;
		return 0;
	case OPTION_COMPONENTS:
		arguments->components = program_number(state, text, 1, COMPONENTS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&program_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc =
	"Measure what checking and consuming costs, beside the bare operations of this machine.\v" PROGRAM_EXIT_STATUS
	"\n\nExample: bench_consume --seconds 30 --check",
};

int main(int argc, char *argv[])
{
	struct arguments arguments = {.common = PROGRAM_ARGUMENTS_DEFAULT, .components = 50000};
	struct report report = {.cases = consume_cases,
	                        .count = CONSUME_CASES,
	                        .yardsticks = {{"cas", "CAS", CASE_CAS}, {"mutex", "mutex", CASE_MUTEX_WINDOW}},
	                        .targets = targets,
	                        .target_count = sizeof(targets) / sizeof(targets[0])};
	void *subjects[2];

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (consume_setup(subjects, arguments.components) < 0)
		return 2;
	report.components = arguments.components;
	return program_run(&report, &arguments.common, subjects);
}
