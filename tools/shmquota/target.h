/* SPDX-License-Identifier: MIT */
/*
 * Which segment a verb is about: the one that was named, or the only one of this machine.
 */
#ifndef TARGET_H
#define TARGET_H

#include "segments.h"
#include "verb.h"

/*
 * The library's name of what was typed; of the only segment where `typed` is NULL.
 * Returns an exit code; a message says what is wrong.
 */
int target_name(char out[SEGMENT_PATH_MAX], const char *typed);

/* Find that segment and open it. */
int target_open(struct shmq_segment **out, char name[SEGMENT_PATH_MAX], const char *typed, enum shmq_access wanted);

/* The resource with this name, or -1; with a message in the second one. */
int resource_named(const char *word);
int target_resource(const char *typed);

/*
 * Read an amount of a resource: "512", "1.5MiB", "250ms" of CPU time. Returns an exit code, with a message.
 */
int target_amount(uint64_t *out, int resource, const char *typed);

#endif
