/* SPDX-License-Identifier: MIT */
/*
 * The list of segments.
 */
#include "listing.h"

#include <inttypes.h>
#include <string.h>

#include "failure.h"
#include "json.h"
#include "units.h"

/* What is known of one segment; with a negative result nothing but that. */
struct listed {
	int result;
	struct overview overview;
};

static struct listed look_at(const char *name)
{
	struct listed listed = {.result = 0};
	struct shmq_segment *segment;

	listed.result = shmq_segment_open(&segment, name, SHMQ_OBSERVE);
	if (listed.result < 0)
		return listed;
	listed.overview = overview_read(segment, name);
	shmq_segment_close(segment);
	return listed;
}

static enum tint tint_of_state(const struct worker_count *workers)
{
	if (workers->alive > 0)
		return TINT_GREEN;
	return workers->dead > 0 ? TINT_RED : TINT_DIM;
}

static void write_facts(FILE *stream, const struct style *style, const struct listed *listed)
{
	const struct shmq_info *info = &listed->overview.info;
	const struct worker_count *count = &listed->overview.workers;
	char components[32], workers[48], generation[32];
	int length;

	snprintf(components, sizeof(components), "%" PRIu32 "/%" PRIu32, info->components_used, info->components);
	snprintf(generation, sizeof(generation), "#%" PRIu64, info->policy_generation);
	length = snprintf(workers, sizeof(workers), "%u", count->alive);
	if (count->dead > 0)
		snprintf(workers + length, sizeof(workers) - (size_t)length, " + %u dead", count->dead);
	cell_left(stream, style, tint_of_state(count), segment_state(count), 9);
	cell_right(stream, style, TINT_NONE, components, 13);
	cell_right(stream, style, count->dead ? TINT_RED : TINT_NONE, workers, 12);
	cell_right(stream, style, TINT_NONE, generation, 8);
	cell_right(stream, style, TINT_NONE, bytes_label(info->policy_bytes + info->usage_bytes).text, 10);
	fprintf(stream, "  %s\n", age_label(info->created_unix_ns).text);
}

void listing_text(FILE *stream, const struct style *style, const struct segment_names *names)
{
	char printable[TEXT_PRINTABLE_MAX];
	unsigned width = sizeof("SEGMENT") - 1;

	for (size_t i = 0; i < names->count; i++) {
		unsigned taken = text_width(text_printable(printable, sizeof(printable), names->name[i]));

		width = taken > width ? taken : width;
	}
	fputs(tint_begin(style, TINT_BOLD), stream);
	fprintf(stream, "%-*s  %-9s%13s%12s%8s%10s  %s", (int)width, "SEGMENT", "STATE", "COMPONENTS", "WORKERS",
	        "POLICY", "SIZE", "AGE");
	fprintf(stream, "%s\n", tint_end(style, TINT_BOLD));
	for (size_t i = 0; i < names->count; i++) {
		struct listed listed = look_at(names->name[i]);

		text_printable(printable, sizeof(printable), names->name[i]);
		cell_left(stream, style, TINT_NONE, printable, width + 2);
		if (listed.result == 0)
			write_facts(stream, style, &listed);
		else
			fprintf(stream, "%s%s%s\n", tint_begin(style, TINT_RED), segment_reason(listed.result),
			        tint_end(style, TINT_RED));
	}
}

static json_t *json_listed(const char *name)
{
	struct listed listed = look_at(name);

	if (listed.result == 0)
		return json_segment(&listed.overview);
	return json_pack("{so ss s{si ss}}", "name", json_text(name), "state", "unreadable", "error", "result",
	                 listed.result, "text", shmq_strerror(listed.result));
}

void listing_json(FILE *stream, const struct segment_names *names)
{
	fputs("{\"schema\":\"shmquota.segments\",\"version\":1,\"segments\":[", stream);
	for (size_t i = 0; i < names->count; i++)
		json_line(stream, i ? ",\n" : "\n", json_listed(names->name[i]));
	fputs(names->count ? "\n]}\n" : "]}\n", stream);
}
