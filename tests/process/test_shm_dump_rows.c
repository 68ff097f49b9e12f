/* SPDX-License-Identifier: MIT */
/*
 * shm-dump's choices of rows, its other views, its formats for programs, and segments that are only copies.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "../support/shared.h"
#include "program.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(shm_dump_rows, FIXTURE);

#define expect_dump(status, out, err, ...) expect_program(status, out, err, SHM_DUMP, fixture_name(), __VA_ARGS__)
#define run_dump(...) program_run(NULL, SHM_DUMP, fixture_name(), __VA_ARGS__)

/* alice has used 900 of 1000 messages, bob 500, carol none; bob was refused once. */
static struct shmq_segment *three_tenants(void)
{
	struct shmq_quota quota = quota_periodic(1000, SHMQ_PERIOD_MAX_NS);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *alice = fixture_component(segment, "alice", &quota);
	struct shmq_component *bob = fixture_component(segment, "bob", &quota);

	fixture_component(segment, "carol", &quota);
	expect_result(shmq_try_consume(alice, SHMQ_MESSAGES, 900, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(bob, SHMQ_MESSAGES, 500, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(bob, SHMQ_MESSAGES, 501, NULL), SHMQ_DENIED);
	return segment;
}

static void expect_output(const struct program_run *run, const char *text)
{
	program_expect(run, 0, NULL, "");
	cr_assert_str_eq(run->out, text);
}

/* ---- Which rows -------------------------------------------------------------------------------------------------- */

Test(shm_dump_rows, shows_the_columns_asked_for_and_nothing_else)
{
	struct program_run run;

	three_tenants();
	run = run_dump("--no-header", "-o", "component,resource,used,denied,alarm", "--filter", "used>0");
	expect_output(&run, "alice      messages       900        0  warning\n"
	                    "bob        messages       500        1  ok\n");
	program_free(&run);
	run = run_dump("--no-header", "-o", "component,period,used_pct", "-c", "carol", "--filter", "resource=storage");
	expect_output(&run, "carol                -      0\n");
	program_free(&run);
	expect_dump(0, "COMPONENT      USED\n", "", "-o", "component,used");
	expect_dump(2, "", "there is no column 'nonsense'", "-o", "used,nonsense");
}

Test(shm_dump_rows, sorts_and_bounds_rows)
{
	struct program_run run;

	three_tenants();
	run = run_dump("--no-header", "-o", "component", "--sort", "-used_pct", "-n", "2");
	expect_output(&run, "alice\nbob\n");
	program_free(&run);
	run = run_dump("--no-header", "-o", "component", "-s", "used", "--filter", "used>0");
	expect_output(&run, "bob\nalice\n");
	program_free(&run);
	run = run_dump("--no-header", "-o", "component,resource", "-n", "3");
	expect_output(&run, "alice      storage\nalice      messages\nalice      network\n");
	program_free(&run);
	expect_dump(2, "", "did you mean 'used'?", "--sort", "usd");
	expect_dump(2, "", "a number above 0", "-n", "0");
	expect_dump(2, "", "a number above 0", "-n", "-1");
}

Test(shm_dump_rows, chooses_components_by_patterns)
{
	struct program_run run;

	three_tenants();
	run = run_dump("--no-header", "-o", "component", "-I", "*a*", "-X", "car*", "--filter", "resource=cpu");
	expect_output(&run, "alice\n");
	program_free(&run);
	expect_dump(0, "2 components:", "", "-I", "*o*");
}

Test(shm_dump_rows, explains_what_is_wrong_with_a_filter)
{
	three_tenants();
	expect_dump(2, "", "did you mean 'used_pct'?", "--filter", "usedpct>80");
	expect_dump(2, "", "is no comparison", "--filter", "used");
	expect_dump(2, "", "no filter, order", "--policy", "--filter", "used>0");
	expect_dump(2, "", "exclude each other", "--policy", "--raw");
	expect_dump(2, "", "--times is for --watch", "--times", "2");
}

Test(shm_dump_rows, shows_what_is_on_lease)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_segment *segment = fixture_segment(NULL);
	struct shmq_component *leased;
	struct program_run run;

	fixture_component(segment, "plain", &quota);
	quota.lease[SHMQ_MESSAGES] = 64;
	leased = fixture_component(segment, "leased", &quota);
	expect_result(shmq_try_consume(leased, SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	run = run_dump("--no-header", "-b", "-o", "component,used,lease,leased", "--filter", "leased>0");
	expect_output(&run, "leased       64     64      63\n");
	program_free(&run);
	run = run_dump("--no-header", "-o", "component", "--filter", "lease>0");
	expect_output(&run, "leased\n");
	program_free(&run);
	expect_dump(0, "\"leased\":63", "", "--json");
	expect_dump(0, "].component[0]", "", "--raw");
	expect_program(0, "  LEASED  ", "", SHM_DUMP, fixture_name());
}

Test(shm_dump_rows, writes_exact_figures_when_asked)
{
	struct shmq_component *tenant = fixture_tenant(NULL);
	struct program_run run;

	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 1234567, NULL), SHMQ_OK);
	run = run_dump("--no-header", "-b", "-o", "used,limit", "--filter", "used>0");
	expect_output(&run, "1234567  104857600\n");
	program_free(&run);
}

/* ---- Other views ------------------------------------------------------------------------------------------------- */

Test(shm_dump_rows, shows_the_limits_in_force)
{
	struct shmq_segment *segment = three_tenants();
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	quota.limit[SHMQ_MEMORY] = SHMQ_UNLIMITED;
	expect_result(shmq_component_register(segment, "dave", &quota), 0);
	expect_dump(0, "\ndave       100 MiB     1000/s     10 MiB/s      1 s/s       \u221e\n", "", "--policy");
	expect_dump(0, "4 components, policy generation", "", "--policy");
	expect_dump(0, "\"schema\":\"shmquota.policy\",\"version\":1", "", "--policy", "-j");
	expect_dump(0, "\"memory\":{\"limit\":null,\"period_ns\":null,\"algorithm\":null,\"enforcement\":\"deny\",", "",
	            "--policy", "-j", "-c", "dave");
	expect_dump(0, "\"schema\":\"shmquota.limits\"", "", "--policy", "--ndjson", "-c", "dave");
}

static int wait_for_a_signal(unsigned index, void *context)
{
	struct counter *ready = context;
	struct shmq_component *tenant;
	struct shmq_segment *segment;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	counter_set(ready, 1);
	for (;;)
		pause();
}

Test(shm_dump_rows, tells_a_stopped_worker_from_a_sleeping_and_a_dead_one)
{
	struct counter *ready = shared_alloc(sizeof(*ready));
	pid_t pid;

	fixture_tenant(NULL);
	pid = process_start(wait_for_a_signal, 0, ready);
	cr_assert(counter_await(ready, 1, 5000));
	expect_dump(0, "  sleeping  ", "", "--workers");
	cr_assert(process_stop(pid));
	expect_dump(0, "  stopped   ", "", "--workers");
	expect_dump(0, "\"state\":\"T\"", "", "--workers", "--ndjson");
	process_kill(pid);
	expect_dump(0, "  dead      ", "", "--workers");
	expect_dump(0, ", 1 dead, 256 slots\n", "", "--workers");
	expect_dump(0, "\"schema\":\"shmquota.workers\"", "", "--workers", "-j");
	expect_dump(2, "", "--workers shows all there are", "--workers", "-c", "tenant");
	shared_free(ready, sizeof(*ready));
}

Test(shm_dump_rows, shows_what_the_segment_remembers)
{
	struct program_run run;
	json_t *document, *events;

	three_tenants();
	expect_dump(0, "component_registered    alice", "", "--events");
	expect_dump(0, "quota_violation         bob               messages  refused 501: 500 of 1000/366d used\n", "",
	            "--events");
	expect_dump(0, "warning                 alice             messages  900 of 1000/366d used, 90.0 %\n", "",
	            "--events");
	expect_dump(0, "!alice", "", "--events", "-c", "bob");
	expect_dump(0, "!carol", "", "--events", "-X", "c*");
	expect_dump(0, "\n1 event\n", "", "--events", "-n", "1");
	expect_dump(0, "!component_registered", "", "--events", "-n", "1");
	expect_dump(0, "\"schema\":\"shmquota.event\"", "", "--events", "--ndjson");
	expect_dump(2, "", "no filter and no order", "--events", "--sort", "used");
	run = run_dump("--events", "-j");
	document = json_loads(run.out, JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(document, "%s", run.out);
	events = json_object_get(document, "events");
	cr_assert_geq(json_array_size(events), 5);
	for (size_t i = 0; i < json_array_size(events); i++)
		cr_assert_eq(json_integer_value(json_object_get(json_array_get(events, i), "sequence")),
		             (json_int_t)i + 1);
	json_decref(document);
	program_free(&run);
}

/* Two programs once wrote the same event with other members. */
Test(shm_dump_rows, writes_an_event_as_the_same_object_as_the_audit)
{
	struct shmq_segment *segment = three_tenants();
	struct program_run audit, lines, run;
	json_t *document, *events, *line;
	const char *rest;

	expect_result(shmq_component_unregister(segment, "carol"), 0);
	audit = program_run(NULL, SHMQUOTA, "audit", fixture_name());
	lines = run_dump("--events", "--ndjson");
	expect_output(&lines, audit.out);
	run = run_dump("--events", "-j");
	document = json_loads(run.out, JSON_REJECT_DUPLICATES, NULL);
	events = json_object_get(document, "events");
	rest = lines.out;
	for (size_t i = 0; i < json_array_size(events); i++, rest = strchr(rest, '\n') + 1) {
		line = json_loads(rest, JSON_DISABLE_EOF_CHECK, NULL);
		cr_assert(json_equal(line, json_array_get(events, i)), "%s", rest);
		json_decref(line);
	}
	cr_assert_str_eq(rest, "", "the document lacks: %s", rest);
	/* Who is gone still has a name. */
	program_expect(&audit, 0, "\"kind\":\"component_unregistered\",\"component\":\"carol\",\"id\":null,", "");
	json_decref(document);
	program_free(&run);
	program_free(&lines);
	program_free(&audit);
}

Test(shm_dump_rows, tells_how_many_events_were_overwritten)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	char name[32];

	options.events = 16;
	segment = fixture_segment(&options);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "tenant-%d", i);
		expect_result(shmq_component_register(segment, name, NULL), 0);
	}
	expect_dump(0, " before them were overwritten or lost\n", "", "--events");
	expect_dump(0, "tenant-99", "", "--events");
	expect_dump(0, "!tenant-1 ", "", "--events");
	/* Of a choice, too: they may have been among the events that it would have. */
	expect_dump(0, "\n1 event; 84 before them were overwritten or lost\n", "", "--events", "-c", "tenant-99");
}

