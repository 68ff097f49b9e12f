/* SPDX-License-Identifier: MIT */
/*
 * Grants: patterns as people write them, what is wrong with the others and where, and the set that becomes of them.
 *
 * What a pattern grants is tested in test_capability.c.
 */
#include "policy/grants.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FS "filesystem.read"
#define NET "network.connect"
#define MSG "message.send"

TestSuite(grants, .timeout = 60);

/* Writes the only grant of a builder, as it reads back from the stored form. */
static void format_only(char text[GRANTS_FORMAT_SIZE], const struct grants *grants)
{
	int bytes = grants_encode(grants, NULL, 0);
	unsigned char *area = calloc(1, 8 + (size_t)bytes);
	struct grant_walk walk;
	struct grant grant;

	cr_assert_eq(grants_encode(grants, area + 8, (size_t)bytes), bytes);
	cr_assert_eq(capability_walk(&walk, area, 8 + (size_t)bytes, 8), 0);
	cr_assert_eq(capability_next(&walk, &grant), 1);
	cr_assert_lt(grants_format(text, GRANTS_FORMAT_SIZE, &grant), GRANTS_FORMAT_SIZE);
	cr_assert_eq(capability_next(&walk, &grant), 0);
	free(area);
}

/* ---- Normal forms ------------------------------------------------------------------------------------------------ */

struct normal {
	const char *permission, *pattern, *expected;
};

static const struct normal normal_forms[] = {
    {FS, "/", "/"},
    {FS, "/a", "/a"},
    {FS, "/app/data/*", "/app/data/*"},
    {FS, "//app///data/*", "/app/data/*"},
    {FS, "/./app/./data/.", "/app/data"},
    {FS, "/**", "/**"},
    {FS, "/**/a//**", "/**/a/**"},
    {FS, "/a*b*/?/[x]/{y}", "/a*b*/?/[x]/{y}"},
    {FS, "/...", "/..."},
    {FS, "/.hidden/..x", "/.hidden/..x"},
    {FS, "/ a /b ", "/ a /b "},
    {FS, "/日本語/*", "/日本語/*"},
    {NET, "Example.ORG:443", "example.org:443"},
    {NET, "example.org.:443", "example.org:443"},
    {NET, "*.Example.org:*", "*.example.org:*"},
    {NET, "**:1-65535", "**:*"},
    {NET, "**.a.**.b:80-80", "**.a.**.b:80"},
    {NET, "a_b-c.x*y:1000-2000", "a_b-c.x*y:1000-2000"},
    {NET, "10.0.0.1:80", "10.0.0.1:80"},
    {NET, "10.0.0.1/32:80", "10.0.0.1:80"},
    {NET, "10.0.0.0/8:*", "10.0.0.0/8:*"},
    {NET, "0.0.0.0/0:443", "0.0.0.0/0:443"},
    {NET, "[::1]:80", "[::1]:80"},
    {NET, "[0:0:0:0:0:0:0:1]:80", "[::1]:80"},
    {NET, "[2001:DB8::/32]:443", "[2001:db8::/32]:443"},
    {NET, "[2001:db8::1/128]:443", "[2001:db8::1]:443"},
    {NET, "[::/0]:1-1024", "[::/0]:1-1024"},
    {NET, "[64:ff9b::/96]:80", "[64:ff9b::/96]:80"},
    {NET, "[1::ffff:1.2.3.4]:80", "[1::ffff:102:304]:80"},
    {NET, "10*.example.org:80", "10*.example.org:80"},
    {MSG, "orders.*", "orders.*"},
    {MSG, "**", "**"},
    {MSG, "*", "*"},
    {MSG, "**.a.**.b.**", "**.a.**.b.**"},
    {MSG, "/api/v1.2/*", "/api/v1.2/*"},
    {MSG, "/**", "/**"},
    {MSG, "topic/..x/.y", "topic/..x/.y"},
    {MSG, "web shop", "web shop"},
    {MSG, "Δοκιμή", "Δοκιμή"},
};

