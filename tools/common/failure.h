/* SPDX-License-Identifier: MIT */
/*
 * How both programs fail: one table of exit codes, and messages that say what was attempted on what, why it did not
 * work, and what to do next.
 *
 * Messages go to standard error and start with the program's name; the advice stands on a line of its own.
 */
#ifndef FAILURE_H
#define FAILURE_H

struct shmq_segment;

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_DAMAGED = 4,
	EXIT_POLICY = 5,
	EXIT_DENIED = 6
};

/* The table as --help shows it. */
#define EXIT_CODES_HELP                                                                                                \
	"Exit codes:\n"                                                                                                \
	"  0  done\n"                                                                                                  \
	"  1  it could not be done: no permission, no room, it exists already, ...\n"                                  \
	"  2  wrong usage\n"                                                                                           \
	"  3  no such segment or component\n"                                                                          \
	"  4  the segment is damaged, or of another layout, boot or namespace\n"                                       \
	"  5  the policy has errors\n"                                                                                 \
	"  6  over quota: it was denied\n"

/* The exit code for a result of the library. */
int exit_code_of(int result);

/* Print a message, and advice below it unless that is NULL. Returns `code`. */
int fail(int code, const char *advice, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Why a segment cannot be had: as shmq_strerror() says it, but of segments only. */
const char *segment_reason(int result);

/*
 * Say that something could not be done with a segment: "cannot open /name: why", and the advice that fits.
 * `doing` is "open", "create", ... Returns the exit code.
 */
int segment_failed(const char *doing, const char *name, int result);

/*
 * The same for a component: 'cannot reset component "x" of /name: why'. A component that is not there gets the nearest
 * name of those in the segment as advice.
 */
int component_failed(const char *doing, const char *component, struct shmq_segment *segment, const char *name,
                     int result);

/*
 * Flush standard output. Returns `code`, or EXIT_FAILED with a message where not all of the output could be written:
 * a dump that was cut by a full disk must not look like a whole one.
 */
int output_finish(int code);

#endif
