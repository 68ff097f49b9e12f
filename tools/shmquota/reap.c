/* SPDX-License-Identifier: MIT */
/*
 * shmquota reap: gives back what dead workers held, for hosts that do not call shmq_housekeep() themselves or are gone.
 * With control access it repairs what a dead controller left, too; without, work access serves.
 */
#include "trail.h"

#include <errno.h>
#include <stdio.h>

#include "render.h"

static int open_for_most(struct shmq_segment **out, const char *name)
{
	int result = shmq_segment_open(out, name, SHMQ_CONTROL);

	if (result != -EACCES)
		return result < 0 ? segment_failed("open", name, result) : EXIT_DONE;
	return segment_open(out, name, SHMQ_WORK);
}

int verb_reap(const struct invocation *invocation)
{
	const char *typed = invocation->arguments[0];
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment = NULL;
	int recovered, code;

	if (!segment_name_typed(name, sizeof(name), typed))
		return segment_failed("open", typed, -EINVAL);
	code = open_for_most(&segment, name);
	if (code != EXIT_DONE)
		return code;
	recovered = shmq_housekeep(segment);
	if (recovered > 0)
		trail_leave(invocation, segment, NULL);
	if (recovered < 0)
		code = segment_failed("reap the dead workers of", name, recovered);
	else if (!invocation->quiet)
		printf("recovered %d dead thread%s of %s\n", recovered, recovered == 1 ? "" : "s", name);
	shmq_segment_close(segment);
	return code;
}
