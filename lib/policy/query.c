/* SPDX-License-Identifier: MIT */
/*
 * Looking at a policy; see query.h. Nothing is remembered for it: origins are found as values were.
 */
#include "policy/query.h"

#include "policy/capabilities.h"
#include "policy/resolve.h"

#include <errno.h>

static struct shmq_origin origin_in(const struct shmq_policy *policy, unsigned file, unsigned line)
{
	if (file == 0)
		return (struct shmq_origin){NULL, 0};
	return (struct shmq_origin){policy->draft.files[file - 1], line};
}

void query_rule(const struct shmq_policy *policy, size_t index, struct shmq_rule *out)
{
	static const struct draft_section none;
	const struct policy_rule *rule = &policy->rules[index];
	const struct draft_section *section = rule->section;
	const struct draft_section *class = section->class == NULL ? &none : section->class;
	int kind = 0;

	while (index >= policy->first[kind + 1])
		kind++;
	*out = (struct shmq_rule){
	    .size = out->size,
	    .kind = kind,
	    .name = rule->name,
	    .class_name = class->name,
	    .group = section->group == NULL ? NULL : policy->rules[section->group->rule].name,
	    .quota = rule->quota,
	    .origin = origin_in(policy, section->head_file, section->head.line),
	};
}

int query_grant(const struct shmq_policy *policy, size_t index, size_t number, struct shmq_policy_grant *out)
{
	struct capability_walk walk;
	struct capability capability;

	capability_begin(&walk, &policy->draft, policy->rules[index].section);
	do {
		if (!capability_step(&walk, &capability))
			return -ENOENT;
	} while (number-- > 0);
	*out = (struct shmq_policy_grant){
	    .permission = capability.permission,
	    .pattern = capability.grant->pattern,
	    .origin = origin_in(policy, capability.grant->file, capability.grant->line),
	};
	return 0;
}

static const struct draft_value *value_of(const struct shmq_policy *policy, const struct draft_section *section,
                                          enum key key)
{
	enum setting setting;
	struct chain chain;
	int resource;

	if (section == &policy->draft.segment || key == KEY_CLASS)
		return draft_value(section, key);
	if (keys_is_setting(key, &resource, &setting))
		return resolve_origin(&policy->draft, section, resource, setting);
	chain_of(&chain, &policy->draft, section);
	return chain_value(&chain, key);
}

int query_origin(const struct shmq_policy *policy, size_t index, const char *key, struct shmq_origin *out)
{
	const struct draft_section *section =
	    index == SHMQ_RULE_SEGMENT ? &policy->draft.segment : policy->rules[index].section;
	enum key found = keys_find(key, section->kind);
	const struct draft_value *value;

	if (found >= KEYS || !keys_belongs(found, section->kind))
		return -EINVAL;
	value = value_of(policy, section, found);
	*out = value == NULL ? (struct shmq_origin){NULL, 0} : origin_in(policy, value->file, value->place.line);
	return value == NULL ? -ENOENT : 0;
}
