/* SPDX-License-Identifier: MIT */
/*
 * Scanning a value; see scan.h.
 *
 * The one piece of arithmetic is scan_scale(): a decimal fraction times a unit, in 64 bits and without loss, however
 * many digits were written.
 */
#include "policy/scan.h"

#include "policy/complain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool scan_is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* tolower() asks the locale, and some of them have other ideas of "I". */
static char lower(char byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

int scan_fail(struct scan *scan, size_t at, const char *format, ...)
{
	va_list arguments;

	if (scan->fault == NULL)
		return -EINVAL;
	scan->fault->at = at;
	va_start(arguments, format);
	vsnprintf(scan->fault->text, sizeof(scan->fault->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

char scan_peek(struct scan *scan)
{
	while (is_blank(scan->text[scan->at]))
		scan->at++;
	return scan->text[scan->at];
}

size_t scan_word_length(const struct scan *scan)
{
	size_t end = scan->at;

	while (scan->text[end] != '\0' && scan->text[end] != '/' && !is_blank(scan->text[end]))
		end++;
	return end - scan->at;
}

static int fail_number(struct scan *scan)
{
	char quote[COMPLAIN_QUOTE_SIZE];
	size_t length = scan_word_length(scan);

	if (scan->text[scan->at] == '-')
		return scan_fail(scan, scan->at, "a negative number makes no sense here");
	if (length == 0)
		return scan_fail(scan, scan->at, "a number is missing here");
	complain_quote(quote, scan->text + scan->at, length);
	return scan_fail(scan, scan->at, "expected a number, not '%s'", quote);
}

int scan_decimal(struct scan *scan, struct decimal *out)
{
	char first = scan_peek(scan);

	*out = (struct decimal){.at = scan->at};
	if (!scan_is_digit(first))
		return fail_number(scan);
	for (; scan_is_digit(scan->text[scan->at]); scan->at++) {
		uint64_t digit = (uint64_t)(scan->text[scan->at] - '0');

		if (out->whole > (UINT64_MAX - digit) / 10)
			out->is_huge = true;
		out->whole = out->whole * 10 + digit;
	}
	if (scan->text[scan->at] == ',')
		return scan_fail(scan, scan->at, "a number has no commas; a fraction is written with a point");
	if (scan->text[scan->at] != '.')
		return 0;
	out->fraction = scan->text + ++scan->at;
	while (scan_is_digit(scan->text[scan->at]))
		scan->at++;
	out->fraction_length = (size_t)(scan->text + scan->at - out->fraction);
	if (out->fraction_length == 0)
		return scan_fail(scan, scan->at, "a digit must follow the point");
	return 0;
}

bool decimal_is_fraction(const struct decimal *decimal)
{
	for (size_t i = 0; i < decimal->fraction_length; i++)
		if (decimal->fraction[i] != '0')
			return true;
	return false;
}

bool decimal_is_zero(const struct decimal *decimal)
{
	return decimal->whole == 0 && !decimal->is_huge && !decimal_is_fraction(decimal);
}

uint64_t scan_scale(struct scan *scan, const struct decimal *decimal, uint64_t unit)
{
	uint64_t whole, sum, fraction = 0;

	/*
	 * The fraction is folded in from its last digit. Rounding down at each step loses nothing, as
	 * floor((a + x) / 10) is floor((a + floor(x)) / 10) for a whole a.
	 */
	for (size_t i = decimal->fraction_length; i > 0; i--)
		fraction = ((uint64_t)(decimal->fraction[i - 1] - '0') * unit + fraction) / 10;
	if (!decimal->is_huge && !__builtin_mul_overflow(decimal->whole, unit, &whole) &&
	    !__builtin_add_overflow(whole, fraction, &sum) && sum != SHMQ_UNLIMITED)
		return sum; /* the one value that means "unlimited" is not to be reached by digits */
	scan->overflow = true;
	return UINT64_MAX;
}

bool scan_is_word(const struct scan *scan, const char *word)
{
	size_t length = scan_word_length(scan);

	if (length != strlen(word))
		return false;
	for (size_t i = 0; i < length; i++)
		if (lower(scan->text[scan->at + i]) != word[i])
			return false;
	return true;
}

bool scan_take_word(struct scan *scan, const char *word)
{
	if (!scan_is_word(scan, word))
		return false;
	scan->at += strlen(word);
	return true;
}

const struct unit *scan_unit(struct scan *scan, const struct unit *units)
{
	for (const struct unit *unit = units; unit->name != NULL; unit++)
		if (scan_take_word(scan, unit->name))
			return unit;
	return NULL;
}

int scan_finish(struct scan *scan)
{
	char quote[COMPLAIN_QUOTE_SIZE];

	if (scan_peek(scan) != '\0') {
		complain_quote(quote, scan->text + scan->at, strlen(scan->text + scan->at));
		return scan_fail(scan, scan->at, "unexpected '%s' here", quote);
	}
	return scan->overflow ? -EOVERFLOW : 0;
}
