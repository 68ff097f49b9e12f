/* SPDX-License-Identifier: MIT */
/*
 * shmquota show: a segment or its components, figure by figure, each with the line of the table of counters that says
 * what it is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "column.h"
#include "json.h"
#include "target.h"

#define NAMES_WIDTH 16
#define FIGURES_WIDTH 10

struct showing {
	struct style style;
	unsigned width[SHMQ_RESOURCES];
	struct manner manner;
	bool explain;
};

/* What a counter means besides its line, indented, broken at words. */
static void show_text(const struct showing *showing, const char *text, unsigned indent)
{
	unsigned width = showing->style.columns ? showing->style.columns : 100;
	unsigned column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > width) {
			putchar('\n');
			column = 0;
		}
		if (column == 0)
			column = indent +
			         (unsigned)printf("%*s%s%.*s", (int)indent, "", tint_begin(&showing->style, TINT_DIM),
			                          (int)length, text) -
			         indent;
		else
			column += (unsigned)printf(" %.*s", (int)length, text);
		text += length + (text[length] == ' ');
	}
	printf("%s\n", tint_end(&showing->style, TINT_DIM));
}

/* ---- A segment --------------------------------------------------------------------------------------------------- */

static void show_segment(const struct showing *showing, const struct overview *overview)
{
	struct subject subject = {overview, NULL};
	unsigned width = 0;
	size_t count;
	const struct counter *counters = counters_of(SCOPE_SEGMENT, &count);
	struct cell cell;

	for (size_t i = 0; i < count; i++) {
		unsigned taken = text_width(value_text(&cell, &counters[i], &subject, &showing->manner));

		width = taken > width ? taken : width;
	}
	width = width > 40 ? 40 : width;
	for (size_t i = 0; i < count; i++) {
		/* "created" says it as well. */
		if (counters[i].unit == UNIT_UNIX_NS)
			continue;
		printf("%-22s  ", counters[i].name);
		value_text(&cell, &counters[i], &subject, &showing->manner);
		cell_left(stdout, &showing->style, TINT_BOLD, *cell.text ? cell.text : "-", width + 2);
		printf("%s%s%s\n", tint_begin(&showing->style, TINT_DIM), counters[i].brief,
		       tint_end(&showing->style, TINT_DIM));
		if (showing->explain && *counters[i].text)
			show_text(showing, counters[i].text, 24);
	}
}

/* ---- A component ------------------------------------------------------------------------------------------------- */

/* Whether a counter is worth a line of its own; units are written behind figures. */
static bool is_figure(const struct counter *counter)
{
	static const char *const others[] = {"component", "id", "resource", "unit"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(counter->name, others[i]) == 0)
			return false;
	}
	return counter->title != NULL;
}

/* What only buckets or leases have goes without saying where there are none. */
static bool goes_without_saying(const struct counter *counter, const struct row *rows)
{
	bool is_about_buckets = strcmp(counter->name, "burst") == 0 || strcmp(counter->name, "rate") == 0;
	bool is_about_leases = strcmp(counter->name, "lease") == 0 || strcmp(counter->name, "leased") == 0;

	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if ((is_about_buckets && rows[r].burst > 0) ||
		    (is_about_leases && (rows[r].lease > 0 || rows[r].status.leased > 0)))
			return false;
	}
	return is_about_buckets || is_about_leases;
}

static enum tint tint_of(const struct counter *counter, const struct row *row, const char *text)
{
	static const enum tint tints[] = {TINT_NONE, TINT_YELLOW, TINT_RED};

	if (strcmp(counter->name, "used") == 0 || strcmp(counter->name, "percentage") == 0 ||
	    strcmp(counter->name, "alarm") == 0)
		return tints[row->alarm];
	return strcmp(text, "0") == 0 || strcmp(text, "-") == 0 ? TINT_DIM : TINT_NONE;
}

/* One line: a counter of all resources. */
static void show_counter(const struct showing *showing, const struct counter *counter, const struct row *rows)
{
	unsigned brief = NAMES_WIDTH + 4;
	struct cell cell;

	printf("  %-*s", NAMES_WIDTH, counter->alias ? counter->alias : counter->name);
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		value_text(&cell, counter, &(struct subject){NULL, &rows[r]}, &showing->manner);
		if (!*cell.text)
			strcpy(cell.text, "-");
		putchar(' ');
		brief += 1 + showing->width[r];
		cell_right(stdout, &showing->style, tint_of(counter, &rows[r], cell.text), cell.text,
		           showing->width[r]);
	}
	if (showing->style.columns == 0 || showing->style.columns >= brief + text_width(counter->brief))
		printf("  %s%s%s", tint_begin(&showing->style, TINT_DIM), counter->brief,
		       tint_end(&showing->style, TINT_DIM));
	putchar('\n');
	if (showing->explain && *counter->text)
		show_text(showing, counter->text, NAMES_WIDTH + 2);
}

/* A group above, and what it has left where it has a limit: the component cannot have more. */
static void show_group(const struct showing *showing, const struct row *rows)
{
	char printable[TEXT_PRINTABLE_MAX];
	bool unicode = showing->manner.unicode, is_first = true;

	printf("\nIt counts against %s as well", text_printable(printable, sizeof(printable), rows[0].component));
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		if (rows[r].status.limit == SHMQ_UNLIMITED)
			continue;
		printf("%s %s of %s %s", is_first ? ", which has left" : ",",
		       amount_label(r, rows[r].status.available, unicode).text, row_limit_label(&rows[r], unicode).text,
		       shmq_resource_name(r));
		is_first = false;
	}
	printf(".\n");
}

