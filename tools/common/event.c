/* SPDX-License-Identifier: MIT */
/*
 * Sentences of events. Kinds that a newer library writes are shown by their figures.
 */
#include "event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* The quota that an event is about, if it is still there. */
static bool read_quota(struct shmq_quota *out, struct shmq_segment *segment, const struct shmq_event *event)
{
	struct shmq_component *component;
	bool is_read;

	*out = (struct shmq_quota){.size = sizeof(*out)};
	if (shmq_component_at(&component, segment, event->refused_by) != 0)
		return false;
	is_read = shmq_component_quota(component, out) == 0;
	shmq_component_put(component);
	return is_read;
}

/* An event has a bucket's burst as its limit; at which rate it fills says the quota, if that is still the same one. */
static struct label limit_of(struct shmq_segment *segment, const struct shmq_event *event, bool unicode)
{
	struct shmq_quota quota;
	int r = event->resource;

	if (shmq_resource_is_rate(r) && read_quota(&quota, segment, event) && quota.algorithm[r] == SHMQ_BUCKET &&
	    event->limit == (quota.burst[r] ? quota.burst[r] : quota.limit[r]))
		return bucket_label(r, quota.limit[r], event->limit, quota.period_ns[r], unicode);
	return limit_label(r, event->limit, event->period_ns, unicode);
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

/* There is one such event a second: what an event tells of that had to wait may be over, as with its window. */
static bool is_late(struct shmq_segment *segment, const struct shmq_event *event)
{
	bool is_critical = event->kind == SHMQ_EVENT_CRITICAL;
	uint64_t percent = is_critical ? SHMQ_CRITICAL_PERCENT : SHMQ_WARNING_PERCENT;
	struct shmq_quota quota;

	if ((!is_critical && event->kind != SHMQ_EVENT_WARNING) || event->resource < 0)
		return false;
	if (read_quota(&quota, segment, event)) {
		uint64_t own = is_critical ? quota.critical[event->resource] : quota.warning[event->resource];

		percent = own ? own : percent;
	}
	return event->used * 100 < event->limit * percent;
}

static void write_threshold(char *out, size_t size, struct shmq_segment *segment, const struct shmq_event *event,
                            bool unicode)
{
	snprintf(out, size, "%s%s of %s used, %s %%", is_late(segment, event) ? "reached a moment before; now " : "",
	         amount_label(event->resource, event->used, unicode).text, limit_of(segment, event, unicode).text,
	         percent_label(event->used, event->limit).text);
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
	case SHMQ_EVENT_NOTE:
		snprintf(out, size, "%s", event->text);
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
	fputs("  ", out);
	text_printable(printable, sizeof(printable), *event->component_name ? event->component_name : "-");
	cell_left(out, style, TINT_BOLD, printable, 16);
	fprintf(out, "  %-8s  ",
	        event->resource >= 0 && event->resource < SHMQ_RESOURCES ? shmq_resource_name(event->resource) : "-");
	event_sentence(sentence, sizeof(sentence), segment, event, style->unicode);
	fprintf(out, "%s\n", text_printable(printable, sizeof(printable), sentence));
}
