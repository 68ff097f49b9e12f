/* SPDX-License-Identifier: MIT */
/*
 * shmquota policy check, show, diff and apply, and register --manifest: what they say, and what they exit with.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "program.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(policy_verbs, FIXTURE);

#define expect_verb(status, out, err, ...) expect_program(status, out, err, SHMQUOTA, __VA_ARGS__)
#define ROUND_TRIPS_LEAST 50

static const char first_policy[] = "[default]\nmessages = 100/s\nfilesystem.read = [/usr/**, /old/*]\n"
				   "[class:web]\nnetwork = 1MB/s\n"
				   "[component:shop]\nclass = web\n"
				   "[component:gone]\n"
				   "[component:web-*]\nstorage = 1MB\n";

static const char second_policy[] = "[default]\nmessages = 200/s\nfilesystem.read = [/usr/**, /new/*]\n"
				    "[class:web]\nnetwork = 2MB/s burst 4MB\n"
				    "[component:shop]\nclass = web\n"
				    "[component:new]\nstorage = 5MB\n"
				    "[component:api-*]\nstorage = 1MB\n";

/* A policy file that names the fixture's segment; each call writes the same file. */
static const char *policy_file(const char *text)
{
	char whole[4096];

	snprintf(whole, sizeof(whole), "[segment]\nname = %s\ncomponents = 16\n%s", fixture_name(), text);
	return fixture_policy_file(whole);
}

/* A second file, for what is compared with the first. */
static const char *other_file(const char *text)
{
	static char path[NAME_SIZE];
	FILE *file;

	name_object(path, fixture_name(), "other.ini");
	file = fopen(path, "w");
	cr_assert_not_null(file);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
	return path;
}

static json_t *json_of(int status, const char *const arguments[])
{
	struct program_run run = program_start(NULL, arguments);
	json_error_t error;
	json_t *document = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);

	cr_assert_eq(run.status, status, "status %d: %s", run.status, run.err);
	cr_assert_not_null(document, "%s in\n%s", error.text, run.out);
	program_free(&run);
	return document;
}

#define json_of_verb(status, ...) json_of(status, (const char *const[]){SHMQUOTA, __VA_ARGS__, NULL})

static const char *text_at(json_t *document, const char *list, size_t index, const char *key)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(document, list), index), key));
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

Test(policy_verbs, check_counts_what_is_there)
{
	expect_verb(0, ": 1 component, 1 group, 2 patterns, 0 errors, 0 warnings\n", "", "policy", "check",
	            policy_file("[component:a]\n[component:a*]\n[component:b*]\n[group:g]\n[class:c]\n"));
}

Test(policy_verbs, check_writes_complaints_as_json)
{
	json_t *document =
	    json_of_verb(5, "policy", "check", "--json", policy_file("[default]\nstorag = 1MB\nwarn = 5\n"));

	cr_expect_str_eq(json_string_value(json_object_get(document, "schema")), "shmquota.policy-check");
	cr_expect_eq(json_integer_value(json_object_get(document, "errors")), 1);
	cr_expect_str_eq(text_at(document, "complaints", 0, "severity"), "error");
	cr_expect_str_eq(text_at(document, "complaints", 0, "text"), "unknown key 'storag'; did you mean 'storage'?");
	cr_expect_str_eq(text_at(document, "complaints", 0, "source"), "storag = 1MB");
	json_decref(document);
	document = json_of_verb(0, "policy", "check", "--json", policy_file(""));
	cr_expect_eq(json_array_size(json_object_get(document, "complaints")), 0);
	json_decref(document);
}

/* ---- show -------------------------------------------------------------------------------------------------------- */

Test(policy_verbs, show_says_where_each_value_stands)
{
	const char *path = policy_file(first_policy);
	char line[300];

	snprintf(line, sizeof(line), "network = 1MB/s                            ; %s:8\n", path);
	expect_verb(0, line, "", "policy", "show", "--origin", path);
	snprintf(line, sizeof(line), "filesystem.read += \"/old/*\"                ; %s:6\n", path);
	expect_verb(0, line, "", "policy", "show", "--origin", path);
	snprintf(line, sizeof(line), "\n[component:shop] ; class web\n");
	expect_verb(0, line, "", "policy", "show", "--origin", path);
}

