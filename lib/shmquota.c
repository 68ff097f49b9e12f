/* SPDX-License-Identifier: MIT */
/*
 * The public interface, in the order of shmquota.h: checks arguments, calls down. What is done with a component stands in
 * shmquota_use.c.
 */
#include <shmquota.h>

#include "base/process.h"
#include "base/text.h"
#include "core/directory.h"
#include "core/handle.h"
#include "core/publication.h"
#include "core/report.h"
#include "core/tracker.h"
#include "core/valid.h"
#include "core/worker.h"
#include "policy/format.h"
#include "policy/manifest.h"
#include "policy/messages.h"
#include "policy/publish.h"
#include "policy/query.h"
#include "policy/units.h"
#include "policy/values.h"
#include "shm/fields.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static_assert(TEXT_NAME_MAX == SHMQ_NAME_MAX, "one rule for names");

#define STRING(x) #x
#define VERSION(major, minor, patch) STRING(major) "." STRING(minor) "." STRING(patch)

/* ---- Results ---- */

const char *shmq_strerror(int result)
{
	return message_of_result(result);
}

const char *shmq_version(void)
{
	return VERSION(SHMQ_VERSION_MAJOR, SHMQ_VERSION_MINOR, SHMQ_VERSION_PATCH);
}

/* ---- Resources and quotas ---- */

const char *shmq_resource_name(int resource)
{
	static const char *const names[SHMQ_RESOURCES] = {"storage", "messages", "network", "cpu", "memory"};

	return tracker_is_resource(resource) ? names[resource] : NULL;
}

bool shmq_resource_is_rate(int resource)
{
	return tracker_is_rate(resource);
}

int shmq_parse_size(uint64_t *bytes, const char *text)
{
	return bytes == NULL || text == NULL ? -EINVAL : units_parse_size(bytes, text);
}

int shmq_parse_bandwidth(uint64_t *bytes_per_second, const char *text)
{
	return bytes_per_second == NULL || text == NULL ? -EINVAL : units_parse_bandwidth(bytes_per_second, text);
}

int shmq_parse_cpu(uint64_t *us_per_second, const char *text)
{
	return us_per_second == NULL || text == NULL ? -EINVAL : units_parse_cpu(us_per_second, text);
}

int shmq_parse_duration(uint64_t *ns, const char *text)
{
	return ns == NULL || text == NULL ? -EINVAL : units_parse_duration(ns, text);
}

static int check_quota(const struct shmq_quota *quota)
{
	if (quota->size < sizeof(*quota))
		return -EINVAL;
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		uint64_t period_ns = quota->period_ns[i];

		if (quota->limit[i] > SHMQ_AMOUNT_MAX && quota->limit[i] != SHMQ_UNLIMITED)
			return -EOVERFLOW;
		if (!tracker_is_rate(i) && period_ns != 0)
			return -EINVAL;
		if (tracker_is_rate(i) &&
		    (period_ns < SHMQ_PERIOD_MIN_NS || period_ns > SHMQ_PERIOD_MAX_NS || period_ns % NS_PER_MS != 0))
			return -EINVAL;
		if (quota->enforcement[i] > SHMQ_ENFORCE_OFF || quota->warning[i] > 100 || quota->critical[i] > 100)
			return -EINVAL;
		if (quota->algorithm[i] > (tracker_is_rate(i) ? SHMQ_BUCKET : SHMQ_WINDOW))
			return -EINVAL;
		if (quota->burst[i] > SHMQ_AMOUNT_MAX || quota->lease[i] > UINT32_MAX)
			return -EOVERFLOW;
		if (quota->lease[i] > 0 && (!tracker_is_rate(i) || quota->algorithm[i] != SHMQ_WINDOW))
			return -EINVAL;
	}
	return quota->inheritance > SHMQ_INHERIT_RESET ? -EINVAL : 0;
}

/* ---- Segment ---- */

