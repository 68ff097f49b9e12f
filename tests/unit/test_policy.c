/* SPDX-License-Identifier: MIT */
/*
 * Loading a policy as its caller sees it: arguments, reports, files that cannot be read, many components.
 * What files may say, and what follows from it, is told by the files of test_parse.c.
 */
#include "policy/grants.h"
#include "policy/sets.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GOOD "good/inheritance.ini"
#define BAD "bad/key_misspelt.ini"
#define BAD_ERRORS 6
#define NOBODY 65534

static char folder[] = "/tmp/shmquota-policy-XXXXXX";

static void begin(void)
{
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(SHMQ_TEST_DATA "/policy"), 0);
}

static void end(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/file", folder);
	unlink(path);
	rmdir(folder);
}

TestSuite(policy, .init = begin, .fini = end);

static const char *temporary(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/file", folder);
	return path;
}

/* The last complaint, as text. */
static char last[1024];

static void remember(void *context, const struct shmq_complaint *complaint)
{
	(void)context;
	policy_complaint_format(last, sizeof(last), complaint);
}

/* One file that must fail with this result and, after its path, this complaint. */
static void expect_failure(const char *path, int expected, const char *complaint)
{
	struct shmq_report report = {.complain = remember};
	struct shmq_policy *policy = NULL;
	int result = policy_load(&policy, &path, 1, &report);

	cr_expect_eq(result, expected, "%s gives %d, not %d", path, result, expected);
	cr_expect_null(policy);
	cr_expect_eq(report.errors, 1);
	cr_assert_gt(strlen(last), strlen(path));
	cr_expect_str_eq(last + strlen(path), complaint);
}

/* The same of a folder, in which `file` is at fault. */
static void expect_failure_in(const char *path, const char *file, int expected, const char *complaint)
{
	struct shmq_report report = {.complain = remember};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, &path, 1, &report), expected);
	cr_expect_null(policy);
	cr_expect_eq(report.errors, 1);
	cr_assert_gt(strlen(last), strlen(file));
	cr_expect_eq(strncmp(last, file, strlen(file)), 0, "%s", last);
	cr_expect_str_eq(last + strlen(file), complaint);
}

Test(policy, refuses_no_files_and_null)
{
	static const char *const paths[] = {GOOD, NULL};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, paths, 0, NULL), -EINVAL);
	cr_expect_eq(policy_load(&policy, NULL, 1, NULL), -EINVAL);
	cr_expect_eq(policy_load(&policy, paths, 2, NULL), -EINVAL);
	cr_expect_eq(policy_load(NULL, paths, 1, NULL), -EINVAL);
	cr_expect_null(policy);
	policy_free(NULL);
}

Test(policy, needs_no_report)
{
	static const char *const good[] = {GOOD}, *const bad[] = {BAD};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, bad, 1, NULL), -EINVAL);
	cr_expect_null(policy);
	cr_assert_eq(policy_load(&policy, good, 1, NULL), 0);
	policy_free(policy);
}

Test(policy, counts_complaints_that_nobody_wants_to_see)
{
	static const char *const bad[] = {BAD};
	struct shmq_report report = {.errors = 10, .warnings = 20};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, bad, 1, &report), -EINVAL);
	cr_expect_eq(report.errors, 10 + BAD_ERRORS);
	cr_expect_eq(report.warnings, 20);
}

Test(policy, warnings_forbid_nothing)
{
	static const char *const paths[] = {"good/indented.ini"};
	struct shmq_report report = {0};
	struct shmq_policy *policy = NULL;

	cr_assert_eq(policy_load(&policy, paths, 1, &report), 0);
	cr_expect_eq(report.warnings, 1);
	policy_free(policy);
}

Test(policy, errors_of_an_earlier_call_do_not_spoil_a_later_one)
{
	static const char *const bad[] = {BAD}, *const good[] = {GOOD};
	struct shmq_report report = {0};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, bad, 1, &report), -EINVAL);
	cr_expect_eq(policy_load(&policy, good, 1, &report), 0);
	policy_free(policy);
}

Test(policy, leaves_the_old_pointer_alone_when_it_fails)
{
	static const char *const bad[] = {BAD};
	struct shmq_policy *policy = (struct shmq_policy *)folder;

	cr_expect_eq(policy_load(&policy, bad, 1, NULL), -EINVAL);
	cr_expect_eq((char *)policy, folder);
}

Test(policy, a_missing_file_is_its_errno)
{
	expect_failure("no/such/file.ini", -ENOENT, ": error: cannot read it: No such file or directory\n");
}

Test(policy, a_folder_that_is_called_like_a_file_is_not_an_empty_file)
{
	expect_failure_in("layers", "layers/folder.ini", -EISDIR, ": error: cannot read it: Is a directory\n");
}

