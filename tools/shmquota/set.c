/* SPDX-License-Identifier: MIT */
/*
 * shmquota set: other limits for a component that is registered, at once and with its usage kept.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "column.h"
#include "target.h"
#include "trail.h"

/* Read how usage is inherited. Returns an exit code. */
static int parse_inheritance(uint8_t *out, const char *typed)
{
	static const char *const words[] = {
	    [SHMQ_INHERIT_KEEP] = "keep", [SHMQ_INHERIT_PROPORTIONAL] = "proportional", [SHMQ_INHERIT_RESET] = "reset"};

	for (uint8_t i = 0; typed && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], typed) == 0) {
			*out = i;
			return EXIT_DONE;
		}
	}
	return typed ? fail(EXIT_USAGE, "There are keep, proportional and reset.", "'%s' is no way to inherit", typed)
	             : EXIT_DONE;
}

/* The quota in force, with the limits that were given. Returns 0 or what the library says. */
static int changed_quota(struct shmq_quota *out, const struct invocation *invocation, struct shmq_segment *segment)
{
	struct shmq_component *component;
	int result = shmq_component_find(&component, segment, invocation->arguments[1]);

	if (result < 0)
		return result;
	*out = (struct shmq_quota){.size = sizeof(*out)};
	result = shmq_component_quota(component, out);
	shmq_component_put(component);
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if (!invocation->is_given[r])
			continue;
		out->limit[r] = invocation->quota.limit[r];
		out->period_ns[r] = invocation->quota.period_ns[r];
	}
	return result;
}

/* What is in force now, limit by limit. */
static void say_limits(struct shmq_segment *segment, const char *name, const char *component_name)
{
	struct style style = style_of(stdout);
	char printable[TEXT_PRINTABLE_MAX];
	struct row rows[SHMQ_RESOURCES];
	struct shmq_component *component;

	if (shmq_component_find(&component, segment, component_name) < 0)
		return;
	if (rows_read(rows, component)) {
		printf("\"%s\" of %s:", text_printable(printable, sizeof(printable), component_name), name);
		for (int r = 0; r < SHMQ_RESOURCES; r++)
			printf("%s %s %s", r ? "," : "", shmq_resource_name(r),
			       row_limit_label(&rows[r], style.unicode).text);
		putchar('\n');
	}
	shmq_component_put(component);
}

static bool is_named_by_policy(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component;
	bool is_named;

	if (shmq_component_find(&component, segment, name) < 0)
		return false;
	is_named = shmq_component_source(component) == SHMQ_SOURCE_NAMED;
	shmq_component_put(component);
	return is_named;
}

static int set(const struct invocation *invocation, struct shmq_segment *segment, const char *name, uint8_t inheritance)
{
	const char *component = invocation->arguments[1];
	bool is_named = is_named_by_policy(segment, component);
	struct shmq_quota quota;
	int result = changed_quota(&quota, invocation, segment);

	if (result == 0 && invocation->inherit)
		quota.inheritance = inheritance;
	if (result == 0)
		result = shmq_component_set(segment, component, &quota);
	if (result < 0)
		return component_failed("set limits of", component, segment, name, result);
	trail_leave(invocation, segment, component);
	if (!invocation->quiet)
		say_limits(segment, name, component);
	if (!invocation->quiet && is_named)
		printf(
		    "  The policy names it: this holds until the next one is published, so write it there as well.\n");
	return EXIT_DONE;
}

int verb_set(const struct invocation *invocation)
{
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	uint8_t inheritance = SHMQ_INHERIT_KEEP;
	int code = parse_inheritance(&inheritance, invocation->inherit);

	if (code != EXIT_DONE)
		return code;
	if (!invocation->has_quota)
		return fail(EXIT_USAGE, "Such as --storage 2GB; 'shmquota help set' lists them.", "no limit is given");
	code = target_open(&segment, name, invocation->arguments[0], SHMQ_CONTROL);
	if (code != EXIT_DONE)
		return code;
	code = set(invocation, segment, name, inheritance);
	shmq_segment_close(segment);
	return code;
}
