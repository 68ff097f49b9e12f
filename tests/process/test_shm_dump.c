/* SPDX-License-Identifier: MIT */
/*
 * shm-dump as an operator meets it: live, idle, crashed and damaged segments, in pipes and on terminals, as JSON.
 */
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/process.h"
#include "../support/shared.h"
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(shm_dump, FIXTURE);

/* Run shm-dump on the fixture's segment, in pipes. */
#define expect_dump(status, out, err, ...) expect_program(status, out, err, SHM_DUMP, fixture_name(), __VA_ARGS__)

static struct program_run dump_on_terminal(unsigned columns, const char *environment)
{
	struct program_setting setting = {.terminal = true, .columns = columns, .environment = environment};

	return program_run(&setting, SHM_DUMP, fixture_name());
}

/* The fixture's segment with one component at 37, 80, 95 and 100 percent, and without a limit. */
static struct shmq_component *tenant_near_its_limits(void)
{
	struct shmq_quota quota = quota_periodic(1000, SHMQ_PERIOD_MAX_NS);
	struct shmq_component *tenant;

	quota.limit[SHMQ_MEMORY] = SHMQ_UNLIMITED;
	tenant = fixture_tenant(&quota);
	expect_result(shmq_try_consume(tenant, SHMQ_STORAGE, 370, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_MESSAGES, 800, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_NETWORK, 950, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_CPU, 1000, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(tenant, SHMQ_CPU, 1, NULL), SHMQ_DENIED);
	expect_result(shmq_try_consume(tenant, SHMQ_MEMORY, 5 << 20, NULL), SHMQ_OK);
	return tenant;
}

static json_t *dump_as_json(const char *option, const char *value)
{
	struct program_run run = program_run(NULL, SHM_DUMP, "--json", fixture_name(), option, value);
	json_error_t error;
	json_t *document = json_loads(run.out, JSON_REJECT_DUPLICATES, &error);

	program_expect(&run, 0, NULL, NULL);
	cr_assert_not_null(document, "line %d: %s\n%s", error.line, error.text, run.out);
	program_free(&run);
	return document;
}

/* ---- What it shows ----------------------------------------------------------------------------------------------- */

Test(shm_dump, shows_every_resource_with_its_figures)
{
	tenant_near_its_limits();
	expect_dump(0, "State       live", NULL, NULL);
	expect_dump(0, "\ntenant     storage      370 B       1000 B   37.0     370 B        0\n", NULL, NULL);
	expect_dump(0, "\ntenant     messages       800    1000/366d   80.0       800        0", NULL, NULL);
	expect_dump(0, "\ntenant     network      950 B  1000 B/366d   95.0     950 B        0", NULL, NULL);
	expect_dump(0, "\ntenant     cpu           1 ms    1 ms/366d    100      1 ms        1", NULL, NULL);
	expect_dump(0, "\ntenant     memory       5 MiB            \u221e      -     5 MiB        0\n", NULL, NULL);
	expect_dump(0, "\n1 component: 1 critical, 0 warning, 1 operation denied so far\n", NULL, NULL);
}

Test(shm_dump, names_what_is_near_its_limit)
{
	struct program_run run;
	const char *line;

	tenant_near_its_limits();
	run = program_run(NULL, SHM_DUMP, fixture_name());
	line = strstr(run.out, "messages");
	cr_assert(line && strncmp(strchr(line, '\n') - 7, "warning", 7) == 0, "%s", run.out);
	line = strstr(run.out, "network ");
	cr_assert(line && strncmp(strchr(line, '\n') - 8, "critical", 8) == 0, "%s", run.out);
	line = strstr(run.out, "storage ");
	cr_assert(line && strcspn(line, "\n") < strcspn(line, "w"), "%s", run.out);
	program_free(&run);
}

Test(shm_dump, writes_exact_figures_as_json)
{
	json_t *document, *component, *resource;
	const char *schema;
	json_int_t version, used, limit, denied, available;
	double percentage;

	tenant_near_its_limits();
	document = dump_as_json(NULL, NULL);
	cr_assert_eq(json_unpack(document, "{s:s, s:i}", "schema", &schema, "version", &version), 0);
	cr_assert_str_eq(schema, "shmquota.dump");
	component = json_array_get(json_object_get(document, "components"), 0);
	cr_assert_str_eq(json_string_value(json_object_get(component, "name")), "tenant");
	resource = json_object_get(json_object_get(component, "resources"), "cpu");
	cr_assert_eq(json_unpack(resource, "{s:I, s:I, s:I, s:I, s:F}", "used", &used, "limit", &limit, "available",
	                         &available, "denied", &denied, "percentage", &percentage),
	             0);
	cr_assert(used == 1000 && limit == 1000 && available == 0 && denied == 1);
	cr_assert(percentage > 99.99 && percentage < 100.01);
	resource = json_object_get(json_object_get(component, "resources"), "memory");
	cr_assert_eq(json_integer_value(json_object_get(resource, "used")), 5 << 20);
	cr_assert(json_is_null(json_object_get(resource, "limit")));
	cr_assert(json_is_null(json_object_get(resource, "available")));
	json_decref(document);
}

Test(shm_dump, shows_only_the_components_asked_for)
{
	struct shmq_segment *segment = fixture_segment(NULL);
	json_t *document, *components;

	fixture_component(segment, "alice", NULL);
	fixture_component(segment, "bob", NULL);
	fixture_component(segment, "carol", NULL);
	expect_dump(0, "!alice", NULL, "--component", "bob");
	expect_dump(0, "\nbob", NULL, "-c", "bob", "-c", "carol");
	document = dump_as_json("--component", "carol");
	components = json_object_get(document, "components");
	cr_assert_eq(json_array_size(components), 1);
	cr_assert_str_eq(json_string_value(json_object_get(json_array_get(components, 0), "name")), "carol");
	json_decref(document);
}

Test(shm_dump, shows_every_field_with_its_offset)
{
	json_t *document, *fields;

	tenant_near_its_limits();
	expect_dump(0, "OBJECT        OFFSET  WIDTH  FIELD", NULL, "--raw");
	expect_dump(0, "\npolicy", NULL, "--raw");
	expect_dump(0, "\nusage", NULL, "--raw");
	expect_dump(0, "  entry[0].name                                 \"tenant\"\n", NULL, "--raw");
	document = dump_as_json("--raw", NULL);
	fields = json_object_get(document, "fields");
	cr_assert_gt(json_array_size(fields), 20);
	for (size_t i = 0; i < json_array_size(fields); i++)
		cr_assert(json_is_integer(json_object_get(json_array_get(fields, i), "offset")));
	json_decref(document);
}

Test(shm_dump, says_that_nothing_is_registered)
{
	fixture_segment(NULL);
	expect_dump(0, "No component is registered.\n", "", NULL);
}

Test(shm_dump, lists_the_segments_when_none_is_named)
{
	struct shmq_segment *second;
	char name[NAME_SIZE];

	fixture_segment(NULL);
	name_segment(name, "second");
	expect_result(shmq_segment_create(&second, name, NULL), 0);
	expect_program(0, fixture_name(), "'shm-dump NAME' shows one of them", SHM_DUMP);
	expect_program(0, name, NULL, SHM_DUMP);
	expect_program(0, "\"schema\":\"shmquota.segments\"", NULL, SHM_DUMP, "--json");
	expect_program(2, "", "say which", SHM_DUMP, "--raw");
	shmq_segment_close(second);
}

Test(shm_dump, takes_names_as_people_type_them)
{
	char path[NAME_SIZE];

	fixture_segment(NULL);
	name_object(path, fixture_name(), "usage");
	expect_program(0, fixture_name(), "", SHM_DUMP, fixture_name() + 1);
	expect_program(0, "State", "", SHM_DUMP, path);
}

/* ---- In which states --------------------------------------------------------------------------------------------- */

struct host {
	struct counter ready;
	char name[NAME_SIZE];
};

/* A host that creates a segment, uses it and then hangs until it is killed. */
static int hang_as_host(unsigned index, void *context)
{
	struct host *host = context;
	struct shmq_segment *segment;
	struct shmq_component *tenant;

	(void)index;
	CHILD_RESULT(shmq_segment_create(&segment, host->name, NULL), 0);
	CHILD_RESULT(shmq_component_register(segment, "tenant", NULL), 0);
	CHILD_RESULT(shmq_component_find(&tenant, segment, "tenant"), 0);
	CHILD_RESULT(shmq_try_consume(tenant, SHMQ_STORAGE, 3 << 20, NULL), SHMQ_OK);
	counter_set(&host->ready, 1);
	for (;;)
		pause();
}

/* Start the host and wait until it works. */
static pid_t start_host(struct host *host)
{
	pid_t pid;

	strcpy(host->name, fixture_name());
	pid = process_start(hang_as_host, 0, host);
	cr_assert(counter_await(&host->ready, 1, 5000));
	return pid;
}

Test(shm_dump, reads_the_segment_of_a_killed_host)
{
	struct host *host = shared_alloc(sizeof(*host));
	pid_t pid = start_host(host);

	expect_dump(0, "1 alive, 256 slots", "", NULL);
	process_kill(pid);
	expect_dump(0, "State       crashed", "", NULL);
	expect_dump(0, "0 alive, 1 dead", "", NULL);
	expect_dump(0, "storage      3 MiB", "", NULL);
	expect_dump(0, "which has ended", "", NULL);
	expect_program(0, "crashed", NULL, SHMQUOTA, "list");
	shared_free(host, sizeof(*host));
}

Test(shm_dump, is_not_held_up_by_a_stopped_host)
{
	struct host *host = shared_alloc(sizeof(*host));
	pid_t pid = start_host(host);

	cr_assert(process_stop(pid));
	expect_dump(0, "storage      3 MiB", "", NULL);
	process_kill(pid);
	shared_free(host, sizeof(*host));
}

static uint64_t checksum_of(const char *object)
{
	uint64_t sum = 14695981039346656037U;
	char path[NAME_SIZE];
	FILE *file;
	int byte;

	name_object(path, fixture_name(), object);
	file = fopen(path, "r");
	cr_assert_not_null(file);
	while ((byte = getc(file)) != EOF)
		sum = (sum ^ (uint64_t)byte) * 1099511628211U;
	fclose(file);
	return sum;
}

Test(shm_dump, changes_nothing)
{
	uint64_t policy, usage;

	tenant_near_its_limits();
	policy = checksum_of("policy");
	usage = checksum_of("usage");
	expect_dump(0, "tenant", "", NULL);
	expect_dump(0, "tenant", "", "--json");
	expect_dump(0, "tracker", "", "--raw");
	expect_figure(checksum_of("policy"), policy);
	expect_figure(checksum_of("usage"), usage);
}

Test(shm_dump, shows_ten_thousand_components_line_by_line)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	struct program_run run;
	char name[32];
	size_t rows = 0;