#define NORMAL_FORMS (sizeof(normal_forms) / sizeof(normal_forms[0]))

Test(grants, are_kept_in_their_normal_form)
{
	for (size_t i = 0; i < NORMAL_FORMS; i++) {
		const struct normal *row = &normal_forms[i];
		struct grants grants = GRANTS_EMPTY;
		struct grants_error error = {.text = ""};
		char text[GRANTS_FORMAT_SIZE];

		cr_assert_eq(grants_add(&grants, row->permission, row->pattern, 0, &error), 0, "%s: %s", row->pattern,
		             error.text);
		format_only(text, &grants);
		cr_expect_str_eq(text, row->expected, "%s becomes %s", row->pattern, text);
		grants_free(&grants);
	}
}

Test(grants, in_their_normal_form_are_themselves)
{
	for (size_t i = 0; i < NORMAL_FORMS; i++) {
		const struct normal *row = &normal_forms[i];
		struct grants grants = GRANTS_EMPTY;
		char text[GRANTS_FORMAT_SIZE];

		cr_assert_eq(grants_add(&grants, row->permission, row->expected, 0, NULL), 0, "%s", row->expected);
		format_only(text, &grants);
		cr_expect_str_eq(text, row->expected);
		grants_free(&grants);
	}
}

/* ---- What is refused --------------------------------------------------------------------------------------------- */

struct refused {
	const char *permission, *pattern;
	size_t at;
	const char *text; /* its beginning */
};

