/* SPDX-License-Identifier: MIT */
/*
 * Preparations first, then what workers do, then what controllers do; each one call, or as few as it takes.
 */
#include "kill_action.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- Preparations ---- */

int victim_idle(struct victim *victim)
{
	(void)victim;
	return 0;
}

int victim_attached(struct victim *victim)
{
	struct shmq_status status;

	return shmq_status(victim->target, &status);
}

int victim_reserved(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, 9, NULL);
}

int victim_reserved_rate(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_MESSAGES, 9, NULL);
}

int victim_with_memory(struct victim *victim)
{
	return shmq_memory_set(victim->target, 10, NULL);
}

int victim_holding(struct victim *victim)
{
	struct shmq_reservation other;

	if (victim_reserved(victim) != 0 || victim_with_memory(victim) != 0)
		return 1;
	return shmq_reserve(&other, victim->target, SHMQ_MEMORY, 8, NULL);
}

static void *reserve_and_end(void *context)
{
	victim_reserved(context);
	return NULL;
}

/* The reservation of a thread that has ended; this one has not used the segment yet. */
int victim_inherited(struct victim *victim)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, reserve_and_end, victim) != 0)
		return 1;
	pthread_join(thread, NULL);
	return victim->reservation.component == NULL;
}

int victim_attached_and_inherited(struct victim *victim)
{
	return victim_attached(victim) != 0 ? 1 : victim_inherited(victim);
}

int victim_in_control(struct victim *victim)
{
	return shmq_segment_open(&victim->segment, victim->world->name, SHMQ_CONTROL);
}

static int take(struct victim *victim, int resource, uint64_t amount)
{
	return shmq_try_consume(victim->target, resource, amount, NULL);
}

int victim_nearly_full(struct victim *victim)
{
	return take(victim, SHMQ_STORAGE, 750);
}

/* A batch of 64 messages, of which 63 are left. */
int victim_with_lease(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 1);
}

/* 8 of them are left. */
int victim_with_little_lease(struct victim *victim)
{
	if (victim_with_lease(victim) != 0 || take(victim, SHMQ_MESSAGES, 30) != 0)
		return 1;
	return take(victim, SHMQ_MESSAGES, 25);
}

/* All that the target uses, what is reserved of it included: as if by somebody whose it is not. */
int victim_reserved_and_released(struct victim *victim)
{
	return victim_reserved(victim) != 0 ? 1 : shmq_release(victim->target, SHMQ_STORAGE, 109);
}

/* Less than will be given back is left. */
int victim_reserved_and_mostly_released(struct victim *victim)
{
	return victim_reserved(victim) != 0 ? 1 : shmq_release(victim->target, SHMQ_STORAGE, 105);
}

int victim_with_memory_released(struct victim *victim)
{
	return victim_with_memory(victim) != 0 ? 1 : shmq_release(victim->target, SHMQ_MEMORY, 7);
}

/* Beyond a limit that only warns. */
int victim_warned_reserved(struct victim *victim)
{
	int result = shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, WORLD_LIMIT, NULL);

	return result == SHMQ_WOULD_DENY ? 0 : 1;
}

/* A manifest that asks for less storage than any policy here gives, and for a capability. */
static int load_manifest(struct victim *victim, const char *name)
{
	int fd = memfd_create("manifest", MFD_CLOEXEC);
	char path[32];
	int result;

	if (fd < 0)
		return -errno;
	dprintf(fd,
	        "[component]\nname = \"%s\"\n[quota]\nstorage = \"60\"\n[capabilities]\n"
	        "filesystem.read = [\"/data/*\"]\n",
	        name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = shmq_manifest_load(&victim->manifest, path, NULL);
	close(fd);
	return result;
}

int victim_with_manifest_of_newcomer(struct victim *victim)
{
	int result = victim_in_control(victim);

	return result == 0 ? load_manifest(victim, "newcomer") : result;
}

int victim_with_manifest_of_resting(struct victim *victim)
{
	int result = victim_in_control(victim);

	return result == 0 ? load_manifest(victim, "resting") : result;
}

/* ---- Workers' operations ---- */

int victim_take_level(struct victim *victim)
{
	return take(victim, SHMQ_STORAGE, 3);
}

int victim_take_rate(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 4);
}

int victim_take_message(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 1);
}

int victim_take_30_messages(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 30);
}

int victim_take_too_much_level(struct victim *victim)
{
	return take(victim, SHMQ_STORAGE, WORLD_LIMIT);
}

int victim_take_too_much_rate(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, WORLD_LIMIT);
}

/* The target itself would admit it. */
int victim_take_too_much_level_for_host(struct victim *victim)
{
	return take(victim, SHMQ_STORAGE, 850);
}

int victim_take_too_much_rate_for_host(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 850);
}

/* To the warning threshold of whoever has the lowest limit. */
int victim_take_much_level(struct victim *victim)
{
	return take(victim, SHMQ_STORAGE, 600);
}

int victim_take_much_rate(struct victim *victim)
{
	return take(victim, SHMQ_MESSAGES, 700);
}

int victim_release_much(struct victim *victim)
{
	return shmq_release(victim->target, SHMQ_STORAGE, 400);
}

int victim_take_all(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, 3}, {SHMQ_MESSAGES, 4}, {SHMQ_NETWORK, 5}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

