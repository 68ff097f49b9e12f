/* SPDX-License-Identifier: MIT */
/*
 * Taking a line apart; see line.h for what may stand in it.
 *
 * Every branch either accounts for all bytes of the line or refuses it. There is no branch that drops text which is not
 * a comment: what somebody wrote about a quota is never silently left out.
 */
#include "policy/line.h"

#include <string.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static size_t skip_blanks(const char *text, size_t at)
{
	while (is_blank(text[at]))
		at++;
	return at;
}

/* At a ';' or '#' that begins a comment: the first thing in a line, or after a blank. */
static bool is_comment(const char *text, size_t at)
{
	return (text[at] == ';' || text[at] == '#') && (at == 0 || is_blank(text[at - 1]));
}

static enum line_kind refuse(struct line *line, size_t at, const char *fault)
{
	line->fault_at = at;
	line->fault = fault;
	return line->kind = LINE_REFUSED;
}

static void copy(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	out[length] = '\0';
}

size_t line_read_quoted(char *out, const char *text, size_t at, size_t *fault_at, const char **fault)
{
	size_t length = 0, start = at;

	for (; text[at] != '\0'; at++) {
		if (text[at] == '"') {
			out[length] = '\0';
			return at + 1;
		}
		if (text[at] == '\\') {
			if (text[at + 1] != '"' && text[at + 1] != '\\') {
				*fault_at = at;
				*fault = "only \\\" and \\\\ may follow a backslash in double quotes";
				return 0;
			}
			at++;
		}
		out[length++] = text[at];
	}
	*fault_at = start - 1;
	*fault = "no double quote ends this one";
	return 0;
}

/* The same into the value. Returns 0 where the line was refused. */
static size_t read_quoted(struct line *line, const char *text, size_t at)
{
	size_t end = line_read_quoted(line->value, text, at, &line->fault_at, &line->fault);

	line->is_quoted = true;
	line->value_at = at;
	if (end == 0)
		line->kind = LINE_REFUSED;
	return end;
}

/* Nothing but blanks and a comment may stand at the end of a line. */
static enum line_kind finish(struct line *line, const char *text, size_t at, enum line_kind kind, const char *fault)
{
	size_t rest = skip_blanks(text, at);

	if (text[rest] != '\0' && text[rest] != ';' && text[rest] != '#')
		return refuse(line, rest, fault);
	return line->kind = kind;
}

static enum line_kind read_section(struct line *line, const char *text, size_t at)
{
	size_t bracket = at, end = at + 1 + strcspn(text + at + 1, ":]");

	line->word_at = at + 1;
	copy(line->word, text + at + 1, end - at - 1);
	if (text[end] == ':') {
		line->has_value = true;
		line->value_at = end + 1;
		if (text[end + 1] == '"') {
			end = read_quoted(line, text, end + 2);
			if (end == 0)
				return LINE_REFUSED;
			if (text[end] != ']')
				return refuse(line, end, "']' must follow the closing double quote");
		} else {
			end += 1 + strcspn(text + end + 1, "\"]");
			copy(line->value, text + line->value_at, end - line->value_at);
		}
	}
	if (text[end] == '"')
		return refuse(line, end,
		              "a double quote inside a name; write \\\" for it and the whole name in double quotes");
	if (text[end] != ']')
		return refuse(line, bracket, "no ']' ends this section's name");
	return finish(line, text, end + 1, LINE_SECTION, "text after ']'; a key stands on a line of its own");
}

/* Copy a list with its brackets; nothing in it is a comment, and quotes hide brackets. */
static enum line_kind read_list(struct line *line, const char *text, size_t at)
{
	char ignored[LINE_SIZE];
	size_t end = at + 1;

	line->is_list = true;
	while (text[end] != ']') {
		if (text[end] == '\0')
			return refuse(line, at,
			              "no ']' ends this list; it stands on one line, KEY += VALUE adds to it");
		if (text[end] == '[')
			return refuse(line, end,
			              "a '[' inside a list; write the value that it belongs to in double quotes");
		if (text[end++] != '"')
			continue;
		end = line_read_quoted(ignored, text, end, &line->fault_at, &line->fault);
		if (end == 0)
			return line->kind = LINE_REFUSED;
	}
	copy(line->value, text + at, end + 1 - at);
	return finish(line, text, end + 1, LINE_KEY,
	              "text after the list; write a value that begins with '[' in double quotes");
}

static enum line_kind read_value(struct line *line, const char *text, size_t at)
{
	size_t end;

	at = skip_blanks(text, at);
	line->value_at = at;
	if (text[at] == '[')
		return read_list(line, text, at);
	if (text[at] == '"') {
		end = read_quoted(line, text, at + 1);
		if (end == 0)
			return LINE_REFUSED;
		return finish(line, text, end, LINE_KEY, "text after the closing double quote");
	}
	for (end = at; text[end] != '\0' && !is_comment(text, end); end++)
		if (text[end] == '"')
			return refuse(line, end,
			              "a double quote inside a value; write the whole value in double quotes");
	while (end > at && is_blank(text[end - 1]))
		end--;
	copy(line->value, text + at, end - at);
	return line->kind = LINE_KEY;
}

static enum line_kind read_key(struct line *line, const char *text, size_t at)
{
	size_t end, last;

	for (end = at; text[end] != '=' && text[end] != ':'; end++)
		if (text[end] == '\0' || is_comment(text, end))
			return refuse(line, at,
			              line->is_indented ? "expected KEY = VALUE; a value cannot go on in a second line"
			                                : "expected KEY = VALUE or [SECTION]");
	last = end;
	line->is_added = text[end] == '=' && end > at && text[end - 1] == '+';
	if (line->is_added)
		last--;
	while (last > at && is_blank(text[last - 1]))
		last--;
	if (last == at)
		return refuse(line, at, "no key stands before this");
	/* ASCII only: outside of it inih asks the locale what a blank is. */
	for (size_t i = at; i < last; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '[' || text[i] == ']')
			return refuse(line, i, "a key is made of letters, digits, '_' and '.' only");
	line->word_at = at;
	copy(line->word, text + at, last - at);
	return read_value(line, text, end + 1);
}

enum line_kind line_read(struct line *line, const char *text)
{
	size_t at = skip_blanks(text, 0);

	line->is_indented = at > 0 && text[at] != '\0' && !is_comment(text, at);
	line->has_value = false;
	line->is_quoted = line->is_list = line->is_added = false;
	line->word_at = line->value_at = at;
	line->fault_at = 0;
	line->fault = NULL;
	line->word[0] = line->value[0] = '\0';
	if (text[at] == '\0' || is_comment(text, at))
		return line->kind = LINE_EMPTY;
	if (strncmp(text + at, LINE_BYTE_ORDER_MARK, 3) == 0)
		return refuse(line, at, "a byte order mark, which only a file's first line may begin with; remove it");
	if (text[at] == '[')
		return read_section(line, text, at);
	return read_key(line, text, at);
}

size_t line_value_place(const struct line *line, const char *text, size_t offset)
{
	size_t at = line->value_at;

	if (!line->is_quoted)
		return at + offset;
	for (; offset > 0; offset--)
		at += text[at] == '\\' ? 2 : 1;
	return at;
}
