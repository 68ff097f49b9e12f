/* SPDX-License-Identifier: MIT */
/*
 * shmquota remove: takes a segment's name away, also that of a damaged one.
 */
#include "verb.h"

#include <errno.h>
#include <stdio.h>

/* Who will go on with the segment when its name is gone; nobody where it cannot be opened. */
static unsigned live_workers(const char *name)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct worker_count workers;
	struct shmq_segment *segment;

	if (shmq_segment_open(&segment, name, SHMQ_OBSERVE) < 0)
		return 0;
	shmq_segment_info(segment, &info);
	workers = segment_workers(segment, &info);
	shmq_segment_close(segment);
	return workers.alive;
}

static int remove_one(const struct invocation *invocation, const char *typed)
{
	char name[SEGMENT_PATH_MAX];
	unsigned alive;
	int result;

	if (!segment_name_typed(name, sizeof(name), typed))
		return segment_failed("remove", typed, -EINVAL);
	alive = live_workers(name);
	result = shmq_segment_remove(name);
	if (result < 0)
		return segment_failed("remove", name, result);
	if (!invocation->quiet && alive > 0)
		printf("removed %s; %u live worker%s of it go%s on until the host closes it\n", name, alive,
		       alive == 1 ? "" : "s", alive == 1 ? "es" : "");
	else if (!invocation->quiet)
		printf("removed %s\n", name);
	return EXIT_DONE;
}

/* As with rm, one that cannot be removed does not keep the others. */
int verb_remove(const struct invocation *invocation)
{
	int code = EXIT_DONE;

	for (size_t i = 0; i < invocation->count; i++) {
		int one = remove_one(invocation, invocation->arguments[i]);

		code = code == EXIT_DONE ? one : code;
	}
	return code;
}
