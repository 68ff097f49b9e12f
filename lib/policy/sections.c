/* SPDX-License-Identifier: MIT */
/*
 * Sections by name; see sections.h.
 */
#include "policy/sections.h"

#include "base/hash.h"
#include "policy/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_BUCKETS 64

static struct draft_section **bucket_of(const struct sections *sections, enum section kind, bool is_pattern,
                                        const char *name)
{
	uint64_t seed = sections->seed + 2 * (uint64_t)kind + is_pattern;

	return &sections->buckets[hash_seeded(seed, name, strlen(name)) & (sections->bucket_count - 1)];
}

struct draft_section *sections_find(const struct sections *sections, enum section kind, bool is_pattern,
                                    const char *name)
{
	struct draft_section *section = NULL;

	if (sections->bucket_count > 0)
		section = *bucket_of(sections, kind, is_pattern, name);
	while (section != NULL &&
	       (section->kind != kind || section->is_pattern != is_pattern || strcmp(section->name, name) != 0))
		section = section->same_bucket;
	return section;
}

static void link_section(const struct sections *sections, struct draft_section *section)
{
	struct draft_section **bucket = bucket_of(sections, section->kind, section->is_pattern, section->name);

	section->same_bucket = *bucket;
	*bucket = section;
}

/* Twice as many buckets. */
static int grow(struct sections *sections)
{
	struct sections wider = *sections;

	wider.bucket_count = sections->bucket_count == 0 ? FIRST_BUCKETS : 2 * sections->bucket_count;
	wider.buckets = calloc(wider.bucket_count, sizeof(struct draft_section *));
	if (wider.buckets == NULL)
		return -ENOMEM;
	/* Without random bytes the address of the table has to do. */
	if (sections->bucket_count == 0 && getrandom(&wider.seed, sizeof(wider.seed), GRND_NONBLOCK) < 0)
		wider.seed = (uintptr_t)wider.buckets;
	for (size_t i = 0; i < sections->bucket_count; i++) {
		struct draft_section *next;

		for (struct draft_section *section = sections->buckets[i]; section != NULL; section = next) {
			next = section->same_bucket;
			link_section(&wider, section);
		}
	}
	free(sections->buckets);
	*sections = wider;
	return 0;
}

int sections_add(struct sections *sections, struct draft_section *section)
{
	/* Chains of one on the average; where there is no memory for more they grow longer. */
	if (sections->count >= sections->bucket_count && grow(sections) < 0 && sections->bucket_count == 0)
		return -ENOMEM;
	link_section(sections, section);
	sections->count++;
	return 0;
}

void sections_free(struct sections *sections)
{
	free(sections->buckets);
	*sections = (struct sections){0};
}
