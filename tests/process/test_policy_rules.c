/* SPDX-License-Identifier: MIT */
/*
 * What policy files mean for components at work: classes, groups, patterns, enforcement, inheritance of usage,
 * capabilities, manifests; and the policy in force, read back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/fixture.h"

TestSuite(policy_rules, FIXTURE);

static struct shmq_segment *segment_with(const char *policy)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	fixture_publish(segment, policy);
	return segment;
}

/* A handle that the test gives back. */
static struct shmq_component *find(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component = NULL;

	expect_result(shmq_component_find(&component, segment, name), 0);
	return component;
}

static struct shmq_quota quota_of(struct shmq_segment *segment, const char *name)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_component *component = find(segment, name);

	expect_result(shmq_component_quota(component, &quota), 0);
	shmq_component_put(component);
	return quota;
}

/* ---- Rules ------------------------------------------------------------------------------------------------------- */

Test(policy_rules, every_setting_of_a_policy_is_in_force)
{
	struct shmq_segment *segment =
	    segment_with("[class:web]\nnetwork = 1MB/s burst 2MB\nenforce = warn\ninherit = reset\n"
	                 "[component:a]\nclass = web\nmessages.algorithm = sliding\ncpu.lease = 16ms\n"
	                 "storage.enforce = off\nmemory.warn = 50%\nmemory.critical = 60%\n");
	struct shmq_quota quota = quota_of(segment, "a");

	expect_figure(quota.limit[SHMQ_NETWORK], 1 << 20);
	expect_figure(quota.burst[SHMQ_NETWORK], 2 << 20);
	expect_figure(quota.algorithm[SHMQ_NETWORK], SHMQ_BUCKET);
	expect_figure(quota.algorithm[SHMQ_MESSAGES], SHMQ_SLIDING);
	expect_figure(quota.lease[SHMQ_CPU], 16000);
	expect_figure(quota.enforcement[SHMQ_MESSAGES], SHMQ_ENFORCE_WARN);
	expect_figure(quota.enforcement[SHMQ_STORAGE], SHMQ_ENFORCE_OFF);
	expect_figure(quota.warning[SHMQ_MEMORY], 50);
	expect_figure(quota.critical[SHMQ_MEMORY], 60);
	expect_figure(quota.warning[SHMQ_STORAGE], SHMQ_WARNING_PERCENT);
	expect_figure(quota.inheritance, SHMQ_INHERIT_RESET);
}

Test(policy_rules, patterns_are_for_components_that_the_policy_does_not_name)
{
	struct shmq_segment *segment = segment_with("[default]\nstorage = 1\n[component:web-*]\nstorage = 2\n"
	                                            "[component:web-a?]\nstorage = 3\n[component:web-ab]\nstorage = 4\n"
	                                            "[component:*]\nmemory = 5\n[component:\\**]\nstorage = 6\n");
	static const char *const names[] = {"web-x", "web-ac", "web-abc", "other", "*starred", "web-a\xc3\xa9"};
	static const uint64_t limits[] = {2, 3, 2, 1, 6, 3};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		expect_result(shmq_component_register(segment, names[i], NULL), 0);
		expect_figure(quota_of(segment, names[i]).limit[SHMQ_STORAGE], limits[i]);
	}
	expect_figure(quota_of(segment, "web-ab").limit[SHMQ_STORAGE], 4);
	expect_figure(quota_of(segment, "other").limit[SHMQ_MEMORY], 5);
	fixture_publish(segment, "[default]\nstorage = 9\n[component:web-a*]\nstorage = 8\n");
	expect_figure(quota_of(segment, "web-x").limit[SHMQ_STORAGE], 9);
	expect_figure(quota_of(segment, "web-abc").limit[SHMQ_STORAGE], 8);
}

