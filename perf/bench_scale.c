/* SPDX-License-Identifier: MIT */
/*
 * A million components in one segment, and thousands of threads at one: what each step costs, and how fast this machine
 * could be at most, by loops that do nothing but read memory in the same pattern.
 */
#include "program.h"
#include "scale.h"

#include <jansson.h>
#include <stdio.h>

#include <shmquota.h>

#define COMPONENTS_MAX 4000000

/* What a figure is of. */
enum unit { UNIT_NS, UNIT_US, UNIT_MS, UNIT_BYTES };

static const struct {
	const char *key, *name;
	enum unit unit;
	double bound; /* 0: no target */
} lines[SCALE_LINES] = {
    [LINE_CREATE] = {"create", "create the segment", UNIT_MS, 0},
    [LINE_SHARED_BYTES] = {"shared_bytes", "shared memory, a component", UNIT_BYTES, 1024},
    [LINE_REGISTER] = {"register", "register all, one by one, each", UNIT_NS, 0},
    [LINE_FIRST_LOOKUP] = {"first_lookup", "a process's first lookup", UNIT_US, 0},
    [LINE_COLD_LOOKUP] = {"cold_lookup", "a process's first lookup of each name, each", UNIT_NS, 0},
    [LINE_PRIVATE_BYTES] = {"private_bytes", "private memory, a name looked up", UNIT_BYTES, 0},
    [LINE_READ] = {"read", "limit: read one of as many cache lines, random order", UNIT_NS, 0},
    [LINE_TWO_READS] = {"two_reads", "limit: read a word of a table, then the two lines it says", UNIT_NS, 0},
    [LINE_LOOKUP_HOT] = {"lookup_hot", "find and put, 256 of the names", UNIT_NS, 60},
    [LINE_LOOKUP_IN_ORDER] = {"lookup_in_order", "find and put, in the order of their first lookups", UNIT_NS, 150},
    [LINE_LOOKUP] = {"lookup", "find and put, all in random order", UNIT_NS, 150},
    [LINE_LOOKUP_TWO] = {"lookup_two", "the same while another process does it, too", UNIT_NS, 150},
    [LINE_LOOKUP_MANY] = {"lookup_many", "find 16 at once and put, random order, each", UNIT_NS, 150},
    [LINE_CONSUME] = {"consume", "try_consume, random components", UNIT_NS, 0},
    [LINE_STATUS] = {"status", "status of all, by id, each", UNIT_NS, 0},
    [LINE_VERIFY] = {"verify", "verify the segment", UNIT_MS, 0},
    [LINE_LOAD] = {"load", "load a policy that names all", UNIT_MS, 0},
    [LINE_PUBLISH_FIRST] = {"publish_first", "publish it", UNIT_MS, 0},
    [LINE_PUBLISH] = {"publish", "publish it again", UNIT_MS, 0},
    [LINE_PUBLISH_NONE] = {"publish_none", "publish one that names none: all end", UNIT_MS, 0},
    [LINE_RECLAIM] = {"reclaim", "reclaim all of them", UNIT_MS, 0},
    [LINE_ATTACH] = {"attach", "attach a thread, the 1st to the 4096th, each", UNIT_US, 0},
    [LINE_PUBLISH_256] = {"publish_256", "publish after a publish: a grace period, 256 threads", UNIT_US, 0},
    [LINE_PUBLISH_1024] = {"publish_1024", "the same, 1,024 threads", UNIT_US, 0},
    [LINE_PUBLISH_4096] = {"publish_4096", "the same, 4,096 threads", UNIT_US, 0},
    [LINE_HOUSEKEEP_256] = {"housekeep_256", "housekeep: is each alive? 256 threads", UNIT_MS, 0},
    [LINE_HOUSEKEEP_1024] = {"housekeep_1024", "the same, 1,024 threads", UNIT_MS, 0},
    [LINE_HOUSEKEEP_4096] = {"housekeep_4096", "the same, 4,096 threads", UNIT_MS, 0},
    [LINE_GRACE_BUSY] = {"grace_busy", "publish, while all 4,096 consume and sleep in turns", UNIT_US, 0},
};

static const double scales[] = {[UNIT_NS] = 1, [UNIT_US] = 1e3, [UNIT_MS] = 1e6, [UNIT_BYTES] = 1};
static const char *const units[] = {[UNIT_NS] = "ns", [UNIT_US] = "us", [UNIT_MS] = "ms", [UNIT_BYTES] = "bytes"};

