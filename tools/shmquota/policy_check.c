/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy check: reads a policy as publishing would, and says what is in it or what is wrong with it.
 */
#include "policy.h"

#include <stdio.h>

#include "policy_json.h"
#include "units.h"

/* "2 components, 1 group, 3 patterns": kinds that a policy has none of are left out, but for components. */
static void say_what_is_there(const struct shmq_policy *policy)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	size_t counts[SHMQ_RULE_KINDS] = {0};

	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++)
		counts[rule.kind]++;
	printf("%s, ", components_label(counts[SHMQ_RULE_COMPONENT]).text);
	if (counts[SHMQ_RULE_GROUP] > 0)
		printf("%zu group%s, ", counts[SHMQ_RULE_GROUP], counts[SHMQ_RULE_GROUP] == 1 ? "" : "s");
	if (counts[SHMQ_RULE_PATTERN] > 0)
		printf("%zu pattern%s, ", counts[SHMQ_RULE_PATTERN], counts[SHMQ_RULE_PATTERN] == 1 ? "" : "s");
}

static void say_result(const struct invocation *invocation, const struct shmq_policy *policy,
                       const struct shmq_report *report)
{
	printf("%s%s", invocation->arguments[0], invocation->count > 1 ? " and later files: " : ": ");
	if (policy)
		say_what_is_there(policy);
	printf("%zu error%s, %zu warning%s\n", report->errors, report->errors == 1 ? "" : "s", report->warnings,
	       report->warnings == 1 ? "" : "s");
}

static void add_complaint(void *context, const struct shmq_complaint *complaint)
{
	bool *is_first = context;

	complaints_json_add(stdout, complaint, *is_first);
	*is_first = false;
}

static int check_json(const struct invocation *invocation)
{
	bool is_first = true;
	struct shmq_report report = {.complain = add_complaint, .context = &is_first};
	struct shmq_policy *policy = NULL;
	int result;

	complaints_json_begin(stdout);
	result = shmq_policy_load(&policy, (const char *const *)invocation->arguments, invocation->count, &report);
	complaints_json_end(stdout, policy, &report);
	shmq_policy_free(policy);
	return policy_exit_code(result);
}

int verb_policy_check(const struct invocation *invocation)
{
	struct shmq_policy *policy = NULL;
	struct shmq_report report;
	int code;

	if (invocation->json)
		return check_json(invocation);
	code = policy_load(&policy, invocation, &report, NULL);
	if (!invocation->quiet)
		say_result(invocation, code == EXIT_DONE ? policy : NULL, &report);
	if (code == EXIT_DONE)
		shmq_policy_free(policy);
	return code;
}
