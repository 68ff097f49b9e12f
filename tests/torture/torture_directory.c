/* SPDX-License-Identifier: MIT */
/*
 * Torture of the directory: several controllers register, unregister and publish, are killed and stopped at random,
 * while workers look names up, by name and by id, and consume what they find.
 *
 * Each controller has names of its own and registers them with limits that say whose they are and from which
 * registration; so whoever gets a handle can tell whether it leads where the name says. Permanent names are always
 * there. What a controller just did must be so when it looks; what one was killed in may be so or not.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "torture.h"

#define CONTROLLERS 3
#define NAMES 8 /* of each controller */
#define PERMANENT 4
#define CAPACITY 48  /* little more than all names, so that places are used again and again */
#define STAMP 100000 /* a limit is registration * STAMP + which name */

struct arena {
	struct shmq_component *permanent[PERMANENT];
	struct counter taken[PERMANENT], begun[PERMANENT];
	struct counter registrations, full, found;
	struct shmq_policy *policies[2];
};

static void name_of(char out[32], unsigned owner, unsigned which)
{
	snprintf(out, 32, "owner-%u/name-%u", owner, which);
}

static void name_permanent(char out[32], unsigned which)
{
	snprintf(out, 32, "permanent-%u", which);
}

static void report_mixed(struct torture *torture, const char *what, uint64_t actual, uint64_t expected)
{
	torture_complain(&torture->findings->mixed, 1, what, actual, expected, expected);
}

/* ---- Workers ---- */

/* All figures of one registration belong together and to this name. */
static int inspect(struct torture *torture, struct shmq_component *found, uint64_t mark)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	int result = shmq_component_quota(found, &quota);

	CHILD_CHECK(result == 0 || result == -ESTALE);
	if (result != 0)
		return 0;
	if (quota.limit[SHMQ_STORAGE] % STAMP != mark)
		report_mixed(torture, "quota of another name", quota.limit[SHMQ_STORAGE] % STAMP, mark);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (quota.limit[resource] != quota.limit[SHMQ_STORAGE])
			report_mixed(torture, "quota of two registrations", quota.limit[resource],
			             quota.limit[SHMQ_STORAGE]);
	return 0;
}

/* Half of the names are for messages only, the others for network only: what lands on the wrong one shows. */
static int resource_of(uint64_t mark)
{
	return mark % 2 ? SHMQ_MESSAGES : SHMQ_NETWORK;
}

static int use(struct torture *torture, struct shmq_component *found, const char *name, uint64_t mark)
{
	struct shmq_verdict verdict;
	int result = shmq_try_consume(found, resource_of(mark), 1, &verdict);

	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED || result == -ESTALE);
	if (result == SHMQ_OK && verdict.current + 1 > verdict.limit)
		counter_add(&torture->findings->over, 1);
	if (result >= 0 && verdict.limit % STAMP != mark)
		report_mixed(torture, "verdict of another name", verdict.limit % STAMP, mark);
	if (strcmp(shmq_component_name(found), name) != 0)
		report_mixed(torture, "name of another component", 1, 0);
	counter_add(&((struct arena *)torture->context)->found, 1);
	return inspect(torture, found, mark);
}

static int visit_by_name(struct torture *torture, struct prng *prng)
{
	unsigned owner = (unsigned)prng_below(prng, CONTROLLERS), which = (unsigned)prng_below(prng, NAMES);
	struct shmq_component *found = NULL;
	int result, failed = 0;
	char name[32];

	name_of(name, owner, which);
	result = shmq_component_find(&found, torture->segment, name);
	CHILD_CHECK(result == 0 || result == -ENOENT);
	if (result == 0) {
		/* More than once: it may be unregistered and its place be used again in between. */
		for (unsigned i = 0; i < 4 && !failed; i++)
			failed = use(torture, found, name, owner * NAMES + which + 1);
		shmq_component_put(found);
	}
	return failed;
}

static int visit_by_id(struct torture *torture, struct prng *prng)
{
	struct shmq_component *found = NULL;
	unsigned owner, which;
	int result = shmq_component_at(&found, torture->segment, (uint32_t)prng_below(prng, CAPACITY)), failed = 0;

	CHILD_CHECK(result == 0 || result == -ENOENT);
	if (result != 0)
		return 0;
	if (sscanf(shmq_component_name(found), "owner-%u/name-%u", &owner, &which) == 2)
		failed = inspect(torture, found, owner * NAMES + which + 1);
	shmq_component_put(found);
	return failed;
}