int shmq_segment_create(struct shmq_segment **out, const char *name, const struct shmq_options *options)
{
	const struct shmq_options defaults = SHMQ_OPTIONS_DEFAULT;

	if (options == NULL)
		options = &defaults;
	if (out == NULL || name == NULL || options->size < sizeof(*options) || (options->mode & ~0777U) != 0)
		return -EINVAL;
	return segment_create(out, name, options, directory_init);
}

int shmq_segment_open(struct shmq_segment **out, const char *name, enum shmq_access access)
{
	if (out == NULL || name == NULL || access < SHMQ_CONTROL || access > SHMQ_EXAMINE)
		return -EINVAL;
	return segment_open(out, name, access);
}

void shmq_segment_close(struct shmq_segment *segment)
{
	if (segment == NULL)
		return;
	worker_detach_all(segment);
	handle_close_all(segment);
	segment_close(segment);
}

int shmq_segment_remove(const char *name)
{
	return name == NULL ? -EINVAL : segment_remove(name);
}

static uint32_t count_owned_slots(const struct shmq_segment *segment)
{
	uint32_t owned = 0;

	for (uint32_t i = 0; i < segment->layout.threads; i++)
		owned += shm_load_relaxed(&segment->slots[i].owner) != 0; /* relaxed: a figure for people */
	return owned;
}