Test(policy, a_device_is_refused)
{
	expect_failure("/dev/zero", -EINVAL, ": error: this is not a regular file; a policy is read from files only\n");
}

Test(policy, a_fifo_is_refused_without_waiting_for_its_writer, .timeout = 10)
{
	cr_assert_eq(mkfifo(temporary(), 0600), 0);
	expect_failure(temporary(), -EINVAL, ": error: this is not a regular file; a policy is read from files only\n");
}

Test(policy, a_file_without_permission_is_its_errno)
{
	int fd = open(temporary(), O_CREAT | O_WRONLY, 0);

	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(chmod(folder, 0755), 0);
	if (geteuid() == 0)
		cr_assert_eq(seteuid(NOBODY), 0);
	expect_failure(temporary(), -EACCES, ": error: cannot read it: Permission denied\n");
	if (getuid() == 0)
		cr_assert_eq(seteuid(0), 0);
}

Test(policy, an_error_while_reading_is_its_errno)
{
	/* A regular file by its type; nothing is mapped where it begins. */
	expect_failure("/proc/self/mem", -EIO, ": error: cannot read it: Input/output error\n");
}

Test(policy, reads_the_other_files_too_when_one_is_missing)
{
	static const char *const paths[] = {"no/such/file.ini", BAD, "no/such/../file.ini"};
	struct shmq_report report = {0};
	struct shmq_policy *policy = NULL;

	cr_expect_eq(policy_load(&policy, paths, 3, &report), -ENOENT);
	cr_expect_eq(report.errors, 2 + BAD_ERRORS);
}

Test(policy, keeps_no_file_open)
{
	static const char *const paths[] = {GOOD, BAD, ".", "bad", "/dev/zero", "no/such/file.ini"};
	struct shmq_policy *policy = NULL;
	int before = dup(0), after;

	close(before);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (policy_load(&policy, paths + i, 1, NULL) == 0)
			policy_free(policy);
	after = dup(0);
	close(after);
	cr_expect_eq(after, before);
}

/* ---- Many components --------------------------------------------------------------------------------------------- */

#define MANY 100000

