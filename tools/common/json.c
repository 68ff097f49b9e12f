/* SPDX-License-Identifier: MIT */
/*
 * JSON values that both programs write.
 *
 * Whole documents are never built in memory: a segment may hold a million components. Each element is built, written
 * and freed on its own.
 */
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "render.h"
#include "thread.h"

json_t *json_u64(uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(text, sizeof(text), "%" PRIu64, value);
	return json_string(text);
}

json_t *json_limit(uint64_t value)
{
	return value == SHMQ_UNLIMITED ? json_null() : json_u64(value);
}

json_t *json_text(const char *text)
{
	char printable[TEXT_PRINTABLE_MAX];
	json_t *value = json_string(text);

	return value ? value : json_string(text_printable(printable, sizeof(printable), text));
}

static json_t *json_value(const struct value *value)
{
	switch (value->type) {
	case VALUE_NUMBER:
		return json_u64(value->number);
	case VALUE_REAL:
		return json_real(value->real);
	case VALUE_TRUTH:
		return json_boolean(value->number);
	case VALUE_TEXT:
		return json_text(value->text);
	default:
		return json_null();
	}
}

/* Set the member "a.b" as member "b" of the object "a", which is made where it is missing. */
static void set_member(json_t *object, const char *name, json_t *value)
{
	const char *dot = strchr(name, '.');
	char outer[32];
	json_t *inner;

	if (!dot) {
		json_object_set_new(object, name, value);
		return;
	}
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	inner = json_object_get(object, outer);
	if (!inner) {
		inner = json_object();
		json_object_set_new(object, outer, inner);
	}
	json_object_set_new(inner, dot + 1, value);
}

static json_t *json_counters(enum counter_scope scope, const struct subject *subject, size_t first)
{
	json_t *object = json_object();
	size_t count;
	const struct counter *counters = counters_of(scope, &count);

	for (size_t i = first; i < count; i++) {
		struct value value = counters[i].read(subject);

		set_member(object, counters[i].name, json_value(&value));
	}
	return object;
}

json_t *json_segment(const struct overview *overview)
{
	return json_counters(SCOPE_SEGMENT, &(struct subject){overview, NULL}, 0);
}

json_t *json_figures(const struct row *row)
{
	size_t count;
	const struct counter *counters = counters_of(SCOPE_RESOURCE, &count);

	/* The table begins with what a row is of. */
	return json_counters(SCOPE_RESOURCE, &(struct subject){NULL, row},
	                     (size_t)(counter_find(SCOPE_RESOURCE, "kind") - counters));
}

json_t *json_rule(const struct row *row)
{
	static const char *const names[] = {"limit", "period_ns", "algorithm",       "enforcement",     "burst",
	                                    "rate",  "lease",     "warning_percent", "critical_percent"};
	json_t *object = json_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct counter *counter = counter_find(SCOPE_RESOURCE, names[i]);
		struct value value = counter->read(&(struct subject){NULL, row});

		set_member(object, counter->name, json_value(&value));
	}
	return object;
}

json_t *json_row(const struct row *row)
{
	return json_counters(SCOPE_RESOURCE, &(struct subject){NULL, row}, 0);
}

json_t *json_worker(const struct shmq_worker *worker)
{
	struct thread_look look = thread_look(worker);
	char state[2] = {look.state, '\0'};

	return json_pack("{so so sb sb so so so so}", "slot", json_u64(worker->slot), "tid", json_u64(worker->tid),
	                 "alive", worker->alive, "reading", worker->reading, "epoch",
	                 worker->reading ? json_u64(worker->epoch) : json_null(), "attached_ns",
	                 json_u64(worker->attached_ns), "command",
	                 *look.command ? json_text(look.command) : json_null(), "state",
	                 look.state ? json_string(state) : json_null());
}

bool json_write(FILE *stream, const char *prefix, json_t *value)
{
	const size_t how = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12);
	bool is_written = value && fputs(prefix, stream) != EOF && json_dumpf(value, stream, how) == 0;

	json_decref(value);
	return is_written;
}

void json_line(FILE *stream, const char *prefix, json_t *value)
{
	/* Only memory or the disk can be short here. */
	if (!json_write(stream, prefix, value))
		exit(fail(EXIT_FAILED, NULL, "cannot write the JSON output: out of memory or disk space"));
}
