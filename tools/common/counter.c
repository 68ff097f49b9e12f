/* SPDX-License-Identifier: MIT */
/*
 * The table of counters.
 *
 * Each row names a small function that reads the figure; they stand above their table in the same order.
 */
#include "counter.h"

#include <string.h>

static struct value absent(void)
{
	return (struct value){.type = VALUE_ABSENT};
}

static struct value number(uint64_t figure)
{
	return (struct value){.type = VALUE_NUMBER, .number = figure};
}

static struct value real(double figure)
{
	return (struct value){.type = VALUE_REAL, .real = figure};
}

static struct value truth(bool figure)
{
	return (struct value){.type = VALUE_TRUTH, .number = figure};
}

static struct value text(const char *figure)
{
	return (struct value){.type = VALUE_TEXT, .text = figure};
}

/* A word of policies, or nothing where there is none. */
static struct value word(const char *name)
{
	return name ? text(name) : absent();
}

/* A word that stands for a number. */
static struct value coded(const char *figure, uint64_t code)
{
	return (struct value){.type = VALUE_TEXT, .text = figure, .number = code};
}

static struct value bounded(uint64_t figure)
{
	struct value unlimited = {.type = VALUE_UNLIMITED};

	return figure == SHMQ_UNLIMITED ? unlimited : number(figure);
}

static struct value number_or_absent(bool is_there, uint64_t figure)
{
	return is_there ? number(figure) : absent();
}

/* ---- The segment ------------------------------------------------------------------------------------------------- */

#define SEGMENT_READ(function, expression)                                                                             \
	static struct value segment_##function(const struct subject *subject)                                          \
	{                                                                                                              \
		const struct overview *it = subject->overview;                                                         \
		return expression;                                                                                     \
	}

SEGMENT_READ(name, text(it->name))
SEGMENT_READ(liveness, text(segment_state(&it->workers)))
SEGMENT_READ(persistent, truth(it->info.persistent))
SEGMENT_READ(created, text(it->created))
SEGMENT_READ(created_ns, number(it->info.created_unix_ns))
SEGMENT_READ(creator_pid, number(it->info.creator_pid))
SEGMENT_READ(major, number(it->info.layout_major))
SEGMENT_READ(minor, number(it->info.layout_minor))
SEGMENT_READ(signature, text(it->signature))
SEGMENT_READ(generation, number(it->info.policy_generation))
SEGMENT_READ(policy_bytes, number(it->info.policy_bytes))
SEGMENT_READ(usage_bytes, number(it->info.usage_bytes))
SEGMENT_READ(hugepages, truth(it->info.hugepages))
SEGMENT_READ(huge_bytes, number(it->info.huge_bytes))
SEGMENT_READ(components, number(it->info.components))
SEGMENT_READ(registered, number(it->info.components_used))
SEGMENT_READ(retired, number(it->info.retired))
SEGMENT_READ(threads, number(it->info.threads))
SEGMENT_READ(attached, number(it->info.threads_used))
SEGMENT_READ(alive, number(it->workers.alive))
SEGMENT_READ(dead, number(it->workers.dead))
SEGMENT_READ(controller_pid, number_or_absent(it->info.controller_pid != 0, it->info.controller_pid))
SEGMENT_READ(steals, number(it->info.controller_steals))
SEGMENT_READ(epoch, number(it->info.epoch))
SEGMENT_READ(done_epoch, number(it->info.done_epoch))

