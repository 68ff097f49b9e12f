/* SPDX-License-Identifier: MIT */
/*
 * Seeds of the two image targets: the valid image under every flag, and damage of the kinds that code has to expect.
 */
#ifndef TESTS_FUZZ_IMAGE_SEEDS_H
#define TESTS_FUZZ_IMAGE_SEEDS_H

#include "fuzz.h"
#include "shm/layout.h"

/* A valid image of one object. */
struct seed_view {
	const struct layout *layout;
	unsigned which; /* 0 policy, 1 usage */
	const unsigned char *valid;
	size_t size;
};

void seeds_each(const struct seed_view *view, fuzz_take *take, void *context);

#endif
