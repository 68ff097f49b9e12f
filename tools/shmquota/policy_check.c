/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy check: reads a policy as publishing would, and says what is in it or what is wrong with it.
 */
#include "policy.h"

#include <stdio.h>

#include "units.h"

static void say_result(const struct invocation *invocation, const struct shmq_policy *policy,
                       const struct shmq_report *report)
{
	printf("%s%s", invocation->arguments[0], invocation->count > 1 ? " and later files: " : ": ");
	if (policy)
		printf("%s, ", components_label(shmq_policy_count(policy)).text);
	printf("%zu error%s, %zu warning%s\n", report->errors, report->errors == 1 ? "" : "s", report->warnings,
	       report->warnings == 1 ? "" : "s");
}

int verb_policy_check(const struct invocation *invocation)
{
	struct shmq_policy *policy = NULL;
	struct shmq_report report;
	int code = policy_load(&policy, invocation, &report, NULL);

	if (!invocation->quiet)
		say_result(invocation, code == EXIT_DONE ? policy : NULL, &report);
	if (code == EXIT_DONE)
		shmq_policy_free(policy);
	return code;
}
