/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: whether a set of grants covers a target.
 *
 * tests/data/capability has the targets that somebody thought of, in files that say what each has to be; the rest is
 * compared with a matcher that is written the slow and obvious way. What damaged sets and costly patterns may do is
 * tested in test_capability_bounds.c.
 */
#include "capability_set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TARGETS_LEAST 1000
#define LINE_SIZE 16384

TestSuite(capability, .fini = drop_set, .timeout = 60);

/* ---- The table --------------------------------------------------------------------------------------------------- */

struct table {
	const char *file;
	unsigned line, targets, wrong;
	bool is_granting; /* the line before was a grant, too */
	char permission[LINE_SIZE];
};

static unsigned hex_digit(char byte)
{
	return (unsigned)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
}

/* Replaces \xHH and \\ by what they stand for. */
static void unescape(char *text)
{
	char *out = text;

	while (*text != '\0') {
		if (text[0] != '\\') {
			*out++ = *text++;
		} else if (text[1] == '\\') {
			*out++ = '\\';
			text += 2;
		} else {
			cr_assert_eq(text[1], 'x');
			*out++ = (char)(hex_digit(text[2]) << 4 | hex_digit(text[3]));
			text += 4;
		}
	}
	*out = '\0';
}

static void read_grant(struct table *table, char *text)
{
	const char *permission = strtok(text, " ");
	char *pattern;

	if (!table->is_granting)
		drop_set();
	table->is_granting = true;
	while ((pattern = strtok(NULL, " ")) != NULL) {
		unescape(pattern);
		grant(permission, pattern);
	}
}

static void read_target(struct table *table, char *line)
{
	int expected = line[0] == '+' ? SHMQ_OK : SHMQ_FORBIDDEN;
	char *target = line[1] == '\0' ? line + 1 : line + 2;
	char shown[LINE_SIZE];
	int result;

	snprintf(shown, sizeof(shown), "%s", target);
	unescape(target);
	result = check(table->permission, target);
	table->targets++;
	if (result == expected)
		return;
	table->wrong++;
	fprintf(stderr, "%s:%u: %s %s gives %d, expected %d\n", table->file, table->line, table->permission, shown,
	        result, expected);
}

static void read_line(struct table *table, char *line)
{
	if (strncmp(line, "grant ", 6) == 0) {
		read_grant(table, line + 6);
		return;
	}
	table->is_granting = false;
	if (strncmp(line, "ask ", 4) == 0) {
		snprintf(table->permission, sizeof(table->permission), "%s", line + 4);
		finish_set();
	} else if (line[0] == '+' || line[0] == '-') {
		read_target(table, line);
	} else {
		cr_assert(line[0] == '#' || line[0] == '\0', "%s:%u: what is this?", table->file, table->line);
	}
}

static void read_table(struct table *table, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[LINE_SIZE];

	cr_assert_not_null(file, "%s: %s", path, strerror(errno));
	table->file = strrchr(path, '/') + 1;
	table->line = 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		table->line++;
		line[strcspn(line, "\n")] = '\0';
		read_line(table, line);
	}
	fclose(file);
}

Test(capability, covers_of_the_table_what_it_has_to)
{
	static const char *const files[] = {"paths.txt", "hosts.txt", "names.txt"};
	struct table table = {.targets = 0};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[4096];
		unsigned before = table.targets;

		snprintf(path, sizeof(path), "%s/capability/%s", SHMQ_TEST_DATA, files[i]);
		read_table(&table, path);
		cr_expect_gt(table.targets, before, "%s has no targets", files[i]);
	}
	cr_expect_geq(table.targets, TARGETS_LEAST, "%u targets", table.targets);
	cr_expect_eq(table.wrong, 0, "%u of %u targets", table.wrong, table.targets);
}

/* ---- The obvious matcher ----------------------------------------------------------------------------------------- */

#define PARTS 64

struct split {
	char parts[PARTS][PARTS];
	unsigned count;
	bool is_outside; /* it climbed above the root */
};

/* Paths as python's posixpath.normpath() has them, but for what is above the root. */
static struct split split_path(const char *path)
{
	struct split out = {.count = 0};
	char copy[LINE_SIZE];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *part = strtok(copy, "/"); part != NULL; part = strtok(NULL, "/")) {
		if (strcmp(part, "..") == 0) {
			out.is_outside |= out.count == 0;
			out.count -= out.count > 0;
		} else if (strcmp(part, ".") != 0) {
			snprintf(out.parts[out.count++], PARTS, "%s", part);
		}
	}
	return out;
}

/* matches[p][t]: what is left of the pattern from p on covers what is left of the text from t on. */
static bool obvious_part(const char *pattern, const char *text)
{
	bool matches[PARTS + 1][PARTS + 1] = {{false}};
	size_t rest = strlen(pattern), length = strlen(text);

	for (size_t p = rest + 1; p-- > 0;) {
		for (size_t t = length + 1; t-- > 0;) {
			if (p == rest)
				matches[p][t] = t == length;
			else if (pattern[p] == '*')
				matches[p][t] = matches[p + 1][t] || (t < length && matches[p][t + 1]);
			else
				matches[p][t] = t < length && pattern[p] == text[t] && matches[p + 1][t + 1];
		}
	}
	return matches[0][0];
}

