/* SPDX-License-Identifier: MIT */
/*
 * What a section grants, all that it inherits included.
 *
 * Each permission goes its own way: the nearest section that says it with "=" ends it, and the sections before that one
 * add with "+=". So a component that gives its own list of a permission has that list and nothing else of it, and keeps
 * what it inherits of all others.
 */
#ifndef SHMQ_POLICY_CAPABILITIES_H
#define SHMQ_POLICY_CAPABILITIES_H

#include "policy/chain.h"

struct capability {
	const char *permission;
	const struct draft_grant *grant;
};

/* A walk over them: permissions by name, the patterns of each from the nearest section on. */
struct capability_walk {
	const struct draft_section *at[CHAIN_PERMISSIONS_MAX];
	const struct draft_permission *left[CHAIN_PERMISSIONS_MAX]; /* of each section: the permissions to come */
	size_t count;
	const char *permission;
	const struct draft_grant *grant; /* the next one */
	size_t section;                  /* which it is from */
	bool is_last;                    /* no further section has a say in this permission */
};

void capability_begin(struct capability_walk *walk, const struct draft *draft, const struct draft_section *section);

/* Returns false at the end. */
bool capability_step(struct capability_walk *walk, struct capability *out);

#endif
