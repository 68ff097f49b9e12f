/* SPDX-License-Identifier: MIT */
/*
 * Rules as text; see rule_text.h.
 */
#include "rule_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "rule_given.h"

#define GROUP_PREFIX "group:"

/* A resource's keys, in the order of the parts. */
#define PART_KEYS(name)                                                                                                \
	{                                                                                                              \
		name, name ".algorithm", name ".enforce", name ".warn", name ".critical", name ".lease"                \
	}

static const char *const part_keys[SHMQ_RESOURCES][PARTS] = {
    PART_KEYS("storage"), PART_KEYS("messages"), PART_KEYS("network"), PART_KEYS("cpu"), PART_KEYS("memory"),
};

bool part_applies(int resource, int part)
{
	return shmq_resource_is_rate(resource) || (part != PART_ALGORITHM && part != PART_LEASE);
}

const char *rule_kind_name(int kind)
{
	static const char *const names[SHMQ_RULE_KINDS] = {"default", "class", "group", "component", "pattern"};

	return names[kind];
}

const char *rule_bare_name(const struct rule_text *rule)
{
	return rule->kind == SHMQ_RULE_GROUP ? rule->name + strlen(GROUP_PREFIX) : rule->name;
}

/* ---- Collecting -------------------------------------------------------------------------------------------------- */

static void *need(void *memory)
{
	if (!memory)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	return memory;
}

static void begin(struct rule_text *rule, int kind, const char *name, uint64_t wanted)
{
	*rule = (struct rule_text){.kind = kind, .wanted = wanted, .name = need(strdup(name))};
}

static char nothing[] = ""; /* the text of many values */

/* Add a value; its key must outlive the rule. */
static void add(struct rule_text *rule, const char *key, const char *text, const char *origin)
{
	if (rule->count == rule->capacity) {
		rule->capacity = rule->capacity ? 2 * rule->capacity : VALUES + 4;
		rule->values = need(reallocarray(rule->values, rule->capacity, sizeof(*rule->values)));
	}
	rule->values[rule->count++] = (struct rule_value){
	    .key = key,
	    .text = *text ? need(strdup(text)) : nothing,
	    .origin = origin && *origin ? need(strdup(origin)) : NULL,
	};
}

/* Add a grant. Those of one permission follow one another, so its name is kept once. */
static void add_grant(struct rule_text *rule, const char *permission, const char *pattern, const char *origin)
{
	if (rule->key_count == 0 || strcmp(rule->keys[rule->key_count - 1], permission) != 0) {
		rule->keys = need(reallocarray(rule->keys, rule->key_count + 1, sizeof(*rule->keys)));
		rule->keys[rule->key_count++] = need(strdup(permission));
	}
	add(rule, rule->keys[rule->key_count - 1], pattern, origin);
}

void rule_text_free(struct rule_text *rule)
{
	for (size_t i = 0; i < rule->count; i++) {
		if (rule->values[i].text != nothing)
			free(rule->values[i].text);
		free(rule->values[i].origin);
	}
	for (size_t i = 0; i < rule->key_count; i++)
		free(rule->keys[i]);
	free(rule->keys);
	free(rule->values);
	free(rule->name);
}

/* The text of one part of a resource's quota. */
static void format_part(char *text, size_t size, const struct shmq_quota *quota, int resource, int part)
{
	switch (part) {
	case PART_LIMIT:
		shmq_quota_format(text, size, quota, resource);
		break;
	case PART_ALGORITHM:
		snprintf(text, size, "%s", shmq_algorithm_name(quota->algorithm[resource]));
		break;
	case PART_ENFORCE:
		snprintf(text, size, "%s", shmq_enforcement_name(quota->enforcement[resource]));
		break;
	case PART_WARN:
		snprintf(text, size, "%d%%",
		         quota->warning[resource] ? quota->warning[resource] : SHMQ_WARNING_PERCENT);
		break;
	case PART_CRITICAL:
		snprintf(text, size, "%d%%",
		         quota->critical[resource] ? quota->critical[resource] : SHMQ_CRITICAL_PERCENT);
		break;
	default:
		shmq_amount_format(text, size, resource, quota->lease[resource]);
	}
}

/* What tells where a value stands. */
struct origins {
	void (*write)(const struct origins *origins, char *text, size_t size, const char *key);
	const struct shmq_policy *policy;
	size_t index;
	struct shmq_component *component;
};

/* Add the next of the values that every rule has. */
static void add_value(struct rule_text *rule, const char *key, const char *text, const struct origins *origins)
{
	char origin[512];

	*origin = '\0';
	if (*text)
		origins->write(origins, origin, sizeof(origin), key);
	add(rule, key, text, origin);
}

static bool is_wanted(const struct rule_text *rule)
{
	return (rule->wanted >> rule->count & 1) != 0;
}

