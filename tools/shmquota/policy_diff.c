/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy diff: what a policy would change.
 *
 * It exits as diff does: 0 nothing, 1 something, more for trouble, whatever the trouble.
 */
#include "policy.h"

#include "policy_changes.h"

enum { DIFF_SAME, DIFF_CHANGES, DIFF_TROUBLE };

/* With --quiet only the exit code speaks. */
static FILE *output(const struct invocation *invocation)
{
	return invocation->quiet && !invocation->json ? NULL : stdout;
}

/* Compare with the files of --against. Returns an exit code. */
static int compare_files(const struct invocation *invocation, const struct shmq_policy *policy, bool *is_same)
{
	struct changes changes;
	struct shmq_policy *before;
	int code = policy_load_paths(&before, invocation->against, invocation->against_count);

	if (code != EXIT_DONE)
		return code;
	changes = changes_begin(output(invocation), invocation->json, invocation->against[0]);
	changes_of_policy(&changes, before, policy);
	changes_end(&changes);
	shmq_policy_free(before);
	*is_same = changes_are_none(&changes);
	return EXIT_DONE;
}

static int compare_segment(const struct invocation *invocation, const struct shmq_policy *policy, bool *is_same)
{
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	struct changes changes;
	int code = policy_target(name, sizeof(name), invocation, policy);

	if (code == EXIT_DONE)
		code = segment_open(&segment, name, SHMQ_OBSERVE);
	if (code != EXIT_DONE)
		return code;
	changes = changes_begin(output(invocation), invocation->json, name);
	code = changes_of_segment(&changes, segment, policy);
	changes_end(&changes);
	shmq_segment_close(segment);
	*is_same = changes_are_none(&changes);
	return code;
}

int verb_policy_diff(const struct invocation *invocation)
{
	struct shmq_policy *policy;
	struct shmq_report report;
	bool is_same = false;
	int code = policy_load(&policy, invocation, &report, NULL);

	if (code == EXIT_DONE) {
		code = invocation->against_count > 0 ? compare_files(invocation, policy, &is_same)
		                                     : compare_segment(invocation, policy, &is_same);
		shmq_policy_free(policy);
	}
	if (code == EXIT_DONE)
		return is_same ? DIFF_SAME : DIFF_CHANGES;
	/* What is 1 elsewhere would be a difference here. */
	return code == EXIT_FAILED ? DIFF_TROUBLE : code;
}
