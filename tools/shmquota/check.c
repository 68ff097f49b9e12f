/* SPDX-License-Identifier: MIT */
/*
 * shmquota check: a plugin for monitoring systems.
 *
 * Everything goes to standard output, also what is wrong, because that is all a monitoring system reads; the exit codes
 * are those of such plugins.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "selection.h"
#include "target.h"
#include "units.h"

#define ROWS_SHOWN 20
#define NAMED_MOST 20 /* of more components performance data has only the highest of each resource */

struct checking {
	const struct invocation *invocation;
	struct overview overview;
	struct row_set bad; /* rows that are at their warning or above, the worst first */
	struct row highest[SHMQ_RESOURCES];
	bool has_highest[SHMQ_RESOURCES];
	uint64_t components, denied, criticals, warnings;
	bool is_short; /* of memory */
};

static int unknown(const char *name, const char *why)
{
	printf("SHMQUOTA UNKNOWN - %s: %s\n", name, why);
	return PLUGIN_UNKNOWN;
}

/* By the thresholds that were given, or by those of the quota. */
static enum alarm judge(const struct invocation *invocation, const struct row *row)
{
	bool has_limit = row->status.limit != SHMQ_UNLIMITED;

	if (has_limit && invocation->critical > 0 && row->status.percentage >= invocation->critical)
		return ALARM_CRITICAL;
	if (row->alarm == ALARM_CRITICAL && invocation->critical <= 0)
		return ALARM_CRITICAL;
	if (has_limit && invocation->warning > 0 && row->status.percentage >= invocation->warning)
		return ALARM_WARNING;
	return row->alarm >= ALARM_WARNING && invocation->warning <= 0 ? ALARM_WARNING : ALARM_NONE;
}

static void take_rows(void *context, const struct row *rows, size_t count)
{
	struct checking *checking = context;

	checking->components++;
	for (size_t i = 0; i < count; i++) {
		struct row row = rows[i];
		struct row *highest = &checking->highest[row.resource];

		row.alarm = judge(checking->invocation, &row);
		checking->denied += row_is_group(&row) ? 0 : row.status.denied;
		checking->criticals += row.alarm == ALARM_CRITICAL;
		checking->warnings += row.alarm == ALARM_WARNING;
		if (row.alarm != ALARM_NONE && !row_set_add(&checking->bad, &row))
			checking->is_short = true;
		if (row.status.limit == SHMQ_UNLIMITED ||
		    (checking->has_highest[row.resource] && row.status.percentage <= highest->status.percentage))
			continue;
		checking->has_highest[row.resource] = true;
		*highest = row;
		highest->component = NULL; /* it lives no longer than this call */
	}
}

static int compare_badness(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->alarm != b->alarm)
		return (int)b->alarm - (int)a->alarm;
	return (b->status.percentage > a->status.percentage) - (b->status.percentage < a->status.percentage);
}

static enum alarm worst_of(const struct checking *checking)
{
	const struct worker_count *workers = &checking->overview.workers;

	if (checking->criticals > 0 || (workers->alive == 0 && workers->dead > 0))
		return ALARM_CRITICAL;
	return checking->warnings > 0 || workers->dead > 0 ? ALARM_WARNING : ALARM_NONE;
}

/* ---- Performance data: 'label'=value[unit];warn;crit;min;max ----------------------------------------------------- */

static void put_percentage(const struct checking *checking, const char *label, const struct row *row)
{
	const struct invocation *invocation = checking->invocation;

	/* A quote ends a label; it is doubled within one. */
	fputs(" '", stdout);
	for (; *label; label++)
		printf(*label == '\'' ? "''" : "%c", *label == '=' ? '_' : *label);
	/* Cut off as everywhere: 100 % is at the limit. */
	printf("'=%.1f%%;%g;%g;0;100", floor(row->status.percentage * 10) / 10,
	       invocation->warning > 0 ? invocation->warning : row->warning,
	       invocation->critical > 0 ? invocation->critical : row->critical);
}

static void put_component(void *context, const struct row *rows, size_t count)
{
	char label[TEXT_PRINTABLE_MAX + 16];
	char printable[TEXT_PRINTABLE_MAX];

	for (size_t i = 0; i < count; i++) {
		if (rows[i].status.limit == SHMQ_UNLIMITED)
			continue;
		snprintf(label, sizeof(label), "%s %s", text_printable(printable, sizeof(printable), rows[i].component),
		         shmq_resource_name(rows[i].resource));
		put_percentage(context, label, &rows[i]);
	}
}