static const struct counter segment_counters[] = {
    {"name", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_name, "the name of the segment", ""},
    {"state", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_liveness, "live, idle or crashed",
     "Live where a worker is attached and alive, idle where nobody is attached, crashed where all who are attached are "
     "dead."},
    {"persistent", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_persistent, "whether it outlives its creator",
     "A segment that is not persistent is replaced when its creator is dead and nobody has it open."},
    {"created", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_created, "when it was created", "RFC 3339, in UTC."},
    {"created_unix_ns", NULL, NULL, KIND_GAUGE, UNIT_UNIX_NS, "created_timestamp", segment_created_ns,
     "when it was created",
     "A change means that the host made its segment anew: all other figures started again then."},
    {"creator_pid", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_creator_pid, "the process that created it",
     "It may have ended since."},
    {"layout.major", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_major, "major version of the layout",
     "Libraries of another major version refuse the segment."},
    {"layout.minor", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_minor, "minor version of the layout", ""},
    {"layout.signature", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_signature,
     "signature of all sizes and offsets of the layout", ""},
    {"policy.generation", NULL, NULL, KIND_COUNTER, UNIT_NONE, "policies_published", segment_generation,
     "how many policies were published",
     "It grows by one with each publish; where it does not grow after a reload, the reload failed."},
    {"policy.bytes", NULL, NULL, KIND_GAUGE, UNIT_BYTES, "policy_object", segment_policy_bytes,
     "size of the policy object", ""},
    {"usage.bytes", NULL, NULL, KIND_GAUGE, UNIT_BYTES, "usage_object", segment_usage_bytes, "size of the usage object",
     ""},
    {"hugepages", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_hugepages, "whether huge pages were asked for",
     "By hugepages = yes in [segment]."},
    {"huge.bytes", NULL, NULL, KIND_GAUGE, UNIT_BYTES, "huge", segment_huge_bytes,
     "how much of both objects got huge pages",
     "0 where the file system gives none: /dev/shm must be mounted with huge=advise before the segment is made."},
    {"components.capacity", NULL, NULL, KIND_GAUGE, UNIT_NONE, "components_capacity", segment_components,
     "how many components fit", "Fixed when the segment is created."},
    {"components.registered", NULL, NULL, KIND_GAUGE, UNIT_NONE, "components_registered", segment_registered,
     "how many components are registered", ""},
    {"components.retired", NULL, NULL, KIND_GAUGE, UNIT_NONE, "components_retired", segment_retired,
     "how many unregistered components wait for their grace period",
     "They take room until every worker has left the read section it was in. Where the figure does not fall, a worker "
     "is stopped: shm-dump --workers shows which."},
    {"threads.capacity", NULL, NULL, KIND_GAUGE, UNIT_NONE, "threads_capacity", segment_threads,
     "how many threads may be attached", "Fixed when the segment is created."},
    {"threads.attached", NULL, NULL, KIND_GAUGE, UNIT_NONE, "threads_attached", segment_attached,
     "how many thread slots carry an owner",
     "Dead ones included. When it reaches the capacity, further threads are refused (EAGAIN)."},
    {"threads.alive", NULL, NULL, KIND_GAUGE, UNIT_NONE, "threads_alive", segment_alive,
     "how many attached threads are alive", ""},
    {"threads.dead", NULL, NULL, KIND_GAUGE, UNIT_NONE, "threads_dead", segment_dead,
     "how many attached threads are dead", "What they held is given back by shmq_housekeep() or shmquota reap."},
    {"controller.pid", NULL, NULL, KIND_LABEL, UNIT_NONE, NULL, segment_controller_pid, "who holds the controller lock",
     "Absent where nobody does."},
    {"controller.steals", NULL, NULL, KIND_COUNTER, UNIT_NONE, "controller_steals", segment_steals,
     "how often the controller lock was taken over from a dead owner",
     "Each one is a process that was killed while it published, registered or unregistered."},
    {"rcu.epoch", NULL, NULL, KIND_COUNTER, UNIT_NONE, "rcu_epochs", segment_epoch, "the current epoch", ""},
    {"rcu.done_epoch", NULL, NULL, KIND_COUNTER, UNIT_NONE, "rcu_epochs_done", segment_done_epoch,
     "the last epoch whose grace period is over",
     "Where it stays far behind the current epoch, a worker is stopped inside an operation."},
};

/* ---- One resource of one component ------------------------------------------------------------------------------- */

#define ROW_READ(function, expression)                                                                                 \
	static struct value row_##function(const struct subject *subject)                                              \
	{                                                                                                              \
		const struct row *it = subject->row;                                                                   \
		return expression;                                                                                     \
	}

