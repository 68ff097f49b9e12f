/* SPDX-License-Identifier: MIT */
/*
 * A policy appears at once. Between begin and commit nobody sees anything of it; after an abort nothing is left of it.
 */
#include "core/publication.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/worker.h"

#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

#define CAPACITY 16
#define TIMEOUT_MS 10000

static struct shmq_segment *segment;
static struct publication publication;

static void begin(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	fixture_begin();
	options.components = CAPACITY;
	options.threads = 8;
	segment = fixture_segment(&options);
}

TestSuite(publication, .init = begin, .fini = fixture_end);

static int start(uint64_t fallback_limit)
{
	const struct publication_rule fallback = {.quota = quota_calm(fallback_limit)};
	int result = publication_begin(&publication, segment);

	return result < 0 ? result : publication_set_default(&publication, &fallback);
}

static int declare(const char *name, uint64_t limit)
{
	const struct publication_rule rule = {.quota = quota_calm(limit)};

	return publication_declare(&publication, name, strlen(name), &rule);
}

static int add(const char *name, const struct shmq_quota *quota)
{

	return directory_register(segment, name, strlen(name), quota);
}

/* Publish up to two names. */
static void publish(const char *first, const char *second, uint64_t limit)
{
	expect_result(start(limit + 1), 0);
	if (first != NULL)
		expect_result(declare(first, limit), 0);
	if (second != NULL)
		expect_result(declare(second, limit), 0);
	expect_result(publication_commit(&publication), 0);
}

/* 0 where the component is not there for readers. */
static uint64_t limit_of(const char *name)
{
	struct directory_key key;
	const struct shmq_shm_quota *quota;

	if (directory_find(segment, name, strlen(name), &key) < 0)
		return 0;
	quota = directory_quota(segment, &key);
	return quota == NULL ? 0 : quota_limit(shm_load_relaxed(&quota->resource[SHMQ_STORAGE].limit));
}

static uint64_t generation(void)
{
	return shm_load_relaxed(&segment->policy->control.generation);
}

static uint64_t count_in_state(unsigned state)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < CAPACITY; i++)
		count += entry_state(&segment->entries[i]) == state;
	return count;
}

Test(publication, is_invisible_until_it_is_committed)
{
	struct directory_key key;

	publish("kept", "dropped", 10);
	expect_result(start(21), 0);
	expect_result(declare("kept", 20), 0);
	expect_result(declare("new", 20), 0);
	expect_figure(limit_of("kept"), 10);
	expect_figure(limit_of("dropped"), 10);
	expect_figure(limit_of("new"), 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		if (directory_at(segment, i, &key) == 0)
			cr_assert_str_neq(segment->entries[i].name, "new");
	expect_result(publication_commit(&publication), 0);
	expect_figure(limit_of("kept"), 20);
	expect_figure(limit_of("dropped"), 0);
	expect_figure(limit_of("new"), 20);
}

Test(publication, counts_its_generation)
{
	uint64_t before = generation();

	publish("a", NULL, 1);
	publish("a", NULL, 2);
	expect_figure(generation(), before + 2);
	expect_result(start(1), 0);
	publication_abort(&publication);
	expect_figure(generation(), before + 2);
}

Test(publication, that_is_aborted_leaves_nothing)
{
	struct shmq_component *kept = NULL;

	publish("kept", NULL, 10);
	expect_result(shmq_component_find(&kept, segment, "kept"), 0);
	expect_result(shmq_consume(kept, SHMQ_STORAGE, 4), 0);
	expect_result(start(21), 0);
	expect_result(declare("kept", 20), 0);
	expect_result(declare("new", 20), 0);
	publication_abort(&publication);
	expect_figure(limit_of("kept"), 10);
	expect_figure(limit_of("new"), 0);
	expect_figure(fixture_used(kept, SHMQ_STORAGE), 4);
	expect_result(directory_housekeep(segment), 0);
	expect_figure(count_in_state(ENTRY_LIVE), 1);
	expect_figure(count_in_state(ENTRY_FREE), CAPACITY - 1);
	expect_result(add("new", NULL), 0);
	shmq_component_put(kept);
}

Test(publication, that_is_aborted_leaves_what_is_reserved_reserved)
{
	publish("resting", NULL, 10);
	expect_result(directory_unregister(segment, "resting", 7), 0);
	expect_result(directory_housekeep(segment), 0);
	expect_result(start(21), 0);
	expect_result(declare("resting", 20), 0);
	publication_abort(&publication);
	expect_figure(limit_of("resting"), 0);
	expect_result(add("resting", NULL), 0);
	expect_figure(limit_of("resting"), 10);
}

Test(publication, keeps_usage_and_handles_of_what_stays)
{
	struct shmq_component *kept = NULL;

	publish("kept", NULL, 10);
	expect_result(shmq_component_find(&kept, segment, "kept"), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_consume(kept, resource, 4), 0);
	publish("kept", "other", 5);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		expect_figure(fixture_used(kept, resource), 4);
		expect_result(shmq_try_consume(kept, resource, 2, NULL), SHMQ_DENIED);
		expect_result(shmq_try_consume(kept, resource, 1, NULL), SHMQ_OK);
	}
	shmq_component_put(kept);
}

