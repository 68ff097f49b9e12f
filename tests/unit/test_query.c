/* SPDX-License-Identifier: MIT */
/*
 * Looking at a loaded policy: which rule holds for a name, and where each value stands.
 */
#include "policy/query.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct shmq_policy *policy;

static void load(void)
{
	static const char *const paths[] = {"layers/origins.ini", "layers/origins.later.ini"};

	cr_assert_eq(chdir(SHMQ_TEST_DATA "/policy"), 0);
	cr_assert_eq(policy_load(&policy, paths, 2, NULL), 0);
}

static void unload(void)
{
	policy_free(policy);
}

TestSuite(query, .init = load, .fini = unload);

/* The rule of a component, as its section's name. */
static void expect_rule(const char *name, int kind, const char *expected)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	query_rule(policy, policy_find(policy, name), &rule);
	cr_expect_eq(rule.kind, kind, "%s: kind %d", name, rule.kind);
	cr_expect_str_eq(rule.name, expected, "%s follows %s", name, rule.name);
}

Test(query, an_exact_name_wins_over_patterns_and_the_best_pattern_over_others)
{
	expect_rule("web-a", SHMQ_RULE_COMPONENT, "web-a");
	expect_rule("web-ab", SHMQ_RULE_PATTERN, "web-a*");
	expect_rule("web-b", SHMQ_RULE_PATTERN, "web-*");
	expect_rule("web", SHMQ_RULE_DEFAULT, "");
	expect_rule("", SHMQ_RULE_DEFAULT, "");
}

Test(query, groups_are_components_that_patterns_are_not_about)
{
	expect_rule("group:tenant", SHMQ_RULE_GROUP, "group:tenant");
	expect_rule("group:other", SHMQ_RULE_DEFAULT, "");
}

Test(query, tells_class_group_and_where_a_rule_begins)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	query_rule(policy, policy_find(policy, "web-a"), &rule);
	cr_expect_str_eq(rule.class_name, "small");
	cr_expect_str_eq(rule.group, "group:tenant");
	cr_expect_str_eq(rule.origin.file, "layers/origins.ini");
	cr_expect_eq(rule.origin.line, 21);
	query_rule(policy, 0, &rule);
	cr_expect_null(rule.class_name);
	cr_expect_null(rule.group);
}

static void expect_origin(size_t rule, const char *key, const char *file, unsigned line)
{
	struct shmq_origin origin = {"nothing", 1};

	cr_expect_eq(query_origin(policy, rule, key, &origin), file == NULL ? -ENOENT : 0, "%s", key);
	if (file == NULL)
		cr_expect_null(origin.file, "%s: %s:%u", key, origin.file, origin.line);
	else
		cr_expect(origin.file != NULL && strcmp(origin.file, file) == 0, "%s: %s", key, origin.file);
	cr_expect_eq(origin.line, line, "%s: line %u", key, origin.line);
}

Test(query, every_value_knows_its_file_and_line)
{
	static const char first[] = "layers/origins.ini", drop_in[] = "layers/origins.ini.d/10-site.ini",
			  later[] = "layers/origins.later.ini";
	size_t rule = policy_find(policy, "web-a");

	expect_origin(rule, "storage", first, 22);
	expect_origin(rule, "messages", first, 13);
	expect_origin(rule, "message_rate", first, 13);
	expect_origin(rule, "network", drop_in, 2);
	expect_origin(rule, "network.burst", drop_in, 2);
	expect_origin(rule, "network.algorithm", drop_in, 2);
	expect_origin(rule, "cpu", NULL, 0);
	expect_origin(rule, "cpu.enforce", later, 2);
	expect_origin(rule, "storage.enforce", first, 14);
	expect_origin(rule, "memory.warn", first, 7);
	expect_origin(rule, "inherit", NULL, 0);
	expect_origin(rule, "reset_period", first, 8);
	expect_origin(rule, "class", first, 23);
	expect_origin(rule, "group", later, 5);
	expect_origin(SHMQ_RULE_SEGMENT, "name", first, 3);
	expect_origin(SHMQ_RULE_SEGMENT, "components", NULL, 0);
}

Test(query, a_key_that_a_rule_has_not_is_an_error)
{
	struct shmq_origin origin;

	cr_expect_eq(query_origin(policy, 0, "class", &origin), -EINVAL);
	cr_expect_eq(query_origin(policy, 0, "name", &origin), -EINVAL);
	cr_expect_eq(query_origin(policy, 0, "nonsense", &origin), -EINVAL);
	cr_expect_eq(query_origin(policy, 0, "filesystem.read", &origin), -EINVAL);
	cr_expect_eq(query_origin(policy, SHMQ_RULE_SEGMENT, "storage", &origin), -EINVAL);
}

Test(query, grants_are_counted_to_their_end)
{
	size_t rule = policy_find(policy, "web-a");
	struct shmq_policy_grant grant;

	cr_assert_eq(query_grant(policy, rule, 0, &grant), 0);
	cr_expect_str_eq(grant.permission, "filesystem.read");
	cr_expect_str_eq(grant.pattern, "/own");
	cr_expect_eq(grant.origin.line, 24);
	cr_assert_eq(query_grant(policy, rule, 1, &grant), 0);
	cr_expect_str_eq(grant.pattern, "/usr/**");
	cr_expect_eq(grant.origin.line, 9);
	cr_expect_eq(query_grant(policy, rule, 2, &grant), -ENOENT);
	cr_expect_eq(query_grant(policy, rule, SIZE_MAX, &grant), -ENOENT);
}
