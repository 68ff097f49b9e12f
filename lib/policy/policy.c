/* SPDX-License-Identifier: MIT */
/*
 * From the draft that the files left to a policy: inheritance, and what can only be judged once all is known.
 *
 * A policy exists complete and without errors or not at all.
 */
#include "policy/policy.h"

#include "base/glob.h"
#include "policy/capabilities.h"
#include "policy/grants.h"
#include "policy/headings.h"
#include "policy/layers.h"
#include "policy/links.h"
#include "policy/parse.h"
#include "policy/resolve.h"
#include "policy/sets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_ROOM 32768 /* what a segment has for rules where nobody says how much */
#define RULES_MOST (SHMQ_RULES_MAX / 2)

/* ---- Options ----------------------------------------------------------------------------------------------------- */

static uint32_t number_of(const struct draft *draft, enum key key, uint32_t otherwise)
{
	const struct draft_value *value = draft_value(&draft->segment, key);

	return value == NULL ? otherwise : (uint32_t)value->number;
}

static void resolve_options(struct shmq_options *out, const struct draft *draft)
{
	*out = (struct shmq_options)SHMQ_OPTIONS_DEFAULT;
	out->components = number_of(draft, KEY_COMPONENTS, out->components);
	out->threads = number_of(draft, KEY_THREADS, out->threads);
	out->reservations = number_of(draft, KEY_RESERVATIONS, out->reservations);
	out->events = number_of(draft, KEY_EVENTS, out->events);
	out->rules_bytes = number_of(draft, KEY_RULES, out->rules_bytes);
	out->mode = number_of(draft, KEY_MODE, out->mode);
	out->persistent = number_of(draft, KEY_PERSISTENT, out->persistent) != 0;
	out->membarrier = number_of(draft, KEY_MEMBARRIER, out->membarrier) != 0;
	out->hugepages = number_of(draft, KEY_HUGEPAGES, out->hugepages) != 0;
}

static void check_components(struct shmq_policy *policy, struct complaints *complaints)
{
	const struct draft_value *value = draft_value(&policy->draft.segment, KEY_COMPONENTS);
	size_t groups = policy_count(policy, SHMQ_RULE_GROUP);
	size_t count = policy_count(policy, SHMQ_RULE_COMPONENT) + groups;

	if (count <= policy->options.components)
		return;
	if (value != NULL)
		complain_error(complaints, &value->place, "the policy names %zu %s; there is room for %u", count,
		               groups > 0 ? "components and groups" : "components", policy->options.components);
	else
		policy->options.components = (uint32_t)count;
}

static void check_rules(struct shmq_policy *policy, struct complaints *complaints)
{
	const struct draft_value *value = draft_value(&policy->draft.segment, KEY_RULES);
	struct sets sets;
	uint64_t needed;
	int result = sets_collect(&sets, policy);

	needed = sets_rules_bytes(&sets, policy);
	sets_free(&sets);
	if (result < 0) {
		policy->draft.failure = result;
		return;
	}
	if (value != NULL && needed > value->number)
		complain_error(complaints, &value->place,
		               "the rules of this policy take %llu bytes; leave some more for manifests",
		               (unsigned long long)needed);
	else if (value == NULL && needed > RULES_ROOM / 2)
		policy->options.rules_bytes = (uint32_t)(needed < RULES_MOST ? 2 * needed : SHMQ_RULES_MAX);
}

/* ---- Rules ------------------------------------------------------------------------------------------------------- */

static enum shmq_rule_kind kind_of(const struct draft_section *section)
{
	switch (section->kind) {
	case SECTION_CLASS:
		return SHMQ_RULE_CLASS;
	case SECTION_GROUP:
		return SHMQ_RULE_GROUP;
	case SECTION_COMPONENT:
		return section->is_pattern ? SHMQ_RULE_PATTERN : SHMQ_RULE_COMPONENT;
	default:
		return SHMQ_RULE_DEFAULT;
	}
}

static int count_rules(struct shmq_policy *policy)
{
	size_t counts[SHMQ_RULE_KINDS] = {[SHMQ_RULE_DEFAULT] = 1};

	for (const struct draft_section *section = policy->draft.first; section != NULL; section = section->next)
		counts[kind_of(section)]++;
	for (unsigned kind = 0; kind < SHMQ_RULE_KINDS; kind++)
		policy->first[kind + 1] = policy->first[kind] + counts[kind];
	policy->rules = calloc(policy->first[SHMQ_RULE_KINDS], sizeof(*policy->rules));
	return policy->rules == NULL ? -ENOMEM : 0;
}

/* A group's name is a component's, which nobody has written yet. */
static int name_rule(struct policy_rule *rule)
{
	char *name = NULL;

	rule->name = rule->section->name == NULL ? "" : rule->section->name;
	if (rule->section->kind != SECTION_GROUP)
		return 0;
	if (asprintf(&name, HEADINGS_GROUP "%s", rule->section->name) < 0)
		name = NULL;
	rule->name = name;
	return name == NULL ? -ENOMEM : 0;
}

static int collect_rules(struct shmq_policy *policy)
{
	size_t next[SHMQ_RULE_KINDS];
	int result = count_rules(policy);

	if (result < 0)
		return result;
	memcpy(next, policy->first, sizeof(next));
	policy->rules[0].section = &policy->draft.fallback;
	for (struct draft_section *section = policy->draft.first; section != NULL; section = section->next)
		policy->rules[next[kind_of(section)]++].section = section;
	for (size_t i = 0; i < policy->first[SHMQ_RULE_KINDS] && result == 0; i++)
		result = name_rule(&policy->rules[i]);
	return result;
}

