/* SPDX-License-Identifier: MIT */
/*
 * Reading policies from INI files, by the files in tests/data/policy.
 *
 *   bad/NAME.ini   must give no policy and exactly the complaints of bad/NAME.expected
 *   good/NAME.ini  must give the warnings and the policy of good/NAME.expected, as render() writes it
 *
 * The same with manifests in manifest_bad and manifest_good. Where NAME.later.ini exists it is read after NAME.ini, and
 * files of a folder NAME.ini.d between them. Paths are relative, so that complaints look the same anywhere.
 */
#include "policy/grants.h"
#include "policy/manifest.h"
#include "policy/query.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 65536
#define BAD_FILES_LEAST 150
#define GOOD_FILES_LEAST 55
#define MANIFESTS_LEAST 8

struct text {
	char bytes[TEXT_SIZE];
	size_t length;
};

static void enter_data(void)
{
	cr_assert_eq(chdir(SHMQ_TEST_DATA "/policy"), 0);
}

TestSuite(parse, .init = enter_data);

static void append(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct text *text, const char *format, ...)
{
	va_list arguments;
	int written;

	va_start(arguments, format);
	written = vsnprintf(text->bytes + text->length, TEXT_SIZE - text->length, format, arguments);
	va_end(arguments);
	cr_assert(written >= 0 && (size_t)written < TEXT_SIZE - text->length, "more text than a test expects");
	text->length += (size_t)written;
}

static void collect(void *context, const struct shmq_complaint *complaint)
{
	static char line[TEXT_SIZE];

	cr_assert_lt(policy_complaint_format(line, sizeof(line), complaint), TEXT_SIZE);
	append(context, "%s", line);
}

/* What differs from the defaults, so that old cases stay short. */
static void render_settings(struct text *text, const struct shmq_quota *quota, int i)
{
	if (quota->algorithm[i] != SHMQ_WINDOW)
		append(text, " %s", shmq_algorithm_name(quota->algorithm[i]));
	if (quota->burst[i] > 0)
		append(text, " burst %llu", (unsigned long long)quota->burst[i]);
	if (quota->enforcement[i] != SHMQ_ENFORCE_DENY)
		append(text, " enforce %s", shmq_enforcement_name(quota->enforcement[i]));
	if (quota->warning[i] > 0 &&
	    (quota->warning[i] != SHMQ_WARNING_PERCENT || quota->critical[i] != SHMQ_CRITICAL_PERCENT))
		append(text, " warn %u%% critical %u%%", quota->warning[i], quota->critical[i]);
	if (quota->lease[i] > 0)
		append(text, " lease %llu", (unsigned long long)quota->lease[i]);
}

static void render_quota(struct text *text, const struct shmq_quota *quota)
{
	static const char *const names[SHMQ_RESOURCES] = {"storage", "messages", "network", "cpu", "memory"};

	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		if (quota->limit[i] == SHMQ_UNLIMITED)
			append(text, " %s unlimited", names[i]);
		else
			append(text, " %s %llu", names[i], (unsigned long long)quota->limit[i]);
		if (quota->period_ns[i] > 0)
			append(text, "/%llums", (unsigned long long)quota->period_ns[i] / 1000000);
		render_settings(text, quota, i);
	}
	if (quota->inheritance != SHMQ_INHERIT_KEEP)
		append(text, " inherit %s", shmq_inheritance_name(quota->inheritance));
	append(text, "\n");
}

static void render_rule(struct text *text, const struct shmq_policy *policy, size_t index)
{
	static const char *const kinds[] = {"default", "class ", "", "", "pattern "};
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct shmq_policy_grant grant;

	query_rule(policy, index, &rule);
	append(text, "%s%s:", kinds[rule.kind], rule.name);
	if (rule.class_name != NULL)
		append(text, " (class %s)", rule.class_name);
	if (rule.group != NULL)
		append(text, " (in %s)", rule.group);
	render_quota(text, &rule.quota);
	for (size_t i = 0; query_grant(policy, index, i, &grant) == 0; i++)
		append(text, "    %s %s (%s:%u)\n", grant.permission, grant.pattern, grant.origin.file,
		       grant.origin.line);
}

