/* SPDX-License-Identifier: MIT */
/*
 * The limits in force: one line for each component, one column for each resource.
 *
 * What a component has been given by the program itself stands here as well; the table says what is enforced, not where
 * it comes from.
 */
#include "dump.h"

#include <inttypes.h>

#include "units.h"

struct policy_table {
	const struct dump *dump;
	unsigned name_width, width[SHMQ_RESOURCES];
	uint64_t components;
};

static struct label limit_of(const struct policy_table *table, const struct row *row)
{
	struct label label;

	if (!table->dump->manner.exact || row->status.limit == SHMQ_UNLIMITED)
		return row_limit_label(row, table->dump->manner.unicode);
	snprintf(label.text, sizeof(label.text), "%" PRIu64, row->status.limit);
	return label;
}

static void widen(unsigned *width, unsigned wanted)
{
	*width = wanted > *width ? wanted : *width;
}

static void measure(void *context, const struct row *rows, size_t count)
{
	struct policy_table *table = context;
	char printable[TEXT_PRINTABLE_MAX];

	widen(&table->name_width, text_width(text_printable(printable, sizeof(printable), rows[0].component)));
	for (size_t i = 0; i < count; i++)
		widen(&table->width[rows[i].resource], text_width(limit_of(table, &rows[i]).text));
}

static void print(void *context, const struct row *rows, size_t count)
{
	struct policy_table *table = context;
	const struct dump *dump = table->dump;
	char printable[TEXT_PRINTABLE_MAX];

	text_printable(printable, sizeof(printable), rows[0].component);
	cell_left(dump->out, &dump->style, TINT_BOLD, printable, table->name_width);
	for (size_t i = 0; i < count; i++) {
		enum tint tint = rows[i].status.limit == 0 ? TINT_YELLOW : TINT_NONE;

		fputs("  ", dump->out);
		cell_right(dump->out, &dump->style, tint, limit_of(table, &rows[i]).text,
		           table->width[rows[i].resource]);
	}
	fputc('\n', dump->out);
	table->components++;
}

void dump_policy(const struct dump *dump)
{
	static const char *const titles[SHMQ_RESOURCES] = {"STORAGE", "MESSAGES", "NETWORK", "CPU", "MEMORY"};
	struct policy_table table = {.dump = dump, .name_width = sizeof("COMPONENT") - 1};

	if (dump->overview.info.components_used == 0) {
		if (dump->has_header)
			fprintf(dump->out, "No component is registered.\n");
		return;
	}
	for (int r = 0; r < SHMQ_RESOURCES; r++)
		widen(&table.width[r], text_width(titles[r]));
	selection_walk(&dump->selection, measure, &table);
	if (dump->has_header) {
		fprintf(dump->out, "%s%-*s", tint_begin(&dump->style, TINT_BOLD), (int)table.name_width, "COMPONENT");
		for (int r = 0; r < SHMQ_RESOURCES; r++)
			fprintf(dump->out, "  %*s", (int)table.width[r], titles[r]);
		fprintf(dump->out, "%s\n", tint_end(&dump->style, TINT_BOLD));
	}
	selection_walk(&dump->selection, print, &table);
	if (dump->has_header)
		fprintf(dump->out, "\n%s, policy generation %" PRIu64 "\n", components_label(table.components).text,
		        dump->overview.info.policy_generation);
}
