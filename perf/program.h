/* SPDX-License-Identifier: MIT */
/*
 * What benchmarks do alike: their command lines and exit status, and of those over the harness also measuring and
 * showing.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "report.h"

#include <argp.h>

struct program_output {
	bool is_json, is_check;
};

struct program_arguments {
	struct bench_settings settings;
	struct program_output output;
};

#define PROGRAM_ARGUMENTS_DEFAULT                                                                                      \
	{                                                                                                              \
		.settings = {.rounds = 101, .seconds = 8 }                                                             \
	}

/* --check, --json and -h, into a struct program_output; arguments that are no options are refused. */
extern const struct argp program_output_argp;

/* --rounds, --seconds and --cpus, into a struct bench_settings. */
extern const struct argp program_measure_argp;

/* All of them, into a struct program_arguments: for the benchmarks over the harness. */
extern const struct argp program_argp;

/* To stand at the end of each one's help. */
#define PROGRAM_EXIT_STATUS                                                                                            \
	"Exit status: 0 measured, and with --check every target was met; 1 a target was missed; 2 it could not be "    \
	"measured; 64 wrong usage."

/* Read a number, or one of seconds, or end the program with a message. */
unsigned program_number(struct argp_state *state, const char *text, unsigned least, unsigned most);
double program_seconds(struct argp_state *state, const char *text);

/* Measure the cases of a report that lacks nothing but settings and results, and show it. Returns the exit status. */
int program_run(const struct report *of, const struct program_arguments *arguments, void *const subjects[2]);

#endif