#define NAME_64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct refused refusals[] = {
    {FS, "", 0, "a pattern is missing here"},
    {FS, "app/data", 0, "a path is absolute: it begins with '/'"},
    {FS, "*", 0, "a path is absolute"},
    {FS, "~/x", 0, "a path is absolute"},
    {FS, "./x", 0, "a path is absolute"},
    {FS, "/app/../x", 5, "'..' is not allowed in a pattern: write where it leads to"},
    {FS, "/..", 1, "'..' is not allowed"},
    {FS, "/app/data/..", 10, "'..' is not allowed"},
    {FS, "/app/data/", 9, "a path does not end in '/': write '/app/data' for the directory itself"},
    {FS, "/app/data//", 10, "a path does not end in '/': leave it out"},
    {FS, "/app/*/", 6, "a path does not end in '/': leave it out"},
    {FS, "/app/**.txt", 5, "'**' stands for whole parts"},
    {FS, "/app/a**", 6, "'**' stands for whole parts"},
    {FS, "/***", 1, "'**' stands for whole parts"},
    {FS, "/a/**/**", 6, "one '**' is any number of parts already: leave this one out"},
    {FS, "/**/./**/b", 6, "one '**' is any number of parts already"},
    {FS, "/a\\b", 2, "a backslash quotes nothing in a pattern"},
    {FS, "/a\tb", 2, "a control character is not allowed in a pattern"},
    {FS, "/a\x7f", 2, "a control character"},
    {FS, "/a\xc2\x85", 2, "this is no valid UTF-8, or a control character"},
    {FS, "/a/\xc0\xaf", 3, "this is no valid UTF-8"},
    {FS, "/a/\xff", 3, "this is no valid UTF-8"},
    {NET, "", 0, "a pattern is missing here"},
    {NET, "example.org", 11, "a port is missing behind the host"},
    {NET, "*", 1, "a port is missing behind the host"},
    {NET, "[::1]", 5, "a port is missing behind the host"},
    {NET, "[::1]80", 5, "a port is missing behind the host"},
    {NET, "10.0.0.0/8", 10, "a port is missing behind the host"},
    {NET, "example.org:", 12, "a port is missing here: a number, LOW-HIGH, or '*' for all"},
    {NET, "example.org:0", 12, "'0' is no port: a number from 1 to 65535 without leading zeros"},
    {NET, "example.org:080", 12, "'080' is no port"},
    {NET, "example.org:65536", 12, "'65536' is no port"},
    {NET, "example.org:https", 12, "'https' is no port"},
    {NET, "example.org:**", 12, "'**' is no port"},
    {NET, "example.org:80*", 12, "'80*' is no port"},
    {NET, "example.org:-80", 12, "a port is missing here"},
    {NET, "example.org:80-", 15, "a port is missing here"},
    {NET, "example.org:80-90-99", 15, "'90-99' is no port"},
    {NET, "example.org:90-80", 12, "the range of ports ends before it begins: write 80-90"},
    {NET, ":80", 0, "a host is missing before ':'"},
    {NET, "::1:80", 0, "an IPv6 address stands in brackets: [::1]:80"},
    {NET, "2001:db8::1:80", 0, "an IPv6 address stands in brackets"},
    {NET, "https://example.org:443", 0, "a URL is no pattern: write HOST:PORT without 'https://'"},
    {NET, "[::1:80", 0, "the ']' to this '[' is missing"},
    {NET, "[]:80", 1, "this is no IPv6 address"},
    {NET, "[::g]:80", 1, "this is no IPv6 address"},
    {NET, "[fe80::1%eth0]:80", 1, "this is no IPv6 address (one with a zone is not matched)"},
    {NET, "[10.0.0.1]:80", 1, "this is no IPv6 address"},
    {NET, "[::ffff:10.0.0.1]:80", 1, "this is an IPv4 address: write 10.0.0.1 without brackets"},
    {NET, "[::ffff:a00:0/104]:80", 1, "this is an IPv4 address: write 10.0.0.0 without brackets"},
    {NET, "[::1/129]:80", 5, "the length of a prefix is a number from 0 to 128"},
    {NET, "[::/]:80", 4, "the length of a prefix is a number from 0 to 128"},
    {NET, "[::/032]:80", 4, "the length of a prefix"},
    {NET, "[2001:db8::]/32:443", 12, "the length of a prefix stands inside the brackets"},
    {NET, "[2001:db8::1/32]:443", 1, "the address has bits beyond its prefix: write 2001:db8::/32"},
    {NET, "10.0.0.1/8:80", 0, "the address has bits beyond its prefix: write 10.0.0.0/8"},
    {NET, "1.2.3.4/0:80", 0, "the address has bits beyond its prefix: write 0.0.0.0/0"},
    {NET, "10.0.0.0/33:80", 9, "the length of a prefix is a number from 0 to 32"},
    {NET, "10.0.0.0/08:80", 9, "the length of a prefix"},
    {NET, "10.0.0.0/:80", 9, "the length of a prefix"},
    {NET, "10.0.0.0/255.0.0.0:80", 9, "the length of a prefix"},
    {NET, "example.org/8:80", 0, "this is no IPv4 address"},
    {NET, "127.1:80", 0, "this is no IPv4 address: four numbers from 0 to 255 without leading zeros"},
    {NET, "0x7f.0.0.1:80", 0, "this is no IPv4 address"},
    {NET, "0x7f000001:80", 0, "this is no IPv4 address"},
    {NET, "2130706433:80", 0, "this is no IPv4 address"},
    {NET, "010.0.0.1:80", 0, "this is no IPv4 address"},
    {NET, "1.2.3.256:80", 0, "this is no IPv4 address"},
    {NET, "*.0.0.1:80", 0, "this is no IPv4 address"},
    {NET, "127.0.0.1.:80", 0, "this is no IPv4 address"},
    {NET, "0X7F.1:80", 0, "this is no IPv4 address"},
    {NET, "a.0XfF:80", 0, "this is no IPv4 address"},
    {NET, "10.0.0.*:80", 0, "'*' does not match addresses: write how many bits are the same"},
    {NET, "10.*.*.*:80", 0, "'*' does not match addresses"},
    {NET, "10.*:80", 0, "'*' does not match addresses"},
    {NET, "a..b:80", 2, "a part of the host's name is missing here"},
    {NET, ".a:80", 0, "a part of the host's name is missing here"},
    {NET, "a..:80", 2, "a part of the host's name is missing here"},
    {NET, ".:80", 0, "a part of the host's name is missing here"},
    {NET, "a.-b:80", 2, "no part of a host's name begins with '-'"},
    {NET, "a.**b:80", 2, "'**' stands for whole parts of a name"},
    {NET, "***:80", 0, "'**' stands for whole parts of a name"},
    {NET, "**.**:80", 3, "one '**' is any number of parts already: leave this one out"},
    {NET, "a b:80", 1, "' ' is not allowed in a host's name"},
    {NET, "a?.b:80", 1, "'?' is not allowed in a host's name"},
    {NET, "user@a.b:80", 4, "'@' is not allowed in a host's name"},
    {NET, "bücher.example:80", 1, "a host's name is written in ASCII"},
    {NET, NAME_64 ".a:80", 0, "between two dots of a host's name are at most 63 bytes"},
    {MSG, "", 0, "a pattern is missing here"},
    {MSG, "a..b", 2, "a part is missing here: '.' stands between parts"},
    {MSG, ".a", 0, "a part is missing here"},
    {MSG, "a.", 2, "a part is missing here"},
    {MSG, ".", 0, "a part is missing here"},
    {MSG, "a//b", 2, "a part is missing here: '/' stands between parts"},
    {MSG, "a/", 2, "a part is missing here"},
    {MSG, "/", 1, "a part is missing here"},
    {MSG, "a/./b", 2, "a name has no part '.'"},
    {MSG, "../a", 0, "a name has no part '..'"},
    {MSG, "a/..", 2, "a name has no part '..'"},
    {MSG, "**.**", 3, "one '**' is any number of parts already"},
    {MSG, "a/**/**", 5, "one '**' is any number of parts already"},
    {MSG, "a.**b", 2, "'**' stands for whole parts"},
    {MSG, "a/b**", 3, "'**' stands for whole parts"},
    {MSG, "https://example.org", 7, "a part is missing here"},
    {MSG, "a\\*", 1, "a backslash quotes nothing"},
};

