/* SPDX-License-Identifier: MIT */
/*
 * Charging: an amount against a component's quota and those of all groups above it, in one call, all or nothing.
 *
 * It decides what a refusal means (enforcement), counts refusals, and watches thresholds; how an amount is taken is in
 * tracker.h, and how levels of several ranks survive a death in holding.h. Of rates each rank is taken in turn and given
 * back where a later one refuses; a worker that dies in between forfeits its amount until the window ends. Meanwhile
 * others may be refused needlessly; nobody is admitted too much at any rank.
 */
#ifndef SHMQ_CORE_CHARGE_H
#define SHMQ_CORE_CHARGE_H

#include "core/handle.h"
#include "core/holding.h"
#include "core/report.h"

#include <errno.h>

/* Who is charged, and by which policy: that of the calling thread's read section. */
struct charge {
	struct shmq_component *component;
	struct shmq_shm_slot *slot;
	const struct shmq_shm_quota *quotas; /* the table in force */
};

/* What was taken of a rate at each rank, so that it can be taken back. */
struct charge_receipt {
	unsigned count;
	uint32_t component[1 + LAYOUT_ANCESTORS];
	struct tracker_receipt rank[1 + LAYOUT_ANCESTORS];
};

static inline const struct shmq_shm_quota *charge_quota(const struct charge *charge)
{
	return &charge->quotas[charge->component->key.index];
}

static inline enum shmq_enforcement charge_enforcement(const struct tracker_limits *limits)
{
	return (enum shmq_enforcement)(limits->mode >> MODE_ENFORCE_AT & ((1 << MODE_ENFORCE_BITS) - 1));
}

static inline HOT_INLINE struct report charge_report(const struct charge *charge)
{
	return (struct report){charge->component, charge->quotas};
}

/* True while the component changes its group: its levels admit nothing. */
static inline bool charge_is_frozen(const struct charge *charge)
{
	return (shm_load_relaxed(&charge_quota(charge)->flags) & QUOTA_FROZEN) != 0; /* relaxed: directory_quota() */
}

/*
 * Take `amount`, and for good where it is of a level. `is_forced`: it has happened already.
 *
 * Returns  SHMQ_OK, SHMQ_DENIED (counted), SHMQ_WOULD_DENY (taken and counted), -EOVERFLOW; -EAGAIN where a forced
 *          amount of a level came while the component changes its group
 */
int charge_take(const struct charge *charge, int resource, uint64_t amount, bool is_forced,
                struct shmq_verdict *verdict, struct charge_receipt *receipt);

/* What a take of a plain window or a level found. */
struct charge_seen {
	uint64_t used, start_ms, now_ms; /* times are 0 for levels */
};

/* The ways that charge_take_plain() does not go itself. They are off the hot path, and so small calls there. */
int charge_take_otherwise(struct shmq_component *component, struct shmq_shm_slot *slot,
                          const struct shmq_shm_quota *quota, int resource, uint64_t amount, bool is_forced,
                          struct shmq_verdict *verdict);
int charge_refused(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource, uint64_t amount,
                   const struct charge_seen *seen, struct shmq_verdict *verdict);
void charge_tell(struct shmq_verdict *verdict, const struct shmq_shm_quota *quota, int resource, uint64_t used,
                 uint64_t amount);
void charge_watch(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource, uint64_t used);

/*
 * charge_take() for who needs no receipt: the hot path, written out for a component without groups and for levels and
 * plain windows. Everything else is a call.
 */
static inline HOT_INLINE int charge_take_plain(struct shmq_component *component, struct shmq_shm_slot *slot,
                                               const struct shmq_shm_quota *quota, int resource, uint64_t amount,
                                               bool is_forced, struct shmq_verdict *verdict)
{
	struct shmq_shm_tracker *tracker = &component->segment->trackers[component->key.index];
	/* relaxed: directory_quota() acquired them */
	uint64_t limit = shm_load_relaxed(&quota->resource[resource].limit) & QUOTA_AMOUNT_MASK;
	uint64_t mode = shm_load_relaxed(&quota->resource[resource].mode);
	uint64_t special = shm_load_relaxed(&quota->flags) & (QUOTA_GROUPED | QUOTA_FROZEN);
	uint64_t ceiling = limit < WINDOW_CEILING && !is_forced ? limit : WINDOW_CEILING; /* that of levels, too */
	struct window_view view = {0};
	uint64_t now_ms = 0;
	bool is_taken;

	if (__builtin_expect((special | (mode & MODE_ALGORITHM_MASK)) != 0, 0))
		return charge_take_otherwise(component, slot, quota, resource, amount, is_forced, verdict);
	if (tracker_is_rate(resource)) {
		now_ms = clock_window_ms(mode >> MODE_PERIOD_AT);
		is_taken = window_take(tracker_rate(tracker, resource), amount, ceiling, mode >> MODE_PERIOD_AT, now_ms,
		                       &view);
	} else {
		struct level_place place = tracker_level(component->segment, component->key.index, resource);

		is_taken = level_take(&place, amount, ceiling, &view.used);
	}
	if (__builtin_expect(!is_taken, 0)) {
		struct charge_seen seen = {view.used, view.start_ms, now_ms};

		return is_forced ? -EOVERFLOW : charge_refused(component, quota, resource, amount, &seen, verdict);
	}
	/* relaxed: a hint; charge_watch() looks closely. A limit of none is above all that can be used. */
	if (__builtin_expect((view.used + amount) * 100 >= limit * (mode >> MODE_WARNING_AT & MODE_PERCENT_MASK) ||
	                         shm_load32_relaxed(&tracker->threshold[resource]) != 0,
	                     0))
		charge_watch(component, quota, resource, view.used + amount);
	if (verdict != NULL)
		charge_tell(verdict, quota, resource, view.used, amount);
	return SHMQ_OK;
}

/* Take back what charge_take() took of a rate. Its share of total and peak stays. */
void charge_give_back(const struct shmq_segment *segment, int resource, uint64_t amount,
                      const struct charge_receipt *receipt);

/* Tell whether an amount would be admitted. Changes nothing; works for observers. */
int charge_check(const struct charge *charge, int resource, uint64_t amount, struct shmq_verdict *verdict);

/* Returns 0; -ERANGE where less was used: the level is zero then, and the event counted. */
int charge_release(const struct charge *charge, int resource, uint64_t amount);

/*
 * Fill in the steps of a level for all ranks of a chain, behind those that are there already.
 */
void charge_add_steps(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                      struct holding_steps *steps);

/* Say what became of steps of which the first `admitted` were admitted: counts, verdict, result. */
int charge_conclude(const struct charge *charge, const struct holding_steps *steps, unsigned admitted,
                    struct shmq_verdict *verdict);

/* Forget usage, peaks and refusals; what is held of a level stays, and what a group's members use. */
void charge_reset(const struct charge *charge);

/*
 * Take what an ended component used for good off the groups that it counted against. By a controller, in a read section,
 * after the grace period of the end; may be repeated after a crash. Returns 0, or -EAGAIN where the ledger is full.
 */
int charge_settle(struct shmq_segment *segment, struct shmq_shm_slot *slot, uint32_t component);

#endif
