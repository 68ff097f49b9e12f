/* SPDX-License-Identifier: MIT */
/*
 * Filling in events. All of it is off the way of what is admitted, and of most refusals.
 */
#include "core/report.h"

#include "base/probe.h"
#include "base/process.h"
#include "core/worker.h"

#include <string.h>

static void write_note(const struct shmq_segment *segment, struct event_note *note)
{
	uint64_t token = worker_self->token;

	if (segment->access == SHMQ_OBSERVE)
		return;
	note->pid = process_tid(token != 0 ? token : process_token());
	/* relaxed: a figure for people */
	note->policy_generation = shm_load_relaxed(&segment->policy->control.generation);
	events_write(segment->events, segment->layout.events, note);
	PROBE5(event, segment->name, note->kind, note->component, note->name, note->resource);
}

static struct event_note note_about(const struct report *report, int kind, int resource)
{
	return (struct event_note){
	    .kind = kind,
	    .resource = resource,
	    .component = report->component->key.index,
	    .refused_by = report->component->key.index,
	    .name = handle_name(report->component),
	    .name_length = report->component->name_length,
	};
}

/* Add what the quota of a component says, and where it stands. */
static void add_limits(struct event_note *note, const struct report *report, int resource, uint32_t component)
{
	struct quota_rule rule;
	struct tracker_limits limits = tracker_limits(&report->quotas[component], resource);

	quota_load(&rule, &report->quotas[component]);
	note->limit = limits.capacity; /* of a bucket its burst */
	note->period_ns = limits.period_ms * NS_PER_MS;
	note->place = rule.place[resource];
}

/* Once a second: looked at again rather than handed down all the way. */
static void tell_refusal(const struct report *report, int resource, uint64_t amount, uint32_t refuser, bool is_denied,
                         uint64_t suppressed)
{
	const struct shmq_segment *segment = report->component->segment;
	struct event_note note =
	    note_about(report, is_denied ? SHMQ_EVENT_QUOTA_VIOLATION : SHMQ_EVENT_WOULD_DENY, resource);
	struct tracker_limits limits = tracker_limits(&report->quotas[refuser], resource);
	struct shmq_verdict seen = {.requested = amount};

	tracker_check(&segment->trackers[refuser], resource, &limits, amount, &seen);
	add_limits(&note, report, resource, refuser);
	note.suppressed = suppressed;
	note.refused_by = refuser;
	note.requested = amount;
	/* What was admitted in spite of it is in there already. */
	note.used = is_denied ? seen.current : seen.current - (seen.current < amount ? seen.current : amount);
	write_note(segment, &note);
	/* An edge that was put off has nobody else to tell of it where nothing is admitted any more. */
	report_threshold(report, resource, refuser, seen.current);
}

/* Whoever finds that a second has passed adds up how many there were. */
static void tell_if_due(const struct report *report, int resource, uint64_t amount, uint32_t refuser, bool is_denied,
                        uint64_t now_s)
{
	const struct shmq_segment *segment = report->component->segment;
	uint32_t index = report->component->key.index;
	struct shmq_shm_tracker *own = &segment->trackers[index];
	/* relaxed: figures for people */
	uint64_t count = shm_load_relaxed(&own->denied[resource]) + tally_sum(segment, index, resource) +
	                 shm_load_relaxed(&own->would_deny[resource]);
	uint64_t suppressed;

	if (event_is_due(&own->reported[resource], count, now_s, &suppressed))
		tell_refusal(report, resource, amount, refuser, is_denied, suppressed);
}

void report_refusal(const struct report *report, int resource, uint64_t amount, uint32_t refuser, bool is_denied)
{
	struct shmq_shm_tracker *trackers = report->component->segment->trackers;
	uint32_t index = report->component->key.index;
	uint64_t now_s = clock_coarse_s();

	if (is_denied)
		PROBE4(denial, report->component->segment->name, index, resource, amount);
	/* relaxed: figures for people */
	shm_add_relaxed(&(is_denied ? trackers[index].denied : trackers[index].would_deny)[resource], 1);
	if (refuser != index)
		shm_add_relaxed(&(is_denied ? trackers[refuser].denied : trackers[refuser].would_deny)[resource], 1);
	if (!event_is_fresh(&trackers[index].reported[resource], now_s))
		tell_if_due(report, resource, amount, refuser, is_denied, now_s);
}