struct arguments {
	struct program_output output;
	struct scale_settings settings;
};

static bool is_met(int line, const struct bench_figure *figure)
{
	return lines[line].bound == 0 || figure->median <= lines[line].bound * scales[lines[line].unit];
}

static void show_text(const struct bench_figure figures[], const struct arguments *arguments)
{
	printf("shmquota %s; %u components; %u rounds\n\n%-64s %10s %10s %10s\n", shmq_version(),
	       arguments->settings.components, arguments->settings.rounds, "", "median", "min", "max");
	for (int i = 0; i < SCALE_LINES; i++) {
		double scale = scales[lines[i].unit];

		printf("  %-56s %5s %10.1f %10.1f %10.1f", lines[i].name, units[lines[i].unit],
		       figures[i].median / scale, figures[i].min / scale, figures[i].max / scale);
		if (arguments->output.is_check && lines[i].bound > 0)
			printf("  at most %.0f: %s", lines[i].bound, is_met(i, &figures[i]) ? "met" : "MISSED");
		putchar('\n');
	}
}

static int show_json(const struct bench_figure figures[], const struct arguments *arguments)
{
	json_t *cases = json_array(), *targets = json_array();

	for (int i = 0; i < SCALE_LINES; i++) {
		double scale = scales[lines[i].unit];

		json_array_append_new(cases, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f}", "case", lines[i].key,
		                                       "description", lines[i].name, "unit", units[lines[i].unit],
		                                       "median", figures[i].median / scale, "min",
		                                       figures[i].min / scale, "max", figures[i].max / scale));
		if (lines[i].bound > 0)
			json_array_append_new(targets,
			                      json_pack("{s:s, s:f, s:f, s:b}", "target", lines[i].name, "at_most",
			                                lines[i].bound, "figure", figures[i].median / scale, "met",
			                                is_met(i, &figures[i])));
	}
	return report_write_json(json_pack("{s:s, s:i, s:i, s:o, s:o}", "version", shmq_version(), "rounds",
	                                   (int)arguments->settings.rounds, "components",
	                                   (int)arguments->settings.components, "cases", cases, "targets", targets));
}

enum { OPTION_COMPONENTS = 256, OPTION_FOLDER, OPTION_HUGEPAGES };

static const struct argp_option options[] = {
    {"components", OPTION_COMPONENTS, "N", 0, "Fill a segment with N components (1000000), about 1 KiB each", 0},
    {"rounds", 'r', "N", 0, "Repeat what can be repeated N times, 7 or more (11)", 0},
    {"folder", OPTION_FOLDER, "PATH", 0, "Make the segment on this tmpfs, such as one with huge=advise", 0},
    {"hugepages", OPTION_HUGEPAGES, NULL, 0, "Ask for huge pages", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->output;
		return 0;
	case OPTION_COMPONENTS:
		arguments->settings.components = program_number(state, text, 256, COMPONENTS_MAX);
		return 0;
	case 'r':
		arguments->settings.rounds = program_number(state, text, BENCH_ROUNDS_MIN, SCALE_ROUNDS_MAX);
		return 0;
	case OPTION_FOLDER:
		arguments->settings.folder = text;
		return 0;
	case OPTION_HUGEPAGES:
		arguments->settings.hugepages = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&program_output_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc =
	"Measure a segment with a million components, and one with 4096 threads attached. Takes a minute, a gigabyte "
	"of shared memory and half of one besides.\v" PROGRAM_EXIT_STATUS
	"\n\nExample: bench_scale --components 50000 --check",
};

int main(int argc, char *argv[])
{
	struct arguments arguments = {.settings = {.components = 1000000, .rounds = 11}};
	struct bench_figure figures[SCALE_LINES] = {0};
	bool met = true;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (scale_components(figures, &arguments.settings) < 0 || scale_threads(figures, &arguments.settings) < 0)
		return 2;
	for (int i = 0; i < SCALE_LINES; i++)
		met &= is_met(i, &figures[i]);
	if (!arguments.output.is_json)
		show_text(figures, &arguments);
	else if (show_json(figures, &arguments) < 0)
		return 2;
	return met || !arguments.output.is_check ? 0 : 1;
}
