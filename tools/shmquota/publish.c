/* SPDX-License-Identifier: MIT */
/*
 * shmquota publish: a new policy for a segment that exists.
 */
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "trail.h"
#include "units.h"

static int publish(const struct invocation *invocation, const char *name, const struct shmq_policy *policy)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_segment *segment;
	int result, code = segment_open(&segment, name, SHMQ_CONTROL);

	if (code != EXIT_DONE)
		return code;
	result = shmq_policy_publish(segment, policy);
	shmq_segment_info(segment, &info);
	if (result == 0)
		trail_leave(invocation, segment, NULL);
	if (result < 0)
		code = segment_failed("publish to", name, result);
	else if (!invocation->quiet)
		printf("published to %s: %s, generation %" PRIu64 "\n", name,
		       components_label(shmq_policy_count(policy)).text, info.policy_generation);
	shmq_segment_close(segment);
	return code;
}

int verb_publish(const struct invocation *invocation)
{
	struct shmq_policy *policy;
	struct shmq_report report;
	char name[SEGMENT_PATH_MAX];
	int code = policy_load(&policy, invocation, &report, "nothing was published, the old one stays in force");

	if (code != EXIT_DONE)
		return code;
	code = policy_target(name, sizeof(name), invocation, policy);
	if (code == EXIT_DONE)
		code = publish(invocation, name, policy);
	shmq_policy_free(policy);
	return code;
}
