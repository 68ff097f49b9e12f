/* SPDX-License-Identifier: MIT */
/*
 * What the library says to people. The verdicts' wording is part of the interface, so it stands here letter by letter.
 */
#include "policy/messages.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(messages, .timeout = 60);

#define SECOND UINT64_C(1000000000)

static const char *say(int resource, uint64_t current, uint64_t requested, uint64_t limit, uint64_t period_ns)
{
	const struct shmq_verdict verdict = {
	    .resource = resource, .current = current, .requested = requested, .limit = limit, .period_ns = period_ns};
	static char text[256];
	int length = message_of_verdict(text, sizeof(text), &verdict);

	cr_assert_eq((size_t)length, strlen(text));
	return text;
}

Test(messages, of_verdicts_are_worded_as_published)
{
	cr_assert_str_eq(say(SHMQ_STORAGE, 90, 20, 100, 0),
	                 "Storage quota exceeded: used 90 bytes + requested 20 bytes > limit 100 bytes");
	cr_assert_str_eq(say(SHMQ_MESSAGES, 100, 1, 100, SECOND),
	                 "Message rate quota exceeded: 100 messages/sec + 1 messages > limit 100 messages/sec");
	cr_assert_str_eq(say(SHMQ_NETWORK, 1000, 500, 1200, SECOND),
	                 "Network bandwidth quota exceeded: 1000 bytes/sec + 500 bytes > limit 1200 bytes/sec");
	cr_assert_str_eq(say(SHMQ_CPU, 450000, 100000, 500000, SECOND),
	                 "CPU time quota exceeded: 450 ms/sec + 100 ms > limit 500 ms/sec");
	cr_assert_str_eq(say(SHMQ_MEMORY, 200, 100, 256, 0),
	                 "Memory quota exceeded: requested 100 bytes > limit 256 bytes (current: 200 bytes)");
}

Test(messages, of_verdicts_name_the_length_of_the_window)
{
	static const struct {
		uint64_t period_ns;
		const char *unit;
	} cases[] = {
	    {SECOND, "/sec"},
	    {60 * SECOND, "/min"},
	    {3600 * SECOND, "/h"},
	    {86400 * SECOND, "/d"},
	    {10 * SECOND, "/10s"},
	    {90 * SECOND, "/90s"},
	    {120 * SECOND, "/2min"},
	    {7 * 86400 * SECOND, "/7d"},
	    {SECOND / 4, "/250ms"},
	    {1500 * SECOND / 1000, "/1500ms"},
	    {36 * 3600 * SECOND, "/36h"},
	    {SECOND / 1000, "/ms"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char expected[128];

		snprintf(expected, sizeof(expected),
		         "Message rate quota exceeded: 5 messages%s + 6 messages > limit 7 messages%s", cases[i].unit,
		         cases[i].unit);
		cr_assert_str_eq(say(SHMQ_MESSAGES, 5, 6, 7, cases[i].period_ns), expected);
	}
}

Test(messages, of_verdicts_are_cut_where_there_is_no_room)
{
	const struct shmq_verdict verdict = {.resource = SHMQ_STORAGE, .current = 1, .requested = 2, .limit = 3};
	char text[24], whole[256];
	int length = message_of_verdict(whole, sizeof(whole), &verdict);

	memset(text, 'x', sizeof(text));
	cr_assert_eq(message_of_verdict(text, 10, &verdict), length);
	cr_assert_eq(strlen(text), 9);
	cr_assert_eq(memcmp(text, whole, 9), 0);
	cr_assert_eq(text[10], 'x');
	cr_assert_eq(message_of_verdict(NULL, 0, &verdict), length);
}

Test(messages, of_verdicts_hold_the_largest_figures)
{
	cr_assert_not_null(strstr(say(SHMQ_STORAGE, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0), "18446744073709551615"));
}

Test(messages, of_a_verdict_without_a_resource_are_none)
{
	const struct shmq_verdict none = {.resource = SHMQ_NONE}, wrong = {.resource = SHMQ_RESOURCES};
	char text[64];

	cr_assert_eq(message_of_verdict(text, sizeof(text), &none), -EINVAL);
	cr_assert_eq(message_of_verdict(text, sizeof(text), &wrong), -EINVAL);
}

static const int results[] = {SHMQ_OK,  SHMQ_DENIED, SHMQ_FORBIDDEN, SHMQ_WOULD_DENY, -EINVAL,  -ENOENT,
                              -EEXIST,  -ENOSPC,     -EACCES,        -EROFS,          -EPERM,   -ESTALE,
                              -ENOTSUP, -EBADMSG,    -EPROTO,        -ENODATA,        -EUCLEAN, -EXDEV,
                              -EAGAIN,  -EOVERFLOW,  -ERANGE,        -EBUSY,          -EMFILE,  -ENOMEM,
                              -ENOSYS,  -EIO,        -ENOTDIR,       -ENAMETOOLONG};
#define RESULTS (sizeof(results) / sizeof(*results))

Test(messages, of_results_are_a_sentence_of_its_own_for_each)
{
	for (size_t i = 0; i < RESULTS; i++) {
		for (size_t j = 0; j < i; j++)
			cr_assert_str_neq(message_of_result(results[i]), message_of_result(results[j]), "%d and %d",
			                  results[i], results[j]);
		cr_assert_gt(strlen(message_of_result(results[i])), 3);
	}
}

Test(messages, of_results_are_of_one_line_without_a_full_stop)
{
	for (int result = -200; result <= 10; result++) {
		const char *text = message_of_result(result);

		cr_assert_not_null(text);
		cr_assert_null(strchr(text, '\n'));
		cr_assert_null(strstr(text, "  "));
		cr_assert_neq(text[strlen(text) - 1], '.');
		cr_assert(islower((unsigned char)text[0]) || isupper((unsigned char)text[1]) || text[0] == '/');
	}
}

Test(messages, of_results_that_nobody_returns_are_there_too)
{
	cr_assert_not_null(message_of_result(4711));
	cr_assert_not_null(message_of_result(-4711));
	cr_assert_str_neq(message_of_result(4711), message_of_result(-4711));
}

Test(messages, of_results_are_the_same_string_each_time)
{
	cr_assert_eq(message_of_result(-EINVAL), message_of_result(-EINVAL));
}
