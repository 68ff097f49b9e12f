/* SPDX-License-Identifier: MIT */
/*
 * Which segments there are on this machine, and what users may call them.
 *
 * Only names in POSIX shared memory are found; segments at other paths have to be named. Finding looks at directory
 * entries and opens nothing.
 */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include <stddef.h>

#include <shmquota.h>

#define SEGMENT_FOLDER "/dev/shm" /* where the C library keeps POSIX shared memory objects */
#define SEGMENT_PATH_MAX 512

struct segment_names {
	char **name; /* sorted, each with its leading slash */
	size_t count;
};

/* Find all pairs of NAME.policy and NAME.usage. Returns 0 or -errno; free the result in both cases. */
int segment_names_find(struct segment_names *out);
void segment_names_free(struct segment_names *names);

/*
 * The library's name for what a user typed: "demo" means "/demo", and the file name of one of the two objects, as a
 * shell completes it, means the segment. Returns out, or NULL where it does not fit.
 */
char *segment_name_typed(char *out, size_t size, const char *typed);

/* The file of a segment's policy object. Returns out. */
char *segment_policy_path(char *out, size_t size, const char *name);

/*
 * Open a segment to look at it, also from a container with another pid namespace than its host: its figures are as good
 * there, and only who is alive is not seen. Returns what shmq_segment_open() does.
 */
int segment_look(struct shmq_segment **out, const char *name);

/* Open a segment, or say why not. Returns an exit code. */
int segment_open(struct shmq_segment **out, const char *name, enum shmq_access wanted);

/* How many of a segment's attached threads are alive and how many are dead. */
struct worker_count {
	unsigned alive, dead;
};

/* "live": somebody works; "crashed": only dead workers are attached; "idle": nobody is. */
const char *segment_state(const struct worker_count *workers);

struct worker_count segment_workers(struct shmq_segment *segment, const struct shmq_info *info);

/* What helps where a level is full and dead workers may hold some of it; "" where nobody is dead. Returns out. */
const char *segment_dead_advice(char *out, size_t size, struct shmq_segment *segment);

/* What helps where no thread slot is free, one of the things that -EAGAIN tells; "" where some are. Returns out. */
const char *segment_slots_advice(char *out, size_t size, struct shmq_segment *segment);

#endif
