/* SPDX-License-Identifier: MIT */
/*
 * From names of classes and groups to their sections.
 *
 * Every section gets its class and its group, or none. What is left has no cycle, no more than CHAIN_CLASSES_MAX classes
 * above a section and no more than CHAIN_GROUPS_MAX groups above a component; what was wrong has been complained of and
 * cut.
 */
#ifndef SHMQ_POLICY_LINKS_H
#define SHMQ_POLICY_LINKS_H

#include "policy/draft.h"

void links_make(struct draft *draft);

#endif
