/* SPDX-License-Identifier: MIT */
/*
 * From what a section and those it inherits from say to a quota.
 *
 * How rates find their window:
 *
 *   - A rate with a period of its own ("100/h") has that one, wherever it is inherited.
 *   - A bare rate ("100") and a percentage ("50%") count per reset_period: the nearest that is said, else one second.
 *     This holds for inherited ones too: a component that says nothing but `reset_period = 1min` may do per minute what
 *     bare rates of [default] say.
 *   - The built-in defaults are rates per second of their own; reset_period does not stretch them.
 *
 * Complained of is what cannot be, by the section one of whose own values is to blame; where all are inherited, the
 * section that they come from has the same fault.
 */
#ifndef SHMQ_POLICY_RESOLVE_H
#define SHMQ_POLICY_RESOLVE_H

#include "policy/chain.h"

/* Resolve the quota of a section. With `complaints` NULL nothing is complained of. */
void resolve_quota(struct shmq_quota *out, const struct draft *draft, const struct draft_section *section,
                   struct complaints *complaints);

/*
 * The value that a setting of a resource follows from, or NULL where it is built in. A bucket's algorithm may follow
 * from its burst.
 */
const struct draft_value *resolve_origin(const struct draft *draft, const struct draft_section *section, int resource,
                                         enum setting setting);

#endif
