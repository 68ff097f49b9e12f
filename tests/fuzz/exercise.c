/* SPDX-License-Identifier: MIT */
/*
 * The order is a worker's day: open, find, hold something, look, consume, finish what was held, keep house. What only
 * controllers may do everybody tries, and gets an error.
 */
#include "exercise.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"

#define HELD_MAX 4

/* What one opening of the segment has in its hands. */
struct hands {
	const struct exercise *exercise;
	struct shmq_segment *segment;
	struct shmq_component *handles[EXERCISE_HANDLES];
	unsigned count;
	struct shmq_reservation held[HELD_MAX];
	unsigned held_count;
};

static volatile uint64_t sink; /* what was read counts as used */

static void keep(struct hands *hands, int result, struct shmq_component *component)
{
	if (result != 0)
		return;
	if (hands->count < EXERCISE_HANDLES)
		hands->handles[hands->count++] = component;
	else
		GUARDED(shmq_component_put(component));
}

static void find_all(struct hands *hands)
{
	static const char *const names[] = {"a", "b", "c", "d", "nobody", "", "\x01"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct shmq_component *component = NULL;
		int result = 0;

		GUARDED(result = shmq_component_find(&component, hands->segment, names[i]));
		keep(hands, result, component);
	}
	for (uint32_t id = 0; id < 6; id++) {
		struct shmq_component *component = NULL;
		int result = 0;

		GUARDED(result = shmq_component_at(&component, hands->segment, id));
		keep(hands, result, component);
	}
}

static void hold(struct hands *hands, struct shmq_component *component, int resource)
{
	struct shmq_reservation *reservation = &hands->held[hands->held_count];
	int result = 0;

	if (hands->held_count == HELD_MAX)
		return;
	GUARDED(result = shmq_reserve(reservation, component, resource, 1 + hands->exercise->amount, NULL));
	hands->held_count += result == SHMQ_OK;
}

static void read_defect(void *context, const struct shmq_defect *defect)
{
	(void)context;
	sink += strlen(defect->object) + strlen(defect->structure) + strlen(defect->invariant) + defect->found;
}

static void walk_over_fields(struct shmq_segment *segment, unsigned most)
{
	uint64_t cursor = 0;
	int result = 1;

	for (unsigned i = 0; result == 1 && i < most; i++) {
		struct shmq_field field;

		result = shmq_field_next(segment, &cursor, &field);
		if (result == 1)
			sink += strlen(field.object) + strlen(field.structure) + strlen(field.name) + field.value;
	}
}

static void look_at_segment(const struct hands *hands)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint64_t cursor = hands->exercise->amount << 16 | hands->exercise->amount;
	struct shmq_field field;

	GUARDED(shmq_segment_info(hands->segment, &info));
	GUARDED(shmq_segment_verify(hands->segment, read_defect, NULL));
	for (uint32_t slot = 0; slot < 6; slot++) {
		struct shmq_worker worker;

		GUARDED(shmq_worker_at(hands->segment, slot, &worker));
	}
	GUARDED(walk_over_fields(hands->segment, hands->exercise->fields));
	GUARDED(shmq_field_next(hands->segment, &cursor, &field));
}

static void look_at_component(struct shmq_component *component, uint64_t amount)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_status status;
	char text[256];

	sink += strlen(shmq_component_name(component)) + shmq_component_id(component);
	GUARDED(shmq_component_quota(component, &quota));
	GUARDED(shmq_status(component, &status));
	sink += shmq_is_warning(component) + shmq_is_critical(component); /* both are shmq_status() */
	for (int resource = -1; resource <= SHMQ_RESOURCES; resource++) {
		struct shmq_verdict verdict = {0};

		GUARDED(shmq_check(component, resource, amount, &verdict));
		shmq_verdict_format(text, sizeof(text), &verdict);
		shmq_verdict_format(text, 3, &verdict);
	}
}