/* ---- For programs ------------------------------------------------------------------------------------------------ */

Test(shm_dump_rows, groups_rows_by_component_in_a_document_whatever_the_order)
{
	struct program_run run;
	json_t *document, *components;
	json_error_t error;

	three_tenants();
	run = run_dump("-j", "--sort", "-used");
	document = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(document, "%s", error.text);
	components = json_object_get(document, "components");
	cr_assert_eq(json_array_size(components), 3);
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(components, 0), "name")), "alice");
	for (size_t i = 0; i < 3; i++)
		cr_assert_eq(json_object_size(json_object_get(json_array_get(components, i), "resources")), 5);
	json_decref(document);
	program_free(&run);
}

/* Check each line of --ndjson; returns how many there are. */
static size_t check_lines(char *text)
{
	char *rest = NULL;
	size_t count = 0;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), count++) {
		json_int_t used, limit, available, time;
		const char *schema, *segment, *component;
		json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		double percentage;

		cr_assert_not_null(row, "%s", line);
		cr_assert_eq(json_unpack(row, "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:F}", "schema", &schema, "segment",
		                         &segment, "component", &component, "time_unix_ns", &time, "used", &used,
		                         "limit", &limit, "available", &available, "percentage", &percentage),
		             0, "%s", line);
		cr_assert_str_eq(schema, "shmquota.row");
		cr_assert(used + available == limit, "%s", line);
		cr_assert(percentage < (double)used * 100 / (double)limit + 0.01 &&
		              percentage > (double)used * 100 / (double)limit - 0.01,
		          "%s", line);
		json_decref(row);
	}
	return count;
}

