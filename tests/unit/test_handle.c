/* SPDX-License-Identifier: MIT */
/*
 * Handles and the cache of them: one per registration, replaced when stale, freed when nobody needs them, fresh in a
 * child. How much is kept is told by the allocator.
 */
#include "core/handle.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(handle, FIXTURE);

#define TIMEOUT_MS 20000

static struct shmq_segment *segment;

static void begin_with(uint32_t components)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = components;
	segment = fixture_segment(&options);
}

static struct shmq_component *find_in(struct shmq_segment *where, const char *name)
{
	struct shmq_component *handle = NULL;

	expect_result(handle_find(&handle, where, name, strlen(name)), 0);
	cr_assert_not_null(handle);
	return handle;
}

static uint64_t references(const struct shmq_component *handle)
{
	return shm_load_relaxed(&handle->references);
}

static size_t allocated(void)
{
	return mallinfo2().uordblks;
}

Test(handle, of_a_name_is_the_same_for_all_who_ask)
{
	struct shmq_component *first, *second, *by_place = NULL;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	first = find_in(segment, "tenant");
	second = find_in(segment, "tenant");
	expect_result(handle_at(&by_place, segment, shmq_component_id(first)), 0);
	cr_assert_eq(first, second);
	cr_assert_eq(first, by_place);
	expect_figure(references(first), 3);
	for (int i = 0; i < 3; i++)
		handle_put(first);
	expect_figure(references(first), 0);
	cr_assert_eq(find_in(segment, "tenant"), first);
	handle_put(first);
}

Test(handle, says_who_it_is)
{
	struct shmq_component *handle;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	handle = find_in(segment, "tenant");
	cr_assert_str_eq(shmq_component_name(handle), "tenant");
	cr_assert_lt(shmq_component_id(handle), 8);
	handle_put(handle);
}

Test(handle, of_each_opening_is_its_own)
{
	struct shmq_component *first, *second;
	struct shmq_segment *other = NULL;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	expect_result(shmq_segment_open(&other, fixture_name(), SHMQ_WORK), 0);
	first = find_in(segment, "tenant");
	second = find_in(other, "tenant");
	cr_assert_neq(first, second);
	shmq_segment_close(other);
	expect_result(shmq_consume(first, SHMQ_STORAGE, 1), 0);
	handle_put(first);
}

Test(handle, that_is_stale_is_replaced_at_the_next_lookup)
{
	struct shmq_component *stale, *fresh;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	stale = find_in(segment, "tenant");
	expect_result(shmq_component_unregister(segment, "tenant"), 0);
	expect_result(handle_find(&fresh, segment, "tenant", 6), -ENOENT);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	fresh = find_in(segment, "tenant");
	cr_assert_neq(fresh, stale);
	expect_result(shmq_consume(stale, SHMQ_STORAGE, 1), -ESTALE);
	cr_assert_str_eq(shmq_component_name(stale), "tenant");
	expect_result(shmq_consume(fresh, SHMQ_STORAGE, 1), 0);
	handle_put(stale);
	handle_put(fresh);
}

Test(handle, that_somebody_holds_stays_readable_however_often_its_name_comes_back)
{
	struct shmq_component *held;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	held = find_in(segment, "tenant");
	for (int i = 0; i < 100; i++) {
		expect_result(shmq_component_unregister(segment, "tenant"), 0);
		expect_result(shmq_component_register(segment, "tenant", NULL), 0);
		handle_put(find_in(segment, "tenant"));
		shmq_housekeep(segment);
		cr_assert_str_eq(shmq_component_name(held), "tenant");
		expect_result(shmq_consume(held, SHMQ_STORAGE, 1), -ESTALE);
	}
	handle_put(held);
}

/* Register, find, put back, unregister. */
static void come_and_go(const char *name)
{
	expect_result(shmq_component_register(segment, name, NULL), 0);
	handle_put(find_in(segment, name));
	expect_result(shmq_component_unregister(segment, name), 0);
	shmq_housekeep(segment);
}

Test(handle, of_a_name_that_comes_and_goes_does_not_pile_up)
{
	size_t before;

	begin_with(8);
	for (int i = 0; i < 50; i++)
		come_and_go("tenant");
	before = allocated();
	for (int i = 0; i < 5000; i++)
		come_and_go("tenant");
	cr_assert_leq(allocated(), before + 4096);
}

