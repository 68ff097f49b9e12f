/* SPDX-License-Identifier: MIT */
/*
 * Everything that a process can do with a segment, in every access, each call under the limit of guard.h. Answers do
 * not matter: on damaged memory any is right. Returning in time does, and so does not touching what is not there.
 */
#ifndef TESTS_FUZZ_EXERCISE_H
#define TESTS_FUZZ_EXERCISE_H

#include <shmquota.h>

#define EXERCISE_HANDLES 12

struct exercise {
	const char *name;                 /* of the segment */
	const struct shmq_policy *policy; /* what a controller publishes */
	uint64_t amount;                  /* that is taken at a time */
	uint64_t step_ns;                 /* how much time passes between two components */
	unsigned fields;                  /* how many are looked at */
	void (*damage)(void);             /* called while all is held, or NULL */
};

/* Open with this access, do everything, close. What is held by then goes with the closing. */
void exercise_segment(const struct exercise *exercise, enum shmq_access access);

#endif
