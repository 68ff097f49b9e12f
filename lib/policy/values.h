/* SPDX-License-Identifier: MIT */
/*
 * What the values of keys mean.
 *
 * Lists of permissions apart, every key has one value. Values that name another section are only looked up when all
 * files are read, by links.c.
 */
#ifndef SHMQ_POLICY_VALUES_H
#define SHMQ_POLICY_VALUES_H

#include "policy/draft.h"

/*
 * Read the value of a key that is not a permission. Returns 0 with number, limit or text of `*out` set, the text
 * allocated; or a negative errno with the fault filled.
 */
int values_read(struct draft_value *out, enum key key, const char *text, struct units_fault *fault);

/* The words that stand for enumerators, as policies spell them, or NULL. */
const char *values_algorithm(int algorithm);
const char *values_enforcement(int enforcement);
const char *values_inheritance(int inheritance);

#endif