ROW_READ(component, text(it->component))
ROW_READ(id, number(it->id))
ROW_READ(resource, text(shmq_resource_name(it->resource)))
ROW_READ(kind, text(shmq_resource_is_rate(it->resource) ? "rate" : "level"))
ROW_READ(unit, text(resource_unit_name(it->resource)))
ROW_READ(used, number(it->status.used))
ROW_READ(limit, bounded(it->status.limit))
ROW_READ(available, bounded(it->status.available))
ROW_READ(percentage, it->status.limit == SHMQ_UNLIMITED ? absent() : real(it->status.percentage))
ROW_READ(alarm, coded(alarm_name(it->alarm), it->alarm))
ROW_READ(peak, number(it->status.peak))
ROW_READ(total, number(it->status.total))
ROW_READ(denied, number(it->status.denied))
ROW_READ(would_deny, number(it->status.would_deny))
ROW_READ(period, number_or_absent(shmq_resource_is_rate(it->resource), it->period_ns))
ROW_READ(window_end, number_or_absent(shmq_resource_is_rate(it->resource), it->status.window_end_ns))
ROW_READ(algorithm, word(shmq_resource_is_rate(it->resource) ? shmq_algorithm_name(it->algorithm) : NULL))
ROW_READ(enforcement, word(shmq_enforcement_name(it->enforcement)))
ROW_READ(burst, number_or_absent(it->burst > 0, it->burst))
ROW_READ(rate, number_or_absent(it->burst > 0, it->rate))
ROW_READ(lease, number_or_absent(it->lease > 0, it->lease))
/* A group takes nothing itself: it has what its members take. */
static bool may_lease(const struct row *row)
{
	return row->lease > 0 || row->status.leased > 0 || (shmq_resource_is_rate(row->resource) && row_is_group(row));
}

ROW_READ(leased, number_or_absent(may_lease(it), it->status.leased))
ROW_READ(warning, number(it->warning))
ROW_READ(critical, number(it->critical))
ROW_READ(resets_in, number_or_absent(it->status.used > 0 && it->status.window_end_ns > it->now_ns,
                                     it->status.window_end_ns - it->now_ns))