Test(policy_rules, a_group_counts_what_its_members_use_together)
{
	struct shmq_segment *segment =
	    segment_with("[group:host]\nstorage = 100\n[group:tenant]\ngroup = host\nstorage = 60\n"
	                 "[component:a]\ngroup = tenant\n[component:b]\ngroup = tenant\n[component:c]\ngroup = host\n");
	struct shmq_component *a = find(segment, "a"), *b = find(segment, "b"), *c = find(segment, "c");
	struct shmq_component *tenant = find(segment, "group:tenant"), *host = find(segment, "group:host");
	struct shmq_verdict verdict;

	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 40, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(b, SHMQ_STORAGE, 30, &verdict), SHMQ_DENIED);
	expect_figure(verdict.component, shmq_component_id(tenant));
	expect_result(shmq_try_consume(b, SHMQ_STORAGE, 20, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(c, SHMQ_STORAGE, 41, &verdict), SHMQ_DENIED);
	expect_figure(verdict.component, shmq_component_id(host));
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 60);
	expect_figure(fixture_used(host, SHMQ_STORAGE), 60);
	/* A group that does not say so limits nothing: it has no default of 100 MB. */
	expect_figure(fixture_status(host, SHMQ_MEMORY).limit, SHMQ_UNLIMITED);
	shmq_component_put(a);
	shmq_component_put(b);
	shmq_component_put(c);
	shmq_component_put(tenant);
	shmq_component_put(host);
}

Test(policy_rules, a_component_cannot_take_what_it_uses_of_levels_to_another_group)
{
	static const char moved[] = "[group:one]\n[group:two]\n[component:a]\ngroup = two\n";
	struct shmq_segment *segment = segment_with("[group:one]\n[group:two]\n[component:a]\ngroup = one\n");
	struct shmq_component *a = find(segment, "a");
	const char *path;
	struct shmq_policy *policy = NULL;

	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	path = fixture_policy_file(moved);
	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	expect_result(shmq_policy_publish(segment, policy), -EBUSY);
	expect_result(shmq_release(a, SHMQ_STORAGE, 1), SHMQ_OK);
	expect_result(shmq_policy_publish(segment, policy), 0);
	shmq_policy_free(policy);
	shmq_component_put(a);
}

Test(policy_rules, who_only_warns_admits_and_counts)
{
	char text[200];
	struct shmq_segment *segment;
	struct shmq_component *a;

	snprintf(text, sizeof(text), "[component:a]\nmessages = 10/%s\nmessages.enforce = warn\n", fixture_calm_unit());
	segment = segment_with(text);
	a = find(segment, "a");
	expect_result(shmq_try_consume(a, SHMQ_MESSAGES, 10, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(a, SHMQ_MESSAGES, 1, NULL), SHMQ_WOULD_DENY);
	expect_figure(fixture_status(a, SHMQ_MESSAGES).would_deny, 1);
	expect_figure(fixture_used(a, SHMQ_MESSAGES), 11);
	shmq_component_put(a);
}

/* ---- Reload ------------------------------------------------------------------------------------------------------ */

/* Use 60 of 100, publish a limit of 50 with a way to inherit, and see what is used then. */
static uint64_t used_after(const char *inherit)
{
	char text[200];
	struct shmq_segment *segment;
	struct shmq_component *a;
	uint64_t used;

	snprintf(text, sizeof(text), "[component:a]\nmessages = 100/%s\n", fixture_calm_unit());
	segment = segment_with(text);
	a = find(segment, "a");
	expect_result(shmq_try_consume(a, SHMQ_MESSAGES, 60, NULL), SHMQ_OK);
	snprintf(text, sizeof(text), "[component:a]\nmessages = 50/%s\n%s", fixture_calm_unit(), inherit);
	fixture_publish(segment, text);
	used = fixture_used(a, SHMQ_MESSAGES);
	expect_figure(fixture_status(a, SHMQ_MESSAGES).total, 60);
	shmq_component_put(a);
	return used;
}

Test(policy_rules, what_is_used_stays_used_where_nobody_says_otherwise)
{
	expect_figure(used_after(""), 60);
}

Test(policy_rules, inherit_keep_keeps_the_amount)
{
	expect_figure(used_after("inherit = keep\n"), 60);
}

Test(policy_rules, inherit_proportional_keeps_the_part_of_the_limit)
{
	expect_figure(used_after("inherit = proportional\n"), 30);
}

Test(policy_rules, inherit_reset_forgets_it)
{
	expect_figure(used_after("inherit = reset\n"), 0);
}

Test(policy_rules, a_component_that_comes_back_starts_fresh)
{
	struct shmq_segment *segment = segment_with("[component:a]\nstorage = 100\n");
	struct shmq_component *a = find(segment, "a");

	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 70, NULL), SHMQ_OK);
	fixture_publish(segment, "[component:b]\n");
	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 1, NULL), -ESTALE);
	shmq_component_put(a);
	fixture_publish(segment, "[component:a]\nstorage = 100\n");
	a = find(segment, "a");
	expect_figure(fixture_used(a, SHMQ_STORAGE), 0);
	expect_figure(fixture_status(a, SHMQ_STORAGE).total, 0);
	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 100, NULL), SHMQ_OK);
	shmq_component_put(a);
}

