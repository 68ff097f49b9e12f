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
