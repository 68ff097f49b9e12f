/* SPDX-License-Identifier: MIT */
/*
 * The invariants of the rules of the policy in force. Its files and patterns stand still until the next publication;
 * registrations append sets behind them. What a set says in itself is bounded wherever it is read, and not looked at.
 */
#include "core/valid_look.h"

#include "core/rules.h"

#include <string.h>

/* Files are appended one after the other, and linked in that order. */
static void examine_files(const struct shmq_shm_rules *area, uint32_t used, struct valid_look *look)
{
	uint32_t offset = shm_load32_relaxed(&area->files), before = 0; /* relaxed: the generation released it */
	bool is_there = true, is_name = true;

	while (offset != 0 && is_there && is_name) {
		const struct shmq_shm_file *file = rules_at(area, used, offset, sizeof(*file));

		is_there = offset > before && file != NULL && file->length <= used &&
		           rules_at(area, used, offset, sizeof(*file) + file->length) != NULL;
		if (!is_there)
			break;
		is_name = file->length > 0 && memchr(file + 1, '\0', file->length) == NULL;
		before = offset;
		offset = shm_load32_relaxed(&file->next); /* relaxed: as above */
	}
	valid_expect(look, is_there, "the names of the policy's files lie in its rules, in their order", offset,
	             before);
	valid_expect(look, is_name, "the name of a file has bytes, and none is 0", before, before);
}

/* The newest pattern comes first. */
static void examine_patterns(const struct shmq_shm_rules *area, uint32_t used, struct valid_look *look)
{
	uint32_t offset = shm_load32_relaxed(&area->patterns), before = used; /* relaxed: the generation released it */
	bool is_there = true, is_text = true;

	while (offset != 0 && is_there && is_text) {
		const struct shmq_shm_pattern *pattern = rules_at(area, used, offset, sizeof(*pattern));

		is_there = offset < before && pattern != NULL;
		if (!is_there)
			break;
		is_text = pattern->length > 0 && pattern->length <= SHMQ_NAME_MAX &&
		          strnlen(pattern->text, sizeof(pattern->text)) == pattern->length;
		before = offset;
		offset = shm_load32_relaxed(&pattern->next); /* relaxed: as above */
	}
	valid_expect(look, is_there, "the policy's patterns lie in its rules, in their order", offset, before);
	valid_expect(look, is_text, "a pattern has as many bytes as it says", before, before);
}

static bool examine_rules(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	uint64_t generation = shm_load_acquire(&segment->policy->control.generation); /* (D1) */
	const struct shmq_shm_rules *area = segment->rules[generation & 1];
	uint32_t used = shm_load32_acquire(&area->used), size = segment->layout.rules_bytes;
	uint32_t sealed = shm_load32_acquire(&area->generation); /* (D7) */
	bool is_bounded = used >= sizeof(*area) && used <= size && used % 8 == 0;

	(void)index;
	valid_expect(look, is_bounded, "the rules end in their area", used, size);
	valid_expect(look, sealed == (uint32_t)generation, "the rules are those of the policy in force", sealed,
	             (uint32_t)generation);
	if (is_bounded) {
		examine_files(area, used, look);
		examine_patterns(area, used, look);
	}
	shm_fence_acquire(); /* all that was read, before the words once more */
	return shm_load32_acquire(&area->generation) == sealed &&
	       shm_load_acquire(&segment->policy->control.generation) == generation;
}

static const struct valid_structure rules_structure = {"policy", "rules", examine_rules};

void valid_rules(struct valid *valid)
{
	valid_examine(valid, &rules_structure, 0);
}
