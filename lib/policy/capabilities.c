/* SPDX-License-Identifier: MIT */
/*
 * Inherited permissions; see capabilities.h. Every section has its permissions sorted by name, so they are merged as
 * sorted lists are.
 */
#include "policy/capabilities.h"

#include <string.h>

void capability_begin(struct capability_walk *walk, const struct draft *draft, const struct draft_section *section)
{
	*walk = (struct capability_walk){.is_last = true};
	walk->count = chain_of_permissions(walk->at, draft, section);
	for (size_t i = 0; i < walk->count; i++)
		walk->left[i] = walk->at[i]->permissions;
	walk->section = walk->count;
}

/* Begin with the next permission by name. Returns false where there is none. */
static bool next_permission(struct capability_walk *walk)
{
	const char *first = NULL;

	for (size_t i = 0; i < walk->count; i++) {
		const struct draft_permission *left = walk->left[i];

		/* What has the current name has been seen. */
		if (left != NULL && walk->permission != NULL && strcmp(left->name, walk->permission) == 0)
			walk->left[i] = left = left->next;
		if (left != NULL && (first == NULL || strcmp(left->name, first) < 0))
			first = left->name;
	}
	walk->permission = first;
	walk->section = 0;
	walk->is_last = false;
	walk->grant = NULL;
	return first != NULL;
}

/* Go on to the next section that has a say in the current permission. Returns false where there is none. */
static bool next_section(struct capability_walk *walk)
{
	for (; walk->section < walk->count && !walk->is_last; walk->section++) {
		const struct draft_permission *permission = walk->left[walk->section];

		if (permission == NULL || strcmp(permission->name, walk->permission) != 0)
			continue;
		walk->grant = permission->first;
		walk->is_last = permission->replaces;
		walk->section++;
		return true;
	}
	return false;
}

bool capability_step(struct capability_walk *walk, struct capability *out)
{
	while (walk->grant == NULL) {
		if (walk->permission != NULL && next_section(walk))
			continue;
		if (!next_permission(walk))
			return false;
	}
	*out = (struct capability){walk->permission, walk->grant};
	walk->grant = walk->grant->next;
	return true;
}
