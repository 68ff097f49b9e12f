/* SPDX-License-Identifier: MIT */
/*
 * Several segments read at one time, whole, for programs that write or serve their figures.
 */
#ifndef GATHER_H
#define GATHER_H

#include "selection.h"

struct gathered {
	char name[SEGMENT_PATH_MAX];
	int result; /* of opening it; with anything but 0 there is nothing else */
	struct overview overview;
	struct row_set set;
};

struct gathering {
	struct gathered *segment;
	size_t count;
};

/* Which segments and components. */
struct gather_choice {
	char *const *names; /* as typed; all segments of this machine where there are none */
	size_t name_count;
	char *const *include, *const *exclude;
	size_t include_count, exclude_count;
};

/* Read them all. Returns 0, or -ENOMEM with nothing gathered. */
int gather(struct gathering *out, const struct gather_choice *choice);
void gathering_free(struct gathering *gathering);

#endif
