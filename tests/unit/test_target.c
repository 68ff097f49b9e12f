/* SPDX-License-Identifier: MIT */
/*
 * Targets: what is refused, and the form that the others are brought into.
 *
 * A target is looked at eight bytes at a time, so whatever matters is tried at every place of targets of every length up
 * to several times that. The normal form of paths is compared with one that is made by splitting and joining.
 */
#include "core/target.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <shmquota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTHS 40

TestSuite(target, .timeout = 60);

/* Reads from memory that ends where the text does. The result lives until the next call. */
static int read_exactly(struct target *out, enum target_class class, const char *text)
{
	static char *copy;

	free(copy);
	copy = strdup(text);
	return target_read(out, class, copy);
}

static bool has_text(const struct target *target, const char *text)
{
	return target->length == strlen(text) && memcmp(target->text, text, target->length) == 0;
}

static void fill(char *text, size_t length)
{
	memset(text, 'a', length);
	text[length] = '\0';
}

/* ---- Bytes ------------------------------------------------------------------------------------------------------- */

Test(target, with_a_wrong_byte_anywhere_is_refused)
{
	struct target target;
	char text[LENGTHS + 1];

	for (size_t length = 2; length <= LENGTHS; length++) {
		for (size_t at = 1; at < length; at++) {
			for (unsigned byte = 1; byte < 256; byte++) {
				char one = (char)byte;
				bool is_right = byte != '\\' && text_is_component_name(&one, 1);

				fill(text, length);
				text[0] = '/';
				text[at] = one;
				cr_assert_eq(read_exactly(&target, TARGET_PATH, text) == 0, is_right, "%02x at %zu",
				             byte, at);
			}
		}
	}
}

Test(target, with_a_wrong_byte_anywhere_is_no_name_either)
{
	static const char wrong[] = "\x01\t\n\x1f\x7f\\\x80\xc3\xff";
	struct target target;
	char text[LENGTHS + 1];

	for (size_t length = 1; length <= LENGTHS; length++) {
		for (size_t at = 0; at < length; at++) {
			for (const char *byte = wrong; *byte != '\0'; byte++) {
				fill(text, length);
				text[at] = *byte;
				cr_assert_eq(read_exactly(&target, TARGET_NAME, text), SHMQ_FORBIDDEN);
				cr_assert_eq(read_exactly(&target, TARGET_NETWORK, text), SHMQ_FORBIDDEN);
			}
		}
	}
}

Test(target, of_characters_outside_of_ascii_is_kept_wherever_they_stand)
{
	static const char *const characters[] = {"\u00e9", "\u65e5", "\U0001f986"};
	struct target target;
	char text[LENGTHS + 8];

	for (size_t length = 1; length <= LENGTHS; length++) {
		for (size_t i = 0; i < 3; i++) {
			fill(text, length);
			text[0] = '/';
			strcat(text, characters[i]);
			strcat(text, "/b");
			cr_assert_eq(read_exactly(&target, TARGET_PATH, text), 0);
			cr_assert(has_text(&target, text + 1), "%s", text);
			cr_assert_eq(read_exactly(&target, TARGET_NAME, text), 0);
			cr_assert(has_text(&target, text), "%s", text);
		}
	}
}

/* ---- Paths ------------------------------------------------------------------------------------------------------- */

/* Returns false for a path that climbs above the root. */
static bool normalise(char *out, const char *text)
{
	char copy[TARGET_MAX + 1], *parts[TARGET_MAX];
	size_t count = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *part = strtok(copy, "/"); part != NULL; part = strtok(NULL, "/")) {
		if (strcmp(part, "..") == 0 && count-- == 0)
			return false;
		if (strcmp(part, "..") != 0 && strcmp(part, ".") != 0)
			parts[count++] = part;
	}
	*out = '\0';
	for (size_t i = 0; i < count; i++) {
		strcat(out, i > 0 ? "/" : "");
		strcat(out, parts[i]);
	}
	return true;
}

static void expect_normal(const char *text)
{
	char expected[TARGET_MAX + 1];
	struct target target;
	bool is_inside = normalise(expected, text);
	int result = read_exactly(&target, TARGET_PATH, text);

	cr_assert_eq(result, is_inside ? 0 : SHMQ_FORBIDDEN, "%s gives %d", text, result);
	cr_assert(!is_inside || has_text(&target, expected), "%s gives %.*s", text, (int)target.length, target.text);
}

