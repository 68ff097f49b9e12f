/* SPDX-License-Identifier: MIT */
/*
 * shmquota release: gives back part of a level.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "render.h"
#include "target.h"
#include "trail.h"
#include "units.h"

static int release_failed(const char *component, struct shmq_segment *segment, const char *name, int resource,
                          int result)
{
	char printable[TEXT_PRINTABLE_MAX];

	text_printable(printable, sizeof(printable), component);
	if (result == -EOPNOTSUPP)
		return fail(EXIT_USAGE, "It is given back when its window ends; 'shmquota reset' starts windows anew.",
		            "%s is a rate: it cannot be released", shmq_resource_name(resource));
	if (result == -ERANGE)
		return fail(EXIT_FAILED, "It stands at zero now.", "less than that was used of %s by \"%s\" in %s",
		            shmq_resource_name(resource), printable, name);
	return component_failed("release of", component, segment, name, result);
}

/* Memory is what live workers hold: they give it back themselves, unless the host took it without stating it. */
static void say_released(const struct invocation *invocation, struct shmq_segment *segment, const char *name,
                         int resource, uint64_t amount)
{
	struct shmq_info info = {.size = sizeof(info)};
	char printable[TEXT_PRINTABLE_MAX];

	printf("released %s of %s of \"%s\" in %s\n", bytes_label(amount).text, shmq_resource_name(resource),
	       text_printable(printable, sizeof(printable), invocation->arguments[1]), name);
	shmq_segment_info(segment, &info);
	if (resource == SHMQ_MEMORY && segment_workers(segment, &info).alive > 0)
		printf("  What live workers hold of it is admitted a second time: 'shmquota verify %s' tells.\n", name);
}

int verb_release(const struct invocation *invocation)
{
	const char *component_name = invocation->arguments[1];
	int resource = target_resource(invocation->arguments[2]);
	char name[SEGMENT_PATH_MAX];
	struct shmq_component *component;
	struct shmq_segment *segment;
	uint64_t amount;
	int result, code = resource < 0 ? EXIT_USAGE : target_amount(&amount, resource, invocation->arguments[3]);

	if (code == EXIT_DONE)
		code = target_open(&segment, name, invocation->arguments[0], SHMQ_WORK);
	if (code != EXIT_DONE)
		return code;
	result = shmq_component_find(&component, segment, component_name);
	if (result == 0) {
		result = shmq_release(component, resource, amount);
		shmq_component_put(component);
	}
	if (result == 0 || result == -ERANGE)
		trail_leave(invocation, segment, component_name);
	if (result < 0)
		code = release_failed(component_name, segment, name, resource, result);
	else if (!invocation->quiet)
		say_released(invocation, segment, name, resource, amount);
	shmq_segment_close(segment);
	return code;
}
