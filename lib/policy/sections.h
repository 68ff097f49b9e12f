/* SPDX-License-Identifier: MIT */
/*
 * The sections of a draft by their names: a hash table with chains, which the sections themselves are linked into.
 *
 * Policies may have a million sections, and whoever chooses names chooses what falls together; so the table grows with
 * them, and its hashes have a seed that nobody knows. Nothing is ever taken out.
 */
#ifndef SHMQ_POLICY_SECTIONS_H
#define SHMQ_POLICY_SECTIONS_H

#include "policy/keys.h"

struct draft_section;

struct sections {
	struct draft_section **buckets;
	size_t count, bucket_count; /* a power of two, or 0 */
	uint64_t seed;
};

/* The section of this name, or NULL. */
struct draft_section *sections_find(const struct sections *sections, enum section kind, bool is_pattern,
                                    const char *name);

/* Add a section that is not there yet. Returns 0 or -ENOMEM. */
int sections_add(struct sections *sections, struct draft_section *section);

/* Free the table; the sections are whoever's they were. */
void sections_free(struct sections *sections);

#endif