Test(publication, makes_handles_of_what_it_dropped_stale)
{
	struct shmq_component *dropped = NULL;

	publish("dropped", NULL, 10);
	expect_result(shmq_component_find(&dropped, segment, "dropped"), 0);
	publish("other", NULL, 10);
	expect_result(shmq_try_consume(dropped, SHMQ_STORAGE, 1, NULL), -ESTALE);
	publish("dropped", NULL, 10);
	expect_result(shmq_try_consume(dropped, SHMQ_STORAGE, 1, NULL), -ESTALE);
	shmq_component_put(dropped);
	expect_result(shmq_component_find(&dropped, segment, "dropped"), 0);
	expect_result(shmq_try_consume(dropped, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	shmq_component_put(dropped);
}

Test(publication, carries_over_what_the_program_registered)
{
	const struct shmq_quota own = quota_calm(77);

	publish(NULL, NULL, 10);
	expect_result(add("own", &own), 0);
	expect_result(add("default", NULL), 0);
	expect_figure(limit_of("default"), 11);
	publish("declared", NULL, 20);
	expect_figure(limit_of("own"), 77);
	expect_figure(limit_of("default"), 21);
	publish("own", NULL, 30);
	expect_figure(limit_of("own"), 30);
	expect_figure(limit_of("declared"), 0);
}

Test(publication, that_does_not_fit_changes_nothing)
{
	char name[16];
	int result = 0;

	publish("kept", NULL, 10);
	expect_result(start(21), 0);
	for (int i = 0; i < CAPACITY && result == 0; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		result = declare(name, 20);
	}
	expect_result(result, -ENOSPC);
	publication_abort(&publication);
	expect_figure(limit_of("kept"), 10);
	expect_figure(limit_of("t0"), 0);
	expect_figure(count_in_state(ENTRY_LIVE), 1);
}

Test(publication, may_follow_another_at_once)
{
	for (uint64_t i = 1; i <= 200; i++) {
		publish(i % 2 ? "odd" : "even", "always", i);
		expect_figure(limit_of("always"), i);
		expect_figure(limit_of("odd"), i % 2 ? i : 0);
		expect_figure(limit_of("even"), i % 2 ? 0 : i);
	}
	cr_assert_leq(shm_load32_relaxed(&segment->policy->control.registered), 2);
}

/* ---- Readers ---- */

struct stage {
	struct counter inside, leave;
};

static int read_until_told(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_shm_slot *slot;

	(void)index;
	CHILD_RESULT(worker_enter(segment, &slot), 0);
	counter_add(&stage->inside, 1);
	CHILD_CHECK(counter_await(&stage->leave, 1, TIMEOUT_MS));
	worker_leave(slot);
	return 0;
}

Test(publication, table_of_the_policy_before_the_last_is_not_touched_while_it_is_read)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	const struct shmq_shm_quota *seen;
	pid_t pid;

	publish("a", NULL, 10);
	pid = process_start(read_until_told, 0, stage);
	cr_assert(counter_await(&stage->inside, 1, TIMEOUT_MS));
	seen = &directory_quotas(segment)[CAPACITY];
	publish("a", NULL, 20);
	/* The reader may look at the table of 10 still: it must not become the table of 30. */
	expect_result(start(31), -EAGAIN);
	expect_figure(quota_limit(shm_load_relaxed(&seen->resource[SHMQ_STORAGE].limit)), 11);
	expect_figure(limit_of("a"), 20);
	expect_figure(shm_load_relaxed(&segment->policy->control.lock), 0);
	counter_set(&stage->leave, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	publish("a", NULL, 30);
	expect_figure(limit_of("a"), 30);
}

Test(publication, is_not_held_up_by_a_reader_that_died)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t pid;

	publish("a", NULL, 10);
	pid = process_start(read_until_told, 0, stage);
	cr_assert(counter_await(&stage->inside, 1, TIMEOUT_MS));
	process_kill(pid);
	for (uint64_t i = 1; i < 5; i++)
		publish("a", NULL, i);
}
