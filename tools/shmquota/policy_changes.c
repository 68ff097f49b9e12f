/* SPDX-License-Identifier: MIT */
/*
 * Finding what a policy changes; see policy_changes.h.
 *
 * Of a segment are compared: its default, its patterns, and each component with the rule that would hold for it. What
 * the program registered with limits of its own keeps them unless the policy names it, and what a manifest asked for is
 * put under the new cap, which cannot be told from here.
 */
#include "policy_changes.h"

#include <stdlib.h>
#include <string.h>

#include "change_text.h"
#include "rule_given.h"

/* ---- A segment --------------------------------------------------------------------------------------------------- */

/* What is used of levels counts against the group, so a component takes none of it to another one. */
static void check_move(struct changes *changes, struct shmq_component *component, const struct rule_given *before,
                       const struct rule_given *after)
{
	char printable[TEXT_PRINTABLE_MAX];
	struct shmq_status status;

	if (strcmp(before->group, after->group) != 0 && shmq_status(component, &status) == 0 &&
	    status.resource[SHMQ_STORAGE].used + status.resource[SHMQ_MEMORY].used > 0)
		change_obstacle(changes, "\"%s\" uses storage or memory, so it cannot change its group",
		                text_printable(printable, sizeof(printable), shmq_component_name(component)));
}

static void report_component(struct changes *changes, struct shmq_segment *segment, struct shmq_component *component,
                             const struct shmq_policy *policy, size_t rule, uint64_t differences)
{
	struct rule_text before, after;

	if (rule_text_of_component(&before, segment, component, differences) != 0)
		return;
	rule_text_of_policy(&after, policy, rule, differences);
	/* It is the component that changes, whichever rule that comes from. */
	after.kind = before.kind;
	free(after.name);
	after.name = strdup(before.name);
	if (!after.name)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	change_report(changes, &before, &after);
	rule_text_free(&before);
	rule_text_free(&after);
}

/* What a component has, and what it would get by a rule. */
static void compare_component(struct changes *changes, struct shmq_segment *segment, struct shmq_component *component,
                              const struct shmq_policy *policy, size_t rule)
{
	struct rule_given before, after;
	uint64_t differences;

	if (rule_given_of_component(&before, segment, component) != 0)
		return;
	rule_given_of_policy(&after, policy, rule);
	differences = rule_given_differences(&before, &after);
	if (differences == 0)
		return;
	report_component(changes, segment, component, policy, rule, differences);
	check_move(changes, component, &before, &after);
}

/* A rule that nothing had the name of: it is told apart from [default]. */
static void report_new(struct changes *changes, const struct shmq_policy *policy, size_t index)
{
	struct rule_given fallback, given;
	struct rule_text after;

	rule_given_of_policy(&fallback, policy, 0);
	rule_given_of_policy(&given, policy, index);
	rule_text_of_policy(&after, policy, index, rule_given_differences(&fallback, &given) | RULE_GRANTS);
	change_report(changes, NULL, &after);
	rule_text_free(&after);
}

/* A component or a group that the policy names. */
static void look_at_named(struct changes *changes, struct shmq_segment *segment, const struct shmq_policy *policy,
                          size_t index)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct shmq_component *component;

	shmq_policy_rule(policy, index, &rule);
	if (shmq_component_find(&component, segment, rule.name) != 0) {
		report_new(changes, policy, index);
		return;
	}
	if (shmq_component_source(component) != SHMQ_SOURCE_MANIFEST)
		compare_component(changes, segment, component, policy, index);
	shmq_component_put(component);
}

/* Whether a rule is about exactly this name. */
static bool is_named(const struct shmq_policy *policy, size_t index)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	shmq_policy_rule(policy, index, &rule);
	return rule.kind == SHMQ_RULE_COMPONENT || rule.kind == SHMQ_RULE_GROUP;
}

/* A registered component that the policy does not name. */
static void look_at_other(struct changes *changes, struct shmq_segment *segment, struct shmq_component *component,
                          const struct shmq_policy *policy)
{
	size_t index = shmq_policy_find(policy, shmq_component_name(component));
	struct rule_text before;

	if (is_named(policy, index))
		return;
	switch (shmq_component_source(component)) {
	case SHMQ_SOURCE_NAMED:
		if (rule_text_of_component(&before, segment, component, 0) != 0)
			return;
		change_report(changes, &before, NULL);
		rule_text_free(&before);
		break;
	case SHMQ_SOURCE_FOLLOWS:
		compare_component(changes, segment, component, policy, index);
		break;
	default:
		break;
	}
}

/* What the default and the patterns of a segment are called, in the order of their numbers. */
struct rule_names {
	char (*list)[SHMQ_NAME_MAX + 1];
	size_t count;
};

/* They are read once: the segment counts up to each of them. */
static struct rule_names names_of_segment(struct shmq_segment *segment)
{
	struct shmq_segment_rule rule = {.size = sizeof(rule)};
	struct rule_names names = {0};
	size_t capacity = 0;

	for (uint32_t i = 0; shmq_segment_rule(segment, i, &rule) == 0; i++) {
		if (names.count == capacity) {
			capacity = capacity ? 2 * capacity : 16;
			names.list = reallocarray(names.list, capacity, sizeof(*names.list));
			if (!names.list)
				exit(fail(EXIT_FAILED, NULL, "out of memory"));
		}
		memcpy(names.list[names.count++], rule.name, sizeof(rule.name));
	}
	return names;
}

/* The number of the rule with this name; where there is none it is one that no rule has. */
static uint32_t find_name(const struct rule_names *names, const char *name)
{
	size_t i = 0;

	while (i < names->count && strcmp(names->list[i], name) != 0)
		i++;
	return i < names->count ? (uint32_t)i : UINT32_MAX;
}

