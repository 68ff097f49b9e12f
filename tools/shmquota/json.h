/* SPDX-License-Identifier: MIT */
/*
 * JSON values that both programs write, with the rules that docs and schema versions promise:
 *
 * integers are exact; "unlimited" and "never" are null; an integer above 2^63-1, which only a damaged segment can
 * hold, is written as a decimal string; text is always valid UTF-8. Members are only ever added within one version.
 */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>

#include <jansson.h>
#include <shmquota.h>

#include "segments.h"

json_t *json_u64(uint64_t value);

/* null for SHMQ_UNLIMITED (UINT64_MAX). */
json_t *json_limit(uint64_t value);

/* Bytes that are no UTF-8 are escaped. */
json_t *json_text(const char *text);

/* An RFC 3339 time in UTC, with nanoseconds. */
json_t *json_time(uint64_t unix_ns);

/* What a segment is: the object "segment" of a dump and each element of a list. */
json_t *json_segment(const char *name, const struct shmq_info *info, const struct worker_count *workers);

/* Write a value on one line, after `prefix`, and free it. */
void json_line(FILE *stream, const char *prefix, json_t *value);

#endif
