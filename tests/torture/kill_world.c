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

#define PASSING_STORAGE 5
#define PASSING_MEMORY 3
#define EVENTS 16
#define RULES_BYTES 1024

bool world_has_membarrier;
const char *const world_groups[WORLD_GROUPS] = {"group:team", "group:tenant", "group:host"};
static const int64_t base[SHMQ_RESOURCES] = {100, 10, 20, 30, 0};
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
		quota.algorithm[resource] = world->setup.algorithm;
	}
	return quota;
}

/* The quota of the target, rank 0, or of one of its groups. */
static struct shmq_quota quota_of_rank(const struct world *world, unsigned rank)
{
	bool is_host = rank > 0 && rank == world->setup.groups;
	uint64_t limit = is_host ? WORLD_HOST_LIMIT : WORLD_LIMIT;
	struct shmq_quota quota = world_quota(world, limit);

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		quota.limit[resource] = limit;
		if ((world->setup.warning >> rank & 1) != 0)
			quota.enforcement[resource] = SHMQ_ENFORCE_WARN;
	}
	quota.lease[SHMQ_MESSAGES] = rank == 0 ? world->setup.lease : 0;
	return quota;
}

/* The outermost group first, as publishing wants it. */
static int declare_groups(const struct world *world, struct publication *publication)
{
	struct publication_rule rule = {.is_group = true};
	int result = 0;

	for (unsigned rank = world->setup.groups; rank > 0 && result == 0; rank--) {
		rule.quota = quota_of_rank(world, rank);
		rule.group = rank < world->setup.groups ? world_groups[rank] : NULL;
		result =
		    publication_declare(publication, world_groups[rank - 1], strlen(world_groups[rank - 1]), &rule);
	}
	if (result == 0 && world->setup.groups > 0) {
		rule.quota = world_quota(world, WORLD_LIMIT);
		rule.group = NULL;
		result = publication_declare(publication, WORLD_ELSEWHERE, strlen(WORLD_ELSEWHERE), &rule);
	}
	return result;
}

/* Target and passing have quotas of their own; which groups they count against is up to patterns. */
static int place_members(const struct world *world, struct publication *publication, enum world_policy policy)
{
	struct publication_rule rule = {.quota = world_quota(world, WORLD_LIMIT), .group = world_groups[0]};
	int result = 0;

	if (world->setup.groups > 0)
		result = publication_add_pattern(publication, "passin?", &rule);
	if (policy == POLICY_MOVED)
		rule.group = WORLD_ELSEWHERE;
	if (world->setup.groups > 0 && result == 0)
		result = publication_add_pattern(publication, "targe?", &rule);
	return result;
}

static int declare_target(const struct world *world, struct publication *publication, enum world_policy policy)
{
	struct publication_rule rule = {.quota = quota_of_rank(world, 0),
	                                .group = world->setup.groups > 0 ? world_groups[0] : NULL};

	if (!world->setup.is_reloadable)
		return 0;
	rule.quota.inheritance = SHMQ_INHERIT_PROPORTIONAL;
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU && policy != POLICY_FIRST; resource++)
		rule.quota.limit[resource] /= 2;
	return publication_declare(publication, "target", strlen("target"), &rule);
}

static int declare_names(const struct world *world, struct publication *publication, const char *list, uint64_t limit)
{
	struct publication_rule rule = {.quota = world_quota(world, limit)};
	char names[64], *rest = names;
	int result = 0;

	snprintf(names, sizeof(names), "%s", list);
	for (char *name = strtok_r(names, " ", &rest); name != NULL && result == 0; name = strtok_r(NULL, " ", &rest)) {
		bool is_member = world->setup.groups > 0 && strcmp(name, "away") == 0;

		rule.group = is_member ? world_groups[0] : NULL;
		result = publication_declare(publication, name, strlen(name), &rule);
	}
	return result;
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
	    [POLICY_MOVED] = {150, "kept dropped"},
	};
	struct publication_rule rule = {.quota = world_quota(world, policies[policy].limit + 1)};
	struct publication publication;
	int result = publication_begin(&publication, segment);

	if (result < 0)
		return result;
	result = publication_set_default(&publication, &rule);
	if (result == 0)
		result = declare_groups(world, &publication);
	if (result == 0)
		result = place_members(world, &publication, policy);
	if (result == 0)
		result = declare_target(world, &publication, policy);
	if (result == 0)
		result = declare_names(world, &publication, policies[policy].names, policies[policy].limit);
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

static void add_target(struct world *world)
{
	struct shmq_quota quota = quota_of_rank(world, 0);

	if (!world->setup.is_reloadable)
		MUST(shmq_component_register(world->segment, "target", &quota));
	MUST(shmq_component_find(&world->target, world->segment, "target"));
}

/* What goes with it is taken off its groups. */
static void add_passing(struct world *world)
{
	struct shmq_component *passing;

	add(world, "passing", 66);
	if (world->setup.groups == 0)
		return;
	MUST(shmq_component_find(&passing, world->segment, "passing"));
	MUST(shmq_consume(passing, SHMQ_STORAGE, PASSING_STORAGE));
	MUST(shmq_consume(passing, SHMQ_MEMORY, PASSING_MEMORY));
	shmq_component_put(passing);
}