static void render(struct text *text, const struct shmq_policy *policy)
{
	const struct shmq_options *options = &policy->options;
	const struct shmq_options usual = SHMQ_OPTIONS_DEFAULT;
	const char *name = policy_segment_name(policy);

	append(text, "segment %s: components %u threads %u mode %04o persistent %s", name == NULL ? "(none)" : name,
	       options->components, options->threads, options->mode, options->persistent ? "yes" : "no");
	if (options->reservations != usual.reservations)
		append(text, " reservations %u", options->reservations);
	if (options->events != usual.events)
		append(text, " events %u", options->events);
	if (options->rules_bytes != usual.rules_bytes)
		append(text, " rules %u", options->rules_bytes);
	append(text, options->membarrier ? " membarrier" : "");
	append(text, options->hugepages ? " hugepages\n" : "\n");
	for (size_t i = 0; i < policy->first[SHMQ_RULE_KINDS]; i++)
		render_rule(text, policy, i);
}

/* Load FOLDER/NAME.ini, and what is to be read later, and say everything about it. */
static int load_policy_case(struct text *said, const char *folder, const char *name)
{
	struct shmq_report report = {.complain = collect, .context = said};
	struct shmq_policy *policy = NULL;
	char first[512], later[512];
	const char *const paths[] = {first, later};
	int result;

	snprintf(first, sizeof(first), "%s/%s.ini", folder, name);
	snprintf(later, sizeof(later), "%s/%s.later.ini", folder, name);
	result = policy_load(&policy, paths, access(later, F_OK) == 0 ? 2 : 1, &report);
	cr_expect_eq(report.errors > 0, result < 0, "%s: result %d with %zu errors", first, result, report.errors);
	cr_expect_eq(policy == NULL, result < 0, "%s: result %d with a wrong policy", first, result);
	if (policy != NULL)
		render(said, policy);
	policy_free(policy);
	return result;
}

static void render_manifest(struct text *text, const struct shmq_manifest *manifest)
{
	const char *version = manifest_version(manifest);
	struct grant_walk walk;
	struct grant grant;
	char pattern[GRANTS_FORMAT_SIZE];

	append(text, "%s, version %s:", manifest_name(manifest), version == NULL ? "(none)" : version);
	render_quota(text, &manifest->quota);
	if (manifest->grants == NULL)
		return;
	append(text, "    asks for\n");
	/* A set never lies at the start of an area: offset 0 means none. */
	cr_assert_eq(capability_walk(&walk, manifest->grants, manifest->grants_bytes, 0), 0);
	while (capability_next(&walk, &grant) > 0) {
		grants_format(pattern, sizeof(pattern), &grant);
		append(text, "    %.*s %s\n", (int)grant.permission_length, grant.permission, pattern);
	}
}

static int load_manifest_case(struct text *said, const char *folder, const char *name)
{
	struct shmq_report report = {.complain = collect, .context = said};
	struct shmq_manifest *manifest = NULL;
	char path[512];
	int result;

	snprintf(path, sizeof(path), "%s/%s.ini", folder, name);
	result = manifest_load(&manifest, path, &report);
	cr_expect_eq(report.errors > 0, result < 0, "%s: result %d with %zu errors", path, result, report.errors);
	cr_expect_eq(manifest == NULL, result < 0, "%s: result %d with a wrong manifest", path, result);
	if (manifest != NULL)
		render_manifest(said, manifest);
	manifest_free(manifest);
	return result;
}

static int load_case(struct text *said, const char *folder, const char *name)
{
	said->length = 0;
	said->bytes[0] = '\0';
	return strncmp(folder, "manifest", 8) == 0 ? load_manifest_case(said, folder, name)
	                                           : load_policy_case(said, folder, name);
}

static void read_expected(struct text *expected, const char *folder, const char *name)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.expected", folder, name);
	file = fopen(path, "r");
	cr_assert_not_null(file, "%s is missing", path);
	expected->length = fread(expected->bytes, 1, TEXT_SIZE - 1, file);
	expected->bytes[expected->length] = '\0';
	fclose(file);
}

/* The name of a case, where a directory entry is its first file. */
static bool is_case(char name[256], const char *file)
{
	size_t length = strlen(file);

	if (length < 5 || strcmp(file + length - 4, ".ini") != 0 || strstr(file, ".later.ini") != NULL)
		return false;
	memcpy(name, file, length - 4);
	name[length - 4] = '\0';
	return true;
}

/* Compare every case of a folder. Returns how many there are. */
static size_t check_folder(const char *folder, int result)
{
	static struct text said, expected;
	DIR *directory = opendir(folder);
	struct dirent *entry;
	char name[256];
	size_t count = 0;

	cr_assert_not_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		if (!is_case(name, entry->d_name))
			continue;
		count++;
		cr_expect_eq(load_case(&said, folder, name), result, "%s/%s.ini", folder, name);
		read_expected(&expected, folder, name);
		cr_expect_str_eq(said.bytes, expected.bytes, "%s/%s.ini says\n%s", folder, name, said.bytes);
	}
	closedir(directory);
	return count;
}

