/* SPDX-License-Identifier: MIT */
/*
 * The names are made in ascending order and then shuffled, so that a limiter that stores keys as they come does not
 * happen to store them in the order of the visits.
 */
#include "keys.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS UINT64_C(3600000)
#define HUGE_LIMIT (UINT64_C(1) << 40)

struct key_class key_classes[KINDS] = {
    [KIND_OPEN] = {"open", HUGE_LIMIT, HOUR_MS, 0},
    [KIND_CLOSED] = {"closed", 0, HOUR_MS, 0},
    [KIND_LONG] = {"long", 50000, HOUR_MS, 1},
    [KIND_SHORT] = {"short", 500, 100, 1},
};

static struct key *keys[KINDS];

static int make_kind(enum key_kind kind)
{
	const struct key_class *class = &key_classes[kind];
	unsigned short seed[3] = {7, 8, 9}; /* the same order in every run */

	keys[kind] = calloc(class->count, sizeof(*keys[kind]));
	if (keys[kind] == NULL) {
		perror("cannot make the keys");
		return -1;
	}
	for (uint32_t i = 0; i < class->count; i++) {
		uint32_t other = (uint32_t)(erand48(seed) * (i + 1));
		struct key *key = &keys[kind][other];

		keys[kind][i] = *key;
		key->id = i;
		snprintf(key->name, sizeof(key->name), "%s:tenant-%05u.example", class->name, i);
	}
	return 0;
}

int keys_create(uint32_t count)
{
	key_classes[KIND_OPEN].count = count;
	key_classes[KIND_CLOSED].count = count;
	for (int kind = 0; kind < KINDS; kind++)
		if (make_kind((enum key_kind)kind) < 0)
			return -1;
	return 0;
}

const struct key *keys_of(enum key_kind kind)
{
	return keys[kind];
}
