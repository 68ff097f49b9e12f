/* SPDX-License-Identifier: MIT */
/*
 * Names of components. Every code point and every short byte sequence is tried against a decoder that is written the
 * other way round: it decodes by the bit patterns alone and accepts what encodes to the same bytes again.
 */
#include "base/text.h"

#include <criterion/criterion.h>
#include <shmquota.h>
#include <stdint.h>
#include <string.h>

TestSuite(text, .timeout = 60);

static bool is_name(const char *text)
{
	return text_is_component_name(text, strlen(text));
}

static size_t encode(unsigned char out[4], uint32_t code)
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (unsigned char)(0xc0 | code >> 6);
		out[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code >> 12);
		out[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | code >> 18);
	out[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}

static bool is_allowed(uint32_t code)
{
	bool is_control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
	bool is_surrogate = code >= 0xd800 && code <= 0xdfff;

	return !is_control && !is_surrogate && code <= 0x10ffff;
}

Test(text, of_one_to_127_bytes_is_a_name)
{
	char text[200];

	memset(text, 'a', sizeof(text));
	cr_assert(!text_is_component_name(text, 0));
	for (size_t length = 1; length < sizeof(text); length++)
		cr_assert_eq(text_is_component_name(text, length), length <= SHMQ_NAME_MAX, "%zu bytes", length);
}

Test(text, in_any_script_is_a_name)
{
	static const char *const names[] = {"a",     " ",    "web shop",      "Δοκιμή",          "日本語",
	                                    "naïve", "🦆", "a/b:c[d]\"e\"", "\xf4\x8f\xbf\xbf"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_assert(is_name(names[i]), "\"%s\"", names[i]);
}

Test(text, of_every_code_point_is_a_name_unless_it_is_a_control_or_a_surrogate)
{
	for (uint32_t code = 0; code <= 0x1fffff; code++) {
		unsigned char bytes[4];
		size_t length = encode(bytes, code);

		cr_assert_eq(text_is_component_name((const char *)bytes, length), is_allowed(code), "U+%04X", code);
	}
}

Test(text, of_two_bytes_is_a_name_only_where_both_are_read)
{
	for (uint32_t pair = 0; pair < 0x10000; pair++) {
		unsigned char bytes[2] = {(unsigned char)(pair >> 8), (unsigned char)pair};
		uint32_t code = (bytes[0] & 0x1fU) << 6 | (bytes[1] & 0x3fU);
		unsigned char again[4];
		bool is_one = encode(again, code) == 2 && memcmp(again, bytes, 2) == 0 && is_allowed(code);
		bool is_two = bytes[0] < 0x80 && bytes[1] < 0x80 && is_allowed(bytes[0]) && is_allowed(bytes[1]);

		cr_assert_eq(text_is_component_name((const char *)bytes, 2), is_one || is_two, "%04x", pair);
	}
}

Test(text, of_three_bytes_from_one_lead_is_a_name_only_in_its_shortest_form)
{
	for (uint32_t tail = 0; tail < 0x100000; tail++) {
		unsigned char bytes[3] = {(unsigned char)(0xe0 | tail >> 16), (unsigned char)(tail >> 8),
		                          (unsigned char)tail};
		uint32_t code = (bytes[0] & 0x0fU) << 12 | (bytes[1] & 0x3fU) << 6 | (bytes[2] & 0x3fU);
		unsigned char again[4];
		bool is_one = encode(again, code) == 3 && memcmp(again, bytes, 3) == 0 && is_allowed(code);

		cr_assert_eq(text_is_component_name((const char *)bytes, 3), is_one, "e%05x", tail);
	}
}

Test(text, that_ends_within_a_sequence_is_no_name)
{
	unsigned char bytes[4];

	for (uint32_t code = 0x80; code <= 0x10ffff; code += 61) {
		size_t length = encode(bytes, code);

		for (size_t cut = 1; cut < length; cut++)
			cr_assert(!text_is_component_name((const char *)bytes, cut), "U+%04X cut to %zu", code, cut);
	}
}

Test(text, is_not_read_beyond_its_length)
{
	/* The length is that of the name; what follows may be anything, also the rest of a sequence. */
	cr_assert(text_is_component_name("ab\x01", 2));
	cr_assert(!text_is_component_name("a\xc3\xa4", 2));
	cr_assert(text_is_component_name("a\xc3\xa4\xff", 3));
}

Test(text, with_a_nul_byte_inside_is_no_name)
{
	cr_assert(!text_is_component_name("a\0b", 3));
	cr_assert(!text_is_component_name("", 1));
}

Test(text, with_a_wrong_byte_anywhere_is_no_name)
{
	static const unsigned char wrong[] = {0x00, 0x09, 0x0a, 0x1b, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff};
	char text[SHMQ_NAME_MAX];

	for (size_t at = 0; at < sizeof(text); at++) {
		for (size_t i = 0; i < sizeof(wrong); i++) {
			memset(text, 'x', sizeof(text));
			text[at] = (char)wrong[i];
			cr_assert(!text_is_component_name(text, sizeof(text)), "%02x at %zu", wrong[i], at);
		}
	}
}

/* ---- Text that may be anything ---- */

Test(text, is_cut_between_two_characters)
{
	static const char text[] = "aä€😀b"; /* 1, 2, 3, 4 and 1 bytes */
	static const size_t cut[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};

	for (size_t most = 0; most < sizeof(cut) / sizeof(*cut); most++)
		cr_expect_eq(text_cut(text, sizeof(text) - 1, most), cut[most], "at most %zu", most);
	cr_expect_eq(text_cut(text, sizeof(text) - 1, 100), sizeof(text) - 1);
	/* What is no UTF-8 is not thrown away. */
	cr_expect_eq(text_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
	cr_expect_eq(text_cut("abc", 3, 0), 0);
}

Test(text, that_is_made_plain_is_what_a_name_may_be)
{
	/* Every pair of bytes between two letters: what was fit for a name stays, the rest becomes so. */
	for (unsigned pair = 0; pair < 0x10000; pair++) {
		char text[] = {'a', (char)(pair >> 8), (char)pair, 'z'}, plain[sizeof(text)];
		bool was_plain = text_is_component_name(text, sizeof(text));

		memcpy(plain, text, sizeof(text));
		text_make_plain(plain, sizeof(plain));
		cr_assert(text_is_component_name(plain, sizeof(plain)), "pair %04x", pair);
		cr_assert_eq(memcmp(plain, text, sizeof(text)) == 0, was_plain, "pair %04x", pair);
	}
}

Test(text, that_ends_within_a_character_is_made_plain)
{
	char text[] = "x\xe2\x82";

	text_make_plain(text, 3);
	cr_assert_str_eq(text, "x??");
	text_make_plain(text, 0);
}
