/* SPDX-License-Identifier: MIT */
/*
 * The table of everything that is counted: what each figure is called, of what kind and unit it is, and what it means.
 *
 * Columns, filters, JSON, metrics and help are all made from it, so a figure has one name and one meaning everywhere,
 * and a new one is one row here. The table knows how to read a figure, not how it looks.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "row.h"

/* What a counter is of. */
enum counter_scope { SCOPE_SEGMENT, SCOPE_RESOURCE };

enum counter_kind {
	KIND_LABEL,  /* says what something is */
	KIND_GAUGE,  /* goes up and down */
	KIND_COUNTER /* only grows, until the component or the segment is made anew */
};

enum counter_unit {
	UNIT_NONE,     /* a number of things */
	UNIT_RESOURCE, /* that of the resource: bytes, messages, microseconds */
	UNIT_BYTES,
	UNIT_NS,      /* a length of time */
	UNIT_UNIX_NS, /* a point in time, CLOCK_REALTIME */
	UNIT_PERCENT
};

/* What was read. A figure that does not apply (the window of a level) is absent; one without a bound is unlimited. */
struct value {
	enum { VALUE_ABSENT, VALUE_UNLIMITED, VALUE_NUMBER, VALUE_REAL, VALUE_TRUTH, VALUE_TEXT } type;
	uint64_t number; /* of VALUE_NUMBER and VALUE_TRUTH; of a word that metrics write as a number, that number */
	double real;     /* of VALUE_REAL */
	const char *text;
};

/* What a counter is read from; `row` is NULL for SCOPE_SEGMENT. */
struct subject {
	const struct overview *overview;
	const struct row *row;
};

struct counter {
	const char *name;  /* in JSON, where a dot makes an object, and as the name of a column */
	const char *alias; /* another name that columns and filters take, or NULL */
	const char *title; /* over a column; NULL where it is no column */
	enum counter_kind kind;
	enum counter_unit unit;
	const char *metric; /* as a metric, without prefix and unit; NULL where it is none */
	struct value (*read)(const struct subject *subject);
	const char *brief; /* one line, without a full stop */
	const char *text;  /* what an operator should know besides; "" where the line says it all */
};

/* The counters of a scope, in the order in which they are shown. */
const struct counter *counters_of(enum counter_scope scope, size_t *count);

/* The counter of a scope with this name or alias, or NULL. */
const struct counter *counter_find(enum counter_scope scope, const char *name);

const char *counter_kind_name(enum counter_kind kind);
const char *resource_unit_name(int resource); /* "bytes", "messages", "microseconds" */

/* A value as a number, to compare by: unlimited is larger than all, text and absent values are not numbers. */
bool value_number(const struct value *value, long double *out);

#endif