/* What the component counts against as well, and where its limits stand. */
static void show_sources(const struct showing *showing, struct shmq_segment *segment, struct shmq_component *component)
{
	char printable[TEXT_PRINTABLE_MAX], origin[512];
	struct shmq_component *group, *below = NULL, *at = component;
	struct row rows[SHMQ_RESOURCES];
	uint32_t id;

	while (shmq_component_group(at, &id) == 0 && shmq_component_at(&group, segment, id) == 0) {
		if (rows_read(rows, group))
			show_group(showing, rows);
		shmq_component_put(below);
		at = below = group;
	}
	shmq_component_put(below);
	for (int r = 0, first = 1; r < SHMQ_RESOURCES; r++) {
		if (shmq_component_origin(component, r, origin, sizeof(origin)) <= 0)
			continue;
		printf("%sThe limit of %s stands in %s.\n", first ? "\n" : "", shmq_resource_name(r),
		       text_printable(printable, sizeof(printable), origin));
		first = 0;
	}
}

/* Refusals are what one comes here for. */
static void show_next(const struct row *rows, const char *segment)
{
	char printable[TEXT_PRINTABLE_MAX];
	uint64_t refused = 0;

	for (int r = 0; r < SHMQ_RESOURCES; r++)
		refused += rows[r].status.denied;
	if (refused > 0)
		printf("\n'shmquota why %s %s' tells who refuses, and since when.\n", segment,
		       text_printable(printable, sizeof(printable), rows[0].component));
}

/* Wide enough for the limit, which is the longest. */
static void measure(struct showing *showing, const struct row *rows)
{
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		unsigned width = text_width(row_limit_label(&rows[r], showing->manner.unicode).text);

		showing->width[r] = width > FIGURES_WIDTH ? width : FIGURES_WIDTH;
	}
}

static void show_component(struct showing *showing, const struct row *rows, const char *segment)
{
	char printable[TEXT_PRINTABLE_MAX];
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);

	measure(showing, rows);
	text_printable(printable, sizeof(printable), rows[0].component);
	printf("%s%s%s, component %u of %s\n\n%s%*s", tint_begin(&showing->style, TINT_BOLD), printable,
	       tint_end(&showing->style, TINT_BOLD), (unsigned)rows[0].id, segment,
	       tint_begin(&showing->style, TINT_BOLD), NAMES_WIDTH + 2, "");
	for (int r = 0; r < SHMQ_RESOURCES; r++)
		printf(" %*s", (int)showing->width[r], shmq_resource_name(r));
	printf("%s\n", tint_end(&showing->style, TINT_BOLD));
	for (size_t i = 0; i < count; i++) {
		if (is_figure(&counters[i]) && !goes_without_saying(&counters[i], rows))
			show_counter(showing, &counters[i], rows);
	}
}

static void component_json(const struct row *rows, const char *segment)
{
	json_t *resources = json_object();

	for (int r = 0; r < SHMQ_RESOURCES; r++)
		json_object_set_new(resources, shmq_resource_name(r), json_figures(&rows[r]));
	json_line(stdout, "",
	          json_pack("{ss si so so so so}", "schema", "shmquota.component", "version", 1, "segment",
	                    json_text(segment), "id", json_u64(rows[0].id), "name", json_text(rows[0].component),
	                    "resources", resources));
	putchar('\n');
}

static int show_one(struct showing *showing, const struct invocation *invocation, struct shmq_segment *segment,
                    const char *name, const char *component_name)
{
	struct row rows[SHMQ_RESOURCES];
	struct shmq_component *component;
	int result = shmq_component_find(&component, segment, component_name);
	bool is_there;

	if (result < 0)
		return component_failed("show", component_name, segment, name, result);
	is_there = rows_read(rows, component);
	if (is_there && invocation->json)
		component_json(rows, name);
	else if (is_there)
		show_component(showing, rows, name);
	if (is_there && !invocation->json) {
		show_sources(showing, segment, component);
		show_next(rows, name);
	}
	shmq_component_put(component);
	return is_there ? EXIT_DONE : component_failed("show", component_name, segment, name, -ESTALE);
}

int verb_show(const struct invocation *invocation)
{
	struct showing showing = {.style = style_of(stdout), .explain = invocation->explain};
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	struct overview overview;
	int code = target_open(&segment, name, invocation->arguments[0], SHMQ_OBSERVE);

	if (code != EXIT_DONE)
		return code;
	showing.manner.unicode = showing.style.unicode;
	overview = overview_read(segment, name);
	if (invocation->count < 2 && invocation->json)
		json_line(stdout,
		          "{\"schema\":\"shmquota.segment\",\"version\":1,\"segment\":", json_segment(&overview));
	else if (invocation->count < 2)
		show_segment(&showing, &overview);
	if (invocation->count < 2 && invocation->json)
		puts("}");
	for (size_t i = 1; i < invocation->count; i++) {
		int one;

		if (i > 1 && !invocation->json)
			putchar('\n');
		one = show_one(&showing, invocation, segment, name, invocation->arguments[i]);
		code = code == EXIT_DONE ? one : code;
	}
	shmq_segment_close(segment);
	return code;
}
