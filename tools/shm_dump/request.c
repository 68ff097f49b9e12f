/* SPDX-License-Identifier: MIT */
/*
 * The command line of shm-dump. Its help lists the columns from the table of counters.
 */
#include "request.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complete.h"
#include "failure.h"
#include "nearest.h"

enum { OPTION_NDJSON = 256, OPTION_FILTER, OPTION_NO_HEADER, OPTION_WATCH, OPTION_TIMES };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is shown:", 1},
    {"raw", 'r', NULL, 0, "Every field with its offset in memory", 1},
    {"workers", 'w', NULL, 0, "Every worker, however many there are", 1},
    {"policy", 'p', NULL, 0, "The limits in force, a line for each component", 1},
    {"events", 'e', NULL, 0, "What the segment remembers: refusals, warnings, changes; oldest first", 1},
    {NULL, 0, NULL, 0, "Which components and rows:", 2},
    {"component", 'c', "COMPONENT", 0, "This component only; may be given several times", 2},
    {"include", 'I', "GLOB", 0, "Components whose names match; may be given several times", 2},
    {"exclude", 'X', "GLOB", 0, "No components whose names match; wins over -I", 2},
    {"filter", OPTION_FILTER, "TERMS", 0, "Rows that meet all terms, such as 'used_pct>80 AND resource=cpu'", 2},
    {"sort", 's', "[-]COLUMN", 0, "In this order; with a minus the largest first", 2},
    {"lines", 'n', "N", 0, "The first N rows only; the last N events", 2},
    {NULL, 0, NULL, 0, "How:", 3},
    {"columns", 'o', "COLUMN,...", 0, "These columns", 3},
    {"bytes", 'b', NULL, 0, "Exact figures: bytes, microseconds, nanoseconds", 3},
    {"no-header", OPTION_NO_HEADER, NULL, 0, "Rows only, for scripts", 3},
    {"json", 'j', NULL, 0, "One JSON document with exact figures", 3},
    {"ndjson", OPTION_NDJSON, NULL, 0, "One JSON value a line: a row, a worker, a field", 3},
    {"watch", OPTION_WATCH, "SECONDS", 0, "Again and again", 3},
    {"times", OPTION_TIMES, "N", 0, "With --watch: end after N times", 3},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, -1},
    {0},
};

static const char doc_head[] =
    "Show a quota segment: its state, its workers, and what each component uses of its limits."
    "\v"
    "NAME is the segment's name: /NAME, NAME, or a path on a tmpfs; of a copy that was saved of a segment's two "
    "files (X.policy, X.usage) it is the path without the ending, such as ./X. Without it, the only segment of this "
    "machine is shown, or the list where there are several. Nothing is changed and nobody is blocked.\n"
    "\n"
    "A row turns to 'warning' at 80 % of its limit and to 'critical' at 95 %, unless its quota says otherwise. Amounts "
    "are in powers of 1024 and "
    "rounded down; -b and --json have them exactly. In a pipe every row carries its component's name.\n"
    "\n"
    "Columns, for -o, --sort and --filter:\n";

static const char doc_tail[] = "\n"
			       "Examples:\n"
			       "  shm-dump                           the only segment, or a list\n"
			       "  shm-dump /prefork -c alice         one component\n"
			       "  shm-dump -s -used_pct -n 10 prefork  the ten rows nearest to their limits\n"
			       "  shm-dump --filter 'denied>0 AND resource=messages' prefork\n"
			       "  shm-dump --no-header -b -o component,resource,used prefork | awk '...'\n"
			       "  shm-dump --watch 2 -I 'shop-*' prefork\n"
			       "  shm-dump -j prefork | jq '.components[].name'\n"
			       "\n"
			       "Environment: NO_COLOR switches colour off, COLUMNS sets the width of a terminal.\n"
			       "\n" EXIT_CODES_HELP;

static void set_view(struct request *request, enum dump_view view, struct argp_state *state)
{
	if (request->view != VIEW_USAGE && request->view != view)
		argp_error(state, "--raw, --workers, --policy and --events exclude each other");
	request->view = view;
}

static void no_column(const char *name, const char *what_for, struct argp_state *state)
{
	struct nearest nearest = nearest_to(name);
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);

	for (size_t i = 0; i < count; i++) {
		nearest_offer(&nearest, counters[i].name);
		if (counters[i].alias)
			nearest_offer(&nearest, counters[i].alias);
	}
	if (*nearest.best)
		argp_error(state, "there is no column '%s'%s; did you mean '%s'?", name, what_for, nearest.best);
	else
		argp_error(state, "there is no column '%s'%s; shm-dump --help lists them", name, what_for);
}

static void set_order(struct request *request, const char *key, struct argp_state *state)
{
	request->descending = *key == '-';
	key += *key == '-' || *key == '+';
	request->order = counter_find(SCOPE_RESOURCE, key);
	if (!request->order)
		no_column(key, " to sort by", state);
}