static void put_performance(struct checking *checking, const struct selection *selection)
{
	const struct overview *overview = &checking->overview;

	printf(" |");
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		char label[32];

		snprintf(label, sizeof(label), "highest %s", shmq_resource_name(r));
		if (checking->has_highest[r])
			put_percentage(checking, label, &checking->highest[r]);
	}
	printf(" critical=%" PRIu64 ";;;0 warning=%" PRIu64 ";;;0 denied=%" PRIu64 "c", checking->criticals,
	       checking->warnings, checking->denied);
	printf(" components=%" PRIu32 ";;;0;%" PRIu32 " workers=%u;;;0;%" PRIu32 " dead=%u;0;;0",
	       overview->info.components_used, overview->info.components, overview->workers.alive,
	       overview->info.threads, overview->workers.dead);
	/* Monitoring systems cut long lines: all of them only where they were chosen. */
	if (checking->components <= NAMED_MOST && (selection->wanted_count > 0 || selection->include_count > 0))
		selection_walk(selection, put_component, checking);
	putchar('\n');
}

/* ---- What it says ------------------------------------------------------------------------------------------------ */

static void put_row(const struct row *row)
{
	char printable[TEXT_PRINTABLE_MAX];

	printf("%s %s %s of %s (%s %%)", text_printable(printable, sizeof(printable), row->component),
	       shmq_resource_name(row->resource), amount_label(row->resource, row->status.used, false).text,
	       row_limit_label(row, false).text, percent_label(row->status.used, row->status.limit).text);
}

static void put_first_line(const struct checking *checking, enum alarm worst)
{
	static const char *const names[] = {"OK", "WARNING", "CRITICAL"};
	const struct worker_count *workers = &checking->overview.workers;
	char printable[TEXT_PRINTABLE_MAX];

	printf("SHMQUOTA %s - %s: ", names[worst],
	       text_printable(printable, sizeof(printable), checking->overview.name));
	if (workers->alive == 0 && workers->dead > 0)
		printf("crashed, all %u workers are dead; ", workers->dead);
	else if (workers->dead > 0)
		printf("%u of %u workers dead; ", workers->dead, workers->dead + workers->alive);
	if (checking->bad.count > 0)
		put_row(&checking->bad.row[0]);
	if (checking->bad.count > 1)
		printf(" and %zu more", checking->bad.count - 1);
	if (checking->bad.count == 0)
		printf("%s within %s limits", components_label(checking->components).text,
		       checking->components == 1 ? "its" : "their");
}

static int report(struct checking *checking, const struct selection *selection)
{
	enum alarm worst = worst_of(checking);

	if (checking->bad.count > 0)
		qsort(checking->bad.row, checking->bad.count, sizeof(*checking->bad.row), compare_badness);
	put_first_line(checking, worst);
	put_performance(checking, selection);
	for (size_t i = 0; i < checking->bad.count && i < ROWS_SHOWN; i++) {
		printf("%s: ", checking->bad.row[i].alarm == ALARM_CRITICAL ? "CRITICAL" : "WARNING");
		put_row(&checking->bad.row[i]);
		printf(", %" PRIu64 " denied so far\n", checking->bad.row[i].status.denied);
	}
	if (checking->bad.count > ROWS_SHOWN)
		printf("... and %zu more\n", checking->bad.count - ROWS_SHOWN);
	return (int)worst;
}

static int check_segment(const struct invocation *invocation, struct shmq_segment *segment, const char *name)
{
	struct checking checking = {.invocation = invocation, .overview = overview_read(segment, name)};
	struct selection selection = {
	    .segment = segment,
	    .capacity = checking.overview.info.components,
	    .wanted = invocation->arguments + 1,
	    .wanted_count = invocation->count > 1 ? invocation->count - 1 : 0,
	    .include = invocation->include,
	    .include_count = invocation->include_count,
	    .exclude = invocation->exclude,
	    .exclude_count = invocation->exclude_count,
	};
	int code;

	for (size_t i = 0; i < selection.wanted_count; i++) {
		struct shmq_component *component;
		int result = shmq_component_find(&component, segment, selection.wanted[i]);

		if (result < 0)
			return unknown(selection.wanted[i], shmq_strerror(result));
		shmq_component_put(component);
	}
	selection_walk(&selection, take_rows, &checking);
	code = checking.is_short ? unknown(name, "out of memory") : report(&checking, &selection);
	row_set_free(&checking.bad);
	return code;
}

int verb_check(const struct invocation *invocation)
{
	struct shmq_segment *segment;
	char name[SEGMENT_PATH_MAX];
	int result, code;

	if (invocation->warning > 0 && invocation->critical > 0 && invocation->warning > invocation->critical)
		return unknown("usage", "--warn is above --crit");
	if (target_name(name, invocation->arguments[0]) != EXIT_DONE)
		return unknown("usage", "no segment, or not clear which");
	result = segment_look(&segment, name);
	if (result < 0)
		return unknown(name, segment_reason(result));
	code = check_segment(invocation, segment, name);
	shmq_segment_close(segment);
	return code;
}
