/* SPDX-License-Identifier: MIT */
/*
 * The public interface, in the order of shmquota.h: checks arguments, calls down.
 */
#include <shmquota.h>

#include "base/process.h"
#include "base/text.h"
#include "core/demands.h"
#include "core/directory.h"
#include "core/handle.h"
#include "core/operation.h"
#include "core/reservation.h"
#include "core/tracker.h"
#include "core/valid.h"
#include "core/worker.h"
#include "policy/messages.h"
#include "policy/policy.h"
#include "policy/publish.h"
#include "policy/units.h"
#include "shm/fields.h"

#include <errno.h>
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

static bool is_resource(int resource)
{
	return resource >= 0 && resource < SHMQ_RESOURCES;
}

const char *shmq_resource_name(int resource)
{
	static const char *const names[SHMQ_RESOURCES] = {"storage", "messages", "network", "cpu", "memory"};

	return is_resource(resource) ? names[resource] : NULL;
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
	}
	return 0;
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
	if (out == NULL || name == NULL || access < SHMQ_CONTROL || access > SHMQ_OBSERVE)
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
	return policy->segment_name;
}

size_t shmq_policy_count(const struct shmq_policy *policy)
{
	return policy == NULL ? 0 : policy->count;
}

const char *shmq_policy_component(const struct shmq_policy *policy, size_t index, struct shmq_quota *quota)
{
	if (policy == NULL || index > policy->count)
		return NULL;
	if (quota != NULL)
		*quota = index == policy->count ? policy->fallback : policy->components[index].quota;
	return index == policy->count ? "" : policy->components[index].name;
}

int shmq_policy_publish(struct shmq_segment *segment, const struct shmq_policy *policy)
{
	return segment == NULL || policy == NULL ? -EINVAL : publish_policy(segment, policy);
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

	if (segment == NULL || length == 0)
		return -EINVAL;
	return result < 0 ? result : directory_register(segment, name, length, quota);
}

int shmq_component_unregister(struct shmq_segment *segment, const char *name)
{
	size_t length = name_length(name);

	return segment == NULL || length == 0 ? -EINVAL : directory_unregister(segment, name, length);
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
	return component->name;
}

void shmq_component_put(struct shmq_component *component)
{
	if (component != NULL)
		handle_put(component);
}

/* ---- Operations ---- */

static void verdict_begin(struct shmq_verdict *verdict, const struct shmq_component *c, int resource, uint64_t amount)
{
	*verdict =
	    (struct shmq_verdict){.resource = resource, .component = c == NULL ? 0 : c->key.index, .requested = amount};
}

/* The checks that all operations share; fills in a verdict even for what is refused here. */
static inline int check_arguments(const struct shmq_component *c, int resource, uint64_t amount,
                                  struct shmq_verdict *verdict)
{
	if (verdict != NULL)
		verdict_begin(verdict, c, resource, amount);
	if (c == NULL || !is_resource(resource))
		return -EINVAL;
	return amount > SHMQ_AMOUNT_MAX ? -EOVERFLOW : 0;
}

int shmq_component_quota(struct shmq_component *component, struct shmq_quota *out)
{
	struct operation look;

	if (component == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	do {
		int result = look_begin(&look, component);

		if (result < 0)
			return result;
		for (int i = 0; i < SHMQ_RESOURCES; i++) {
			struct tracker_limits limits = tracker_limits(look.quota, i);

			out->limit[i] = limits.limit;
			out->period_ns[i] = limits.period_ms * NS_PER_MS;
		}
	} while (!look_end(&look, component));
	return 0;
}

/* ---- Consuming ---- */

int shmq_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	int result = check_arguments(c, resource, amount, verdict);
	struct operation look;

	if (result < 0)
		return result;
	do {
		struct tracker_limits limits;

		result = look_begin(&look, c);
		if (result < 0)
			return result;
		limits = tracker_limits(look.quota, resource);
		result = tracker_check(look.tracker, resource, &limits, amount, verdict);
	} while (!look_end(&look, c));
	return result;
}

/* `limit_at_least` is 0 for the quota's own limit, SHMQ_UNLIMITED for what has happened already. */
static inline HOT_INLINE int take(struct shmq_component *c, int resource, uint64_t amount, uint64_t limit_at_least,
                                  struct shmq_verdict *verdict)
{
	int result = check_arguments(c, resource, amount, verdict);
	struct tracker_receipt receipt;
	struct tracker_limits limits;
	struct operation operation;

	if (result < 0)
		return result;
	result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	limits = tracker_limits(operation.quota, resource);
	if (limits.limit < limit_at_least)
		limits.limit = limit_at_least;
	result = tracker_take(c->segment, c->key.index, resource, &limits, amount, verdict, &receipt);
	operation_end(&operation);
	return result;
}

int shmq_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	return take(c, resource, amount, 0, verdict);
}

int shmq_try_consume_all(struct shmq_component *c, const struct shmq_demand *demands, size_t count,
                         struct shmq_verdict *verdict)
{
	struct operation operation;
	int result;

