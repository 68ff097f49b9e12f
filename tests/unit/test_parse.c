/* SPDX-License-Identifier: MIT */
/*
 * Reading policies from INI files, by the files in tests/data/policy.
 *
 *   bad/NAME.ini   must give no policy and exactly the complaints of bad/NAME.expected
 *   good/NAME.ini  must give the warnings and the policy of good/NAME.expected, as render() writes it
 *
 * Where NAME.later.ini exists it is read after NAME.ini. Paths are relative, so that complaints look the same anywhere.
 */
#include "policy/policy.h"

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
#define BAD_FILES_LEAST 60
#define GOOD_FILES_LEAST 30

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

static void render_quota(struct text *text, const char *title, const struct shmq_quota *quota)
{
	static const char *const names[SHMQ_RESOURCES] = {"storage", "messages", "network", "cpu", "memory"};

	append(text, "%s:", title);
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		if (quota->limit[i] == SHMQ_UNLIMITED)
			append(text, " %s unlimited", names[i]);
		else
			append(text, " %s %llu", names[i], (unsigned long long)quota->limit[i]);
		if (quota->period_ns[i] > 0)
			append(text, "/%llums", (unsigned long long)quota->period_ns[i] / 1000000);
	}
	append(text, "\n");
}

static void render(struct text *text, const struct shmq_policy *policy)
{
	append(text, "segment %s: components %u threads %u mode %04o persistent %s\n",
	       policy->segment_name == NULL ? "(none)" : policy->segment_name, policy->options.components,
	       policy->options.threads, policy->options.mode, policy->options.persistent ? "yes" : "no");
	render_quota(text, "default", &policy->fallback);
	for (size_t i = 0; i < policy->count; i++)
		render_quota(text, policy->components[i].name, &policy->components[i].quota);
}

/* Load FOLDER/NAME.ini, and what is to be read later, and say everything about it. */
static int load_case(struct text *said, const char *folder, const char *name)
{
	struct shmq_report report = {.complain = collect, .context = said};
	struct shmq_policy *policy = NULL;
	char first[512], later[512];
	const char *const paths[] = {first, later};
	int result;

	said->length = 0;
	said->bytes[0] = '\0';
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
