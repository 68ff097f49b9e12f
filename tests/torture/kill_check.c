/* SPDX-License-Identifier: MIT */
/*
 * From the outside by the public interface, as far as that shows it; slots, ledgers and chains by looking at them.
 */
#include "kill_check.h"

#include "core/directory_write.h"
#include "core/ledger.h"
#include "kill_ranks.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

/* ---- Recovery ---- */

struct occupant {
	struct shmq_component *component;
	pthread_barrier_t *barrier;
	int result;
};

/* Take a slot and keep it until everybody has one. */
static void *occupy(void *context)
{
	struct occupant *occupant = context;
	struct shmq_status status;

	occupant->result = shmq_status(occupant->component, &status);
	pthread_barrier_wait(occupant->barrier);
	return NULL;
}

/* All slots but the survivor's, at the same time: also what was the victim's. */
static int claim_all_slots(const struct world *world, struct shmq_component *component)
{
	unsigned others = world->setup.threads - 2;
	struct occupant occupants[16];
	pthread_t threads[16];
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, others + 1);
	for (unsigned i = 0; i < others; i++) {
		occupants[i] = (struct occupant){component, &barrier, 0};
		WELL(pthread_create(&threads[i], NULL, occupy, &occupants[i]) == 0, "no thread");
	}
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < others; i++) {
		pthread_join(threads[i], NULL);
		WELL(occupants[i].result == 0, "a slot cannot be claimed: %s", shmq_strerror(occupants[i].result));
	}
	pthread_barrier_destroy(&barrier);
	return 0;
}

static int recover(const struct world *world, struct shmq_segment *segment, struct shmq_component **target,
                   enum check_way way)
{
	int recovered = way == BY_HOUSEKEEPING ? shmq_housekeep(segment) : 0;

	WELL(recovered >= 0, "housekeeping: %s", shmq_strerror(recovered));
	RETURNS(shmq_component_find(target, segment, "target"), 0);
	if (way == BY_HOUSEKEEPING)
		return 0;
	if (claim_all_slots(world, *target) != 0)
		return 1;
	/* Whoever changes the directory next repairs it, also where the change itself is refused. */
	RETURNS(shmq_component_register(segment, "target", NULL), -EEXIST);
	return 0;
}

/* ---- Slots and ledgers ---- */

static int check_ledger(const struct shmq_segment *segment, uint32_t slot)
{
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;

	WELL((shm_load_relaxed(&intent->state) & INTENT_STATE_MASK) == INTENT_IDLE, "the intent of slot %u is open",
	     slot);
	for (uint32_t i = 0; i < segment->layout.entries; i++) {
		struct ledger_entry entry = {segment, slot, i};

		WELL(ledger_held(&entry) == 0, "entry %u of the free slot %u holds %" PRIu64, i, slot,
		     ledger_held(&entry));
	}
	return 0;
}

static int check_slots(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	RETURNS(shmq_segment_info(segment, &info), 0);
	WELL(info.threads_used == 2, "%u slots are in use, not the survivor's and ours only", info.threads_used);
	WELL(info.controller_pid == 0, "the controller lock is held by %u", info.controller_pid);
	for (uint32_t i = 0; i < segment->layout.threads; i++) {
		if (shm_load_relaxed(&segment->slots[i].owner) != 0)
			continue;
		WELL(shm_load_relaxed(&segment->slots[i].ctr) == 0, "the free slot %u is in a read section", i);
		if (check_ledger(segment, i) != 0)
			return 1;
	}
	return 0;
}

static void complain_of_defect(void *context, const struct shmq_defect *defect)
{
	(void)context;
	world_complain("%s %s %u: %s; found %" PRIu64 ", expected %" PRIu64, defect->object, defect->structure,
	               defect->index, defect->invariant, defect->found, defect->expected);
}

static int check_soundness(struct shmq_segment *segment)
{
	return shmq_segment_verify(segment, complain_of_defect, NULL) == 0 ? 0 : 1;
}

/* ---- Figures ---- */

