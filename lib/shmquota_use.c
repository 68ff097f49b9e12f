/* SPDX-License-Identifier: MIT */
/*
 * The public interface to a component's usage, in the order of shmquota.h: checks arguments, opens the frame of an
 * operation, calls down. The rest of the interface stands in shmquota.c.
 */
#include <shmquota.h>

#include "base/text.h"
#include "core/capability.h"
#include "core/demands.h"
#include "core/events.h"
#include "core/lease.h"
#include "core/plain.h"
#include "core/rules.h"
#include "policy/grants.h"
#include "policy/messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int shmq_component_quota(struct shmq_component *component, struct shmq_quota *out)
{
	struct quota_rule rule;
	struct operation look;

	if (component == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	do {
		int result = look_begin(&look, component);

		if (result < 0)
			return result;
		quota_load(&rule, look.quota);
	} while (!look_end(&look, component));
	rule.quota.size = out->size;
	*out = rule.quota;
	return 0;
}

int shmq_component_group(struct shmq_component *component, uint32_t *group)
{
	struct operation look;
	uint32_t parent;

	if (component == NULL || group == NULL)
		return -EINVAL;
	do {
		int result = look_begin(&look, component);

		if (result < 0)
			return result;
		parent = group_parent(look.quota);
	} while (!look_end(&look, component));
	if (parent == 0 || parent > component->segment->layout.components)
		return -ENOENT;
	*group = parent - 1;
	return 0;
}

bool shmq_component_is_group(struct shmq_component *component)
{
	struct operation look;
	bool is_group;

	if (component == NULL)
		return false;
	do {
		if (look_begin(&look, component) < 0)
			return false;
		is_group = (quota_flags(look.quota) & QUOTA_GROUP) != 0;
	} while (!look_end(&look, component));
	return is_group;
}

/* Write "FILE:LINE" of a rule in the policy that `quotas` belongs to. */
static int write_place(const struct shmq_segment *segment, const struct shmq_shm_quota *quotas, uint32_t place,
                       char *text, size_t size)
{
	const struct shmq_shm_rules *area = segment->rules[quotas == segment->quotas[1]];
	uint32_t length = 0;
	const char *file =
	    place == 0 ? NULL : rules_file(area, segment->layout.rules_bytes, place >> PLACE_LINE_BITS, &length);

	if (file == NULL)
		return snprintf(text, size, "%s", "");
	return snprintf(text, size, "%.*s:%u", (int)length, file, place & ((1U << PLACE_LINE_BITS) - 1));
}

int shmq_component_origin(struct shmq_component *component, int resource, char *text, size_t size)
{
	struct operation look;
	int length;

	if (component == NULL || !tracker_is_resource(resource) || (text == NULL && size > 0))
		return -EINVAL;
	do {
		struct quota_rule rule;
		int result = look_begin(&look, component);

		if (result < 0)
			return result;
		quota_load(&rule, look.quota);
		length = write_place(component->segment, look.quota - component->key.index, rule.place[resource], text,
		                     size);
	} while (!look_end(&look, component));
	return length;
}

/* ---- Consuming ---- */

int shmq_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	if (verdict != NULL)
		return plain_check_over(c, resource, amount, verdict);
	if (tracker_is_rate(resource))
		return plain_check_rate(c, resource, amount);
	if (resource == SHMQ_STORAGE)
		return plain_check_level(c, SHMQ_STORAGE, amount);
	return resource == SHMQ_MEMORY ? plain_check_level(c, SHMQ_MEMORY, amount) : -EINVAL;
}

/* Functions of their own, with constants: what each needs fits into registers. */
static __attribute__((noinline)) int try_consume_rate(struct shmq_component *c, int resource, uint64_t amount)
{
	return plain_take_rate(c, resource, amount, false, NULL, NULL);
}

static __attribute__((noinline)) int try_consume_rate_told(struct shmq_component *c, int resource, uint64_t amount,
                                                           struct shmq_verdict *verdict)
{
	return plain_take_rate(c, resource, amount, false, NULL, verdict);
}

static __attribute__((noinline)) int try_consume_storage(struct shmq_component *c, uint64_t amount)
{
	return plain_take_level(c, SHMQ_STORAGE, amount, false, NULL);
}

static __attribute__((noinline)) int try_consume_memory(struct shmq_component *c, uint64_t amount)
{
	return plain_take_level(c, SHMQ_MEMORY, amount, false, NULL);
}

static __attribute__((noinline)) int try_consume_level_told(struct shmq_component *c, int resource, uint64_t amount,
                                                            struct shmq_verdict *verdict)
{
	return plain_take_level(c, resource, amount, false, verdict);
}

