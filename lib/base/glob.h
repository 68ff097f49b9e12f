/* SPDX-License-Identifier: MIT */
/*
 * Patterns of names, as policies write them for components.
 *
 *     *     any bytes, or none
 *     ?     one character of UTF-8
 *     \x    x itself, where x is one of * ? and backslash; any other backslash is a backslash
 *
 * Matching takes at most as many steps as pattern and name have bytes, multiplied. Where several patterns match a name
 * glob_compare() says which one counts; it is a total order, so the order in a file decides nothing.
 */
#ifndef SHMQ_BASE_GLOB_H
#define SHMQ_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Tell whether a text is a pattern: it has a '*' or a '?' that no backslash stands before. */
bool glob_is_pattern(const char *text, size_t length);

/* Copy a text that is no pattern without the backslashes that have a meaning. Returns the length; `out` may be `text`. */
size_t glob_unescape(char *out, const char *text, size_t length);

bool glob_matches(const char *pattern, size_t pattern_length, const char *name, size_t name_length);

/*
 * Compare two patterns: the one with the longer literal beginning comes first, then the one with more literal bytes in
 * all, then the one with fewer '*', then by bytes. Returns below 0 where `a` comes first, 0 only where they are equal.
 */
int glob_compare(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