Test(handle, of_names_that_come_and_go_do_not_pile_up)
{
	/* A stale handle once left the cache only when its own name was looked up again. */
	char name[16];
	size_t before;

	begin_with(8);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "job-%d", i);
		come_and_go(name);
	}
	before = allocated();
	for (int i = 50; i < 5000; i++) {
		snprintf(name, sizeof(name), "job-%d", i);
		come_and_go(name);
	}
	cr_assert_leq(allocated(), before + 8192);
}

Test(handle, memory_goes_with_the_segment_even_if_handles_were_not_put)
{
	struct shmq_segment *other = NULL;
	size_t before = 0;

	begin_with(64);
	for (int i = 0; i < 64; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d", i);
		expect_result(shmq_component_register(segment, name, NULL), 0);
	}
	for (int round = 0; round < 60; round++) {
		if (round == 30) /* the allocator keeps some of what is freed, and no more */
			before = allocated();
		expect_result(shmq_segment_open(&other, fixture_name(), round % 2 ? SHMQ_OBSERVE : SHMQ_WORK), 0);
		for (int i = 0; i < 64; i++) {
			char name[16];

			snprintf(name, sizeof(name), "t%d", i);
			find_in(other, name);
		}
		shmq_segment_close(other);
	}
	cr_assert_leq(allocated(), before + 4096);
}

/* ---- Many names ---- */

static const char *nth_name(char out[16], unsigned i)
{
	snprintf(out, 16, "t%u", i);
	return out;
}

static void register_many(unsigned count)
{
	char name[16];

	for (unsigned i = 0; i < count; i++)
		expect_result(shmq_component_register(segment, nth_name(name, i), NULL), 0);
}

Test(handle, of_the_first_name_costs_little_in_a_large_segment)
{
	/* A table with as many buckets as the segment has once made every program wait for its first lookup. */
	const uint32_t components = 20000;
	struct mallinfo2 before, after;

	begin_with(components);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	before = mallinfo2();
	handle_put(find_in(segment, "tenant"));
	after = mallinfo2();
	cr_assert_leq(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd + components * 16 + 131072);
}

Test(handle, of_each_of_many_names_is_found_again_while_the_tables_grow)
{
	enum { NAMES = 5000 };
	static struct shmq_component *handles[NAMES];
	char name[16];

	begin_with(NAMES);
	register_many(NAMES);
	for (unsigned i = 0; i < NAMES; i++) {
		handles[i] = find_in(segment, nth_name(name, i));
		handle_put(find_in(segment, nth_name(name, i / 2)));
	}
	for (unsigned i = 0; i < NAMES; i++) {
		cr_assert_eq(find_in(segment, nth_name(name, i)), handles[i]);
		cr_assert_str_eq(shmq_component_name(handles[i]), name);
		handle_put(handles[i]);
		handle_put(handles[i]);
	}
}

Test(handle, of_names_of_every_length_says_who_it_is)
{
	char name[SHMQ_NAME_MAX + 1] = "";

	begin_with(SHMQ_NAME_MAX);
	for (size_t length = 1; length <= SHMQ_NAME_MAX; length++) {
		struct shmq_component *handle;

		name[length - 1] = (char)('a' + length % 26);
		expect_result(shmq_component_register(segment, name, NULL), 0);
		handle = find_in(segment, name);
		cr_assert_str_eq(shmq_component_name(handle), name);
		cr_assert_eq(find_in(segment, name), handle);
		handle_put(handle);
		handle_put(handle);
	}
}

Test(handle, that_many_callers_never_put_goes_on_working)
{
	/* More than there are numbers for: the rest lies outside of the store. */
	begin_with(8);
	for (int i = 0; i < 4200; i++) {
		struct shmq_component *handle;

		expect_result(shmq_component_register(segment, "tenant", NULL), 0);
		handle = find_in(segment, "tenant");
		cr_assert_eq(find_in(segment, "tenant"), handle);
		expect_result(shmq_consume(handle, SHMQ_STORAGE, 1), 0);
		expect_result(shmq_component_unregister(segment, "tenant"), 0);
		shmq_housekeep(segment);
	}
}

