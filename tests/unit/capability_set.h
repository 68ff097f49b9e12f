/* SPDX-License-Identifier: MIT */
/*
 * A set of grants in memory of its own, as the tests of capabilities make them. Sets and targets are allocated to the
 * byte, so that the address sanitizer sees who reads beyond them. One set at a time.
 */
#ifndef TESTS_UNIT_CAPABILITY_SET_H
#define TESTS_UNIT_CAPABILITY_SET_H

#include "base/hash.h"
#include "core/capability.h"
#include "policy/grants.h"

#include <criterion/criterion.h>
#include <shmquota.h>
#include <stdlib.h>
#include <string.h>

#define SET_OFFSET 8
#define READ "filesystem.read"

static struct grants grants = GRANTS_EMPTY;
static unsigned char *area; /* the set stands at SET_OFFSET */
static size_t area_bytes;

static inline void drop_set(void)
{
	grants_free(&grants);
	free(area);
	area = NULL;
	area_bytes = 0;
}

static inline void grant_at(const char *permission, const char *pattern, uint32_t place)
{
	struct grants_error error;

	cr_assert_eq(grants_add(&grants, permission, pattern, place, &error), 0, "%s %s: %zu: %s", permission, pattern,
	             error.at, error.text);
}

static inline void grant(const char *permission, const char *pattern)
{
	grant_at(permission, pattern, 0);
}

static inline void finish_set(void)
{
	int bytes = grants_encode(&grants, NULL, 0);

	cr_assert_gt(bytes, 0);
	free(area);
	area_bytes = SET_OFFSET + (size_t)bytes;
	area = malloc(area_bytes);
	cr_assert_not_null(area);
	cr_assert_eq(grants_encode(&grants, area + SET_OFFSET, (size_t)bytes), bytes);
}

/* A set of one path. */
static inline void set_path(const char *pattern)
{
	drop_set();
	grant(READ, pattern);
	finish_set();
}

static inline int check(const char *permission, const char *target)
{
	uint32_t place = 1;
	char *copy = strdup(target);
	int result = capability_check(area, area_bytes, SET_OFFSET, permission, copy, &place);

	free(copy);
	cr_assert(result == SHMQ_OK || place == 0, "a place although nothing was granted");
	return result;
}

/* The next of a sequence of numbers below `bound`, the same in every run. */
static inline unsigned draw(unsigned bound)
{
	static uint64_t state;

	return (unsigned)(hash_mix(++state) % bound);
}

#endif
