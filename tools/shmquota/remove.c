/* SPDX-License-Identifier: MIT */
/*
 * shmquota remove: takes a segment's name away, also that of a damaged one.
 */
#include "trail.h"

#include <errno.h>
#include <stdio.h>

/* For work where that is allowed, or to look at; NULL where it cannot be opened, as it may be damaged. */
static struct shmq_segment *open_anyhow(const char *name)
{
	struct shmq_segment *segment;

	if (shmq_segment_open(&segment, name, SHMQ_WORK) == 0 || shmq_segment_open(&segment, name, SHMQ_OBSERVE) == 0)
		return segment;
	return NULL;
}

/* Who will go on with the segment when its name is gone. */
static unsigned live_workers(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	return segment_workers(segment, &info).alive;
}

static void say_removed(const char *name, unsigned alive)
{
	if (alive > 0)
		printf("removed %s; %u live worker%s of it go%s on until the host closes it\n", name, alive,
		       alive == 1 ? "" : "s", alive == 1 ? "es" : "");
	else
		printf("removed %s\n", name);
}

static int remove_one(const struct invocation *invocation, const char *typed)
{
	struct shmq_segment *segment;
	char name[SEGMENT_PATH_MAX];
	unsigned alive = 0;
	int result;

	if (!segment_name_typed(name, sizeof(name), typed))
		return segment_failed("remove", typed, -EINVAL);
	segment = open_anyhow(name);
	if (segment)
		alive = live_workers(segment);
	result = shmq_segment_remove(name);
	/* Who follows its events still reads them. */
	if (result == 0 && segment)
		trail_leave(invocation, segment, NULL);
	shmq_segment_close(segment);
	if (result < 0)
		return segment_failed("remove", name, result);
	if (!invocation->quiet)
		say_removed(name, alive);
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