Test(policy_verbs, show_of_one_component_says_everything_that_holds_for_it)
{
	const char *path = policy_file(first_policy);

	expect_verb(0, "; \"web-1\" has no section of its own and follows this pattern\n[component:web-*]", "",
	            "policy", "show", "--component", "web-1", path);
	expect_verb(0, "storage = 1MB\n", "", "policy", "show", "--component", "web-1", path);
	expect_verb(0, "follows [default]\n[default]\n", "", "policy", "show", "--component", "other", path);
	expect_verb(0, "\ncpu.algorithm = window                     ; built in\n", "", "policy", "show", "--origin",
	            "--component", "shop", path);
}

/* Whether `show` of a policy means the same as the policy. Where a second file belongs to it, it is another test's. */
static void expect_round_trip(const char *folder, const char *file)
{
	char path[512], later[520], flat[NAME_SIZE], command[2048];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	snprintf(later, sizeof(later), "%.*s.later.ini", (int)strlen(path) - 4, path);
	if (access(later, F_OK) == 0)
		return;
	name_object(flat, fixture_name(), "flat.ini");
	snprintf(command, sizeof(command), "%s policy show --origin '%s' > '%s' && %s policy diff --against '%s' '%s'",
	         SHMQUOTA, path, flat, SHMQUOTA, path, flat);
	expect_program(0, "", NULL, "/bin/sh", "-c", command);
	unlink(flat);
}

Test(policy_verbs, what_show_writes_means_the_same)
{
	const char *folder = SHMQ_TEST_DATA "/policy/good";
	DIR *directory = opendir(folder);
	const struct dirent *entry;
	unsigned count = 0;

	cr_assert_not_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length < 5 || strcmp(entry->d_name + length - 4, ".ini") != 0 ||
		    strstr(entry->d_name, ".later.ini") != NULL)
			continue;
		expect_round_trip(folder, entry->d_name);
		count++;
	}
	closedir(directory);
	cr_expect_geq(count, ROUND_TRIPS_LEAST);
}

Test(policy_verbs, show_writes_json_with_exact_figures_and_origins)
{
	json_t *document =
	    json_of_verb(0, "policy", "show", "--json", "--component", "shop", policy_file(first_policy));
	json_t *rule = json_array_get(json_object_get(document, "rules"), 0);
	json_t *network = json_object_get(json_object_get(rule, "quota"), "network");

	cr_expect_str_eq(json_string_value(json_object_get(rule, "kind")), "component");
	cr_expect_str_eq(json_string_value(json_object_get(rule, "class")), "web");
	cr_expect_eq(json_integer_value(json_object_get(network, "limit")), 1 << 20);
	cr_expect_eq(json_integer_value(json_object_get(network, "period_ns")), 1000000000);
	cr_expect_str_eq(text_at(rule, "grants", 1, "pattern"), "/old/*");
	cr_expect_not_null(strstr(text_at(rule, "grants", 1, "origin"), ":6"));
	json_decref(document);
}

Test(policy_verbs, show_of_a_segment_reads_the_policy_back)
{
	const char *path = policy_file(first_policy);
	char flat[NAME_SIZE], command[2048];

	expect_verb(0, "", "", "create", "-q", path);
	name_object(flat, fixture_name(), "flat.ini");
	snprintf(command, sizeof(command),
	         "%s policy show -n %s > '%s' && %s policy diff '%s' && %s policy diff --against '%s' '%s'", SHMQUOTA,
	         fixture_name(), flat, SHMQUOTA, flat, SHMQUOTA, path, flat);
	expect_program(0, "", NULL, "/bin/sh", "-c", command);
	unlink(flat);
	expect_verb(0, "filesystem.read = \"/usr/**\"", "", "policy", "show", "--origin", "-n", fixture_name());
	expect_verb(0, "[component:shop]\n", "", "policy", "show", "-n", fixture_name(), "--component", "shop");
	expect_verb(3, "", "Did you mean \"shop\"", "policy", "show", "-n", fixture_name(), "--component", "shup");
	expect_verb(2, "", "give policy files, or a segment with --name", "policy", "show");
	json_decref(json_of_verb(0, "policy", "show", "--json", "-n", fixture_name()));
}

/* ---- diff and apply ---------------------------------------------------------------------------------------------- */

Test(policy_verbs, diff_tells_what_publishing_would_change)
{
	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	expect_verb(0, "", "", "policy", "diff", policy_file(first_policy));
	policy_file(second_policy);
	expect_verb(1, "~ component \"shop\"\n    messages           100/s -> 200/s ", "", "policy", "diff",
	            policy_file(second_policy));
	expect_verb(1, "network            1MB/s -> 2MB/s burst 4MB", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "network.algorithm  window -> bucket", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "    filesystem.read    - /old/*\n    filesystem.read    + /new/* ", "", "policy", "diff",
	            policy_file(second_policy));
	expect_verb(1, "+ component \"new\"\n    storage            5MB ", "", "policy", "diff",
	            policy_file(second_policy));
	expect_verb(1, "- component \"gone\"\n", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "- pattern \"web-*\"\n", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "+ pattern \"api-*\"\n", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "~ default\n", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "!~", "", "policy", "diff", "-q", policy_file(second_policy));
}

