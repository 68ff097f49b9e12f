/* SPDX-License-Identifier: MIT */
/*
 * Building, disturbing and removing a world.
 */
#include "kill_world.h"

#include "core/publication.h"
#include "core/tracker.h"
#include "core/worker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/process.h"
#include "../support/shared.h"

#define THREADS 4
#define COMPLAINT_SIZE 600
#define HELD_STORAGE 7
#define HELD_MEMORY 5

bool world_has_membarrier;
const int64_t world_base[SHMQ_RESOURCES] = {100, 10, 20, 30, 0};
static const int64_t disturbance[SHMQ_RESOURCES] = {2, 1, 1, 1, 0};

/* ---- Complaints ---- */

static char *complaint;

int world_complain(const char *format, ...)
{
	va_list arguments;

	if (complaint == NULL)
		complaint = shared_alloc(COMPLAINT_SIZE);
	va_start(arguments, format);
	if (complaint[0] == '\0')
		vsnprintf(complaint, COMPLAINT_SIZE, format, arguments);
	va_end(arguments);
	return 1;
}

const char *world_complaint(void)
{
	return complaint;
}

void world_forget_complaint(void)
{
	if (complaint == NULL)
		complaint = shared_alloc(COMPLAINT_SIZE);
	complaint[0] = '\0';
}

#define MUST(call) must((call), #call)

static void must(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "the world cannot be built: %s: %s\n", what, shmq_strerror(result));
	name_sweep();
	exit(2);
}

/* ---- Quotas and policies ---- */

struct shmq_quota world_quota(const struct world *world, uint64_t storage_limit)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	quota.limit[SHMQ_STORAGE] = storage_limit;
	quota.limit[SHMQ_MEMORY] = WORLD_LIMIT;
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++) {
		quota.limit[resource] = WORLD_LIMIT;
		quota.period_ns[resource] = world->period_ns;
	}
	return quota;
}

int world_publish(const struct world *world, struct shmq_segment *segment, enum world_policy policy)
{
	static const struct {
		uint64_t limit;
		const char *names;
	} policies[] = {
	    [POLICY_FIRST] = {100, "kept dropped resting away"},
	    [POLICY_SECOND] = {200, "kept new-1 new-2 resting own"},
	    [POLICY_THIRD] = {300, "kept new-1 resting own"},
	    [POLICY_NONE] = {400, ""},
	    [POLICY_TOO_LARGE] = {500, "1 2 3 4 5 6 7 8 9 a b c d e"},
	};
	struct publication_rule rule = {.quota = world_quota(world, policies[policy].limit + 1)};
	struct publication publication;
	char names[64], *rest = names;
	int result = publication_begin(&publication, segment);

	if (result < 0)
		return result;
	result = publication_set_default(&publication, &rule);
	rule.quota = world_quota(world, policies[policy].limit);
	snprintf(names, sizeof(names), "%s", policies[policy].names);
	for (char *name = strtok_r(names, " ", &rest); name != NULL && result == 0; name = strtok_r(NULL, " ", &rest))
		result = publication_declare(&publication, name, strlen(name), &rule);
	if (result == 0)
		return publication_commit(&publication);
	publication_abort(&publication);
	return result;
}

/* ---- Building ---- */

static void add(struct world *world, const char *name, uint64_t storage_limit)
{
	struct shmq_quota quota = world_quota(world, storage_limit);

	MUST(shmq_component_register(world->segment, name, storage_limit == 0 ? NULL : &quota));
}

/* Whoever gets its entry next must find none of it. */
static void use_and_drop(struct world *world, const char *name)
{
	struct shmq_component *component;

	MUST(shmq_component_find(&component, world->segment, name));
	MUST(shmq_consume(component, SHMQ_STORAGE, 11));
	MUST(shmq_consume(component, SHMQ_NETWORK, 12));
	shmq_component_put(component);
	MUST(shmq_component_unregister(world->segment, name));
}

static void use_all_entries(struct world *world)
{
	for (int i = 0; i < WORLD_COMPONENTS - WORLD_NAMES; i++) {
		char name[8];

		snprintf(name, sizeof(name), "gone-%d", i);
		add(world, name, 77);
		use_and_drop(world, name);
	}
}

static void fill_directory(struct world *world)
{
	MUST(world_publish(world, world->segment, POLICY_FIRST));
	add(world, "target", WORLD_LIMIT);
	add(world, "own", 55);
	add(world, "default", 0);
	add(world, "passing", 66);
	use_and_drop(world, "resting");
	MUST(shmq_housekeep(world->segment) < 0);
	if (world->setup.is_full || world->setup.is_read)
		use_all_entries(world);
	if (world->setup.is_read) {
		MUST(shmq_housekeep(world->segment) < 0);
		MUST(worker_enter(world->segment, &world->section));
	}
	use_and_drop(world, "away");
}

void world_stop_reading(struct world *world)
{
	if (world->section != NULL)
		worker_leave(world->section);
	world->section = NULL;
}

