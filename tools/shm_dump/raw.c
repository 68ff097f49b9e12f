/* SPDX-License-Identifier: MIT */
/*
 * Every field as it lies in memory: object, offset, width, its name and its value.
 *
 * One field a line, so that two dumps can be compared with diff. Nothing is interpreted but names: what a value means is
 * said in the layout's description.
 */
#include "dump.h"

#include <inttypes.h>
#include <string.h>

bool raw_name(char *out, size_t size, struct shmq_segment *segment, const struct shmq_field *field)
{
	struct shmq_component *component;

	if (strcmp(field->structure, "entry") != 0 || strcmp(field->name, "name") != 0 ||
	    shmq_component_at(&component, segment, field->index) != 0)
		return false;
	snprintf(out, size, "%s", shmq_component_name(component));
	shmq_component_put(component);
	return true;
}

void dump_raw(const struct dump *dump)
{
	const struct style *style = &dump->style;
	struct shmq_field field;
	uint64_t cursor = 0;

	if (dump->has_header)
		fprintf(dump->out, "%s%-6s  %12s  %5s  %-44s  %18s  %s%s\n", tint_begin(style, TINT_BOLD), "OBJECT",
		        "OFFSET", "WIDTH", "FIELD", "HEX", "DECIMAL", tint_end(style, TINT_BOLD));
	while (shmq_field_next(dump->segment, &cursor, &field) == 1) {
		char name[96], text[SHMQ_NAME_MAX + 1], printable[TEXT_PRINTABLE_MAX];

		snprintf(name, sizeof(name), "%s[%" PRIu32 "].%s", field.structure, field.index, field.name);
		fprintf(dump->out, "%-6s  %#12" PRIx64 "  %5" PRIu32 "  ", field.object, field.offset, field.width);
		if (field.width <= 8)
			fprintf(dump->out, "%-44s  %#18" PRIx64 "  %" PRIu64 "\n", name, field.value, field.value);
		else if (raw_name(text, sizeof(text), dump->segment, &field))
			fprintf(dump->out, "%-44s  \"%s\"\n", name, text_printable(printable, sizeof(printable), text));
		else
			fprintf(dump->out, "%s\n", name);
	}
}