	options.components = 10000;
	segment = fixture_segment(&options);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "tenant-%d", i);
		expect_result(shmq_component_register(segment, name, NULL), 0);
	}
	run = program_run(NULL, SHM_DUMP, fixture_name());
	program_expect(&run, 0, "\n10000 components: 0 critical", "");
	/* Not strstr(): under a sanitizer it looks at the whole rest each time. */
	for (const char *at = run.out; *at; at++)
		rows += at[0] == '\n' && strncmp(at + 1, "tenant-", 7) == 0;
	cr_assert_eq(rows, 50000);
	program_free(&run);
}

/* ---- On a terminal ----------------------------------------------------------------------------------------------- */

Test(shm_dump, uses_colour_on_a_terminal_only)
{
	struct program_run run;

	tenant_near_its_limits();
	expect_dump(0, "!\033", "", NULL);
	run = dump_on_terminal(80, NULL);
	program_expect(&run, 0, "\033[33mwarning\033[0m", "");
	program_expect(&run, 0, "\033[1;31mcritical\033[0m", "");
	program_free(&run);
	run = dump_on_terminal(80, "NO_COLOR=1");
	program_expect(&run, 0, "!\033", "");
	program_free(&run);
	run = dump_on_terminal(80, "TERM=dumb");
	program_expect(&run, 0, "!\033", "");
	program_free(&run);
}

