/* SPDX-License-Identifier: MIT */
/*
 * What every benchmark over the harness does alike: its command line, measuring, showing, and the exit status.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "report.h"

#include <argp.h>

struct program_arguments {
	struct bench_settings settings;
	bool is_json, is_check;
};

#define PROGRAM_ARGUMENTS_DEFAULT                                                                                      \
	{                                                                                                              \
		.settings = {.rounds = 101, .seconds = 8 }                                                             \
	}

/* The options that all of them have, into a struct program_arguments. */
extern const struct argp program_argp;

/* To stand at the end of each one's help. */
#define PROGRAM_EXIT_STATUS                                                                                            \
	"Exit status: 0 measured, and with --check every target was met; 1 a target was missed; 2 it could not be "    \
	"measured; 64 wrong usage."

/* Read a number, or end the program with a message. */
unsigned program_number(struct argp_state *state, const char *text, unsigned least, unsigned most);

/* Measure the cases of a report that lacks nothing but settings and results, and show it. Returns the exit status. */
int program_run(const struct report *of, const struct program_arguments *arguments, void *const subjects[2]);

#endif
