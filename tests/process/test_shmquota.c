/* SPDX-License-Identifier: MIT */
/*
 * shmquota as an operator meets it: every verb, every exit code, and what it says when something is wrong.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(shmquota, FIXTURE);

/* Run a verb in pipes; the arguments follow. */
#define expect_verb(status, out, err, ...) expect_program(status, out, err, SHMQUOTA, __VA_ARGS__)

static const char good_policy[] = "[default]\n"
				  "message_rate = 10/h\n"
				  "[component:alice]\n"
				  "message_rate = 100/h\n"
				  "storage = 50MB\n"
				  "[component:bob]\n"
				  "cpu_time = 500ms/s\n";

static const char bad_policy[] = "[component:alice]\n"
				 "mesage_rate = 100/h\n";

/* A policy file whose [segment] names the fixture's segment. */
static const char *policy_for_segment(const char *extra, const char *rest)
{
	char text[1024];

	snprintf(text, sizeof(text), "[segment]\nname = %s\n%s%s", fixture_name(), extra, rest);
	return fixture_policy_file(text);
}

/* The limit of messages that a component of the fixture's segment has by now. */
static uint64_t message_limit(const char *name)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_component *component;
	struct shmq_segment *segment;

	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&component, segment, name), 0);
	expect_result(shmq_component_quota(component, &quota), 0);
	shmq_component_put(component);
	shmq_segment_close(segment);
	return quota.limit[SHMQ_MESSAGES];
}

/* ---- Segments and policies --------------------------------------------------------------------------------------- */

Test(shmquota, creates_the_segment_that_the_policy_names)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_segment *segment;

	expect_verb(0, ": 2 components of 50, room for 20 threads, mode 0640", "", "create",
	            policy_for_segment("components = 50\nthreads = 20\nmode = 0640\n", good_policy));
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_segment_info(segment, &info), 0);
	cr_assert(info.components == 50 && info.threads == 20 && info.persistent && info.components_used == 2);
	shmq_segment_close(segment);
	expect_figure(message_limit("alice"), 100);
	expect_verb(0, "idle", "", "list");
}

Test(shmquota, prefers_the_name_of_the_command_line)
{
	char name[NAME_SIZE];

	name_segment(name, "other");
	expect_verb(0, name, "", "create", "--name", name, policy_for_segment("", good_policy));
	expect_verb(3, "", fixture_name(), "publish", policy_for_segment("", good_policy));
	expect_verb(0, "", "", "remove", "--quiet", name);
}

Test(shmquota, does_not_create_a_segment_twice)
{
	const char *policy = policy_for_segment("", good_policy);

	expect_verb(0, "created ", "", "create", policy);
	expect_verb(1, "", "'shmquota publish --name ", "create", policy);
}

Test(shmquota, creates_nothing_from_a_bad_policy)
{
	expect_verb(5, "", "no segment was created", "create", policy_for_segment("", bad_policy));
	expect_verb(5, "", ":4:1: error: ", "create", policy_for_segment("", bad_policy));
	expect_verb(3, "", NULL, "remove", fixture_name());
}

Test(shmquota, creates_nothing_that_the_policy_does_not_fit_into)
{
	expect_verb(5, "", "room for 1", "create", policy_for_segment("components = 1\n", good_policy));
	expect_verb(3, "", NULL, "remove", fixture_name());
}

Test(shmquota, says_that_the_folder_is_missing)
{
	expect_verb(1, "", "its folder does not exist", "create", "-n", "/dev/shm/no-such-folder/name",
	            policy_for_segment("", good_policy));
}

Test(shmquota, wants_to_know_the_segment)
{
	expect_verb(2, "", "--name", "create", fixture_policy_file(good_policy));
	expect_verb(2, "", "--name", "publish", fixture_policy_file(good_policy));
}

Test(shmquota, publishes_to_a_live_segment)
{
	struct shmq_component *alice = fixture_component(fixture_segment(NULL), "alice", NULL);

	expect_result(shmq_try_consume(alice, SHMQ_MESSAGES, 7, NULL), SHMQ_OK);
	expect_verb(0, ": 2 components, generation ", "", "publish", policy_for_segment("", good_policy));
	expect_figure(message_limit("alice"), 100);
	expect_verb(0, "", "", "publish", "-q", "-n", fixture_name() + 1, policy_for_segment("", good_policy));
}

Test(shmquota, keeps_the_old_policy_when_the_new_one_is_bad)
{
	fixture_publish(fixture_segment(NULL), good_policy);
	expect_verb(5, "", "the old one stays in force", "publish", policy_for_segment("", bad_policy));
	expect_figure(message_limit("alice"), 100);
}

Test(shmquota, publishes_nothing_that_does_not_fit_into_the_segment)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 1;
	fixture_publish(fixture_segment(&options), "[component:alice]\nmessage_rate = 7/h\n");
	expect_verb(1, "", "cannot publish to", "publish", policy_for_segment("", good_policy));
	expect_figure(message_limit("alice"), 7);
}

Test(shmquota, checks_policies)
{
	const char *path = fixture_policy_file(good_policy);

	expect_verb(0, ": 2 components, 0 errors, 0 warnings\n", "", "policy", "check", path);
	path = fixture_policy_file(bad_policy);
	expect_verb(5, ": 1 error, 0 warnings\n", ":2:1: error: ", "policy", "check", path);
	expect_verb(5, NULL, "message_rate", "policy", "check", path);
	expect_verb(5, NULL, "\nmesage_rate = 100/h\n^", "policy", "check", path);
	expect_verb(1, NULL, "/no/such/file", "policy", "check", "/no/such/file");
}

