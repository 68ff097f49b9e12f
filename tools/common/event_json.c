/* SPDX-License-Identifier: MIT */
/*
 * Events as objects for programs.
 *
 * There is one form of an event, wherever it is written: lines that were gathered by 'shmquota audit' and those that
 * somebody saved with 'shm-dump' can be searched by the same query. What does not apply is null, never left out.
 */
#include "event.h"

#include "json.h"
#include "units.h"

#define SENTENCE_MAX 1024

/* The name of who refused: a group, or the component itself. */
static json_t *json_refuser(struct shmq_segment *segment, const struct shmq_event *event)
{
	struct shmq_component *group;
	json_t *name;

	if (event->kind != SHMQ_EVENT_QUOTA_VIOLATION && event->kind != SHMQ_EVENT_WOULD_DENY)
		return json_null();
	if (event->refused_by == event->component)
		return json_text(event->component_name);
	if (shmq_component_at(&group, segment, event->refused_by) != 0)
		return json_null();
	name = json_text(shmq_component_name(group));
	shmq_component_put(group);
	return name;
}

static json_t *json_text_or_null(const char *text)
{
	return *text ? json_text(text) : json_null();
}

/* What the event is, and of whom. A component that is gone has a name still, but no place. */
static json_t *json_head(const char *name, const struct shmq_event *event)
{
	const char *kind = shmq_event_kind_name(event->kind);

	return json_pack("{ss so ss si so so so so so}", "time", utc_label(event->time_unix_ns).text, "time_unix_ns",
	                 json_u64(event->time_unix_ns), "schema", "shmquota.event", "version", 1, "segment",
	                 json_text(name), "sequence", json_u64(event->sequence), "kind",
	                 kind ? json_string(kind) : json_integer(event->kind), "component",
	                 json_text_or_null(event->component_name), "id",
	                 event->component != SHMQ_NO_COMPONENT ? json_u64(event->component) : json_null());
}

static void add_figures(json_t *object, const struct shmq_event *event)
{
	bool has_resource = event->resource >= 0 && event->resource < SHMQ_RESOURCES;

	json_object_set_new(object, "resource",
	                    has_resource ? json_string(shmq_resource_name(event->resource)) : json_null());
	json_object_set_new(object, "used", has_resource ? json_u64(event->used) : json_null());
	json_object_set_new(object, "requested", has_resource ? json_u64(event->requested) : json_null());
	json_object_set_new(object, "limit", has_resource ? json_limit(event->limit) : json_null());
	json_object_set_new(object, "period_ns",
	                    has_resource && event->period_ns ? json_u64(event->period_ns) : json_null());
}

json_t *json_event(struct shmq_segment *segment, const char *name, const struct shmq_event *event, uint64_t lost)
{
	json_t *object = json_head(name, event);
	char rule[256] = "", message[SENTENCE_MAX];

	if (!object)
		return NULL;
	shmq_event_origin(segment, event, rule, sizeof(rule));
	add_figures(object, event);
	json_object_set_new(object, "refused_by", json_refuser(segment, event));
	json_object_set_new(object, "suppressed", json_u64(event->suppressed));
	json_object_set_new(object, "lost", json_u64(lost));
	json_object_set_new(object, "rule", json_text_or_null(rule));
	json_object_set_new(object, "pid", json_u64(event->pid));
	json_object_set_new(object, "dead_pid",
	                    event->kind == SHMQ_EVENT_WORKER_RECOVERED ? json_u64(event->requested) : json_null());
	json_object_set_new(object, "policy_generation", json_u64(event->policy_generation));
	json_object_set_new(object, "text", json_text_or_null(event->text));
	json_object_set_new(object, "message",
	                    json_text(event_sentence(message, sizeof(message), segment, event, false)));
	return object;
}
