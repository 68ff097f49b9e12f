/* SPDX-License-Identifier: MIT */
/*
 * Patterns of names: what matches, against an obvious matcher too, and which of two comes first.
 */
#include "base/glob.h"

#include <criterion/criterion.h>
#include <string.h>

static bool matches(const char *pattern, const char *name)
{
	return glob_matches(pattern, strlen(pattern), name, strlen(name));
}

Test(glob, a_name_without_wildcards_matches_itself_only)
{
	cr_expect(matches("web", "web"));
	cr_expect(matches("", ""));
	cr_expect_not(matches("web", "webs"));
	cr_expect_not(matches("web", "we"));
	cr_expect_not(matches("web", "Web"));
	cr_expect_not(matches("web", ""));
	cr_expect_not(matches("", "w"));
}

Test(glob, a_star_stands_for_any_bytes)
{
	cr_expect(matches("*", ""));
	cr_expect(matches("*", "a/b:c d"));
	cr_expect(matches("web-*", "web-"));
	cr_expect(matches("web-*", "web-front/1"));
	cr_expect(matches("*-api", "a-api-api"));
	cr_expect(matches("a*b*c", "aXbXbXc"));
	cr_expect(matches("**a**", "a"));
	cr_expect_not(matches("web-*", "web"));
	cr_expect_not(matches("a*b*c", "aXbX"));
	cr_expect_not(matches("*a", "ab"));
}

Test(glob, a_question_mark_stands_for_one_character)
{
	cr_expect(matches("?", "a"));
	cr_expect(matches("?", "é"));
	cr_expect(matches("caf?", "café"));
	cr_expect(matches("???", "кот"));
	cr_expect(matches("*?", "日本"));
	cr_expect_not(matches("?", ""));
	cr_expect_not(matches("?", "ab"));
	cr_expect_not(matches("??", "é"));
}

Test(glob, a_backslash_takes_the_meaning_away)
{
	cr_expect(matches("a\\*", "a*"));
	cr_expect_not(matches("a\\*", "ab"));
	cr_expect(matches("a\\?", "a?"));
	cr_expect_not(matches("a\\?", "ab"));
	cr_expect(matches("a\\\\*", "a\\bc"));
	cr_expect(matches("a\\b", "a\\b"));
	cr_expect(matches("a\\", "a\\"));
	cr_expect(matches("[ab]", "[ab]"));
	cr_expect_not(matches("[ab]", "a"));
}

/*
 * As glob.h says it, without a thought for time: which ends of the pattern match which ends of the name, from their last
 * bytes on. Names of up to 7 bytes only.
 */
static bool matches_slowly(const char *pattern, const char *name)
{
	size_t rows = strlen(pattern), columns = strlen(name);
	bool match[8][8] = {{false}};

	for (size_t i = rows + 1; i-- > 0;) {
		for (size_t j = columns + 1; j-- > 0;) {
			if (i == rows)
				match[i][j] = j == columns;
			else if (pattern[i] == '*')
				match[i][j] = match[i + 1][j] || (j < columns && match[i][j + 1]);
			else
				match[i][j] =
				    j < columns && (pattern[i] == '?' || pattern[i] == name[j]) && match[i + 1][j + 1];
		}
	}
	return match[0][0];
}

/* Write `number` in base 4 or 2 as a text of these letters. */
static void spell(char *out, unsigned number, unsigned length, const char *letters)
{
	unsigned base = (unsigned)strlen(letters);

	for (unsigned i = 0; i < length; i++, number /= base)
		out[i] = letters[number % base];
	out[length] = '\0';
}

Test(glob, matches_all_short_patterns_as_the_obvious_matcher_does)
{
	char pattern[8], name[8];

	for (unsigned length = 0; length <= 5; length++) {
		for (unsigned i = 0; i < 1U << (2 * length); i++) {
			spell(pattern, i, length, "ab*?");
			for (unsigned size = 0; size <= 5; size++) {
				for (unsigned j = 0; j < 1U << size; j++) {
					spell(name, j, size, "ab");
					cr_assert_eq(matches(pattern, name), matches_slowly(pattern, name), "%s %s",
					             pattern, name);
				}
			}
		}
	}
}

Test(glob, takes_no_time_for_the_worst_patterns, .timeout = 10)
{
	char pattern[128], name[128];

	memset(name, 'a', 127);
	for (unsigned i = 0; i < 126; i += 2)
		memcpy(pattern + i, "*a", 2);
	memcpy(pattern + 126, "b", 2);
	name[127] = '\0';
	for (unsigned i = 0; i < 10000; i++)
		cr_assert_not(matches(pattern, name));
}

Test(glob, reads_no_byte_beyond_the_lengths)
{
	static const char pattern[] = {'a', '*', '\\'}, name[] = {'a', 'b', '\\'};

	cr_expect(glob_matches(pattern, 3, name, 3));
	cr_expect(glob_matches(pattern, 2, name, 2));
	cr_expect_not(glob_matches(pattern, 1, name, 2));
}

Test(glob, tells_patterns_from_names)
{
	cr_expect(glob_is_pattern("a*", 2));
	cr_expect(glob_is_pattern("?", 1));
	cr_expect(glob_is_pattern("\\\\*", 3));
	cr_expect_not(glob_is_pattern("a*", 1));
	cr_expect_not(glob_is_pattern("\\*\\?", 4));
	cr_expect_not(glob_is_pattern("[a]\\", 4));
}

Test(glob, unescapes_in_place)
{
	char name[] = "a\\*\\?\\\\\\b\\";
	size_t length = glob_unescape(name, name, strlen(name));

	name[length] = '\0';
	cr_expect_str_eq(name, "a*?\\\\b\\");
}

static bool comes_first(const char *a, const char *b)
{
	int order = glob_compare(a, strlen(a), b, strlen(b));

	cr_expect_eq(order > 0, glob_compare(b, strlen(b), a, strlen(a)) < 0, "%s %s", a, b);
	return order < 0;
}

Test(glob, the_longest_literal_beginning_comes_first)
{
	cr_expect(comes_first("web-a*", "web-*"));
	cr_expect(comes_first("web*", "*web-front"));
	cr_expect(comes_first("a\\**", "a*"));
	cr_expect(comes_first("a?", "?aaaa"));
}

Test(glob, among_equals_the_more_literal_one_comes_first_then_fewer_stars_then_bytes)
{
	cr_expect(comes_first("web*-api", "web*"));
	cr_expect(comes_first("web?", "web*"));
	cr_expect(comes_first("web*a", "web*b"));
	cr_expect(comes_first("*", "**"));
	cr_expect(comes_first("?", "??"));
	cr_expect_eq(glob_compare("a*", 2, "a*", 2), 0);
}