Test(shm_dump, writes_a_name_once_on_a_terminal_and_in_every_row_of_a_pipe)
{
	struct program_run run;

	tenant_near_its_limits();
	run = dump_on_terminal(80, "NO_COLOR=1");
	program_expect(&run, 0, "\ntenant     storage", NULL);
	program_expect(&run, 0, "!\ntenant     messages", NULL);
	program_expect(&run, 0, "\n           messages", NULL);
	program_free(&run);
	expect_dump(0, "\ntenant     messages", NULL, NULL);
}

Test(shm_dump, fits_its_table_to_the_terminal)
{
	struct shmq_segment *segment = fixture_segment(NULL);

	fixture_component(segment, "a-component-with-a-long-name-that-does-not-fit.example.org", NULL);
	for (unsigned columns = 45; columns <= 120; columns += 5) {
		struct program_run run = dump_on_terminal(columns, "NO_COLOR=1");
		const char *line = strstr(run.out, "RESOURCE");

		cr_assert_not_null(line);
		while (*line) {
			size_t length = strcspn(line, "\n");
			/* The ellipsis takes three bytes and one column. */
			size_t spare = memmem(line, length, "\u2026", 3) ? 2 : 0;

			cr_assert_leq(length - spare, columns > 70 ? columns : 70, "%.*s", (int)length, line);
			line += length + 1;
		}
		program_free(&run);
	}
}