Test(target, with_slashes_and_dots_anywhere_is_brought_into_its_normal_form)
{
	static const char *const pieces[] = {"/",   ".",   "//",  "/.",   "./",  "..",
	                                     "/./", "/..", "../", "/../", "/.a", "a./"};
	char text[LENGTHS + 1];

	for (size_t length = 2; length <= LENGTHS; length++) {
		for (size_t at = 1; at < length; at++) {
			for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
				size_t bytes = strlen(pieces[i]);

				fill(text, length);
				text[0] = '/';
				memcpy(text + at, pieces[i], at + bytes <= length ? bytes : length - at);
				expect_normal(text);
			}
		}
	}
}

Test(target, with_characters_outside_of_ascii_beside_slashes_and_dots_is_brought_into_its_normal_form)
{
	/* Their bytes are chosen to be near those of '.' and '/', apart from the highest bit. */
	static const char *const characters[] = {"\u00ae", "\u00af", "\u00ee", "\u00ef", "\u0bae", "\u0baf", "\u65e5"};
	static const char *const pieces[] = {"//", "/./", "/../", "/", "/..", "./", "..", "/.", "/..."};
	char text[LENGTHS + 32];

	for (size_t length = 1; length < LENGTHS; length++) {
		for (size_t i = 0; i < 7 * 7 * 9; i++) {
			fill(text, length);
			text[0] = '/';
			strcat(text, characters[i % 7]);
			strcat(text, pieces[i / 49]);
			expect_normal(text);
			strcat(text, characters[i / 7 % 7]);
			expect_normal(text);
			strcat(text, "//");
			expect_normal(text);
		}
	}
}

Test(target, of_slashes_and_dots_alone_is_brought_into_its_normal_form)
{
	static const char bytes[4] = {'/', '.', 'a', '/'};
	char text[11] = "/";

	/* Every text of nine bytes, of three kinds; the slash is twice as frequent. */
	for (unsigned i = 0; i < 1U << 18; i++) {
		for (unsigned at = 0; at < 9; at++)
			text[1 + at] = bytes[i >> (2 * at) & 3];
		expect_normal(text);
	}
}

Test(target, of_4095_bytes_is_read_and_a_longer_one_is_not)
{
	static char text[TARGET_MAX + 100];
	struct target target;

	fill(text, TARGET_MAX);
	cr_assert_eq(read_exactly(&target, TARGET_NAME, text), 0);
	text[0] = '/';
	cr_assert_eq(read_exactly(&target, TARGET_PATH, text), 0);
	cr_assert_eq(target.length, TARGET_MAX - 1);
	fill(text, TARGET_MAX + 1);
	cr_assert_eq(read_exactly(&target, TARGET_NAME, text), SHMQ_FORBIDDEN);
	text[0] = '/';
	cr_assert_eq(read_exactly(&target, TARGET_PATH, text), SHMQ_FORBIDDEN);
	/* Also where little would be left of it. */
	for (size_t at = 0; at <= TARGET_MAX; at++)
		text[at] = at % 2 == 0 ? '/' : '.';
	cr_assert_eq(read_exactly(&target, TARGET_PATH, text), SHMQ_FORBIDDEN);
	text[TARGET_MAX] = '\0';
	cr_assert_eq(read_exactly(&target, TARGET_PATH, text), 0);
	cr_assert_eq(target.length, 0);
}

Test(target, that_is_in_its_normal_form_is_not_copied)
{
	struct target target;
	const char *path = "/usr/share/doc/libc6/copyright", *name = "orders.created";

	cr_assert_eq(target_read(&target, TARGET_PATH, path), 0);
	cr_assert_eq(target.text, path + 1);
	cr_assert_eq(target_read(&target, TARGET_NAME, name), 0);
	cr_assert_eq(target.text, name);
}

/* ---- Networks ---------------------------------------------------------------------------------------------------- */

