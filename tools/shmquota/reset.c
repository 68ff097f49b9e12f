/* SPDX-License-Identifier: MIT */
/*
 * shmquota reset: starts the usage of components anew. Work access is all it needs: no policy is touched.
 */
#include "trail.h"

#include <errno.h>
#include <stdio.h>

#include "render.h"
#include "units.h"

static int reset_by_name(struct shmq_segment *segment, const char *name, const char *component_name)
{
	struct shmq_component *component;
	int result = shmq_component_find(&component, segment, component_name);

	if (result == 0) {
		result = shmq_reset(component);
		shmq_component_put(component);
	}
	return result < 0 ? component_failed("reset", component_name, segment, name, result) : EXIT_DONE;
}

/* Reset every component there is; one that is unregistered meanwhile needs it no more. */
static int reset_all(const struct invocation *invocation, struct shmq_segment *segment, const char *name)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint64_t count = 0;

	shmq_segment_info(segment, &info);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *component;
		int result = shmq_component_at(&component, segment, id);

		if (result == 0) {
			result = shmq_reset(component);
			shmq_component_put(component);
		}
		if (result < 0 && result != -ENOENT && result != -ESTALE)
			return segment_failed("reset the components of", name, result);
		count += result == 0;
	}
	if (!invocation->quiet)
		printf("reset all of %s: %s\n", name, components_label(count).text);
	return EXIT_DONE;
}

static int reset_named(const struct invocation *invocation, struct shmq_segment *segment, const char *name)
{
	char printable[TEXT_PRINTABLE_MAX];
	int code = EXIT_DONE;

	for (size_t i = 1; i < invocation->count; i++) {
		int one = reset_by_name(segment, name, invocation->arguments[i]);

		if (one == EXIT_DONE && !invocation->quiet)
			printf("reset \"%s\" of %s\n",
			       text_printable(printable, sizeof(printable), invocation->arguments[i]), name);
		code = code == EXIT_DONE ? one : code;
	}
	return code;
}

int verb_reset(const struct invocation *invocation)
{
	struct shmq_segment *segment;
	char name[SEGMENT_PATH_MAX];
	int code;

	if (invocation->all == (invocation->count > 1))
		return fail(EXIT_USAGE, "'shmquota help reset' shows examples.",
		            invocation->all ? "either --all or components, not both"
		                            : "say which components to reset, or --all");
	if (!segment_name_typed(name, sizeof(name), invocation->arguments[0]))
		return segment_failed("open", invocation->arguments[0], -EINVAL);
	code = segment_open(&segment, name, SHMQ_WORK);
	if (code != EXIT_DONE)
		return code;
	code = invocation->all ? reset_all(invocation, segment, name) : reset_named(invocation, segment, name);
	if (code == EXIT_DONE)
		trail_leave(invocation, segment, invocation->count == 2 ? invocation->arguments[1] : NULL);
	shmq_segment_close(segment);
	return code;
}