/* The peak is of one window, and a sliding one counts two; a bucket's side figures may lack what it just took. */
static int check_side_figures(const struct world *world, const struct shmq_resource_status *status, int resource)
{
	bool is_plain = !shmq_resource_is_rate(resource) || world->setup.algorithm == SHMQ_WINDOW;

	WELL(status->denied <= 1, "%s: denied %" PRIu64 " times", shmq_resource_name(resource), status->denied);
	WELL(!is_plain || status->peak >= status->used, "%s: the peak is %" PRIu64 ", used %" PRIu64,
	     shmq_resource_name(resource), status->peak, status->used);
	WELL(!is_plain || status->total >= status->used, "%s: the total is %" PRIu64 ", used %" PRIu64,
	     shmq_resource_name(resource), status->total, status->used);
	return 0;
}

bool check_is_possible(const struct check_outcome *outcome, int resource, int64_t change)
{
	bool is_possible = change == outcome->undone[resource] || change == outcome->done[resource];

	for (int i = 0; i < 2 && shmq_resource_is_rate(resource); i++)
		is_possible |= outcome->between[i] != NULL && change == outcome->between[i][resource];
	return is_possible;
}

/* One of a rate's two outcomes; of levels both must have the same. */
static int check_figures(const struct world *world, struct shmq_component *target, const struct check_outcome *outcome)
{
	struct shmq_status status;
	int undone = 0, done = 0;

	RETURNS(shmq_status(target, &status), 0);
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		int64_t used = (int64_t)status.resource[i].used, base = world_used(world, i);

		WELL(check_is_possible(outcome, i, used - base),
		     "%s: %" PRId64 " used, expected %" PRId64 " or %" PRId64, shmq_resource_name(i), used,
		     base + outcome->undone[i], base + outcome->done[i]);
		WELL(status.resource[i].leased == 0, "%s: %" PRIu64 " are on lease still", shmq_resource_name(i),
		     status.resource[i].leased);
		undone += !shmq_resource_is_rate(i) && used != base + outcome->undone[i];
		done += !shmq_resource_is_rate(i) && used != base + outcome->done[i];
		if (check_side_figures(world, &status.resource[i], i) != 0)
			return 1;
	}
	WELL(undone == 0 || done == 0, "one level of two was taken");
	return 0;
}

/* Exactly what is left can be taken, and a level can be brought back. */
static int check_rest(struct shmq_segment *segment, struct shmq_component *target, int resource)
{
	struct ranks_rest rest;
	uint64_t taken;
	bool is_denied;

	if (ranks_find_rest(segment, target, resource, &rest) != 0)
		return 1;
	is_denied = rest.denying != UINT64_MAX;
	taken = is_denied ? rest.denying : rest.warning;
	if (taken > 0)
		RETURNS(shmq_try_consume(target, resource, taken, NULL),
		        taken > rest.warning ? SHMQ_WOULD_DENY : SHMQ_OK);
	RETURNS(shmq_try_consume(target, resource, 1, NULL), is_denied ? SHMQ_DENIED : SHMQ_WOULD_DENY);
	taken += is_denied ? 0 : 1;
	if (!shmq_resource_is_rate(resource) && taken > 0)
		RETURNS(shmq_release(target, resource, taken), 0);
	return 0;
}

/* Enough for check_reservations(), at all ranks. */
static bool has_room(struct shmq_segment *segment, struct shmq_component *target)
{
	struct ranks_rest storage, memory;

	return ranks_find_rest(segment, target, SHMQ_STORAGE, &storage) == 0 &&
	       ranks_find_rest(segment, target, SHMQ_MEMORY, &memory) == 0 &&
	       storage.denying >= 10 * WORLD_RESERVATIONS && storage.warning >= 10 * WORLD_RESERVATIONS &&
	       memory.denying >= 30 && memory.warning >= 30;
}