static int keep_consuming(unsigned index, void *context)
{
	struct counter *stop = context;
	struct shmq_component *tenant;
	struct shmq_segment *segment;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "tenant"), 0);
	while (counter_get(stop) == 0) {
		shmq_try_consume(tenant, SHMQ_STORAGE, 7, NULL);
		shmq_try_consume(tenant, SHMQ_MESSAGES, 1, NULL);
		shmq_release(tenant, SHMQ_STORAGE, 7);
	}
	return 0;
}

Test(shm_dump_rows, reads_rows_that_belong_together_from_a_busy_segment)
{
	struct counter *stop = shared_alloc(sizeof(*stop));
	struct program_run run;
	pid_t pids[2];

	fixture_tenant(NULL);
	process_start_group(pids, 2, keep_consuming, stop);
	run = run_dump("--ndjson", "--watch", "0.01", "--times", "50");
	counter_set(stop, 1);
	cr_assert_eq(process_join_group(pids, 2, 5000), 0);
	program_expect(&run, 0, NULL, "");
	cr_assert_eq(check_lines(run.out), 250);
	program_free(&run);
	shared_free(stop, sizeof(*stop));
}

/* ---- Again and again --------------------------------------------------------------------------------------------- */

Test(shm_dump_rows, shows_itself_again_and_again)
{
	struct program_setting terminal = {.terminal = true, .columns = 80};
	struct program_run run;

	three_tenants();
	run = run_dump("--watch", "10ms", "--times", "3", "--no-header", "-o", "component", "-n", "1");
	expect_output(&run, "alice\nalice\nalice\n");
	program_free(&run);
	run = program_run(&terminal, SHM_DUMP, fixture_name(), "--watch", "0.01", "--times", "2");
	program_expect(&run, 0, "\033[?7l\033[H", NULL);
	program_expect(&run, 0, "\033[?7h", NULL); /* long lines wrap again, for whatever comes next */
	program_expect(&run, 0, ", every 10 ms\033[K\n", NULL);
	program_expect(&run, 0, "\033[J", NULL);
	program_free(&run);
	expect_dump(2, "", "--watch wants seconds", "--watch", "0");
	expect_dump(2, "", "--watch wants seconds", "--watch", "soon");
}

