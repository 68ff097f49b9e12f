/* SPDX-License-Identifier: MIT */
/*
 * JSON values that both programs write, with the rules that docs and schema versions promise:
 *
 * members are those of the table of counters; integers are exact; what is unlimited or does not apply is null; an
 * integer above 2^63-1, which only a damaged segment can hold, is written as a decimal string; text is always valid
 * UTF-8. Members are only ever added within one version.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <shmquota.h>

#include "counter.h"

json_t *json_u64(uint64_t value);

/* null for SHMQ_UNLIMITED (UINT64_MAX). */
json_t *json_limit(uint64_t value);

/* Bytes that are no UTF-8 are escaped. */
json_t *json_text(const char *text);

/* What a segment is: the object "segment" of a dump and each element of a list. */
json_t *json_segment(const struct overview *overview);

/* The figures of one row, without what it is a row of. */
json_t *json_figures(const struct row *row);

/* Of these figures those that a policy says, whatever is used. */
json_t *json_rule(const struct row *row);

/* A whole row, flat: its component, its resource and its figures. */
json_t *json_row(const struct row *row);

/* An attached thread. */
json_t *json_worker(const struct shmq_worker *worker);

/*
 * Write a value on one line, after `prefix`, and free it. json_write() returns false where it could not; json_line() ends
 * the program then, because half a document must not pass for a whole one.
 */
bool json_write(FILE *stream, const char *prefix, json_t *value);
void json_line(FILE *stream, const char *prefix, json_t *value);

#endif