Test(policy_verbs, diff_compares_files_as_well)
{
	const char *other = other_file(first_policy);
	const char *path = policy_file(second_policy);

	expect_verb(1, "- component \"gone\"\n", "", "policy", "diff", "--against", other, path);
	expect_verb(0, "!-", "", "policy", "diff", "--against", path, path);
	unlink(other);
}

/* A value that is not the one that goes without saying, for every key that a component may have. */
static const char *const changed_values[][2] = {
    {"group", "all"},
    {"inherit", "reset"},
    {"storage", "1MB"},
    {"storage.enforce", "warn"},
    {"storage.warn", "70"},
    {"storage.critical", "99"},
    {"messages", "7/s"},
    {"messages.algorithm", "sliding"},
    {"messages.enforce", "off"},
    {"messages.warn", "1"},
    {"messages.critical", "100"},
    {"messages.lease", "5"},
    {"network", "10MB/2s"}, /* the amount is as before, the period is not */
    {"network.algorithm", "bucket"},
    {"network.enforce", "warn"},
    {"network.warn", "70"},
    {"network.critical", "90"},
    {"network.lease", "4KB"},
    {"cpu", "1s/s burst 2s"}, /* as before, but for the burst */
    {"cpu.algorithm", "sliding"},
    {"cpu.enforce", "off"},
    {"cpu.warn", "5"},
    {"cpu.critical", "85"},
    {"cpu.lease", "1ms"},
    {"memory", "unlimited"},
    {"memory.enforce", "warn"},
    {"memory.warn", "79"},
    {"memory.critical", "81"},
    {"filesystem.read", "/srv/*"},
};

#define CHANGED_VALUES (sizeof(changed_values) / sizeof(*changed_values))

/* A policy with a component for each of them, called like the key. */
static const char *policy_of_all_values(bool is_changed)
{
	static char text[4096];

	strcpy(text, "[group:all]\n");
	for (size_t i = 0; i < CHANGED_VALUES; i++) {
		const char *const *value = changed_values[i];

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[component:%s]\n", value[0]);
		if (is_changed)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = %s\n", value[0], value[1]);
	}
	return text;
}

/* Of each component the value that it is called like is told. */
static void expect_all_values(json_t *document)
{
	const json_t *changes = json_object_get(document, "changes");

	cr_assert_eq(json_array_size(changes), CHANGED_VALUES);
	for (size_t i = 0; i < CHANGED_VALUES; i++) {
		const char *name = text_at(document, "changes", i, "name");

		cr_expect_str_eq(name, changed_values[i][0]);
		cr_expect_str_eq(text_at(json_array_get(changes, i), "values", 0, "key"), name);
	}
	json_decref(document);
}

/* A value that is told apart by its figures only is written out; one that is not would be lost without a word. */
Test(policy_verbs, diff_misses_no_value)
{
	const char *other = other_file(policy_of_all_values(false)), *path;

	expect_verb(0, "", "", "create", "-q", "-n", fixture_name(), other);
	path = fixture_policy_file(policy_of_all_values(true));
	expect_all_values(json_of_verb(1, "policy", "diff", "--json", "-n", fixture_name(), path));
	expect_all_values(json_of_verb(1, "policy", "diff", "--json", "--against", other, path));
	unlink(other);
}

Test(policy_verbs, diff_exits_as_diff_does)
{
	const char *path = policy_file(first_policy);

	expect_verb(3, "", "there is no such segment", "policy", "diff", path);
	expect_verb(2, "", "cannot read it", "policy", "diff", "/no/such/file.ini");
	expect_verb(5, "", "unknown key", "policy", "diff", policy_file("[default]\nnonsense = 1\n"));
}

Test(policy_verbs, diff_writes_json)
{
	json_t *document;

	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	document = json_of_verb(1, "policy", "diff", "--json", policy_file(second_policy));
	cr_expect_eq(json_integer_value(json_object_get(document, "added")), 2);
	cr_expect_eq(json_integer_value(json_object_get(document, "removed")), 2);
	cr_expect_eq(json_integer_value(json_object_get(document, "changed")), 2);
	cr_expect_str_eq(text_at(document, "changes", 0, "change"), "changed");
	cr_expect_str_eq(text_at(document, "changes", 0, "name"), "shop");
	json_decref(document);
	document = json_of_verb(0, "policy", "diff", "--json", policy_file(first_policy));
	cr_expect_eq(json_array_size(json_object_get(document, "changes")), 0);
	json_decref(document);
}

