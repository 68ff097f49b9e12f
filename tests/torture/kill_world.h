/* SPDX-License-Identifier: MIT */
/*
 * The segment in which victims die, built anew for each of them: components of every kind, some use of every resource,
 * and a survivor that holds something, which is the tester itself.
 *
 * The first policy declares kept, dropped, resting and away; resting was unregistered long ago, away just now. Passing,
 * target and own have quotas of their own, default follows the default. Storage limits tell policies apart.
 *
 * With groups, target, passing and away count against a chain of them, and the outermost has limits that the target
 * reaches before its own. The target is whom operations are about, so what the survivor uses of it counts there, too.
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
#define WORLD_HOST_LIMIT 800 /* of the outermost group */
#define WORLD_GROUPS 3

struct world_setup {
	uint32_t threads;  /* slots; 0 takes four */
	uint32_t groups;   /* above the target, at most WORLD_GROUPS */
	uint32_t warning;  /* bit by rank, the target's is 0: who only warns */
	uint32_t lease;    /* of messages, for the target; 0 none */
	uint8_t algorithm; /* of rates; enum shmq_algorithm */
	bool is_alone;     /* the survivor holds nothing */
	bool is_idle;      /* nor has it used anything of the target */
	bool is_aged;      /* the rates' windows have ended */
	bool is_full;      /* no entry is free; some wait for their grace period */
	bool is_read;      /* the survivor is in a read section, begun before `away` went; used entries are free */
	bool
	    is_reloadable; /* policies name the target; from the second on it has half the rates, `inherit` proportional */
};

/* Of the groups above the target, the nearest first; and of one that it may move to. */
extern const char *const world_groups[WORLD_GROUPS];
#define WORLD_ELSEWHERE "group:elsewhere"

struct world {
	struct world_setup setup;
	char name[NAME_SIZE];
	char other_name[NAME_SIZE]; /* of a second segment, for those who create and remove */
	struct shmq_segment *segment;
	struct shmq_component *target;
	struct shmq_reservation held;
	uint64_t period_ns, built_ns;
	uint64_t others[WORLD_GROUPS][SHMQ_RESOURCES]; /* what is used of a group and not by the target */
	struct shmq_shm_slot *section;                 /* the survivor's, where it is in a read section */
	bool is_disturbed;
};

/* What is used of the target, with what the survivor added by world_disturb(). */
int64_t world_used(const struct world *world, int resource);

/* How many entries the directory has. */
static inline unsigned world_components(const struct world_setup *setup)
{
	return WORLD_COMPONENTS + (setup->groups > 0 ? setup->groups + 1 : 0);
}

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

enum world_policy { POLICY_FIRST, POLICY_SECOND, POLICY_THIRD, POLICY_NONE, POLICY_TOO_LARGE, POLICY_MOVED };

/* With POLICY_MOVED the target counts against WORLD_ELSEWHERE, with all others against the nearest group. */
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
