/* SPDX-License-Identifier: MIT */
/*
 * A policy: all quotas and capabilities, read from INI files, ready to be published.
 *
 * Later files override earlier ones key by key. Only when all files are read does anything inherit what it does not say
 * (chain.h). A policy keeps its draft, so that it can tell of every value where it stands. Nothing in it depends on the
 * order of sections in a file.
 *
 * Where [segment] does not say `components`, there is room for as many as the policy names, 1024 at least; the same with
 * `rules` and what the policy takes of them.
 */
#ifndef SHMQ_POLICY_POLICY_H
#define SHMQ_POLICY_POLICY_H

#include "policy/draft.h"

/* One section as it counts in the end. */
struct policy_rule {
	const struct draft_section *section;
	const char *name; /* of a group "group:NAME"; of [default] "" */
	struct shmq_quota quota;
};

struct shmq_policy {
	struct draft draft;
	struct shmq_options options;
	struct policy_rule *rules;
	size_t first[SHMQ_RULE_KINDS + 1]; /* where each enum shmq_rule_kind begins among the rules, and their end */
};

static inline size_t policy_count(const struct shmq_policy *policy, enum shmq_rule_kind kind)
{
	return policy->first[kind + 1] - policy->first[kind];
}

/* The public functions; see shmquota.h. */
int policy_load(struct shmq_policy **out, const char *const paths[], size_t count, struct shmq_report *report);
void policy_free(struct shmq_policy *policy);
const char *policy_segment_name(const struct shmq_policy *policy);
int policy_complaint_format(char *text, size_t size, const struct shmq_complaint *complaint);

/* The rule that holds for a component of this name: by its own section, by the best pattern, or by default. */
size_t policy_find(const struct shmq_policy *policy, const char *name);

#endif