static bool obvious_match(const struct split *pattern, const struct split *text)
{
	bool matches[PARTS + 1][PARTS + 1] = {{false}};

	for (size_t p = pattern->count + 1; p-- > 0;) {
		for (size_t t = text->count + 1; t-- > 0;) {
			if (p == pattern->count)
				matches[p][t] = t == text->count;
			else if (strcmp(pattern->parts[p], "**") == 0)
				matches[p][t] = matches[p + 1][t] || (t < text->count && matches[p][t + 1]);
			else
				matches[p][t] = t < text->count && matches[p + 1][t + 1] &&
				                obvious_part(pattern->parts[p], text->parts[t]);
		}
	}
	return matches[0][0];
}

/* A path of some parts, each chosen from a list; no "**" behind another, which is refused. */
static void draw_path(char *out, const char *const *choices, unsigned count, unsigned most)
{
	unsigned parts = 1 + draw(most);
	const char *last = "";

	*out = '\0';
	while (parts > 0) {
		const char *next = choices[draw(count)];

		if (strcmp(next, "**") == 0 && strcmp(last, "**") == 0)
			continue;
		strcat(out, "/");
		strcat(out, next);
		last = next;
		parts--;
	}
}

Test(capability, agrees_with_the_obvious_matcher)
{
	static const char *const in_patterns[] = {"a", "ab", "**", "*", "a*", "*b", "a*b*a", "**", "*a*", "b"};
	static const char *const in_targets[] = {"a", "ab", "b", "aba", "abba", "a", "..", ".", "", "aab", "bab"};
	unsigned granted = 0;

	for (unsigned i = 0; i < 4000; i++) {
		char pattern[LINE_SIZE], target[LINE_SIZE];
		struct split wanted, text;

		draw_path(pattern, in_patterns, 10, 7);
		set_path(pattern);
		wanted = split_path(pattern);
		for (unsigned k = 0; k < 50; k++) {
			int expected;

			draw_path(target, in_targets, 11, 9);
			text = split_path(target);
			expected = !text.is_outside && obvious_match(&wanted, &text) ? SHMQ_OK : SHMQ_FORBIDDEN;
			granted += expected == SHMQ_OK;
			cr_assert_eq(check(READ, target), expected, "%s against %s", target, pattern);
		}
	}
	cr_assert(granted > 10000, "%u of 200000 granted: this tests little", granted);
}

/* ---- What a check answers ---------------------------------------------------------------------------------------- */

Test(capability, of_a_component_without_a_set_is_none)
{
	uint32_t place = 1;

	cr_assert_eq(capability_check(NULL, 0, 0, READ, "/a", &place), SHMQ_FORBIDDEN);
	cr_assert_eq(place, 0);
}

Test(capability, of_an_empty_set_is_none)
{
	finish_set();
	cr_assert_eq(check(READ, "/a"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("a.b", "c"), SHMQ_FORBIDDEN);
}

Test(capability, is_not_asked_for_with_null)
{
	set_path("/**");
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, NULL, "/a", NULL), -EINVAL);
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, READ, NULL, NULL), -EINVAL);
	cr_assert_eq(capability_check(NULL, 0, 0, NULL, NULL, NULL), -EINVAL);
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, READ, "/a", NULL), SHMQ_OK);
}

Test(capability, names_the_rule_that_grants_it_and_that_is_the_first_one)
{
	uint32_t place;

	grant_at(READ, "/a/*", 3 << 22 | 17);
	grant_at("filesystem.write", "/a/*", 18);
	grant_at("filesystem.write", "/**", 19);
	grant_at(READ, "/a/**", UINT32_MAX);
	finish_set();
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, READ, "/a/b", &place), SHMQ_OK);
	cr_assert_eq(place, 3 << 22 | 17);
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, READ, "/a/b/c", &place), SHMQ_OK);
	cr_assert_eq(place, UINT32_MAX);
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, "filesystem.write", "/x", &place), SHMQ_OK);
	cr_assert_eq(place, 19);
	cr_assert_eq(capability_check(area, area_bytes, SET_OFFSET, READ, "/x", &place), SHMQ_FORBIDDEN);
	cr_assert_eq(place, 0);
}

Test(capability, of_a_permission_that_nobody_can_be_granted_is_none)
{
	static char longest[CAPABILITY_PERMISSION_MAX + 2], endless[100000];

	memset(longest, 'a', CAPABILITY_PERMISSION_MAX);
	longest[1] = '.';
	memset(endless, 'a', sizeof(endless) - 1);
	grant(longest, "**");
	grant("a.b", "**");
	finish_set();
	cr_assert_eq(check(longest, "x"), SHMQ_OK);
	longest[CAPABILITY_PERMISSION_MAX] = 'a';
	cr_assert_eq(check(longest, "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check(endless, "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("", "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("a", "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("a.", "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("A.B", "x"), SHMQ_FORBIDDEN);
	cr_assert_eq(check("a.b", "x"), SHMQ_OK);
}

Test(capability, is_found_as_the_last_of_as_many_as_a_set_may_have)
{
	char pattern[64];

	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX; i++) {
		snprintf(pattern, sizeof(pattern), "/srv/tenant-%u/data/**", i);
		grant(READ, pattern);
	}
	finish_set();
	cr_assert_eq(check(READ, "/srv/tenant-4095/data/2026/report.txt"), SHMQ_OK);
	cr_assert_eq(check(READ, "/srv/tenant-4096/data/2026/report.txt"), SHMQ_FORBIDDEN);
}
