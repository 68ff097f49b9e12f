/* SPDX-License-Identifier: MIT */
/*
 * The table of components: one row per resource, grouped under the component's name.
 *
 * Two walks: the first measures what has no usual width, the second prints. On a terminal that is too narrow the usual
 * columns that matter least are left out, then long names are shortened, and a name may get a line of its own; in a
 * pipe nothing is ever cut and every row carries its component's name, so that grep and awk can work on single lines.
 * Columns that were asked for are all shown, and an empty cell of theirs is a dash, for the same reason.
 */
#include "dump.h"

#include <inttypes.h>
#include <string.h>

#include "units.h"

#define NAME_LEAST 12 /* a name column narrower than this gives way to names on lines of their own */

struct table {
	const struct dump *dump;
	struct column column[COLUMNS_MAX];
	size_t columns;
	unsigned skipped;   /* spaces that are due before the next cell that holds something */
	bool name_is_apart; /* names stand on lines of their own */
	uint32_t last;      /* the component of the row before */
	const char *last_name;
	uint64_t rows, components, warnings, criticals, denied;
	uint64_t measured; /* rows that passed the first walk */
	bool has_leases;   /* one of them has */
};

static const char usual_columns[] = "component,resource,used,leased,limit,percentage,bar,peak,denied,resets_in,alarm";

static bool is_column(const struct column *column, const char *name)
{
	return strcmp(column->counter ? column->counter->name : "bar", name) == 0;
}

/* The column of this name, or NULL. */
static struct column *find(struct table *table, const char *name)
{
	for (size_t i = 0; i < table->columns; i++) {
		if (is_column(&table->column[i], name))
			return &table->column[i];
	}
	return NULL;
}

static void leave_out(struct table *table, const struct column *column)
{
	size_t place = (size_t)(column - table->column);

	memmove(&table->column[place], column + 1, (table->columns - place - 1) * sizeof(*column));
	table->columns--;
}

static unsigned table_width(const struct table *table)
{
	unsigned total = 0;

	for (size_t i = 0; i < table->columns; i++)
		total += table->column[i].width + (i > 0 || table->name_is_apart ? 2 : 0);
	return total;
}

static void measure(void *context, const struct row *rows, size_t count)
{
	struct table *table = context;
	struct cell cell;

	table->measured += count;
	for (size_t r = 0; r < count; r++)
		table->has_leases |= rows[r].lease > 0 || rows[r].status.leased > 0;
	for (size_t i = 0; i < table->columns; i++) {
		struct column *column = &table->column[i];

		for (size_t r = 0; r < (column->is_measured ? count : 0); r++) {
			unsigned width = text_width(column_text(&cell, column, &rows[r], &table->dump->manner));

			column->width = width > column->width ? width : column->width;
		}
	}
}

/* Make the name column narrower, or give names lines of their own. */
static void fit_names(struct table *table, unsigned columns)
{
	struct column *name = find(table, "component");
	unsigned excess = table_width(table) > columns ? table_width(table) - columns : 0;

	if (!name || excess == 0)
		return;
	if (name->width >= excess + NAME_LEAST) {
		name->width -= excess;
		return;
	}
	table->name_is_apart = true;
	leave_out(table, name);
}