static const struct counter row_counters[] = {
    {"component", NULL, "COMPONENT", KIND_LABEL, UNIT_NONE, NULL, row_component, "the name of the component", ""},
    {"id", NULL, "ID", KIND_LABEL, UNIT_NONE, NULL, row_id, "the place of the component in the segment",
     "Used again after the component was unregistered."},
    {"resource", NULL, "RESOURCE", KIND_LABEL, UNIT_NONE, NULL, row_resource,
     "storage, messages, network, cpu or memory", ""},
    {"kind", NULL, "KIND", KIND_LABEL, UNIT_NONE, NULL, row_kind, "rate or level",
     "A rate is counted per window and forgotten with it; a level is kept until it is released."},
    {"unit", NULL, "UNIT", KIND_LABEL, UNIT_NONE, NULL, row_unit, "bytes, messages or microseconds", ""},
    {"used", NULL, "USED", KIND_GAUGE, UNIT_RESOURCE, "used", row_used, "how much is used",
     "Of a rate what was taken in this window, of a level what is held."},
    {"limit", NULL, "LIMIT", KIND_GAUGE, UNIT_RESOURCE, "limit", row_limit, "how much may be used",
     "Per window for a rate. In JSON null where there is no limit."},
    {"available", NULL, "AVAILABLE", KIND_GAUGE, UNIT_RESOURCE, NULL, row_available, "how much is left",
     "Never below zero, also where a limit was lowered below what is used."},
    {"percentage", "used_pct", "%", KIND_GAUGE, UNIT_PERCENT, "used", row_percentage, "how much of the limit is used",
     "Above 100 where a limit was lowered, or where use was recorded that had happened already. Absent without a "
     "limit; of a limit of zero it is 0 or 100."},
    {"alarm", NULL, "ALARM", KIND_GAUGE, UNIT_NONE, "alarm", row_alarm, "ok (0), warning (1) or critical (2)",
     "Words in JSON and columns, a number as a metric."},
    {"peak", NULL, "PEAK", KIND_GAUGE, UNIT_RESOURCE, "peak", row_peak,
     "the most that was used at a time or in one window",
     "Since the component was registered or reset. A good first guess when a limit has to be chosen."},
    {"total", NULL, "TOTAL", KIND_COUNTER, UNIT_RESOURCE, "taken", row_total, "everything ever taken",
     "Since the component was registered; a reset does not change it, and what is released or cancelled is not taken "
     "off."},
    {"denied", NULL, "DENIED", KIND_COUNTER, UNIT_NONE, "denied", row_denied, "how many operations were refused",
     "Refusals are what users feel: a rising figure matters more than a high percentage."},
    {"would_deny", NULL, "WOULD DENY", KIND_COUNTER, UNIT_NONE, "would_deny", row_would_deny,
     "operations admitted only because the component just warns",
     "What would be refused if the limit were enforced: look here before enforcing it."},
    {"period_ns", "period", "PERIOD", KIND_GAUGE, UNIT_NS, "period", row_period, "length of the window of a rate",
     "Absent for levels."},
    {"algorithm", NULL, "ALGORITHM", KIND_LABEL, UNIT_NONE, NULL, row_algorithm, "how a rate is counted",
     "Window, sliding or bucket; absent for levels."},
    {"enforcement", NULL, "ENFORCE", KIND_LABEL, UNIT_NONE, NULL, row_enforcement, "what is done above the limit",
     "Deny refuses, warn admits and counts it as would_deny, off only counts."},
    {"burst", NULL, "BURST", KIND_GAUGE, UNIT_RESOURCE, NULL, row_burst, "how much a bucket holds",
     "Absent for what is no bucket."},
    {"rate", NULL, "RATE", KIND_GAUGE, UNIT_RESOURCE, NULL, row_rate, "how much flows into a bucket in a period",
     "Absent for what is no bucket. In JSON and -b the limit of a bucket is its burst, since that is what is used up."},
    {"lease", NULL, "LEASE", KIND_GAUGE, UNIT_RESOURCE, NULL, row_lease, "how much a thread may take ahead",
     "Absent where the policy gives no lease."},
    {"leased", NULL, "LEASED", KIND_GAUGE, UNIT_RESOURCE, "leased", row_leased,
     "how much of what is used threads have taken ahead",
     "It counts as used, and only they can use it until the window ends. What dead threads have of it is given back by "
     "shmq_housekeep() or shmquota reap. Absent where there is no lease; of a group, what its members have."},
    {"warning_percent", NULL, "WARN AT", KIND_GAUGE, UNIT_NONE, NULL, row_warning, "the warning threshold, in percent",
     ""},
    {"critical_percent", NULL, "CRIT AT", KIND_GAUGE, UNIT_NONE, NULL, row_critical,
     "the critical threshold, in percent", ""},
    {"window_end_ns", NULL, NULL, KIND_GAUGE, UNIT_NS, NULL, row_window_end, "when the window ends, CLOCK_MONOTONIC",
     "Absent for levels."},
    {"resets_in_ns", "resets_in", "RESETS IN", KIND_GAUGE, UNIT_NS, NULL, row_resets_in,
     "how long until the window ends", "Absent for levels, and for rates of which nothing is used."},
};

/* ---- Looking things up ------------------------------------------------------------------------------------------- */

const struct counter *counters_of(enum counter_scope scope, size_t *count)
{
	*count = scope == SCOPE_SEGMENT ? sizeof(segment_counters) / sizeof(segment_counters[0])
	                                : sizeof(row_counters) / sizeof(row_counters[0]);
	return scope == SCOPE_SEGMENT ? segment_counters : row_counters;
}

const struct counter *counter_find(enum counter_scope scope, const char *name)
{
	size_t count;
	const struct counter *counters = counters_of(scope, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(counters[i].name, name) == 0 || (counters[i].alias && strcmp(counters[i].alias, name) == 0))
			return &counters[i];
	}
	return NULL;
}

const char *counter_kind_name(enum counter_kind kind)
{
	static const char *const names[] = {"label", "gauge", "counter"};

	return names[kind];
}

const char *resource_unit_name(int resource)
{
	if (resource == SHMQ_MESSAGES)
		return "messages";
	return resource == SHMQ_CPU ? "microseconds" : "bytes";
}

bool value_number(const struct value *value, long double *out)
{
	switch (value->type) {
	case VALUE_NUMBER:
	case VALUE_TRUTH:
		*out = value->number;
		return true;
	case VALUE_UNLIMITED:
		*out = SHMQ_UNLIMITED;
		return true;
	case VALUE_REAL:
		*out = value->real;
		return true;
	default:
		return false;
	}
}
