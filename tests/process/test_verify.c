/* SPDX-License-Identifier: MIT */
/*
 * shmquota verify and reap, and what they stand on: a segment is sound while it is used and after its users were killed,
 * damage is named with its place, and what the dead held comes back.
 *
 * Damage is done as a stray write would do it: to the object's file, at the offset that shmq_field_next() tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"
#include "program.h"

TestSuite(verify, FIXTURE);

#define TIMEOUT_MS 10000

static struct shmq_segment *the_segment;
static struct shmq_component *alice;

static void set_up(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(1000);

	options.components = 8;
	options.threads = 8;
	options.reservations = 8;
	the_segment = fixture_segment(&options);
	alice = fixture_component(the_segment, "alice", &quota);
	expect_result(shmq_try_consume(alice, SHMQ_NETWORK, 5, NULL), SHMQ_OK);
}

/* Write a word of the segment behind its back. Returns what was there. */
static uint64_t damage(const char *structure, uint32_t index, const char *name, uint64_t value)
{
	uint64_t cursor = 0, before = 0;
	char path[NAME_SIZE];
	struct shmq_field field;
	int file;

	while (shmq_field_next(the_segment, &cursor, &field) == 1)
		if (strcmp(field.structure, structure) == 0 && field.index == index && strcmp(field.name, name) == 0)
			break;
	cr_assert_str_eq(field.name, name, "there is no field %s of %s %" PRIu32, name, structure, index);
	name_object(path, fixture_name(), field.object);
	file = open(path, O_RDWR);
	cr_assert_geq(file, 0);
	cr_assert_eq(pread(file, &before, field.width, (off_t)field.offset), (ssize_t)field.width);
	cr_assert_eq(pwrite(file, &value, field.width, (off_t)field.offset), (ssize_t)field.width);
	close(file);
	return before;
}

static void remember(void *context, const struct shmq_defect *defect)
{
	*(struct shmq_defect *)context = *defect;
}

/* ---- The function ------------------------------------------------------------------------------------------------ */

Test(verify, tells_what_is_broken_and_where)
{
	struct shmq_defect defect = {0};
	uint64_t before;

	set_up();
	expect_result(shmq_segment_verify(the_segment, remember, &defect), 0);
	before = damage("tracker", shmq_component_id(alice), "level[1].out", 3);
	expect_result(shmq_segment_verify(the_segment, remember, &defect), 1);
	cr_assert_str_eq(defect.object, "usage");
	cr_assert_str_eq(defect.structure, "tracker");
	expect_figure(defect.index, shmq_component_id(alice));
	cr_assert_str_eq(defect.invariant, "memory: what went out was taken before");
	expect_figure(defect.found, 3);
	expect_figure(defect.expected, 0);
	damage("tracker", shmq_component_id(alice), "level[1].out", before);
	expect_result(shmq_segment_verify(the_segment, NULL, NULL), 0);
	expect_result(shmq_segment_verify(NULL, remember, &defect), -EINVAL);
}

Test(verify, is_for_any_access)
{
	struct shmq_segment *segment;

	set_up();
	damage("control", 0, "done", 77);
	for (int access = SHMQ_CONTROL; access <= SHMQ_OBSERVE; access++) {
		expect_result(shmq_segment_open(&segment, fixture_name(), (enum shmq_access)access), 0);
		expect_result(shmq_segment_verify(segment, NULL, NULL), 1);
		shmq_segment_close(segment);
	}
}

/* Looking is all it does: no slot is claimed, no byte differs. */
Test(verify, changes_nothing)
{
	struct shmq_info before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct shmq_segment *segment;

	set_up();
	expect_result(shmq_segment_info(the_segment, &before), 0);
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
	expect_result(shmq_segment_info(the_segment, &after), 0);
	shmq_segment_close(segment);
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
}

struct stage {
	struct counter born, stop;
};

