/* SPDX-License-Identifier: MIT */
/*
 * The permissions of a section: patterns, added one by one.
 *
 * "=" begins anew: what other sections and earlier files say of the permission does not count any more. "+=" adds to
 * that. In one section of a file "=" stands once, and before any "+=", so that the order of lines has one meaning.
 */
#ifndef SHMQ_POLICY_PERMISSIONS_H
#define SHMQ_POLICY_PERMISSIONS_H

#include "policy/draft.h"

/* Set a permission, or add to it, by a line whose key is one and whose value is not empty. */
void permissions_set(struct draft *draft, const struct line *line, const struct place *place);

void permissions_free(struct draft_section *section);

#endif