static int try_consume_level(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	if (resource != SHMQ_STORAGE && resource != SHMQ_MEMORY)
		return arguments_check(c, resource, amount, verdict);
	if (verdict != NULL)
		return try_consume_level_told(c, resource, amount, verdict);
	return resource == SHMQ_STORAGE ? try_consume_storage(c, amount) : try_consume_memory(c, amount);
}

/* By what this thread has taken ahead, if it is enough. */
static inline HOT_INLINE bool spend(struct shmq_component *c, int resource, uint64_t amount, const uint64_t *told_ns,
                                    struct shmq_verdict *verdict)
{
	if (verdict != NULL)
		verdict_begin(verdict, c, resource, amount);
	return lease_spend(c, resource, amount, told_ns, verdict);
}

static inline HOT_INLINE bool is_perhaps_leased(const struct shmq_component *c, int resource)
{
	return __builtin_expect(c != NULL && lease_is_likely(c, resource), 0);
}

static __attribute__((noinline)) int try_consume_leased(struct shmq_component *c, int resource, uint64_t amount,
                                                        struct shmq_verdict *verdict)
{
	if (spend(c, resource, amount, NULL, verdict))
		return SHMQ_OK;
	return plain_start_over(c, resource, amount, false, verdict); /* not enough, or none any more */
}

int shmq_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	if (!tracker_is_rate(resource))
		return try_consume_level(c, resource, amount, verdict);
	if (is_perhaps_leased(c, resource))
		return try_consume_leased(c, resource, amount, verdict);
	return verdict == NULL ? try_consume_rate(c, resource, amount)
	                       : try_consume_rate_told(c, resource, amount, verdict);
}

int shmq_try_consume_at(struct shmq_component *c, int resource, uint64_t amount, uint64_t now_ns,
                        struct shmq_verdict *verdict)
{
	if (!tracker_is_rate(resource))
		return try_consume_level(c, resource, amount, verdict);
	if (is_perhaps_leased(c, resource) && spend(c, resource, amount, &now_ns, verdict))
		return SHMQ_OK;
	return plain_take_rate(c, resource, amount, false, &now_ns, verdict);
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
		result = arguments_check(c, demands[i].resource, demands[i].amount, verdict);
		if (result < 0)
			return result;
	}
	result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	result = demands_take(c, &operation, demands, count, verdict);
	operation_end(&operation);
	return result;
}

int shmq_consume(struct shmq_component *c, int resource, uint64_t amount)
{
	if (tracker_is_rate(resource))
		return plain_take_rate(c, resource, amount, true, NULL, NULL);
	if (resource == SHMQ_STORAGE)
		return plain_take_level(c, SHMQ_STORAGE, amount, true, NULL);
	return resource == SHMQ_MEMORY ? plain_take_level(c, SHMQ_MEMORY, amount, true, NULL) : -EINVAL;
}

int shmq_release(struct shmq_component *c, int resource, uint64_t amount)
{
	if (resource == SHMQ_STORAGE)
		return plain_release_level(c, SHMQ_STORAGE, amount);
	if (resource == SHMQ_MEMORY)
		return plain_release_level(c, SHMQ_MEMORY, amount);
	return plain_release_over(c, resource, amount);
}

int shmq_reset(struct shmq_component *c)
{
	struct operation operation;
	struct charge charge;
	int result = c == NULL ? -EINVAL : operation_begin(&operation, c);

	if (result < 0)
		return result;
	charge = charge_of(c, &operation);
	charge_reset(&charge);
	report_change(c->segment, SHMQ_EVENT_RESET, c->key.index, handle_name(c));
	operation_end(&operation);
	return 0;
}

int shmq_verdict_format(char *text, size_t size, const struct shmq_verdict *verdict)
{
	return verdict == NULL || (text == NULL && size > 0) ? -EINVAL : message_of_verdict(text, size, verdict);
}

/* ---- Two-phase use ---- */

static __attribute__((noinline)) int reserve_otherwise(struct shmq_reservation *out, struct shmq_component *c,
                                                       int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	int result = arguments_check(c, resource, amount, verdict);
	struct operation operation;
	struct charge charge;

	if (result == 0)
		result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	charge = charge_of(c, &operation);
	if (tracker_is_rate(resource))
		charge_make_room(c, &operation, resource, amount);
	result = reservation_reserve(out, &charge, resource, amount, verdict);
	operation_end(&operation);
	return result;
}

