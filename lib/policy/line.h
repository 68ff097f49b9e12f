/* SPDX-License-Identifier: MIT */
/*
 * One line of an INI file, taken apart: a section, a key with its value, or nothing.
 *
 *     [SECTION]  or  [SECTION:NAME]     NAME may stand in double quotes
 *     KEY = VALUE  or  KEY : VALUE      VALUE may stand in double quotes
 *     KEY += VALUE                      adds to a list
 *     KEY = [VALUE, "VALUE", ...]       a list, on one line; list.h takes it apart
 *     ; comment  or  # comment          also behind a section or a value, after a blank
 *
 * Inside double quotes and inside brackets nothing is a comment; \" and \\ stand for a quote and a backslash there. A
 * line stands for itself: nothing continues on the next one. What cannot be understood in one way only is refused.
 */
#ifndef SHMQ_POLICY_LINE_H
#define SHMQ_POLICY_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_BYTE_ORDER_MARK "\xef\xbb\xbf"
#define LINE_SIZE 8192 /* the longest line and its terminating NUL */

enum line_kind { LINE_EMPTY, LINE_SECTION, LINE_KEY, LINE_REFUSED };

/* All places are bytes from the start of the line, from 0. */
struct line {
	enum line_kind kind;
	bool is_indented;
	bool has_value;  /* of a section: a ':' and a NAME */
	bool is_quoted;  /* the value stood in double quotes */
	bool is_list;    /* the value stands in brackets, which are part of it, as are its quotes */
	bool is_added;   /* a key with "+=" */
	size_t word_at;  /* where the key, or the section's word, stands */
	size_t value_at; /* where the value stands, behind its opening quote */
	size_t fault_at; /* of a refused line, and why */
	const char *fault;
	char word[LINE_SIZE];
	char value[LINE_SIZE]; /* without quotes and backslashes, a list apart; of a section its NAME */
};

/* Take a line apart; `text` has no newline. Returns its kind. */
enum line_kind line_read(struct line *line, const char *text);

/*
 * Read text in double quotes from behind the opening one, at `at`, into `out`, which has room for the rest of the line.
 * Returns the place behind the closing one, or 0 with `*fault_at` and `*fault` set.
 */
size_t line_read_quoted(char *out, const char *text, size_t at, size_t *fault_at, const char **fault);

/* Where the byte `offset` of the value stands in the line `text` it was read from. */
size_t line_value_place(const struct line *line, const char *text, size_t offset);

#endif
