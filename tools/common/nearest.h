/* SPDX-License-Identifier: MIT */
/*
 * The known name that a mistyped one most likely meant.
 *
 * Candidates are offered one by one, so that they need not lie in an array: a segment's components do not.
 */
#ifndef NEAREST_H
#define NEAREST_H

#define NEAREST_MAX 128 /* longer words are never suggested */

struct nearest {
	const char *wanted;
	unsigned distance;
	char best[NEAREST_MAX]; /* "" while none is close */
};

/* Start a search. `wanted` must outlive it. */
struct nearest nearest_to(const char *wanted);

/* Consider a candidate; its text is copied if it is the best so far. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
