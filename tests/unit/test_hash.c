/* SPDX-License-Identifier: MIT */
/*
 * The hash of names. It lies in the segment, so its values are part of the layout: the table below was computed by an
 * independent program from the definition. The rest is what a hash table asks of it.
 */
#include "base/hash.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(hash, .timeout = 60);

Test(hash, gives_the_values_that_the_layout_knows)
{
	char long_name[127];

	memset(long_name, 'x', sizeof(long_name));
	/* The hash of nothing is the first number of SplitMix64 from seed 0. */
	cr_assert_eq(hash_bytes("", 0), UINT64_C(0xe220a8397b1dcdaf));
	cr_assert_eq(hash_bytes("a", 1), UINT64_C(0x3e506e5796335af0));
	cr_assert_eq(hash_bytes("tenant", 6), UINT64_C(0x63b339dfc7647c9a));
	cr_assert_eq(hash_bytes("12345678", 8), UINT64_C(0x82177327e1e4daac));
	cr_assert_eq(hash_bytes("123456789", 9), UINT64_C(0xb0f00539162b363b));
	cr_assert_eq(hash_bytes(long_name, sizeof(long_name)), UINT64_C(0xa1868e4170527521));
}

Test(hash, does_not_depend_on_alignment)
{
	char text[64] = "a name at many places";
	uint64_t expected = hash_bytes(text, 21);

	for (size_t shift = 1; shift < 9; shift++) {
		char moved[64] = {0};

		memcpy(moved + shift, text, 21);
		cr_assert_eq(hash_bytes(moved + shift, 21), expected);
	}
}

Test(hash, reads_not_one_byte_beyond_the_length)
{
	for (size_t length = 0; length <= 40; length++) {
		/* A block of exactly this size: the address sanitizer sees any byte more. */
		char *exact = malloc(length + 1);
		char other[64];

		cr_assert_not_null(exact);
		memset(exact, 'q', length);
		memset(other, 'q', length);
		memset(other + length, 'z', sizeof(other) - length);
		cr_assert_eq(hash_bytes(exact, length), hash_bytes(other, length));
		free(exact);
	}
}

Test(hash, changes_in_half_of_its_bits_with_every_bit_of_the_name)
{
	unsigned char name[24];

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = (unsigned char)(i * 37);
	for (size_t bit = 0; bit < 8 * sizeof(name); bit++) {
		uint64_t before = hash_bytes(name, sizeof(name));
		int changed;

		name[bit / 8] ^= (unsigned char)(1 << bit % 8);
		changed = __builtin_popcountll(before ^ hash_bytes(name, sizeof(name)));
		cr_assert(changed >= 12 && changed <= 52, "bit %zu changed %d bits", bit, changed);
	}
}

Test(hash, tells_names_apart_that_differ_in_length_only)
{
	static const char zeroes[32];

	for (size_t a = 0; a < sizeof(zeroes); a++)
		for (size_t b = 0; b < a; b++)
			cr_assert_neq(hash_bytes(zeroes, a), hash_bytes(zeroes, b));
}

Test(hash, spreads_numbered_names_evenly_over_buckets)
{
	enum { BUCKETS = 4096, NAMES = 4 * BUCKETS };
	static unsigned counts[BUCKETS];
	unsigned longest = 0, empty = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		char name[32];
		int length = snprintf(name, sizeof(name), "tenant-%u", i);

		counts[hash_bytes(name, (size_t)length) % BUCKETS]++;
	}
	for (unsigned i = 0; i < BUCKETS; i++) {
		longest = counts[i] > longest ? counts[i] : longest;
		empty += counts[i] == 0;
	}
	/* Four per bucket on average: by chance 75 stay empty and the fullest has about 14. */
	cr_assert_lt(longest, 20);
	cr_assert_lt(empty, 150);
}

Test(hash, with_another_seed_gives_another_order)
{
	unsigned same = 0;

	for (unsigned i = 0; i < 4096; i++) {
		char name[32];
		size_t length = (size_t)snprintf(name, sizeof(name), "tenant-%u", i);

		cr_assert_eq(hash_seeded(7, name, length), hash_seeded(7, name, length));
		same += hash_seeded(7, name, length) % 4096 == hash_seeded(8, name, length) % 4096;
	}
	/* By chance one of them stays in its bucket. */
	cr_assert_lt(same, 12);
}
