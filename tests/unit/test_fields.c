/* SPDX-License-Identifier: MIT */
/*
 * The layout as data: every byte that is no reserve is in exactly one field, and values are those of the structures.
 */
#include "shm/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/worker.h"

#include "../support/fixture.h"
#include "../support/prng.h"

TestSuite(fields, FIXTURE);

static struct shmq_segment *begin_with_two(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	struct shmq_shm_slot *slot;

	options.components = 8;
	options.threads = 4;
	segment = fixture_segment(&options);
	expect_result(shmq_component_register(segment, "one", NULL), 0);
	expect_result(shmq_component_register(segment, "two", NULL), 0);
	expect_result(worker_enter(segment, &slot), 0);
	worker_leave(slot);
	return segment;
}

/* How many fields a walk finds of one structure. */
static unsigned count_fields(const struct shmq_segment *segment, const char *object, const char *structure)
{
	struct shmq_field field;
	uint64_t cursor = 0;
	unsigned count = 0;

	while (fields_next(segment, &cursor, &field) == 1)
		count += strcmp(field.object, object) == 0 && strcmp(field.structure, structure) == 0;
	return count;
}

static bool find_field(const struct shmq_segment *segment, const char *object, const char *structure, const char *name,
                       struct shmq_field *out)
{
	uint64_t cursor = 0;

	while (fields_next(segment, &cursor, out) == 1)
		if (strcmp(out->object, object) == 0 && strcmp(out->structure, structure) == 0 &&
		    strcmp(out->name, name) == 0)
			return true;
	return false;
}

Test(fields, signature_is_the_same_at_every_call)
{
	cr_assert_neq(fields_signature(), 0);
	expect_figure(fields_signature(), fields_signature());
}

Test(fields, show_what_is_there_and_pass_over_what_is_free)
{
	struct shmq_segment *segment = begin_with_two();
	unsigned per_tracker;

	cr_assert_gt(count_fields(segment, "policy", "header"), 10);
	expect_figure(count_fields(segment, "usage", "header"), count_fields(segment, "policy", "header"));
	per_tracker = count_fields(segment, "usage", "tracker") / 2;
	cr_assert_gt(per_tracker, 30);
	expect_figure(count_fields(segment, "policy", "entry") % 2, 0);
	/* Two components and the default. */
	expect_figure(count_fields(segment, "policy", "quota") % 3, 0);
	expect_result(shmq_component_unregister(segment, "one"), 0);
	expect_figure(count_fields(segment, "usage", "tracker"), per_tracker);
}

Test(fields, lie_within_their_object_and_overlap_nowhere)
{
	struct shmq_segment *segment = begin_with_two();
	static unsigned char used[2][1 << 18];
	struct shmq_field field;
	uint64_t cursor = 0;

	while (fields_next(segment, &cursor, &field) == 1) {
		bool is_usage = strcmp(field.object, "usage") == 0;
		size_t size = is_usage ? segment->layout.usage_bytes : segment->layout.policy_bytes;

		cr_assert_leq(size, sizeof(used[0]));
		cr_assert_leq(field.offset + field.width, size, "%s.%s", field.structure, field.name);
		for (uint64_t at = field.offset; at < field.offset + field.width; at++) {
			cr_assert_eq(used[is_usage][at], 0, "%s.%s overlaps", field.structure, field.name);
			used[is_usage][at] = 1;
		}
	}
}

Test(fields, have_the_values_of_the_structures)
{
	struct shmq_segment *segment = begin_with_two();
	struct shmq_component *component = NULL;
	struct shmq_field field;

	cr_assert(find_field(segment, "policy", "header", "magic", &field));
	expect_figure(field.value, LAYOUT_MAGIC);
	expect_figure(field.offset, 0);
	expect_figure(field.width, 8);
	cr_assert(find_field(segment, "usage", "header", "components", &field));
	expect_figure(field.value, 8);
	expect_figure(field.width, 4);
	cr_assert(find_field(segment, "policy", "control", "registered", &field));
	expect_figure(field.value, 2);
	expect_result(shmq_component_at(&component, segment, 0), 0);
	expect_result(shmq_consume(component, SHMQ_MESSAGES, 77), 0);
	cr_assert(find_field(segment, "usage", "tracker", "rate[0].total", &field));
	expect_figure(field.value, 77);
	expect_figure(field.offset, segment->layout.trackers_at);
	shmq_component_put(component);
}

Test(fields, show_the_limits_that_are_in_force)
{
	struct shmq_segment *segment = begin_with_two();
	struct shmq_field field;

	for (int i = 0; i < 2; i++) {
		fixture_publish(segment,
		                i == 0 ? "[component:one]\nstorage = 111\n" : "[component:one]\nstorage = 222\n");
		cr_assert(find_field(segment, "policy", "quota", "resource[0].limit", &field));
		/* Above the amount stands half of where the rule does. */
		expect_figure(field.value & QUOTA_AMOUNT_MASK, i == 0 ? 111 : 222);
	}
}

Test(fields, end_where_they_end_and_refuse_a_cursor_that_is_none)
{
	struct shmq_segment *segment = begin_with_two();
	struct shmq_field field;
	uint64_t cursor = 0;

	while (fields_next(segment, &cursor, &field) == 1)
		;
	expect_result(fields_next(segment, &cursor, &field), 0);
	cursor = UINT64_MAX;
	expect_result(fields_next(segment, &cursor, &field), -EINVAL);
}

Test(fields, stay_within_the_object_for_any_cursor)
{
	struct shmq_segment *segment = begin_with_two();
	struct prng prng = prng_seed(11, 11);

	for (int i = 0; i < 20000; i++) {
		uint64_t cursor = prng_next(&prng) >> prng_below(&prng, 64);
		struct shmq_field field;
		int result = fields_next(segment, &cursor, &field);

		if (result == 1)
			cr_assert_leq(field.offset + field.width, strcmp(field.object, "usage") == 0
			                                              ? segment->layout.usage_bytes
			                                              : segment->layout.policy_bytes);
		else
			cr_assert(result == 0 || result == -EINVAL);
	}
}