/* The default or a pattern of the policy. */
static void look_at_general(struct changes *changes, struct shmq_segment *segment, const struct rule_names *names,
                            const struct shmq_policy *policy, size_t index)
{
	struct rule_text before, after;
	bool exists;

	rule_text_of_policy(&after, policy, index, RULE_ALL);
	exists = rule_text_of_segment(&before, segment, find_name(names, after.name)) == 0;
	change_report(changes, exists ? &before : NULL, &after);
	if (exists)
		rule_text_free(&before);
	rule_text_free(&after);
}

/* Patterns come last in a policy, behind what may be a million components. */
static size_t first_pattern(const struct shmq_policy *policy)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	size_t index = 0;

	while (shmq_policy_rule(policy, index, &rule) == 0 && rule.kind != SHMQ_RULE_PATTERN)
		index++;
	return index;
}

/* The pattern with this name, from the first one on. Returns SIZE_MAX where there is none. */
static size_t find_pattern(const struct shmq_policy *policy, size_t first, const char *name)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	for (size_t i = first; shmq_policy_rule(policy, i, &rule) == 0; i++)
		if (strcmp(rule.name, name) == 0)
			return i;
	return SIZE_MAX;
}

static void look_for_lost_patterns(struct changes *changes, struct shmq_segment *segment,
                                   const struct rule_names *names, const struct shmq_policy *policy)
{
	size_t first = first_pattern(policy);
	struct rule_text before;

	for (uint32_t i = 1; i < names->count; i++) {
		if (find_pattern(policy, first, names->list[i]) != SIZE_MAX ||
		    rule_text_of_segment(&before, segment, i) != 0)
			continue;
		change_report(changes, &before, NULL);
		rule_text_free(&before);
	}
}

/* What is dropped keeps its place until nobody can be in the middle of using it, so all are counted. */
static void check_room(struct changes *changes, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	if (info.components_used + changes->added > info.components)
		change_obstacle(changes, "the segment has room for %u components, %u are registered, and %zu are added",
		                (unsigned)info.components, (unsigned)info.components_used, changes->added);
}

int changes_of_segment(struct changes *changes, struct shmq_segment *segment, const struct shmq_policy *policy)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_names names;
	int result = shmq_segment_info(segment, &info);

	changes->policy = policy;
	if (result < 0)
		return segment_failed("look at", info.name, result);
	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++)
		if (rule.kind == SHMQ_RULE_COMPONENT || rule.kind == SHMQ_RULE_GROUP)
			look_at_named(changes, segment, policy, i);
	check_room(changes, segment);
	names = names_of_segment(segment);
	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++)
		if (rule.kind == SHMQ_RULE_DEFAULT || rule.kind == SHMQ_RULE_PATTERN)
			look_at_general(changes, segment, &names, policy, i);
	look_for_lost_patterns(changes, segment, &names, policy);
	free(names.list);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *component;

		if (shmq_component_at(&component, segment, id) != 0)
			continue;
		look_at_other(changes, segment, component, policy);
		shmq_component_put(component);
	}
	return EXIT_DONE;
}

/* ---- Other files ------------------------------------------------------------------------------------------------- */

/* A policy whose rules are looked for by name. */
struct searched {
	const struct shmq_policy *policy;
	size_t first_pattern;
};

/* The rule of this kind and name. Returns SIZE_MAX where there is none. */
static size_t find_rule(const struct searched *searched, int kind, const char *name)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	size_t index;

	if (kind == SHMQ_RULE_DEFAULT)
		return 0;
	if (kind == SHMQ_RULE_PATTERN)
		return find_pattern(searched->policy, searched->first_pattern, name);
	index = shmq_policy_find(searched->policy, name);
	shmq_policy_rule(searched->policy, index, &rule);
	return rule.kind == kind && strcmp(rule.name, name) == 0 ? index : SIZE_MAX;
}

static void compare_rule(struct changes *changes, const struct searched *before, const struct shmq_policy *policy,
                         size_t index)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_given had, gets;
	struct rule_text old, new;
	uint64_t differences;
	size_t found;

	shmq_policy_rule(policy, index, &rule);
	found = find_rule(before, rule.kind, rule.name);
	if (found == SIZE_MAX) {
		report_new(changes, policy, index);
		return;
	}
	rule_given_of_policy(&had, before->policy, found);
	rule_given_of_policy(&gets, policy, index);
	differences = rule_given_differences(&had, &gets);
	if (differences == 0)
		return;
	rule_text_of_policy(&old, before->policy, found, differences);
	rule_text_of_policy(&new, policy, index, differences);
	change_report(changes, &old, &new);
	rule_text_free(&old);
	rule_text_free(&new);
}

void changes_of_policy(struct changes *changes, const struct shmq_policy *before, const struct shmq_policy *policy)
{
	struct searched old = {before, first_pattern(before)}, new = {policy, first_pattern(policy)};
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_text gone;

	changes->policy = policy;
	/* Classes have no effect of their own: what they change shows where they are taken. */
	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++)
		if (rule.kind != SHMQ_RULE_CLASS)
			compare_rule(changes, &old, policy, i);
	for (size_t i = 0; shmq_policy_rule(before, i, &rule) == 0; i++) {
		if (rule.kind == SHMQ_RULE_CLASS || find_rule(&new, rule.kind, rule.name) != SIZE_MAX)
			continue;
		rule_text_of_policy(&gone, before, i, 0);
		change_report(changes, &gone, NULL);
		rule_text_free(&gone);
	}
}
