/* SPDX-License-Identifier: MIT */
/*
 * Segments and components to measure on.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <shmquota.h>

#define BENCH_NAME_SIZE 32

/* Say on stderr what went wrong; `result` is one of the library's, or 0 where it says nothing. Returns -1. */
int bench_complain(const char *what, int result);

/* Write a name that no other process gives to a segment. */
void bench_segment_name(char out[BENCH_NAME_SIZE]);

/* Create a segment. Returns NULL with a message. */
struct shmq_segment *bench_segment_create(const char *name, const struct shmq_options *options);

/* The same without a name, so that nothing is left behind however the program ends. */
struct shmq_segment *bench_segment_unnamed(const struct shmq_options *options);

/* Register a component and find it; `quota` may be NULL. Returns 0, or -1 with a message. */
int bench_add_component(struct shmq_component **out, struct shmq_segment *segment, const char *name,
                        const struct shmq_quota *quota);

/* So high a peak of each resource that no later operation reaches a new one. Returns 0, or -1 with a message. */
int bench_set_peaks(struct shmq_component *component);

#endif
