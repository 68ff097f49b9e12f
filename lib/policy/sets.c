/* SPDX-License-Identifier: MIT */
/*
 * Encoding and comparing sets; see sets.h.
 */
#include "policy/sets.h"

#include "base/hash.h"
#include "policy/capabilities.h"
#include "policy/grants.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX ((1U << PLACE_LINE_BITS) - 1)

uint32_t sets_place(unsigned file, unsigned line)
{
	return file > SETS_FILES_MAX || line > LINE_MAX ? 0 : file << PLACE_LINE_BITS | line;
}

static int compare_sets(const void *a, const void *b)
{
	const struct set *first = a, *second = b;

	if (first->bytes != second->bytes)
		return first->bytes < second->bytes ? -1 : 1;
	return memcmp(first->text, second->text, first->bytes);
}

static void keep_node(void *node)
{
	(void)node;
}

static void set_free(struct set *set)
{
	free(set->text);
	free(set);
}

/* Everything that a section grants. Returns 0 or -ENOMEM. */
static int collect_grants(struct grants *out, const struct shmq_policy *policy, const struct draft_section *section)
{
	struct capability_walk walk;
	struct capability capability;

	capability_begin(&walk, &policy->draft, section);
	while (capability_step(&walk, &capability)) {
		const struct draft_grant *grant = capability.grant;
		int result =
		    grants_add(out, capability.permission, grant->pattern, sets_place(grant->file, grant->line), NULL);

		if (result < 0)
			return result;
	}
	return 0;
}

static struct set *encode(const struct grants *grants)
{
	size_t bytes = (size_t)grants_encode(grants, NULL, 0);
	struct set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return NULL;
	set->bytes = bytes;
	set->text = calloc(1, bytes);
	if (set->text == NULL) {
		set_free(set);
		return NULL;
	}
	grants_encode(grants, set->text, bytes);
	return set;
}

/* The set with these grants, the one that is there or a new one. Returns NULL where there is no memory. */
static struct set *find_or_add(struct sets *sets, const struct grants *grants)
{
	struct set *set = encode(grants);
	struct set **found = set == NULL ? NULL : tsearch(set, &sets->index, compare_sets);

	if (found == NULL) {
		if (set != NULL)
			set_free(set);
		return NULL;
	}
	if (*found == set) {
		*sets->last = set;
		sets->last = &set->next;
	} else {
		set_free(set);
	}
	return *found;
}

static int collect_set(struct set **out, struct sets *sets, const struct shmq_policy *policy,
                       const struct draft_section *section)
{
	struct grants grants = GRANTS_EMPTY;
	int result = collect_grants(&grants, policy, section);

	*out = NULL;
	if (result == 0 && grants.count > 0) {
		*out = find_or_add(sets, &grants);
		result = *out == NULL ? -ENOMEM : 0;
	}
	grants_free(&grants);
	return result;
}

/* Where it is remembered what sections of a class and a group inherit; another one may be there. */
static struct inherited_set *place_of_inherited(struct sets *sets, const struct draft_section *section)
{
	uint64_t hash = hash_mix(hash_mix((uintptr_t)section->class) ^ (uintptr_t)section->group);

	return &sets->inherited[hash % SETS_INHERITED];
}

static int collect_rule(struct sets *sets, const struct shmq_policy *policy, size_t rule)
{
	const struct draft_section *section = policy->rules[rule].section;
	struct inherited_set *place = place_of_inherited(sets, section);
	struct set **set = &sets->of_rule[rule].set;
	int result;

	if (section->permissions != NULL)
		return collect_set(set, sets, policy, section);
	if (place->is_known && place->class == section->class && place->group == section->group) {
		*set = place->set;
		return 0;
	}
	result = collect_set(set, sets, policy, section);
	*place = (struct inherited_set){section->class, section->group, *set, result == 0};
	return result;
}

int sets_collect(struct sets *out, const struct shmq_policy *policy)
{
	int result = 0;

	*out = (struct sets){.of_rule = calloc(policy->first[SHMQ_RULE_KINDS], sizeof(*out->of_rule))};
	out->last = &out->first;
	if (out->of_rule == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < policy->first[SHMQ_RULE_KINDS] && result == 0; i++) {
		enum section kind = policy->rules[i].section->kind;

		/* Classes and groups do nothing themselves. */
		if (kind != SECTION_CLASS && kind != SECTION_GROUP)
			result = collect_rule(out, policy, i);
	}
	return result;
}

void sets_free(struct sets *sets)
{
	tdestroy(sets->index, keep_node);
	while (sets->first != NULL) {
		struct set *next = sets->first->next;

		set_free(sets->first);
		sets->first = next;
	}
	free(sets->of_rule);
}

static uint64_t padded(uint64_t bytes)
{
	return (bytes + 7) & ~UINT64_C(7);
}

uint64_t sets_rules_bytes(const struct sets *sets, const struct shmq_policy *policy)
{
	uint64_t bytes = sizeof(struct shmq_shm_rules);

	for (size_t i = 0; i < policy->draft.file_count; i++)
		bytes += padded(sizeof(struct shmq_shm_file) + strlen(policy->draft.files[i]));
	bytes += policy_count(policy, SHMQ_RULE_PATTERN) * sizeof(struct shmq_shm_pattern);
	for (const struct set *set = sets->first; set != NULL; set = set->next)
		bytes += padded(set->bytes);
	return bytes;
}