static void write_many(void)
{
	FILE *file = fopen(temporary(), "w");

	cr_assert_not_null(file);
	/* 7919 has no divisor in common with MANY, so every number comes once, in no order. */
	for (unsigned i = 0; i < MANY; i++)
		fprintf(file, "[component:/host-%u/%060u]\nstorage = %uKB\nmessage_rate = %u/min\n", i * 7919U % MANY,
		        i, i + 1, i);
	cr_assert_eq(fclose(file), 0);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* whatever else the machine does */
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The component that was written as the i-th. */
static const struct policy_rule *component_at(const struct shmq_policy *policy, size_t i)
{
	return &policy->rules[policy->first[SHMQ_RULE_COMPONENT] + i];
}

Test(policy, loads_100000_components_in_seconds_with_all_their_quotas)
{
	const char *const paths[] = {temporary()};
	struct shmq_policy *policy = NULL;
	double start;
	char name[128];

	write_many();
	start = seconds();
	cr_assert_eq(policy_load(&policy, paths, 1, NULL), 0);
	/* Half a second on a slow machine; the bound leaves room for sanitizers and is far below what n * n takes. */
	cr_expect_lt(seconds() - start, 10.0);
	cr_assert_eq(policy_count(policy, SHMQ_RULE_COMPONENT), MANY);
	cr_expect_eq(policy->options.components, MANY, "room for all where [segment] does not say");
	for (unsigned i = 0; i < MANY; i++) {
		const struct policy_rule *rule = component_at(policy, i);

		snprintf(name, sizeof(name), "/host-%u/%060u", i * 7919U % MANY, i);
		cr_assert_str_eq(rule->name, name);
		cr_assert_eq(policy_find(policy, name), (size_t)(rule - policy->rules));
		cr_assert_eq(rule->quota.limit[SHMQ_STORAGE], (i + 1) * UINT64_C(1024));
		cr_assert_eq(rule->quota.limit[SHMQ_MESSAGES], i);
		cr_assert_eq(rule->quota.period_ns[SHMQ_MESSAGES], UINT64_C(60000000000));
	}
	policy_free(policy);
}

Test(policy, overrides_100000_components_by_a_second_file)
{
	const char *const paths[] = {temporary(), temporary()};
	struct shmq_policy *policy = NULL;

	write_many();
	cr_assert_eq(policy_load(&policy, paths, 2, NULL), 0);
	cr_expect_eq(policy_count(policy, SHMQ_RULE_COMPONENT), MANY);
	policy_free(policy);
}

/* Classes that lead to one another, and all of them wrong: what is done for each must not look at all others. */
Test(policy, finds_100000_wrong_classes_in_seconds)
{
	const char *const paths[] = {temporary()};
	struct shmq_policy *policy = NULL;
	struct shmq_report report = {0};
	FILE *file = fopen(temporary(), "w");
	double start;

	cr_assert_not_null(file);
	for (unsigned i = 0; i < MANY; i++)
		fprintf(file, "[class:c%u]\nclass = %s%u\n", i, i % 2 ? "c" : "d", (i + 1) % MANY);
	cr_assert_eq(fclose(file), 0);
	start = seconds();
	cr_expect_eq(policy_load(&policy, paths, 1, &report), -EINVAL);
	cr_expect_lt(seconds() - start, 10.0);
	cr_expect_eq(report.errors, MANY / 2);
}

/* ---- Room for rules ---------------------------------------------------------------------------------------------- */

static struct shmq_policy *load_text(const char *text)
{
	const char *const paths[] = {temporary()};
	struct shmq_policy *policy = NULL;
	FILE *file = fopen(temporary(), "w");

	cr_assert_not_null(file);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
	last[0] = '\0';
	policy_load(&policy, paths, 1, &(struct shmq_report){.complain = remember});
	return policy;
}

Test(policy, has_room_for_its_rules_where_nobody_says_how_much)
{
	static char text[65536];
	struct shmq_policy *policy;
	struct sets sets;

	for (unsigned i = 0; i < 500; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		         "[component:c%u-*]\nfilesystem.read = /srv/c%u/**\n", i, i);
	policy = load_text(text);
	cr_assert_not_null(policy);
	cr_assert_eq(sets_collect(&sets, policy), 0);
	cr_expect_geq(policy->options.rules_bytes, sets_rules_bytes(&sets, policy));
	sets_free(&sets);
	policy_free(policy);
}

Test(policy, leaves_the_room_for_rules_to_the_segment_where_it_needs_little)
{
	struct shmq_policy *policy = load_text("[component:a*]\nfilesystem.read = /a\n");

	cr_assert_not_null(policy);
	cr_expect_eq(policy->options.rules_bytes, 0);
	policy_free(policy);
}

Test(policy, complains_of_rules_that_do_not_fit)
{
	cr_expect_null(load_text("[segment]\nrules = 64\n[component:a*]\n"));
	cr_expect_not_null(strstr(last, ":2:9: error: the rules of this policy take "), "%s", last);
}

Test(policy, stores_what_many_components_inherit_once)
{
	struct shmq_policy *policy = load_text(
	    "[default]\nfilesystem.read = /a\n[component:a]\n[component:b]\n[component:c]\nfilesystem.read = /b\n");
	struct sets sets;

	cr_assert_not_null(policy);
	cr_assert_eq(sets_collect(&sets, policy), 0);
	cr_expect_eq(sets.of_rule[0].set, sets.of_rule[1].set);
	cr_expect_eq(sets.of_rule[0].set, sets.of_rule[2].set);
	cr_expect_neq(sets.of_rule[0].set, sets.of_rule[3].set);
	cr_expect_null(sets.first->next->next);
	sets_free(&sets);
	policy_free(policy);
}

Test(policy, tells_apart_what_is_inherited_of_other_classes_and_groups)
{
	struct shmq_policy *policy = load_text("[class:x]\nfilesystem.read = /x\n[class:y]\nfilesystem.read = /y\n"
	                                       "[group:g]\nnetwork.connect = *:80\n"
	                                       "[component:a]\nclass = x\n[component:b]\nclass = y\n"
	                                       "[component:c]\nclass = x\ngroup = g\n[component:d]\ngroup = g\n"
	                                       "[component:e]\nclass = x\n[component:f]\n");
	const struct rule_set *set;
	struct sets sets;

	cr_assert_not_null(policy);
	cr_assert_eq(sets_collect(&sets, policy), 0);
	set = &sets.of_rule[policy->first[SHMQ_RULE_COMPONENT]];
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(set[i].set, set[j].set, "%zu and %zu", i, j);
	cr_expect_eq(set[4].set, set[0].set);
	cr_expect_null(set[5].set);
	sets_free(&sets);
	policy_free(policy);
}

Test(policy, complains_of_more_capabilities_than_fit_into_a_set)
{
	static char text[200000] = "[component:a]\n";

	for (unsigned i = 0; i < CAPABILITY_GRANTS_MAX; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "filesystem.read += /%u\n", i);
	policy_free(load_text(text));
	cr_expect_str_empty(last);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), "filesystem.write = /x\n");
	cr_expect_null(load_text(text));
	cr_expect_not_null(
	    strstr(last, ":1:12: error: this grants 4097 patterns with what it inherits; 4096 is the most"), "%s",
	    last);
}