static void take(struct shmq_component *component, uint64_t amount)
{
	const struct shmq_demand demands[] = {{SHMQ_STORAGE, amount}, {SHMQ_MESSAGES, 1},     {SHMQ_CPU, amount},
	                                      {SHMQ_MEMORY, 1},       {SHMQ_NETWORK, amount}, {SHMQ_MESSAGES, amount}};
	struct shmq_verdict verdict;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		GUARDED(shmq_try_consume(component, resource, amount, &verdict));
		GUARDED(shmq_try_consume(component, resource, 0, NULL));
		GUARDED(shmq_consume(component, resource, 1));
		GUARDED(shmq_release(component, resource, amount));
	}
	GUARDED(shmq_try_consume_all(component, demands, sizeof(demands) / sizeof(demands[0]), &verdict));
}

static void take_in_two_steps(struct shmq_component *component, uint64_t amount)
{
	struct shmq_verdict verdict;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct shmq_reservation reservation = {0};

		GUARDED(shmq_reserve(&reservation, component, resource, amount, &verdict));
		GUARDED(shmq_commit(&reservation, amount / 2));
		GUARDED(shmq_reserve(&reservation, component, resource, 1, NULL));
		GUARDED(shmq_cancel(&reservation));
	}
	GUARDED(shmq_memory_set(component, amount, &verdict));
	GUARDED(shmq_memory_set(component, 2 * amount, NULL));
	GUARDED(shmq_memory_set(component, 1, &verdict));
}

static void use_components(const struct hands *hands)
{
	for (unsigned i = 0; i < hands->count; i++) {
		struct shmq_component *component = hands->handles[i];

		look_at_component(component, hands->exercise->amount);
		take(component, hands->exercise->amount);
		guard_advance(hands->exercise->step_ns);
		take_in_two_steps(component, hands->exercise->amount);
		if (i % 3 == 1)
			GUARDED(shmq_reset(component));
		if (i % 3 == 2)
			GUARDED(shmq_memory_set(component, 0, NULL));
	}
}

static void control(const struct hands *hands)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	quota.limit[SHMQ_MESSAGES] = hands->exercise->amount;
	GUARDED(shmq_component_register(hands->segment, "e", &quota));
	GUARDED(shmq_component_unregister(hands->segment, "a"));
	GUARDED(shmq_component_register(hands->segment, "a", NULL));
	GUARDED(shmq_component_register(hands->segment, "c", NULL));
	GUARDED(shmq_policy_publish(hands->segment, hands->exercise->policy));
	GUARDED(shmq_component_unregister(hands->segment, "b"));
	GUARDED(shmq_housekeep(hands->segment));
	GUARDED(shmq_component_register(hands->segment, "f", &quota));
	GUARDED(shmq_policy_publish(hands->segment, hands->exercise->policy));
}

/* One is committed, one is cancelled, the others stay with who closes the segment. */
static void finish(struct hands *hands)
{
	if (hands->held_count > 0)
		GUARDED(shmq_commit(&hands->held[0], 1));
	if (hands->held_count > 1)
		GUARDED(shmq_cancel(&hands->held[1]));
}

void exercise_segment(const struct exercise *exercise, enum shmq_access access)
{
	struct hands hands = {.exercise = exercise};
	int result = 0;

	GUARDED(result = shmq_segment_open(&hands.segment, exercise->name, access));
	if (result != 0)
		return;
	find_all(&hands);
	for (unsigned i = 0; i < hands.count && i < 2; i++) {
		hold(&hands, hands.handles[i], SHMQ_STORAGE);
		hold(&hands, hands.handles[i], SHMQ_MESSAGES);
		GUARDED(shmq_memory_set(hands.handles[i], 1 + exercise->amount, NULL));
	}
	if (exercise->damage != NULL)
		exercise->damage();
	look_at_segment(&hands);
	use_components(&hands);
	GUARDED(shmq_housekeep(hands.segment));
	control(&hands);
	use_components(&hands);
	find_all(&hands);
	finish(&hands);
	for (unsigned i = 0; i < hands.count; i++)
		GUARDED(shmq_component_put(hands.handles[i]));
	GUARDED(shmq_segment_close(hands.segment));
}
