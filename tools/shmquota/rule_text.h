/* SPDX-License-Identifier: MIT */
/*
 * A rule as text: what a component, a group, a pattern or the default may use, value by value, as policies spell it.
 *
 * Policies in files and policies in force become the same text, so they can be shown and compared by the same code. A
 * rule begins with the values that every rule has, always in the same order; what it grants follows.
 */
#ifndef RULE_TEXT_H
#define RULE_TEXT_H

#include <assert.h>
#include <stddef.h>

#include <shmquota.h>

/* One value. `origin` is "FILE:LINE", or NULL where nothing said it or nobody knows. */
struct rule_value {
	const char *key; /* of a grant its permission */
	char *text;
	char *origin;
};

struct rule_text {
	int kind;        /* enum shmq_rule_kind */
	uint64_t wanted; /* the values that are written out, a bit for each; the text of others is "" */
	char *name;
	struct rule_value *values;
	size_t count, capacity;
	char **keys; /* the permissions that values name */
	size_t key_count;
};

/* The values that every rule has, in their order. */
enum {
	VALUE_GROUP,
	VALUE_INHERIT,
	VALUE_RESOURCES, /* from here on, for each resource */
	VALUES = VALUE_RESOURCES + SHMQ_RESOURCES * 6
};
enum { PART_LIMIT, PART_ALGORITHM, PART_ENFORCE, PART_WARN, PART_CRITICAL, PART_LEASE, PARTS };

static inline size_t value_of(int resource, int part)
{
	return VALUE_RESOURCES + (size_t)(resource * PARTS + part);
}

/* Whether it makes sense for a resource: only rates have algorithms and leases. */
bool part_applies(int resource, int part);

/* What is built in, without a name. */
void rule_text_builtin(struct rule_text *out);

#define RULE_ALL UINT64_MAX                 /* every value, and what is granted */
#define RULE_GRANTS (UINT64_C(1) << VALUES) /* what is granted */

static_assert(VALUES < 64, "a bit for each value and one for the grants");

/* Read one rule. Each of them needs rule_text_free(), which leaves nothing behind. */
void rule_text_of_policy(struct rule_text *out, const struct shmq_policy *policy, size_t index, uint64_t wanted);

/* The same of what is in force. Returns 0, or a result of the library; there is nothing to free then. */
int rule_text_of_component(struct rule_text *out, struct shmq_segment *segment, struct shmq_component *component,
                           uint64_t wanted);
int rule_text_of_segment(struct rule_text *out, struct shmq_segment *segment, uint32_t index);

void rule_text_free(struct rule_text *rule);

/* "default", "class", "group", "component" or "pattern". */
const char *rule_kind_name(int kind);

/* The name without what makes a group's name a component's. */
const char *rule_bare_name(const struct rule_text *rule);

#endif