/* ---- Capabilities and manifests ---------------------------------------------------------------------------------- */

Test(policy_rules, capabilities_are_those_of_the_files)
{
	struct shmq_segment *segment =
	    segment_with("[default]\nfilesystem.read = [/usr/**, /etc/hosts]\n"
	                 "[component:a]\nfilesystem.read += /srv/a/*\nnetwork.connect = *.example.com:443\n"
	                 "[component:b]\nfilesystem.read = []\n");
	struct shmq_component *a = find(segment, "a"), *b = find(segment, "b");

	expect_result(shmq_check_capability(a, "filesystem.read", "/usr/lib/x"), SHMQ_OK);
	expect_result(shmq_check_capability(a, "filesystem.read", "/srv/a/x"), SHMQ_OK);
	expect_result(shmq_check_capability(a, "filesystem.read", "/srv/a/../b"), SHMQ_FORBIDDEN);
	expect_result(shmq_check_capability(a, "filesystem.write", "/srv/a/x"), SHMQ_FORBIDDEN);
	expect_result(shmq_check_capability(a, "network.connect", "www.example.com:443"), SHMQ_OK);
	expect_result(shmq_check_capability(b, "filesystem.read", "/usr/lib/x"), SHMQ_FORBIDDEN);
	fixture_publish(segment, "[default]\nfilesystem.read = /srv/**\n[component:a]\n[component:b]\n");
	expect_result(shmq_check_capability(a, "filesystem.read", "/usr/lib/x"), SHMQ_FORBIDDEN);
	expect_result(shmq_check_capability(b, "filesystem.read", "/srv/x"), SHMQ_OK);
	shmq_component_put(a);
	shmq_component_put(b);
}

static struct shmq_component *register_by_manifest(struct shmq_segment *segment, const char *text)
{
	struct shmq_manifest *manifest = NULL;
	struct shmq_component *component;

	expect_result(shmq_manifest_load(&manifest, fixture_policy_file(text), NULL), 0);
	expect_result(shmq_component_register_manifest(segment, manifest), 0);
	component = find(segment, shmq_manifest_name(manifest));
	shmq_manifest_free(manifest);
	return component;
}

Test(policy_rules, a_manifest_gets_what_it_asks_for_under_the_cap_of_the_policy)
{
	struct shmq_segment *segment = segment_with("[default]\nstorage = 100\nmemory = 100\nmessages = 10/s\n"
	                                            "filesystem.read = [/usr/**, /srv/**]\nmessage.send = log\n");
	struct shmq_component *a =
	    register_by_manifest(segment, "[component]\nname = a\nversion = 1.0\n"
	                                  "[capabilities]\nfilesystem.read = [\"/usr/share/*\", \"/etc/passwd\"]\n"
	                                  "[quota]\nstorage = \"1MB\"\nmemory = \"50\"\n");
	struct shmq_quota quota = quota_of(segment, "a");

	expect_figure(quota.limit[SHMQ_STORAGE], 100);
	expect_figure(quota.limit[SHMQ_MEMORY], 50);
	expect_figure(quota.limit[SHMQ_MESSAGES], 10);
	expect_result(shmq_check_capability(a, "filesystem.read", "/usr/share/x"), SHMQ_OK);
	expect_result(shmq_check_capability(a, "filesystem.read", "/usr/lib/x"), SHMQ_FORBIDDEN);
	expect_result(shmq_check_capability(a, "filesystem.read", "/etc/passwd"), SHMQ_FORBIDDEN);
	expect_result(shmq_check_capability(a, "message.send", "log"), SHMQ_FORBIDDEN);
	expect_result(shmq_component_source(a), SHMQ_SOURCE_MANIFEST);
	/* A later policy caps it anew. */
	fixture_publish(segment, "[default]\nstorage = 2MB\nmemory = 20\nfilesystem.read = /etc/**\n");
	quota = quota_of(segment, "a");
	expect_figure(quota.limit[SHMQ_STORAGE], 1 << 20);
	expect_figure(quota.limit[SHMQ_MEMORY], 20);
	expect_result(shmq_check_capability(a, "filesystem.read", "/etc/passwd"), SHMQ_OK);
	shmq_component_put(a);
}

