/* SPDX-License-Identifier: MIT */
/*
 * The verbs of shmquota that look, and those that take and give back: show, watch, workers, check, try, release.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "../support/shared.h"
#include "program.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(verbs, FIXTURE);

#define expect_verb(status, out, err, ...) expect_program(status, out, err, SHMQUOTA, __VA_ARGS__)

/* A component with 1000 of everything, in windows that outlast the test. */
static struct shmq_component *calm_tenant(void)
{
	struct shmq_quota quota = quota_calm(1000);

	return fixture_tenant(&quota);
}

/* ---- try --------------------------------------------------------------------------------------------------------- */

Test(verbs, try_runs_a_command_only_if_admitted_and_passes_its_status_on)
{
	struct shmq_component *tenant = calm_tenant();

	expect_verb(0, "admitted\n", "", "try", fixture_name(), "tenant", "messages", "400", "--", "echo", "admitted");
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 400);
	expect_verb(0, "", "", "try", "-n", fixture_name(), "tenant", "messages", "100", "--", "true", "--no-such");
	expect_verb(3, "", "", "try", fixture_name(), "tenant", "messages", "1", "--", "sh", "-c", "exit 3");
	expect_verb(128 + SIGTERM, "", "", "try", fixture_name(), "tenant", "messages", "1", "--", "sh", "-c",
	            "kill -TERM $$");
	expect_verb(126, "", "Permission denied", "try", fixture_name(), "tenant", "messages", "1", "--", "/dev/null");
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 500);
}

Test(verbs, try_says_that_there_is_no_such_command_as_a_shell_does)
{
	struct shmq_component *tenant = calm_tenant();
	char script[512];

	snprintf(script, sizeof(script), "%s try %s tenant messages 1 -- no-such-command; test $? -eq 127", SHMQUOTA,
	         fixture_name());
	expect_program(0, "", "cannot run no-such-command: No such file", "/bin/sh", "-c", script);
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 0);
}

Test(verbs, try_says_why_it_was_denied_and_runs_nothing)
{
	struct shmq_component *tenant = calm_tenant();

	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 999, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 999, NULL), SHMQ_OK);
	expect_verb(6, "!ran", "Message rate quota exceeded: 999", "try", fixture_name(), "tenant", "messages", "2",
	            "--", "echo", "ran");
	expect_verb(6, "", "Try again in ", "try", fixture_name(), "tenant", "messages", "2", "--", "true");
	expect_verb(6, "", "more than the limit", "try", fixture_name(), "tenant", "messages", "1001", "--", "true");
	expect_verb(6, "", "has to be released", "try", fixture_name(), "tenant", "storage", "2B");
	expect_verb(75, "", "", "try", "-q", "-E", "75", fixture_name(), "tenant", "messages", "2", "--", "true");
	expect_figure(fixture_used(tenant, SHMQ_MESSAGES), 999);
}

Test(verbs, try_gives_back_what_a_failed_command_did_not_use)
{
	struct shmq_component *tenant = calm_tenant();

	expect_verb(0, "", "", "try", fixture_name(), "tenant", "storage", "100", "--", "true");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 100);
	expect_verb(1, "", "", "try", fixture_name(), "tenant", "storage", "200", "--", "false");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 100);
	expect_verb(1, "", "", "try", "--keep", fixture_name(), "tenant", "storage", "200", "--", "false");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 300);
	expect_verb(0, "", "", "try", "--hold", fixture_name(), "tenant", "storage", "700", "--", "true");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 300);
	expect_verb(0, "", "", "try", fixture_name(), "tenant", "storage", "50");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 350);
}

Test(verbs, try_holds_memory_while_the_command_runs)
{
	struct shmq_component *tenant = calm_tenant();
	char command[512];

	/* Within 600 of 1000 another 600 do not fit. */
	snprintf(command, sizeof(command), "%s try -q %s tenant memory 600 -- true; test $? -eq 6", SHMQUOTA,
	         fixture_name());
	expect_verb(0, "", "", "try", fixture_name(), "tenant", "memory", "600", "--", "sh", "-c", command);
	expect_figure(fixture_used(tenant, SHMQ_MEMORY), 0);
	expect_verb(2, "", "no command", "try", fixture_name(), "tenant", "memory", "600");
	expect_verb(2, "", "cannot be kept", "try", "--keep", fixture_name(), "tenant", "memory", "6", "--", "true");
}

