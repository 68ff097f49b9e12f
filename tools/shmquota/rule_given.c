/* SPDX-License-Identifier: MIT */
/*
 * What rules give; see rule_given.h.
 */
#include "rule_given.h"

#include <stdio.h>
#include <string.h>

#include "rule_text.h"

/* A grant, wherever it comes from; a component's lies in `storage`. */
struct given_grant {
	const char *permission, *pattern;
	struct shmq_grant storage;
};

static void name_group(char out[SHMQ_NAME_MAX + 1], struct shmq_segment *segment, struct shmq_component *component)
{
	struct shmq_component *group;
	uint32_t id;

	if (shmq_component_group(component, &id) != 0 || shmq_component_at(&group, segment, id) != 0)
		return;
	snprintf(out, SHMQ_NAME_MAX + 1, "%s", shmq_component_name(group));
	shmq_component_put(group);
}

void rule_given_of_policy(struct rule_given *out, const struct shmq_policy *policy, size_t index)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	shmq_policy_rule(policy, index, &rule);
	*out = (struct rule_given){
	    .quota = rule.quota, .is_group = rule.kind == SHMQ_RULE_GROUP, .policy = policy, .index = index};
	if (rule.group)
		snprintf(out->group, sizeof(out->group), "%s", rule.group);
}

int rule_given_of_component(struct rule_given *out, struct shmq_segment *segment, struct shmq_component *component)
{
	*out = (struct rule_given){.quota = {.size = sizeof(out->quota)},
	                           .is_group = shmq_component_is_group(component),
	                           .component = component};
	name_group(out->group, segment, component);
	return shmq_component_quota(component, &out->quota);
}

/* Returns false behind the last one. What a manifest asks for comes last, and is no rule's. */
static bool read_grant(const struct rule_given *given, size_t number, struct given_grant *out)
{
	struct shmq_policy_grant grant;

	if (given->is_group)
		return false;
	if (given->component) {
		out->storage.size = sizeof(out->storage);
		out->permission = out->storage.permission;
		out->pattern = out->storage.pattern;
		return shmq_component_grant(given->component, number, &out->storage) == 0 && !out->storage.is_asked;
	}
	if (shmq_policy_grant(given->policy, given->index, number, &grant) != 0)
		return false;
	out->permission = grant.permission;
	out->pattern = grant.pattern;
	return true;
}

/* In the same order, too: another one may mean the same, but that does not matter here. */
static bool are_same_grants(const struct rule_given *a, const struct rule_given *b)
{
	struct given_grant first, second;

	for (size_t i = 0;; i++) {
		bool has_first = read_grant(a, i, &first);

		if (read_grant(b, i, &second) != has_first)
			return false;
		if (!has_first)
			return true;
		if (strcmp(first.permission, second.permission) != 0 || strcmp(first.pattern, second.pattern) != 0)
			return false;
	}
}

static bool is_same_part(const struct shmq_quota *a, const struct shmq_quota *b, int resource, int part)
{
	switch (part) {
	case PART_LIMIT: /* which says its period, and of a bucket its burst */
		return a->limit[resource] == b->limit[resource] && a->period_ns[resource] == b->period_ns[resource] &&
		       a->burst[resource] == b->burst[resource] && a->algorithm[resource] == b->algorithm[resource];
	case PART_ALGORITHM:
		return a->algorithm[resource] == b->algorithm[resource];
	case PART_ENFORCE:
		return a->enforcement[resource] == b->enforcement[resource];
	case PART_WARN:
		return a->warning[resource] == b->warning[resource];
	case PART_CRITICAL:
		return a->critical[resource] == b->critical[resource];
	default:
		return a->lease[resource] == b->lease[resource];
	}
}

uint64_t rule_given_differences(const struct rule_given *a, const struct rule_given *b)
{
	uint64_t differences = are_same_grants(a, b) ? 0 : RULE_GRANTS;

	if (strcmp(a->group, b->group) != 0)
		differences |= UINT64_C(1) << VALUE_GROUP;
	if (a->quota.inheritance != b->quota.inheritance)
		differences |= UINT64_C(1) << VALUE_INHERIT;
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		for (int part = 0; part < PARTS; part++)
			if (!is_same_part(&a->quota, &b->quota, resource, part))
				differences |= UINT64_C(1) << value_of(resource, part);
	return differences;
}
