/* SPDX-License-Identifier: MIT */
/*
 * Completing a command line by the tables that parse it: options by their rows, arguments by the usage that help shows.
 *
 * The scripts of the shells hand over the words of the line and show what comes back, so they know no verb and no option.
 */
#ifndef COMPLETE_H
#define COMPLETE_H

#include <argp.h>
#include <stddef.h>

/* The first argument with which the scripts call a program. It stands in no help. */
#define COMPLETE_WORD "__complete"

struct command_line {
	const struct argp_option *options;
	const char *arguments; /* the usage: "NAME COMPONENT...", "[NAME] COMPONENT [-- COMMAND...]" */
	char *const *words;    /* behind the program and its verb; the last one is being typed, and may be "" */
	size_t count;          /* of the words, at least 1 */
	size_t skipped;        /* how many words stand before them behind the program */
};

/* Write the candidates for the last word; see candidate.h. */
void complete(const struct command_line *line);

/* Write the options that every program has. */
void complete_program_options(const char *word);

#endif
