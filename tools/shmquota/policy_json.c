/* SPDX-License-Identifier: MIT */
/*
 * A policy as JSON; see policy_json.h. Rules are written one by one, so that a document never lies in memory.
 */
#include "policy_json.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "rule_text.h"

static json_t *text_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

/* ---- Rules ------------------------------------------------------------------------------------------------------- */

static json_t *limit_json(const struct shmq_quota *quota, int resource)
{
	json_t *limit =
	    json_pack("{so ss sI sI}", "limit", json_limit(quota->limit[resource]), "enforce",
	              shmq_enforcement_name(quota->enforcement[resource]), "warn", (json_int_t)quota->warning[resource],
	              "critical", (json_int_t)quota->critical[resource]);

	if (limit && shmq_resource_is_rate(resource)) {
		json_object_set_new(limit, "period_ns", json_u64(quota->period_ns[resource]));
		json_object_set_new(limit, "algorithm", json_string(shmq_algorithm_name(quota->algorithm[resource])));
		json_object_set_new(limit, "burst", json_u64(quota->burst[resource]));
		json_object_set_new(limit, "lease", json_u64(quota->lease[resource]));
	}
	return limit;
}

static json_t *quota_json(const struct shmq_quota *quota)
{
	json_t *object = json_object();

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		json_object_set_new(object, shmq_resource_name(resource), limit_json(quota, resource));
	json_object_set_new(object, "inherit", json_string(shmq_inheritance_name(quota->inheritance)));
	return object;
}

/* The values with their places, as policies spell them. */
static json_t *values_json(const struct rule_text *rule)
{
	json_t *values = json_array();

	for (size_t i = 0; i < VALUES; i++) {
		const struct rule_value *value = &rule->values[i];

		if (*value->text)
			json_array_append_new(values,
			                      json_pack("{ss so so}", "key", value->key, "value",
			                                json_text(value->text), "origin", text_or_null(value->origin)));
	}
	return values;
}

static json_t *grants_json(const struct rule_text *rule)
{
	json_t *grants = json_array();

	for (size_t i = VALUES; i < rule->count; i++)
		json_array_append_new(grants, json_pack("{ss so so}", "permission", rule->values[i].key, "pattern",
		                                        json_text(rule->values[i].text), "origin",
		                                        text_or_null(rule->values[i].origin)));
	return grants;
}

static json_t *rule_json(const struct rule_text *rule, const struct shmq_quota *quota, const char *class_name)
{
	const char *group = rule->values[VALUE_GROUP].text;

	return json_pack("{ss so so so so so so}", "kind", rule_kind_name(rule->kind), "name",
	                 json_text(rule_bare_name(rule)), "class", text_or_null(class_name), "group",
	                 strcmp(group, "none") == 0 ? json_null() : json_text(group), "quota", quota_json(quota),
	                 "values", values_json(rule), "grants", grants_json(rule));
}

/* ---- Of files ---------------------------------------------------------------------------------------------------- */

static json_t *files_json(const struct shmq_policy *policy)
{
	json_t *files = json_array();
	const char *file;

	for (size_t i = 0; (file = shmq_policy_file(policy, i)); i++)
		json_array_append_new(files, json_text(file));
	return files;
}

static json_t *options_json(const struct shmq_policy *policy)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	const char *name = shmq_policy_segment(policy, &options);
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", (unsigned)options.mode);
	return json_pack("{so sI sI sI sI sI ss sb sb sb}", "name", text_or_null(name), "components",
	                 (json_int_t)options.components, "threads", (json_int_t)options.threads, "reservations",
	                 (json_int_t)options.reservations, "events", (json_int_t)options.events, "rules_bytes",
	                 (json_int_t)options.rules_bytes, "mode", mode, "persistent", options.persistent, "membarrier",
	                 options.membarrier, "hugepages", options.hugepages);
}

static void write_rule(FILE *stream, const struct shmq_policy *policy, size_t index, const char *prefix)
{
	struct shmq_rule rule = {.size = sizeof(rule)};
	struct rule_text text;

	shmq_policy_rule(policy, index, &rule);
	rule_text_of_policy(&text, policy, index, RULE_ALL);
	json_line(stream, prefix, rule_json(&text, &rule.quota, rule.class_name));
	rule_text_free(&text);
}

