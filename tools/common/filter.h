/* SPDX-License-Identifier: MIT */
/*
 * Which rows are wanted: "used_pct>80 AND resource=cpu".
 *
 * A filter is one or more terms, joined by AND; a term is a column, an operator and a value:
 *
 *     =  !=  <  <=  >  >=     a number in the unit that JSON has, or with a unit written: 80%, 10MB, 250ms, unlimited
 *     =  !=  ~  !~            a word; with ~ a pattern as the shell's
 *
 * A figure that a row does not have (the window of a level, the percentage without a limit) meets no term.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "counter.h"

#define FILTER_TERMS 16
#define FILTER_TEXT 128

enum filter_relation { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_LIKE, FILTER_UNLIKE };

struct filter_term {
	const struct counter *counter;
	enum filter_relation relation;
	bool is_text;
	long double number;
	char text[FILTER_TEXT];
};

struct filter {
	struct filter_term term[FILTER_TERMS];
	size_t count;
};

/*
 * Add the terms of a text to a filter. Returns true, or false with a sentence in `why` that says what is wrong.
 */
bool filter_add(struct filter *filter, const char *text, char *why, size_t size);

/* Tell whether a row meets all terms. */
bool filter_admits(const struct filter *filter, const struct row *row);

/*
 * What people type into a search field: terms where there is an operator in it, else a pattern of names as the shell's,
 * else a part of a name. An empty one lets all pass.
 */
struct search {
	char text[FILTER_TEXT];
	struct filter filter;
};

/* Set a search. Returns true, or false with a sentence in `why`; the search stays as it was then. */
bool search_set(struct search *search, const char *text, char *why, size_t size);
bool search_admits(const struct search *search, const struct row *row);

#endif