	if (verdict != NULL)
		verdict_begin(verdict, c, SHMQ_NONE, 0);
	if (c == NULL || demands == NULL || count == 0 || count > SHMQ_DEMANDS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		result = check_arguments(c, demands[i].resource, demands[i].amount, verdict);
		if (result < 0)
			return result;
	}
	result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	result = demands_take(&(struct reservation_context){.component = c, .slot = operation.slot}, operation.quota,
	                      demands, count, verdict);
	operation_end(&operation);
	return result;
}

int shmq_consume(struct shmq_component *c, int resource, uint64_t amount)
{
	return take(c, resource, amount, SHMQ_UNLIMITED, NULL);
}

int shmq_release(struct shmq_component *c, int resource, uint64_t amount)
{
	int result = check_arguments(c, resource, amount, NULL);
	struct operation operation;

	if (result < 0)
		return result;
	if (tracker_is_rate(resource))
		return -EOPNOTSUPP;
	result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	result = tracker_release(c->segment, c->key.index, resource, amount);
	operation_end(&operation);
	return result;
}

int shmq_reset(struct shmq_component *c)
{
	struct operation operation;
	int result = c == NULL ? -EINVAL : operation_begin(&operation, c);

	if (result < 0)
		return result;
	tracker_reset(c->segment, c->key.index, c->key.genstate);
	operation_end(&operation);
	return 0;
}

int shmq_verdict_format(char *text, size_t size, const struct shmq_verdict *verdict)
{
	return verdict == NULL || (text == NULL && size > 0) ? -EINVAL : message_of_verdict(text, size, verdict);
}

/* ---- Two-phase use ---- */

int shmq_reserve(struct shmq_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                 struct shmq_verdict *verdict)
{
	int result = check_arguments(c, resource, amount, verdict);
	struct reservation_context context;
	struct operation operation;

	if (out == NULL)
		return -EINVAL;
	out->component = NULL; /* to cancel what was refused is harmless */
	if (result == 0)
		result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	context = (struct reservation_context){c, operation.slot, tracker_limits(operation.quota, resource)};
	result = reservation_reserve(out, &context, resource, amount, verdict);
	operation_end(&operation);
	return result;
}

/* -ESTALE for a reservation of the parent process: a forked child holds nothing of it. */
static int finish_reservation(struct shmq_reservation *reservation, uint64_t actual)
{
	struct shmq_segment *segment = reservation->component->segment;
	struct directory_key key = reservation->component->key;
	struct shmq_shm_slot *slot;
	int result = worker_enter(segment, &slot);

	if (result < 0)
		return result;
	if (reservation->life == segment->private->life) {
		result = reservation_finish(reservation, actual, directory_quota(segment, &key) != NULL);
	} else {
		reservation->component = NULL;
		result = -ESTALE;
	}
	worker_leave(slot);
	return result;
}

int shmq_commit(struct shmq_reservation *reservation, uint64_t actual)
{
	if (reservation == NULL || reservation->component == NULL || actual > reservation->amount)
		return -EINVAL;
	/* All of it was used: nothing of the component is touched, so no read section is needed. */
	if (actual == reservation->amount && reservation->life == reservation->component->segment->private->life)
		return reservation_keep(reservation);
	return finish_reservation(reservation, actual);
}

void shmq_cancel(struct shmq_reservation *reservation)
{
	if (reservation != NULL && reservation->component != NULL)
		finish_reservation(reservation, 0);
}

int shmq_memory_set(struct shmq_component *c, uint64_t bytes, struct shmq_verdict *verdict)
{
	int result = check_arguments(c, SHMQ_MEMORY, bytes, verdict);
	struct reservation_context context;
	struct operation operation;

	if (result == 0)
		result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	context = (struct reservation_context){c, operation.slot, tracker_limits(operation.quota, SHMQ_MEMORY)};
	result = reservation_set_memory(&context, bytes, verdict);
	operation_end(&operation);
	return result;
}

/* ---- Watching ---- */

int shmq_status(struct shmq_component *c, struct shmq_status *out)
{
	struct operation look;

	if (c == NULL || out == NULL)
		return -EINVAL;
	do {
		int result = look_begin(&look, c);

		if (result < 0)
			return result;
		for (int i = 0; i < SHMQ_RESOURCES; i++) {
			struct tracker_limits limits = tracker_limits(look.quota, i);

			tracker_read(look.tracker, i, &limits, &out->resource[i]);
		}
	} while (!look_end(&look, c));
	return 0;
}

static bool any_used_to(struct shmq_component *c, double percentage)
{
	struct shmq_status status;

	if (shmq_status(c, &status) < 0)
		return false;
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		if (status.resource[i].percentage >= percentage)
			return true;
	return false;
}

bool shmq_is_warning(struct shmq_component *c)
{
	return any_used_to(c, 80);
}

bool shmq_is_critical(struct shmq_component *c)
{
	return any_used_to(c, 95);
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
