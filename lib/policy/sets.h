/* SPDX-License-Identifier: MIT */
/*
 * The sets of capabilities of a policy, as a segment stores them: each of them once, however many rules have it.
 *
 * Sets are the same when they have the same bytes, so what thousands of components inherit from [default] is one set.
 */
#ifndef SHMQ_POLICY_SETS_H
#define SHMQ_POLICY_SETS_H

#include "policy/policy.h"
#include "shm/layout.h"

/* Places count files in what their lines leave of 32 bits; further files have no number. */
#define SETS_FILES_MAX ((UINT32_C(1) << (32 - PLACE_LINE_BITS)) - 1)

struct set {
	struct set *next; /* in the order in which they were met */
	uint32_t offset;  /* for the caller: where it was put */
	size_t bytes;
	unsigned char *text; /* aligned as core/capability.h wants it */
};

/* What a rule grants; NULL where that is nothing. */
struct rule_set {
	struct set *set;
};

/*
 * What was found for a section that says nothing of permissions itself: it has what its class and its group give, as has
 * the next one of the same two.
 */
struct inherited_set {
	const struct draft_section *class, *group;
	struct set *set;
	bool is_known;
};

#define SETS_INHERITED 256 /* so many of them are remembered */

struct sets {
	struct set *first, **last;
	void *index;              /* a tree of tsearch() */
	struct rule_set *of_rule; /* by the number of the rule */
	struct inherited_set inherited[SETS_INHERITED];
};

/* Encode the sets of all rules. Returns 0 or -ENOMEM; free them in any case. The policy has no errors. */
int sets_collect(struct sets *out, const struct shmq_policy *policy);
void sets_free(struct sets *sets);

/* How many bytes of a segment's rules area files, patterns and sets take together. */
uint64_t sets_rules_bytes(const struct sets *sets, const struct shmq_policy *policy);

/* A place as a segment stores it: [file number:10 | line:22], 0 where it has no room for it. */
uint32_t sets_place(unsigned file, unsigned line);

#endif