int shmq_segment_info(struct shmq_segment *segment, struct shmq_info *out)
{
	const struct shmq_shm_header *header;
	const struct shmq_shm_control *control;

	if (segment == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	header = &segment->policy->header;
	control = &segment->policy->control;
	/* Relaxed loads are of figures for people. */
	*out = (struct shmq_info){
	    .size = sizeof(*out),
	    .name = segment->name,
	    .layout_major = header->major,
	    .layout_minor = header->minor,
	    .signature = header->signature,
	    .components = segment->layout.components,
	    .components_used = shm_load32_relaxed(&control->registered),
	    .threads = segment->layout.threads,
	    .threads_used = count_owned_slots(segment),
	    .policy_bytes = segment->layout.policy_bytes,
	    .usage_bytes = segment->layout.usage_bytes,
	    .policy_generation = shm_load_relaxed(&control->generation),
	    .created_unix_ns = header->created_unix_ns,
	    .creator_pid = process_tid(header->creator),
	    .persistent = header->persistent != 0,
	    .epoch = shm_load_relaxed(&control->epoch),
	    .done_epoch = shm_load_relaxed(&control->done),
	    .controller_steals = shm_load_relaxed(&control->steals),
	    .controller_pid = process_tid(shm_load_relaxed(&control->lock)),
	    .retired = shm_load32_relaxed(&control->retired),
	    .hugepages = (header->features & FEATURE_HUGE_PAGES) != 0,
	    .huge_bytes = header->huge_bytes + segment->usage->header.huge_bytes,
	};
	return 0;
}

/* ---- Policy ---- */

int shmq_complaint_format(char *text, size_t size, const struct shmq_complaint *complaint)
{
	return complaint == NULL || (text == NULL && size > 0) ? -EINVAL
	                                                       : policy_complaint_format(text, size, complaint);
}

int shmq_policy_load(struct shmq_policy **out, const char *const paths[], size_t count, struct shmq_report *report)
{
	return out == NULL || paths == NULL || count == 0 ? -EINVAL : policy_load(out, paths, count, report);
}

void shmq_policy_free(struct shmq_policy *policy)
{
	if (policy != NULL)
		policy_free(policy);
}

const char *shmq_policy_segment(const struct shmq_policy *policy, struct shmq_options *options)
{
	if (policy == NULL)
		return NULL;
	if (options != NULL)
		*options = policy->options;
	return policy_segment_name(policy);
}

size_t shmq_policy_count(const struct shmq_policy *policy)
{
	return policy == NULL ? 0 : policy_count(policy, SHMQ_RULE_COMPONENT);
}

const char *shmq_policy_component(const struct shmq_policy *policy, size_t index, struct shmq_quota *quota)
{
	size_t count = shmq_policy_count(policy);
	const struct policy_rule *rule;

	if (policy == NULL || index > count)
		return NULL;
	rule = &policy->rules[index == count ? 0 : policy->first[SHMQ_RULE_COMPONENT] + index];
	if (quota != NULL)
		*quota = rule->quota;
	return rule->name;
}

static bool has_rule(const struct shmq_policy *policy, size_t index)
{
	return index < policy->first[SHMQ_RULE_KINDS];
}

int shmq_policy_rule(const struct shmq_policy *policy, size_t index, struct shmq_rule *out)
{
	if (policy == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	if (!has_rule(policy, index))
		return -ENOENT;
	query_rule(policy, index, out);
	return 0;
}

size_t shmq_policy_find(const struct shmq_policy *policy, const char *name)
{
	return policy == NULL || name == NULL ? SIZE_MAX : policy_find(policy, name);
}

int shmq_policy_grant(const struct shmq_policy *policy, size_t index, size_t number, struct shmq_policy_grant *out)
{
	if (policy == NULL || out == NULL)
		return -EINVAL;
	return has_rule(policy, index) ? query_grant(policy, index, number, out) : -ENOENT;
}

int shmq_policy_origin(const struct shmq_policy *policy, size_t index, const char *key, struct shmq_origin *out)
{
	if (policy == NULL || key == NULL || out == NULL)
		return -EINVAL;
	return index == SHMQ_RULE_SEGMENT || has_rule(policy, index) ? query_origin(policy, index, key, out) : -ENOENT;
}

const char *shmq_policy_file(const struct shmq_policy *policy, size_t index)
{
	return policy == NULL || index >= policy->draft.file_count ? NULL : policy->draft.files[index];
}

int shmq_quota_format(char *text, size_t size, const struct shmq_quota *quota, int resource)
{
	return quota == NULL || (text == NULL && size > 0) ? -EINVAL : format_limit(text, size, quota, resource);
}

int shmq_amount_format(char *text, size_t size, int resource, uint64_t amount)
{
	return text == NULL && size > 0 ? -EINVAL : format_amount(text, size, resource, amount);
}

const char *shmq_algorithm_name(int algorithm)
{
	return values_algorithm(algorithm);
}

const char *shmq_enforcement_name(int enforcement)
{
	return values_enforcement(enforcement);
}

const char *shmq_inheritance_name(int inheritance)
{
	return values_inheritance(inheritance);
}

int shmq_manifest_load(struct shmq_manifest **out, const char *path, struct shmq_report *report)
{
	return out == NULL || path == NULL ? -EINVAL : manifest_load(out, path, report);
}

void shmq_manifest_free(struct shmq_manifest *manifest)
{
	if (manifest != NULL)
		manifest_free(manifest);
}

const char *shmq_manifest_name(const struct shmq_manifest *manifest)
{
	return manifest == NULL ? NULL : manifest_name(manifest);
}

const char *shmq_manifest_version(const struct shmq_manifest *manifest)
{
	return manifest == NULL ? NULL : manifest_version(manifest);
}

int shmq_manifest_quota(const struct shmq_manifest *manifest, struct shmq_quota *out)
{
	if (manifest == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	*out = manifest->quota;
	return 0;
}

/* What was done becomes an event, if it was done. */
static int told(const struct shmq_segment *segment, int kind, const char *name, int result)
{
	struct directory_key key = {.index = SHMQ_NO_COMPONENT};

	if (result != 0)
		return result;
	if (name != NULL)
		directory_find(segment, name, strlen(name), &key);
	report_change(segment, kind, key.index, name);
	return 0;
}

int shmq_policy_publish(struct shmq_segment *segment, const struct shmq_policy *policy)
{
	if (segment == NULL || policy == NULL)
		return -EINVAL;
	return told(segment, SHMQ_EVENT_POLICY_PUBLISHED, NULL, publish_policy(segment, policy));
}

/* ---- Components ---- */

/* Returns the length of a proper name, or 0. */
static size_t name_length(const char *name)
{
	size_t length = name == NULL ? 0 : strnlen(name, SHMQ_NAME_MAX + 1);

	return length > 0 && text_is_component_name(name, length) ? length : 0;
}

int shmq_component_register(struct shmq_segment *segment, const char *name, const struct shmq_quota *quota)
{
	size_t length = name_length(name);
	int result = quota == NULL ? 0 : check_quota(quota);

	if (segment == NULL || length == 0 || text_is_group_name(name))
		return -EINVAL;
	if (result == 0)
		result = directory_register(segment, name, length, quota);
	return told(segment, SHMQ_EVENT_COMPONENT_REGISTERED, name, result);
}

int shmq_component_set(struct shmq_segment *segment, const char *name, const struct shmq_quota *quota)
{
	size_t length = name_length(name);
	int result = segment == NULL || length == 0 || quota == NULL ? -EINVAL : check_quota(quota);

	if (result == 0)
		result = publication_change(segment, name, length, quota);
	return told(segment, SHMQ_EVENT_COMPONENT_CHANGED, name, result);
}

int shmq_component_unregister(struct shmq_segment *segment, const char *name)
{
	size_t length = name_length(name);

	if (segment == NULL || length == 0)
		return -EINVAL;
	return told(segment, SHMQ_EVENT_COMPONENT_UNREGISTERED, name, directory_unregister(segment, name, length));
}

int shmq_component_find(struct shmq_component **out, struct shmq_segment *segment, const char *name)
{
	size_t length;

	if (out == NULL || segment == NULL || name == NULL)
		return -EINVAL;
	/* What is registered is a proper name; only a miss must tell a bad name from an unknown one. */
	length = strnlen(name, SHMQ_NAME_MAX + 1);
	if (length <= SHMQ_NAME_MAX) {
		int result = handle_find(out, segment, name, length);

		if (result != -ENOENT)
			return result;
	}
	return name_length(name) == 0 ? -EINVAL : -ENOENT;
}

int shmq_component_find_many(struct shmq_component *out[], struct shmq_segment *segment, const char *const names[],
                             size_t count)
{
	if (out == NULL || segment == NULL || names == NULL || count > INT_MAX)
		return -EINVAL;
	return handle_find_many(out, segment, names, count);
}

int shmq_component_at(struct shmq_component **out, struct shmq_segment *segment, uint32_t id)
{
	return out == NULL || segment == NULL ? -EINVAL : handle_at(out, segment, id);
}

uint32_t shmq_component_id(const struct shmq_component *component)
{
	return component->key.index;
}

const char *shmq_component_name(const struct shmq_component *component)
{
	return handle_name(component);
}

void shmq_component_put(struct shmq_component *component)
{
	if (component != NULL)
		handle_put(component);
}

/* ---- Housekeeping and inspection ---- */

int shmq_housekeep(struct shmq_segment *segment)
{
	int recovered, result;

	if (segment == NULL)
		return -EINVAL;
	recovered = worker_recover(segment);
	if (recovered < 0 || segment_writable(segment) == NULL)
		return recovered;
	result = directory_housekeep(segment);
	return result < 0 && result != -EBUSY ? result : recovered;
}

int shmq_worker_at(struct shmq_segment *segment, uint32_t slot, struct shmq_worker *out)
{
	return segment == NULL || out == NULL ? -EINVAL : worker_at(segment, slot, out);
}

int shmq_field_next(struct shmq_segment *segment, uint64_t *cursor, struct shmq_field *out)
{
	return segment == NULL || cursor == NULL || out == NULL ? -EINVAL : fields_next(segment, cursor, out);
}

int shmq_segment_verify(struct shmq_segment *segment, void (*complain)(void *context, const struct shmq_defect *defect),
                        void *context)
{
	return segment == NULL ? -EINVAL : valid_segment(segment, complain, context);
}