static unsigned long parse_count(const char *text, const char *option, struct argp_state *state)
{
	char *end;
	unsigned long count;

	errno = 0;
	count = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || count == 0)
		argp_error(state, "%s wants a number above 0, not '%s'", option, text);
	return count;
}

static void set_watch(struct request *request, const char *text, struct argp_state *state)
{
	if (shmq_parse_duration(&request->watch_ns, text) != 0 || request->watch_ns < 10000000)
		argp_error(state, "--watch wants seconds, at least 0.01, or a duration such as 500ms, not '%s'", text);
}

static error_t parse_choice(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;
	char why[256];

	switch (key) {
	case 'c':
		request->wanted[request->wanted_count++] = argument;
		return 0;
	case 'I':
		request->include[request->include_count++] = argument;
		return 0;
	case 'X':
		request->exclude[request->exclude_count++] = argument;
		return 0;
	case OPTION_FILTER:
		if (!filter_add(&request->filter, argument, why, sizeof(why)))
			argp_error(state, "--filter: %s", why);
		return 0;
	case 's':
		set_order(request, argument, state);
		return 0;
	case 'n':
		request->most = parse_count(argument, "--lines", state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_manner(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'o':
		request->list = argument;
		return 0;
	case 'b':
		request->exact = true;
		return 0;
	case OPTION_NO_HEADER:
		request->has_header = false;
		return 0;
	case 'j':
		request->format = FORMAT_JSON;
		return 0;
	case OPTION_NDJSON:
		request->format = FORMAT_NDJSON;
		return 0;
	case OPTION_WATCH:
		set_watch(request, argument, state);
		return 0;
	case OPTION_TIMES:
		request->times = parse_count(argument, "--times", state);
		return 0;
	default:
		return parse_choice(key, argument, state);
	}
}

/* What can be judged only when all options are known. */
static void check_request(struct request *request, struct argp_state *state)
{
	bool names = request->wanted_count + request->include_count + request->exclude_count > 0;
	bool rows = request->filter.count > 0 || request->order || request->most > 0;
	struct manner manner = {.exact = request->exact};
	const char *wrong;
	char name[64];

	if ((request->view == VIEW_RAW || request->view == VIEW_WORKERS) && (names || rows))
		argp_error(state, "%s shows all there are; it cannot be combined with a choice of components",
		           request->view == VIEW_RAW ? "--raw" : "--workers");
	if (request->view == VIEW_POLICY && rows)
		argp_error(state, "--policy takes components (-c, -I, -X), but no filter, order or number of rows");
	if (request->view == VIEW_EVENTS && (request->filter.count > 0 || request->order))
		argp_error(state,
		           "--events takes components (-c, -I, -X) and a number of them, but no filter and no order");
	if (request->list && (request->view != VIEW_USAGE || request->format != FORMAT_TEXT))
		argp_error(state, "-o is for the table of components");
	if (request->times && !request->watch_ns)
		argp_error(state, "--times is for --watch");
	if (!request->list)
		return;
	request->columns = columns_parse(request->column, request->list, &manner, &wrong);
	if (request->columns == 0) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(wrong, ","), wrong);
		no_column(name, "", state);
	}
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct request *request = state->input;

	switch (key) {
	case 'r':
		set_view(request, VIEW_RAW, state);
		return 0;
	case 'w':
		set_view(request, VIEW_WORKERS, state);
		return 0;
	case 'p':
		set_view(request, VIEW_POLICY, state);
		return 0;
	case 'e':
		set_view(request, VIEW_EVENTS, state);
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
		check_request(request, state);
		return 0;
	default:
		return parse_manner(key, argument, state);
	}
}

#define ARGUMENTS "[NAME]"

void request_complete(int count, char **words)
{
	static char nothing[] = "";

	complete(&(struct command_line){
	    .options = options,
	    .arguments = ARGUMENTS,
	    .words = count > 0 ? words : (char *[]){nothing},
	    .count = count > 0 ? (size_t)count : 1,
	});
}

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "shm-dump (shmquota) %s\n", shmq_version());
}

static char *make_doc(void)
{
	char *doc = NULL;
	size_t size;
	FILE *stream = open_memstream(&doc, &size);

	if (!stream)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	fputs(doc_head, stream);
	columns_help(stream);
	fputs(doc_tail, stream);
	fclose(stream);
	return doc;
}

void request_parse(struct request *out, int argc, char **argv)
{
	struct argp argp = {.options = options, .parser = parse_option, .args_doc = ARGUMENTS};
	char *doc = make_doc();

	*out = (struct request){.has_header = true};
	out->wanted = calloc((size_t)argc, sizeof(*out->wanted));
	out->include = calloc((size_t)argc, sizeof(*out->include));
	out->exclude = calloc((size_t)argc, sizeof(*out->exclude));
	if (!out->wanted || !out->include || !out->exclude)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	argp_program_version_hook = print_version;
	argp_err_exit_status = EXIT_USAGE;
	argp.doc = doc;
	argp_parse(&argp, argc, argv, 0, NULL, out);
	free(doc);
}

void request_free(struct request *request)
{
	free(request->wanted);
	free(request->include);
	free(request->exclude);
}