/* Make the table fit a terminal: leave out what matters least, shorten names, at last give them lines of their own. */
static void fit(struct table *table)
{
	static const char *const least_first[] = {"bar", "leased", "resets_in_ns", "peak"};
	unsigned columns = table->dump->style.columns;
	bool is_usual = table->dump->columns == 0;

	if (is_usual && !table->has_leases)
		leave_out(table, find(table, "leased")); /* most have none */
	if (columns == 0 && is_usual && find(table, "bar"))
		leave_out(table, find(table, "bar")); /* an ornament, and noise for whatever reads the pipe */
	if (columns == 0 || !is_usual)
		return;
	for (size_t i = 0; i < sizeof(least_first) / sizeof(least_first[0]) && table_width(table) > columns; i++) {
		unsigned name_width = find(table, "component")->width;

		/* A somewhat shortened name costs less than a column of figures. */
		if (i > 0 && name_width > 24 && name_width - 24 >= table_width(table) - columns)
			break;
		if (find(table, least_first[i]))
			leave_out(table, find(table, least_first[i]));
	}
	fit_names(table, columns);
	if (table->name_is_apart && table_width(table) > columns)
		leave_out(table, find(table, "denied"));
	/* Colours tell it, too. */
	if (table->name_is_apart && table_width(table) > columns)
		leave_out(table, find(table, "alarm"));
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

/* One cell; nothing is written behind the last thing that a row says. */
static void put_cell(struct table *table, const struct column *column, enum tint tint, const char *text)
{
	FILE *out = table->dump->out;
	unsigned taken = text_width(text);
	unsigned spare = column->width > taken ? column->width - taken : 0;

	if (!*text) {
		table->skipped += column->width + 2;
		return;
	}
	fprintf(out, "%*s", (int)(table->skipped + (column->is_left ? 0 : spare)), "");
	fprintf(out, "%s%s%s", tint_begin(&table->dump->style, tint), text, tint_end(&table->dump->style, tint));
	table->skipped = 2 + (column->is_left ? spare : 0);
}

static void end_line(struct table *table)
{
	fputc('\n', table->dump->out);
	table->skipped = table->name_is_apart ? 2 : 0;
}

static void print_titles(struct table *table)
{
	const struct style *style = &table->dump->style;

	if (!table->dump->has_header)
		return;
	fputs(tint_begin(style, TINT_BOLD), table->dump->out);
	for (size_t i = 0; i < table->columns; i++)
		put_cell(table, &table->column[i], TINT_NONE, column_title(&table->column[i]));
	fputs(tint_end(style, TINT_BOLD), table->dump->out);
	end_line(table);
}

static enum tint tint_of(const struct column *column, const struct row *row, const char *text)
{
	static const enum tint tints[] = {TINT_NONE, TINT_YELLOW, TINT_RED};
	enum tint tint = tints[row->alarm];

	if (!column->counter)
		return tint == TINT_NONE ? TINT_GREEN : tint;
	if (is_column(column, "component"))
		return TINT_BOLD;
	if (is_column(column, "used") || is_column(column, "percentage") || is_column(column, "alarm"))
		return strcmp(text, "0") == 0 ? TINT_DIM : tint;
	return strcmp(text, "0") == 0 ? TINT_DIM : TINT_NONE;
}

/* What an empty cell, and one that says nothing new, looks like. */
static const char *cell_shown(const struct table *table, const struct column *column, const struct row *row,
                              struct cell *cell, bool is_repeated)
{
	const struct style *style = &table->dump->style;
	const char *text = column_text(cell, column, row, &table->dump->manner);

	if (is_column(column, "component")) {
		if (is_repeated && style->terminal)
			return "";
		return style->terminal ? text_fit(cell->text, column->width, style) : text;
	}
	if (table->dump->columns > 0 && column->counter)
		return *text ? text : "-";
	if (is_column(column, "alarm") && row->alarm == ALARM_NONE)
		return "";
	return *text || !is_column(column, "percentage") ? text : "-";
}

static void print_row(struct table *table, const struct row *row)
{
	bool is_repeated = table->last_name && table->last == row->id && table->last_name == row->component;
	const struct style *style = &table->dump->style;
	struct cell cell;

	if (table->name_is_apart && !is_repeated) {
		text_printable(cell.text, sizeof(cell.text), row->component);
		fprintf(table->dump->out, "%s%s%s\n", tint_begin(style, TINT_BOLD),
		        text_fit(cell.text, style->columns, style), tint_end(style, TINT_BOLD));
	}
	for (size_t i = 0; i < table->columns; i++) {
		const char *text = cell_shown(table, &table->column[i], row, &cell, is_repeated);

		put_cell(table, &table->column[i], tint_of(&table->column[i], row, text), text);
	}
	end_line(table);
	table->last = row->id;
	table->last_name = row->component;
}

static void print_rows(void *context, const struct row *rows, size_t count)
{
	struct table *table = context;
	enum alarm worst = ALARM_NONE;

	for (size_t i = 0; i < count; i++) {
		print_row(table, &rows[i]);
		worst = rows[i].alarm > worst ? rows[i].alarm : worst;
		table->denied += row_is_group(&rows[i]) ? 0 : rows[i].status.denied;
	}
	table->rows += count;
	table->components++;
	table->warnings += worst == ALARM_WARNING;
	table->criticals += worst == ALARM_CRITICAL;
	table->last_name = table->dump->selection.is_kept ? table->last_name : NULL;
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static void print_total(const struct table *table)
{
	const struct style *style = &table->dump->style;
	FILE *out = table->dump->out;

	if (!table->dump->has_header)
		return;
	if (table->dump->selection.is_kept) {
		/* Of a choice of rows only the rows can be counted. */
		fprintf(out, "\n%" PRIu64 " row%s of %" PRIu32 " components\n", table->rows,
		        table->rows == 1 ? "" : "s", table->dump->overview.info.components_used);
		return;
	}
	fprintf(out, "\n%s: ", components_label(table->components).text);
	fprintf(out, "%s%" PRIu64 " critical%s, ", tint_begin(style, table->criticals ? TINT_RED : TINT_NONE),
	        table->criticals, tint_end(style, table->criticals ? TINT_RED : TINT_NONE));
	fprintf(out, "%s%" PRIu64 " warning%s, ", tint_begin(style, table->warnings ? TINT_YELLOW : TINT_NONE),
	        table->warnings, tint_end(style, table->warnings ? TINT_YELLOW : TINT_NONE));
	fprintf(out, "%" PRIu64 " operation%s denied so far\n", table->denied, table->denied == 1 ? "" : "s");
}

void dump_table(const struct dump *dump)
{
	struct table table = {.dump = dump, .columns = dump->columns};
	const char *wrong;

	if (dump->has_header)
		fputc('\n', dump->out);
	if (dump->overview.info.components_used == 0) {
		if (dump->has_header)
			fprintf(dump->out, "No component is registered.\n");
		return;
	}
	memcpy(table.column, dump->column, sizeof(table.column));
	if (table.columns == 0)
		table.columns = columns_parse(table.column, usual_columns, &dump->manner, &wrong);
	selection_walk(&dump->selection, measure, &table);
	if (table.measured == 0 && dump->has_header) {
		fprintf(dump->out, "None of its %s meets that choice.\n",
		        components_label(dump->overview.info.components_used).text);
		return;
	}
	fit(&table);
	table.skipped = table.name_is_apart ? 2 : 0;
	print_titles(&table);
	selection_walk(&dump->selection, print_rows, &table);
	print_total(&table);
}
