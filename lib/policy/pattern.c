/* SPDX-License-Identifier: MIT */
/*
 * Reading patterns of paths and names; see pattern.h, and pattern_network.c for hosts.
 *
 * A pattern is copied part by part into the form that targets are brought into, so that the two can be compared
 * byte by byte: that is why what core/target.c refuses in a target is refused here too.
 */
#include "policy/pattern.h"

#include "policy/complain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int pattern_fail(struct grants_error *error, size_t at, const char *format, ...)
{
	va_list arguments;

	if (error == NULL)
		return -EINVAL;
	error->is_permission = false;
	error->at = at;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* What no pattern may contain, and no target either. */
static int check_text(const char *text, size_t length, struct grants_error *error)
{
	size_t span = target_text_span(text, length);

	if (length == 0)
		return pattern_fail(error, 0, "a pattern is missing here");
	if (length > CAPABILITY_PATTERN_MAX)
		return pattern_fail(error, CAPABILITY_PATTERN_MAX, "a pattern has at most %d bytes",
		                    CAPABILITY_PATTERN_MAX);
	if (span == length)
		return 0;
	if (text[span] == '\\')
		return pattern_fail(error, span,
		                    "a backslash quotes nothing in a pattern, and targets with one are refused");
	if ((unsigned char)text[span] < 0x80)
		return pattern_fail(error, span, "a control character is not allowed in a pattern");
	return pattern_fail(error, span, "this is no valid UTF-8, or a control character");
}

static size_t find(const char *text, size_t at, size_t length, char byte)
{
	while (at < length && text[at] != byte)
		at++;
	return at;
}

static bool is_globstar(const char *part, size_t length)
{
	return length == 2 && part[0] == '*' && part[1] == '*';
}

/* Copy a part, which begins at `at` of what was written, behind a separator; a leading '/' is one already. */
static int append_part(struct pattern *out, const char *text, size_t at, size_t end, char separator,
                       struct grants_error *error)
{
	const char *last = out->text + out->length;

	if (is_globstar(text + at, end - at)) {
		if (out->length >= 2 && is_globstar(last - 2, 2))
			return pattern_fail(error, at, "one '**' is any number of parts already: leave this one out");
	} else {
		for (size_t star = at; star + 1 < end; star++)
			if (text[star] == '*' && text[star + 1] == '*')
				return pattern_fail(error, star,
				                    "'**' stands for whole parts, so nothing may stand beside it but a "
				                    "separator; within a part write '*'");
	}
	if (out->length > 1 || (out->length == 1 && out->text[0] != '/'))
		out->text[out->length++] = separator;
	memcpy(out->text + out->length, text + at, end - at);
	out->length += end - at;
	return 0;
}

/* ---- Paths ------------------------------------------------------------------------------------------------------- */

static int fail_trailing_slash(struct grants_error *error, const char *text, size_t length)
{
	char quote[COMPLAIN_QUOTE_SIZE];

	if (text[length - 2] == '*' || text[length - 2] == '/')
		return pattern_fail(error, length - 1, "a path does not end in '/': leave it out");
	complain_quote(quote, text, length - 1);
	return pattern_fail(error, length - 1,
	                    "a path does not end in '/': write '%s' for the directory itself, and add '/*' for what is "
	                    "in it or '/**' for all that is below it, too",
	                    quote);
}

static int read_path(struct pattern *out, const char *text, size_t length, struct grants_error *error)
{
	size_t end;

	out->kind = GRANT_PATH;
	if (text[0] != '/')
		return pattern_fail(error, 0, "a path is absolute: it begins with '/'");
	for (size_t at = 1; at <= length; at = end + 1) {
		end = find(text, at, length, '/');
		if (end == at || (end == at + 1 && text[at] == '.'))
			continue;
		if (end == at + 2 && text[at] == '.' && text[at + 1] == '.')
			return pattern_fail(error, at, "'..' is not allowed in a pattern: write where it leads to");
		if (append_part(out, text, at, end, '/', error) < 0)
			return -EINVAL;
	}
	if (out->length > 0 && text[length - 1] == '/')
		return fail_trailing_slash(error, text, length);
	return 0;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static int check_name_part(const char *text, size_t at, size_t end, char separator, struct grants_error *error)
{
	bool is_first_slash = at == 0 && separator == '/';

	if (end == at && !is_first_slash)
		return pattern_fail(error, at, "a part is missing here: '%c' stands between parts", separator);
	if ((end == at + 1 && text[at] == '.') || (end == at + 2 && text[at] == '.' && text[at + 1] == '.'))
		return pattern_fail(error, at, "a name has no part '%.*s', and targets with one are refused",
		                    (int)(end - at), text + at);
	return 0;
}

static int read_name(struct pattern *out, const char *text, size_t length, struct grants_error *error)
{
	bool is_slashed = find(text, 0, length, '/') < length || is_globstar(text, length);
	char separator = is_slashed ? '/' : '.';
	size_t end;

	out->kind = is_slashed ? GRANT_SLASHED : GRANT_DOTTED;
	for (size_t at = 0; at <= length; at = end + 1) {
		end = find(text, at, length, separator);
		if (check_name_part(text, at, end, separator, error) < 0)
			return -EINVAL;
		if (end == at)
			out->text[out->length++] = '/';
		else if (append_part(out, text, at, end, separator, error) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

/* How many bytes are whole parts without a wildcard. */
static size_t measure_literal(const struct pattern *pattern)
{
	char separator = pattern->kind == GRANT_PATH || pattern->kind == GRANT_SLASHED ? '/' : '.';
	size_t star = find(pattern->text, 0, pattern->length, '*');

	if (star == pattern->length || pattern->kind == GRANT_ADDRESS)
		return pattern->length;
	while (star > 0 && pattern->text[star] != separator)
		star--;
	return star;
}

int pattern_read(struct pattern *out, enum target_class class, const char *text, struct grants_error *error)
{
	size_t length = strlen(text);
	int result = check_text(text, length, error);

	*out = (struct pattern){.kind = GRANT_KINDS};
	if (result == 0 && class == TARGET_PATH)
		result = read_path(out, text, length, error);
	else if (result == 0 && class == TARGET_NETWORK)
		result = pattern_read_network(out, text, length, error);
	else if (result == 0)
		result = read_name(out, text, length, error);
	if (result == 0)
		out->literal = measure_literal(out);
	return result;
}