Test(shm_dump, leaves_out_what_does_not_fit_on_forty_columns)
{
	struct program_run run;
	const char *titles;

	tenant_near_its_limits();
	run = dump_on_terminal(40, "NO_COLOR=1");
	titles = strstr(run.out, "\n  RESOURCE ");
	cr_assert_not_null(titles, "%s", run.out);
	cr_assert_leq(strcspn(titles + 1, "\n"), 40, "%s", titles);
	program_free(&run);
}

static size_t bytes_before(const char *line, const char *text)
{
	const char *found = strstr(line, text);

	cr_assert_not_null(found, "%s", line);
	return (size_t)(found - line);
}

Test(shm_dump, aligns_names_by_what_they_take_on_screen)
{
	static const char wide[] = "\u65e5\u672c\u8a9e"; /* three characters, nine bytes, six columns */
	struct shmq_segment *segment = fixture_segment(NULL);
	struct program_run run;

	fixture_component(segment, "latin-tenant", NULL);
	fixture_component(segment, wide, NULL);
	run = program_run(NULL, SHM_DUMP, fixture_name());
	expect_figure(bytes_before(strstr(run.out, "\nlatin-tenant") + 1, "storage"), 14);
	expect_figure(bytes_before(strstr(run.out, wide), "storage"), 14 + 9 - 6);
	program_free(&run);
}

Test(shm_dump, draws_plain_signs_without_a_utf8_locale)
{
	struct program_setting setting = {.environment = "LC_ALL=C"};
	struct program_run run;

	tenant_near_its_limits();
	run = program_run(&setting, SHM_DUMP, fixture_name());
	program_expect(&run, 0, "  unlimited      -", "");
	program_expect(&run, 0, "!\u221e", "");
	program_free(&run);
}

/* ---- When something is wrong ------------------------------------------------------------------------------------- */

Test(shm_dump, says_which_segment_is_missing)
{
	fixture_segment(NULL);
	expect_program(3, "", "cannot open /shmq-test-no-such-segment: ", SHM_DUMP, "shmq-test-no-such-segment");
}

Test(shm_dump, suggests_the_component_that_was_meant)
{
	fixture_tenant(NULL);
	expect_dump(3, "", "Did you mean \"tenant\"?", "-c", "tenannt");
	expect_dump(3, "", "cannot show component \"nobody\"", "-c", "nobody");
	expect_dump(1, "", "1 to 127 bytes of UTF-8", "-c", "");
}

Test(shm_dump, refuses_a_damaged_segment)
{
	char path[NAME_SIZE];
	int fd;

	fixture_segment(NULL);
	name_object(path, fixture_name(), "policy");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	cr_assert_eq(pwrite(fd, "not a magic number", 18, 0), 18);
	close(fd);
	expect_dump(4, "", "'shmquota remove ", NULL);
	expect_program(0, shmq_strerror(-EBADMSG), NULL, SHMQUOTA, "list");
	expect_program(0, "removed ", "", SHMQUOTA, "remove", fixture_name());
}

Test(shm_dump, refuses_a_truncated_segment)
{
	char path[NAME_SIZE];

	fixture_segment(NULL);
	fixture_close();
	name_object(path, fixture_name(), "usage");
	cr_assert_eq(truncate(path, 4096), 0);
	expect_dump(4, "", fixture_name(), NULL);
}

Test(shm_dump, tells_wrong_usage)
{
	expect_program(2, "", "one too many", SHM_DUMP, "/one", "/two");
	expect_program(2, "", "unrecognized option", SHM_DUMP, "--no-such-option");
	expect_program(2, "", "--raw", SHM_DUMP, "--raw", "-c", "x", "/one");
	expect_program(0, "Exit codes:", "", SHM_DUMP, "--help");
	expect_program(0, "Examples:", "", SHM_DUMP, "-h");
	expect_program(0, shmq_version(), "", SHM_DUMP, "--version");
}

Test(shm_dump, tells_when_the_output_could_not_be_written)
{
	struct program_setting setting = {.output = "/dev/full"};
	struct program_run run;

	fixture_tenant(NULL);
	run = program_run(&setting, SHM_DUMP, fixture_name());
	program_expect(&run, 1, NULL, "cannot write the output: No space left on device");
	program_free(&run);
}