/* All of them. `group` is NULL for none. */
static void add_values(struct rule_text *rule, const struct shmq_quota *quota, const char *group,
                       const struct origins *origins)
{
	const char *inherit = shmq_inheritance_name(quota->inheritance); /* NULL where the segment is damaged */
	char text[100];

	add_value(rule, "group", !is_wanted(rule) ? "" : group ? group + strlen(GROUP_PREFIX) : "none", origins);
	add_value(rule, "inherit", inherit && is_wanted(rule) ? inherit : "", origins);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		for (int part = 0; part < PARTS; part++) {
			*text = '\0';
			if (part_applies(resource, part) && is_wanted(rule))
				format_part(text, sizeof(text), quota, resource, part);
			add_value(rule, part_keys[resource][part], text, origins);
		}
	}
}

static void write_no_origin(const struct origins *origins, char *text, size_t size, const char *key)
{
	(void)origins;
	(void)size;
	(void)key;
	*text = '\0';
}

void rule_text_builtin(struct rule_text *out)
{
	struct origins origins = {.write = write_no_origin};
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	begin(out, SHMQ_RULE_DEFAULT, "", RULE_ALL);
	add_values(out, &quota, NULL, &origins);
}

/* ---- From files -------------------------------------------------------------------------------------------------- */

static void write_origin(char *text, size_t size, const struct shmq_origin *origin)
{
	snprintf(text, size, "%s:%u", origin->file, origin->line);
}

static void write_policy_origin(const struct origins *origins, char *text, size_t size, const char *key)
{
	struct shmq_origin origin;

	*text = '\0';
	if (shmq_policy_origin(origins->policy, origins->index, key, &origin) == 0)
		write_origin(text, size, &origin);
}

void rule_text_of_policy(struct rule_text *out, const struct shmq_policy *policy, size_t index, uint64_t wanted)
{
	struct origins origins = {.write = write_policy_origin, .policy = policy, .index = index};
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct shmq_policy_grant grant;
	char origin[512];
	bool has_grants;

	shmq_policy_rule(policy, index, &rule);
	begin(out, rule.kind, rule.name, wanted);
	add_values(out, &rule.quota, rule.group, &origins);
	/* Groups grant nothing themselves: what stands there is inherited by their members. */
	has_grants = rule.kind != SHMQ_RULE_GROUP && (wanted & RULE_GRANTS) != 0;
	for (size_t i = 0; has_grants && shmq_policy_grant(policy, index, i, &grant) == 0; i++) {
		write_origin(origin, sizeof(origin), &grant.origin);
		add_grant(out, grant.permission, grant.pattern, origin);
	}
}

/* ---- From a segment ---------------------------------------------------------------------------------------------- */

/* A segment knows where limits stand. */
static void write_component_origin(const struct origins *origins, char *text, size_t size, const char *key)
{
	*text = '\0';
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (strcmp(key, part_keys[resource][PART_LIMIT]) == 0)
			shmq_component_origin(origins->component, resource, text, size);
}

int rule_text_of_component(struct rule_text *out, struct shmq_segment *segment, struct shmq_component *component,
                           uint64_t wanted)
{
	struct origins origins = {.write = write_component_origin, .component = component};
	struct shmq_grant grant = {.size = sizeof(grant)};
	struct rule_given given;
	int result = rule_given_of_component(&given, segment, component);
	bool has_grants = !given.is_group && (wanted & RULE_GRANTS) != 0;

	if (result < 0)
		return result;
	begin(out, given.is_group ? SHMQ_RULE_GROUP : SHMQ_RULE_COMPONENT, shmq_component_name(component), wanted);
	add_values(out, &given.quota, *given.group ? given.group : NULL, &origins);
	/* Those that a manifest asks for come last. */
	for (size_t i = 0; has_grants && shmq_component_grant(component, i, &grant) == 0 && !grant.is_asked; i++)
		add_grant(out, grant.permission, grant.pattern, grant.origin);
	return 0;
}

int rule_text_of_segment(struct rule_text *out, struct shmq_segment *segment, uint32_t index)
{
	struct shmq_segment_rule rule = {.size = sizeof(rule)};
	struct origins origins = {.write = write_no_origin};
	int result = shmq_segment_rule(segment, index, &rule);
	struct shmq_grant grant = {.size = sizeof(grant)};

	if (result < 0)
		return result;
	begin(out, rule.kind, rule.name, RULE_ALL);
	add_values(out, &rule.quota, *rule.group ? rule.group : NULL, &origins);
	for (size_t i = 0; shmq_segment_rule_grant(segment, index, i, &grant) == 0; i++)
		add_grant(out, grant.permission, grant.pattern, grant.origin);
	return 0;
}
