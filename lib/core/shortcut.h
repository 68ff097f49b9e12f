/* SPDX-License-Identifier: MIT */
/*
 * Shortcuts from a hash to a small number, private to a process: 16 words of 4 bytes to a cache line, so that one miss
 * finds what a table of pointers or a chain would take two or three for. A word is [tag | number + 1], the tag some bits
 * of the hash that did not choose the line; 0 is none.
 *
 * A shortcut is a guess. It may be missing, since a full line forgets one for the next, and it may be of another hash
 * with the same tag: who follows it compares. Any thread may read while one, under the process lock, writes.
 *
 * Nothing here knows what a number is of, or when it may be used again: core/handle.c does.
 */
#ifndef SHMQ_CORE_SHORTCUT_H
#define SHMQ_CORE_SHORTCUT_H

#include "base/atomic.h"

#include <stddef.h>
#include <stdint.h>

#define SHORTCUT_WAYS 16
#define SHORTCUT_NONE UINT32_MAX

struct shortcuts {
	uint32_t line_mask; /* lines - 1 */
	unsigned number_bits;
	struct shortcuts *older; /* of whoever keeps them: readers may still be in it */
	struct shm_u32 *words;
};

/* Where the search for a hash stands. */
struct shortcut_search {
	const struct shm_u32 *line;
	uint32_t tag;
	unsigned first, tried;
};

/*
 * Make room for about `numbers` of them, each below `limit`; half of the words stay empty, so that few are forgotten.
 * Returns NULL without memory.
 */
struct shortcuts *shortcuts_create(uint32_t numbers, uint32_t limit);
void shortcuts_free(struct shortcuts *shortcuts);

/* How many numbers there is room for. */
uint32_t shortcuts_room(const struct shortcuts *shortcuts);

void shortcuts_put(struct shortcuts *shortcuts, uint64_t hash, uint32_t number);
void shortcuts_drop(struct shortcuts *shortcuts, uint64_t hash, uint32_t number);

static inline struct shortcut_search shortcut_search(const struct shortcuts *shortcuts, uint64_t hash)
{
	return (struct shortcut_search){
	    .line = &shortcuts->words[((uint32_t)hash & shortcuts->line_mask) * (size_t)SHORTCUT_WAYS],
	    .tag = (uint32_t)(hash >> 32) >> shortcuts->number_bits,
	    .first = (unsigned)(hash >> 28) % SHORTCUT_WAYS, /* where one goes if it can: most searches end there */
	};
}

/* The next number that the hash may stand for, or SHORTCUT_NONE. */
static inline uint32_t shortcut_next(struct shortcut_search *search, unsigned number_bits)
{
	while (search->tried < SHORTCUT_WAYS) {
		/* (H5) acquire: what the number stands for before the number. Pairs with shortcuts_put(). */
		uint32_t word = shm_load32_acquire(&search->line[(search->first + search->tried++) % SHORTCUT_WAYS]);

		if (word != 0 && word >> number_bits == search->tag)
			return (word & ((UINT32_C(1) << number_bits) - 1)) - 1;
	}
	return SHORTCUT_NONE;
}

#endif
