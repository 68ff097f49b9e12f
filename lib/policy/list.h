/* SPDX-License-Identifier: MIT */
/*
 * The elements of a value: of a list in brackets each in turn, of any other value itself.
 *
 *     [/app/data/x, "/srv/a b"]     elements are separated by commas and may stand in double quotes
 *
 * An element without quotes ends at a comma or at the closing bracket; blanks around it are not part of it. Whether it
 * means anything is the business of who asks.
 */
#ifndef SHMQ_POLICY_LIST_H
#define SHMQ_POLICY_LIST_H

#include "policy/line.h"

struct list {
	const struct line *line;
	const char *text; /* the whole line */
	size_t at;        /* the next byte of it */
	bool is_over;
	size_t element_at; /* where the element stands in the line */
	bool is_quoted;
	const char *fault; /* what is wrong at `element_at`, where list_next() returned -1 */
	char element[LINE_SIZE];
};

/* Begin with the value of a line; `text` is the line it was read from. */
void list_begin(struct list *list, const struct line *line, const char *text);

/* Take the next element. Returns 1, 0 at the end, or -1 where there is a fault, which ends the list. */
int list_next(struct list *list);

/* Where the byte `offset` of the element stands in the line. */
size_t list_place(const struct list *list, size_t offset);

#endif
