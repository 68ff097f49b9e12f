/* SPDX-License-Identifier: MIT */
/*
 * Where a component, a class or a group takes what it does not say itself: its sections, nearest first.
 *
 *     limits and settings   its own section, its classes, [default]; what nobody says is built in
 *     permissions           the same, with the groups above it and their classes before [default]
 *
 * The nearest section that says something wins; within one section what is said of a resource wins over what is said of
 * all. A burst is part of the limit: whoever gives a limit gives the burst with it, or none. [default] is for
 * components, so a group takes its settings from there but not its limits, leases and group: a group that says nothing
 * of a resource does not limit it.
 */
#ifndef SHMQ_POLICY_CHAIN_H
#define SHMQ_POLICY_CHAIN_H

#include "policy/draft.h"

#define CHAIN_CLASSES_MAX 16 /* classes above a section, or it is an error */
#define CHAIN_GROUPS_MAX 4   /* groups above a component; the segment has room for no more */
#define CHAIN_MAX (1 + CHAIN_CLASSES_MAX + 1)
#define CHAIN_PERMISSIONS_MAX ((1 + CHAIN_GROUPS_MAX) * (1 + CHAIN_CLASSES_MAX) + 1)

struct chain {
	const struct draft_section *at[CHAIN_MAX];
	size_t count;
	bool is_of_group;
};

/* Follow the classes of a section, [default] included. Needs links.c to have been there. */
void chain_of(struct chain *out, const struct draft *draft, const struct draft_section *section);

/* What is said for a key that stands for itself: reset_period, inherit, group; or NULL. */
const struct draft_value *chain_value(const struct chain *chain, enum key key);

/* What is said for a setting of a resource other than its burst and its algorithm, for itself or for all; or NULL. */
const struct draft_value *chain_setting(const struct chain *chain, int resource, enum setting setting);

/*
 * What a rate's burst and its algorithm follow from; either may be NULL. A burst is a value of its own or part of the
 * limit; an algorithm is a value of its own, or the burst that implies `bucket`.
 */
const struct draft_value *chain_burst(const struct chain *chain, int resource);
const struct draft_value *chain_algorithm(const struct chain *chain, int resource);

/* The amount of a burst that chain_burst() found. */
uint64_t chain_burst_amount(const struct draft_value *value);

/* The sections that permissions come from, nearest first. Returns how many. */
size_t chain_of_permissions(const struct draft_section *out[CHAIN_PERMISSIONS_MAX], const struct draft *draft,
                            const struct draft_section *section);

#endif
