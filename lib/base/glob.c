/* SPDX-License-Identifier: MIT */
/*
 * Patterns of names; see glob.h.
 *
 * A pattern is read element by element. On a mismatch only the last '*' is tried again, one byte further: what stands
 * before it matched as early as it could, and to match it later would leave less for the rest.
 */
#include "base/glob.h"

#include <string.h>

enum { ELEMENT_LITERAL, ELEMENT_CHARACTER, ELEMENT_ANY };

struct element {
	int kind;
	char byte;
	size_t bytes; /* of the pattern */
};

static struct element element_at(const char *pattern, size_t length, size_t at)
{
	char byte = pattern[at];

	if (byte == '*')
		return (struct element){ELEMENT_ANY, byte, 1};
	if (byte == '?')
		return (struct element){ELEMENT_CHARACTER, byte, 1};
	if (byte == '\\' && at + 1 < length &&
	    (pattern[at + 1] == '*' || pattern[at + 1] == '?' || pattern[at + 1] == '\\'))
		return (struct element){ELEMENT_LITERAL, pattern[at + 1], 2};
	return (struct element){ELEMENT_LITERAL, byte, 1};
}

bool glob_is_pattern(const char *text, size_t length)
{
	struct element element;

	for (size_t at = 0; at < length; at += element.bytes) {
		element = element_at(text, length, at);
		if (element.kind != ELEMENT_LITERAL)
			return true;
	}
	return false;
}

size_t glob_unescape(char *out, const char *text, size_t length)
{
	struct element element;
	size_t used = 0;

	for (size_t at = 0; at < length; at += element.bytes) {
		element = element_at(text, length, at);
		out[used++] = element.byte;
	}
	return used;
}

/* The bytes of the character at `at`, at least 1. */
static size_t character_bytes(const char *name, size_t length, size_t at)
{
	size_t bytes = 1;

	while (at + bytes < length && ((unsigned char)name[at + bytes] & 0xc0) == 0x80)
		bytes++;
	return bytes;
}

/* How many bytes at their beginning a pattern and a name share that stand for themselves. */
static size_t shared_literals(const char *pattern, size_t pattern_length, const char *name, size_t name_length)
{
	size_t most = pattern_length < name_length ? pattern_length : name_length, at = 0;

	while (at < most && pattern[at] == name[at] && pattern[at] != '*' && pattern[at] != '?' && pattern[at] != '\\')
		at++;
	return at;
}

bool glob_matches(const char *pattern, size_t pattern_length, const char *name, size_t name_length)
{
	/* Most names are told apart by how a pattern begins, for which no element has to be looked at. */
	size_t at = shared_literals(pattern, pattern_length, name, name_length);
	size_t in_name = at, behind_star = 0, retry = 0;
	bool has_star = false;

	while (in_name < name_length || at < pattern_length) {
		struct element element = {.kind = -1};

		if (at < pattern_length)
			element = element_at(pattern, pattern_length, at);
		if (element.kind == ELEMENT_ANY) {
			has_star = true;
			behind_star = at += element.bytes;
			retry = in_name;
		} else if (in_name < name_length && element.kind == ELEMENT_CHARACTER) {
			at += element.bytes;
			in_name += character_bytes(name, name_length, in_name);
		} else if (in_name < name_length && element.kind == ELEMENT_LITERAL && element.byte == name[in_name]) {
			at += element.bytes;
			in_name++;
		} else if (has_star && retry < name_length) {
			retry += character_bytes(name, name_length, retry);
			in_name = retry;
			at = behind_star;
		} else {
			return false;
		}
	}
	return true;
}

/* What the order of patterns goes by. */
struct weight {
	size_t prefix, literals, stars;
};

static struct weight weigh(const char *pattern, size_t length)
{
	struct weight weight = {0};
	struct element element;
	bool is_prefix = true;

	for (size_t at = 0; at < length; at += element.bytes) {
		element = element_at(pattern, length, at);
		is_prefix = is_prefix && element.kind == ELEMENT_LITERAL;
		weight.prefix += is_prefix;
		weight.literals += element.kind == ELEMENT_LITERAL;
		weight.stars += element.kind == ELEMENT_ANY;
	}
	return weight;
}

int glob_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
	struct weight first = weigh(a, a_length), second = weigh(b, b_length);
	int order;

	if (first.prefix != second.prefix)
		return first.prefix > second.prefix ? -1 : 1;
	if (first.literals != second.literals)
		return first.literals > second.literals ? -1 : 1;
	if (first.stars != second.stars)
		return first.stars < second.stars ? -1 : 1;
	order = memcmp(a, b, a_length < b_length ? a_length : b_length);
	if (order != 0)
		return order;
	return a_length < b_length ? -1 : a_length > b_length;
}