Test(grants, are_refused_where_they_are_wrong)
{
	struct grants grants = GRANTS_EMPTY;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refused *row = &refusals[i];
		struct grants_error error = {.is_permission = true};

		cr_expect_eq(grants_add(&grants, row->permission, row->pattern, 0, &error), -EINVAL, "%s",
		             row->pattern);
		cr_expect_not(error.is_permission);
		cr_expect_eq(error.at, row->at, "%s: at %zu: %s", row->pattern, error.at, error.text);
		cr_expect_eq(strncmp(error.text, row->text, strlen(row->text)), 0, "%s: %s", row->pattern, error.text);
		cr_expect_lt(strlen(error.text), sizeof(error.text) - 1, "%s: cut", row->pattern);
		cr_expect_eq(grants_add(&grants, row->permission, row->pattern, 0, NULL), -EINVAL);
	}
	cr_expect_eq(grants.count, 0);
	grants_free(&grants);
}

Test(grants, are_refused_where_their_permission_is_wrong)
{
	static const struct refused rows[] = {
	    {"", "x", 0, "a permission is missing here"},
	    {"read", "x", 0, "the name of a permission has a dot in it, such as 'filesystem.read'"},
	    {".read", "x", 0, "a part of the permission's name is missing before this dot"},
	    {"a..b", "x", 2, "a part of the permission's name is missing before this dot"},
	    {"a.b.", "x", 3, "a part of the permission's name is missing behind this dot"},
	    {"Filesystem.read", "x", 0, "the name of a permission is made of a-z, 0-9, '_' and '-'"},
	    {"filesystem.*", "x", 11, "the name of a permission is made of"},
	    {"file system.read", "x", 4, "the name of a permission is made of"},
	    {"a.\xc3\xa4", "x", 2, "the name of a permission is made of"},
	    {"a." NAME_64, "x", 63, "the name of a permission has at most 63 bytes"},
	};
	struct grants grants = GRANTS_EMPTY;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct grants_error error = {.is_permission = false};

		cr_expect_eq(grants_add(&grants, rows[i].permission, rows[i].pattern, 0, &error), -EINVAL);
		cr_expect(error.is_permission);
		cr_expect_eq(error.at, rows[i].at, "%s: at %zu", rows[i].permission, error.at);
		cr_expect_eq(strncmp(error.text, rows[i].text, strlen(rows[i].text)), 0, "%s: %s", rows[i].permission,
		             error.text);
		cr_expect_eq(grants_check_permission(rows[i].permission, NULL), -EINVAL);
	}
	cr_expect_eq(grants.count, 0);
	cr_expect_eq(grants_check_permission("a.b-c_9.d", NULL), 0);
	grants_free(&grants);
}

