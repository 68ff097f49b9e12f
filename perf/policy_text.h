/* SPDX-License-Identifier: MIT */
/*
 * Policies that a benchmark has written into memory. A policy comes from a file; these have files without a name.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <shmquota.h>

/* Load a policy, to be freed by shmq_policy_free(). Returns NULL with a message on stderr. */
struct shmq_policy *policy_text_load(const char *text);

/* Load and publish. Returns 0, or -1 with a message on stderr. */
int policy_text_publish(struct shmq_segment *segment, const char *text);

#endif
