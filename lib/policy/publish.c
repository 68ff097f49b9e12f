/* SPDX-License-Identifier: MIT */
/*
 * Hands a policy to the publication in core/, which makes it all or nothing.
 *
 * All that needs memory is done before the publication begins: what holds the controller lock does not wait for more.
 */
#include "policy/publish.h"

#include "core/publication.h"
#include "policy/resolve.h"
#include "policy/sets.h"

#include <string.h>

static int add_files(struct publication *publication, const struct shmq_policy *policy)
{
	int result = 0;

	for (size_t i = 0; i < policy->draft.file_count && i < SETS_FILES_MAX && result == 0; i++)
		result = publication_add_file(publication, policy->draft.files[i]);
	return result;
}

static int add_sets(struct publication *publication, const struct sets *sets)
{
	int result = 0;

	for (struct set *set = sets->first; set != NULL && result == 0; set = set->next)
		result = publication_add_grants(publication, set->text, set->bytes, &set->offset);
	return result;
}

static void fill_rule(struct publication_rule *out, const struct shmq_policy *policy, const struct sets *sets,
                      size_t index)
{
	const struct policy_rule *rule = &policy->rules[index];
	const struct draft_section *group = rule->section->group;

	*out = (struct publication_rule){
	    .quota = rule->quota,
	    .group = group == NULL ? NULL : policy->rules[group->rule].name,
	    .grants = sets->of_rule[index].set == NULL ? 0 : sets->of_rule[index].set->offset,
	    .is_group = rule->section->kind == SECTION_GROUP,
	};
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		const struct draft_value *limit = resolve_origin(&policy->draft, rule->section, i, SETTING_LIMIT);

		out->place[i] = limit == NULL ? 0 : sets_place(limit->file, limit->place.line);
	}
}

/* Groups come before components, the outermost first, as the publication wants them. */
static int declare_all(struct publication *publication, const struct shmq_policy *policy, const struct sets *sets)
{
	struct publication_rule rule;
	int result = 0;

	for (size_t i = policy->first[SHMQ_RULE_GROUP]; i < policy->first[SHMQ_RULE_COMPONENT + 1] && result == 0;
	     i++) {
		fill_rule(&rule, policy, sets, i);
		result = publication_declare(publication, policy->rules[i].name, strlen(policy->rules[i].name), &rule);
	}
	for (size_t i = policy->first[SHMQ_RULE_PATTERN]; i < policy->first[SHMQ_RULE_PATTERN + 1] && result == 0;
	     i++) {
		fill_rule(&rule, policy, sets, i);
		result = publication_add_pattern(publication, policy->rules[i].name, &rule);
	}
	if (result < 0)
		return result;
	fill_rule(&rule, policy, sets, 0);
	return publication_set_default(publication, &rule);
}

static int publish(struct shmq_segment *segment, const struct shmq_policy *policy, const struct sets *sets)
{
	struct publication publication;
	int result = publication_begin(&publication, segment);

	if (result < 0)
		return result;
	result = add_files(&publication, policy);
	if (result == 0)
		result = add_sets(&publication, sets);
	if (result == 0)
		result = declare_all(&publication, policy, sets);
	if (result == 0)
		return publication_commit(&publication);
	publication_abort(&publication);
	return result;
}

int publish_policy(struct shmq_segment *segment, const struct shmq_policy *policy)
{
	struct sets sets;
	int result = sets_collect(&sets, policy);

	if (result == 0)
		result = publish(segment, policy, &sets);
	sets_free(&sets);
	return result;
}