Test(shmquota, colours_complaints_on_a_terminal_only)
{
	struct program_setting setting = {.terminal = true};
	const char *path = fixture_policy_file(bad_policy);
	struct program_run run = program_run(&setting, SHMQUOTA, "policy", "check", path);

	program_expect(&run, 5, NULL, " \033[1;31merror:\033[0m ");
	program_expect(&run, 5, NULL, "\n\033[32m");
	program_free(&run);
	setting.environment = "NO_COLOR=1";
	run = program_run(&setting, SHMQUOTA, "policy", "check", path);
	program_expect(&run, 5, NULL, "!\033");
	program_free(&run);
	expect_verb(5, NULL, "!\033", "policy", "check", path);
}

Test(shmquota, removes_a_segment_that_is_in_use)
{
	struct shmq_component *tenant = fixture_tenant(NULL);

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	expect_verb(0, "; 1 live worker of it goes on", "", "remove", fixture_name());
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	expect_verb(3, "", "cannot remove ", "remove", fixture_name());
}

/* ---- Components -------------------------------------------------------------------------------------------------- */

Test(shmquota, resets_components)
{
	struct shmq_component *tenant = fixture_tenant(NULL);

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 100, NULL), SHMQ_OK);
	expect_verb(0, "reset \"tenant\"", "", "reset", fixture_name(), "tenant");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 100, NULL), SHMQ_OK);
	expect_verb(0, ": 1 component\n", "", "reset", "--all", fixture_name());
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	expect_verb(3, "", "Did you mean \"tenant\"?", "reset", fixture_name(), "tenent");
	expect_verb(2, "", "--all", "reset", fixture_name());
	expect_verb(2, "", "not both", "reset", "--all", fixture_name(), "tenant");
}

Test(shmquota, registers_and_unregisters_components)
{
	fixture_segment(NULL);
	expect_verb(0, "registered \"alice\"", "", "register", fixture_name(), "alice", "--message-rate", "100/h");
	expect_figure(message_limit("alice"), 100);
	expect_verb(1, "", "cannot register component \"alice\"", "register", fixture_name(), "alice");
	expect_verb(0, "", "", "register", "-q", fixture_name(), "bob", "--memory=1GB", "--cpu-time", "50%");
	expect_figure(message_limit("bob"), 1000);
	expect_verb(1, "", "1 to 127 bytes of UTF-8", "register", fixture_name(), "");
	expect_verb(1, "", "names that begin with 'group:' are those of groups", "register", fixture_name(), "group:x");
	expect_verb(2, "", "'12q' is not a limit of that kind", "register", fixture_name(), "x", "--storage=12q");
	expect_verb(2, "", "is not a limit of that kind", "register", fixture_name(), "x", "--message-rate=-1/s");
	expect_verb(2, "", "is not a limit of that kind", "register", fixture_name(), "x", "--message-rate=1/q");
	expect_verb(0, "unregistered \"alice\"", "", "unregister", fixture_name(), "alice");
	expect_verb(3, "", "cannot unregister component \"alice\"", "unregister", fixture_name(), "alice");
}

Test(shmquota, says_that_the_segment_is_full)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 1;
	fixture_component(fixture_segment(&options), "one", NULL);
	expect_verb(1, "", "Unregister what is not needed", "register", fixture_name(), "two");
}

/* ---- The program itself ------------------------------------------------------------------------------------------ */

Test(shmquota, explains_itself)
{
	static const char *const verbs[] = {"create", "publish", "register", "unregister", "reset", "list", "remove"};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		expect_verb(0, verbs[i], "", "--help");
		expect_verb(0, "Examples:\n", "", "help", verbs[i]);
		expect_verb(0, "Exit codes:\n", "", verbs[i], "--help");
		expect_verb(0, "Usage: shmquota ", "", verbs[i], "-h");
	}
	expect_verb(0, "Usage: shmquota policy check", "", "help", "policy", "check");
	expect_verb(0, "policy check", "", "help");
	expect_verb(0, shmq_version(), "", "--version");
}

Test(shmquota, suggests_the_verb_that_was_meant)
{
	expect_verb(2, "", "Did you mean 'shmquota publish'?", "pubish", "x");
	expect_verb(2, "", "Did you mean 'shmquota unregister'?", "unreg");
	expect_verb(2, "", "Did you mean 'shmquota policy check'?", "policy", "chek", "x");
	expect_verb(2, "", "'policy' wants a second word\n  There are 'policy check' 'policy show'", "policy");
	expect_verb(2, "", "!Did you mean", "xyzzy");
	expect_verb(2, "", "a verb is missing", NULL);
	expect_verb(2, "", "an argument is missing", "create");
	expect_verb(2, "", "one argument too many", "list", "x");
	expect_verb(2, "", "unrecognized option", "list", "--no-such-option");
}

Test(shmquota, lists_segments)
{
	fixture_tenant(NULL);
	expect_verb(0, fixture_name(), "", "list");
	expect_verb(0, "1/1024", "", "list");
	expect_verb(0, "\"schema\":\"shmquota.segments\",\"version\":1", "", "list", "--json");
	expect_verb(0, "\"registered\":1", "", "list", "--json");
}
