/* SPDX-License-Identifier: MIT */
/*
 * The values of [segment]; see settings.h.
 *
 * They are checked here as strictly as by shmq_segment_create(), which could say no more than -EINVAL, so that whoever
 * wrote them learns what is wrong and where.
 */
#include "policy/settings.h"

#include "policy/complain.h"
#include "policy/scan.h"

#include <limits.h>
#include <string.h>

#define OWNER_BITS UINT32_C(0600)
#define MODE_MAX UINT32_C(0777)
#define SUFFIX_LENGTH (sizeof(".policy") - 1) /* what the name of an object has behind the segment's */

static int check_characters(struct scan *scan)
{
	size_t length = strlen(scan->text);

	while (scan->at < length) {
		size_t bytes = complain_character(scan->text + scan->at, length - scan->at);

		if (bytes == 0)
			return scan_fail(scan, scan->at,
			                 "a name is UTF-8 without control characters; this byte is not");
		scan->at += bytes;
	}
	return 0;
}

int settings_check_name(const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	const char *slash = strrchr(text, '/');
	const char *last = slash == NULL ? text : slash + 1;

	if (slash == NULL)
		return scan_fail(&scan, 0, "a segment's name is '/NAME' or the path of a file on a tmpfs");
	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return scan_fail(&scan, (size_t)(last - text), "a name must follow the last '/'");
	if (strlen(last) > NAME_MAX - SUFFIX_LENGTH)
		return scan_fail(&scan, (size_t)(last - text), "this name is longer than %zu bytes",
		                 NAME_MAX - SUFFIX_LENGTH);
	if (strlen(text) + SUFFIX_LENGTH >= PATH_MAX)
		return scan_fail(&scan, 0, "this path is too long");
	return check_characters(&scan);
}

int settings_read_count(uint32_t *out, uint32_t most, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	struct decimal decimal;

	if (scan_decimal(&scan, &decimal) < 0)
		return scan_fail(&scan, 0, "expected a whole number from 1 to %u", most);
	if (scan_finish(&scan) < 0)
		return scan_fail(&scan, scan.at, "expected nothing but a whole number from 1 to %u", most);
	if (decimal.fraction != NULL || decimal.is_huge || decimal.whole < 1 || decimal.whole > most)
		return scan_fail(&scan, decimal.at, "this must be a whole number from 1 to %u", most);
	*out = (uint32_t)decimal.whole;
	return 0;
}

int settings_read_mode(uint32_t *out, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	uint32_t mode = 0;
	size_t at = 0;

	for (; text[at] >= '0' && text[at] <= '7' && mode <= MODE_MAX; at++)
		mode = mode * 8 + (uint32_t)(text[at] - '0');
	if (text[at] != '\0' || mode > MODE_MAX)
		return scan_fail(&scan, at, "permission bits are an octal number from 0600 to 0777, such as 0640");
	if ((mode & OWNER_BITS) != OWNER_BITS)
		return scan_fail(&scan, 0, "the owner must be able to read and write: 0600 is the least");
	*out = mode;
	return 0;
}

int settings_read_switch(bool *out, const char *text, struct units_fault *fault)
{
	struct scan scan = {.text = text, .fault = fault};
	bool is_yes = scan_take_word(&scan, "yes");

	if ((!is_yes && !scan_take_word(&scan, "no")) || text[scan.at] != '\0')
		return scan_fail(&scan, 0, "expected yes or no");
	*out = is_yes;
	return 0;
}
