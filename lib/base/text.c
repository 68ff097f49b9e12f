/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 by the well-formed sequences of RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Control characters are C0, DEL and C1: a name is printed to terminals and logs as it is.
 */
#include "base/text.h"

#include <string.h>

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Returns the length of the well-formed sequence at `p`, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		return left >= 2 && is_continuation(p[1]) ? 2 : 0;
	if ((p[0] & 0xf0) == 0xe0) {
		unsigned char low = p[0] == 0xe0 ? 0xa0 : 0x80;
		unsigned char high = p[0] == 0xed ? 0x9f : 0xbf;

		return left >= 3 && p[1] >= low && p[1] <= high && is_continuation(p[2]) ? 3 : 0;
	}
	if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		unsigned char low = p[0] == 0xf0 ? 0x90 : 0x80;
		unsigned char high = p[0] == 0xf4 ? 0x8f : 0xbf;

		return left >= 4 && p[1] >= low && p[1] <= high && is_continuation(p[2]) && is_continuation(p[3]) ? 4
		                                                                                                  : 0;
	}
	return 0;
}

static bool is_control(const unsigned char *p)
{
	return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

bool text_is_component_name(const char *name, size_t length)
{
	const unsigned char *p = (const unsigned char *)name;

	if (length == 0 || length > TEXT_NAME_MAX)
		return false;
	while (length > 0) {
		size_t step = utf8_sequence(p, length);

		if (step == 0 || is_control(p))
			return false;
		p += step;
		length -= step;
	}
	return true;
}

bool text_is_group_name(const char *name)
{
	return strncmp(name, TEXT_GROUP, strlen(TEXT_GROUP)) == 0;
}

size_t text_cut(const char *text, size_t length, size_t most)
{
	size_t end = most;

	if (length <= most)
		return length;
	/* A sequence has at most three bytes of continuation; what has more is no UTF-8 and may be cut anywhere. */
	while (end > 0 && most - end < 4 && is_continuation((unsigned char)text[end]))
		end--;
	return most - end < 4 ? end : most;
}

void text_make_plain(char *text, size_t length)
{
	unsigned char *p = (unsigned char *)text;

	while (length > 0) {
		size_t step = utf8_sequence(p, length);
		bool is_plain = step > 0 && !is_control(p);

		for (step = step > 0 ? step : 1; step > 0; step--, p++, length--)
			if (!is_plain)
				*p = '?';
	}
}