int shmq_reserve(struct shmq_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                 struct shmq_verdict *verdict)
{
	int result = RESERVATION_OTHERWISE;

	if (out == NULL)
		return -EINVAL;
	out->component = NULL; /* to cancel what was refused is harmless */
	if (plain_arguments(c, amount) && amount > 0 && (resource == SHMQ_STORAGE || resource == SHMQ_MEMORY))
		result = reservation_reserve_plain(out, c, resource, amount, verdict);
	return result != RESERVATION_OTHERWISE ? result : reserve_otherwise(out, c, resource, amount, verdict);
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
	if (actual == reservation->amount && reservation_is_simple(reservation))
		return reservation_finish(reservation, actual, true);
	return finish_reservation(reservation, actual);
}

void shmq_cancel(struct shmq_reservation *reservation)
{
	if (reservation != NULL && reservation->component != NULL)
		finish_reservation(reservation, 0);
}

int shmq_memory_set(struct shmq_component *c, uint64_t bytes, struct shmq_verdict *verdict)
{
	int result = arguments_check(c, SHMQ_MEMORY, bytes, verdict);
	struct operation operation;
	struct charge charge;

	if (result == 0)
		result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	charge = charge_of(c, &operation);
	result = reservation_set_memory(&charge, bytes, verdict);
	operation_end(&operation);
	return result;
}

/* ---- Capabilities ---- */

/* The sets that must grant: the policy's, and what a manifest asked for. */
struct grant_sets {
	const struct shmq_shm_rules *area;
	uint32_t area_bytes, granted, asked; /* 0: no set */
};

static struct grant_sets grant_sets(const struct shmq_component *c, const struct shmq_shm_quota *quota)
{
	const struct shmq_segment *segment = c->segment;
	const struct shmq_shm_quota *quotas = quota - c->key.index;
	struct grant_sets sets = {.area = segment->rules[quotas == segment->quotas[1]],
	                          .area_bytes = segment->layout.rules_bytes,
	                          .granted = shm_load32_relaxed(&quota->grants)}; /* relaxed: as the limits */
	const struct shmq_shm_quota *asked;
	uint32_t offset = shm_load32_relaxed(&quota->asked); /* relaxed: as the limits */

	asked = offset == 0 ? NULL : rules_at(sets.area, sets.area_bytes, offset, sizeof(*asked));
	if (asked != NULL)
		sets.asked = shm_load32_relaxed(&asked->grants); /* relaxed: as the limits */
	return sets;
}

static int check_sets(const struct grant_sets *sets, const char *permission, const char *target)
{
	int result = capability_check(sets->area, sets->area_bytes, sets->granted, permission, target, NULL);

	if (result == SHMQ_OK && sets->asked != 0) /* a manifest without capabilities takes the policy's */
		result = capability_check(sets->area, sets->area_bytes, sets->asked, permission, target, NULL);
	return result;
}

int shmq_check_capability(struct shmq_component *c, const char *permission, const char *target)
{
	return shmq_check_capability_with_quota(c, permission, target, SHMQ_NONE, 0, NULL);
}

int shmq_check_capability_with_quota(struct shmq_component *c, const char *permission, const char *target, int resource,
                                     uint64_t amount, struct shmq_verdict *verdict)
{
	struct operation look;
	int result = resource == SHMQ_NONE ? 0 : arguments_check(c, resource, amount, verdict);

	if (c == NULL || permission == NULL || target == NULL)
		return -EINVAL;
	if (result < 0)
		return result;
	do {
		struct grant_sets sets;
		struct charge charge;

		result = look_begin(&look, c);
		if (result < 0)
			return result;
		charge = charge_of(c, &look);
		sets = grant_sets(c, look.quota);
		result = check_sets(&sets, permission, target);
		if (result == SHMQ_FORBIDDEN && look.slot != NULL) {
			struct report report = charge_report(&charge);

			report_forbidden(&report, permission, target);
		}
		if (result == SHMQ_OK && resource != SHMQ_NONE)
			result = charge_check(&charge, resource, amount, verdict);
	} while (!look_end(&look, c));
	return result;
}

/* Copy a grant out of the area, cut to what fits. */
static void copy_grant(const struct shmq_component *c, const struct shmq_shm_quota *quotas, const struct grant *grant,
                       struct shmq_grant *out)
{
	snprintf(out->permission, sizeof(out->permission), "%.*s", (int)grant->permission_length, grant->permission);
	text_make_plain(out->permission, strlen(out->permission));
	grants_format(out->pattern, sizeof(out->pattern), grant);
	write_place(c->segment, quotas, grant->place, out->origin, sizeof(out->origin));
}