/* All that a worker does, without an end; one in four is a controller, too. */
static int do_everything(unsigned index, void *context)
{
	struct prng prng = prng_seed(11, index);
	struct stage *stage = context;
	struct shmq_segment *control = NULL;
	struct shmq_quota quota = quota_periodic(50, 10 * MS);
	char name[16];

	snprintf(name, sizeof(name), "tenant%u", index % 3);
	if (index % 4 == 0)
		CHILD_RESULT(shmq_segment_open(&control, fixture_name(), SHMQ_CONTROL), 0);
	counter_add(&stage->born, 1);
	while (counter_get(&stage->stop) == 0) {
		int resource = (int)prng_below(&prng, SHMQ_RESOURCES);
		struct shmq_reservation kept, dropped;

		shmq_memory_set(alice, prng_below(&prng, 200), NULL);
		if (shmq_reserve(&kept, alice, resource, 1 + prng_below(&prng, 300), NULL) == SHMQ_OK) {
			if (shmq_reserve(&dropped, alice, resource, 10, NULL) == SHMQ_OK)
				shmq_cancel(&dropped);
			shmq_commit(&kept, resource == SHMQ_MEMORY ? 0 : prng_below(&prng, 2));
		}
		if (control == NULL)
			continue;
		shmq_component_register(control, name, prng_below(&prng, 2) ? &quota : NULL);
		shmq_component_unregister(control, name);
		shmq_housekeep(control);
	}
	if (control != NULL)
		shmq_segment_close(control);
	return 0;
}

static void expect_sound_or_left(bool lock_may_be_left)
{
	struct shmq_defect defect = {.invariant = ""};
	int defects = shmq_segment_verify(the_segment, remember, &defect);

	if (defects == 1 && lock_may_be_left && strstr(defect.invariant, "controller lock") != NULL)
		return;
	cr_assert_eq(defects, 0, "%d defects; %s %s %" PRIu32 ": %s (%" PRIu64 ", %" PRIu64 ")", defects, defect.object,
	             defect.structure, defect.index, defect.invariant, defect.found, defect.expected);
}

Test(verify, finds_a_segment_in_use_sound)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	uint64_t end = clock_now_ns() + 2 * SECOND;
	pid_t workers[5];

	set_up();
	process_start_group(workers, 5, do_everything, stage);
	cr_assert(counter_await(&stage->born, 5, TIMEOUT_MS));
	for (unsigned i = 0; clock_now_ns() < end; i++) {
		expect_sound_or_left(false);
		if (i % 8 != 0)
			continue;
		/* One that stands still is in the middle of something, too, and may hold the lock. */
		cr_assert(process_stop(workers[i / 8 % 5]));
		expect_sound_or_left(false);
		process_continue(workers[i / 8 % 5]);
	}
	counter_set(&stage->stop, 1);
	cr_assert_eq(process_join_group(workers, 5, TIMEOUT_MS), 0);
}

Test(verify, finds_it_sound_wherever_its_users_were_killed)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	struct prng prng = prng_seed(5, 0);

	set_up();
	for (unsigned round = 0; round < 100; round++) {
		uint64_t born = counter_get(&stage->born);
		pid_t workers[2];

		for (unsigned i = 0; i < 2; i++)
			workers[i] = process_start(do_everything, 2 * round + i, stage);
		cr_assert(counter_await(&stage->born, born + 2, TIMEOUT_MS));
		clock_sleep_ns(prng_below(&prng, 2 * MS));
		for (unsigned i = 0; i < 2; i++)
			cr_assert_eq(process_kill(workers[i]), PROCESS_SIGNAL(9));
		expect_sound_or_left(true);
		shmq_housekeep(the_segment);
		expect_sound_or_left(false);
		expect_figure(fixture_used(alice, SHMQ_MEMORY), 0);
		shmq_reset(alice);
	}
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

#define expect_verb(status, out, err, ...) expect_program(status, out, err, SHMQUOTA, __VA_ARGS__)

Test(verify, as_a_verb_says_that_all_is_well)
{
	set_up();
	expect_verb(0, " is sound: 1 component of 8, 1 of 8 thread slots taken\n", "!error", "verify", fixture_name());
	expect_verb(0, "!sound", "!error", "verify", "--quiet", fixture_name());
}

Test(verify, as_a_verb_names_what_is_broken)
{
	struct program_run run;

	set_up();
	damage("tracker", shmq_component_id(alice), "level[0].out", 9);
	damage("control", 0, "registered", 6);
	run = program_run(NULL, SHMQUOTA, "verify", "-q", fixture_name());
	program_expect(
	    &run, 4,
	    "usage, tracker 0 \"alice\": broken: storage: what went out was taken before (found 9, expected 0)",
	    "shmquota remove");
	program_expect(&run, 4, "policy, control 0: broken: the number of registered components", NULL);
	program_expect(&run, 4, "is damaged: 2 invariants are broken\n", NULL);
	program_free(&run);
}

