/* SPDX-License-Identifier: MIT */
/*
 * Dumps as JSON: one document, "shmquota.dump" version 1 and its kin, or one value a line.
 *
 * In a document each worker and component stands on a line of its own, written as it is read, so that it can be of any
 * size and can also be searched line by line. In the other form each line says itself what it is and of which segment,
 * so that lines of many segments and times may be mixed in one file.
 */
#include "dump.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "event.h"
#include "failure.h"
#include "json.h"

/* Where the elements of one array go, or the lines of a stream. */
struct writer {
	struct dump *dump;
	const char *schema; /* of a stream's lines; NULL in a document */
	const char *separator;
};

static void write_value(struct writer *writer, json_t *value)
{
	json_line(writer->dump->out, writer->separator, value);
	if (writer->schema)
		fputc('\n', writer->dump->out);
	else
		writer->separator = ",\n";
}

static void write_element(struct writer *writer, json_t *element)
{
	json_t *line;

	if (!writer->schema) {
		write_value(writer, element);
		return;
	}
	line = json_pack("{ss si so so}", "schema", writer->schema, "version", 1, "time_unix_ns",
	                 json_u64(realtime_ns()), "segment", json_text(writer->dump->overview.name));
	if (line && element)
		json_object_update(line, element);
	json_decref(element);
	write_value(writer, line);
}

/* ---- Elements ---------------------------------------------------------------------------------------------------- */

static json_t *json_component(const struct row *row, json_t *resources)
{
	return json_pack("{so so so}", "id", json_u64(row->id), "name", json_text(row->component), "resources",
	                 resources);
}

static void write_component(void *context, const struct row *rows, size_t count)
{
	json_t *resources = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(resources, shmq_resource_name(rows[i].resource), json_figures(&rows[i]));
	write_element(context, json_component(&rows[0], resources));
}

static void write_rows(void *context, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		write_element(context, json_row(&rows[i]));
}

static void write_limits(void *context, const struct row *rows, size_t count)
{
	json_t *resources = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(resources, shmq_resource_name(rows[i].resource), json_rule(&rows[i]));
	write_element(context, json_component(&rows[0], resources));
}

static void write_workers(struct writer *writer)
{
	const struct dump *dump = writer->dump;

	for (uint32_t slot = 0; slot < dump->overview.info.threads; slot++) {
		struct shmq_worker worker;

		if (shmq_worker_at(dump->segment, slot, &worker) == 0)
			write_element(writer, json_worker(&worker));
	}
}

/* A number, a name, or null for what is wider and neither. */
static json_t *json_field_value(struct shmq_segment *segment, const struct shmq_field *field)
{
	char name[SHMQ_NAME_MAX + 1];

	if (field->width <= 8)
		return json_u64(field->value);
	return raw_name(name, sizeof(name), segment, field) ? json_text(name) : json_null();
}

static void write_fields(struct writer *writer)
{
	struct shmq_field field;
	uint64_t cursor = 0;

	while (shmq_field_next(writer->dump->segment, &cursor, &field) == 1) {
		json_t *value = json_field_value(writer->dump->segment, &field);

		write_element(writer,
		              json_pack("{ss ss so ss so so so}", "object", field.object, "structure", field.structure,
		                        "index", json_u64(field.index), "name", field.name, "offset",
		                        json_u64(field.offset), "width", json_u64(field.width), "value", value));
	}
}

/* An event says itself what it is and when it was, in a document, too. */
static void write_event(void *context, const struct shmq_event *event, uint64_t lost)
{
	struct writer *writer = context;

	write_value(writer, json_event(writer->dump->segment, writer->dump->overview.name, event, lost));
}

/* ---- Documents --------------------------------------------------------------------------------------------------- */

static void begin_array(struct writer *writer, const char *name)
{
	fprintf(writer->dump->out, ",\n\"%s\":[", name);
	writer->separator = "\n";
}

static void write_document(struct writer *writer)
{
	struct dump *dump = writer->dump;

	switch (dump->view) {
	case VIEW_RAW:
		begin_array(writer, "fields");
		write_fields(writer);
		break;
	case VIEW_WORKERS:
		begin_array(writer, "workers");
		write_workers(writer);
		break;
	case VIEW_EVENTS:
		begin_array(writer, "events");
		dump_each_event(dump, write_event, writer);
		break;
	case VIEW_POLICY:
		begin_array(writer, "components");
		selection_walk(&dump->selection, write_limits, writer);
		break;
	default:
		begin_array(writer, "workers");
		write_workers(writer);
		fputc(']', dump->out);
		begin_array(writer, "components");
		selection_walk(&dump->selection, write_component, writer);
	}
	fputs("]}\n", dump->out);
}

void dump_json(struct dump *dump)
{
	static const char *const schemas[] = {"shmquota.dump", "shmquota.raw", "shmquota.workers", "shmquota.policy",
	                                      "shmquota.events"};
	struct writer writer = {.dump = dump};

	if (selection_group(&dump->selection) < 0)
		exit(fail(EXIT_FAILED, NULL, "out of memory"));
	fprintf(dump->out,
	        "{\"schema\":\"%s\",\"version\":1,\"library\":\"%s\",\"time_unix_ns\":%" PRIu64 ",\"now_ns\":%" PRIu64
	        ",\n",
	        schemas[dump->view], shmq_version(), realtime_ns(), dump->overview.now_ns);
	json_line(dump->out, "\"segment\":", json_segment(&dump->overview));
	write_document(&writer);
}

void dump_ndjson(struct dump *dump)
{
	struct writer writer = {.dump = dump, .separator = ""};

	switch (dump->view) {
	case VIEW_RAW:
		writer.schema = "shmquota.field";
		write_fields(&writer);
		break;
	case VIEW_WORKERS:
		writer.schema = "shmquota.worker";
		write_workers(&writer);
		break;
	case VIEW_EVENTS:
		writer.schema = "shmquota.event";
		dump_each_event(dump, write_event, &writer);
		break;
	case VIEW_POLICY:
		writer.schema = "shmquota.limits";
		selection_walk(&dump->selection, write_limits, &writer);
		break;
	default:
		writer.schema = "shmquota.row";
		selection_walk(&dump->selection, write_rows, &writer);
	}
}
