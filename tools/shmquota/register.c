/* SPDX-License-Identifier: MIT */
/*
 * shmquota register and unregister: components that no policy names, by themselves or by a manifest.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"
#include "trail.h"

/* "100/h": messages, and the window's length. Without a slash it is per second. */
static int parse_message_rate(uint64_t *limit, uint64_t *period_ns, const char *text)
{
	const char *slash = strchr(text, '/');
	char period[32] = "1s";
	char *end;

	if (strcmp(text, "unlimited") == 0) {
		*limit = SHMQ_UNLIMITED;
		return 0;
	}
	/* The C library would take a sign and white space. */
	if (*text < '0' || *text > '9')
		return EINVAL;
	errno = 0;
	*limit = strtoull(text, &end, 10);
	if (errno || (slash ? end != slash : *end != '\0') || *limit > SHMQ_AMOUNT_MAX)
		return EINVAL;
	/* "/h" is one hour, "/10s" is ten seconds. */
	if (slash)
		snprintf(period, sizeof(period), "%s%s", slash[1] >= '0' && slash[1] <= '9' ? "" : "1", slash + 1);
	return shmq_parse_duration(period_ns, period) == 0 ? 0 : EINVAL;
}

int limit_option(struct shmq_quota *quota, int key, const char *argument)
{
	uint64_t *limit = quota->limit;

	switch (key) {
	case OPTION_STORAGE:
		return shmq_parse_size(&limit[SHMQ_STORAGE], argument) == 0 ? 0 : EINVAL;
	case OPTION_MESSAGE_RATE:
		return parse_message_rate(&limit[SHMQ_MESSAGES], &quota->period_ns[SHMQ_MESSAGES], argument);
	case OPTION_NETWORK:
		return shmq_parse_bandwidth(&limit[SHMQ_NETWORK], argument) == 0 ? 0 : EINVAL;
	case OPTION_CPU:
		return shmq_parse_cpu(&limit[SHMQ_CPU], argument) == 0 ? 0 : EINVAL;
	case OPTION_MEMORY:
		return shmq_parse_size(&limit[SHMQ_MEMORY], argument) == 0 ? 0 : EINVAL;
	default:
		return EINVAL;
	}
}

/* Open the segment of the first argument for control. */
static int open_control(struct shmq_segment **out, char name[SEGMENT_PATH_MAX], const struct invocation *invocation)
{
	if (!segment_name_typed(name, SEGMENT_PATH_MAX, invocation->arguments[0]))
		return segment_failed("open", invocation->arguments[0], -EINVAL);
	return segment_open(out, name, SHMQ_CONTROL);
}

static int register_manifest(const struct invocation *invocation, struct shmq_segment *segment, const char *name)
{
	char printable[TEXT_PRINTABLE_MAX];
	struct shmq_manifest *manifest;
	const char *component;
	int result, code = policy_load_manifest(&manifest, invocation->manifest);

	if (code != EXIT_DONE)
		return code;
	component = shmq_manifest_name(manifest);
	result = shmq_component_register_manifest(segment, manifest);
	if (result == 0)
		trail_leave(invocation, segment, component);
	if (result < 0)
		code = component_failed("register", component, segment, name, result);
	else if (!invocation->quiet)
		printf("registered \"%s\"%s%s in %s\n", text_printable(printable, sizeof(printable), component),
		       shmq_manifest_version(manifest) ? " version " : "",
		       shmq_manifest_version(manifest) ? shmq_manifest_version(manifest) : "", name);
	shmq_manifest_free(manifest);
	return code;
}

static int register_component(const struct invocation *invocation, struct shmq_segment *segment, const char *name)
{
	const char *component = invocation->arguments[1];
	char printable[TEXT_PRINTABLE_MAX];
	int result = shmq_component_register(segment, component, invocation->has_quota ? &invocation->quota : NULL);

	if (result < 0)
		return component_failed("register", component, segment, name, result);
	trail_leave(invocation, segment, component);
	if (!invocation->quiet)
		printf("registered \"%s\" in %s\n", text_printable(printable, sizeof(printable), component), name);
	return EXIT_DONE;
}

int verb_register(const struct invocation *invocation)
{
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment = NULL;
	int code;

	if (!invocation->manifest && invocation->count < 2)
		return fail(EXIT_USAGE, "'shmquota register --help' has examples.",
		            "name a component, or give --manifest");
	if (invocation->manifest && (invocation->count > 1 || invocation->has_quota))
		return fail(EXIT_USAGE, "'shmquota register --help' has examples.",
		            "a manifest says which component it is and what it asks for; leave the rest out");
	code = open_control(&segment, name, invocation);
	if (code != EXIT_DONE)
		return code;
	code = invocation->manifest ? register_manifest(invocation, segment, name)
	                            : register_component(invocation, segment, name);
	shmq_segment_close(segment);
	return code;
}

int verb_unregister(const struct invocation *invocation)
{
	char name[SEGMENT_PATH_MAX], printable[TEXT_PRINTABLE_MAX];
	struct shmq_segment *segment = NULL;
	int code = open_control(&segment, name, invocation);
	size_t done = 0;

	if (code != EXIT_DONE)
		return code;
	for (size_t i = 1; i < invocation->count; i++) {
		const char *component = invocation->arguments[i];
		int result = shmq_component_unregister(segment, component);

		done += result == 0;
		if (result < 0)
			code = component_failed("unregister", component, segment, name, result);
		else if (!invocation->quiet)
			printf("unregistered \"%s\" from %s\n", text_printable(printable, sizeof(printable), component),
			       name);
	}
	if (done > 0)
		trail_leave(invocation, segment, NULL);
	shmq_segment_close(segment);
	return code;
}
