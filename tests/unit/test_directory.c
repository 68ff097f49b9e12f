/* SPDX-License-Identifier: MIT */
/*
 * The directory from inside: keys, chains, states, reserved places, damage. Deaths are in test_recovery.c.
 */
#include "core/directory_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/publication.h"
#include "core/worker.h"

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"

TestSuite(directory, FIXTURE);

static struct shmq_segment *segment;

static void begin_with(uint32_t components)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = components;
	options.threads = 4;
	segment = fixture_segment(&options);
}

static int add(const char *name)
{

	return directory_register(segment, name, strlen(name), NULL);
}

static int drop(const char *name)
{
	return directory_unregister(segment, name, strlen(name));
}

static int find(const char *name, struct directory_key *key)
{
	return directory_find(segment, name, strlen(name), key);
}

/* Publish a policy that declares these names. */
static void declare(const char *const names[])
{
	const struct publication_rule rule = {.quota = quota_calm(100)}, fallback = {.quota = quota_calm(1)};
	struct publication publication;

	expect_result(publication_begin(&publication, segment), 0);
	expect_result(publication_set_default(&publication, &fallback), 0);
	for (; *names != NULL; names++)
		expect_result(publication_declare(&publication, *names, strlen(*names), &rule), 0);
	expect_result(publication_commit(&publication), 0);
}

static uint64_t figure(const struct shm_u32 *word)
{
	return shm_load32_relaxed(word);
}

static uint64_t registered(void)
{
	return figure(&segment->policy->control.registered);
}

static uint64_t retired(void)
{
	return figure(&segment->policy->control.retired);
}

/* ---- Finding ---- */

Test(directory, finds_what_was_registered_and_nothing_else)
{
	struct directory_key key, again;

	begin_with(8);
	expect_result(find("tenant", &key), -ENOENT);
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &key), 0);
	expect_result(directory_at(segment, key.index, &again), 0);
	expect_figure(again.genstate, key.genstate);
	expect_figure(key.genstate & ENTRY_STATE_MASK, ENTRY_LIVE);
	expect_result(find("tenan", &key), -ENOENT);
	expect_result(find("tenant2", &key), -ENOENT);
}

Test(directory, keeps_names_apart_by_every_byte_up_to_the_longest)
{
	char name[SHMQ_NAME_MAX + 1] = {0};
	struct directory_key key;

	begin_with(256);
	for (size_t length = 1; length <= SHMQ_NAME_MAX; length++) {
		name[length - 1] = 'n';
		expect_result(add(name), 0);
	}
	for (size_t length = SHMQ_NAME_MAX; length >= 1; length--) {
		char found[SHMQ_NAME_MAX + 1];

		name[length] = '\0';
		expect_result(find(name, &key), 0);
		cr_assert(directory_name(segment, &key, found));
		cr_assert_str_eq(found, name);
	}
	expect_figure(registered(), SHMQ_NAME_MAX);
}

Test(directory, finds_all_of_many_however_their_chains_look)
{
	struct directory_key key;
	char name[32];

	begin_with(3000);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "tenant %d", i);
		expect_result(add(name), 0);
	}
	for (int i = 0; i < 3000; i += 3) {
		snprintf(name, sizeof(name), "tenant %d", i);
		expect_result(drop(name), 0);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "tenant %d", i);
		expect_result(find(name, &key), i % 3 == 0 ? -ENOENT : 0);
	}
	expect_figure(registered(), 2000);
}

Test(directory, place_beyond_the_last_is_refused)
{
	struct directory_key key;

	begin_with(8);
	expect_result(directory_at(segment, 7, &key), -ENOENT);
	expect_result(directory_at(segment, 8, &key), -EINVAL);
	expect_result(directory_at(segment, UINT32_MAX, &key), -EINVAL);
}

/* ---- Registrations ---- */

Test(directory, refuses_a_name_that_is_taken_and_one_that_is_not_there)
{
	begin_with(8);
	expect_result(add("tenant"), 0);
	expect_result(add("tenant"), -EEXIST);
	expect_result(drop("tenant"), 0);
	expect_result(drop("tenant"), -ENOENT);
	expect_result(drop("nobody"), -ENOENT);
	expect_result(add("tenant"), 0);
}

Test(directory, key_of_an_earlier_registration_is_not_in_force)
{
	struct directory_key first, second;

	begin_with(1);
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &first), 0);
	cr_assert_not_null(directory_quota(segment, &first));
	expect_result(drop("tenant"), 0);
	cr_assert_null(directory_quota(segment, &first));
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &second), 0);
	expect_figure(second.index, first.index);
	cr_assert_gt(second.genstate, first.genstate);
	cr_assert_null(directory_quota(segment, &first));
	cr_assert_not_null(directory_quota(segment, &second));
}

