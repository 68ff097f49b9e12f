/* SPDX-License-Identifier: MIT */
/*
 * The table of components: one row per resource, grouped under the component's name.
 *
 * Two walks: the first measures names and limits, the second prints. On a terminal that is too narrow the columns that
 * matter least are left out, then long names are shortened, and a name may get a line of its own; in a pipe nothing is
 * ever cut and every row carries its component's name, so that grep and awk can work on single lines.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "units.h"

enum column { RESOURCE, USED, LIMIT, PERCENT, BAR, PEAK, DENIED, RESETS, STATE, COLUMNS };

#define BAR_CELLS 10
#define NAME_LEAST 12 /* a name column narrower than this gives way to names on lines of their own */

struct table {
	const struct dump *dump;
	unsigned name_width;     /* 0: names stand on lines of their own */
	unsigned width[COLUMNS]; /* 0: not shown */
	uint64_t components, warnings, criticals, denied;
};

static const char *const titles[COLUMNS] = {
    "RESOURCE", "USED", "LIMIT", "%", "", "PEAK", "DENIED", "RESETS IN", "",
};

/* Widths without names and limits, which are measured. The state stands last and needs no padding. */
static const unsigned usual_width[COLUMNS] = {8, 8, 5, 5, BAR_CELLS, 8, 7, 11, 8};

static unsigned table_width(const struct table *table)
{
	unsigned total = table->name_width;

	for (int column = 0; column < COLUMNS; column++)
		total += table->width[column] ? table->width[column] + 2 : 0;
	return total;
}

/* Measure names and limits of all components that will be shown. */
static void measure(struct table *table)
{
	struct shmq_component *component;
	char printable[TEXT_PRINTABLE_MAX];
	uint32_t cursor = 0;

	table->name_width = sizeof("COMPONENT") - 1;
	while ((component = dump_next(table->dump, &cursor))) {
		struct shmq_quota quota = {.size = sizeof(quota)};
		unsigned width;

		width = text_width(text_printable(printable, sizeof(printable), shmq_component_name(component)));
		table->name_width = width > table->name_width ? width : table->name_width;
		if (shmq_component_quota(component, &quota) == 0) {
			for (int r = 0; r < SHMQ_RESOURCES; r++) {
				width = text_width(
				    limit_label(r, quota.limit[r], quota.period_ns[r], table->dump->style.unicode)
					.text);
				table->width[LIMIT] = width > table->width[LIMIT] ? width : table->width[LIMIT];
			}
		}
		shmq_component_put(component);
	}
}

/* Make the table fit a terminal: leave out what matters least, shorten names, at last give them lines of their own. */
static void fit(struct table *table)
{
	static const enum column least_first[] = {BAR, RESETS, PEAK};
	unsigned columns = table->dump->style.columns;
	size_t next = 0;

	if (columns == 0) {
		table->width[BAR] = 0; /* an ornament, and noise for whatever reads the pipe */
		return;
	}
	while (table_width(table) > columns && next < sizeof(least_first) / sizeof(least_first[0])) {
		/* A somewhat shortened name costs less than a column of figures. */
		unsigned excess = table_width(table) - columns;

		if (least_first[next] != BAR && table->name_width > 24 && table->name_width - 24 >= excess)
			break;
		table->width[least_first[next++]] = 0;
	}
	if (table_width(table) > columns) {
		unsigned excess = table_width(table) - columns;

		table->name_width = table->name_width >= excess + NAME_LEAST ? table->name_width - excess : 0;
	}
	if (table->name_width == 0 && table_width(table) > columns)
		table->width[DENIED] = 0;
}

static void print_titles(const struct table *table)
{
	const struct style *style = &table->dump->style;

	fputs(tint_begin(style, TINT_BOLD), stdout);
	if (table->name_width)
		printf("%-*s", (int)table->name_width, "COMPONENT");
	for (int column = 0; column < STATE; column++) {
		if (table->width[column] == 0)
			continue;
		if (column == RESOURCE)
			printf("%s%-*s", "  ", (int)table->width[column], titles[column]);
		else
			printf("  %*s", (int)table->width[column], titles[column]);
	}
	printf("%s\n", tint_end(style, TINT_BOLD));
}

static enum tint tint_of_alarm(enum alarm alarm)
{
	static const enum tint tints[] = {TINT_NONE, TINT_YELLOW, TINT_RED};

	return tints[alarm];
}

/* A bar of BAR_CELLS cells, in eighths of a cell where the character set has them. */
static void print_bar(const struct table *table, enum tint tint, double share)
{
	static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
	const struct style *style = &table->dump->style;
	unsigned filled = (unsigned)((share < 1 ? share : 1) * BAR_CELLS * 8);
	char bar[BAR_CELLS * 3 + 4] = "";

	if (table->width[BAR] == 0)
		return;
	for (unsigned cell = 0; cell < filled / 8; cell++)
		strcat(bar, style->unicode ? "\u2588" : "#");
	if (style->unicode)
		strcat(bar, eighths[filled % 8]);
	fputs("  ", stdout);
	cell_left(stdout, style, tint == TINT_NONE ? TINT_GREEN : tint, bar, BAR_CELLS);
}