static int visit_permanent(struct torture *torture, struct prng *prng)
{
	struct arena *arena = torture->context;
	unsigned which = (unsigned)prng_below(prng, PERMANENT);
	struct shmq_component *found = NULL;
	char name[32];

	name_permanent(name, which);
	CHILD_RESULT(shmq_component_find(&found, torture->segment, name), 0);
	counter_add(&arena->begun[which], 1);
	CHILD_RESULT(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	counter_add(&arena->taken[which], 1);
	shmq_component_put(found);
	return 0;
}

static int work(struct torture *torture, unsigned index)
{
	struct prng prng = prng_seed(torture->seed ^ clock_now_ns(), index);
	int failed = 0;

	while (!failed && !torture_stops(torture)) {
		switch (prng_below(&prng, 8)) {
		case 0:
			failed = visit_by_id(torture, &prng);
			break;
		case 1:
			failed = visit_permanent(torture, &prng);
			break;
		default:
			failed = visit_by_name(torture, &prng);
		}
		counter_add(torture->operations, 1);
	}
	return failed;
}

/* ---- Controllers ---- */

struct owner {
	struct torture *torture;
	struct shmq_segment *segment;
	unsigned number;
	struct prng prng;
};

static int expect_registered(struct owner *owner, const char *name, uint64_t limit)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_component *found = NULL;
	struct shmq_status status;

	CHILD_RESULT(shmq_component_find(&found, owner->segment, name), 0);
	CHILD_RESULT(shmq_component_quota(found, &quota), 0);
	if (quota.limit[SHMQ_STORAGE] != limit)
		report_mixed(owner->torture, "limit just registered", quota.limit[SHMQ_STORAGE], limit);
	CHILD_RESULT(shmq_status(found, &status), 0);
	/* Nobody takes these: whoever had the place before must have left nothing. */
	if (status.resource[SHMQ_MEMORY].used != 0 || status.resource[SHMQ_CPU].total != 0)
		report_mixed(owner->torture, "usage of who was here before", status.resource[SHMQ_MEMORY].used, 0);
	CHILD_RESULT(shmq_consume(found, SHMQ_MEMORY, 1), SHMQ_OK);
	CHILD_RESULT(shmq_consume(found, SHMQ_CPU, 1), SHMQ_OK);
	shmq_component_put(found);
	return 0;
}

static int register_one(struct owner *owner, const char *name, unsigned which)
{
	struct arena *arena = owner->torture->context;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	uint64_t limit = (1 + prng_below(&owner->prng, 1000)) * STAMP + owner->number * NAMES + which + 1;
	int result;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		quota.limit[resource] = limit;
	result = shmq_component_register(owner->segment, name, &quota);
	if (result == -ENOSPC) {
		/* Places wait for the grace period of a stopped worker. */
		counter_add(&arena->full, 1);
		return 0;
	}
	CHILD_RESULT(result, 0);
	counter_add(&arena->registrations, 1);
	return expect_registered(owner, name, limit);
}

static int unregister_one(struct owner *owner, const char *name, struct shmq_component *found, uint64_t mark)
{
	int foreign = resource_of(mark) == SHMQ_MESSAGES ? SHMQ_NETWORK : SHMQ_MESSAGES;
	struct shmq_component *gone = NULL;
	struct shmq_status status;

	CHILD_RESULT(shmq_status(found, &status), 0);
	if (status.resource[foreign].total != 0)
		report_mixed(owner->torture, "consumed by handles of another name", status.resource[foreign].total, 0);

	CHILD_RESULT(shmq_component_unregister(owner->segment, name), 0);
	CHILD_RESULT(shmq_try_consume(found, SHMQ_STORAGE, 1, NULL), -ESTALE);
	CHILD_RESULT(shmq_component_find(&gone, owner->segment, name), -ENOENT);
	CHILD_RESULT(shmq_component_unregister(owner->segment, name), -ENOENT);
	return 0;
}

/* Nobody else changes this name, so what is found now stays so until this controller changes it. */
static int turn_over(struct owner *owner)
{
	unsigned which = (unsigned)prng_below(&owner->prng, NAMES);
	struct shmq_component *found = NULL;
	int result, failed;
	char name[32];

	name_of(name, owner->number, which);
	result = shmq_component_find(&found, owner->segment, name);
	CHILD_CHECK(result == 0 || result == -ENOENT);
	if (result != 0)
		return register_one(owner, name, which);
	CHILD_RESULT(shmq_component_register(owner->segment, name, NULL), -EEXIST);
	failed = unregister_one(owner, name, found, owner->number * NAMES + which + 1);
	shmq_component_put(found);
	return failed;
}

static int publish_one(struct owner *owner)
{
	struct arena *arena = owner->torture->context;
	int result = shmq_policy_publish(owner->segment, arena->policies[prng_below(&owner->prng, 2)]);

	CHILD_CHECK(result == 0 || result == -EAGAIN || result == -ENOSPC);
	return 0;
}

