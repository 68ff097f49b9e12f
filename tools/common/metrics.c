/* SPDX-License-Identifier: MIT */
/*
 * Writing metrics. All series of a metric stand together, as both formats ask, so the outer loop goes over the table and
 * the inner ones over segments and rows.
 */
#include "metrics.h"

#include <inttypes.h>
#include <string.h>

#include "counter.h"
#include "render.h"

#define PREFIX "shmquota_"

struct family {
	FILE *out;
	enum metrics_format format;
	const struct counter *counter;
	int resource; /* -1: of any */
	char name[96];
	const char *unit; /* "bytes", "seconds", "ratio" or "" */
	bool has_begun;   /* its head is written with its first series */
};

static const char *unit_of(const struct counter *counter, int resource)
{
	switch (counter->unit) {
	case UNIT_BYTES:
		return "bytes";
	case UNIT_NS:
	case UNIT_UNIX_NS:
		return "seconds";
	case UNIT_PERCENT:
		return "ratio";
	case UNIT_RESOURCE:
		if (resource == SHMQ_MESSAGES)
			return "";
		return resource == SHMQ_CPU ? "seconds" : "bytes";
	default:
		return "";
	}
}

static struct family family_of(FILE *out, enum metrics_format format, const struct counter *counter, int resource)
{
	struct family family = {.out = out, .format = format, .counter = counter, .resource = resource};
	const char *scope = resource < 0 ? "" : shmq_resource_name(resource);

	family.unit = unit_of(counter, resource);
	snprintf(family.name, sizeof(family.name), PREFIX "%s%s%s%s%s", scope, *scope ? "_" : "", counter->metric,
	         *family.unit ? "_" : "", family.unit);
	return family;
}

/* "how much is used" becomes "How much is used (messages)." */
static void write_help(const struct family *family)
{
	const char *brief = family->counter->brief;

	fprintf(family->out, "%c%s", brief[0] >= 'a' && brief[0] <= 'z' ? brief[0] - 'a' + 'A' : brief[0], brief + 1);
	if (family->resource >= 0)
		fprintf(family->out, " (%s)", shmq_resource_name(family->resource));
	fputs(".\n", family->out);
}

static void begin_family(struct family *family)
{
	bool is_counter = family->counter->kind == KIND_COUNTER;
	bool is_openmetrics = family->format == METRICS_OPENMETRICS;
	const char *suffix = is_counter && !is_openmetrics ? "_total" : "";

	if (family->has_begun)
		return;
	family->has_begun = true;
	fprintf(family->out, "# HELP %s%s ", family->name, suffix);
	write_help(family);
	fprintf(family->out, "# TYPE %s%s %s\n", family->name, suffix, is_counter ? "counter" : "gauge");
	if (is_openmetrics && *family->unit)
		fprintf(family->out, "# UNIT %s %s\n", family->name, family->unit);
}

/* A label's value: backslashes and quotes are escaped, and what is no text is made printable first. */
static void write_label(FILE *out, const char *name, const char *value)
{
	char printable[TEXT_PRINTABLE_MAX];

	fprintf(out, "%s=\"", name);
	for (const char *at = text_printable(printable, sizeof(printable), value); *at; at++) {
		if (*at == '\\' || *at == '"')
			fputc('\\', out);
		fputc(*at, out);
	}
	fputc('"', out);
}

/* Integers stay exact: fractions are written by hand. */
static void write_value(const struct family *family, const struct value *value)
{
	uint64_t number = value->number;

	if (value->type == VALUE_REAL)
		fprintf(family->out, "%.12g\n", value->real / 100);
	else if (family->counter->unit == UNIT_NS || family->counter->unit == UNIT_UNIX_NS)
		fprintf(family->out, "%" PRIu64 ".%09" PRIu64 "\n", number / 1000000000, number % 1000000000);
	else if (family->counter->unit == UNIT_RESOURCE && family->resource == SHMQ_CPU)
		fprintf(family->out, "%" PRIu64 ".%06" PRIu64 "\n", number / 1000000, number % 1000000);
	else
		fprintf(family->out, "%" PRIu64 "\n", number);
}

static void write_series(struct family *family, const struct subject *subject)
{
	struct value value = family->counter->read(subject);
	bool has_resource = subject->row && family->resource < 0;

	if (value.type == VALUE_ABSENT || value.type == VALUE_UNLIMITED)
		return;
	begin_family(family);
	fprintf(family->out, "%s%s{", family->name, family->counter->kind == KIND_COUNTER ? "_total" : "");
	write_label(family->out, "segment", subject->overview->name);
	if (subject->row) {
		fputc(',', family->out);
		write_label(family->out, "component", subject->row->component);
	}
	if (has_resource)
		fprintf(family->out, ",resource=\"%s\"", shmq_resource_name(subject->row->resource));
	fputs("} ", family->out);
	write_value(family, &value);
}

static void write_rows(struct family *family, const struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->count; i++) {
		const struct gathered *segment = &gathering->segment[i];
		struct overview overview = segment->overview;

		overview.name = segment->name;
		for (size_t r = 0; r < segment->set.count; r++) {
			const struct row *row = &segment->set.row[r];

			if (family->resource < 0 || row->resource == family->resource)
				write_series(family, &(struct subject){&overview, row});
		}
	}
}

static void write_segments(struct family *family, const struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->count; i++) {
		struct overview overview = gathering->segment[i].overview;

		overview.name = gathering->segment[i].name;
		if (gathering->segment[i].result == 0)
			write_series(family, &(struct subject){&overview, NULL});
	}
}

/* Which segments can be read at all; without any, that the exporter itself works. */
static void write_presence(FILE *out, const struct gathering *gathering)
{
	fprintf(out, "# HELP " PREFIX "build_info Which release wrote this.\n# TYPE " PREFIX "build_info gauge\n");
	fprintf(out, PREFIX "build_info{version=\"%s\"} 1\n", shmq_version());
	if (gathering->count > 0)
		fputs("# HELP " PREFIX "up Whether the segment can be read.\n# TYPE " PREFIX "up gauge\n", out);
	for (size_t i = 0; i < gathering->count; i++) {
		fputs(PREFIX "up{", out);
		write_label(out, "segment", gathering->segment[i].name);
		fprintf(out, "} %d\n", gathering->segment[i].result == 0);
	}
}

void metrics_write(FILE *out, const struct gathering *gathering, enum metrics_format format)
{
	size_t count;
	const struct counter *counters = counters_of(SCOPE_SEGMENT, &count);

	write_presence(out, gathering);
	for (size_t i = 0; i < count; i++) {
		struct family family;

		if (!counters[i].metric)
			continue;
		family = family_of(out, format, &counters[i], -1);
		write_segments(&family, gathering);
	}
	counters = counters_of(SCOPE_RESOURCE, &count);
	for (size_t i = 0; i < count; i++) {
		bool by_resource = counters[i].unit == UNIT_RESOURCE;

		for (int r = by_resource ? 0 : -1; counters[i].metric && r < (by_resource ? SHMQ_RESOURCES : 0); r++) {
			struct family family = family_of(out, format, &counters[i], r);

			write_rows(&family, gathering);
		}
	}
	if (format == METRICS_OPENMETRICS)
		fputs("# EOF\n", out);
}
