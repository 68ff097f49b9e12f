/* SPDX-License-Identifier: MIT */
/*
 * shm-dump: shows a segment. It maps it read-only and takes no lock, so it works on a live, an idle and a crashed
 * host's segment and can disturb nobody.
 *
 * Watching opens the segment anew each time, so it follows a host that is started again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "complete.h"
#include "failure.h"
#include "json.h"
#include "listing.h"
#include "request.h"
#include "units.h"

/* All components that were asked for must be there before anything is written. */
static int find_wanted(const struct request *request, struct shmq_segment *segment, const char *name)
{
	/* An event may be about a component that is gone. */
	for (size_t i = 0; request->view != VIEW_EVENTS && i < request->wanted_count; i++) {
		struct shmq_component *component;
		int result = shmq_component_find(&component, segment, request->wanted[i]);

		if (result < 0)
			return component_failed("show", request->wanted[i], segment, name, result);
		shmq_component_put(component);
	}
	return EXIT_DONE;
}

static void fill_selection(struct selection *out, const struct request *request, const struct dump *dump)
{
	*out = (struct selection){
	    .segment = dump->segment,
	    .capacity = dump->overview.info.components,
	    .wanted = request->wanted,
	    .wanted_count = request->wanted_count,
	    .include = request->include,
	    .include_count = request->include_count,
	    .exclude = request->exclude,
	    .exclude_count = request->exclude_count,
	    .filter = request->filter,
	    .order = request->order,
	    .descending = request->descending,
	    .most = request->most,
	};
}

/* Open a segment, write what was asked for to `out`, close it. */
/* A segment of this host is observed; a copy of one from elsewhere is examined as it is. */
static enum shmq_access access_to(const char *name)
{
	struct shmq_segment *segment;
	int result = shmq_segment_open(&segment, name, SHMQ_OBSERVE);

	if (result == 0)
		shmq_segment_close(segment);
	return result == -EUCLEAN || result == -EXDEV ? SHMQ_EXAMINE : SHMQ_OBSERVE;
}

static int dump_segment(const struct request *request, const char *name, FILE *out)
{
	struct style style = style_of(stdout);
	struct dump dump = {
	    .style = style,
	    .manner = {.exact = request->exact, .unicode = style.unicode},
	    .out = out,
	    .view = request->view,
	    .format = request->format,
	    .has_header = request->has_header,
	    .columns = request->columns,
	};
	int code = segment_open(&dump.segment, name, access_to(name));

	if (code != EXIT_DONE)
		return code;
	for (size_t i = 0; i < request->columns; i++)
		dump.column[i] = request->column[i];
	dump.overview = overview_read(dump.segment, name);
	fill_selection(&dump.selection, request, &dump);
	code = find_wanted(request, dump.segment, name);
	if (code == EXIT_DONE && dump.view != VIEW_EVENTS && selection_begin(&dump.selection) < 0)
		code = fail(EXIT_FAILED, NULL, "out of memory");
	if (code == EXIT_DONE)
		dump_show(&dump);
	selection_end(&dump.selection);
	shmq_segment_close(dump.segment);
	return code;
}

/* ---- Again and again --------------------------------------------------------------------------------------------- */

/*
 * Write as many lines as the terminal has, over those that stand there: a screen that is cleared first flickers. A line
 * that is too long is cut by the terminal, which is told so: wrapped it would push the first ones out.
 */
static void paint(const char *text, const struct request *request)
{
	struct winsize size = {.ws_row = 24};
	unsigned rows;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row > 2 ? size.ws_row - 2 : 1;
	printf("\033[?7l\033[H%s, every %s\033[K\n", time_label(realtime_ns()).text,
	       duration_label(request->watch_ns).text);
	for (unsigned row = 0; row < rows && *text; row++) {
		int length = 0;

		while (text[length] && text[length] != '\n')
			length++;
		printf("%.*s\033[K\n", length, text);
		text += length + (text[length] == '\n');
	}
	printf("\033[J\033[?7h");
	fflush(stdout);
}

static int paint_segment(const struct request *request, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int code;

	if (!out)
		return fail(EXIT_FAILED, NULL, "out of memory");
	code = dump_segment(request, name, out);
	fclose(out);
	if (code == EXIT_DONE)
		paint(text, request);
	free(text);
	return code;
}

/* A segment that was there at first and is not now may come back: its host is being started again. */
static int watch_segment(const struct request *request, const char *name)
{
	struct style style = style_of(stdout);
	struct timespec pause = {(time_t)(request->watch_ns / 1000000000), (long)(request->watch_ns % 1000000000)};
	bool paints = style.terminal && style.colour && request->format == FORMAT_TEXT;
	int code = EXIT_DONE;

	for (unsigned long i = 0; request->times == 0 || i < request->times; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		if (i > 0 && !paints && request->format == FORMAT_TEXT && request->has_header)
			printf("\n%s\n", time_label(realtime_ns()).text);
		if (i == 0 && paints)
			printf("\033[2J");
		code = paints ? paint_segment(request, name) : dump_segment(request, name, stdout);
		if (i == 0 && code != EXIT_DONE)
			return code;
		if (output_finish(EXIT_DONE) != EXIT_DONE)
			return EXIT_FAILED;
	}
	return code;
}

static int dump_or_watch(const struct request *request, const char *name)
{
	return request->watch_ns ? watch_segment(request, name) : dump_segment(request, name, stdout);
}

/* ---- Which segment ----------------------------------------------------------------------------------------------- */

/* Several segments, or none, and no name given. */
static int dump_list(const struct request *request, const struct segment_names *names)
{
	struct style style = style_of(stdout);
	bool plain = request->view == VIEW_USAGE && request->wanted_count == 0 && request->format != FORMAT_NDJSON &&
	             request->watch_ns == 0;

	if (!plain)
		return fail(EXIT_USAGE, "'shmquota list' shows the segments of this machine.",
		            names->count ? "there is more than one segment: say which" : "there is no segment");
	if (request->format == FORMAT_JSON) {
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
	return dump_or_watch(request, name);
}

static int dump_unnamed(const struct request *request)
{
	struct segment_names names = {0};
	int code;

	segment_names_find(&names);
	code = names.count == 1 ? dump_or_watch(request, names.name[0]) : dump_list(request, &names);
	segment_names_free(&names);
	return code;
}

int main(int argc, char **argv)
{
	struct request request;
	int code;

	if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0) {
		request_complete(argc - 2, argv + 2);
		return EXIT_DONE;
	}
	render_init();
	/* A dump of a large segment is hundreds of thousands of short rows. */
	setvbuf(stdout, NULL, _IOFBF, 1 << 18);
	request_parse(&request, argc, argv);
	code = output_finish(request.name ? dump_named(&request) : dump_unnamed(&request));
	request_free(&request);
	return code;
}
