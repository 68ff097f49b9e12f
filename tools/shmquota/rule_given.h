/* SPDX-License-Identifier: MIT */
/*
 * What a rule gives: limits, a group, grants. It is what rule_text.h writes out, but for the places where values stand.
 *
 * Of a million components most are as they were, and to see that takes a tenth of the time that their text would take.
 * What is the same here reads the same; what is told apart may still read the same.
 */
#ifndef RULE_GIVEN_H
#define RULE_GIVEN_H

#include <shmquota.h>

struct rule_given {
	struct shmq_quota quota;
	char group[SHMQ_NAME_MAX + 1]; /* "" for none */
	bool is_group;                 /* which grants nothing itself */

	/* Whose grants they are: a component's, or those of a rule of a policy. */
	struct shmq_component *component;
	const struct shmq_policy *policy;
	size_t index;
};

/* What a rule gives. The policy must outlive it. */
void rule_given_of_policy(struct rule_given *out, const struct shmq_policy *policy, size_t index);

/* What a component has. The handle must outlive it. Returns 0, or a result of the library. */
int rule_given_of_component(struct rule_given *out, struct shmq_segment *segment, struct shmq_component *component);

/*
 * What is different: a bit for each value of rule_text.h, and RULE_GRANTS. Only these need to be written out to be
 * compared as text.
 */
uint64_t rule_given_differences(const struct rule_given *a, const struct rule_given *b);

#endif
