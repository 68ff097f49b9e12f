/* SPDX-License-Identifier: MIT */
/*
 * Sentences and objects of events. Kinds that a newer library writes are shown by their figures.
 */
#include "event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "units.h"

enum tint event_tint(const struct shmq_event *event)
{
	switch (event->kind) {
	case SHMQ_EVENT_QUOTA_VIOLATION:
	case SHMQ_EVENT_CAPABILITY_VIOLATION:
	case SHMQ_EVENT_CRITICAL:
		return TINT_RED;
	case SHMQ_EVENT_WOULD_DENY:
	case SHMQ_EVENT_WARNING:
	case SHMQ_EVENT_WORKER_RECOVERED:
		return TINT_YELLOW;
	case SHMQ_EVENT_WARNING_CLEARED:
	case SHMQ_EVENT_CRITICAL_CLEARED:
		return TINT_GREEN;
	default:
		return TINT_NONE;
	}
}

/* " by group:x" where it is not the component's own limit that refused. */
static void write_refuser(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event)
{
	char printable[TEXT_PRINTABLE_MAX];
	struct shmq_component *group;

	*out = '\0';
	if (event->refused_by == event->component || shmq_component_at(&group, segment, event->refused_by) != 0)
		return;
	snprintf(out, size, " by %s", text_printable(printable, sizeof(printable), shmq_component_name(group)));
	shmq_component_put(group);
}

/* An event has a bucket's burst as its limit; at which rate it fills says the quota, if that is still the same one. */
static struct label limit_of(struct shmq_segment *segment, const struct shmq_event *event, bool unicode)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct label label = limit_label(event->resource, event->limit, event->period_ns, unicode);
	struct shmq_component *component;
	int r = event->resource;

	if (!shmq_resource_is_rate(r) || shmq_component_at(&component, segment, event->refused_by) != 0)
		return label;
	if (shmq_component_quota(component, &quota) == 0 && quota.algorithm[r] == SHMQ_BUCKET &&
	    event->limit == (quota.burst[r] ? quota.burst[r] : quota.limit[r]))
		label = bucket_label(r, quota.limit[r], event->limit, quota.period_ns[r], unicode);
	shmq_component_put(component);
	return label;
}

static void write_violation(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event,
                            const char *verb, bool unicode)
{
	char group[TEXT_PRINTABLE_MAX + 8], origin[256], place[300] = "", more[48] = "";

	write_refuser(group, sizeof(group), segment, event);
	if (event->suppressed > 0)
		snprintf(more, sizeof(more), ", and %" PRIu64 " more", event->suppressed);
	if (shmq_event_origin(segment, event, origin, sizeof(origin)) > 0)
		snprintf(place, sizeof(place), " (%s)", origin);
	snprintf(out, size, "%s%s %s: %s of %s used%s%s", verb, group,
	         amount_label(event->resource, event->requested, unicode).text,
	         amount_label(event->resource, event->used, unicode).text, limit_of(segment, event, unicode).text, more,
	         place);
}

static void write_threshold(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event,
                            bool unicode)
{
	snprintf(out, size, "%s of %s used, %s %%", amount_label(event->resource, event->used, unicode).text,
	         limit_of(segment, event, unicode).text, percent_label(event->used, event->limit).text);
}

char *event_sentence(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event, bool unicode)
{
	switch (event->kind) {
	case SHMQ_EVENT_QUOTA_VIOLATION:
		write_violation(out, size, segment, event, "refused", unicode);
		break;
	case SHMQ_EVENT_WOULD_DENY:
		write_violation(out, size, segment, event, "would be refused", unicode);
		break;
	case SHMQ_EVENT_CAPABILITY_VIOLATION:
		snprintf(out, size, "forbidden: %s", event->text);
		break;
	case SHMQ_EVENT_WARNING:
	case SHMQ_EVENT_WARNING_CLEARED:
	case SHMQ_EVENT_CRITICAL:
	case SHMQ_EVENT_CRITICAL_CLEARED:
		write_threshold(out, size, segment, event, unicode);
		break;
	case SHMQ_EVENT_POLICY_PUBLISHED:
		snprintf(out, size, "generation %" PRIu64 ", by thread %" PRIu32, event->policy_generation, event->pid);
		break;
	case SHMQ_EVENT_WORKER_RECOVERED:
		snprintf(out, size, "thread %" PRIu64 " was dead; recovered by thread %" PRIu32, event->requested,
		         event->pid);
		break;
	default:
		snprintf(out, size, "%s%sby thread %" PRIu32, event->text, *event->text ? ", " : "", event->pid);
	}
	return out;
}

void event_line(FILE *out, const struct style *style, struct shmq_segment *segment, const struct shmq_event *event)
{
	const char *kind = shmq_event_kind_name(event->kind);
	char sentence[1024], printable[TEXT_PRINTABLE_MAX];

	fprintf(out, "%s  ", time_label(event->time_unix_ns).text);
	cell_left(out, style, event_tint(event), kind ? kind : "unknown", 22);
	text_printable(printable, sizeof(printable), *event->component_name ? event->component_name : "-");
	cell_left(out, style, TINT_BOLD, printable, 16);
	fprintf(out, "  %-8s  ",
	        event->resource >= 0 && event->resource < SHMQ_RESOURCES ? shmq_resource_name(event->resource) : "-");
	event_sentence(sentence, sizeof(sentence), segment, event, style->unicode);
	fprintf(out, "%s\n", text_printable(printable, sizeof(printable), sentence));
}

json_t *json_event(struct shmq_segment *segment, const struct shmq_event *event)
{
	const char *kind = shmq_event_kind_name(event->kind);
	bool has_resource = event->resource >= 0 && event->resource < SHMQ_RESOURCES;
	bool has_component = event->component != SHMQ_NO_COMPONENT;
	char origin[256] = "";
	json_t *object;

	shmq_event_origin(segment, event, origin, sizeof(origin));
	object = json_pack("{so so so so so so so so}", "sequence", json_u64(event->sequence), "lost",
	                   json_u64(event->lost), "time_unix_ns", json_u64(event->time_unix_ns), "kind",
	                   kind ? json_string(kind) : json_integer(event->kind), "component",
	                   has_component ? json_text(event->component_name) : json_null(), "id",
	                   has_component ? json_u64(event->component) : json_null(), "resource",
	                   has_resource ? json_string(shmq_resource_name(event->resource)) : json_null(), "refused_by",
	                   has_component ? json_u64(event->refused_by) : json_null());
	if (!object)
		return NULL;
	json_object_set_new(object, "used", json_u64(event->used));
	json_object_set_new(object, "requested", json_u64(event->requested));
	json_object_set_new(object, "limit", json_limit(event->limit));
	json_object_set_new(object, "period_ns", json_u64(event->period_ns));
	json_object_set_new(object, "suppressed", json_u64(event->suppressed));
	json_object_set_new(object, "policy_generation", json_u64(event->policy_generation));
	json_object_set_new(object, "pid", json_u64(event->pid));
	json_object_set_new(object, "origin", *origin ? json_text(origin) : json_null());
	json_object_set_new(object, "text", *event->text ? json_text(event->text) : json_null());
	return object;
}
