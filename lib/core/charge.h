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
#include "core/operation.h"
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

static inline HOT_INLINE struct charge charge_of(struct shmq_component *component, const struct operation *operation)
{
	return (struct charge){component, operation->slot, operation->quota - component->key.index};
}

static inline const struct shmq_shm_quota *charge_quota(const struct charge *charge)
{
	return &charge->quotas[charge->component->key.index];
}

static inline enum shmq_enforcement charge_enforcement(const struct tracker_limits *limits)
{
	return mode_enforcement(limits->mode);
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

/* What is left of a charge where the plain way ends: core/plain.h. */
int charge_take_otherwise(struct shmq_component *component, const struct operation *operation, int resource,
                          uint64_t amount, bool is_forced, struct shmq_verdict *verdict);
/* It passed its limit, but the quota does not enforce it. */
int charge_admit_anyway(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource,
                        uint64_t amount, struct shmq_verdict *verdict);
void charge_explain(struct shmq_verdict *verdict, const struct shmq_shm_quota *quota, int resource,
                    struct charge_seen seen);
void charge_tell(struct shmq_verdict *verdict, const struct shmq_shm_quota *quota, int resource, uint64_t used,
                 uint64_t amount);
void charge_watch(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource, uint64_t used);

/* It passed its limit, or the end of what can be counted. Returns as charge_take(). */
static inline HOT_INLINE int charge_refused(struct shmq_component *component, const struct operation *operation,
                                            int resource, uint64_t amount, struct charge_seen seen,
                                            struct shmq_verdict *verdict)
{
	const struct shmq_shm_quota *quota = operation->quota;
	struct report report = {component, quota - component->key.index};
	/* relaxed: as tracker_limits() */
	uint64_t limit = quota_limit(shm_load_relaxed(&quota->resource[resource].limit));
	uint64_t mode = shm_load_relaxed(&quota->resource[resource].mode);

	if (verdict != NULL)
		charge_explain(verdict, quota, resource, seen);
	if (__builtin_expect(seen.used + amount <= limit, 0))
		return -EOVERFLOW;
	if (__builtin_expect(mode_enforcement(mode) != SHMQ_ENFORCE_DENY, 0))
		return charge_admit_anyway(component, quota, resource, amount, verdict);
	report_denial(report, operation->slot, resource, amount,
	              seen.now_ms != 0 ? seen.now_ms / MS_PER_S : clock_coarse_s());
	return SHMQ_DENIED;
}

/* What hot paths go by: one resource of a quota. */
struct charge_bounds {
	uint64_t limit; /* one of none is above all that can be used */
	uint64_t ceiling, mode, period_ms;
	bool is_plain; /* neither groups nor another algorithm than a window */
};

static inline HOT_INLINE struct charge_bounds charge_bounds(const struct shmq_shm_quota *quota, int resource)
{
	/* relaxed: directory_quota() acquired them */
	uint64_t limit = shm_load_relaxed(&quota->resource[resource].limit) & QUOTA_AMOUNT_MASK;
	uint64_t mode = shm_load_relaxed(&quota->resource[resource].mode);
	uint64_t special = shm_load_relaxed(&quota->flags) & (QUOTA_GROUPED | QUOTA_FROZEN);

	return (struct charge_bounds){.limit = limit,
	                              .ceiling =
	                                  limit < WINDOW_CEILING ? limit : WINDOW_CEILING, /* that of levels, too */
	                              .mode = mode,
	                              .period_ms = mode >> MODE_PERIOD_AT,
	                              .is_plain = (special | (mode & MODE_ALGORITHM_MASK)) == 0};
}

/* A hint: charge_watch() looks closely. */
static inline HOT_INLINE bool charge_is_watched(const struct shmq_shm_quota *quota,
                                                const struct shmq_shm_tracker *tracker, int resource, uint64_t used)
{
	/* relaxed: nothing is ordered by it */
	uint64_t limit = shm_load_relaxed(&quota->resource[resource].limit) & QUOTA_AMOUNT_MASK;
	uint64_t mode = shm_load_relaxed(&quota->resource[resource].mode);

	return used * 100 >= limit * (mode >> MODE_WARNING_AT & MODE_PERCENT_MASK) ||
	       shm_load32_relaxed(&tracker->threshold[resource]) != 0;
}

/* Tell whether an amount would be admitted. Changes nothing; works for observers. */
int charge_check(const struct charge *charge, int resource, uint64_t amount, struct shmq_verdict *verdict);

/*
 * Before what goes by the shared totals is refused: give back what this thread has on lease, if the amount would be
 * refused. It counts as used there, and this thread may use it.
 */
void charge_make_room(struct shmq_component *component, const struct operation *operation, int resource,
                      uint64_t amount);

/* Whether charge_check() would certainly admit it: the frequent case, written out. */
static inline HOT_INLINE bool charge_fits(const struct operation *look, int resource, uint64_t amount)
{
	struct charge_bounds bounds = charge_bounds(look->quota, resource);
	uint64_t used;

	if (__builtin_expect(!bounds.is_plain, 0))
		return false;
	used = tracker_is_rate(resource) ? window_peek(tracker_rate(look->tracker, resource), bounds.period_ms,
	                                               clock_window_ms(bounds.period_ms))
	                                 : level_peek(&look->tracker->level[resource == SHMQ_STORAGE ? 0 : 1]);
	return used <= bounds.ceiling && amount <= bounds.ceiling - used;
}

/* Returns 0; -ERANGE where less was used: the level is zero then, and the event counted. */
int charge_release(const struct charge *charge, int resource, uint64_t amount);

/* Take back what charge_take() took of a rate. Its share of total and peak stays. */
void charge_give_back(const struct shmq_segment *segment, int resource, uint64_t amount,
                      const struct charge_receipt *receipt);

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
