/* SPDX-License-Identifier: MIT */
/*
 * Hashing of names, eight bytes at a time, each step finished by the mixer of SplitMix64 (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", OOPSLA 2014). It is stored in the segment, so it is part of the layout.
 * The seed goes in first and through every step, so who does not know it cannot choose names that fall together.
 */
#ifndef SHMQ_BASE_HASH_H
#define SHMQ_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

static inline uint64_t hash_seeded(uint64_t seed, const void *bytes, size_t length)
{
	const unsigned char *p = bytes;
	uint64_t hash = hash_mix(seed ^ (length + UINT64_C(0x9e3779b97f4a7c15)));

	for (; length >= 8; p += 8, length -= 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		hash = hash_mix(hash ^ word);
	}
	if (length > 0) {
		uint64_t word = 0;

		memcpy(&word, p, length);
		hash = hash_mix(hash ^ word);
	}
	return hash;
}

static inline uint64_t hash_bytes(const void *bytes, size_t length)
{
	return hash_seeded(0, bytes, length);
}

#endif