Test(target, has_a_port_from_1_to_65535_without_leading_zeros)
{
	struct target target;
	char text[64];

	for (unsigned port = 0; port < 140000; port++) {
		bool is_right = port >= 1 && port <= 65535;

		snprintf(text, sizeof(text), "a.b:%u", port);
		cr_assert_eq(read_exactly(&target, TARGET_NETWORK, text), is_right ? 0 : SHMQ_FORBIDDEN, "%s", text);
		cr_assert(!is_right || target.port == port);
		snprintf(text, sizeof(text), "a.b:0%u", port);
		cr_assert_eq(read_exactly(&target, TARGET_NETWORK, text), SHMQ_FORBIDDEN, "%s", text);
	}
}

Test(target, that_is_an_ipv4_address_is_read_as_the_mapped_one)
{
	struct target target;
	char text[64];

	for (unsigned place = 0; place < 4; place++) {
		for (unsigned number = 0; number < 400; number++) {
			unsigned parts[4] = {1, 2, 3, 4};
			uint64_t value;

			parts[place] = number;
			snprintf(text, sizeof(text), "%u.%u.%u.%u:80", parts[0], parts[1], parts[2], parts[3]);
			if (number > 255) {
				cr_assert_eq(read_exactly(&target, TARGET_NETWORK, text), SHMQ_FORBIDDEN, "%s", text);
				continue;
			}
			cr_assert_eq(read_exactly(&target, TARGET_NETWORK, text), 0, "%s", text);
			value = (uint64_t)parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3];
			cr_assert(target.is_address && target.address.high == 0);
			cr_assert_eq(target.address.low, UINT64_C(0xffff00000000) | value, "%s", text);
		}
	}
}

Test(target, that_is_an_ipv6_address_is_read_from_all_its_groups)
{
	struct target target;

	cr_assert_eq(read_exactly(&target, TARGET_NETWORK, "[123:4567:89ab:cdef:fedc:ba98:7654:321]:9"), 0);
	cr_assert(target.is_address);
	cr_assert_eq(target.address.high, UINT64_C(0x0123456789abcdef));
	cr_assert_eq(target.address.low, UINT64_C(0xfedcba9876540321));
	cr_assert_eq(target.port, 9);
}

Test(target, that_is_a_host_is_read_in_lower_case_without_its_last_dot)
{
	struct target target;

	cr_assert_eq(read_exactly(&target, TARGET_NETWORK, "ABC-xyz_0.Example.ORG.:80"), 0);
	cr_assert(!target.is_address);
	cr_assert(has_text(&target, "abc-xyz_0.example.org"), "%.*s", (int)target.length, target.text);
}

/* ---- Names and classes ------------------------------------------------------------------------------------------- */

Test(target, that_is_a_name_is_dotted_where_every_part_has_a_byte)
{
	static const struct {
		const char *text;
		bool is_dotted;
	} rows[] = {{"a", true},
	            {"a.b", true},
	            {"a-b.c:d", true},
	            {"aaaaaaa.bbbbbbb.ccccccc", true},
	            {"é.ü", true},
	            {".a", false},
	            {"a.", false},
	            {"a..b", false},
	            {"a/b", false},
	            {"/a", false},
	            {"aaaaaaaa/b.c", false},
	            {"aaaaaaaaaaaaaaaa..b", false},
	            {"é..ü", false},
	            {"é/ü", false},
	            {"\u00ae/a", false},
	            {"aaaaaaa\u00ae/a", false},
	            {"aaaa\u00af..a", false},
	            {"...", false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct target target;

		cr_expect_eq(read_exactly(&target, TARGET_NAME, rows[i].text), 0, "%s", rows[i].text);
		cr_expect_eq(target.is_dotted, rows[i].is_dotted, "%s", rows[i].text);
	}
}

Test(target, has_the_class_of_its_permission)
{
	static const struct {
		const char *permission;
		enum target_class class;
	} rows[] = {
	    {"filesystem.read", TARGET_PATH}, {"filesystem.x", TARGET_PATH},     {"filesystem.", TARGET_NAME},
	    {"filesystem", TARGET_NAME},      {"filesystems.read", TARGET_NAME}, {"network.connect", TARGET_NETWORK},
	    {"network", TARGET_NAME},         {"network-x.y", TARGET_NAME},      {"message.send", TARGET_NAME},
	    {"a.filesystem.b", TARGET_NAME},  {"x.network.y", TARGET_NAME},      {"", TARGET_NAME}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(target_class_of(rows[i].permission, strlen(rows[i].permission)), rows[i].class, "%s",
		             rows[i].permission);
}
