/* SPDX-License-Identifier: MIT */
/*
 * How each operation is prepared and done; the table at the end says what may be found after it.
 */
#include "kill_operation.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kill_trace.h"

/* ---- Preparations ---- */

static int unready(struct victim *victim)
{
	(void)victim;
	return 0;
}

static int attached(struct victim *victim)
{
	struct shmq_status status;

	return shmq_status(victim->target, &status);
}

static int reserved(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, 9, NULL);
}

static int reserved_rate(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_MESSAGES, 9, NULL);
}

static int with_memory(struct victim *victim)
{
	return shmq_memory_set(victim->target, 10, NULL);
}

static int holding(struct victim *victim)
{
	struct shmq_reservation other;

	if (reserved(victim) != 0 || with_memory(victim) != 0)
		return 1;
	return shmq_reserve(&other, victim->target, SHMQ_MEMORY, 8, NULL);
}

static void *reserve_and_end(void *context)
{
	reserved(context);
	return NULL;
}

/* The reservation of a thread that has ended; this one has not used the segment yet. */
static int inherited(struct victim *victim)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, reserve_and_end, victim) != 0)
		return 1;
	pthread_join(thread, NULL);
	return victim->reservation.component == NULL;
}

static int attached_and_inherited(struct victim *victim)
{
	return attached(victim) != 0 ? 1 : inherited(victim);
}

static int in_control(struct victim *victim)
{
	return shmq_segment_open(&victim->segment, victim->world->name, SHMQ_CONTROL);
}

/* ---- Workers' operations ---- */

static int take_level(struct victim *victim)
{
	return shmq_try_consume(victim->target, SHMQ_STORAGE, 3, NULL);
}

static int take_rate(struct victim *victim)
{
	return shmq_try_consume(victim->target, SHMQ_MESSAGES, 4, NULL);
}

static int take_too_much_level(struct victim *victim)
{
	return shmq_try_consume(victim->target, SHMQ_STORAGE, WORLD_LIMIT, NULL);
}

static int take_too_much_rate(struct victim *victim)
{
	return shmq_try_consume(victim->target, SHMQ_MESSAGES, WORLD_LIMIT, NULL);
}

static int take_all(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, 3}, {SHMQ_MESSAGES, 4}, {SHMQ_NETWORK, 5}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

static int take_both_levels(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_MEMORY, 6}, {SHMQ_NETWORK, 5}, {SHMQ_STORAGE, 3}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

static int take_too_much_all(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, 3}, {SHMQ_MESSAGES, 4}, {SHMQ_CPU, WORLD_LIMIT}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

static int consume_level(struct victim *victim)
{
	return shmq_consume(victim->target, SHMQ_STORAGE, 2 * WORLD_LIMIT);
}

static int consume_rate(struct victim *victim)
{
	return shmq_consume(victim->target, SHMQ_CPU, 2 * WORLD_LIMIT);
}

static int release(struct victim *victim)
{
	return shmq_release(victim->target, SHMQ_STORAGE, 40);
}

static int release_too_much(struct victim *victim)
{
	return shmq_release(victim->target, SHMQ_STORAGE, 500);
}

static int reset(struct victim *victim)
{
	return shmq_reset(victim->target);
}

static int reserve_too_much(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, WORLD_LIMIT, NULL);
}

static int commit_whole(struct victim *victim)
{
	return shmq_commit(&victim->reservation, 9);
}

static int commit_part(struct victim *victim)
{
	return shmq_commit(&victim->reservation, 4);
}

static int cancel(struct victim *victim)
{
	shmq_cancel(&victim->reservation);
	return 0;
}

static int guard(struct victim *victim)
{
	int result;

	SHMQ_WITH_QUOTA (victim->target, SHMQ_STORAGE, 6, result) {
		result = 0;
	}
	return result;
}

static int memory_to_25(struct victim *victim)
{
	return shmq_memory_set(victim->target, 25, NULL);
}

