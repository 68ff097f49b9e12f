/* SPDX-License-Identifier: MIT */
/*
 * Runs a program of this project as a user would, in a pipe or on a terminal, and keeps what it wrote.
 *
 * The environment is made, not inherited: a UTF-8 locale, a colour terminal, no NO_COLOR. Only for test bodies; all
 * functions fail the test where the program cannot be run or does not end.
 */
#ifndef TESTS_PROCESS_PROGRAM_H
#define TESTS_PROCESS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

struct program_setting {
	bool terminal;           /* both outputs are terminals; otherwise pipes */
	unsigned columns;        /* of the terminal; 0 takes 80 */
	const char *environment; /* one "NAME=VALUE" that wins over the usual ones, or NULL */
	const char *output;      /* a file that standard output goes to, or NULL */
};

struct program_run {
	int status; /* the exit status, or PROCESS_SIGNAL(n) */
	char *out;  /* what it wrote, with newlines only, NUL-terminated */
	char *err;
};

/* Run a program; arguments[0] is its path, a NULL ends the list. `setting` may be NULL. Free the result. */
struct program_run program_start(const struct program_setting *setting, const char *const arguments[]);
#define program_run(setting, ...) program_start(setting, (const char *const[]){__VA_ARGS__, NULL})
void program_free(struct program_run *run);

/* Check the exit status, and that the two outputs contain (or, with a leading '!', do not contain) a text; NULL skips. */
void program_expect(const struct program_run *run, int status, const char *out, const char *err);

/* Run in pipes, check, free. */
#define expect_program(status, out, err, ...)                                                                          \
	do {                                                                                                           \
		struct program_run program_result = program_run(NULL, __VA_ARGS__);                                    \
		program_expect(&program_result, status, out, err);                                                     \
		program_free(&program_result);                                                                         \
	} while (0)

#endif
