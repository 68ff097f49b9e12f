/* SPDX-License-Identifier: MIT */
/*
 * The segment in which victims die, built anew for each of them: components of every kind, some use of every resource,
 * and a survivor that holds something, which is the tester itself.
 *
 * The first policy declares kept, dropped, resting and away; resting was unregistered long ago, away just now. Passing,
 * target and own have quotas of their own, default follows the default. Storage limits tell policies apart.
 */
#ifndef SHMQ_TESTS_KILL_WORLD_H
#define SHMQ_TESTS_KILL_WORLD_H

#include "shm/segment.h"

#include <shmquota.h>
#include <stdbool.h>
#include <stdint.h>

#include "../support/names.h"

#define WORLD_COMPONENTS 12
#define WORLD_NAMES 8 /* that have an entry from the beginning */
#define WORLD_RESERVATIONS 4
#define WORLD_LIMIT 1000

struct world_setup {
	uint32_t threads; /* slots; 0 takes four */
	bool is_alone;    /* the survivor holds nothing */
	bool is_aged;     /* the rates' windows have ended */
	bool is_full;     /* no entry is free; some wait for their grace period */
	bool is_read;     /* the survivor is in a read section, begun before `away` went; used entries are free */
};

struct world {
	struct world_setup setup;
	char name[NAME_SIZE];
	char other_name[NAME_SIZE]; /* of a second segment, for those who create and remove */
	struct shmq_segment *segment;
	struct shmq_component *target;
	struct shmq_reservation held;
	uint64_t period_ns;
	struct shmq_shm_slot *section; /* the survivor's, where it is in a read section */
	bool is_disturbed;
};

/* What is used of the target before a victim comes, and what the survivor adds by world_disturb(). */
extern const int64_t world_base[SHMQ_RESOURCES];
int64_t world_used(const struct world *world, int resource);

/* Whether the segments of all worlds are made with membarrier. */
extern bool world_has_membarrier;

/* Ends the program where something fails. */
void world_build(struct world *world, const struct world_setup *setup);
void world_tear_down(struct world *world);

/*
 * The survivor goes on while a victim stands in the middle: it writes over every word that the victim may have written.
 * Nothing that a victim left may keep it from that.
 */
void world_disturb(struct world *world);

/* The survivor leaves its read section, if it is in one. */
void world_stop_reading(struct world *world);

/* What the survivor holds can be finished after the death of others. Returns 0, or 1 and complains. */
int world_finish(struct world *world);

/* A quota with one storage limit, and windows that do not end during a run. */
struct shmq_quota world_quota(const struct world *world, uint64_t storage_limit);

enum world_policy { POLICY_FIRST, POLICY_SECOND, POLICY_THIRD, POLICY_NONE, POLICY_TOO_LARGE };
int world_publish(const struct world *world, struct shmq_segment *segment, enum world_policy policy);

/* Create a segment under the other name; a persistent one is closed again. */
int world_create_other(const struct world *world, bool is_persistent);

/* Leave one there: with its creator dead, or persistent and with the tester as its creator. */
void world_leave_other(const struct world *world, bool is_persistent);

/* Say what is wrong; shared with children. Returns 1. */
int world_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *world_complaint(void);
void world_forget_complaint(void);

#define WELL(condition, ...)                                                                                           \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return world_complain(__VA_ARGS__);                                                            \
	} while (0)

/* As WELL(), for a call that must return `expected`. */
#define RETURNS(call, expected)                                                                                        \
	do {                                                                                                           \
		int result_ = (call);                                                                                  \
		if (result_ != (expected))                                                                             \
			return world_complain("%s: %s, expected %d", #call, shmq_strerror(result_), (expected));       \
	} while (0)

#endif