/* What an operator had released by hand was called damage, and the host was to be stopped. */
Test(verify, as_a_verb_tells_what_was_released_too_much_from_damage)
{
	struct shmq_reservation reservation;

	set_up();
	expect_result(shmq_reserve(&reservation, alice, SHMQ_STORAGE, 100, NULL), SHMQ_OK);
	expect_verb(0, "released 60 B", "", "release", fixture_name(), "alice", "storage", "60");
	expect_verb(4, " has 1 level below what is held of it\n", "gave back what workers still hold", "verify",
	            fixture_name());
	expect_verb(4, "!damaged", "!remove", "verify", fixture_name());
	shmq_cancel(&reservation);
	expect_verb(0, " is sound", "", "verify", fixture_name());
}

Test(verify, as_a_verb_fails_as_others_do)
{
	expect_verb(3, "", "there is no such segment", "verify", fixture_name());
	expect_verb(3, "", "there is no such segment", "reap", fixture_name());
	expect_verb(2, "", "missing", "verify");
	expect_verb(2, "", "missing", "reap");
	expect_verb(2, "", "too many", "reap", "a", "b");
}

static int hold_and_wait(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_reservation reservation;

	(void)index;
	CHILD_RESULT(shmq_reserve(&reservation, alice, SHMQ_STORAGE, 30, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(alice, 40, NULL), SHMQ_OK);
	counter_add(&stage->born, 1);
	for (;;)
		pause();
}

Test(verify, and_reap_bring_back_what_dead_workers_held)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t workers[3];

	set_up();
	process_start_group(workers, 3, hold_and_wait, stage);
	cr_assert(counter_await(&stage->born, 3, TIMEOUT_MS));
	expect_verb(0, "recovered 0 dead threads of ", "!error", "reap", fixture_name());
	expect_figure(fixture_used(alice, SHMQ_STORAGE), 90);
	process_kill(workers[0]);
	process_kill(workers[1]);
	expect_verb(0, "is sound", "!error", "verify", fixture_name());
	expect_verb(0, "recovered 2 dead threads of ", "!error", "reap", fixture_name());
	expect_figure(fixture_used(alice, SHMQ_STORAGE), 30);
	expect_figure(fixture_used(alice, SHMQ_MEMORY), 40);
	process_kill(workers[2]);
	expect_verb(0, "!recovered", "!error", "reap", "--quiet", fixture_name());
	expect_figure(fixture_used(alice, SHMQ_STORAGE), 0);
	expect_figure(fixture_used(alice, SHMQ_MEMORY), 0);
	expect_verb(0, "is sound", "!error", "verify", fixture_name());
}

/* All users of a segment are dead, and nobody has it open. */
Test(verify, and_reap_serve_a_segment_without_a_host)
{
	struct stage *stage = shared_alloc(sizeof(*stage));
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_component *found;
	struct shmq_segment *segment;
	pid_t worker;

	options.persistent = true;
	the_segment = fixture_segment(&options);
	alice = fixture_component(the_segment, "alice", NULL);
	worker = process_start(hold_and_wait, 0, stage);
	cr_assert(counter_await(&stage->born, 1, TIMEOUT_MS));
	fixture_close();
	process_kill(worker);
	expect_verb(0, "is sound", "!error", "verify", fixture_name());
	expect_verb(0, "recovered 1 dead thread of ", "!error", "reap", fixture_name());
	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_component_find(&found, segment, "alice"), 0);
	expect_figure(fixture_used(found, SHMQ_STORAGE), 0);
	expect_figure(fixture_used(found, SHMQ_MEMORY), 0);
	shmq_component_put(found);
	shmq_segment_close(segment);
}

static int do_nothing(unsigned index, void *context)
{
	(void)index;
	(void)context;
	return 0;
}

/* A controller died at work: that is told, and reap repairs it. */
Test(verify, and_reap_free_the_lock_of_a_dead_controller)
{
	pid_t dead = process_start(do_nothing, 0, NULL);

	set_up();
	cr_assert_eq(process_join(dead, TIMEOUT_MS), 0);
	damage("control", 0, "lock", (uint64_t)dead << 42 | 1);
	damage("control", 0, "registered", 5);
	expect_verb(4, "the controller lock is free, or its holder lives", "shmquota reap ", "verify", fixture_name());
	expect_verb(0, "recovered 0 dead threads", "!error", "reap", fixture_name());
	expect_verb(0, "is sound", "!error", "verify", fixture_name());
}