Test(directory, entry_goes_from_live_to_dying_to_free_and_never_back)
{
	struct directory_key key;
	struct shmq_shm_slot *slot;
	const struct shmq_shm_entry *entry;

	begin_with(4);
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &key), 0);
	entry = &segment->entries[key.index];
	expect_result(worker_enter(segment, &slot), 0);
	expect_result(drop("tenant"), 0);
	expect_figure(entry_state(entry), ENTRY_DYING);
	expect_result(directory_housekeep(segment), 0);
	expect_figure(entry_state(entry), ENTRY_DYING);
	worker_leave(slot);
	expect_result(directory_housekeep(segment), 0);
	expect_figure(entry_state(entry), ENTRY_FREE);
	expect_figure(shm_load_relaxed(&entry->genstate) >> ENTRY_STATE_BITS, key.genstate >> ENTRY_STATE_BITS);
}

Test(directory, uses_no_entry_again_that_a_reader_may_stand_on)
{
	struct directory_key first, second;
	struct shmq_shm_slot *slot;

	begin_with(2);
	expect_result(add("a"), 0);
	expect_result(find("a", &first), 0);
	expect_result(worker_enter(segment, &slot), 0);
	expect_result(drop("a"), 0);
	expect_result(add("b"), 0);
	expect_result(find("b", &second), 0);
	cr_assert_neq(second.index, first.index);
	expect_result(add("c"), -ENOSPC);
	worker_leave(slot);
	expect_result(add("c"), 0);
}

Test(directory, that_is_full_takes_one_more_for_each_that_goes)
{
	char name[16];

	begin_with(16);
	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		expect_result(add(name), 0);
	}
	for (int i = 16; i < 200; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		expect_result(add(name), -ENOSPC);
		snprintf(name, sizeof(name), "t%d", i - 16);
		expect_result(drop(name), 0);
		snprintf(name, sizeof(name), "t%d", i);
		expect_result(add(name), 0);
		expect_figure(registered(), 16);
	}
}

Test(directory, registration_begins_with_nothing_used)
{
	struct directory_key key;

	begin_with(1);
	for (int i = 0; i < 5; i++) {
		struct shmq_component *component = NULL;

		expect_result(add("tenant"), 0);
		expect_result(find("tenant", &key), 0);
		expect_result(shmq_component_find(&component, segment, "tenant"), 0);
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			struct shmq_resource_status status = fixture_status(component, resource);

			expect_figure(status.used, 0);
			expect_figure(status.total, 0);
			expect_figure(status.peak, 0);
			expect_figure(status.denied, 0);
			expect_result(shmq_consume(component, resource, 1000), 0);
		}
		shmq_component_put(component);
		expect_result(drop("tenant"), 0);
	}
}

Test(directory, counts_agree_over_random_changes)
{
	struct prng prng = prng_seed(7, 7);
	bool is_there[24] = {false};
	uint64_t expected = 0;

	begin_with(32);
	for (int i = 0; i < 5000; i++) {
		uint64_t which = prng_below(&prng, 24);
		char name[16];

		snprintf(name, sizeof(name), "t%d", (int)which);
		if (prng_below(&prng, 2) == 0) {
			expect_result(add(name), is_there[which] ? -EEXIST : 0);
			is_there[which] = true;
		} else {
			expect_result(drop(name), is_there[which] ? 0 : -ENOENT);
			is_there[which] = false;
		}
	}
	for (int i = 0; i < 24; i++)
		expected += is_there[i];
	expect_figure(registered(), expected);
	expect_result(directory_housekeep(segment), 0);
	expect_figure(retired(), 0);
}

/* ---- Places that a policy reserves ---- */

Test(directory, keeps_the_place_of_a_declared_name_while_it_is_unregistered)
{
	static const char *const names[] = {"declared", NULL};
	struct directory_key key;
	char name[16];

	begin_with(8);
	declare(names);
	expect_result(drop("declared"), 0);
	expect_result(find("declared", &key), -ENOENT);
	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		expect_result(add(name), 0);
	}
	expect_result(add("one more"), -ENOSPC);
	expect_result(add("declared"), 0);
	expect_result(find("declared", &key), 0);
	expect_figure(quota_limit(shm_load_relaxed(&directory_quota(segment, &key)->resource[SHMQ_STORAGE].limit)),
	              100);
}