static int control(struct torture *torture, unsigned index)
{
	struct owner owner = {.torture = torture, .number = index - torture->processes};
	int failed = 0;

	owner.prng = prng_seed(torture->seed ^ clock_now_ns(), index);
	CHILD_RESULT(torture_open_control(torture, &owner.segment), 0);
	while (!failed && !torture_stops(torture)) {
		uint64_t dice = prng_below(&owner.prng, 32);

		if (dice == 0)
			failed = publish_one(&owner);
		else if (dice == 1)
			failed = shmq_housekeep(owner.segment) < 0;
		else
			failed = turn_over(&owner);
		counter_add(torture->operations, 1);
	}
	torture_close_control(torture, owner.segment);
	return failed;
}

/* ---- Setting up and comparing ---- */

static int begin(struct torture *torture)
{
	struct arena *arena = shared_alloc(sizeof(*arena));
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char name[32];
	int result;

	torture->context = arena;
	quota.limit[SHMQ_STORAGE] = SHMQ_UNLIMITED;
	result = torture_load_policy(torture, &arena->policies[0], "[default]\nstorage = 1MB\n[component:policy-a]\n");
	if (result == 0)
		result = torture_load_policy(torture, &arena->policies[1],
		                             "[default]\nstorage = 2MB\n[component:policy-b]\n");
	for (unsigned i = 0; i < PERMANENT && result == 0; i++) {
		name_permanent(name, i);
		result = shmq_component_register(torture->segment, name, &quota);
		if (result == 0)
			result = shmq_component_find(&arena->permanent[i], torture->segment, name);
	}
	return result;
}

static void compare_permanent(struct torture *torture)
{
	struct arena *arena = torture->context;

	for (unsigned i = 0; i < PERMANENT; i++) {
		struct shmq_status status = {0};
		int result = shmq_status(arena->permanent[i], &status);
		uint64_t total = status.resource[SHMQ_STORAGE].total, least = counter_get(&arena->taken[i]),
			 most = counter_get(&arena->begun[i]);

		if (result != 0 || total < least || total > most)
			torture_complain(&torture->findings->lost, 1, "taken from a permanent component", total, least,
			                 most);
	}
}

/* By name and by id the same components, and as many as the segment says. */
static void compare_directory(struct torture *torture)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint32_t count = 0;

	shmq_segment_info(torture->segment, &info);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *by_id = NULL, *by_name = NULL;

		if (shmq_component_at(&by_id, torture->segment, id) != 0)
			continue;
		count++;
		if (shmq_component_find(&by_name, torture->segment, shmq_component_name(by_id)) != 0)
			torture_complain(&torture->findings->lost, 1, "found by id, not by name", id, 0, 0);
		else if (shmq_component_id(by_name) != id)
			report_mixed(torture, "two components of one name", shmq_component_id(by_name), id);
		shmq_component_put(by_name);
		shmq_component_put(by_id);
	}
	if (info.components_used != count)
		torture_complain(&torture->findings->lost, 1, "components by count", info.components_used, count,
		                 count);
}

static void round_ends(struct torture *torture)
{
	/* A dead controller may have left something half done; the next one, which is this, completes it. */
	int result = shmq_component_register(torture->segment, "end of round", NULL);

	if (result == 0)
		result = shmq_component_unregister(torture->segment, "end of round");
	if (result != 0)
		torture_complain(&torture->findings->wrong, 1, "no room at rest", (uint64_t)-result, 0, 0);
	compare_permanent(torture);
	compare_directory(torture);
}

static void summary(struct torture *torture)
{
	struct arena *arena = torture->context;

	printf("%" PRIu64 " registrations, %" PRIu64 " times full, %.2f M visits", counter_get(&arena->registrations),
	       counter_get(&arena->full), (double)counter_get(&arena->found) / 1e6);
}

static void end(struct torture *torture)
{
	struct arena *arena = torture->context;

	for (unsigned i = 0; arena && i < PERMANENT; i++)
		shmq_component_put(arena->permanent[i]);
	shmq_policy_free(arena ? arena->policies[0] : NULL);
	shmq_policy_free(arena ? arena->policies[1] : NULL);
}

int main(int argc, char **argv)
{
	static const struct torture_plan plan = {
	    .name = "torture_directory",
	    .controllers = CONTROLLERS,
	    .options = {.size = sizeof(struct shmq_options),
	                .components = CAPACITY,
	                .threads = 48,
	                .mode = 0600,
	                .reservations = 64},
	    .begin = begin,
	    .work = work,
	    .control = control,
	    .round_ends = round_ends,
	    .summary = summary,
	    .end = end,
	};

	return torture_main(argc, argv, &plan);
}