static int check_reservations(struct shmq_component *target)
{
	struct shmq_reservation reservations[WORLD_RESERVATIONS], one_too_many;
	struct shmq_status before, after;

	RETURNS(shmq_status(target, &before), 0);
	for (int i = 0; i < WORLD_RESERVATIONS; i++)
		RETURNS(shmq_reserve(&reservations[i], target, SHMQ_STORAGE, 10, NULL), 0);
	RETURNS(shmq_reserve(&one_too_many, target, SHMQ_STORAGE, 10, NULL), -EAGAIN);
	RETURNS(shmq_commit(&reservations[0], 10), 0);
	RETURNS(shmq_commit(&reservations[1], 4), 0);
	for (int i = 2; i < WORLD_RESERVATIONS; i++)
		shmq_cancel(&reservations[i]);
	RETURNS(shmq_release(target, SHMQ_STORAGE, 14), 0);
	RETURNS(shmq_memory_set(target, 30, NULL), 0);
	RETURNS(shmq_memory_set(target, 20, NULL), 0);
	RETURNS(shmq_memory_set(target, 0, NULL), 0);
	RETURNS(shmq_status(target, &after), 0);
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		WELL(before.resource[i].used == after.resource[i].used,
		     "%s: use by others moved it from %" PRIu64 " to %" PRIu64, shmq_resource_name(i),
		     before.resource[i].used, after.resource[i].used);
	return 0;
}

static int check_use(struct shmq_segment *segment, struct shmq_component *target)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (check_rest(segment, target, resource) != 0)
			return 1;
	return has_room(segment, target) ? check_reservations(target) : 0;
}

/* ---- Events ---- */

/* Whatever its writer left: each that can be read is whole, and a later number than the one before. */
static int check_events(struct shmq_segment *segment)
{
	struct shmq_event event = {.size = sizeof(event)};
	uint64_t cursor = 0, last = 0;

	while (shmq_event_read(segment, &cursor, &event) == 1) {
		WELL(event.sequence > last, "event %" PRIu64 " comes after %" PRIu64, event.sequence, last);
		WELL(event.kind > 0 && event.kind < SHMQ_EVENT_KINDS, "an event of kind %d", event.kind);
		WELL(event.component == SHMQ_NO_COMPONENT || event.component_name[0] != '\0',
		     "an event of %s about nobody", shmq_event_kind_name(event.kind));
		last = event.sequence;
	}
	return 0;
}

/* ---- The directory ---- */

static unsigned count_links(const struct shmq_segment *segment, uint32_t index)
{
	unsigned links = 0;

	for (uint32_t i = 0; i < segment->layout.buckets; i++) {
		uint32_t link = shm_load32_relaxed(&segment->buckets[i]);

		for (uint32_t hops = 0; link != 0 && link <= segment->layout.components; hops++) {
			if (hops == segment->layout.components)
				return UINT32_MAX; /* a circle */
			links += link == index + 1;
			link = shm_load32_relaxed(&segment->entries[link - 1].next);
		}
	}
	return links;
}

static int check_entries(const struct shmq_segment *segment)
{
	const struct shmq_shm_control *control = &segment->policy->control;
	const struct shmq_shm_quota *quotas = directory_quotas(segment);
	unsigned live = 0, dying = 0;

	for (uint32_t i = 0; i < segment->layout.components; i++) {
		unsigned state = entry_state(&segment->entries[i]);
		uint64_t flags = quota_flags(&quotas[i]);
		bool is_linked = state == ENTRY_LIVE || (flags & QUOTA_DECLARED) != 0;

		WELL(count_links(segment, i) == (is_linked ? 1U : 0U), "entry %u in state %u is linked %u times", i,
		     state, count_links(segment, i));
		WELL(((flags & QUOTA_PRESENT) != 0) == (state == ENTRY_LIVE), "entry %u in state %u has flags %u", i,
		     state, (unsigned)flags);
		live += state == ENTRY_LIVE;
		dying += state == ENTRY_DYING;
	}
	WELL(shm_load32_relaxed(&control->registered) == live, "%u are registered, counted %u", live,
	     shm_load32_relaxed(&control->registered));
	WELL(shm_load32_relaxed(&control->retired) == dying, "%u are retired, counted %u", dying,
	     shm_load32_relaxed(&control->retired));
	return 0;
}

/* Its storage limit, or 0 where there is no such component. */
static uint64_t limit_of(struct shmq_segment *segment, const char *name)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_component *component;

	if (shmq_component_find(&component, segment, name) != 0)
		return 0;
	if (shmq_component_quota(component, &quota) != 0)
		quota.limit[SHMQ_STORAGE] = 0;
	shmq_component_put(component);
	return quota.limit[SHMQ_STORAGE];
}