Test(directory, registers_a_declared_name_again_without_waiting_for_readers)
{
	static const char *const names[] = {"declared", NULL};
	struct directory_key first, second;
	struct shmq_shm_slot *slot;

	begin_with(8);
	declare(names);
	expect_result(find("declared", &first), 0);
	expect_result(worker_enter(segment, &slot), 0);
	expect_result(drop("declared"), 0);
	expect_result(add("declared"), 0);
	expect_result(find("declared", &second), 0);
	cr_assert_neq(second.index, first.index);
	cr_assert_null(directory_quota(segment, &first));
	expect_figure(shm_load_relaxed(&directory_quota(segment, &second)->resource[SHMQ_STORAGE].limit), 100);
	worker_leave(slot);
	expect_result(directory_housekeep(segment), 0);
	expect_figure(retired(), 0);
	expect_result(drop("declared"), 0);
	expect_result(add("declared"), 0);
	expect_figure(registered(), 1);
}

Test(directory, own_quota_of_a_declared_name_lasts_as_long_as_its_registration)
{
	static const char *const names[] = {"declared", NULL};
	const struct shmq_quota own = quota_calm(7);
	struct directory_key key;

	begin_with(8);
	declare(names);
	expect_result(drop("declared"), 0);
	expect_result(directory_register(segment, "declared", 8, &own), 0);
	expect_result(find("declared", &key), 0);
	expect_figure(quota_limit(shm_load_relaxed(&directory_quota(segment, &key)->resource[SHMQ_STORAGE].limit)), 7);
	expect_result(add("declared"), -EEXIST);
	expect_result(drop("declared"), 0);
	expect_result(add("declared"), 0);
	expect_result(find("declared", &key), 0);
	expect_figure(quota_limit(shm_load_relaxed(&directory_quota(segment, &key)->resource[SHMQ_STORAGE].limit)),
	              100);
}

/* ---- Damage ---- */

static struct shm_u32 *bucket_of_name(const char *name)
{
	char *bytes = (char *)segment_writable(segment);
	struct shm_u32 *buckets = (struct shm_u32 *)(void *)(bytes + segment->layout.buckets_at);

	return &buckets[directory_hash(segment, name, strlen(name)) & (segment->layout.buckets - 1)];
}

static struct shmq_shm_entry *entry_at(uint32_t index)
{
	char *bytes = (char *)segment_writable(segment);

	return (struct shmq_shm_entry *)(void *)(bytes + segment->layout.entries_at) + index;
}

Test(directory, with_a_chain_that_runs_in_circles_still_answers)
{
	struct directory_key key;

	begin_with(1000);
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &key), 0);
	shm_store32_relaxed(&entry_at(key.index)->next, key.index + 1);
	expect_result(find("tenant", &key), 0);
	shm_store32_relaxed(&entry_at(key.index)->hash, 0);
	expect_result(find("tenant", &key), -ENOENT);
	expect_result(add("another"), 0);
	expect_result(directory_housekeep(segment), 0);
}

Test(directory, with_links_that_lead_nowhere_still_answers)
{
	static const uint32_t links[] = {1001, 0x7fffffff, UINT32_MAX};
	struct directory_key key;

	begin_with(1000);
	for (size_t i = 0; i < 3; i++) {
		shm_store32_relaxed(bucket_of_name("tenant"), links[i]);
		expect_result(find("tenant", &key), -ENOENT);
		expect_result(drop("tenant"), -ENOENT);
	}
}

Test(directory, with_a_name_of_impossible_length_does_not_read_it)
{
	struct directory_key key;
	char name[SHMQ_NAME_MAX + 1];

	begin_with(4);
	expect_result(add("tenant"), 0);
	expect_result(find("tenant", &key), 0);
	entry_at(key.index)->name_length = UINT32_MAX;
	expect_result(find("tenant", &key), -ENOENT);
	expect_result(directory_at(segment, 0, &key), 0);
	cr_assert(!directory_name(segment, &key, name));
	entry_at(key.index)->name_length = 6;
	entry_at(key.index)->name[3] = '\n';
	cr_assert(!directory_name(segment, &key, name), "a control character came through");
}

Test(directory, of_noise_ends_every_call)
{
	struct prng prng = prng_seed(8, 8);
	uint64_t begin;

	begin_with(64);
	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d", i);
		expect_result(add(name), 0);
	}
	begin = clock_now_ns();
	for (int round = 0; round < 500; round++) {
		unsigned char *bytes = (unsigned char *)segment_writable(segment);
		size_t from = segment->layout.buckets_at, length = segment->layout.policy_bytes - from;
		struct directory_key key;
		char name[16];

		for (int i = 0; i < 50; i++)
			bytes[from + prng_below(&prng, length)] = (unsigned char)prng_next(&prng);
		snprintf(name, sizeof(name), "t%d", (int)prng_below(&prng, 60));
		find(name, &key);
		add(name);
		drop(name);
		directory_housekeep(segment);
	}
	cr_assert_lt(clock_now_ns() - begin, 20 * SECOND);
}