static int memory_to_6(struct victim *victim)
{
	return shmq_memory_set(victim->target, 6, NULL);
}

static int memory_to_0(struct victim *victim)
{
	return shmq_memory_set(victim->target, 0, NULL);
}

static int memory_too_much(struct victim *victim)
{
	return shmq_memory_set(victim->target, WORLD_LIMIT + 1, NULL);
}

static int find(struct victim *victim)
{
	struct shmq_component *component;

	return shmq_component_find(&component, victim->segment, "passing");
}

static int close_segment(struct victim *victim)
{
	shmq_segment_close(victim->segment);
	return 0;
}

/* ---- Controllers' operations ---- */

static int add(struct victim *victim, const char *name, uint64_t limit)
{
	struct shmq_quota quota = world_quota(victim->world, limit);

	return shmq_component_register(victim->segment, name, limit == 0 ? NULL : &quota);
}

static int add_own(struct victim *victim)
{
	return add(victim, "newcomer", 77);
}

static int add_default(struct victim *victim)
{
	return add(victim, "newcomer", 0);
}

static int add_resting(struct victim *victim)
{
	return add(victim, "resting", 0);
}

static int add_away(struct victim *victim)
{
	return add(victim, "away", 0);
}

static int add_away_own(struct victim *victim)
{
	return add(victim, "away", 77);
}

static int add_again(struct victim *victim)
{
	return add(victim, "target", 0);
}

static int drop_passing(struct victim *victim)
{
	return shmq_component_unregister(victim->segment, "passing");
}

static int drop_kept(struct victim *victim)
{
	return shmq_component_unregister(victim->segment, "kept");
}

static int publish(struct victim *victim)
{
	return world_publish(victim->world, victim->segment, POLICY_SECOND);
}

static int publish_too_much(struct victim *victim)
{
	return world_publish(victim->world, victim->segment, POLICY_TOO_LARGE);
}

static int housekeep(struct victim *victim)
{
	int recovered = shmq_housekeep(victim->segment);

	return recovered < 0 ? recovered : 0;
}

static int create(struct victim *victim)
{
	return world_create_other(victim->world, false);
}

static int remove_segment(struct victim *victim)
{
	return shmq_segment_remove(victim->world->other_name);
}

/* ---- The table ---- */

#define S(amount) [SHMQ_STORAGE] = (amount)
#define M(amount) [SHMQ_MESSAGES] = (amount)
#define OPERATION(title, before, act, result, ...)                                                                     \
	{                                                                                                              \
		.name = (title), .get_ready = (before), .operate = (act), .expected = (result), __VA_ARGS__            \
	}
#define CHANGES(...)                                                                                                   \
	.outcome.changes = (const struct check_change[])                                                               \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			NULL, 0                                                                                        \
		}                                                                                                      \
	}
#define SECOND_POLICY                                                                                                  \
	CHANGES({"kept", 200}, {"dropped", 0}, {"new-1", 200}, {"new-2", 200}, {"resting", 200}, {"own", 200},         \
	        {"default", 201})

