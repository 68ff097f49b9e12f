/* SPDX-License-Identifier: MIT */
/*
 * The public interface to the policy in force: components that register by a manifest, and the policy read back, that is
 * whose a component's limits are, and the rules for components that are not there yet.
 *
 * Nobody holds still for it: it is read, and read again where a publication came in between. Everything read is bounded,
 * whatever it says.
 */
#include <shmquota.h>

#include "base/text.h"
#include "core/operation.h"
#include "core/publication.h"
#include "policy/grants.h"
#include "policy/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One of the two tables of quotas, with its rules. */
struct table {
	const struct shmq_segment *segment;
	uint64_t generation;
	const struct shmq_shm_quota *quotas;
	const struct shmq_shm_rules *rules;
};

static struct table table_in_force(const struct shmq_segment *segment)
{
	uint64_t generation = shm_load_acquire(&segment->policy->control.generation);

	return (struct table){segment, generation, segment->quotas[generation & 1], segment->rules[generation & 1]};
}

/* Tell whether what was read is of one policy. */
static bool is_in_force(const struct table *table)
{
	shm_fence_acquire();
	return shm_load_acquire(&table->segment->policy->control.generation) == table->generation;
}

int shmq_component_register_manifest(struct shmq_segment *segment, const struct shmq_manifest *manifest)
{
	const char *name = manifest == NULL ? NULL : manifest_name(manifest);

	if (segment == NULL || name == NULL || !text_is_component_name(name, strlen(name)) || text_is_group_name(name))
		return -EINVAL;
	return publication_register(segment, name, strlen(name),
	                            &(struct directory_request){
					.quota = &manifest->quota,
					.grants = manifest->grants,
					.grants_bytes = (uint32_t)manifest->grants_bytes,
				    });
}

int shmq_component_source(struct shmq_component *component)
{
	struct operation look;
	uint64_t flags;

	if (component == NULL)
		return -EINVAL;
	do {
		int result = look_begin(&look, component);

		if (result < 0)
			return result;
		flags = quota_flags(look.quota);
	} while (!look_end(&look, component));
	if ((flags & QUOTA_ASKED) != 0)
		return SHMQ_SOURCE_MANIFEST;
	if ((flags & QUOTA_OWN) != 0)
		return SHMQ_SOURCE_OWN;
	return (flags & QUOTA_DECLARED) != 0 ? SHMQ_SOURCE_NAMED : SHMQ_SOURCE_FOLLOWS;
}

/* ---- Grants ---- */

static void write_place(char *out, size_t size, const struct table *table, uint32_t place)
{
	uint32_t length = 0;
	const char *file = place == 0 ? NULL
	                              : rules_file(table->rules, table->segment->layout.rules_bytes,
	                                           place >> PLACE_LINE_BITS, &length);

	if (file == NULL)
		*out = '\0';
	else
		snprintf(out, size, "%.*s:%u", length < size ? (int)length : (int)size, file,
		         place & ((1U << PLACE_LINE_BITS) - 1));
}

/* The grant with this number of a set. */
static int read_grant(struct shmq_grant *out, const struct table *table, uint32_t offset, size_t number)
{
	struct grant_walk walk;
	struct grant grant;
	int result = 1;

	if (offset == 0)
		return -ENOENT;
	if (capability_walk(&walk, table->rules, table->segment->layout.rules_bytes, offset) < 0)
		return -EBADMSG;
	for (size_t i = 0; i <= number && result > 0; i++)
		result = capability_next(&walk, &grant);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	snprintf(out->permission, sizeof(out->permission), "%.*s", (int)grant.permission_length, grant.permission);
	grants_format(out->pattern, sizeof(out->pattern), &grant);
	write_place(out->origin, sizeof(out->origin), table, grant.place);
	out->is_asked = false;
	return 0;
}

/* ---- Rules ---- */

/* The pattern with this number, from 0; the list begins with the one that was added last. */
static const struct shmq_shm_pattern *pattern_at(const struct table *table, uint32_t number)
{
	uint32_t offset = shm_load32_relaxed(&table->rules->patterns); /* relaxed: released with the table */
	uint32_t size = table->segment->layout.rules_bytes;
	const struct shmq_shm_pattern *pattern = NULL;

	if (number > size / sizeof(*pattern))
		return NULL;
	for (uint32_t i = 0; i <= number; i++) {
		pattern = rules_at(table->rules, size, offset, sizeof(*pattern));
		if (pattern == NULL)
			return NULL;
		offset = shm_load32_relaxed(&pattern->next); /* relaxed: as above */
	}
	return pattern;
}

/* The quota of a rule: of [default], or of the pattern with this number from 1. Returns NULL where there is none. */
static const struct shmq_shm_quota *find_rule(const struct table *table, uint32_t index, char name[SHMQ_NAME_MAX + 1])
{
	const struct layout *layout = &table->segment->layout;
	const struct shmq_shm_pattern *pattern;

	name[0] = '\0';
	if (index == 0)
		return &table->quotas[layout->components];
	pattern = pattern_at(table, index - 1);
	if (pattern == NULL)
		return NULL;
	memcpy(name, pattern->text, SHMQ_NAME_MAX);
	name[SHMQ_NAME_MAX] = '\0';
	return &pattern->quota;
}

static void name_group(char out[SHMQ_NAME_MAX + 1], const struct table *table, uint32_t parent)
{
	out[0] = '\0';
	if (parent == 0 || parent > table->segment->layout.components)
		return;
	memcpy(out, table->segment->entries[parent - 1].name, SHMQ_NAME_MAX);
	out[SHMQ_NAME_MAX] = '\0';
}

int shmq_segment_rule(struct shmq_segment *segment, uint32_t index, struct shmq_segment_rule *out)
{
	const struct shmq_shm_quota *quota;
	struct quota_rule rule;
	struct table table;

	if (segment == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	do {
		table = table_in_force(segment);
		quota = find_rule(&table, index, out->name);
		if (quota == NULL)
			continue;
		quota_load(&rule, quota);
		name_group(out->group, &table, rule.parent);
	} while (!is_in_force(&table));
	if (quota == NULL)
		return -ENOENT;
	out->kind = index == 0 ? SHMQ_RULE_DEFAULT : SHMQ_RULE_PATTERN;
	out->quota = rule.quota;
	return 0;
}

int shmq_segment_rule_grant(struct shmq_segment *segment, uint32_t index, size_t number, struct shmq_grant *out)
{
	char name[SHMQ_NAME_MAX + 1];
	struct table table;
	int result;

	if (segment == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	do {
		const struct shmq_shm_quota *quota;

		table = table_in_force(segment);
		quota = find_rule(&table, index, name);
		/* relaxed: released with the table */
		result = quota == NULL ? -ENOENT : read_grant(out, &table, shm_load32_relaxed(&quota->grants), number);
	} while (!is_in_force(&table));
	return result;
}