Test(grants, have_patterns_of_up_to_4095_bytes)
{
	static char pattern[CAPABILITY_PATTERN_MAX + 2];
	struct grants grants = GRANTS_EMPTY;
	struct grants_error error;
	char text[GRANTS_FORMAT_SIZE];

	memset(pattern, 'a', CAPABILITY_PATTERN_MAX);
	pattern[0] = '/';
	cr_assert_eq(grants_add(&grants, FS, pattern, 0, &error), 0);
	format_only(text, &grants);
	cr_assert_str_eq(text, pattern);
	pattern[CAPABILITY_PATTERN_MAX] = 'a';
	cr_assert_eq(grants_add(&grants, FS, pattern, 0, &error), -EINVAL);
	cr_assert_eq(error.at, CAPABILITY_PATTERN_MAX);
	cr_assert_str_eq(error.text, "a pattern has at most 4095 bytes");
	cr_assert_eq(grants_add(&grants, MSG, pattern, 0, NULL), -EINVAL);
	cr_assert_eq(grants_add(&grants, NET, pattern, 0, NULL), -EINVAL);
	grants_free(&grants);
}

/* ---- Sets -------------------------------------------------------------------------------------------------------- */

Test(grants, come_back_in_their_order_with_their_places)
{
	static const char *const rows[][2] = {{FS, "/b"}, {FS, "/a"}, {MSG, "x"}, {FS, "/b"}, {FS, "/b"}, {MSG, "y.z"}};
	const uint32_t count = sizeof(rows) / sizeof(rows[0]);
	struct grants grants = GRANTS_EMPTY;
	unsigned char area[1024];
	struct grant_walk walk;
	struct grant grant;
	int bytes;

	for (uint32_t i = 0; i < count; i++)
		cr_assert_eq(grants_add(&grants, rows[i][0], rows[i][1], 100 + i, NULL), 0);
	bytes = grants_encode(&grants, area + 16, sizeof(area) - 16);
	cr_assert_gt(bytes, 0);
	cr_assert_eq(capability_walk(&walk, area, 16 + (size_t)bytes, 16), 0);
	for (uint32_t i = 0; i < count; i++) {
		char text[64];

		cr_assert_eq(capability_next(&walk, &grant), 1);
		cr_assert_eq(grant.place, 100 + i);
		cr_assert_eq(grant.permission_length, strlen(rows[i][0]));
		cr_assert_eq(memcmp(grant.permission, rows[i][0], grant.permission_length), 0);
		grants_format(text, sizeof(text), &grant);
		cr_assert_str_eq(text, rows[i][1]);
	}
	cr_assert_eq(capability_next(&walk, &grant), 0);
	grants_free(&grants);
}