static const struct check_change first_policy[] = {
    {"kept", 100},    {"dropped", 100}, {"resting", 0},          {"away", 0}, {"own", 55},
    {"default", 101}, {"passing", 66},  {"target", WORLD_LIMIT}, {NULL, 0}};

static uint64_t limit_in(const struct check_change *list, const char *name, uint64_t otherwise)
{
	for (; list != NULL && list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list->limit;
	return otherwise;
}

/* Every name is as before, or every name is as afterwards. */
static int check_names(struct shmq_segment *segment, const struct check_change *changes)
{
	const struct check_change *const lists[] = {first_policy, changes};
	int undone = 0, done = 0;
	char seen[400] = "";

	for (int i = 0; i < 2; i++) {
		for (const struct check_change *item = lists[i]; item != NULL && item->name != NULL; item++) {
			uint64_t limit = limit_of(segment, item->name);
			uint64_t before = limit_in(first_policy, item->name, 0);
			uint64_t after = limit_in(changes, item->name, before);

			undone += limit != before;
			done += limit != after;
			snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), " %s %" PRIu64, item->name, limit);
		}
	}
	WELL(undone == 0 || done == 0, "neither the old nor the new directory:%s", seen);
	return 0;
}

/* Names can be given up and used again at once. */
static int check_reuse(const struct world *world, struct shmq_segment *segment, const struct check_change *changes)
{
	struct shmq_quota quota = world_quota(world, 88);

	for (; changes != NULL && changes->name != NULL; changes++) {
		int expected = limit_of(segment, changes->name) != 0 ? 0 : -ENOENT;

		if (strcmp(changes->name, "target") == 0)
			continue; /* the survivor uses it */
		RETURNS(shmq_component_unregister(segment, changes->name), expected);
		RETURNS(shmq_component_register(segment, changes->name, &quota), 0);
		WELL(limit_of(segment, changes->name) == 88, "%s cannot be found again", changes->name);
		RETURNS(shmq_component_unregister(segment, changes->name), 0);
		RETURNS(shmq_housekeep(segment), 0);
	}
	return check_entries(segment);
}

static int check_publishing(const struct world *world, struct shmq_segment *segment, struct shmq_component *target)
{
	static const char *const names[] = {"kept", "new-1", "resting", "own", NULL};

	if (world->setup.is_idle) /* else it could not come back to its group */
		RETURNS(shmq_reset(target), 0);
	RETURNS(shmq_housekeep(segment), 0);
	RETURNS(world_publish(world, segment, POLICY_THIRD), 0);
	for (const char *const *name = names; *name != NULL; name++)
		WELL(limit_of(segment, *name) == 300, "%s has limit %" PRIu64 " under the third policy", *name,
		     limit_of(segment, *name));
	RETURNS(shmq_component_unregister(segment, "kept"), 0);
	RETURNS(shmq_component_register(segment, "kept", NULL), 0);
	WELL(limit_of(segment, "kept") == 300, "the policy's quota of kept is lost");
	RETURNS(world_publish(world, segment, POLICY_NONE), 0);
	return check_entries(segment);
}

static int check_is_unused(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component;
	struct shmq_status status;

	RETURNS(shmq_component_find(&component, segment, name), 0);
	RETURNS(shmq_status(component, &status), 0);
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		WELL(status.resource[i].used == 0 && status.resource[i].total == 0 && status.resource[i].peak == 0,
		     "%s is new and has used %" PRIu64 " of %s, %" PRIu64 " in all", name, status.resource[i].used,
		     shmq_resource_name(i), status.resource[i].total);
	shmq_component_put(component);
	return 0;
}

/* As many as there is room for; every one of them unused. */
static int check_capacity(const struct world *world, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_quota quota = world_quota(world, 99);
	unsigned added = 0;
	char name[16];
	int result;

	RETURNS(shmq_housekeep(segment), 0);
	RETURNS(shmq_segment_info(segment, &info), 0);
	WELL(info.retired == 0, "%u entries are not reclaimed", info.retired);
	for (;;) {
		snprintf(name, sizeof(name), "filler-%u", added);
		result = shmq_component_register(segment, name, &quota);
		if (result != 0)
			break;
		added++;
		if (check_is_unused(segment, name) != 0)
			return 1;
	}
	WELL(result == -ENOSPC, "filling the directory: %s", shmq_strerror(result));
	WELL(info.components_used + added == world_components(&world->setup), "only %u of %u entries can be used",
	     info.components_used + added, world_components(&world->setup));
	return check_entries(segment);
}

