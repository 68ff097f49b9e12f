/* SPDX-License-Identifier: MIT */
/*
 * shm-dump: shows a segment. It maps it read-only and takes no lock, so it works on a live, an idle and a crashed
 * host's segment and can disturb nobody.
 */
#include "dump.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "failure.h"
#include "json.h"
#include "listing.h"

struct request {
	const char *name;
	char **components;
	size_t component_count;
	bool json, raw, workers;
};

static const struct argp_option options[] = {
    {"component", 'c', "NAME", 0, "Show this component only; may be given several times", 0},
    {"json", 'j', NULL, 0, "Write one JSON document with exact figures", 0},
    {"raw", 'r', NULL, 0, "Show every field with its offset in memory", 0},
    {"workers", 'w', NULL, 0, "Show every worker, however many there are", 0},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, -1},
    {0},
};

static const char doc[] =
    "Show a quota segment: its state, its workers, and what each component uses of its limits."
    "\v"
    "NAME is the segment's name: /NAME, NAME, or a path on a tmpfs. Without it, the only segment of this machine is "
    "shown, or the list where there are several. Nothing is changed and nobody is blocked.\n"
    "\n"
    "A row turns to 'warning' at 80 % of its limit and to 'critical' at 95 %. Amounts are in powers of 1024 and "
    "rounded down; --json has them exactly. In a pipe every row carries its component's name.\n"
    "\n"
    "Examples:\n"
    "  shm-dump                          the only segment, or a list\n"
    "  shm-dump /prefork -c alice        one component\n"
    "  shm-dump prefork | grep critical  who is at the limit\n"
    "  watch shm-dump prefork            again every two seconds\n"
    "  shm-dump -j prefork | jq '.components[].name'\n"
    "\n"
    "Environment: NO_COLOR switches colour off, COLUMNS sets the width of a terminal.\n"
    "\n" EXIT_CODES_HELP;

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'c':
		request->components[request->component_count++] = argument;
		return 0;
	case 'j':
		request->json = true;
		return 0;
	case 'r':
		request->raw = true;
		return 0;
	case 'w':
		request->workers = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_ARG:
		if (request->name)
			argp_error(state, "one segment at a time, please: '%s' is one too many", argument);
		request->name = argument;
		return 0;
	case ARGP_KEY_END:
		if (request->raw && request->component_count)
			argp_error(state, "--raw shows all fields; it cannot be combined with --component");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "shm-dump (shmquota) %s\n", shmq_version());
}

/* All components that were asked for must be there before anything is written. */
static int find_wanted(const struct request *request, struct shmq_segment *segment, const char *name)
{
	for (size_t i = 0; i < request->component_count; i++) {
		struct shmq_component *component;
		int result = shmq_component_find(&component, segment, request->components[i]);

		if (result < 0)
			return component_failed("show", request->components[i], segment, name, result);
		shmq_component_put(component);
	}
	return EXIT_DONE;
}

static void show(const struct request *request, const struct dump *dump)
{
	if (request->raw && request->json) {
		dump_raw_json(dump);
	} else if (request->raw) {
		dump_raw(dump);
	} else if (request->json) {
		dump_json(dump);
	} else {
		dump_summary(dump);
		dump_components(dump);
	}
}

static int dump_segment(const struct request *request, const char *name)
{
	struct dump dump = {
	    .name = name,
	    .info = {.size = sizeof(dump.info)},
	    .style = style_of(stdout),
	    .all_workers = request->workers,
	    .wanted = request->components,
	    .wanted_count = request->component_count,
	};
	struct timespec now;
	int code = segment_open(&dump.segment, name, SHMQ_OBSERVE);

	if (code != EXIT_DONE)
		return code;
	clock_gettime(CLOCK_MONOTONIC, &now);
	dump.now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	shmq_segment_info(dump.segment, &dump.info);
	dump.workers = segment_workers(dump.segment, &dump.info);
	code = find_wanted(request, dump.segment, name);
	if (code == EXIT_DONE)
		show(request, &dump);
	shmq_segment_close(dump.segment);
	return code;
}

/* Several segments, or none, and no name given. */
static int dump_list(const struct request *request, const struct segment_names *names)
{
	struct style style = style_of(stdout);

	if (request->raw || request->component_count)
		return fail(EXIT_USAGE, "'shmquota list' shows the segments of this machine.",
		            names->count ? "there is more than one segment: say which" : "there is no segment");
	if (request->json) {
		listing_json(stdout, names);
		return EXIT_DONE;
	}
	if (names->count == 0)
		return fail(
		    EXIT_NOT_FOUND,
		    "A host makes one when it starts, or 'shmquota create POLICY.ini'; one at a path of its own "
		    "has to be named.",
		    "there is no segment in " SEGMENT_FOLDER);
	listing_text(stdout, &style, names);
	fprintf(stderr, "\n'shm-dump NAME' shows one of them.\n");
	return EXIT_DONE;
}

static int dump_named(const struct request *request)
{
	char name[SEGMENT_PATH_MAX];

	if (!segment_name_typed(name, sizeof(name), request->name))
		return segment_failed("open", request->name, -EINVAL);
	return dump_segment(request, name);
}

static int dump_unnamed(const struct request *request)
{
	struct segment_names names = {0};
	int code;

	segment_names_find(&names);
	code = names.count == 1 ? dump_segment(request, names.name[0]) : dump_list(request, &names);
	segment_names_free(&names);
	return code;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {.options = options, .parser = parse_option, .args_doc = "[NAME]", .doc = doc};
	struct request request = {0};
	int code;

	render_init();
	argp_program_version_hook = print_version;
	argp_err_exit_status = EXIT_USAGE;
	/* A dump of a large segment is hundreds of thousands of short rows. */
	setvbuf(stdout, NULL, _IOFBF, 1 << 18);
	request.components = calloc((size_t)argc, sizeof(*request.components));
	if (!request.components)
		return fail(EXIT_FAILED, NULL, "out of memory");
	argp_parse(&argp, argc, argv, 0, NULL, &request);
	code = output_finish(request.name ? dump_named(&request) : dump_unnamed(&request));
	free(request.components);
	return code;
}
