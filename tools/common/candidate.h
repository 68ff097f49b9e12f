/* SPDX-License-Identifier: MIT */
/*
 * What may stand at a place of a command line, for the completions of shells.
 *
 * A place is called as usages and tables of options call it: NAME, COMPONENT, RESOURCE, FILE and so on. Of a place that
 * nothing is known about (AMOUNT, DURATION) nothing is offered. Segments are only looked at, and nothing is ever written
 * to standard error: somebody is typing.
 *
 * A candidate is one line, a tab and what it is behind it. A line that begins with a tab asks the shell itself: "files",
 * "folders", "command N" (the N-th word begins a command line of its own), "nospace" (more may follow the candidate).
 */
#ifndef CANDIDATE_H
#define CANDIDATE_H

#include <stddef.h>

/* The word that is being typed. */
struct typing {
	const char *word;    /* as far as it was typed */
	size_t kept;         /* bytes at its beginning that each candidate comes with: "--kind=", "reset," */
	char *const *taken;  /* words that are no candidates any more */
	size_t taken_count;  /* how many */
	const char *segment; /* as typed before, or NULL */
	const char *place;   /* its name: "COMPONENT", "KIND,...", "[-]COLUMN" */
};

/* Write a candidate if it begins as the word does. `description` may be NULL. */
void candidate_offer(const struct typing *typing, const char *candidate, const char *description);

/* Write all that may stand at the place. */
void candidates_of_place(const struct typing *typing);

#endif
