/* SPDX-License-Identifier: MIT */
/*
 * What is counted against: named keys of a few kinds, and the order in which they are visited.
 *
 * The order is random and the same for all limiters; two processes begin at opposite ends of it. The names lie in the
 * order of the visits, as if the caller had just read the name it asks for; where a limiter keeps what belongs to a
 * name is its own affair, so that the visits jump about in that.
 */
#ifndef KEYS_H
#define KEYS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum key_kind {
	KIND_OPEN,   /* all is admitted */
	KIND_CLOSED, /* all is refused: a limit of 0 */
	KIND_LONG,   /* one key; the window does not end while the bound is checked */
	KIND_SHORT,  /* one key; many windows */
	KINDS
};

struct key_class {
	const char *name;
	uint64_t limit; /* of each key, per window */
	uint64_t window_ms;
	uint32_t count; /* of keys */
};

struct key {
	uint32_t id; /* 0 to count - 1 of its kind */
	char name[32];
};

extern struct key_class key_classes[KINDS];

/* Make all keys; of the first two kinds `count`. Returns 0, or -1 with a message. */
int keys_create(uint32_t count);

/* The keys of a kind in the order of the visits. */
const struct key *keys_of(enum key_kind kind);

/* Where a process stands on its way round the first `count` keys. */
struct walk {
	const struct key *keys;
	uint32_t count, position;
};

static inline const struct key *walk_next(struct walk *walk)
{
	const struct key *key = &walk->keys[walk->position];

	walk->position = walk->position + 1 < walk->count ? walk->position + 1 : 0;
	return key;
}

#ifdef __cplusplus
}
#endif

#endif
