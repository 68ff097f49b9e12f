/* SPDX-License-Identifier: MIT */
/*
 * How long it takes until a death is mended, and what controllers do in a second.
 *
 * These happen once, not millions of times: each round makes every one of them happen, with processes that are killed
 * at a chosen place, and what is shown are the median and the worst over the rounds.
 */
#include "program.h"
#include "recovery.h"

#include <argp.h>
#include <jansson.h>
#include <stdio.h>

#include <shmquota.h>

#define ROUNDS_MIN 20
#define ROUNDS_MAX 1000
#define NS_PER_US 1e3

struct line {
	const char *key, *name;
	double bound_us; /* 0: no target */
};

static const struct line lines[RECOVERY_LINES] = {
    [LINE_RECOVER_1] = {"recover_1", "housekeep: a dead worker held 1", 0},
    [LINE_RECOVER_100] = {"recover_100", "housekeep: a dead worker held 100", 0},
    [LINE_RECOVER_1000] = {"recover_1000", "housekeep: a dead worker held 1,000", 5000},
    [LINE_RECOVER_4000] = {"recover_4000", "housekeep: a dead worker held 4,000", 0},
    [LINE_HOUSEKEEP_256] = {"housekeep_256", "housekeep: nothing to do, 256 slots", 0},
    [LINE_HOUSEKEEP_256_LIVE] = {"housekeep_256_live", "housekeep: 255 of 256 slots of the living", 0},
    [LINE_HOUSEKEEP_8191] = {"housekeep_8191", "housekeep: nothing to do, 8,191 slots", 0},
    [LINE_GRACE_FROM_DEATH] = {"grace_from_death", "grace period over, after its reader's death", 5000},
    [LINE_GRACE_FROM_KILL] = {"grace_from_kill", "grace period over, after the SIGKILL", 0},
    [LINE_REGISTER_1000] = {"register_1000", "register a component, among 1,000", 0},
    [LINE_REGISTER_10000] = {"register_10000", "register a component, among 10,000", 0},
    [LINE_UNREGISTER_1000] = {"unregister_1000", "unregister a component, among 1,000", 0},
    [LINE_UNREGISTER_10000] = {"unregister_10000", "unregister a component, among 10,000", 0},
    [LINE_PUBLISH_FIRST_1000] = {"publish_first_1000", "publish 1,000 components, all new", 0},
    [LINE_PUBLISH_FIRST_10000] = {"publish_first_10000", "publish 10,000 components, all new", 0},
    [LINE_PUBLISH_1000] = {"publish_1000", "publish 1,000 components again", 0},
    [LINE_PUBLISH_10000] = {"publish_10000", "publish 10,000 components again", 0},
    [LINE_CONTROLLER_1000] = {"controller_1000", "register after a controller's death, 1,000", 0},
    [LINE_CONTROLLER_10000] = {"controller_10000", "register after a controller's death, 10,000", 0},
};

struct arguments {
	struct program_output output;
	unsigned rounds;
};

/* ---- Report ------------------------------------------------------------------------------------------------------ */

static bool is_met(const struct line *line, const struct bench_figure *figure)
{
	return line->bound_us == 0 || figure->max <= line->bound_us * NS_PER_US;
}

static void show_text(const struct bench_figure figures[], const struct arguments *arguments)
{
	printf("shmquota %s; %u rounds; microseconds\n\n%-46s %10s %10s %10s\n", shmq_version(), arguments->rounds, "",
	       "median", "min", "max");
	for (int i = 0; i < RECOVERY_LINES; i++) {
		const struct line *line = &lines[i];

		printf("  %-44s %10.2f %10.2f %10.2f", line->name, figures[i].median / NS_PER_US,
		       figures[i].min / NS_PER_US, figures[i].max / NS_PER_US);
		if (arguments->output.is_check && line->bound_us > 0)
			printf("  at most %.0f: %s", line->bound_us, is_met(line, &figures[i]) ? "met" : "MISSED");
		putchar('\n');
	}
}

static int show_json(const struct bench_figure figures[], const struct arguments *arguments)
{
	json_t *cases = json_array();

	for (int i = 0; i < RECOVERY_LINES; i++) {
		json_t *value =
		    json_pack("{s:s, s:s, s:f, s:f, s:f}", "case", lines[i].key, "description", lines[i].name,
		              "median_ns", figures[i].median, "min_ns", figures[i].min, "max_ns", figures[i].max);

		if (arguments->output.is_check && lines[i].bound_us > 0) {
			json_object_set_new(value, "at_most_ns", json_real(lines[i].bound_us * NS_PER_US));
			json_object_set_new(value, "met", json_boolean(is_met(&lines[i], &figures[i])));
		}
		json_array_append_new(cases, value);
	}
	return report_write_json(
	    json_pack("{s:s, s:i, s:o}", "version", shmq_version(), "rounds", (int)arguments->rounds, "cases", cases));
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
    {"rounds", 'r', "N", 0, "Let everything happen N times, 20 or more (50)", 0},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->output;
		return 0;
	case 'r':
		arguments->rounds = program_number(state, text, ROUNDS_MIN, ROUNDS_MAX);
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
    .doc = "Measure how long it takes until the death of a worker or of a controller is mended. Targets are for the "
	   "worst of all rounds.\v" PROGRAM_EXIT_STATUS "\n\nExample: bench_recovery --rounds 100 --check",
};

/* Fills a column of samples for each line. Returns 0 or -1. */
static int measure(double (*ns)[ROUNDS_MAX], unsigned rounds)
{
	double row[RECOVERY_LINES];

	if (workers_setup() < 0 || controllers_setup() < 0)
		return -1;
	for (unsigned round = 0; round < rounds; round++) {
		if (workers_round(row) < 0 || controllers_round(row) < 0)
			return -1;
		for (int i = 0; i < RECOVERY_LINES; i++)
			ns[i][round] = row[i];
	}
	return 0;
}

int main(int argc, char *argv[])
{
	static double ns[RECOVERY_LINES][ROUNDS_MAX];
	struct arguments arguments = {.rounds = 50};
	struct bench_figure figures[RECOVERY_LINES];
	bool met = true;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (measure(ns, arguments.rounds) < 0)
		return 2;
	for (int i = 0; i < RECOVERY_LINES; i++) {
		figures[i] = bench_summarize(ns[i], arguments.rounds);
		met &= is_met(&lines[i], &figures[i]);
	}
	if (!arguments.output.is_json)
		show_text(figures, &arguments);
	else if (show_json(figures, &arguments) < 0)
		return 2;
	return met || !arguments.output.is_check ? 0 : 1;
}