Test(handle, of_several_names_at_once_are_the_same_as_one_by_one)
{
	enum { NAMES = 40 };
	struct shmq_component *found[NAMES], *one;
	char text[NAMES][16];
	const char *names[NAMES];

	begin_with(NAMES);
	register_many(NAMES / 2);
	for (unsigned i = 0; i < NAMES; i++)
		names[i] = nth_name(text[i], i * 7 % NAMES);
	for (int round = 0; round < 2; round++) {
		expect_result(shmq_component_find_many(found, segment, names, NAMES), NAMES / 2);
		for (unsigned i = 0; i < NAMES; i++) {
			if (i * 7 % NAMES >= NAMES / 2) {
				cr_assert_null(found[i]);
				continue;
			}
			one = find_in(segment, names[i]);
			cr_assert_eq(found[i], one);
			expect_figure(references(one), 2);
			handle_put(one);
			handle_put(found[i]);
		}
	}
}

Test(handle, of_a_bad_name_among_several_is_null)
{
	char too_long[SHMQ_NAME_MAX + 2];
	const char *names[] = {"tenant", NULL, "", too_long, "tenant"};
	struct shmq_component *found[5];

	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	expect_result(shmq_component_find_many(found, segment, names, 5), 2);
	cr_assert_not_null(found[0]);
	cr_assert_eq(found[0], found[4]);
	for (int i = 1; i < 4; i++)
		cr_assert_null(found[i]);
	expect_result(shmq_component_find_many(found, segment, names, 0), 0);
	expect_result(shmq_component_find_many(NULL, segment, names, 1), -EINVAL);
	expect_result(shmq_component_find_many(found, NULL, names, 1), -EINVAL);
	expect_result(shmq_component_find_many(found, segment, NULL, 1), -EINVAL);
}

/* ---- Children ---- */

static int use_inherited(unsigned index, void *context)
{
	struct shmq_component *inherited = context, *own = NULL;

	(void)index;
	CHILD_RESULT(shmq_consume(inherited, SHMQ_STORAGE, 5), 0);
	CHILD_CHECK(shm_load_relaxed(&inherited->references) == 1);
	CHILD_RESULT(handle_find(&own, segment, "tenant", 6), 0);
	CHILD_CHECK(own != inherited);
	CHILD_RESULT(shmq_consume(own, SHMQ_STORAGE, 5), 0);
	shmq_component_put(own);
	shmq_component_put(inherited);
	shmq_segment_close(segment);
	return 0;
}

Test(handle, that_a_child_inherited_works_beside_its_own)
{
	struct shmq_component *handle;

	begin_with(8);
	expect_result(shmq_component_register(segment, "tenant", NULL), 0);
	handle = find_in(segment, "tenant");
	expect_result(process_run(use_inherited, handle, TIMEOUT_MS), 0);
	expect_figure(references(handle), 1);
	expect_figure(fixture_used(handle, SHMQ_STORAGE), 10);
	handle_put(handle);
}

/* ---- Threads ---- */

static struct counter stop, lookups;

static void *look_up(void *failures)
{
	while (counter_get(&stop) == 0) {
		struct shmq_component *handle = NULL;
		int result = handle_find(&handle, segment, "flicker", 7);

		if (result == 0) {
			if (strcmp(shmq_component_name(handle), "flicker") != 0)
				counter_add(failures, 1);
			result = shmq_consume(handle, SHMQ_STORAGE, 1);
			if (result != 0 && result != -ESTALE)
				counter_add(failures, 1);
			handle_put(handle);
		} else if (result != -ENOENT) {
			counter_add(failures, 1);
		}
		counter_add(&lookups, 1);
	}
	return NULL;
}

Test(handle, is_never_freed_under_a_thread_that_looks_it_up)
{
	struct counter failures = {0};
	pthread_t threads[3];

	begin_with(8);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, look_up, &failures), 0);
	for (int i = 0; i < 3000 || counter_get(&lookups) < 1000; i++) {
		while (shmq_component_register(segment, "flicker", NULL) == -ENOSPC) /* readers stand on all eight */
			shmq_housekeep(segment);
		expect_result(shmq_component_unregister(segment, "flicker"), 0);
		if (i % 5 == 0)
			shmq_housekeep(segment);
	}
	counter_set(&stop, 1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_join(threads[i], NULL), 0);
	expect_figure(counter_get(&failures), 0);
}
