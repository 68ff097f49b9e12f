/* SPDX-License-Identifier: MIT */
/*
 * Inheritance; see chain.h. Every walk is bounded: links.c has cut what was too long or led back to itself.
 */
#include "policy/chain.h"

static size_t add_classes(const struct draft_section **out, const struct draft_section *section)
{
	size_t count = 0;

	for (; section != NULL && count < 1 + CHAIN_CLASSES_MAX; section = section->class)
		out[count++] = section;
	return count;
}

void chain_of(struct chain *out, const struct draft *draft, const struct draft_section *section)
{
	out->is_of_group = section->kind == SECTION_GROUP;
	out->count = add_classes(out->at, section);
	if (section != &draft->fallback)
		out->at[out->count++] = &draft->fallback;
}

/* Whether a section of the chain has a say in how much there is, and not only in how it is counted. */
static bool gives_limits(const struct chain *chain, size_t i)
{
	return !chain->is_of_group || chain->at[i]->kind != SECTION_DEFAULT;
}

const struct draft_value *chain_value(const struct chain *chain, enum key key)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct draft_value *value = draft_value(chain->at[i], key);

		if (value != NULL && (key != KEY_GROUP || gives_limits(chain, i)))
			return value;
	}
	return NULL;
}

const struct draft_value *chain_setting(const struct chain *chain, int resource, enum setting setting)
{
	bool is_amount = setting == SETTING_LIMIT || setting == SETTING_LEASE;
	enum key all = keys_of_all(setting);

	for (size_t i = 0; i < chain->count; i++) {
		const struct draft_value *value = draft_value(chain->at[i], keys_of_setting(resource, setting));

		if (is_amount && !gives_limits(chain, i))
			continue;
		if (value == NULL && all != KEY_NONE)
			value = draft_value(chain->at[i], all);
		if (value != NULL)
			return value;
	}
	return NULL;
}

/* The burst that a section gives by itself. Where it gives a limit without one, `*is_over` says that none is inherited. */
static const struct draft_value *burst_of(const struct draft_section *section, int resource, bool *is_over)
{
	const struct draft_value *limit = draft_value(section, keys_of_setting(resource, SETTING_LIMIT));
	const struct draft_value *burst = draft_value(section, keys_of_setting(resource, SETTING_BURST));

	*is_over = limit != NULL;
	if (limit == NULL || limit->limit.burst == 0)
		return burst;
	return burst != NULL && burst->file > limit->file ? burst : limit; /* the later file's */
}

const struct draft_value *chain_burst(const struct chain *chain, int resource)
{
	bool is_over = false;

	for (size_t i = 0; i < chain->count && !is_over; i++) {
		const struct draft_value *burst = NULL;

		if (gives_limits(chain, i))
			burst = burst_of(chain->at[i], resource, &is_over);
		if (burst != NULL)
			return burst;
	}
	return NULL;
}

const struct draft_value *chain_algorithm(const struct chain *chain, int resource)
{
	bool is_over = false;

	for (size_t i = 0; i < chain->count; i++) {
		const struct draft_section *section = chain->at[i];
		const struct draft_value *value = draft_value(section, keys_of_setting(resource, SETTING_ALGORITHM));

		if (value == NULL && !is_over && gives_limits(chain, i))
			value = burst_of(section, resource, &is_over);
		if (value == NULL)
			value = draft_value(section, KEY_ALGORITHM);
		if (value != NULL)
			return value;
	}
	return NULL;
}

uint64_t chain_burst_amount(const struct draft_value *value)
{
	enum setting setting;
	int resource;

	if (keys_is_setting(value->key, &resource, &setting) && setting == SETTING_LIMIT)
		return value->limit.burst;
	return value->number;
}

size_t chain_of_permissions(const struct draft_section *out[CHAIN_PERMISSIONS_MAX], const struct draft *draft,
                            const struct draft_section *section)
{
	const struct draft_section *group = section->group;
	size_t count = add_classes(out, section);

	for (unsigned i = 0; i < CHAIN_GROUPS_MAX && group != NULL; i++, group = group->group)
		count += add_classes(out + count, group);
	if (section != &draft->fallback)
		out[count++] = &draft->fallback;
	return count;
}
