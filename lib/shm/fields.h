/* SPDX-License-Identifier: MIT */
/*
 * The layout as data: every field of a segment with its name and offset, for tools that show the raw bytes.
 */
#ifndef SHMQ_SHM_FIELDS_H
#define SHMQ_SHM_FIELDS_H

#include "shm/segment.h"

/* A number that differs whenever a name, a size or an offset of the major layout differs; it stands in every header. */
uint64_t fields_signature(void);

/* See shmq_field_next(). */
int fields_next(const struct shmq_segment *segment, uint64_t *cursor, struct shmq_field *out);

#endif
