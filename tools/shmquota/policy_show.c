/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy show: a policy with everything inherited, of files or in force.
 *
 * What is written is a policy itself: read again, it means the same. A section says what differs from [default], or with
 * --all everything; with --origin a comment behind each value says where it stands.
 */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy_json.h"
#include "policy_text.h"

static void show_policy(const struct invocation *invocation, const struct shmq_policy *policy)
{
	struct policy_text text = policy_text_begin(invocation->origin, invocation->all, false);
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_text values;

	policy_text_files(&text, policy);
	policy_text_segment(&text, policy);
	for (size_t i = 0; shmq_policy_rule(policy, i, &rule) == 0; i++) {
		if (rule.kind == SHMQ_RULE_CLASS)
			continue;
		rule_text_of_policy(&values, policy, i, RULE_ALL);
		policy_text_rule(&text, &values, rule.class_name);
	}
	policy_text_end(&text);
}

/* The rule that holds for one name, and all of it. */
static void show_component(const struct invocation *invocation, const struct shmq_policy *policy)
{
	struct policy_text text = policy_text_begin(invocation->origin, true, false);
	size_t index = shmq_policy_find(policy, invocation->component);
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_text values;

	shmq_policy_rule(policy, index, &rule);
	rule_text_of_policy(&values, policy, index, RULE_ALL);
	if (rule.kind == SHMQ_RULE_PATTERN || rule.kind == SHMQ_RULE_DEFAULT)
		policy_text_follows(&text, &values, invocation->component);
	policy_text_rule(&text, &values, rule.class_name);
	policy_text_end(&text);
}

static int show_files(const struct invocation *invocation)
{
	struct shmq_policy *policy;
	struct shmq_report report;
	int code = policy_load(&policy, invocation, &report, NULL);

	if (code != EXIT_DONE)
		return code;
	if (invocation->json)
		policy_json(stdout, policy, invocation->component);
	else if (invocation->component)
		show_component(invocation, policy);
	else
		show_policy(invocation, policy);
	shmq_policy_free(policy);
	return EXIT_DONE;
}

/* ---- In force ---------------------------------------------------------------------------------------------------- */

/* What a manifest asks for is granted where the policy grants it as well. */
static void show_asked(struct shmq_component *component)
{
	struct shmq_grant grant = {.size = sizeof(grant)};
	char printable[TEXT_PRINTABLE_MAX];

	for (size_t i = 0; shmq_component_grant(component, i, &grant) == 0; i++)
		if (grant.is_asked)
			printf("; its manifest asks for %s %s\n", grant.permission,
			       text_printable(printable, sizeof(printable), grant.pattern));
}

static void show_registered(struct policy_text *text, struct shmq_segment *segment, const char *wanted)
{
	static const char *const remarks[] = {
	    [SHMQ_SOURCE_NAMED] = NULL,
	    [SHMQ_SOURCE_FOLLOWS] = "not named by the policy",
	    [SHMQ_SOURCE_OWN] = "registered with limits of its own",
	    [SHMQ_SOURCE_MANIFEST] = "registered by a manifest",
	};
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *component;
		struct rule_text values;
		int source;

		if (shmq_component_at(&component, segment, id) != 0)
			continue;
		source = shmq_component_source(component);
		if ((!wanted || strcmp(wanted, shmq_component_name(component)) == 0) && source >= 0 &&
		    rule_text_of_component(&values, segment, component, RULE_ALL) == 0) {
			policy_text_remark(text, remarks[source]);
			policy_text_rule(text, &values, NULL);
			show_asked(component);
		}
		shmq_component_put(component);
	}
}

static void show_in_force(const struct invocation *invocation, struct shmq_segment *segment)
{
	struct policy_text text = policy_text_begin(invocation->origin, invocation->all || invocation->component, true);
	struct rule_text values;

	if (!invocation->component)
		policy_text_segment_in_force(&text, segment);
	for (uint32_t i = 0; !invocation->component && rule_text_of_segment(&values, segment, i) == 0; i++)
		policy_text_rule(&text, &values, NULL);
	show_registered(&text, segment, invocation->component);
	policy_text_end(&text);
}

static int show_segment(const struct invocation *invocation)
{
	struct shmq_segment *segment;
	struct shmq_component *component = NULL;
	char name[SEGMENT_PATH_MAX];
	int result = 0, code;

	if (!invocation->name)
		return fail(EXIT_USAGE, "'shmquota policy show --help' has examples.",
		            "give policy files, or a segment with --name");
	if (!segment_name_typed(name, sizeof(name), invocation->name))
		return segment_failed("open", invocation->name, -EINVAL);
	code = segment_open(&segment, name, SHMQ_OBSERVE);
	if (code != EXIT_DONE)
		return code;
	if (invocation->component)
		result = shmq_component_find(&component, segment, invocation->component);
	if (result < 0)
		code = component_failed("show", invocation->component, segment, name, result);
	else if (invocation->json)
		policy_json_in_force(stdout, segment, invocation->component);
	else
		show_in_force(invocation, segment);
	shmq_component_put(component);
	shmq_segment_close(segment);
	return code;
}

int verb_policy_show(const struct invocation *invocation)
{
	return invocation->count > 0 ? show_files(invocation) : show_segment(invocation);
}