const struct operation_of_victim operations[] = {
    OPERATION("first-use", unready, take_level, 0, .outcome.done = {S(3)}),
    OPERATION("first-use-reserve", unready, reserved, 0, .outcome.done = {0}),
    OPERATION("try-consume-level", attached, take_level, 0, .outcome.done = {S(3)}),
    OPERATION("try-consume-rate", attached, take_rate, 0, .outcome.done = {M(4)}),
    OPERATION("try-consume-roll", attached, take_rate, 0, .outcome.done = {M(4)}, .setup.is_aged = true),
    OPERATION("try-consume-denied-level", attached, take_too_much_level, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("try-consume-denied-rate", attached, take_too_much_rate, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("try-consume-all", attached, take_all, 0, .outcome.done = {S(3), M(4), [SHMQ_NETWORK] = 5}),
    OPERATION("try-consume-all-roll", attached, take_all, 0, .outcome.done = {S(3), M(4), [SHMQ_NETWORK] = 5},
              .setup.is_aged = true),
    OPERATION("try-consume-all-levels", attached, take_both_levels, 0,
              .outcome.done = {S(3), [SHMQ_NETWORK] = 5, [SHMQ_MEMORY] = 6}),
    OPERATION("try-consume-all-denied", attached, take_too_much_all, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("consume-level", attached, consume_level, 0, .outcome.done = {S(2 * WORLD_LIMIT)}),
    OPERATION("consume-rate", attached, consume_rate, 0, .outcome.done = {[SHMQ_CPU] = 2 * WORLD_LIMIT}),
    OPERATION("release", attached, release, 0, .outcome.done = {S(-40)}),
    OPERATION("release-too-much", attached, release_too_much, -ERANGE, .outcome.done = {S(-100)},
              .setup.is_alone = true),
    OPERATION("reset", attached, reset, 0, .outcome.done = {S(-100), M(-10), [SHMQ_NETWORK] = -20, [SHMQ_CPU] = -30},
              .setup.is_alone = true),
    OPERATION("reserve-level", attached, reserved, 0, .outcome.done = {0}),
    OPERATION("reserve-rate", attached, reserved_rate, 0, .outcome.done = {M(9)}),
    OPERATION("reserve-rate-roll", attached, reserved_rate, 0, .outcome.done = {M(9)}, .setup.is_aged = true),
    OPERATION("reserve-denied", attached, reserve_too_much, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("commit", reserved, commit_whole, 0, .outcome.done = {S(9)}),
    OPERATION("commit-part", reserved, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("commit-rate-part", reserved_rate, commit_part, 0, .outcome.undone = {M(9)}, .outcome.done = {M(4)}),
    OPERATION("commit-of-ended-thread", attached_and_inherited, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("first-use-commit", inherited, commit_part, 0, .outcome.done = {S(4)}),
    OPERATION("cancel", reserved, cancel, 0, .outcome.done = {0}),
    OPERATION("cancel-rate", reserved_rate, cancel, 0, .outcome.undone = {M(9)}, .outcome.done = {0}),
    OPERATION("with-quota", attached, guard, 0, .outcome.done = {S(6)}),
    OPERATION("memory-set-first", attached, memory_to_25, 0, .outcome.done = {0}),
    OPERATION("memory-set-grow", with_memory, memory_to_25, 0, .outcome.done = {0}),
    OPERATION("memory-set-shrink", with_memory, memory_to_6, 0, .outcome.done = {0}),
    OPERATION("memory-set-zero", with_memory, memory_to_0, 0, .outcome.done = {0}),
    OPERATION("memory-set-denied", with_memory, memory_too_much, SHMQ_DENIED, .outcome.done = {0}),
    OPERATION("find", attached, find, 0, .outcome.done = {0}),
    OPERATION("thread-exit", attached, unready, 0, .outcome.done = {0}, .ends_thread = true),
    OPERATION("thread-exit-holding", holding, unready, 0, .outcome.done = {0}, .ends_thread = true),
    OPERATION("close", holding, close_segment, 0, .outcome.done = {0}),
    OPERATION("close-after-ended-thread", inherited, close_segment, 0, .outcome.done = {0}),
    OPERATION("register", in_control, add_own, 0, CHANGES({"newcomer", 77})),
    OPERATION("register-default", in_control, add_default, 0, CHANGES({"newcomer", 101})),
    OPERATION("register-declared", in_control, add_resting, 0, CHANGES({"resting", 100})),
    OPERATION("register-just-unregistered", in_control, add_away, 0, CHANGES({"away", 100})),
    OPERATION("register-while-read", in_control, add_away, 0, CHANGES({"away", 100}), .setup.is_read = true),
    OPERATION("register-own-while-read", in_control, add_away_own, 0, CHANGES({"away", 77}), .setup.is_read = true),
    OPERATION("register-declared-own", in_control, add_away_own, 0, CHANGES({"away", 77})),
    OPERATION("register-reclaiming", in_control, add_own, 0, CHANGES({"newcomer", 77}), .setup.is_full = true),
    OPERATION("unregister", in_control, drop_passing, 0, CHANGES({"passing", 0})),
    OPERATION("unregister-declared", in_control, drop_kept, 0, CHANGES({"kept", 0})),
    OPERATION("publish", in_control, publish, 0, SECOND_POLICY),
    OPERATION("publish-too-much", in_control, publish_too_much, -ENOSPC, .outcome.done = {0}),
    OPERATION("unregister-while-read", in_control, drop_passing, 0, CHANGES({"passing", 0}), .setup.is_read = true),
    OPERATION("housekeep-reclaim", in_control, housekeep, 0, .outcome.done = {0}, .setup.is_full = true),
    OPERATION("housekeep-reserve", in_control, housekeep, 0, .first = "reserve-level"),
    OPERATION("housekeep-commit", in_control, housekeep, 0, .first = "commit-part"),
    OPERATION("housekeep-levels", in_control, housekeep, 0, .first = "try-consume-all-levels"),
    OPERATION("housekeep-cancel", in_control, housekeep, 0, .first = "cancel"),
    OPERATION("housekeep-memory-grow", in_control, housekeep, 0, .first = "memory-set-grow"),
    OPERATION("housekeep-memory-shrink", in_control, housekeep, 0, .first = "memory-set-shrink"),
    OPERATION("housekeep-thread-exit", in_control, housekeep, 0, .first = "thread-exit-holding"),
    OPERATION("housekeep-housekeep", in_control, housekeep, 0, .first = "housekeep-reclaim"),
    OPERATION("housekeep-register", in_control, housekeep, 0, .first = "register"),
    OPERATION("housekeep-publish", in_control, housekeep, 0, .first = "publish"),
    OPERATION("claim-reserve", unready, attached, 0, .setup.threads = 2, .first = "reserve-level"),
    OPERATION("claim-commit", unready, attached, 0, .setup.threads = 2, .first = "commit-part"),
    OPERATION("claim-memory-set", unready, attached, 0, .setup.threads = 2, .first = "memory-set-grow"),
    OPERATION("claim-first-use", unready, attached, 0, .setup.threads = 2, .first = "first-use-reserve"),
    OPERATION("register-after-register", in_control, add_again, -EEXIST, .first = "register-while-read"),
    OPERATION("register-after-unregister", in_control, add_again, -EEXIST, .first = "unregister"),
    OPERATION("publish-after-publish", in_control, publish, 0, .first = "publish"),
    OPERATION("create", unready, create, 0, .outcome.done = {0}, .other = OTHER_ABSENT),
    OPERATION("create-over-leftover", unready, create, 0, .outcome.done = {0}, .other = OTHER_LEFT),
    OPERATION("remove", unready, remove_segment, 0, .outcome.done = {0}, .other = OTHER_PERSISTENT),
    {.name = NULL},
};

const struct operation_of_victim *operation_find(const char *name)
{
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return NULL;
}

/* ---- A victim ---- */

struct performance {
	const struct operation_of_victim *operation;
	struct victim victim;
	int *result;
};

static int perform(struct performance *performance)
{
	if (performance->operation->get_ready(&performance->victim) != 0)
		return 1;
	trace_begin_here();
	*performance->result = performance->operation->operate(&performance->victim);
	if (!performance->operation->ends_thread)
		trace_end_here();
	return 0;
}

static void *perform_in_thread(void *context)
{
	if (perform(context) != 0)
		_exit(1);
	return NULL;
}

int operation_run(const struct operation_of_victim *operation, const struct world *world, int *result)
{
	static struct performance performance;
	pthread_t thread;

	performance = (struct performance){operation, {world, world->segment, world->target, {0}}, result};
	if (!operation->ends_thread)
		return perform(&performance);
	if (pthread_create(&thread, NULL, perform_in_thread, &performance) != 0)
		return 1;
	for (;;)
		pause();
}
