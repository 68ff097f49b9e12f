/* SPDX-License-Identifier: MIT */
/*
 * Complaints: what is wrong with a policy, and where.
 *
 * Every reader of the layer says what it found through complain_error() and complain_warning() and goes on, so that
 * one look shows all that is wrong. Text from a file is never passed on raw: it is cut to a sensible length, and bytes
 * that a terminal could take for a command are replaced. Nothing is printed here; the caller's report gets it all.
 */
#ifndef SHMQ_POLICY_COMPLAIN_H
#define SHMQ_POLICY_COMPLAIN_H

#include <shmquota.h>

/* A place in a file. Line and column count from 1 and in bytes; 0 means the file as a whole. */
struct place {
	const char *file;
	unsigned line, column;
	const char *source; /* the line itself, or NULL */
};

/* Where complaints go, and how many of them forbid a policy. */
struct complaints {
	struct shmq_report *report; /* NULL: nobody listens */
	size_t errors;
};

void complain_error(struct complaints *complaints, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void complain_warning(struct complaints *complaints, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define COMPLAIN_QUOTE_SIZE 80

/*
 * Copy text from a file so that it can stand inside a sentence: without control characters, and cut where it is long.
 * Returns `out`.
 */
const char *complain_quote(char out[COMPLAIN_QUOTE_SIZE], const char *text, size_t length);

/*
 * Measure the character at `text`.
 * Returns its bytes, 1 to 4, or 0 where there is no valid UTF-8 or a control character.
 */
size_t complain_character(const char *text, size_t length);

#endif