void report_denied(struct report report, int resource, uint64_t amount, uint64_t now_s)
{
	tell_if_due(&report, resource, amount, report.component->key.index, true, now_s);
}

void report_forbidden(const struct report *report, const char *permission, const char *target)
{
	const struct shmq_segment *segment = report->component->segment;
	struct shmq_shm_tracker *tracker = &segment->trackers[report->component->key.index];
	struct event_note note = note_about(report, SHMQ_EVENT_CAPABILITY_VIOLATION, SHMQ_NONE);
	uint64_t count = shm_fetch_add_relaxed(&tracker->forbidden, 1) + 1; /* relaxed: a figure for people */
	char text[SHMQ_EVENT_TEXT_MAX + 1];

	PROBE4(forbidden, segment->name, handle_name(report->component), permission, target);
	if (!event_is_due(&tracker->forbidden_reported, count, clock_coarse_s(), &note.suppressed))
		return;
	note.text_length = events_describe(text, permission, target);
	note.text = text;
	write_note(segment, &note);
}

void report_threshold(const struct report *report, int resource, uint32_t component, uint64_t used)
{
	const struct shmq_segment *segment = report->component->segment;
	struct tracker_limits limits = tracker_limits(&report->quotas[component], resource);
	struct event_note note = note_about(report, 0, resource);
	struct directory_key key;
	char name[SHMQ_NAME_MAX + 1];
	uint64_t held = used;

	/* That a window begins with nothing used is no news: a threshold of a rate is held by the window before, too. */
	if (tracker_is_rate(resource)) {
		uint64_t former = window_former(tracker_rate(&segment->trackers[component], resource));

		held = former > used ? former : used;
	}
	note.kind = threshold_cross(&segment->trackers[component].threshold[resource], held, limits.capacity,
	                            limits.mode >> MODE_WARNING_AT & ((1 << MODE_PERCENT_BITS) - 1),
	                            limits.mode >> MODE_CRITICAL_AT & ((1 << MODE_PERCENT_BITS) - 1), clock_coarse_s(),
	                            &note.suppressed);
	if (note.kind == 0)
		return;
	if (component != note.component) {
		note.component = note.refused_by = component;
		note.name_length = 0;
		if (directory_at(segment, component, &key) == 0 && directory_name(segment, &key, name)) {
			note.name = name;
			note.name_length = strlen(name);
		}
	}
	add_limits(&note, report, resource, component);
	note.used = held;
	write_note(segment, &note);
}

void report_text(const struct shmq_segment *segment, uint32_t component, const char *name, const char *text)
{
	struct event_note note = {.kind = SHMQ_EVENT_NOTE,
	                          .resource = SHMQ_NONE,
	                          .component = component,
	                          .refused_by = component,
	                          .name = name,
	                          .name_length = name != NULL ? strnlen(name, SHMQ_NAME_MAX) : 0,
	                          .text = text,
	                          .text_length = strnlen(text, SHMQ_EVENT_TEXT_MAX + 1)};

	write_note(segment, &note);
}

void report_change(const struct shmq_segment *segment, int kind, uint32_t component, const char *name)
{
	struct event_note note = {.kind = kind, .resource = SHMQ_NONE, .component = component, .refused_by = component};

	if (name != NULL) {
		note.name = name;
		note.name_length = strnlen(name, SHMQ_NAME_MAX);
	}
	write_note(segment, &note);
}

void report_recovery(const struct shmq_segment *segment, uint32_t tid)
{
	struct event_note note = {.kind = SHMQ_EVENT_WORKER_RECOVERED,
	                          .resource = SHMQ_NONE,
	                          .component = SHMQ_NO_COMPONENT,
	                          .refused_by = SHMQ_NO_COMPONENT,
	                          .requested = tid};

	PROBE2(recovery, segment->name, tid);
	write_note(segment, &note);
}