Test(policy_rules, a_manifest_without_capabilities_has_those_of_the_policy)
{
	struct shmq_segment *segment = segment_with("[default]\nmessage.send = log\n");
	struct shmq_component *a = register_by_manifest(segment, "[component]\nname = a\n");
	struct shmq_component *b = register_by_manifest(segment, "[component]\nname = b\n[capabilities]\n");

	expect_result(shmq_check_capability(a, "message.send", "log"), SHMQ_OK);
	expect_result(shmq_check_capability(b, "message.send", "log"), SHMQ_FORBIDDEN);
	shmq_component_put(a);
	shmq_component_put(b);
}

Test(policy_rules, a_longer_period_of_a_manifest_lets_no_more_through_at_once)
{
	struct shmq_segment *segment = segment_with("[default]\nmessages = 10/s\n");
	struct shmq_component *a = register_by_manifest(segment, "[component]\nname = a\n[quota]\nmessages = 100/h\n");

	expect_result(shmq_check(a, SHMQ_MESSAGES, 11, NULL), SHMQ_DENIED);
	shmq_component_put(a);
}

Test(policy_rules, a_manifest_is_capped_by_the_rule_that_names_its_component)
{
	struct shmq_segment *segment = segment_with(
	    "[default]\nstorage = 1GB\n[group:g]\nstorage = 10\n[component:a]\nstorage = 100\ngroup = g\n");
	struct shmq_component *a = register_by_manifest(segment, "[component]\nname = a\n[quota]\nstorage = 500\n");

	expect_figure(quota_of(segment, "a").limit[SHMQ_STORAGE], 100);
	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 11, NULL), SHMQ_DENIED);
	shmq_component_put(a);
}

/* ---- Reading back ------------------------------------------------------------------------------------------------ */

Test(policy_rules, the_default_and_patterns_can_be_read_back)
{
	struct shmq_segment *segment = segment_with("[default]\nstorage = 7\nfilesystem.read = [/a, /b]\ngroup = all\n"
	                                            "[group:all]\n[component:x-*]\nmessages = 3/min\n"
	                                            "[component:y-*]\nfilesystem.read = []\n");
	struct shmq_segment_rule rule = {.size = sizeof(rule)};
	struct shmq_grant grant = {.size = sizeof(grant)};
	unsigned seen = 0;

	expect_result(shmq_segment_rule(segment, 0, &rule), 0);
	cr_expect_str_eq(rule.name, "");
	cr_expect_str_eq(rule.group, "group:all");
	expect_figure(rule.quota.limit[SHMQ_STORAGE], 7);
	expect_result(shmq_segment_rule_grant(segment, 0, 1, &grant), 0);
	cr_expect_str_eq(grant.permission, "filesystem.read");
	cr_expect_str_eq(grant.pattern, "/b");
	cr_expect_str_eq(strrchr(grant.origin, ':'), ":3");
	expect_result(shmq_segment_rule_grant(segment, 0, 2, &grant), -ENOENT);
	for (uint32_t i = 1; i <= 2; i++) {
		expect_result(shmq_segment_rule(segment, i, &rule), 0);
		seen |= strcmp(rule.name, "x-*") == 0 ? 1 : 2;
		expect_figure(rule.quota.limit[SHMQ_MESSAGES], strcmp(rule.name, "x-*") == 0 ? 3 : 1000);
		expect_result(shmq_segment_rule_grant(segment, i, 0, &grant), rule.name[0] == 'x' ? 0 : -ENOENT);
	}
	expect_figure(seen, 3);
	expect_result(shmq_segment_rule(segment, 3, &rule), -ENOENT);
	expect_result(shmq_segment_rule(segment, UINT32_MAX, &rule), -ENOENT);
}