static int release_after_a_moment(unsigned index, void *context)
{
	struct shmq_component *tenant = context;

	(void)index;
	usleep(300000);
	CHILD_RESULT(shmq_release(tenant, SHMQ_STORAGE, 1000), 0);
	return 0;
}

Test(verbs, try_waits_for_a_level_to_fall)
{
	struct shmq_component *tenant = calm_tenant();
	pid_t pid;

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1000, NULL), SHMQ_OK);
	expect_verb(6, "", "has to be released", "try", "--wait", "50ms", fixture_name(), "tenant", "storage", "1");
	pid = process_start(release_after_a_moment, 0, tenant);
	expect_verb(0, "", "", "try", "--wait", "10s", fixture_name(), "tenant", "storage", "1");
	cr_assert_eq(process_join(pid, 5000), 0);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 1);
}

Test(verbs, try_waits_for_a_window_to_end)
{
	struct shmq_quota quota = quota_periodic(10, 500000000);
	struct shmq_component *tenant = fixture_tenant(&quota);

	shmq_consume(tenant, SHMQ_MESSAGES, 10);
	expect_verb(0, "", "", "try", "--wait", "5s", fixture_name(), "tenant", "messages", "10");
	/* What is never admitted is not waited for. */
	expect_verb(6, "", "more than the limit", "try", "--wait", "1h", fixture_name(), "tenant", "messages", "11");
}

static int run_try(unsigned index, void *context)
{
	(void)index;
	(void)context;
	/* A command that does not outlive the program that runs it by more than two seconds. */
	execl(SHMQUOTA, SHMQUOTA, "try", fixture_name(), "tenant", "storage", "500", "--", "sh", "-c",
	      "i=0; while [ $i -lt 40 ] && kill -0 \"$PPID\" 2>/dev/null; do sleep 0.05; i=$((i + 1)); done", NULL);
	return 1;
}

static bool storage_becomes(struct shmq_component *tenant, uint64_t used)
{
	for (int i = 0; i < 500; i++) {
		if (fixture_used(tenant, SHMQ_STORAGE) == used)
			return true;
		usleep(10000);
	}
	return false;
}

Test(verbs, try_that_is_killed_gives_back_and_one_that_is_asked_to_end_ends_its_command)
{
	struct shmq_component *tenant = calm_tenant();
	pid_t pid = process_start(run_try, 0, NULL);

	cr_assert(storage_becomes(tenant, 500));
	kill(pid, SIGTERM);
	cr_assert_eq(process_join(pid, 5000), 128 + SIGTERM);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	pid = process_start(run_try, 0, NULL);
	cr_assert(storage_becomes(tenant, 500));
	process_kill(pid);
	expect_verb(0, "recovered 1 dead thread ", "", "reap", fixture_name());
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
}

Test(verbs, try_explains_what_it_does_not_understand)
{
	calm_tenant();
	expect_verb(3, "", "Did you mean \"tenant\"?", "try", fixture_name(), "tenent", "messages", "1", "--", "true");
	expect_verb(2, "", "Did you mean 'messages'?", "try", fixture_name(), "tenant", "mesages", "1", "--", "true");
	expect_verb(2, "", "such as 250ms", "try", fixture_name(), "tenant", "cpu", "100", "--", "true");
	expect_verb(2, "", "'one' is no amount", "try", fixture_name(), "tenant", "messages", "one", "--", "true");
	expect_verb(2, "", "is missing", "try", "tenant", "messages", "--", "true");
	expect_verb(2, "", "not both", "try", "--hold", "--keep", fixture_name(), "tenant", "storage", "1", "--",
	            "true");
	expect_verb(2, "", "named twice", "try", "-n", "x", fixture_name(), "tenant", "storage", "1", "--", "true");
	expect_verb(2, "", "--wait wants seconds", "try", "--wait", "soon", fixture_name(), "tenant", "storage", "1");
	expect_verb(2, "", "from 1 to 255", "try", "-E", "256", fixture_name(), "tenant", "storage", "1");
}