int victim_take_both_levels(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_MEMORY, 6}, {SHMQ_NETWORK, 5}, {SHMQ_STORAGE, 3}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

int victim_take_too_much_all(struct victim *victim)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, 3}, {SHMQ_MESSAGES, 4}, {SHMQ_CPU, WORLD_LIMIT}};

	return shmq_try_consume_all(victim->target, demands, 3, NULL);
}

int victim_consume_level(struct victim *victim)
{
	return shmq_consume(victim->target, SHMQ_STORAGE, 2 * WORLD_LIMIT);
}

int victim_consume_rate(struct victim *victim)
{
	return shmq_consume(victim->target, SHMQ_CPU, 2 * WORLD_LIMIT);
}

int victim_release(struct victim *victim)
{
	return shmq_release(victim->target, SHMQ_STORAGE, 40);
}

int victim_release_too_much(struct victim *victim)
{
	return shmq_release(victim->target, SHMQ_STORAGE, 500);
}

int victim_reset(struct victim *victim)
{
	return shmq_reset(victim->target);
}

int victim_reserve_too_much(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, WORLD_LIMIT, NULL);
}

int victim_reserve_too_much_for_host(struct victim *victim)
{
	return shmq_reserve(&victim->reservation, victim->target, SHMQ_STORAGE, 850, NULL);
}

int victim_commit_whole(struct victim *victim)
{
	return shmq_commit(&victim->reservation, 9);
}

int victim_commit_part(struct victim *victim)
{
	return shmq_commit(&victim->reservation, 4);
}

int victim_cancel(struct victim *victim)
{
	shmq_cancel(&victim->reservation);
	return 0;
}

int victim_guard(struct victim *victim)
{
	int result;

	SHMQ_WITH_QUOTA (victim->target, SHMQ_STORAGE, 6, result) {
		result = 0;
	}
	return result;
}

int victim_memory_to_25(struct victim *victim)
{
	return shmq_memory_set(victim->target, 25, NULL);
}

int victim_memory_to_6(struct victim *victim)
{
	return shmq_memory_set(victim->target, 6, NULL);
}

int victim_memory_to_0(struct victim *victim)
{
	return shmq_memory_set(victim->target, 0, NULL);
}

int victim_memory_too_much(struct victim *victim)
{
	return shmq_memory_set(victim->target, WORLD_LIMIT + 1, NULL);
}

int victim_memory_too_much_for_host(struct victim *victim)
{
	return shmq_memory_set(victim->target, 850, NULL);
}

int victim_ask_for_capability(struct victim *victim)
{
	return shmq_check_capability(victim->target, "filesystem.read", "/etc/shadow");
}

int victim_find(struct victim *victim)
{
	struct shmq_component *component;

	return shmq_component_find(&component, victim->segment, "passing");
}

int victim_close_segment(struct victim *victim)
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

int victim_add_own(struct victim *victim)
{
	return add(victim, "newcomer", 77);
}

int victim_add_default(struct victim *victim)
{
	return add(victim, "newcomer", 0);
}

int victim_add_resting(struct victim *victim)
{
	return add(victim, "resting", 0);
}

int victim_add_away(struct victim *victim)
{
	return add(victim, "away", 0);
}

int victim_add_away_own(struct victim *victim)
{
	return add(victim, "away", 77);
}

int victim_add_again(struct victim *victim)
{
	return add(victim, "target", 0);
}

int victim_add_by_manifest(struct victim *victim)
{
	return shmq_component_register_manifest(victim->segment, victim->manifest);
}

/* Half of the target's rates. */
static int set(struct victim *victim, enum shmq_inheritance inheritance)
{
	struct shmq_quota quota = world_quota(victim->world, 900);

	for (int resource = SHMQ_MESSAGES; resource <= SHMQ_CPU; resource++)
		quota.limit[resource] /= 2;
	quota.inheritance = (uint8_t)inheritance;
	return shmq_component_set(victim->segment, "target", &quota);
}

int victim_set_keeping(struct victim *victim)
{
	return set(victim, SHMQ_INHERIT_KEEP);
}

int victim_set_proportionally(struct victim *victim)
{
	return set(victim, SHMQ_INHERIT_PROPORTIONAL);
}

int victim_set_resetting(struct victim *victim)
{
	return set(victim, SHMQ_INHERIT_RESET);
}

int victim_drop_passing(struct victim *victim)
{
	return shmq_component_unregister(victim->segment, "passing");
}

int victim_drop_kept(struct victim *victim)
{
	return shmq_component_unregister(victim->segment, "kept");
}

int victim_publish(struct victim *victim)
{
	return world_publish(victim->world, victim->segment, POLICY_SECOND);
}

int victim_publish_too_much(struct victim *victim)
{
	return world_publish(victim->world, victim->segment, POLICY_TOO_LARGE);
}

int victim_move(struct victim *victim)
{
	return world_publish(victim->world, victim->segment, POLICY_MOVED);
}

int victim_housekeep(struct victim *victim)
{
	int recovered = shmq_housekeep(victim->segment);

	return recovered < 0 ? recovered : 0;
}

int victim_create(struct victim *victim)
{
	return world_create_other(victim->world, false);
}

int victim_remove_segment(struct victim *victim)
{
	return shmq_segment_remove(victim->world->other_name);
}
