/* SPDX-License-Identifier: MIT */
/*
 * The values of [segment]: names, counts, permission bits, yes and no.
 *
 * Each function reads one value. Returns 0, or -EINVAL with the fault filled; `*out` is set only with 0.
 */
#ifndef SHMQ_POLICY_SETTINGS_H
#define SHMQ_POLICY_SETTINGS_H

#include "policy/units.h"

/* Check a segment's name: "/name", or a path with a further slash. */
int settings_check_name(const char *text, struct units_fault *fault);

/* Read a whole number from 1 to `most`. */
int settings_read_count(uint32_t *out, uint32_t most, const char *text, struct units_fault *fault);

/* Read permission bits in octal: "0640" or "640". */
int settings_read_mode(uint32_t *out, const char *text, struct units_fault *fault);

/* Read "yes" or "no". */
int settings_read_switch(bool *out, const char *text, struct units_fault *fault);

#endif
