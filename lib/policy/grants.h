/* SPDX-License-Identifier: MIT */
/*
 * Grants: collects what a component may do, and writes it as the set that core/capability.h describes.
 *
 *     struct grants grants = GRANTS_EMPTY;
 *     result = grants_add(&grants, "filesystem.read", "/app/data/" "*", place, &error);     for each item of each list
 *     grants_encode(&grants, rules + offset, grants_encode(&grants, NULL, 0));
 *     grants_free(&grants);
 *
 * The order is kept and nothing is left out, so the first grant that covers a target is the one that was written first.
 * Grants of one permission are best added one after another: then its name is stored once.
 */
#ifndef SHMQ_POLICY_GRANTS_H
#define SHMQ_POLICY_GRANTS_H

#include "policy/pattern.h"

struct grants {
	unsigned char *records; /* as they are stored; aligned for it */
	size_t bytes, capacity;
	uint32_t count;
	char permission[CAPABILITY_PERMISSION_MAX + 1]; /* of the last one */
};

#define GRANTS_EMPTY                                                                                                   \
	{                                                                                                              \
		NULL, 0, 0, 0, ""                                                                                      \
	}

/*
 * Add a grant. `place` is that of the rule; 0 where there is none.
 *
 * Returns  0
 *          -EINVAL  a bad permission or pattern: `*error` says what and where (`error` may be NULL); nothing was added
 *          -E2BIG   there are CAPABILITY_GRANTS_MAX already; `*error` says so
 *          -ENOMEM
 */
int grants_add(struct grants *grants, const char *permission, const char *pattern, uint32_t place,
               struct grants_error *error);

/* Check the name of a permission alone. Returns 0, or -EINVAL with `*error` filled (`error` may be NULL). */
int grants_check_permission(const char *permission, struct grants_error *error);

/*
 * Write the set to `out`, which is aligned to 8 bytes.
 *
 * Returns  how many bytes it takes, a multiple of 8; with `out` NULL nothing is written
 *          -ENOSPC  `size` is less than that; nothing is written
 */
int grants_encode(const struct grants *grants, void *out, size_t size);

/*
 * Write the pattern of a stored grant as it may stand in a policy, in its normal form. Whatever the set holds, the text is
 * UTF-8 without control characters.
 * Returns the length of the whole text, which was cut if it is >= `size`.
 */
int grants_format(char *text, size_t size, const struct grant *grant);

#define GRANTS_FORMAT_SIZE (CAPABILITY_PATTERN_MAX + 16) /* room for every pattern */

/* Free what was collected; it is empty then. */
void grants_free(struct grants *grants);

#endif
