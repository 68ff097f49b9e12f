/* SPDX-License-Identifier: MIT */
/*
 * Reading filters and applying them. Terms are compared as numbers with 64 exact bits, so byte counts are never rounded.
 */
#include "filter.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nearest.h"

/* Longer ones first: "<" begins "<=", too. */
static const struct {
	const char *sign;
	enum filter_relation relation;
} relations[] = {
    {"==", FILTER_EQ}, {"!=", FILTER_NE}, {"<=", FILTER_LE}, {">=", FILTER_GE},  {"!~", FILTER_UNLIKE},
    {"=", FILTER_EQ},  {"<", FILTER_LT},  {">", FILTER_GT},  {"~", FILTER_LIKE},
};

/* One piece of a filter: where it begins and how long it is. */
struct piece {
	const char *at;
	size_t length;
};

static const char *skip_space(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static struct piece trimmed(const char *begin, const char *end)
{
	begin = skip_space(begin);
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return (struct piece){begin, end > begin ? (size_t)(end - begin) : 0};
}

/* The end of a term: the next AND that stands alone, or the end of the text. `next` is where the term after it begins. */
static const char *term_end(const char *text, const char **next)
{
	for (const char *at = text; *at; at++) {
		if (strncmp(at, "&&", 2) == 0) {
			*next = at + 2;
			return at;
		}
		if (at > text && isspace((unsigned char)at[-1]) && strncasecmp(at, "and", 3) == 0 &&
		    isspace((unsigned char)at[3])) {
			*next = at + 3;
			return at;
		}
	}
	*next = NULL;
	return text + strlen(text);
}

static void unknown_column(const struct piece *name, char *why, size_t size)
{
	char typed[FILTER_TEXT];
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);
	struct nearest nearest;

	snprintf(typed, sizeof(typed), "%.*s", (int)name->length, name->at);
	nearest = nearest_to(typed);
	for (size_t i = 0; i < count; i++) {
		nearest_offer(&nearest, counters[i].name);
		if (counters[i].alias)
			nearest_offer(&nearest, counters[i].alias);
	}
	if (*nearest.best)
		snprintf(why, size, "there is no column '%s'; did you mean '%s'?", typed, nearest.best);
	else
		snprintf(why, size, "there is no column '%s'", typed);
}

/* "10MB", "250ms": by the unit of the column. */
static bool parse_with_unit(const struct counter *counter, const char *text, long double *out)
{
	uint64_t figure;

	if (strcasecmp(text, "unlimited") == 0) {
		*out = SHMQ_UNLIMITED;
		return true;
	}
	if (counter->unit == UNIT_NS && shmq_parse_duration(&figure, text) == 0) {
		*out = figure;
		return true;
	}
	if (counter->unit != UNIT_RESOURCE)
		return false;
	if (shmq_parse_size(&figure, text) == 0) {
		*out = figure;
		return true;
	}
	/* CPU time, which is kept in microseconds. */
	if (shmq_parse_duration(&figure, text) == 0) {
		figure /= 1000;
		*out = figure;
		return true;
	}
	return false;
}

static bool parse_number(const struct counter *counter, const char *text, long double *out)
{
	char *end;

	*out = strtold(text, &end);
	if (end != text && *end == '%' && counter->unit == UNIT_PERCENT)
		end++;
	if (end != text && *end == '\0' && *out == *out)
		return true;
	return parse_with_unit(counter, text, out);
}

static const char *example_of(const struct counter *counter)
{
	if (counter->unit == UNIT_RESOURCE)
		return "10MB";
	return counter->unit == UNIT_NS ? "500ms" : counter->unit == UNIT_PERCENT ? "80" : "0";
}

/* Words of columns that have only a few: another one would never be met. */
static bool check_word(const struct filter_term *term, char *why, size_t size)
{
	static const struct {
		const char *column, *words[6];
	} known[] = {
	    {"resource", {"storage", "messages", "network", "cpu", "memory"}},
	    {"kind", {"rate", "level"}},
	    {"alarm", {"ok", "warning", "critical"}},
	    {"unit", {"bytes", "messages", "microseconds"}},
	    {"algorithm", {"window", "sliding", "bucket"}},
	    {"enforcement", {"deny", "warn", "off"}},
	};
	struct nearest nearest = nearest_to(term->text);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].column, term->counter->name) != 0)
			continue;
		for (size_t j = 0; j < 6 && known[i].words[j]; j++) {
			if (strcmp(known[i].words[j], term->text) == 0)
				return true;
			nearest_offer(&nearest, known[i].words[j]);
		}
		snprintf(why, size, "'%s' is never '%s'%s%s%s", term->counter->name, term->text,
		         *nearest.best ? "; did you mean '" : "", nearest.best, *nearest.best ? "'?" : "");
		return false;
	}
	return true;
}

