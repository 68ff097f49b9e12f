/* SPDX-License-Identifier: MIT */
/*
 * Breaking one word of a segment, and which defect verifying it then finds. What is broken is put back, so that the
 * cases of a test do not see each other.
 */
#ifndef TESTS_UNIT_DEFECTS_H
#define TESTS_UNIT_DEFECTS_H

#include "shm/segment.h"

#include <stdio.h>
#include <string.h>

#include "../support/fixture.h"

static struct shmq_segment *segment;

struct found {
	const char *structure, *invariant;
	uint32_t index;
	unsigned matches;
	char others[512];
};

static inline void look_for(void *context, const struct shmq_defect *defect)
{
	struct found *found = context;
	size_t length = strlen(found->others);

	cr_assert_not_null(defect->object);
	if (strcmp(defect->structure, found->structure) == 0 && defect->index == found->index &&
	    strstr(defect->invariant, found->invariant) != NULL)
		found->matches++;
	else
		snprintf(found->others + length, sizeof(found->others) - length, "%s %" PRIu32 ": %s; ",
		         defect->structure, defect->index, defect->invariant);
}

/* Exactly this is broken, once; nothing else where `alone`. */
static inline void expect_broken(const char *structure, uint32_t index, const char *invariant, bool alone)
{
	struct found found = {.structure = structure, .invariant = invariant, .index = index};
	int defects = shmq_segment_verify(segment, look_for, &found);

	cr_assert_eq(found.matches, 1, "%s %" PRIu32 ": \"%s\" was reported %u times; others: %s", structure, index,
	             invariant, found.matches, found.others);
	cr_assert(!alone || defects == 1, "%d defects; others: %s", defects, found.others);
}

static inline void complain_to_nobody(void *context, const struct shmq_defect *defect)
{
	struct found *found = context;
	size_t length = strlen(found->others);

	snprintf(found->others + length, sizeof(found->others) - length,
	         "%s %" PRIu32 ": %s (%" PRIu64 ", %" PRIu64 "); ", defect->structure, defect->index, defect->invariant,
	         defect->found, defect->expected);
}

static inline void expect_sound(void)
{
	struct found found = {.structure = ""};
	int defects = shmq_segment_verify(segment, complain_to_nobody, &found);

	cr_assert_eq(defects, 0, "%d defects: %s", defects, found.others);
}

/* Damage a word, expect one defect, and put it back. */
static inline void breaks(struct shm_u64 *word, uint64_t value, const char *structure, uint32_t index,
                          const char *invariant)
{
	uint64_t before = shm_load_relaxed(word);

	shm_store_relaxed(word, value);
	expect_broken(structure, index, invariant, true);
	shm_store_relaxed(word, before);
}

static inline void breaks32(struct shm_u32 *word, uint32_t value, const char *structure, uint32_t index,
                            const char *invariant, bool alone)
{
	uint32_t before = shm_load32_relaxed(word);

	shm_store32_relaxed(word, value);
	expect_broken(structure, index, invariant, alone);
	shm_store32_relaxed(word, before);
}

static inline struct shmq_shm_entry *entry_at(uint32_t index)
{
	return (struct shmq_shm_entry *)((char *)segment_writable(segment) + segment->layout.entries_at) + index;
}

static inline struct shmq_shm_quota *quota_at(uint32_t index)
{
	uint64_t active = shm_load_relaxed(&segment->policy->control.generation) & 1;

	return (struct shmq_shm_quota *)((char *)segment_writable(segment) + segment->layout.quotas_at[active]) + index;
}

#endif
