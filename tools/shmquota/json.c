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
#include <time.h>

#include "failure.h"
#include "render.h"

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

json_t *json_time(uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	char text[64], day[32];
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return json_null();
	snprintf(text, sizeof(text), "%s.%09uZ", day, (unsigned)(unix_ns % 1000000000));
	return json_string(text);
}

json_t *json_segment(const char *name, const struct shmq_info *info, const struct worker_count *workers)
{
	char signature[24];
	json_t *layout, *components, *threads, *policy, *controller, *rcu;

	snprintf(signature, sizeof(signature), "%016" PRIx64, info->signature);
	layout = json_pack("{so so ss}", "major", json_u64(info->layout_major), "minor", json_u64(info->layout_minor),
	                   "signature", signature);
	components = json_pack("{so so so}", "capacity", json_u64(info->components), "registered",
	                       json_u64(info->components_used), "retired", json_u64(info->retired));
	threads =
	    json_pack("{so so so so}", "capacity", json_u64(info->threads), "attached", json_u64(info->threads_used),
	              "alive", json_u64(workers->alive), "dead", json_u64(workers->dead));
	policy = json_pack("{so so}", "generation", json_u64(info->policy_generation), "bytes",
	                   json_u64(info->policy_bytes));
	controller = json_pack("{so so}", "pid", info->controller_pid ? json_u64(info->controller_pid) : json_null(),
	                       "steals", json_u64(info->controller_steals));
	rcu = json_pack("{so so}", "epoch", json_u64(info->epoch), "done_epoch", json_u64(info->done_epoch));
	return json_pack("{so ss sb so so so so so so so so so so}", "name", json_text(name), "state",
	                 segment_state(workers), "persistent", info->persistent, "created",
	                 json_time(info->created_unix_ns), "created_unix_ns", json_u64(info->created_unix_ns),
	                 "creator_pid", json_u64(info->creator_pid), "layout", layout, "policy", policy, "usage",
	                 json_pack("{so}", "bytes", json_u64(info->usage_bytes)), "components", components, "threads",
	                 threads, "controller", controller, "rcu", rcu);
}

void json_line(FILE *stream, const char *prefix, json_t *value)
{
	/* Only memory can be short here; half a document must not pass for a whole one. */
	if (!value || fputs(prefix, stream) == EOF || json_dumpf(value, stream, JSON_COMPACT) != 0)
		exit(fail(EXIT_FAILED, NULL, "cannot write the JSON output: out of memory or disk space"));
	json_decref(value);
}
