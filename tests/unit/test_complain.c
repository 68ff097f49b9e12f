/* SPDX-License-Identifier: MIT */
/*
 * How a complaint is written. What is complained of is the business of test_parse.c.
 */
#include "policy/complain.h"
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const struct shmq_complaint complete = {
    .fatal = true,
    .file = "policy.ini",
    .line = 3,
    .column = 11,
    .text = "unknown unit 'XB'",
    .source = "storage = 100XB",
};

static void expect(const struct shmq_complaint *complaint, const char *expected)
{
	char text[512];
	int length = policy_complaint_format(text, sizeof(text), complaint);

	cr_expect_eq(length, (int)strlen(expected));
	cr_expect_str_eq(text, expected);
}

Test(complain, writes_place_text_line_and_caret)
{
	expect(&complete, "policy.ini:3:11: error: unknown unit 'XB'\n"
	                  "storage = 100XB\n"
	                  "          ^\n");
}

Test(complain, calls_what_is_not_fatal_a_warning)
{
	struct shmq_complaint warning = complete;

	warning.fatal = false;
	warning.source = NULL;
	expect(&warning, "policy.ini:3:11: warning: unknown unit 'XB'\n");
}

Test(complain, leaves_the_place_out_for_a_whole_file)
{
	struct shmq_complaint whole = {.fatal = true, .file = "policy.ini", .text = "cannot read it: No such file"};

	expect(&whole, "policy.ini: error: cannot read it: No such file\n");
}

Test(complain, leaves_the_column_out_where_there_is_none)
{
	struct shmq_complaint line = complete;

	line.column = 0;
	expect(&line, "policy.ini:3: error: unknown unit 'XB'\nstorage = 100XB\n");
}

Test(complain, puts_the_caret_behind_a_line_at_most)
{
	struct shmq_complaint beyond = complete;

	beyond.source = "ab";
	beyond.column = 4000000000;
	expect(&beyond, "policy.ini:3:4000000000: error: unknown unit 'XB'\nab\n  ^\n");
}

Test(complain, keeps_tabs_so_that_the_caret_moves_with_them)
{
	struct shmq_complaint tabs = complete;

	tabs.source = "\ta\tb";
	tabs.column = 4;
	expect(&tabs, "policy.ini:3:4: error: unknown unit 'XB'\n\ta\tb\n\t \t^\n");
}

Test(complain, counts_columns_in_bytes_and_draws_them_in_characters)
{
	struct shmq_complaint letters = complete;

	letters.source = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x"; /* 2, 3 and 4 bytes */
	letters.column = 10;
	expect(&letters, "policy.ini:3:10: error: unknown unit 'XB'\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80x\n   ^\n");
}

Test(complain, lets_no_control_character_reach_a_terminal)
{
	struct shmq_complaint hostile = complete;

	hostile.source = "\x1b[2J\x7f\xc2\x9b\xff\r!";
	hostile.column = 1;
	expect(&hostile, "policy.ini:3:1: error: unknown unit 'XB'\n?[2J"
	                 "?"
	                 "?"
	                 "?"
	                 "?"
	                 "?!\n^\n");
}

Test(complain, is_cut_at_every_size_and_says_how_long_it_is)
{
	char whole[512], text[512];
	size_t length = (size_t)policy_complaint_format(whole, sizeof(whole), &complete);

	for (size_t size = 1; size <= length + 1; size++) {
		memset(text, 'x', sizeof(text));
		cr_assert_eq(policy_complaint_format(text, size, &complete), (int)length);
		cr_assert_eq(strlen(text), size - 1);
		cr_assert_eq(strncmp(text, whole, size - 1), 0);
		cr_assert_eq(text[size], 'x', "wrote beyond %zu bytes", size);
	}
}

Test(complain, can_be_measured_without_a_buffer)
{
	cr_expect_eq(policy_complaint_format(NULL, 0, &complete), 70);
}

Test(complain, refuses_null)
{
	struct shmq_complaint mute = {.fatal = true};
	char text[16];

	cr_expect_eq(policy_complaint_format(text, sizeof(text), NULL), -EINVAL);
	cr_expect_eq(policy_complaint_format(text, sizeof(text), &mute), -EINVAL);
	cr_expect_eq(policy_complaint_format(NULL, 16, &complete), -EINVAL);
}

Test(complain, quotes_text_of_up_to_76_bytes_whole)
{
	char quote[COMPLAIN_QUOTE_SIZE], text[200];

	memset(text, 'a', sizeof(text));
	cr_expect_eq(strlen(complain_quote(quote, text, 76)), 76);
	cr_expect_eq(strlen(complain_quote(quote, text, 77)), 79);
	cr_expect_str_eq(quote + 76, "...");
	cr_expect_str_eq(complain_quote(quote, "", 0), "");
}

Test(complain, never_cuts_a_character_in_two)
{
	char quote[COMPLAIN_QUOTE_SIZE], text[200];

	memset(text, 'a', sizeof(text));
	text[75] = '\xe2';
	text[76] = '\x82';
	text[77] = '\xac';
	complain_quote(quote, text, sizeof(text));
	cr_expect_str_eq(quote + 74, "a...");
}