Test(policy_rules, a_new_segment_has_the_built_in_default_and_no_pattern)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_quota usual = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment_rule rule = {.size = sizeof(rule)};

	expect_result(shmq_segment_rule(segment, 0, &rule), 0);
	cr_expect_eq(memcmp(rule.quota.limit, usual.limit, sizeof(usual.limit)), 0);
	expect_result(shmq_segment_rule(segment, 1, &rule), -ENOENT);
	rule.size = 0;
	expect_result(shmq_segment_rule(segment, 0, &rule), -EINVAL);
}

Test(policy_rules, every_component_tells_who_says_what_it_may_use)
{
	struct shmq_segment *segment = segment_with("[component:named]\n");
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	static const char *const names[] = {"named", "follows", "own"};
	static const int sources[] = {SHMQ_SOURCE_NAMED, SHMQ_SOURCE_FOLLOWS, SHMQ_SOURCE_OWN};

	expect_result(shmq_component_register(segment, "follows", NULL), 0);
	expect_result(shmq_component_register(segment, "own", &quota), 0);
	for (int i = 0; i < 3; i++) {
		struct shmq_component *component = find(segment, names[i]);

		expect_result(shmq_component_source(component), sources[i]);
		shmq_component_put(component);
	}
	expect_result(shmq_component_source(NULL), -EINVAL);
}

Test(policy_rules, a_manifest_is_capped_by_the_built_in_default_where_no_policy_was_published)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *a = register_by_manifest(segment, "[component]\nname = a\n[quota]\nmessages = 5/s\n");
	struct shmq_quota quota = quota_of(segment, "a");

	expect_figure(quota.limit[SHMQ_MESSAGES], 5);
	shmq_component_put(a);
}

/* ---- Where the rule of an event stands --------------------------------------------------------------------------- */

static void expect_origin(struct shmq_segment *segment, const struct shmq_event *event, const char *wanted)
{
	char text[SHMQ_EVENT_TEXT_MAX + 1];

	expect_result(shmq_event_origin(segment, event, text, sizeof(text)) >= 0, true);
	if (wanted[0] == '\0')
		cr_assert_str_empty(text);
	else
		cr_assert_not_null(strstr(text, wanted), "'%s' has no '%s'", text, wanted);
}

/* The newest event of a kind. */
static struct shmq_event newest_event(struct shmq_segment *segment, int kind)
{
	struct shmq_event event = {.size = sizeof(event)}, found = {.size = sizeof(found)};
	uint64_t cursor = 0;

	while (shmq_event_read(segment, &cursor, &event) == 1)
		if (event.kind == kind)
			found = event;
	return found;
}

Test(policy_rules, an_event_is_told_of_by_a_rule_of_its_own_policy_or_by_none)
{
	struct shmq_segment *segment =
	    segment_with("[group:one]\n[group:two]\n[component:a]\ngroup = one\nmessages = 1/h\n");
	const char *path =
	    fixture_policy_file("\n\n\n\n[group:one]\n[group:two]\n[component:a]\nmessages = 2/h\ngroup = two\n");
	struct shmq_component *a = find(segment, "a");
	struct shmq_policy *policy = NULL;
	struct shmq_event event;

	expect_result(shmq_try_consume(a, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(a, SHMQ_MESSAGES, 2, NULL), SHMQ_DENIED);
	event = newest_event(segment, SHMQ_EVENT_QUOTA_VIOLATION);
	expect_origin(segment, &event, ":5");
	/* Refused late, when the other policy stands already where the one after this will. */
	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	expect_result(shmq_policy_publish(segment, policy), -EBUSY);
	expect_origin(segment, &event, ":5");
	fixture_publish(segment, "\n[component:a]\nmessages = 3/h\ngroup = one\n[group:one]\n");
	expect_origin(segment, &event, ":5"); /* it stands there still */
	expect_result(shmq_policy_publish(segment, policy), -EBUSY);
	expect_origin(segment, &event, ""); /* it does not */
	shmq_policy_free(policy);
	shmq_component_put(a);
}
