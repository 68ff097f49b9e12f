/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy apply: publishes a policy and says what that changes, or with --dry-run would change.
 */
#include "policy.h"

#include <inttypes.h>
#include <stdio.h>

#include "policy_changes.h"
#include "trail.h"
#include "units.h"

/* Say what will change, from what is in force now. Returns an exit code. */
static int announce(const struct invocation *invocation, struct shmq_segment *segment, const struct shmq_policy *policy,
                    const char *name, struct changes *changes)
{
	int code;

	*changes = changes_begin(invocation->quiet && !invocation->json ? NULL : stdout, invocation->json, name);
	code = changes_of_segment(changes, segment, policy);
	changes_end(changes);
	return code;
}

static void say_done(struct shmq_segment *segment, const struct shmq_policy *policy, const char *name,
                     const struct changes *changes)
{
	struct shmq_info info = {.size = sizeof(info)};
	char summary[100];

	changes_summary(summary, sizeof(summary), changes);
	shmq_segment_info(segment, &info);
	printf("published to %s: %s, generation %" PRIu64 "; %s\n", name,
	       components_label(shmq_policy_count(policy)).text, info.policy_generation, summary);
}

static void say_not_done(const char *name, const struct changes *changes)
{
	char summary[100];

	changes_summary(summary, sizeof(summary), changes);
	printf("not published to %s: %s%s\n", name, summary, changes->obstacles > 0 ? "; it would fail" : "");
}

static int apply(const struct invocation *invocation, struct shmq_segment *segment, const struct shmq_policy *policy,
                 const char *name)
{
	bool says = !invocation->quiet && !invocation->json;
	struct changes changes;
	int result, code = announce(invocation, segment, policy, name, &changes);

	if (code != EXIT_DONE)
		return code;
	if (invocation->dry_run) {
		if (says)
			say_not_done(name, &changes);
		return changes.obstacles > 0 ? EXIT_FAILED : EXIT_DONE;
	}
	result = shmq_policy_publish(segment, policy);
	if (result < 0 && changes.obstacles > 0 && says)
		return fail(exit_code_of(result),
		            "Nothing was changed. Release it first, or leave that group as it is.",
		            "cannot publish to %s: what is marked with '!' above is in the way", name);
	if (result < 0)
		return segment_failed("publish to", name, result);
	trail_leave(invocation, segment, NULL);
	if (says)
		say_done(segment, policy, name, &changes);
	return EXIT_DONE;
}

int verb_policy_apply(const struct invocation *invocation)
{
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	struct shmq_policy *policy;
	struct shmq_report report;
	int code = policy_load(&policy, invocation, &report, "nothing was published, the old one stays in force");

	if (code != EXIT_DONE)
		return code;
	code = policy_target(name, sizeof(name), invocation, policy);
	if (code == EXIT_DONE)
		code = segment_open(&segment, name, invocation->dry_run ? SHMQ_OBSERVE : SHMQ_CONTROL);
	if (code == EXIT_DONE) {
		code = apply(invocation, segment, policy, name);
		shmq_segment_close(segment);
	}
	shmq_policy_free(policy);
	return code;
}