/* A figure, dimmed where it is nothing. */
static void print_figure(const struct table *table, enum column column, enum tint tint, const char *text)
{
	if (table->width[column] == 0)
		return;
	fputs("  ", stdout);
	cell_right(stdout, &table->dump->style, strcmp(text, "0") == 0 ? TINT_DIM : tint, text, table->width[column]);
}

/* When a rate that is in use can be used anew: nothing is written behind the last thing that a row says. */
static void print_reset(const struct table *table, const struct shmq_resource_status *status, enum alarm alarm)
{
	uint64_t now_ns = table->dump->now_ns;
	struct label label = {""};

	if (status->used > 0 && status->window_end_ns > now_ns)
		label = duration_label(status->window_end_ns - now_ns);
	if (*label.text || alarm != ALARM_NONE)
		print_figure(table, RESETS, TINT_NONE, label.text);
}

static void print_row(struct table *table, int resource, const struct shmq_resource_status *status, uint64_t period_ns)
{
	const struct style *style = &table->dump->style;
	enum alarm alarm = alarm_of(status);
	enum tint tint = tint_of_alarm(alarm);
	bool unlimited = status->limit == SHMQ_UNLIMITED;

	fputs("  ", stdout);
	cell_left(stdout, style, TINT_NONE, shmq_resource_name(resource), table->width[RESOURCE]);
	print_figure(table, USED, tint, amount_label(resource, status->used, style->unicode).text);
	print_figure(table, LIMIT, TINT_NONE, limit_label(resource, status->limit, period_ns, style->unicode).text);
	print_figure(table, PERCENT, tint, unlimited ? "-" : percent_label(status->used, status->limit).text);
	print_bar(table, tint, unlimited ? 0 : status->percentage / 100);
	print_figure(table, PEAK, TINT_NONE, amount_label(resource, status->peak, style->unicode).text);
	print_figure(table, DENIED, TINT_NONE, count_label(status->denied).text);
	print_reset(table, status, alarm);
	if (alarm != ALARM_NONE)
		printf("  %s%s%s", tint_begin(style, tint), alarm_name(alarm), tint_end(style, tint));
	putchar('\n');
}

/* The name in front of a row: always in a pipe, only once on a terminal. */
static void print_name(const struct table *table, const char *name, bool first)
{
	const struct style *style = &table->dump->style;
	char printable[TEXT_PRINTABLE_MAX];

	if (!first && style->terminal) {
		printf("%*s", (int)table->name_width, "");
		return;
	}
	text_printable(printable, sizeof(printable), name);
	if (table->name_width) {
		if (style->terminal)
			text_fit(printable, table->name_width, style);
		cell_left(stdout, style, TINT_BOLD, printable, table->name_width);
		return;
	}
	text_fit(printable, style->columns, style);
	printf("%s%s%s\n", tint_begin(style, TINT_BOLD), printable, tint_end(style, TINT_BOLD));
}

static void print_component(struct table *table, struct shmq_component *component)
{
	enum alarm worst = ALARM_NONE;
	struct shmq_status status;
	struct shmq_quota quota;

	if (!dump_read(component, &status, &quota))
		return;
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		enum alarm alarm = alarm_of(&status.resource[r]);

		worst = alarm > worst ? alarm : worst;
		table->denied += status.resource[r].denied;
		print_name(table, shmq_component_name(component), r == 0);
		print_row(table, r, &status.resource[r], quota.period_ns[r]);
	}
	table->components++;
	table->warnings += worst == ALARM_WARNING;
	table->criticals += worst == ALARM_CRITICAL;
}

static void print_total(const struct table *table)
{
	const struct style *style = &table->dump->style;

	printf("\n%s: ", components_label(table->components).text);
	printf("%s%" PRIu64 " critical%s, ", tint_begin(style, table->criticals ? TINT_RED : TINT_NONE),
	       table->criticals, tint_end(style, table->criticals ? TINT_RED : TINT_NONE));
	printf("%s%" PRIu64 " warning%s, ", tint_begin(style, table->warnings ? TINT_YELLOW : TINT_NONE),
	       table->warnings, tint_end(style, table->warnings ? TINT_YELLOW : TINT_NONE));
	printf("%" PRIu64 " operation%s denied so far\n", table->denied, table->denied == 1 ? "" : "s");
}

void dump_components(const struct dump *dump)
{
	struct table table = {.dump = dump};
	struct shmq_component *component;
	uint32_t cursor = 0;

	putchar('\n');
	if (dump->info.components_used == 0) {
		printf("No component is registered.\n");
		return;
	}
	memcpy(table.width, usual_width, sizeof(usual_width));
	measure(&table);
	fit(&table);
	print_titles(&table);
	while ((component = dump_next(dump, &cursor))) {
		print_component(&table, component);
		shmq_component_put(component);
	}
	print_total(&table);
}
