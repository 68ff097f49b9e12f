/* SPDX-License-Identifier: MIT */
/*
 * Thresholds of a resource: an event when usage reaches a percentage of its limit, and one when it has fallen 5 points
 * below it again. Of all workers that see an edge, exactly one is to tell of it.
 *
 *     word = [second:16 | suppressed:12 | told:2 | state:2]   all threshold_state
 *
 * `state` is where usage is, `told` is what the last event said, written in `second`. There is at most one event per
 * second. An edge that is not told of is counted; if usage is still there in a later second, whoever uses the resource
 * then tells of it. An edge is judged by what one operation found, so one that is late may see another edge back.
 *
 * Lock-free; a retry means that somebody else saw an edge. Nothing is ordered by the word.
 */
#ifndef SHMQ_CORE_THRESHOLD_H
#define SHMQ_CORE_THRESHOLD_H

#include "base/atomic.h"

#include <shmquota.h>

#define THRESHOLD_REARM_POINTS 5

enum threshold_state { THRESHOLD_NORMAL, THRESHOLD_WARNING, THRESHOLD_CRITICAL, THRESHOLD_STATE_MASK };
enum { THRESHOLD_TOLD_AT = 2, THRESHOLD_SUPPRESSED_AT = 4, THRESHOLD_SECOND_AT = 16 };

/* What is used of which limit, and the percentages of the limit; 0 percent is never reached. */
struct threshold_usage {
	uint64_t used, limit;
	uint32_t warning, critical;
};

/* No division, and no product above 2^58: limits and usage are below 2^51. Of a limit of 0 anything is all. */
static inline bool threshold_is_reached(const struct threshold_usage *usage, uint32_t percent)
{
	if (percent == 0 || usage->limit == SHMQ_UNLIMITED)
		return false;
	return usage->used * 100 >= usage->limit * percent && (usage->limit != 0 || usage->used != 0);
}

/* It stays reached until usage is so far below. */
static inline bool threshold_is_held(const struct threshold_usage *usage, uint32_t percent)
{
	uint32_t rearm = percent > THRESHOLD_REARM_POINTS ? percent - THRESHOLD_REARM_POINTS : 0;

	return percent != 0 && usage->limit != SHMQ_UNLIMITED && usage->used != 0 &&
	       usage->used * 100 >= usage->limit * rearm;
}

static inline uint32_t threshold_next(uint32_t state, const struct threshold_usage *usage)
{
	if (threshold_is_reached(usage, usage->critical) ||
	    (state >= THRESHOLD_CRITICAL && threshold_is_held(usage, usage->critical)))
		return THRESHOLD_CRITICAL;
	if (threshold_is_reached(usage, usage->warning) ||
	    (state >= THRESHOLD_WARNING && threshold_is_held(usage, usage->warning)))
		return THRESHOLD_WARNING;
	return THRESHOLD_NORMAL;
}

/* Tell whether there is an edge, or one to tell of; then call threshold_cross(). One load and some compares. */
static inline bool threshold_is_crossed(const struct shm_u32 *word, uint64_t used, uint64_t limit, uint32_t warning,
                                        uint32_t critical)
{
	struct threshold_usage usage = {used, limit, warning, critical};
	uint32_t seen = shm_load32_relaxed(word); /* relaxed: threshold_cross() decides by its swap */
	uint32_t next = threshold_next(seen & THRESHOLD_STATE_MASK, &usage);

	return (seen & ((1U << THRESHOLD_SUPPRESSED_AT) - 1)) != (next << THRESHOLD_TOLD_AT | next);
}

/*
 * Note where usage is now. `now_s` is any clock that goes on, in seconds.
 *
 * Returns  the kind of the event that the caller is to write, with `*suppressed`, how many edges were not told of
 *          before it; 0 where there is nothing to tell, or not yet
 */
int threshold_cross(struct shm_u32 *word, uint64_t used, uint64_t limit, uint32_t warning, uint32_t critical,
                    uint64_t now_s, uint64_t *suppressed);

#endif
