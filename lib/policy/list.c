/* SPDX-License-Identifier: MIT */
/*
 * The elements of a value; see list.h. line.c has seen to it that brackets and quotes of a list are closed.
 */
#include "policy/list.h"

#include <string.h>

static size_t skip_blanks(const char *text, size_t at)
{
	return at + strspn(text + at, " \t");
}

void list_begin(struct list *list, const struct line *line, const char *text)
{
	list->line = line;
	list->text = text;
	list->is_over = false;
	list->fault = NULL;
	list->at = line->is_list ? skip_blanks(text, line->value_at + 1) : line->value_at;
	list->element_at = list->at;
	if (line->is_list && text[list->at] == ']')
		list->is_over = true;
}

static int fail(struct list *list, size_t at, const char *fault)
{
	list->element_at = at;
	list->fault = fault;
	list->is_over = true;
	return -1;
}

/* A value that is no list: the line has read it already. */
static int take_value(struct list *list)
{
	const struct line *line = list->line;
	const char *comma = strchr(line->value, ',');

	list->is_over = true;
	list->is_quoted = line->is_quoted;
	if (!line->is_quoted && comma != NULL)
		return fail(list, line->value_at + (size_t)(comma - line->value),
		            "a comma; several values stand in brackets, one with a comma in double quotes");
	strcpy(list->element, line->value);
	return 1;
}

/* The element of a list that begins at `at`. Sets where it ends, or returns -1. */
static int take_element(struct list *list, size_t at, size_t *end)
{
	const char *text = list->text;
	size_t length;

	list->is_quoted = text[at] == '"';
	list->element_at = at;
	if (list->is_quoted) {
		list->element_at = at + 1;
		*end = line_read_quoted(list->element, text, at + 1, &list->element_at, &list->fault);
		return *end == 0 ? -1 : 1;
	}
	length = strcspn(text + at, ",]\"");
	*end = at + length;
	if (text[*end] == '"')
		return fail(list, *end, "a double quote inside a value; write the whole value in double quotes");
	while (length > 0 && strchr(" \t", text[at + length - 1]) != NULL)
		length--;
	if (length == 0)
		return fail(list, at, "a value is missing here");
	memcpy(list->element, text + at, length);
	list->element[length] = '\0';
	return 1;
}

int list_next(struct list *list)
{
	size_t end = 0;

	if (list->is_over)
		return 0;
	if (!list->line->is_list)
		return take_value(list);
	if (take_element(list, list->at, &end) < 0)
		return -1;
	end = skip_blanks(list->text, end);
	if (list->text[end] == ']') {
		list->is_over = true;
		return 1;
	}
	if (list->text[end] != ',')
		return fail(list, end, "expected a comma or the end of the list");
	list->at = skip_blanks(list->text, end + 1);
	/* A comma behind the last element is a habit of many languages. */
	list->is_over = list->text[list->at] == ']';
	return 1;
}

size_t list_place(const struct list *list, size_t offset)
{
	size_t at = list->element_at;

	if (!list->is_quoted)
		return at + offset;
	for (; offset > 0; offset--)
		at += list->text[at] == '\\' ? 2 : 1;
	return at;
}
