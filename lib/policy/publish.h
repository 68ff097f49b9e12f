/* SPDX-License-Identifier: MIT */
/*
 * From a policy in private memory to the limits in force.
 */
#ifndef SHMQ_POLICY_PUBLISH_H
#define SHMQ_POLICY_PUBLISH_H

#include "policy/policy.h"
#include "shm/segment.h"

/* See shmq_policy_publish(). */
int publish_policy(struct shmq_segment *segment, const struct shmq_policy *policy);

#endif
