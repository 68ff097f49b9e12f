/* SPDX-License-Identifier: MIT */
/*
 * A seeded generator (splitmix64), so that a failing run can be repeated from the seed it printed.
 *
 * One instance belongs to one thread; children derive their own from the seed and their index.
 */
#ifndef TESTS_SUPPORT_PRNG_H
#define TESTS_SUPPORT_PRNG_H

#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline struct prng prng_seed(uint64_t seed, uint64_t stream)
{
	return (struct prng){seed * UINT64_C(0x9e3779b97f4a7c15) + stream * UINT64_C(0xd1342543de82ef95) + 1};
}

static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t z = prng->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number from 0 to bound - 1. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
	return prng_next(prng) % bound;
}

#endif
