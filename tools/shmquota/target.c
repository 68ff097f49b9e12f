/* SPDX-License-Identifier: MIT */
/*
 * Segments, resources and amounts as people type them.
 */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nearest.h"
#include "render.h"

static int only_segment(char out[SEGMENT_PATH_MAX])
{
	struct segment_names names = {0};
	int code = EXIT_DONE;

	segment_names_find(&names);
	if (names.count == 1)
		snprintf(out, SEGMENT_PATH_MAX, "%s", names.name[0]);
	else if (names.count == 0)
		code =
		    fail(EXIT_NOT_FOUND,
		         "A host makes one when it starts, or 'shmquota create POLICY.ini'; one at a path of its own "
		         "has to be named.",
		         "there is no segment in " SEGMENT_FOLDER);
	else
		code = fail(EXIT_USAGE, "'shmquota list' shows them.",
		            "there are %zu segments on this machine: say which", names.count);
	segment_names_free(&names);
	return code;
}

int target_name(char out[SEGMENT_PATH_MAX], const char *typed)
{
	if (!typed)
		return only_segment(out);
	if (!segment_name_typed(out, SEGMENT_PATH_MAX, typed))
		return segment_failed("open", typed, -EINVAL);
	return EXIT_DONE;
}

int target_open(struct shmq_segment **out, char name[SEGMENT_PATH_MAX], const char *typed, enum shmq_access wanted)
{
	int code = target_name(name, typed);

	if (code == EXIT_DONE && wanted == SHMQ_OBSERVE && segment_look(out, name) == 0)
		return EXIT_DONE;
	return code == EXIT_DONE ? segment_open(out, name, wanted) : code;
}

int resource_named(const char *word)
{
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if (strcmp(shmq_resource_name(r), word) == 0)
			return r;
	}
	return -1;
}

int target_resource(const char *typed)
{
	char printable[TEXT_PRINTABLE_MAX], advice[NEAREST_MAX + 96];
	struct nearest nearest = nearest_to(typed);
	int resource = resource_named(typed);

	if (resource >= 0)
		return resource;
	for (int r = 0; r < SHMQ_RESOURCES; r++)
		nearest_offer(&nearest, shmq_resource_name(r));
	if (*nearest.best)
		snprintf(advice, sizeof(advice), "Did you mean '%s'?", nearest.best);
	else
		snprintf(advice, sizeof(advice), "There are storage, messages, network, cpu and memory.");
	fail(EXIT_USAGE, advice, "there is no resource '%s'", text_printable(printable, sizeof(printable), typed));
	return -1;
}

static int parse_amount(uint64_t *out, int resource, const char *typed)
{
	char *end;
	int result;

	if (resource == SHMQ_CPU) {
		result = shmq_parse_duration(out, typed);
		*out = result == 0 ? *out / 1000 : *out;
		/* A bare number would be seconds to some and microseconds to others. */
		return result == 0 && typed[strspn(typed, "0123456789. ")] == '\0' && *out > 0 ? -EINVAL : result;
	}
	if (resource != SHMQ_MESSAGES)
		return shmq_parse_size(out, typed);
	errno = 0;
	*out = strtoull(typed, &end, 10);
	return errno || *typed < '0' || *typed > '9' || *end ? -EINVAL : 0;
}

int target_amount(uint64_t *out, int resource, const char *typed)
{
	static const char *const advice[SHMQ_RESOURCES] = {
	    [SHMQ_STORAGE] = "Write bytes, such as 4096, 100KB or 1.5GiB.",
	    [SHMQ_MESSAGES] = "Write a number of messages, such as 1.",
	    [SHMQ_NETWORK] = "Write bytes, such as 4096, 100KB or 1.5GiB.",
	    [SHMQ_CPU] = "Write CPU time with its unit, such as 250ms or 2s.",
	    [SHMQ_MEMORY] = "Write bytes, such as 4096, 100KB or 1.5GiB.",
	};
	char printable[TEXT_PRINTABLE_MAX];

	if (parse_amount(out, resource, typed) == 0 && *out <= SHMQ_AMOUNT_MAX)
		return EXIT_DONE;
	return fail(EXIT_USAGE, advice[resource], "'%s' is no amount of %s",
	            text_printable(printable, sizeof(printable), typed), shmq_resource_name(resource));
}
