/* SPDX-License-Identifier: MIT */
/*
 * Scanning a value: blanks, decimal numbers and unit words, from left to right.
 *
 * A scan stops at the first thing that does not belong, and says what and where in its fault. Numbers are kept as
 * decimal digits until their unit is known, so that nothing is ever rounded twice or passed through floating point;
 * no function here looks at the locale. What the units mean is the business of units.c.
 */
#ifndef SHMQ_POLICY_SCAN_H
#define SHMQ_POLICY_SCAN_H

#include "policy/units.h"

struct scan {
	const char *text;
	size_t at;                 /* the next byte */
	bool overflow;             /* well formed so far, but larger than 64 bits */
	struct units_fault *fault; /* NULL where nobody asks */
};

/* A number as written: digits, and perhaps a point and more digits. */
struct decimal {
	size_t at; /* where it stands */
	uint64_t whole;
	const char *fraction;
	size_t fraction_length;
	bool is_huge; /* the whole part does not fit */
};

/* A word and how many of the smallest unit it is. */
struct unit {
	const char *name;
	uint64_t factor;
};

/* Say what is wrong at `at`. Returns -EINVAL. */
int scan_fail(struct scan *scan, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool scan_is_digit(char byte);

/* Skip blanks. Returns the byte after them without taking it. */
char scan_peek(struct scan *scan);

/* Read a number. Returns 0 or -EINVAL. */
int scan_decimal(struct scan *scan, struct decimal *out);

/* Tell whether a number is nothing. */
bool decimal_is_zero(const struct decimal *decimal);

/* Tell whether a number has a fraction other than zero. */
bool decimal_is_fraction(const struct decimal *decimal);

/*
 * Multiply a number by a unit of at most 2^60, rounding down, exactly.
 * Where the product does not fit, notes it in the scan and returns UINT64_MAX.
 */
uint64_t scan_scale(struct scan *scan, const struct decimal *decimal, uint64_t unit);

/* Measure the word at the scan's place: everything up to a blank, a '/', or the end. */
size_t scan_word_length(const struct scan *scan);

/* Take a word if it is one of these, in any case; the list ends with a NULL name. Returns NULL and takes nothing else. */
const struct unit *scan_unit(struct scan *scan, const struct unit *units);

/* Tell whether this word is at the scan's place, in any case; the second one takes it. */
bool scan_is_word(const struct scan *scan, const char *word);
bool scan_take_word(struct scan *scan, const char *word);

/* Check that nothing is left. Returns 0, -EINVAL, or -EOVERFLOW where a number was too large. */
int scan_finish(struct scan *scan);

#endif