/* Find grant `*index` of a set, or count down. Returns 1 found, 0 not in this set, -EBADMSG. */
static int find_grant(const struct grant_sets *sets, uint32_t offset, size_t *index, struct grant *out)
{
	struct grant_walk walk;
	int result = offset == 0 ? 0 : capability_walk(&walk, sets->area, sets->area_bytes, offset);

	while (result == 0 && offset != 0) {
		result = capability_next(&walk, out);
		if (result != 1)
			return result;
		if ((*index)-- == 0)
			return 1;
		result = 0;
	}
	return result;
}

int shmq_component_grant(struct shmq_component *component, size_t index, struct shmq_grant *out)
{
	struct operation look;
	int result;

	if (component == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	do {
		struct grant_sets sets;
		struct grant grant = {0};
		size_t left = index;

		result = look_begin(&look, component);
		if (result < 0)
			return result;
		sets = grant_sets(component, look.quota);
		result = find_grant(&sets, sets.granted, &left, &grant);
		out->is_asked = result == 0;
		if (result == 0)
			result = find_grant(&sets, sets.asked, &left, &grant);
		if (result == 1)
			copy_grant(component, look.quota - component->key.index, &grant, out);
	} while (!look_end(&look, component));
	return result == 1 ? 0 : result == 0 ? -ENOENT : result;
}

/* ---- Watching ---- */

static uint64_t at_most(uint64_t figure, uint64_t bound)
{
	return figure < bound ? figure : bound;
}

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

			tracker_read(look.tracker, i, &limits, c->segment->is_image, &out->resource[i]);
			out->resource[i].denied += tally_sum(c->segment, c->key.index, i);
			if (tracker_is_rate(i)) /* the window may be over, or roll in this moment */
				out->resource[i].leased =
				    at_most(lease_sum(c->segment, c->key.index, i), out->resource[i].used);
		}
	} while (!look_end(&look, c));
	return 0;
}

/* Tell whether any resource with a limit is used to the percentage that stands at `mode_at` of its quota. */
static bool any_is_used_to(struct shmq_component *c, unsigned mode_at)
{
	struct operation look;
	bool is_any;

	if (c == NULL)
		return false;
	do {
		if (look_begin(&look, c) < 0)
			return false;
		is_any = false;
		for (int i = 0; i < SHMQ_RESOURCES; i++) {
			struct tracker_limits limits = tracker_limits(look.quota, i);
			struct shmq_resource_status status;

			tracker_read(look.tracker, i, &limits, c->segment->is_image, &status);
			is_any |=
			    status.percentage >= (double)(limits.mode >> mode_at & ((1 << MODE_PERCENT_BITS) - 1));
		}
	} while (!look_end(&look, c));
	return is_any;
}

bool shmq_is_warning(struct shmq_component *c)
{
	return any_is_used_to(c, MODE_WARNING_AT);
}

bool shmq_is_critical(struct shmq_component *c)
{
	return any_is_used_to(c, MODE_CRITICAL_AT);
}

/* ---- Events ---- */

int shmq_event_read(struct shmq_segment *segment, uint64_t *cursor, struct shmq_event *out)
{
	if (segment == NULL || cursor == NULL || out == NULL || out->size < sizeof(*out))
		return -EINVAL;
	return events_read(segment->events, segment->layout.events, cursor, clock_read_ns(CLOCK_REALTIME_COARSE), out);
}

void shmq_event_skip(struct shmq_segment *segment, uint64_t *cursor)
{
	if (segment != NULL && cursor != NULL)
		*cursor = events_newest(segment->events);
}

int shmq_event_origin(struct shmq_segment *segment, const struct shmq_event *event, char *text, size_t size)
{
	const struct shmq_shm_rules *area;
	uint64_t generation;
	int length = 0;

	if (segment == NULL || event == NULL || (text == NULL && size > 0))
		return -EINVAL;
	generation = event->policy_generation;
	area = segment->rules[generation & 1];
	if (rules_are_of(area, generation))
		length = write_place(segment, segment->quotas[generation & 1], event->place, text, size);
	/* Its place may have been overwritten meanwhile, also by a publication that failed. */
	return length > 0 && rules_are_of(area, generation) ? length : snprintf(text, size, "%s", "");
}

const char *shmq_event_kind_name(int kind)
{
	return events_kind_name(kind);
}

int shmq_event_write(struct shmq_segment *segment, const struct shmq_component *component, const char *text)
{
	if (segment == NULL || text == NULL || *text == '\0' || (component != NULL && component->segment != segment))
		return -EINVAL;
	if (segment->access >= SHMQ_OBSERVE)
		return -EROFS;
	report_text(segment, component != NULL ? component->key.index : SHMQ_NO_COMPONENT,
	            component != NULL ? handle_name(component) : NULL, text);
	return 0;
}
