/* SPDX-License-Identifier: MIT */
/*
 * Looking at a policy: its rules, what they grant, and where every value stands.
 */
#ifndef SHMQ_POLICY_QUERY_H
#define SHMQ_POLICY_QUERY_H

#include "policy/policy.h"

/* See the functions of shmquota.h; `index` is below the number of rules. */
void query_rule(const struct shmq_policy *policy, size_t index, struct shmq_rule *out);
int query_grant(const struct shmq_policy *policy, size_t index, size_t number, struct shmq_policy_grant *out);
int query_origin(const struct shmq_policy *policy, size_t index, const char *key, struct shmq_origin *out);

#endif
