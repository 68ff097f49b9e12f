/* SPDX-License-Identifier: MIT */
/*
 * shmquota serve where the HTTP library was not there when it was built.
 */
#include "verb.h"

int verb_serve(const struct invocation *invocation)
{
	(void)invocation;
	return fail(EXIT_FAILED, "'shmquota export -d 15s -o FILE' writes the same metrics for a textfile collector.",
	            "this shmquota was built without libmicrohttpd, so it cannot serve");
}
