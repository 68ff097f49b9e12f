/* SPDX-License-Identifier: MIT */
/*
 * Making, filling and emptying shortcuts. Finding one is in the header: it is most of what a lookup by name is.
 */
#include "core/shortcut.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES (SHORTCUT_WAYS * sizeof(struct shm_u32))
#define NUMBER_BITS_MAX 28 /* leaves four for the tag */

struct shortcuts *shortcuts_create(uint32_t numbers, uint32_t limit)
{
	struct shortcuts *shortcuts = calloc(1, sizeof(*shortcuts));
	uint32_t lines = 1;
	unsigned number_bits = 1;

	while (lines < (UINT32_C(1) << NUMBER_BITS_MAX) / SHORTCUT_WAYS && lines * (SHORTCUT_WAYS / 2) < numbers)
		lines *= 2;
	while (number_bits < NUMBER_BITS_MAX && (UINT32_C(1) << number_bits) - 1 < limit)
		number_bits++;
	if (shortcuts == NULL)
		return NULL;
	*shortcuts = (struct shortcuts){.line_mask = lines - 1, .number_bits = number_bits};
	shortcuts->words = aligned_alloc(LINE_BYTES, lines * LINE_BYTES);
	if (shortcuts->words == NULL) {
		free(shortcuts);
		return NULL;
	}
	memset(shortcuts->words, 0, lines * LINE_BYTES);
	return shortcuts;
}

void shortcuts_free(struct shortcuts *shortcuts)
{
	while (shortcuts != NULL) {
		struct shortcuts *older = shortcuts->older;

		free(shortcuts->words);
		free(shortcuts);
		shortcuts = older;
	}
}

uint32_t shortcuts_room(const struct shortcuts *shortcuts)
{
	return (shortcuts->line_mask + 1) * (SHORTCUT_WAYS / 2);
}

void shortcuts_put(struct shortcuts *shortcuts, uint64_t hash, uint32_t number)
{
	struct shortcut_search place = shortcut_search(shortcuts, hash);
	struct shm_u32 *line = &shortcuts->words[place.line - shortcuts->words];
	unsigned way = place.first; /* of a full line the first goes */

	for (unsigned i = 0; i < SHORTCUT_WAYS; i++) {
		if (shm_load32_relaxed(&line[(place.first + i) % SHORTCUT_WAYS]) == 0) { /* relaxed: ours */
			way = (place.first + i) % SHORTCUT_WAYS;
			break;
		}
	}
	/*
	 * (H5) release: what the number stands for before the number.
	 * Pairs with shortcut_next(). Without it a lookup could compare with a name that is half written.
	 */
	shm_store32_release(&line[way], place.tag << shortcuts->number_bits | (number + 1));
}

void shortcuts_drop(struct shortcuts *shortcuts, uint64_t hash, uint32_t number)
{
	struct shortcut_search place = shortcut_search(shortcuts, hash);
	struct shm_u32 *line = &shortcuts->words[place.line - shortcuts->words];

	for (unsigned i = 0; i < SHORTCUT_WAYS; i++)
		if (shm_load32_relaxed(&line[i]) ==
		    (place.tag << shortcuts->number_bits | (number + 1))) /* relaxed: ours */
			shm_store32_relaxed(&line[i], 0); /* relaxed: who still finds it is waited for */
}