/* ---- set --------------------------------------------------------------------------------------------------------- */

Test(verbs, set_changes_what_is_given_and_keeps_the_rest_and_what_is_used)
{
	struct shmq_component *tenant = calm_tenant();
	struct shmq_quota quota = {.size = sizeof(quota)};

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 600, NULL), SHMQ_OK);
	expect_verb(0, ": storage 500 B, messages 50/h, network 1000 B/", "", "set", fixture_name(), "tenant",
	            "--storage", "500", "--message-rate", "50/h");
	expect_result(shmq_component_quota(tenant, &quota), 0);
	expect_figure(quota.limit[SHMQ_STORAGE], 500);
	expect_figure(quota.limit[SHMQ_MESSAGES], 50);
	expect_figure(quota.period_ns[SHMQ_MESSAGES], UINT64_C(3600000000000));
	expect_figure(quota.limit[SHMQ_CPU], 1000);
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 600);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
	expect_verb(0, "", "", "set", "-q", fixture_name(), "tenant", "--storage", "unlimited");
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
}

Test(verbs, set_explains_what_it_does_not_understand)
{
	calm_tenant();
	expect_verb(2, "", "no limit is given", "set", fixture_name(), "tenant");
	expect_verb(2, "", "keep, proportional and reset", "set", fixture_name(), "tenant", "--memory", "1",
	            "--inherit", "x");
	expect_verb(2, "", "is not a limit of that kind", "set", fixture_name(), "tenant", "--memory", "much");
	expect_verb(3, "", "Did you mean \"tenant\"?", "set", fixture_name(), "tennant", "--memory", "1");
}

/* ---- release ----------------------------------------------------------------------------------------------------- */

Test(verbs, release_gives_back_levels_only)
{
	struct shmq_component *tenant = calm_tenant();

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 500, NULL), SHMQ_OK);
	expect_verb(0, "released 200 B of storage", "", "release", fixture_name(), "tenant", "storage", "200");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 300);
	expect_verb(1, "", "less than that was used", "release", fixture_name(), "tenant", "storage", "301");
	expect_figure(fixture_used(tenant, SHMQ_STORAGE), 0);
	expect_verb(2, "", "is a rate", "release", fixture_name(), "tenant", "messages", "1");
	expect_verb(3, "", "Did you mean \"tenant\"?", "release", fixture_name(), "tenan", "storage", "1");
	expect_verb(2, "", "Write bytes", "release", fixture_name(), "tenant", "storage", "much");
}

/* ---- The trail --------------------------------------------------------------------------------------------------- */

/* The notes that the segment has, as "component: what was done"; each begins with who did it. */
static void expect_notes(const char *wanted)
{
	struct program_run run = program_run(NULL, SHMQUOTA, "audit", "--kind", "note", fixture_name());
	char found[1024] = "";
	const char *line = run.out;

	while (*line) {
		json_t *note = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
		const char *text = json_string_value(json_object_get(note, "text"));
		const char *component = json_string_value(json_object_get(note, "component"));

		cr_assert_not_null(text, "%s", line);
		cr_assert(strchr(text, ':') > text, "nobody did: %s", text);
		snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s\n", component ? component : "-",
		         strchr(text, ':'));
		json_decref(note);
		line = strchr(line, '\n') + 1;
	}
	cr_assert_str_eq(found, wanted);
	program_free(&run);
}

