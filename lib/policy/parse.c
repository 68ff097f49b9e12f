/* SPDX-License-Identifier: MIT */
/*
 * Reading INI through inih, without its traps.
 *
 * inih cuts lines, section names and values where it likes, follows settings that any other part of the process may
 * have changed, and skips silently what it takes for a comment. So it never sees a line of the file: it gets each
 * section and key in a form that has one meaning only, and text which it might cut or misread stays here, a '"' in its
 * place. What comes back is compared with what was handed over; a difference is an error, not a different quota.
 */
#include "policy/parse.h"

#include "policy/reader.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAND_IN "\"" /* stands for a value that stays here */
#define SKIPPED "-"   /* stands for a section that was refused */

struct parser {
	struct draft *draft;
	struct reader reader;
	struct line line;
	const char *section; /* where inih must believe to be: a section's word without its name */
	const char *value;   /* what inih must give back for the key it has, NULL when it has none */
	bool has_warned;     /* of indented lines, once a file */
	bool is_at_end;      /* inih has asked for everything in the file */
};

static struct place place_at(const struct parser *parser, size_t at)
{
	struct place place = parser->reader.place;

	place.column = (unsigned)at + 1;
	return place;
}

/* ---- Towards inih ------------------------------------------------------------------------------------------------ */

/*
 * Tell whether inih gives this value back as it is, whatever its settings and the locale: without blanks there is no
 * comment in it, and outside of ASCII it is the locale that says what a blank is.
 */
static bool is_plain(const struct line *line, size_t room)
{
	const char *text = line->value;

	if (strlen(text) > room)
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/* Hand a key over. Returns false where inih has no room for it. */
static bool write_key(struct parser *parser, char *text, size_t size)
{
	const struct line *line = &parser->line;
	size_t length = strlen(line->word) + strlen("=\n") + 1;

	/* One more byte than needed: a line that fills inih's buffer is one that it cuts. */
	if (length + strlen(STAND_IN) >= size) {
		struct place place = place_at(parser, line->word_at);

		complain_error(parser->reader.complaints, &place, "this key is longer than any that there is");
		return false;
	}
	parser->value = is_plain(line, size - length - 1) ? line->value : STAND_IN;
	snprintf(text, size, "%s=%s\n", line->word, parser->value);
	return true;
}

/* Hand a section over by its word alone: the name of a component, a class or a group is kept in the draft. */
static bool write_section(struct parser *parser, char *text, size_t size)
{
	static const char *const words[] = {"segment",   "default",      "class", "group", "component",
	                                    "component", "capabilities", "quota", SKIPPED};

	static_assert(sizeof(words) / sizeof(*words) == SECTIONS + 1, "one for each section, and one for none");
	draft_enter(parser->draft, &parser->line, &parser->reader.place);
	parser->section = words[parser->draft->section];
	return snprintf(text, size, "[%s]\n", parser->section) < (int)size - 1;
}

static void warn_of_indent(struct parser *parser)
{
	struct place place = place_at(parser, 0);

	if (!parser->has_warned)
		complain_warning(parser->reader.complaints, &place,
		                 "an indented line is read on its own; it does not continue the one above");
	parser->has_warned = true;
}

/* A refused line that was meant to be a heading: what follows does not belong to the section before it. */
static bool is_heading(const char *text)
{
	return text[strspn(text, " \t" LINE_BYTE_ORDER_MARK)] == '[';
}

/* Returns whether something was written that inih is to see. */
static bool write_line(struct parser *parser, char *text, size_t size)
{
	const struct line *line = &parser->line;
	struct place place;

	switch (line_read(&parser->line, parser->reader.text)) {
	case LINE_REFUSED:
		place = place_at(parser, line->fault_at);
		complain_error(parser->reader.complaints, &place, "%s", line->fault);
		if (is_heading(parser->reader.text))
			draft_skip_section(parser->draft);
		return false;
	case LINE_SECTION:
	case LINE_KEY:
		if (line->is_indented)
			warn_of_indent(parser);
		return line->kind == LINE_KEY ? write_key(parser, text, size) : write_section(parser, text, size);
	default:
		return false;
	}
}

static void check_lost(struct parser *parser, bool is_lost)
{
	struct place place = place_at(parser, parser->line.word_at);

	if (is_lost)
		complain_error(parser->reader.complaints, &place,
		               "inih lost this line; did the program change its settings?");
	parser->value = NULL;
}

/* inih reads through this: the reader it would otherwise call is fgets(). */
static char *feed(char *text, int size, void *context)
{
	struct parser *parser = context;
	enum reader_result result;
	bool is_written = false;

	while (!is_written && parser->draft->failure == 0) {
		check_lost(parser, parser->value != NULL);
		result = reader_next(&parser->reader);
		parser->is_at_end = result == READER_END;
		if (parser->is_at_end)
			return NULL;
		if (result == READER_REFUSED && is_heading(parser->reader.text))
			draft_skip_section(parser->draft);
		else if (result == READER_LINE)
			is_written = write_line(parser, text, (size_t)size);
	}
	return is_written ? text : NULL;
}

/* ---- From inih --------------------------------------------------------------------------------------------------- */

/* Returns 1 always: whether inih goes on after a refusal is one of its settings. */
static int handle(void *context, const char *section, const char *name, const char *value)
{
	struct parser *parser = context;
	struct place place = parser->reader.place;

	if (parser->value == NULL || name == NULL || value == NULL || strcmp(section, parser->section) != 0 ||
	    strcmp(name, parser->line.word) != 0 || strcmp(value, parser->value) != 0) {
		place = place_at(parser, parser->line.word_at);
		complain_error(parser->reader.complaints, &place,
		               "inih misread this line; did the program change its settings?");
	} else {
		draft_set(parser->draft, &parser->line, &place);
	}
	parser->value = NULL;
	return 1;
}

int parse_file(struct draft *draft, const char *path)
{
	struct parser *parser = calloc(1, sizeof(*parser));
	const char *name = parser == NULL ? NULL : draft_begin_file(draft, path);
	int result, closed;

	if (name == NULL) {
		free(parser);
		return -ENOMEM;
	}
	parser->draft = draft;
	parser->section = "";
	result = reader_open(&parser->reader, name, draft->complaints);
	if (result == 0) {
		/* Positive is the first line that inih did not like; we know better, and have complained. */
		result = ini_parse_stream(feed, parser, handle, parser) < 0 ? -ENOMEM : draft->failure;
		check_lost(parser, result == 0 && !parser->is_at_end);
		closed = reader_close(&parser->reader);
		result = result < 0 ? result : closed;
	}
	free(parser);
	return result;
}
