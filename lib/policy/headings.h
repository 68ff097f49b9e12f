/* SPDX-License-Identifier: MIT */
/*
 * The names that sections may have: [class:NAME], [group:NAME], [component:NAME] and [component:PATTERN].
 *
 * A group is a component, called "group:NAME"; so a group's name has that much less room, and no component's begins
 * like that. "none" means no class and no group where one is named, so neither can be called that.
 */
#ifndef SHMQ_POLICY_HEADINGS_H
#define SHMQ_POLICY_HEADINGS_H

#include "base/text.h"
#include "policy/complain.h"
#include "policy/keys.h"
#include "policy/line.h"

#define HEADINGS_GROUP TEXT_GROUP
#define HEADINGS_NONE "none"

struct heading_name {
	bool is_pattern;
	char text[LINE_SIZE]; /* as draft_find() takes it */
};

/* Read the name of a section's line. Returns false where it is none, after complaining. */
bool headings_read(struct heading_name *out, enum section section, const struct line *line, const struct place *place,
                   struct complaints *complaints);

#endif