/* Nobody could say who had released a level by hand: nothing was written of it. */
Test(verbs, who_changed_what_is_among_the_events)
{
	struct shmq_component *tenant = calm_tenant();
	char wanted[512];

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 10, NULL), SHMQ_OK);
	expect_verb(0, NULL, "", "set", fixture_name(), "tenant", "--storage", "2KB");
	expect_verb(0, NULL, "", "release", "-q", fixture_name(), "tenant", "storage", "5");
	expect_verb(0, NULL, "", "register", fixture_name(), "other");
	expect_verb(0, NULL, "", "unregister", fixture_name(), "other");
	expect_verb(0, NULL, "", "reset", "--all", fixture_name());
	/* What changes nothing leaves none. */
	expect_verb(0, NULL, "", "reap", fixture_name());
	expect_verb(3, "", NULL, "reset", fixture_name(), "nobody");
	expect_verb(0, NULL, "", "try", fixture_name(), "tenant", "storage", "1");
	snprintf(wanted, sizeof(wanted),
	         "tenant: set %s tenant --storage 2KB\n"
	         "tenant: release -q %s tenant storage 5\n"
	         "other: register %s other\n"
	         "-: unregister %s other\n"
	         "-: reset --all %s\n",
	         fixture_name(), fixture_name(), fixture_name(), fixture_name(), fixture_name());
	expect_notes(wanted);
}

/* ---- show and workers -------------------------------------------------------------------------------------------- */

Test(verbs, show_explains_every_figure)
{
	struct shmq_component *tenant = calm_tenant();

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 500, NULL), SHMQ_OK);
	expect_verb(0, "\ncomponents.registered   1", "", "show", fixture_name());
	expect_verb(0, "how many components are registered\n", "", "show", fixture_name());
	expect_verb(0, "tenant, component 0 of ", "", "show", fixture_name(), "tenant");
	expect_verb(0, "\n  used_pct               50.0          0          0          0          0", "", "show",
	            fixture_name(), "tenant");
	expect_verb(0, "A good first guess", "", "show", "--explain", fixture_name(), "tenant");
	expect_verb(0, "\"schema\":\"shmquota.component\",\"version\":1", "", "show", "-j", fixture_name(), "tenant");
	expect_verb(0, "\"schema\":\"shmquota.segment\",\"version\":1", "", "show", "-j", fixture_name());
	expect_verb(3, "", "Did you mean \"tenant\"?", "show", fixture_name(), "tennant");
}

Test(verbs, workers_are_listed)
{
	expect_result(shmq_try_consume(calm_tenant(), SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	expect_verb(0, "\n1 alive, 0 dead, 256 slots\n", "", "workers", fixture_name());
	expect_verb(0, "\"command\":\"test_verbs\"", "", "workers", "-j", fixture_name());
	expect_verb(3, "", "cannot open /no-such-segment", "workers", "no-such-segment");
}

/* ---- check ------------------------------------------------------------------------------------------------------- */

Test(verbs, check_has_the_exit_codes_of_a_monitoring_plugin)
{
	struct shmq_component *tenant = calm_tenant();

	expect_verb(0, "SHMQUOTA OK - ", "", "check", fixture_name());
	expect_verb(0, ": 1 component within its limits | ", "", "check", fixture_name());
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 850, NULL), SHMQ_OK);
	expect_verb(1, "SHMQUOTA WARNING - ", "", "check", fixture_name());
	expect_verb(1, ": tenant storage 850 B of 1000 B (85.0 %) |", "", "check", fixture_name());
	expect_verb(0, " 'highest storage'=85.0%;90;95;0;100 ", "", "check", "--warn", "90", fixture_name());
	expect_verb(2, "SHMQUOTA CRITICAL - ", "", "check", "--warn", "50", "--crit", "85", fixture_name());
	expect_verb(2, "\nCRITICAL: tenant storage", "", "check", "-c", "85%", fixture_name(), "tenant");
	expect_verb(2, " 'tenant storage'=85.0%;80;85;0;100", "", "check", "-c", "85%", fixture_name(), "tenant");
	expect_verb(0, "OK", "", "check", "-X", "ten*", fixture_name());
	expect_verb(3, "SHMQUOTA UNKNOWN - tennant: ", "", "check", fixture_name(), "tennant");
	expect_verb(3, "SHMQUOTA UNKNOWN - /no-such-segment: ", "", "check", "no-such-segment");
	expect_verb(3, "SHMQUOTA UNKNOWN - usage", "", "check", "-w", "90", "-c", "80", fixture_name());
	/* Where a monitoring system looks for it. */
	expect_verb(3, "--warn wants a percentage", "", "check", "-w", "many", fixture_name());
	expect_verb(3, "unrecognized option", "", "check", "--no-such-option");
}

