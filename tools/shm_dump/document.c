/* SPDX-License-Identifier: MIT */
/*
 * A dump as one JSON document, "shmquota.dump" version 1: the segment, its workers, its components.
 *
 * Each worker and component stands on a line of its own, written as it is read, so that the document can be of any
 * size and can also be searched line by line.
 */
#include "dump.h"

#include <inttypes.h>
#include <stdio.h>

#include "json.h"

static const char *unit_of(int resource)
{
	if (resource == SHMQ_MESSAGES)
		return "messages";
	return resource == SHMQ_CPU ? "microseconds" : "bytes";
}

static json_t *json_resource(int resource, const struct shmq_resource_status *status, uint64_t period_ns)
{
	bool rate = shmq_resource_is_rate(resource);
	json_t *figures;

	figures =
	    json_pack("{ss ss so so so sf ss so so so so}", "kind", rate ? "rate" : "level", "unit", unit_of(resource),
	              "used", json_u64(status->used), "limit", json_limit(status->limit), "available",
	              json_limit(status->available), "percentage", status->percentage, "alarm",
	              alarm_name(alarm_of(status)), "peak", json_u64(status->peak), "total", json_u64(status->total),
	              "denied", json_u64(status->denied), "would_deny", json_u64(status->would_deny));
	if (figures && rate) {
		json_object_set_new(figures, "period_ns", json_u64(period_ns));
		json_object_set_new(figures, "window_end_ns", json_u64(status->window_end_ns));
	}
	return figures;
}

static json_t *json_component(struct shmq_component *component, const struct shmq_status *status,
                              const struct shmq_quota *quota)
{
	json_t *resources = json_object();

	for (int r = 0; r < SHMQ_RESOURCES; r++)
		json_object_set_new(resources, shmq_resource_name(r),
		                    json_resource(r, &status->resource[r], quota->period_ns[r]));
	return json_pack("{so so so}", "id", json_u64(shmq_component_id(component)), "name",
	                 json_text(shmq_component_name(component)), "resources", resources);
}

static json_t *json_worker(const struct shmq_worker *worker)
{
	char command[TEXT_PRINTABLE_MAX] = "";

	if (worker->alive)
		thread_command(command, worker->tid);
	return json_pack("{so so sb sb so so so}", "slot", json_u64(worker->slot), "tid", json_u64(worker->tid),
	                 "alive", worker->alive, "reading", worker->reading, "epoch",
	                 worker->reading ? json_u64(worker->epoch) : json_null(), "attached_ns",
	                 json_u64(worker->attached_ns), "command", *command ? json_text(command) : json_null());
}

static void write_workers(const struct dump *dump)
{
	const char *separator = "\n";

	for (uint32_t slot = 0; slot < dump->info.threads; slot++) {
		struct shmq_worker worker;

		if (shmq_worker_at(dump->segment, slot, &worker) != 0)
			continue;
		json_line(stdout, separator, json_worker(&worker));
		separator = ",\n";
	}
}

static void write_components(const struct dump *dump)
{
	struct shmq_component *component;
	const char *separator = "\n";
	uint32_t cursor = 0;

	while ((component = dump_next(dump, &cursor))) {
		struct shmq_status status;
		struct shmq_quota quota;

		if (dump_read(component, &status, &quota)) {
			json_line(stdout, separator, json_component(component, &status, &quota));
			separator = ",\n";
		}
		shmq_component_put(component);
	}
}

/* The first members of every document: what it is, who wrote it and when, and of which segment. */
static void write_head(const struct dump *dump, const char *schema)
{
	printf("{\"schema\":\"%s\",\"version\":1,\"library\":\"%s\",\"now_ns\":%" PRIu64 ",\n", schema, shmq_version(),
	       dump->now_ns);
	json_line(stdout, "\"segment\":", json_segment(dump->name, &dump->info, &dump->workers));
}

void dump_json(const struct dump *dump)
{
	write_head(dump, "shmquota.dump");
	fputs(",\n\"workers\":[", stdout);
	write_workers(dump);
	fputs("],\n\"components\":[", stdout);
	write_components(dump);
	fputs("]}\n", stdout);
}

void dump_raw_json(const struct dump *dump)
{
	const char *separator = "\n";
	struct shmq_field field;
	uint64_t cursor = 0;

	write_head(dump, "shmquota.raw");
	fputs(",\n\"fields\":[", stdout);
	while (shmq_field_next(dump->segment, &cursor, &field) == 1) {
		json_t *value = field.width <= 8 ? json_u64(field.value) : json_null();

		json_line(stdout, separator,
		          json_pack("{ss ss so ss so so so}", "object", field.object, "structure", field.structure,
		                    "index", json_u64(field.index), "name", field.name, "offset",
		                    json_u64(field.offset), "width", json_u64(field.width), "value", value));
		separator = ",\n";
	}
	fputs("]}\n", stdout);
}
