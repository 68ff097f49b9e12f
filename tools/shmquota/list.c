/* SPDX-License-Identifier: MIT */
/*
 * shmquota list: the segments of this machine.
 */
#include "verb.h"

#include <stdio.h>

#include "listing.h"
#include "render.h"

int verb_list(const struct invocation *invocation)
{
	struct style style = style_of(stdout);
	struct segment_names names;
	int result = segment_names_find(&names);

	if (result < 0)
		return fail(EXIT_FAILED, "POSIX shared memory needs it mounted as a tmpfs.", "cannot read %s: %s",
		            SEGMENT_FOLDER, shmq_strerror(result));
	if (invocation->json)
		listing_json(stdout, &names);
	else if (names.count > 0)
		listing_text(stdout, &style, &names);
	else
		fprintf(stderr, "There is no segment in " SEGMENT_FOLDER ".\n");
	segment_names_free(&names);
	return EXIT_DONE;
}
