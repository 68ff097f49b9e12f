/* SPDX-License-Identifier: MIT */
/*
 * The events that the segment still has, oldest first, one line each.
 *
 * The ring holds the last ones only; what was overwritten before it was read is told as a number. With a bound the last
 * events are shown, as tail does.
 */
#include "dump.h"

#include <inttypes.h>
#include <string.h>

#include "event.h"

static bool is_wanted(const struct selection *selection, const struct shmq_event *event)
{
	bool is_named = selection->wanted_count == 0;

	for (size_t i = 0; i < selection->wanted_count; i++)
		is_named = is_named || strcmp(selection->wanted[i], event->component_name) == 0;
	if (selection->wanted_count + selection->include_count > 0 && !*event->component_name)
		return false;
	return is_named && name_passes(event->component_name, selection->include, selection->include_count,
	                               selection->exclude, selection->exclude_count);
}

/* The next event that is wanted, and how many were missed before it. */
static bool next_event(const struct dump *dump, uint64_t *cursor, struct shmq_event *out, uint64_t *lost)
{
	*out = (struct shmq_event){.size = sizeof(*out)};
	*lost = 0;
	while (shmq_event_read(dump->segment, cursor, out) == 1) {
		*lost += out->lost;
		if (is_wanted(&dump->selection, out))
			return true;
	}
	return false;
}

void dump_each_event(const struct dump *dump, void (*see)(void *context, const struct shmq_event *event, uint64_t lost),
                     void *context)
{
	uint64_t cursor = 0, count = 0, skipped = 0, lost;
	struct shmq_event event;

	while (dump->selection.most > 0 && next_event(dump, &cursor, &event, &lost))
		count++;
	skipped = count > dump->selection.most ? count - dump->selection.most : 0;
	cursor = 0;
	for (uint64_t i = 0; next_event(dump, &cursor, &event, &lost); i++) {
		if (i >= skipped || dump->selection.most == 0)
			see(context, &event, lost);
	}
}

struct event_table {
	const struct dump *dump;
	uint64_t count, lost;
};

static void print_event(void *context, const struct shmq_event *event, uint64_t lost)
{
	struct event_table *table = context;
	const struct dump *dump = table->dump;

	table->count++;
	table->lost += lost;
	fprintf(dump->out, "%6" PRIu64 "  ", event->sequence);
	event_line(dump->out, &dump->style, dump->segment, event);
}

void dump_events(const struct dump *dump)
{
	struct event_table table = {.dump = dump};

	if (dump->has_header)
		fprintf(dump->out, "%s%6s  %-25s  %-22s  %-16s  %-8s  %s%s\n", tint_begin(&dump->style, TINT_BOLD),
		        "NUMBER", "TIME", "KIND", "COMPONENT", "RESOURCE", "WHAT", tint_end(&dump->style, TINT_BOLD));
	dump_each_event(dump, print_event, &table);
	if (!dump->has_header)
		return;
	fprintf(dump->out, "\n%" PRIu64 " event%s", table.count, table.count == 1 ? "" : "s");
	if (table.lost > 0)
		fprintf(dump->out, "; %" PRIu64 " before them were overwritten or lost", table.lost);
	fputc('\n', dump->out);
}