static bool parse_value(struct filter_term *term, char *why, size_t size)
{
	bool is_order = term->relation != FILTER_EQ && term->relation != FILTER_NE;
	bool is_pattern = term->relation == FILTER_LIKE || term->relation == FILTER_UNLIKE;
	const char *name = term->counter->alias ? term->counter->alias : term->counter->name;

	term->is_text = term->counter->kind == KIND_LABEL || strcmp(name, "alarm") == 0;
	if (strcmp(name, "id") == 0)
		term->is_text = false;
	if (term->is_text) {
		if (is_order && !is_pattern)
			snprintf(why, size, "'%s' is a word: compare it with =, !=, ~ or !~", name);
		return (!is_order || is_pattern) && (is_pattern || check_word(term, why, size));
	}
	if (is_pattern)
		snprintf(why, size, "'%s' is a number: ~ is for words", name);
	else if (!parse_number(term->counter, term->text, &term->number))
		snprintf(why, size, "'%s' is no number for '%s'; write it as in %s>%s", term->text, name, name,
		         example_of(term->counter));
	else
		return true;
	return false;
}

static bool parse_term(struct filter_term *term, const char *begin, const char *end, char *why, size_t size)
{
	const char *sign = begin;
	struct piece name, value;
	char typed[FILTER_TEXT];

	while (sign < end && !strchr("=!<>~", *sign))
		sign++;
	name = trimmed(begin, sign);
	if (sign == end || name.length == 0) {
		snprintf(why, size, "'%.*s' is no comparison such as used_pct>80", (int)trimmed(begin, end).length,
		         trimmed(begin, end).at);
		return false;
	}
	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
		size_t length = strlen(relations[i].sign);

		if (strncmp(sign, relations[i].sign, length) == 0) {
			term->relation = relations[i].relation;
			value = trimmed(sign + length, end);
			break;
		}
		value = (struct piece){sign, 0};
	}
	snprintf(typed, sizeof(typed), "%.*s", (int)name.length, name.at);
	term->counter = counter_find(SCOPE_RESOURCE, typed);
	if (!term->counter) {
		unknown_column(&name, why, size);
		return false;
	}
	if (value.length == 0 || value.length >= sizeof(term->text)) {
		snprintf(why, size, "what '%s' is to be compared with is %s", term->counter->name,
		         value.length ? "too long" : "missing");
		return false;
	}
	snprintf(term->text, sizeof(term->text), "%.*s", (int)value.length, value.at);
	return parse_value(term, why, size);
}

bool filter_add(struct filter *filter, const char *text, char *why, size_t size)
{
	while (text) {
		const char *next, *end = term_end(text, &next);

		if (filter->count == FILTER_TERMS) {
			snprintf(why, size, "a filter has at most %d terms", FILTER_TERMS);
			return false;
		}
		if (!parse_term(&filter->term[filter->count], text, end, why, size))
			return false;
		filter->count++;
		text = next;
	}
	return true;
}

static bool number_meets(enum filter_relation relation, long double left, long double right)
{
	switch (relation) {
	case FILTER_EQ:
		return left == right;
	case FILTER_NE:
		return left != right;
	case FILTER_LT:
		return left < right;
	case FILTER_LE:
		return left <= right;
	case FILTER_GT:
		return left > right;
	default:
		return left >= right;
	}
}

static bool text_meets(const struct filter_term *term, const char *text)
{
	switch (term->relation) {
	case FILTER_EQ:
		return strcmp(text, term->text) == 0;
	case FILTER_NE:
		return strcmp(text, term->text) != 0;
	case FILTER_LIKE:
		return fnmatch(term->text, text, 0) == 0;
	default:
		return fnmatch(term->text, text, 0) != 0;
	}
}

bool filter_admits(const struct filter *filter, const struct row *row)
{
	for (size_t i = 0; i < filter->count; i++) {
		const struct filter_term *term = &filter->term[i];
		struct value value = term->counter->read(&(struct subject){NULL, row});
		long double number;

		if (term->is_text
		        ? value.type != VALUE_TEXT || !text_meets(term, value.text)
		        : !value_number(&value, &number) || !number_meets(term->relation, number, term->number))
			return false;
	}
	return true;
}

bool search_set(struct search *search, const char *text, char *why, size_t size)
{
	struct search set = {.filter = {.count = 0}};

	if (strlen(text) >= sizeof(set.text)) {
		snprintf(why, size, "that is too long for a filter");
		return false;
	}
	if (strpbrk(text, "<>=~") && !filter_add(&set.filter, text, why, size))
		return false;
	strcpy(set.text, text);
	*search = set;
	return true;
}

bool search_admits(const struct search *search, const struct row *row)
{
	if (!*search->text || search->filter.count > 0)
		return filter_admits(&search->filter, row);
	if (strpbrk(search->text, "*?["))
		return fnmatch(search->text, row->component, 0) == 0;
	return strstr(row->component, search->text) != NULL;
}