/* Whoever gets its entry next must find none of it. */
static void use_and_drop(struct world *world, const char *name)
{
	struct shmq_component *component;

	MUST(shmq_component_find(&component, world->segment, name));
	MUST(shmq_consume(component, SHMQ_STORAGE, 11));
	MUST(shmq_consume(component, SHMQ_NETWORK, 12));
	MUST(shmq_consume(component, SHMQ_MEMORY, 13));
	shmq_component_put(component);
	MUST(shmq_component_unregister(world->segment, name));
}

static void use_all_entries(struct world *world)
{
	for (int i = 0; i < WORLD_COMPONENTS - WORLD_NAMES; i++) {
		char name[16];

		snprintf(name, sizeof(name), "gone-%d", i);
		add(world, name, 77);
		use_and_drop(world, name);
	}
}

static void fill_directory(struct world *world)
{
	MUST(world_publish(world, world->segment, POLICY_FIRST));
	add_target(world);
	add(world, "own", 55);
	add(world, "default", 0);
	add_passing(world);
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
	for (int resource = 0; resource < SHMQ_MEMORY && !world->setup.is_idle; resource++)
		MUST(shmq_consume(world->target, resource, (uint64_t)base[resource]));
	if (!world->setup.is_alone) {
		MUST(shmq_reserve(&world->held, world->target, SHMQ_STORAGE, HELD_STORAGE, NULL));
		MUST(shmq_memory_set(world->target, HELD_MEMORY, NULL));
	}
}

/* As if the windows had begun one period earlier: at the clock's origin. */
static void age(struct world *world)
{
	for (unsigned i = 0; i < world_components(&world->setup); i++) {
		struct shmq_shm_rate *rates = world->segment->trackers[i].rate;

		for (int j = 0; j < LAYOUT_RATES; j++)
			shm_store_release(&rates[j].current, shm_load_seq_cst(&rates[j].current) & WINDOW_SEQ_MASK);
	}
}

static uint64_t used_now(struct shmq_component *component, int resource)
{
	struct shmq_status status;

	return shmq_status(component, &status) == 0 ? status.resource[resource].used : UINT64_MAX;
}

static void count_others(struct world *world)
{
	for (unsigned i = 0; i < world->setup.groups; i++) {
		struct shmq_component *group;

		MUST(shmq_component_find(&group, world->segment, world_groups[i]));
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
			world->others[i][resource] = used_now(group, resource) - used_now(world->target, resource);
		shmq_component_put(group);
	}
}

static struct shmq_options options_of(const struct world_setup *setup)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = world_components(setup);
	options.threads = setup->threads;
	options.reservations = WORLD_RESERVATIONS;
	options.membarrier = world_has_membarrier;
	/* Little is quicker put back. */
	options.events = EVENTS;
	options.rules_bytes = RULES_BYTES;
	return options;
}

void world_build(struct world *world, const struct world_setup *setup)
{
	uint64_t now_ns = clock_now_ns();
	struct shmq_options options;

	*world = (struct world){.setup = *setup, .built_ns = now_ns};
	/* Begun a second ago, ends when the machine has been up for twice as long. Of a bucket hardly anything flows in. */
	world->period_ns = setup->algorithm == SHMQ_BUCKET ? SHMQ_PERIOD_MAX_NS / 2
	                                                   : (now_ns / MS - 1000) % (SHMQ_PERIOD_MAX_NS / MS) * MS;
	if (world->setup.threads == 0)
		world->setup.threads = THREADS;
	options = options_of(&world->setup);
	name_segment(world->name, "kill");
	name_segment(world->other_name, "kill-other");
	MUST(shmq_segment_create(&world->segment, world->name, &options));
	fill_directory(world);
	use_target(world);
	if (world->setup.is_aged)
		age(world);
	count_others(world);
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
	options.events = EVENTS;
	options.rules_bytes = RULES_BYTES;
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

/* A sliding window still counts what was used before it was aged: hardly any of the new one has passed. */
static bool is_forgotten(const struct world *world, int resource)
{
	return world->setup.is_aged && tracker_is_rate(resource) && world->setup.algorithm != SHMQ_SLIDING;
}

int64_t world_used(const struct world *world, int resource)
{
	int64_t used = world->setup.is_idle || is_forgotten(world, resource) ? 0 : base[resource];

	if (!world->setup.is_alone && resource == SHMQ_STORAGE)
		used += HELD_STORAGE;
	if (!world->setup.is_alone && resource == SHMQ_MEMORY)
		used += HELD_MEMORY + (world->is_disturbed ? 1 : 0);
	if (!world->is_disturbed || (world->setup.is_idle && !tracker_is_rate(resource)))
		return used;
	return used + disturbance[resource];
}

/* Beyond a limit that only warns, if it has to be. */
static int grow_share(struct world *world)
{
	int result = shmq_memory_set(world->target, HELD_MEMORY + 1, NULL);

	return result == SHMQ_WOULD_DENY && world->setup.warning != 0 ? 0 : result;
}

/* Levels of what nobody uses are left alone: it may be on its way to another group, and then they take nothing. */
void world_disturb(struct world *world)
{
	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++)
		MUST(shmq_consume(world->target, resource, (uint64_t)disturbance[resource]));
	if (!world->setup.is_idle) {
		MUST(shmq_consume(world->target, SHMQ_STORAGE, (uint64_t)disturbance[SHMQ_STORAGE] + 1));
		MUST(shmq_release(world->target, SHMQ_STORAGE, 1));
	}
	if (!world->setup.is_alone)
		MUST(grow_share(world));
	world->is_disturbed = true;
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