Test(grants, of_one_permission_in_a_row_store_its_name_once)
{
	struct grants grants = GRANTS_EMPTY;
	size_t set = sizeof(struct shmq_shm_grants), record = sizeof(struct shmq_shm_grant);

	cr_assert_eq(grants_encode(&grants, NULL, 0), (int)set);
	grants_add(&grants, FS, "/abcdefgh", 0, NULL); /* 15 + 8 bytes: padded to 24 */
	cr_assert_eq(grants_encode(&grants, NULL, 0), (int)(set + record + 24));
	grants_add(&grants, FS, "/abcdefgh", 0, NULL);
	cr_assert_eq(grants_encode(&grants, NULL, 0), (int)(set + record + 24 + record + 8));
	grants_free(&grants);
	cr_assert_eq(grants_encode(&grants, NULL, 0), (int)set);
}

Test(grants, are_encoded_where_there_is_room_and_nowhere_else)
{
	struct grants grants = GRANTS_EMPTY;
	unsigned char area[256];
	int bytes;

	grants_add(&grants, FS, "/a/*", 0, NULL);
	grants_add(&grants, NET, "10.0.0.0/8:*", 0, NULL);
	bytes = grants_encode(&grants, NULL, 0);
	cr_assert(bytes > 0 && bytes % 8 == 0 && bytes < 200);
	memset(area, 0x5a, sizeof(area));
	cr_assert_eq(grants_encode(&grants, area, (size_t)bytes - 1), -ENOSPC);
	for (size_t i = 0; i < sizeof(area); i++)
		cr_assert_eq(area[i], 0x5a);
	cr_assert_eq(grants_encode(&grants, area, (size_t)bytes), bytes);
	for (size_t i = (size_t)bytes; i < sizeof(area); i++)
		cr_assert_eq(area[i], 0x5a);
	grants_free(&grants);
}

Test(grants, are_at_most_4096)
{
	struct grants grants = GRANTS_EMPTY;
	struct grants_error error;

	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX; i++)
		cr_assert_eq(grants_add(&grants, FS, "/a/*", i, NULL), 0);
	cr_assert_eq(grants_add(&grants, FS, "/a/*", 0, &error), -E2BIG);
	cr_assert_str_eq(error.text, "a component has at most 4096 patterns");
	cr_assert_eq(grants.count, CAPABILITY_GRANTS_MAX);
	cr_assert_eq(grants_encode(&grants, NULL, 0) % 8, 0);
	grants_free(&grants);
}

Test(grants, are_cut_like_snprintf_where_there_is_little_room_to_show_them)
{
	static const char *const patterns[][2] = {
	    {FS, "/app/data"}, {NET, "10.0.0.0/8:80"}, {NET, "a.b:1-2"}, {MSG, "abcdefgh"}};

	for (size_t i = 0; i < 4; i++) {
		struct grants grants = GRANTS_EMPTY;
		unsigned char area[256] = {0};
		struct grant_walk walk;
		struct grant grant;
		char text[8];

		grants_add(&grants, patterns[i][0], patterns[i][1], 0, NULL);
		cr_assert_gt(grants_encode(&grants, area + 8, sizeof(area) - 8), 0);
		cr_assert_eq(capability_walk(&walk, area, sizeof(area), 8), 0);
		cr_assert_eq(capability_next(&walk, &grant), 1);
		cr_assert_eq(grants_format(text, 5, &grant), (int)strlen(patterns[i][1]));
		cr_assert_eq(strlen(text), 4);
		cr_assert_eq(strncmp(text, patterns[i][1], 4), 0);
		grants_free(&grants);
	}
}

Test(grants, of_a_damaged_set_are_shown_without_control_characters)
{
	struct grant grant = {.kind = GRANT_HOST,
	                      .pattern = "a\033[2J\xff\xc3\xa9",
	                      .pattern_length = 8,
	                      .port_low = 80,
	                      .port_high = 80};
	char text[32];

	cr_assert_eq(grants_format(text, sizeof(text), &grant), 11);
	cr_assert_str_eq(text, "a?[2J?\xc3\xa9:80");
}