Test(parse, every_bad_file_gets_exactly_its_complaints)
{
	cr_expect_geq(check_folder("bad", -EINVAL), BAD_FILES_LEAST);
}

Test(parse, every_good_file_becomes_its_policy)
{
	cr_expect_geq(check_folder("good", 0), GOOD_FILES_LEAST);
}

Test(parse, every_bad_manifest_gets_exactly_its_complaints)
{
	cr_expect_geq(check_folder("manifest_bad", -EINVAL), MANIFESTS_LEAST);
}

Test(parse, every_good_manifest_says_what_it_asks_for)
{
	cr_expect_geq(check_folder("manifest_good", 0), MANIFESTS_LEAST);
}

/* ---- The settings of inih, which belong to the whole process ----------------------------------------------------- */

/* Distributions that give inih variables export them. Where this one is compiled in, nobody can change it. */
static void set_bool(const char *name, bool value)
{
	bool *setting = dlsym(RTLD_DEFAULT, name);

	if (setting != NULL)
		*setting = value;
}

static void set_int(const char *name, int value)
{
	int *setting = dlsym(RTLD_DEFAULT, name);

	if (setting != NULL)
		*setting = value;
}

static void set_text(const char *name, char *value)
{
	char **setting = dlsym(RTLD_DEFAULT, name);

	if (setting != NULL)
		*setting = value;
}

Test(parse, another_part_of_the_process_may_change_what_inih_allows)
{
	set_bool("ini_allow_multiline", false);
	set_bool("ini_allow_bom", false);
	set_bool("ini_allow_inline_comments", false);
	set_bool("ini_allow_no_value", true);
	set_bool("ini_stop_on_first_error", true);
	check_folder("bad", -EINVAL);
	check_folder("good", 0);
}

Test(parse, another_part_of_the_process_may_change_the_memory_of_inih)
{
	set_bool("ini_use_stack", false);
	set_bool("ini_allow_realloc", true);
	set_int("ini_initial_alloc", 80);
	set_int("ini_max_line", 160);
	check_folder("good", 0);
}

Test(parse, another_part_of_the_process_may_change_the_comments_of_inih)
{
	static char starts[] = "!;#/", inlines[] = ";#0123456789";

	set_text("ini_start_comment_prefixes", starts);
	set_text("ini_inline_comment_prefixes", inlines);
	check_folder("good", 0);
}

Test(parse, a_key_that_inih_takes_for_a_comment_is_an_error)
{
	static char starts[] = "s";
	static struct text said;

	if (dlsym(RTLD_DEFAULT, "ini_start_comment_prefixes") == NULL)
		return;
	set_text("ini_start_comment_prefixes", starts);
	cr_expect_eq(load_case(&said, "good", "byte_order_mark"), -EINVAL);
	cr_expect_str_eq(
	    said.bytes,
	    "good/byte_order_mark.ini:2:1: error: inih lost this line; did the program change its settings?\n"
	    "storage = 1MB\n"
	    "^\n");
}

Test(parse, a_file_that_inih_does_not_read_to_its_end_is_an_error)
{
	static char inlines[] = "r";
	static struct text said;

	if (dlsym(RTLD_DEFAULT, "ini_stop_on_first_error") == NULL)
		return;
	set_text("ini_inline_comment_prefixes", inlines);
	set_bool("ini_stop_on_first_error", true);
	cr_expect_eq(load_case(&said, "bad", "key_with_blank"), -EINVAL);
	cr_expect_not_null(strstr(said.bytes, ":2:1: error: inih lost this line"));
}

Test(parse, a_heading_that_inih_takes_for_a_comment_is_an_error)
{
	static char starts[] = "[";
	static struct text said;

	if (dlsym(RTLD_DEFAULT, "ini_start_comment_prefixes") == NULL)
		return;
	set_text("ini_start_comment_prefixes", starts);
	cr_expect_eq(load_case(&said, "good", "no_newline_at_end"), -EINVAL);
	cr_expect_not_null(strstr(said.bytes, ":2:1: error: inih misread this line"));
	cr_expect_not_null(strstr(said.bytes, ":3:1: error: inih misread this line"));
}

Test(parse, a_line_that_inih_has_no_room_for_is_an_error)
{
	static struct text said;

	if (dlsym(RTLD_DEFAULT, "ini_max_line") == NULL)
		return;
	set_int("ini_max_line", 14);
	cr_expect_eq(load_case(&said, "good", "rates"), -EINVAL);
	cr_expect_not_null(strstr(said.bytes, "good/rates.ini:2:1: error: "));
}