void policy_json(FILE *stream, const struct shmq_policy *policy, const char *component)
{
	struct shmq_rule rule = {.size = sizeof(rule)};

	fputs("{\"schema\":\"shmquota.policy\",\"version\":1,", stream);
	json_line(stream, "\"files\":", files_json(policy));
	json_line(stream, ",\"segment\":", options_json(policy));
	fputs(",\"rules\":[", stream);
	if (component)
		write_rule(stream, policy, shmq_policy_find(policy, component), "\n");
	for (size_t i = 0; !component && shmq_policy_rule(policy, i, &rule) == 0; i++)
		write_rule(stream, policy, i, i ? ",\n" : "\n");
	fputs("\n]}\n", stream);
}

/* ---- In force ---------------------------------------------------------------------------------------------------- */

static bool write_component(FILE *stream, struct shmq_segment *segment, struct shmq_component *component,
                            const char *prefix)
{
	static const char *const sources[] = {"policy", "default", "program", "manifest"};
	struct shmq_quota quota = {.size = sizeof(quota)};
	int source = shmq_component_source(component);
	struct rule_text text;
	json_t *object;

	if (source < 0 || shmq_component_quota(component, &quota) != 0 ||
	    rule_text_of_component(&text, segment, component, RULE_ALL) != 0)
		return false;
	object = rule_json(&text, &quota, NULL);
	json_object_set_new(object, "source", json_string(sources[source]));
	json_line(stream, prefix, object);
	rule_text_free(&text);
	return true;
}

static void write_general(FILE *stream, struct shmq_segment *segment)
{
	struct shmq_segment_rule rule = {.size = sizeof(rule)};
	struct rule_text text;

	for (uint32_t i = 0; shmq_segment_rule(segment, i, &rule) == 0 && rule_text_of_segment(&text, segment, i) == 0;
	     i++) {
		json_line(stream, i ? ",\n" : "\n", rule_json(&text, &rule.quota, NULL));
		rule_text_free(&text);
	}
}

void policy_json_in_force(FILE *stream, struct shmq_segment *segment, const char *component)
{
	struct shmq_info info = {.size = sizeof(info)};
	bool is_first = component != NULL;

	shmq_segment_info(segment, &info);
	fputs("{\"schema\":\"shmquota.policy\",\"version\":1,", stream);
	json_line(stream, "\"segment\":",
	          json_pack("{so so}", "name", json_text(info.name), "generation", json_u64(info.policy_generation)));
	fputs(",\"rules\":[", stream);
	if (!component)
		write_general(stream, segment);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *found;

		if (shmq_component_at(&found, segment, id) != 0)
			continue;
		if ((!component || strcmp(component, shmq_component_name(found)) == 0) &&
		    write_component(stream, segment, found, is_first ? "\n" : ",\n"))
			is_first = false;
		shmq_component_put(found);
	}
	fputs("\n]}\n", stream);
}

/* ---- Complaints -------------------------------------------------------------------------------------------------- */

void complaints_json_begin(FILE *stream)
{
	fputs("{\"schema\":\"shmquota.policy-check\",\"version\":1,\"complaints\":[", stream);
}

void complaints_json_add(FILE *stream, const struct shmq_complaint *complaint, bool is_first)
{
	json_line(stream, is_first ? "\n" : ",\n",
	          json_pack("{ss so so so so so}", "severity", complaint->fatal ? "error" : "warning", "file",
	                    text_or_null(complaint->file), "line",
	                    complaint->line ? json_u64(complaint->line) : json_null(), "column",
	                    complaint->column ? json_u64(complaint->column) : json_null(), "text",
	                    json_text(complaint->text), "source", text_or_null(complaint->source)));
}

void complaints_json_end(FILE *stream, const struct shmq_policy *policy, const struct shmq_report *report)
{
	fprintf(stream, "%s],\"errors\":%zu,\"warnings\":%zu,\"components\":",
	        report->errors + report->warnings > 0 ? "\n" : "", report->errors, report->warnings);
	if (policy)
		fprintf(stream, "%zu}\n", shmq_policy_count(policy));
	else
		fputs("null}\n", stream);
}