Test(verbs, check_goes_by_the_thresholds_of_each_quota)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_component *tenant;

	quota.warning[SHMQ_STORAGE] = 30;
	quota.critical[SHMQ_STORAGE] = 50;
	tenant = fixture_tenant(&quota);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 300, NULL), SHMQ_OK);
	expect_verb(1, " 'highest storage'=30.0%;30;50;0;100", "", "check", fixture_name());
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 200, NULL), SHMQ_OK);
	expect_verb(2, "SHMQUOTA CRITICAL", "", "check", fixture_name());
	expect_program(0, "50.0     500 B        0               critical\n", "", SHM_DUMP, fixture_name());
}

static int attach_and_wait(unsigned index, void *context)
{
	struct counter *ready = context;
	struct shmq_component *tenant;
	struct shmq_segment *segment;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	counter_set(ready, 1);
	for (;;)
		pause();
}

Test(verbs, check_tells_of_dead_workers)
{
	struct counter *ready = shared_alloc(sizeof(*ready));
	pid_t pid;

	expect_result(shmq_try_consume(calm_tenant(), SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	pid = process_start(attach_and_wait, 0, ready);
	cr_assert(counter_await(ready, 1, 5000));
	expect_verb(0, " workers=2;;;0;256 dead=0;0;;0\n", "", "check", fixture_name());
	process_kill(pid);
	expect_verb(1, ": 1 of 2 workers dead; ", "", "check", fixture_name());
	shared_free(ready, sizeof(*ready));
}

/* ---- watch ------------------------------------------------------------------------------------------------------- */

static int change_things(unsigned index, void *context)
{
	struct shmq_component *tenant = context;

	(void)index;
	usleep(150000);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 900, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 101, NULL), SHMQ_DENIED);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 101, NULL), SHMQ_DENIED);
	return 0;
}

Test(verbs, watch_writes_a_line_for_each_change)
{
	struct shmq_component *tenant = calm_tenant();
	pid_t pid = process_start(change_things, 0, tenant);
	struct program_run run = program_run(NULL, SHMQUOTA, "watch", "-d", "50ms", "--times", "10", fixture_name());

	process_join(pid, 5000);
	program_expect(&run, 0, "storage   warning       900 B of 1000 B, 90.0 %\n", "");
	program_expect(&run, 0, "storage   denied        2 operations; 900 B of 1000 B, 90.0 %\n", "");
	program_expect(&run, 0, "!messages", "");
	program_free(&run);
}

static int come_and_go(unsigned index, void *context)
{
	struct shmq_segment *segment = context;

	(void)index;
	usleep(150000);
	CHILD_RESULT(shmq_segment_remove(fixture_name()), 0);
	usleep(150000);
	CHILD_RESULT(shmq_segment_create(&segment, fixture_name(), NULL), 0);
	CHILD_RESULT(shmq_component_register(segment, "reborn", NULL), 0);
	usleep(500000);
	shmq_segment_close(segment);
	return 0;
}

Test(verbs, watch_follows_a_host_that_is_started_again)
{
	pid_t pid;
	struct program_run run;

	calm_tenant();
	pid = process_start(come_and_go, 0, NULL);
	run = program_run(NULL, SHMQUOTA, "watch", "--json", "-d", "50ms", "--times", "12", fixture_name());
	process_join(pid, 5000);
	program_expect(&run, 0, "\"change\":\"gone\"", "");
	program_expect(&run, 0, "\"change\":\"there\"", "");
	program_free(&run);
	expect_verb(3, "", "cannot watch /no-such-segment", "watch", "no-such-segment");
}
