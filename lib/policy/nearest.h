/* SPDX-License-Identifier: MIT */
/*
 * Which known word a wrong one was probably meant to be.
 *
 * A word is near a known one when a third of its letters at most are added, missing, wrong or swapped with their
 * neighbour. Capitals are no difference here, though only small letters are right.
 */
#ifndef SHMQ_POLICY_NEAREST_H
#define SHMQ_POLICY_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* A search for the nearest of many words, offered one by one. */
struct nearest {
	const char *wrong;
	size_t distance;  /* of the best */
	const char *best; /* the first of the nearest words; NULL where none was near enough */
};

struct nearest nearest_to(const char *wrong);

/* Consider a known word, which must outlive the search. */
void nearest_offer(struct nearest *nearest, const char *known);

/* Tell whether a wrong word contains the first word of a known one: "message_limit" does that of "message_rate". */
bool nearest_contains_first_word(const char *wrong, const char *known);

#endif