static int remove_and_make_anew(unsigned index, void *context)
{
	struct shmq_segment *segment;
	struct counter *done = context;

	(void)index;
	usleep(100000);
	CHILD_RESULT(shmq_segment_remove(fixture_name()), 0);
	usleep(100000);
	CHILD_RESULT(shmq_segment_create(&segment, fixture_name(), NULL), 0);
	CHILD_RESULT(shmq_component_register(segment, "reborn", NULL), 0);
	counter_await(done, 1, 10000);
	shmq_segment_close(segment);
	return 0;
}

Test(shm_dump_rows, follows_a_host_that_is_started_again)
{
	struct counter *done = shared_alloc(sizeof(*done));
	struct program_run run;
	pid_t pid;

	three_tenants();
	pid = process_start(remove_and_make_anew, 0, done);
	run = run_dump("--watch", "0.05", "--times", "12", "--no-header", "-o", "component", "-n", "1");
	counter_set(done, 1);
	cr_assert_eq(process_join(pid, 5000), 0);
	program_expect(&run, 0, "alice\n", "cannot open ");
	program_expect(&run, 0, "reborn\n", NULL);
	program_free(&run);
	shared_free(done, sizeof(*done));
}

/* ---- Copies ------------------------------------------------------------------------------------------------------ */

static void copy_object(const char *folder, const char *object)
{
	char from[NAME_SIZE], to[NAME_SIZE + 32], block[65536];
	size_t length;
	FILE *in, *out;

	name_object(from, fixture_name(), object);
	snprintf(to, sizeof(to), "%s/copy.%s", folder, object);
	in = fopen(from, "r");
	out = fopen(to, "w");
	cr_assert(in && out);
	while ((length = fread(block, 1, sizeof(block), in)) > 0)
		cr_assert_eq(fwrite(block, 1, length, out), length);
	fclose(in);
	cr_assert_eq(fclose(out), 0);
}

Test(shm_dump_rows, reads_a_copy_on_a_disk)
{
	char folder[] = "/tmp/shmq-test-copy-XXXXXX", name[64], path[96];
	struct shmq_segment *segment = three_tenants();
	const char *const objects[] = {"policy", "usage"};

	cr_assert_not_null(mkdtemp(folder));
	for (int i = 0; i < 2; i++)
		copy_object(folder, objects[i]);
	expect_result(shmq_component_unregister(segment, "alice"), 0);
	snprintf(name, sizeof(name), "%s/copy", folder);
	expect_program(0, "\nalice      messages       900", "", SHM_DUMP, name);
	expect_program(0, "tracker", "", SHM_DUMP, "--raw", name);
	expect_program(0, "\"name\":\"alice\"", "", SHM_DUMP, "-j", name);
	snprintf(path, sizeof(path), "%s/copy.usage", folder);
	expect_program(0, "\nalice      messages       900", "", SHM_DUMP, path);
	cr_assert_eq(chdir(folder), 0);
	expect_program(0, "\nalice      messages       900", "", SHM_DUMP, "./copy");
	unlink("copy.policy");
	expect_program(3, "", "cannot open ./copy", SHM_DUMP, "./copy");
	unlink("copy.usage");
	rmdir(folder);
}
