/* SPDX-License-Identifier: MIT */
/*
 * One change as people and programs read it: a rule that comes, goes, or becomes another.
 */
#ifndef CHANGE_TEXT_H
#define CHANGE_TEXT_H

#include "policy_changes.h"
#include "rule_text.h"

/*
 * Compare a rule before and after, of which one may be NULL: it comes or goes. Writes and counts what is different;
 * nothing happens where they are the same.
 */
void change_report(struct changes *changes, const struct rule_text *before, const struct rule_text *after);

/* Write and count what would keep the policy from being published. */
void change_obstacle(struct changes *changes, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
