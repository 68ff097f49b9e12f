/* SPDX-License-Identifier: MIT */
/*
 * shmquota top where the screen's library was not there when it was built.
 */
#include "verb.h"

int verb_top(const struct invocation *invocation)
{
	(void)invocation;
	return fail(EXIT_FAILED, "'shm-dump --watch 1 --sort -used_pct' shows the same figures line by line.",
	            "this shmquota was built without ncurses, so it has no top");
}
