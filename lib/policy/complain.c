/* SPDX-License-Identifier: MIT */
/*
 * Complaints: counting them, handing them on, and writing them as compilers do.
 *
 * A formatted complaint is made of the caller's strings, which came out of files that anyone may have written. The
 * invariant is that no byte of a source line reaches the output unless it is a tab or part of a printable UTF-8
 * character, and that the caret stands below its column wherever characters are one cell wide.
 */
#include "policy/complain.h"

#include "base/text.h"
#include "policy/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 512 /* the longest sentence; longer ones are cut */

static void deliver(struct complaints *complaints, const struct place *place, bool fatal, const char *format,
                    va_list arguments) __attribute__((format(printf, 4, 0)));

static void deliver(struct complaints *complaints, const struct place *place, bool fatal, const char *format,
                    va_list arguments)
{
	char text[TEXT_SIZE];
	struct shmq_report *report = complaints->report;

	if (fatal)
		complaints->errors++;
	if (report == NULL)
		return;
	if (fatal)
		report->errors++;
	else
		report->warnings++;
	if (report->complain == NULL)
		return;
	vsnprintf(text, sizeof(text), format, arguments);
	report->complain(report->context, &(struct shmq_complaint){
					      .fatal = fatal,
					      .file = place->file,
					      .line = place->line,
					      .column = place->column,
					      .text = text,
					      .source = place->source,
					  });
}

void complain_error(struct complaints *complaints, const struct place *place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	deliver(complaints, place, true, format, arguments);
	va_end(arguments);
}

void complain_warning(struct complaints *complaints, const struct place *place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	deliver(complaints, place, false, format, arguments);
	va_end(arguments);
}

size_t complain_character(const char *text, size_t length)
{
	unsigned char first = length > 0 ? (unsigned char)text[0] : 0;
	size_t bytes = 1;

	if (first >= 0xf0)
		bytes = 4;
	else if (first >= 0xe0)
		bytes = 3;
	else if (first >= 0xc0)
		bytes = 2;
	/* A component's name may hold every printable character, so a name of one character is a test for one. */
	return bytes <= length && text_is_component_name(text, bytes) ? bytes : 0;
}

const char *complain_quote(char out[COMPLAIN_QUOTE_SIZE], const char *text, size_t length)
{
	size_t used = 0;

	for (size_t at = 0; at < length;) {
		size_t bytes = complain_character(text + at, length - at);

		if (used + (bytes ? bytes : 1) > COMPLAIN_QUOTE_SIZE - sizeof("...")) {
			memcpy(out + used, "...", 3);
			used += 3;
			break;
		}
		if (bytes)
			memcpy(out + used, text + at, bytes);
		else
			out[used] = '?';
		used += bytes ? bytes : 1;
		at += bytes ? bytes : 1;
	}
	out[used] = '\0';
	return out;
}

/* ---- Formatting -------------------------------------------------------------------------------------------------- */

/* Text that is cut at its buffer's end while its full length is still counted, as snprintf() does. */
struct output {
	char *text;
	size_t size, length;
};

static void put(struct output *output, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++, output->length++)
		if (output->length + 1 < output->size)
			output->text[output->length] = bytes[i];
}

static void put_string(struct output *output, const char *string)
{
	put(output, string, strlen(string));
}

static void put_number(struct output *output, unsigned number)
{
	char digits[16];

	snprintf(digits, sizeof(digits), ":%u", number);
	put_string(output, digits);
}

static void put_source(struct output *output, const char *source)
{
	size_t length = strlen(source);

	for (size_t at = 0; at < length;) {
		size_t bytes = complain_character(source + at, length - at);

		if (bytes || source[at] == '\t')
			put(output, source + at, bytes ? bytes : 1);
		else
			put(output, "?", 1);
		at += bytes ? bytes : 1;
	}
	put(output, "\n", 1);
}

/* One blank for each character before the column; tabs stay tabs, so the caret moves as the line above it did. */
static void put_caret(struct output *output, const char *source, size_t column)
{
	size_t length = strlen(source);

	for (size_t at = 0; at < length && at + 1 < column;) {
		size_t bytes = complain_character(source + at, length - at);

		put(output, source[at] == '\t' ? "\t" : " ", 1);
		at += bytes ? bytes : 1;
	}
	put(output, "^\n", 2);
}

int policy_complaint_format(char *text, size_t size, const struct shmq_complaint *complaint)
{
	struct output output = {text, size, 0};

	if (complaint == NULL || complaint->text == NULL || (text == NULL && size > 0))
		return -EINVAL;
	put_string(&output, complaint->file == NULL ? "policy" : complaint->file);
	if (complaint->line > 0)
		put_number(&output, complaint->line);
	if (complaint->line > 0 && complaint->column > 0)
		put_number(&output, complaint->column);
	put_string(&output, complaint->fatal ? ": error: " : ": warning: ");
	put_string(&output, complaint->text);
	put(&output, "\n", 1);
	if (complaint->source != NULL && complaint->line > 0) {
		put_source(&output, complaint->source);
		if (complaint->column > 0)
			put_caret(&output, complaint->source, complaint->column);
	}
	if (size > 0)
		text[output.length < size ? output.length : size - 1] = '\0';
	return (int)output.length;
}
