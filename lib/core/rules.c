/* SPDX-License-Identifier: MIT */
/*
 * Lists in the area are linked by offset, newest last, and every walk ends after as many steps as fit into the area.
 */
#include "core/rules.h"

#include "base/glob.h"

#include <errno.h>
#include <string.h>

#define ALIGNMENT 8
#define FILES_MAX 1023 /* a place has 10 bits for the number of its file */

void rules_clear(const struct rules *rules)
{
	/*
	 * (D7) store, then fence: the area is of no policy any more before it is written.
	 * Pairs with rules_are_of(). Without it an event of the policy before could be told of by a rule of this one.
	 */
	shm_store32_relaxed(&rules->area->generation, 0);
	shm_fence_release();
	/* relaxed: nobody else reads the area before the switch that releases it */
	shm_store32_relaxed(&rules->area->used, sizeof(*rules->area));
	shm_store32_relaxed(&rules->area->files, 0);
	shm_store32_relaxed(&rules->area->patterns, 0);
}

void rules_seal(const struct rules *rules, uint64_t generation)
{
	shm_store32_release(&rules->area->generation, (uint32_t)generation); /* (D7) */
}

bool rules_are_of(const struct shmq_shm_rules *area, uint64_t generation)
{
	/* (D7) acquire fence: what was read before this look was read before it was overwritten, if it says so still. */
	shm_fence_acquire();
	return shm_load32_acquire(&area->generation) == (uint32_t)generation;
}

/* Set aside `size` bytes. Returns their offset, or 0. */
static uint32_t set_aside(const struct rules *rules, size_t size)
{
	uint32_t used = shm_load32_relaxed(&rules->area->used); /* relaxed: ours under the controller lock */
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);

	if (used < sizeof(*rules->area) || used > rules->size || used % ALIGNMENT != 0)
		used = rules->size; /* damaged: full */
	if (size > rules->size || rounded > rules->size - used)
		return 0;
	shm_store32_relaxed(&rules->area->used, used + (uint32_t)rounded); /* relaxed: as above */
	return used;
}

uint32_t rules_append(const struct rules *rules, const void *bytes, size_t size)
{
	uint32_t offset = set_aside(rules, size);

	if (offset != 0)
		memcpy((char *)rules->area + offset, bytes, size);
	return offset;
}

const void *rules_at(const struct shmq_shm_rules *area, uint32_t size, uint32_t offset, size_t bytes)
{
	if (offset < sizeof(*area) || offset % ALIGNMENT != 0 || offset > size || bytes > size - offset)
		return NULL;
	return (const char *)area + offset;
}

/* ---- Files ---- */

static const struct shmq_shm_file *file_at(const struct shmq_shm_rules *area, uint32_t size, uint32_t offset)
{
	const struct shmq_shm_file *file = rules_at(area, size, offset, sizeof(*file));

	if (file == NULL || file->length > size || rules_at(area, size, offset, sizeof(*file) + file->length) == NULL)
		return NULL;
	return file;
}

/* The word that links to file `number` + 1, or NULL where the list ends before. */
static const struct shmq_shm_file *nth_file(const struct shmq_shm_rules *area, uint32_t size, uint32_t number)
{
	uint32_t offset = shm_load32_relaxed(&area->files); /* relaxed: released with the policy, or ours */
	const struct shmq_shm_file *file = NULL;

	for (uint32_t i = 0; i < number; i++) {
		file = i < FILES_MAX ? file_at(area, size, offset) : NULL;
		if (file == NULL)
			return NULL;
		offset = shm_load32_relaxed(&file->next); /* relaxed: as above */
	}
	return file;
}

uint32_t rules_files(const struct shmq_shm_rules *area, uint32_t size)
{
	uint32_t count = 0;

	while (nth_file(area, size, count + 1) != NULL)
		count++;
	return count;
}

const char *rules_file(const struct shmq_shm_rules *area, uint32_t size, uint32_t number, uint32_t *length)
{
	const struct shmq_shm_file *file = nth_file(area, size, number);

	if (file == NULL)
		return NULL;
	*length = file->length;
	return (const char *)(file + 1);
}

int rules_add_file(const struct rules *rules, const char *name)
{
	uint32_t count = rules_files(rules->area, rules->size);
	size_t length = strlen(name);
	uint32_t offset = count < FILES_MAX ? set_aside(rules, sizeof(struct shmq_shm_file) + length) : 0;
	char *at = (char *)rules->area;
	struct shmq_shm_file *file;

	if (offset == 0)
		return -ENOSPC;
	file = (struct shmq_shm_file *)(void *)(at + offset);
	shm_store32_relaxed(&file->next, 0); /* relaxed: released with the policy */
	file->length = (uint32_t)length;
	memcpy(file + 1, name, length);
	if (count == 0) {
		shm_store32_relaxed(&rules->area->files, offset); /* relaxed: as above */
	} else {
		const struct shmq_shm_file *last = nth_file(rules->area, rules->size, count);

		file = (struct shmq_shm_file *)(void *)(at + ((const char *)last - at));
		shm_store32_relaxed(&file->next, offset); /* relaxed: as above */
	}
	return 0;
}

/* ---- Patterns ---- */

int rules_add_pattern(const struct rules *rules, const char *glob, const struct quota_rule *rule)
{
	size_t length = strlen(glob);
	uint32_t offset;
	struct shmq_shm_pattern *pattern;

	if (length > SHMQ_NAME_MAX)
		return -EINVAL;
	offset = set_aside(rules, sizeof(*pattern));
	if (offset == 0)
		return -ENOSPC;
	pattern = (struct shmq_shm_pattern *)(void *)((char *)rules->area + offset);
	memset(pattern, 0, sizeof(*pattern));
	quota_store(&pattern->quota, rule);
	pattern->length = (uint32_t)length;
	memcpy(pattern->text, glob, length);
	/* relaxed: released with the policy */
	shm_store32_relaxed(&pattern->next, shm_load32_relaxed(&rules->area->patterns));
	shm_store32_relaxed(&rules->area->patterns, offset);
	return 0;
}

const struct shmq_shm_pattern *rules_pattern_for(const struct shmq_shm_rules *area, uint32_t size, const char *name)
{
	uint32_t offset = shm_load32_relaxed(&area->patterns); /* relaxed: ours under the controller lock */
	const struct shmq_shm_pattern *best = NULL;

	for (uint32_t steps = size / sizeof(*best) + 1; steps > 0 && offset != 0; steps--) {
		const struct shmq_shm_pattern *pattern = rules_at(area, size, offset, sizeof(*pattern));

		if (pattern == NULL || pattern->length > SHMQ_NAME_MAX)
			break;
		/* The list begins with the newest: the last that matches was added first. */
		if (glob_matches(pattern->text, pattern->length, name, strlen(name)))
			best = pattern;
		offset = shm_load32_relaxed(&pattern->next); /* relaxed: as above */
	}
	return best;
}