/* Names that the policy does not know have their entries' former names and quotas left to nobody. */
static int check_strangers(const struct world *world, struct shmq_segment *segment)
{
	uint64_t expected = limit_of(segment, "default");
	char name[8];

	RETURNS(shmq_housekeep(segment), 0);
	for (int i = 0; (world->setup.is_full || world->setup.is_read) && i < WORLD_COMPONENTS - WORLD_NAMES; i++) {
		snprintf(name, sizeof(name), "gone-%d", i);
		RETURNS(shmq_component_register(segment, name, NULL), 0);
		WELL(limit_of(segment, name) == expected, "%s has limit %" PRIu64 ", not the default", name,
		     limit_of(segment, name));
		RETURNS(shmq_component_unregister(segment, name), 0);
		RETURNS(shmq_housekeep(segment), 0);
	}
	return 0;
}

/* ---- All of it ---- */

/* What must hold as soon as others have recovered. */
static int check_state(const struct world *world, struct shmq_segment *segment, struct shmq_component *target,
                       const struct check_outcome *outcome)
{
	if (check_soundness(segment) != 0 || check_slots(segment) != 0 || check_figures(world, target, outcome) != 0)
		return 1;
	if (ranks_check_sums(segment) != 0 || ranks_check(world, segment, target, outcome) != 0)
		return 1;
	if (check_events(segment) != 0 || check_entries(segment) != 0)
		return 1;
	return check_names(segment, outcome->changes);
}

/* Everything can be used by others. */
static int check_future(const struct world *world, struct shmq_segment *segment, struct shmq_component *target,
                        const struct check_change *changes)
{
	if (check_use(segment, target) != 0 || check_strangers(world, segment) != 0)
		return 1;
	if (check_reuse(world, segment, changes) != 0 || check_publishing(world, segment, target) != 0)
		return 1;
	if (check_capacity(world, segment) != 0 || check_soundness(segment) != 0)
		return 1;
	return ranks_check_sums(segment);
}

int check_world(const struct world *world, const struct check_order *order)
{
	struct shmq_component *target;
	struct shmq_segment *segment;

	RETURNS(shmq_segment_open(&segment, world->name, SHMQ_CONTROL), 0);
	if (recover(world, segment, &target, order->way) != 0)
		return 1;
	if (check_state(world, segment, target, &order->outcome) != 0)
		return 1;
	if (!order->is_brief && check_future(world, segment, target, order->outcome.changes) != 0)
		return 1;
	shmq_component_put(target);
	shmq_segment_close(segment);
	return 0;
}

static int check_gone(const struct world *world)
{
	static const char *const objects[] = {"policy", "usage"};
	char path[NAME_SIZE];

	for (int i = 0; i < 2; i++) {
		name_object(path, world->other_name, objects[i]);
		WELL(access(path, F_OK) != 0, "%s was left behind", path);
	}
	return 0;
}

int check_other(const struct world *world, bool is_persistent)
{
	struct shmq_segment *segment;
	int result = shmq_segment_open(&segment, world->other_name, SHMQ_WORK);
	bool is_kept = result == 0 && is_persistent;

	WELL(result == 0 || result == -ENOENT, "opening what is left: %s", shmq_strerror(result));
	if (result == 0)
		shmq_segment_close(segment);
	result = shmq_segment_create(&segment, world->other_name, NULL);
	if (is_kept) {
		WELL(result == -EEXIST, "a persistent segment was replaced");
		RETURNS(shmq_segment_remove(world->other_name), 0);
		RETURNS(shmq_segment_create(&segment, world->other_name, NULL), 0);
	} else {
		WELL(result == 0, "creating anew: %s", shmq_strerror(result));
	}
	RETURNS(shmq_component_register(segment, "something", NULL), 0);
	shmq_segment_close(segment);
	RETURNS(shmq_segment_remove(world->other_name), 0);
	return check_gone(world);
}