static void use_target(struct world *world)
{
	MUST(shmq_component_find(&world->target, world->segment, "target"));
	for (int resource = 0; resource < SHMQ_MEMORY; resource++)
		MUST(shmq_consume(world->target, resource, (uint64_t)world_base[resource]));
	if (!world->setup.is_alone) {
		MUST(shmq_reserve(&world->held, world->target, SHMQ_STORAGE, HELD_STORAGE, NULL));
		MUST(shmq_memory_set(world->target, HELD_MEMORY, NULL));
	}
}

/* As if the windows had begun one period earlier: at the clock's origin. */
static void age(struct world *world)
{
	struct shmq_shm_tracker *tracker = &world->segment->trackers[shmq_component_id(world->target)];

	for (int i = 0; i < LAYOUT_RATES; i++)
		shm_store_release(&tracker->rate[i].current,
		                  shm_load_seq_cst(&tracker->rate[i].current) & WINDOW_SEQ_MASK);
}

void world_build(struct world *world, const struct world_setup *setup)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	uint64_t uptime_ms = clock_now_ns() / MS;

	*world = (struct world){.setup = *setup};
	/* Begun a second ago, ends when the machine has been up for twice as long. */
	world->period_ns = (uptime_ms - 1000) % (SHMQ_PERIOD_MAX_NS / MS) * MS;
	if (world->setup.threads == 0)
		world->setup.threads = THREADS;
	options.components = WORLD_COMPONENTS;
	options.threads = world->setup.threads;
	options.reservations = WORLD_RESERVATIONS;
	options.membarrier = world_has_membarrier;
	name_segment(world->name, "kill");
	name_segment(world->other_name, "kill-other");
	MUST(shmq_segment_create(&world->segment, world->name, &options));
	fill_directory(world);
	use_target(world);
	if (world->setup.is_aged)
		age(world);
}

void world_tear_down(struct world *world)
{
	world_stop_reading(world);
	shmq_component_put(world->target);
	shmq_segment_close(world->segment);
	shmq_segment_remove(world->name);
	shmq_segment_remove(world->other_name);
}

int world_create_other(const struct world *world, bool is_persistent)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	int result;

	options.components = options.threads = 2;
	options.persistent = is_persistent;
	result = shmq_segment_create(&segment, world->other_name, &options);
	if (result == 0 && is_persistent)
		shmq_segment_close(segment);
	return result;
}

static int create_and_die(unsigned index, void *context)
{
	(void)index;
	return world_create_other(context, false) == 0 ? 0 : 1;
}

void world_leave_other(const struct world *world, bool is_persistent)
{
	struct world copy = *world;

	if (is_persistent)
		MUST(world_create_other(world, true));
	else
		MUST(process_run(create_and_die, &copy, 5000));
}

/* ---- The survivor ---- */

int64_t world_used(const struct world *world, int resource)
{
	int64_t used = world->setup.is_aged && tracker_is_rate(resource) ? 0 : world_base[resource];

	if (!world->setup.is_alone && resource == SHMQ_STORAGE)
		used += HELD_STORAGE;
	if (!world->setup.is_alone && resource == SHMQ_MEMORY)
		used += HELD_MEMORY + (world->is_disturbed ? 1 : 0);
	return used + (world->is_disturbed ? disturbance[resource] : 0);
}

void world_disturb(struct world *world)
{
	for (int resource = 0; resource < SHMQ_MEMORY; resource++)
		MUST(shmq_consume(world->target, resource,
		                  (uint64_t)disturbance[resource] + (resource == SHMQ_STORAGE)));
	MUST(shmq_release(world->target, SHMQ_STORAGE, 1));
	if (!world->setup.is_alone)
		MUST(shmq_memory_set(world->target, HELD_MEMORY + 1, NULL));
	world->is_disturbed = true;
}

static uint64_t used_now(struct shmq_component *component, int resource)
{
	struct shmq_status status;

	return shmq_status(component, &status) == 0 ? status.resource[resource].used : UINT64_MAX;
}

int world_finish(struct world *world)
{
	uint64_t storage = used_now(world->target, SHMQ_STORAGE), memory = used_now(world->target, SHMQ_MEMORY);
	uint64_t share = HELD_MEMORY + world->is_disturbed;

	if (world->setup.is_alone)
		return 0;
	RETURNS(shmq_commit(&world->held, 3), 0);
	WELL(used_now(world->target, SHMQ_STORAGE) == storage - (HELD_STORAGE - 3),
	     "the survivor commits 3 of %d: %" PRIu64 " used, then %" PRIu64, HELD_STORAGE, storage,
	     used_now(world->target, SHMQ_STORAGE));
	RETURNS(shmq_memory_set(world->target, 0, NULL), 0);
	WELL(used_now(world->target, SHMQ_MEMORY) == memory - share,
	     "the survivor gives up %" PRIu64 " of memory: %" PRIu64 " used, then %" PRIu64, share, memory,
	     used_now(world->target, SHMQ_MEMORY));
	return 0;
}