/* Outermost groups first; among equals the order of the files stays. */
static int compare_groups(const void *a, const void *b)
{
	const struct policy_rule *first = a, *second = b;

	if (first->section->depth != second->section->depth)
		return first->section->depth < second->section->depth ? -1 : 1;
	return strcmp(first->name, second->name);
}

static int compare_patterns(const void *a, const void *b)
{
	const struct policy_rule *first = a, *second = b;

	return glob_compare(first->name, strlen(first->name), second->name, strlen(second->name));
}

static void sort_rules(struct shmq_policy *policy, enum shmq_rule_kind kind,
                       int (*compare)(const void *a, const void *b))
{
	qsort(policy->rules + policy->first[kind], policy_count(policy, kind), sizeof(*policy->rules), compare);
}

/* What one component may have of capabilities is bounded; the section that adds the last ones is to blame. */
static void check_capabilities(struct shmq_policy *policy, const struct draft_section *section,
                               struct complaints *complaints)
{
	struct capability_walk walk;
	struct capability capability;
	size_t count = 0;

	/* What is inherited from one section alone has been judged there. */
	if (section->permissions == NULL && (section->class == NULL || section->group == NULL))
		return;
	capability_begin(&walk, &policy->draft, section);
	while (capability_step(&walk, &capability))
		count++;
	if (count > CAPABILITY_GRANTS_MAX)
		complain_error(complaints, &section->head,
		               "this grants %zu patterns with what it inherits; %d is the most", count,
		               CAPABILITY_GRANTS_MAX);
}

static int build(struct shmq_policy *policy)
{
	struct complaints *complaints = policy->draft.complaints;
	int result;

	links_make(&policy->draft);
	resolve_options(&policy->options, &policy->draft);
	result = collect_rules(policy);
	if (result < 0)
		return result;
	sort_rules(policy, SHMQ_RULE_GROUP, compare_groups);
	sort_rules(policy, SHMQ_RULE_PATTERN, compare_patterns);
	for (size_t i = 0; i < policy->first[SHMQ_RULE_KINDS]; i++) {
		resolve_quota(&policy->rules[i].quota, &policy->draft, policy->rules[i].section, complaints);
		check_capabilities(policy, policy->rules[i].section, complaints);
		((struct draft_section *)(uintptr_t)policy->rules[i].section)->rule = i;
	}
	check_components(policy, complaints);
	if (complaints->errors == 0)
		check_rules(policy, complaints);
	return policy->draft.failure;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

/* Read all files, also after one that cannot be read. Returns 0 or the first file's errno. */
static int read_files(struct draft *draft, const struct layers *layers)
{
	int result = 0;

	for (size_t i = 0; i < layers->count && draft->failure == 0; i++) {
		int read = parse_file(draft, layers->paths[i]);

		if (read == -ENOMEM)
			draft->failure = -ENOMEM;
		result = result < 0 ? result : read;
	}
	return draft->failure < 0 ? draft->failure : result;
}

static bool are_paths(const char *const paths[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (paths[i] == NULL)
			return false;
	return count > 0;
}

static int load(struct shmq_policy *policy, const char *const paths[], size_t count)
{
	struct layers layers;
	int result = layers_list(&layers, paths, count, policy->draft.complaints), read = result, built;

	if (result != -ENOMEM)
		read = read_files(&policy->draft, &layers);
	layers_free(&layers);
	if (result == 0 || read == -ENOMEM)
		result = read;
	if (result == -ENOMEM)
		return result;
	built = build(policy);
	return result < 0 ? result : built;
}

int policy_load(struct shmq_policy **out, const char *const paths[], size_t count, struct shmq_report *report)
{
	struct complaints complaints = {.report = report};
	struct shmq_policy *policy;
	int result;

	if (out == NULL || paths == NULL || !are_paths(paths, count))
		return -EINVAL;
	policy = calloc(1, sizeof(*policy));
	if (policy == NULL)
		return -ENOMEM;
	draft_init(&policy->draft, &complaints, false);
	result = load(policy, paths, count);
	if (result == 0 && complaints.errors > 0)
		result = -EINVAL;
	policy->draft.complaints = NULL;
	if (result == 0)
		*out = policy;
	else
		policy_free(policy);
	return result;
}

void policy_free(struct shmq_policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = policy->first[SHMQ_RULE_GROUP]; policy->rules != NULL && i < policy->first[SHMQ_RULE_GROUP + 1];
	     i++)
		free((char *)(uintptr_t)policy->rules[i].name);
	free(policy->rules);
	draft_free(&policy->draft);
	free(policy);
}

/* ---- Looking ----------------------------------------------------------------------------------------------------- */

const char *policy_segment_name(const struct shmq_policy *policy)
{
	const struct draft_value *value = draft_value(&policy->draft.segment, KEY_NAME);

	return value == NULL ? NULL : value->text;
}

size_t policy_find(const struct shmq_policy *policy, const char *name)
{
	size_t prefix = strlen(HEADINGS_GROUP), length = strlen(name);
	const struct draft_section *section;

	if (strncmp(name, HEADINGS_GROUP, prefix) == 0)
		section = draft_find(&policy->draft, SECTION_GROUP, false, name + prefix);
	else
		section = draft_find(&policy->draft, SECTION_COMPONENT, false, name);
	if (section != NULL)
		return section->rule;
	for (size_t i = policy->first[SHMQ_RULE_PATTERN]; i < policy->first[SHMQ_RULE_PATTERN + 1]; i++) {
		const char *pattern = policy->rules[i].name;

		/* A pattern is never about groups, whatever it matches. */
		if (strncmp(name, HEADINGS_GROUP, prefix) != 0 && glob_matches(pattern, strlen(pattern), name, length))
			return i;
	}
	return 0;
}