Test(policy_verbs, apply_publishes_and_says_what_changed)
{
	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	expect_verb(0, "2 added, 2 removed, 2 changed\n", "", "policy", "apply", "--dry-run",
	            policy_file(second_policy));
	expect_verb(1, "2MB/s", "", "policy", "diff", policy_file(second_policy));
	expect_verb(0, ": 2 components, generation 2; 2 added, 2 removed, 2 changed\n", "", "policy", "apply",
	            policy_file(second_policy));
	expect_verb(0, "", "", "policy", "diff", policy_file(second_policy));
	expect_verb(0, "generation 3; no changes\n", "", "policy", "apply", policy_file(second_policy));
	expect_verb(5, "", "nothing was published, the old one stays in force", "policy", "apply",
	            policy_file("[default]\nx = 1\n"));
}

Test(policy_verbs, apply_tells_in_advance_that_there_is_no_room)
{
	char text[1024] = "";

	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	for (int i = 0; i < 16; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[component:%c]\n", 'a' + i);
	expect_verb(1, "\n! the segment has room for 16 components, 2 are registered, and 16 are added\n", "", "policy",
	            "apply", "--dry-run", policy_file(text));
}

Test(policy_verbs, apply_tells_in_advance_that_a_component_cannot_change_its_group)
{
	static const char before[] = "[group:one]\n[group:two]\n[component:a]\ngroup = one\n";
	static const char after[] = "[group:one]\n[group:two]\n[component:a]\ngroup = two\n";

	expect_verb(0, "", "", "create", "-q", policy_file(before));
	expect_verb(0, "", "", "try", "-n", fixture_name(), "a", "storage", "10");
	expect_verb(1, "\n! \"a\" uses storage or memory, so it cannot change its group\n", "", "policy", "apply",
	            "--dry-run", policy_file(after));
	expect_verb(1, "", "what is marked with '!' above is in the way", "policy", "apply", policy_file(after));
	expect_verb(0, "", "", "reset", "-q", fixture_name(), "a");
	expect_verb(0, "group              one -> two", "", "policy", "apply", policy_file(after));
}

Test(policy_verbs, components_with_limits_of_their_own_do_not_change)
{
	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	expect_verb(0, "", "", "register", "-q", fixture_name(), "own", "--storage", "1GB");
	expect_verb(0, "", "", "register", "-q", fixture_name(), "follows");
	expect_verb(1, "!\"own\"", "", "policy", "diff", policy_file(second_policy));
	expect_verb(1, "~ component \"follows\"\n", "", "policy", "diff", policy_file(second_policy));
}

/* ---- Manifests --------------------------------------------------------------------------------------------------- */

Test(policy_verbs, register_takes_a_manifest)
{
	const char *manifest;

	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	manifest =
	    other_file("[component]\nname = resizer\nversion = 1.4\n[capabilities]\nfilesystem.read = [/usr/share/*]\n"
	               "[quota]\nmessages = \"5/s\"\nstorage = \"1TB\"\n");
	expect_verb(0, "registered \"resizer\" version 1.4 in ", "", "register", fixture_name(), "--manifest",
	            manifest);
	expect_verb(0, "messages = 5/s\n", "", "policy", "show", "-n", fixture_name(), "--component", "resizer");
	expect_verb(0, "storage = 100MB\n", "", "policy", "show", "-n", fixture_name(), "--component", "resizer");
	expect_verb(0, "; its manifest asks for filesystem.read /usr/share/*\n", "", "policy", "show", "-n",
	            fixture_name(), "--component", "resizer");
	expect_verb(1, "", "it exists already", "register", fixture_name(), "--manifest", manifest);
	unlink(manifest);
}

Test(policy_verbs, register_says_what_is_wrong_with_a_manifest)
{
	const char *manifest = other_file("[component]\nname = a\n[quota]\nstorag = 1MB\n");

	expect_verb(0, "", "", "create", "-q", policy_file(first_policy));
	expect_verb(5, "", "unknown key 'storag'; did you mean 'storage'?", "register", fixture_name(), "--manifest",
	            manifest);
	expect_verb(2, "", "leave the rest out", "register", fixture_name(), "a", "--manifest", manifest);
	expect_verb(2, "", "name a component, or give --manifest", "register", fixture_name());
	unlink(manifest);
}
