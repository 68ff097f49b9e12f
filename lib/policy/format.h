/* SPDX-License-Identifier: MIT */
/*
 * Limits and amounts as policies spell them: what units.c reads, it gives back with the same meaning.
 */
#ifndef SHMQ_POLICY_FORMAT_H
#define SHMQ_POLICY_FORMAT_H

#include <shmquota.h>

/* See shmq_quota_format(). */
int format_limit(char *text, size_t size, const struct shmq_quota *quota, int resource);

/* See shmq_amount_format(). */
int format_amount(char *text, size_t size, int resource, uint64_t amount);

#endif
