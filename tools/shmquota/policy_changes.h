/* SPDX-License-Identifier: MIT */
/*
 * What a policy would change: of a policy in force, or of one in other files.
 *
 * Changes are written as they are found and counted; nothing is kept. What would keep the policy from being published
 * is found, too, as far as it can be told in advance.
 */
#ifndef POLICY_CHANGES_H
#define POLICY_CHANGES_H

#include <stdio.h>

#include "render.h"
#include "verb.h"

struct changes {
	FILE *stream; /* NULL: only count */
	struct style style;
	bool is_json;
	size_t added, removed, changed;
	size_t obstacles;                 /* what would keep it from being published */
	const struct shmq_policy *policy; /* whose [default] says what goes without saying of a new rule */
};

/* Begin and end what is written; `from` says what the policy is compared with. */
struct changes changes_begin(FILE *stream, bool is_json, const char *from);
void changes_end(const struct changes *changes);

static inline bool changes_are_none(const struct changes *changes)
{
	return changes->added + changes->removed + changes->changed == 0;
}

/* "2 added, 1 removed, 3 changed", or "no changes". */
void changes_summary(char *text, size_t size, const struct changes *changes);

/* Returns an exit code. */
int changes_of_segment(struct changes *changes, struct shmq_segment *segment, const struct shmq_policy *policy);

void changes_of_policy(struct changes *changes, const struct shmq_policy *before, const struct shmq_policy *policy);

#endif
