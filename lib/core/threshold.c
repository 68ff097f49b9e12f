/* SPDX-License-Identifier: MIT */
/*
 * Edges of thresholds: what the word becomes, and which event that is. The swap decides who tells of it. A worker that
 * dies after it and before its event is written leaves an edge untold; the next edge is told of as ever.
 */
#include "core/threshold.h"

#include "core/events.h"

#define THRESHOLD_SUPPRESSED_MAX ((1U << (THRESHOLD_SECOND_AT - THRESHOLD_SUPPRESSED_AT)) - 1)
#define THRESHOLD_LATE_S 2 /* who read the clock so much earlier than others have told of an edge is late */

/* The word in parts. */
struct threshold {
	uint32_t second, suppressed, told, state;
};

static struct threshold threshold_unpack(uint32_t word)
{
	return (struct threshold){
	    .second = word >> THRESHOLD_SECOND_AT,
	    .suppressed = word >> THRESHOLD_SUPPRESSED_AT & THRESHOLD_SUPPRESSED_MAX,
	    .told = word >> THRESHOLD_TOLD_AT & THRESHOLD_STATE_MASK,
	    .state = word & THRESHOLD_STATE_MASK,
	};
}

static uint32_t threshold_pack(const struct threshold *parts)
{
	uint32_t suppressed =
	    parts->suppressed < THRESHOLD_SUPPRESSED_MAX ? parts->suppressed : THRESHOLD_SUPPRESSED_MAX;

	return parts->second << THRESHOLD_SECOND_AT | suppressed << THRESHOLD_SUPPRESSED_AT |
	       parts->told << THRESHOLD_TOLD_AT | parts->state;
}

static int threshold_event(uint32_t from, uint32_t to)
{
	if (to > from)
		return to == THRESHOLD_CRITICAL ? SHMQ_EVENT_CRITICAL : SHMQ_EVENT_WARNING;
	return to == THRESHOLD_WARNING ? SHMQ_EVENT_CRITICAL_CLEARED : SHMQ_EVENT_WARNING_CLEARED;
}

/* Second 0 says that nothing was told yet. */
static uint32_t threshold_second(uint64_t now_s)
{
	return (uint16_t)now_s != 0 ? (uint16_t)now_s : 1;
}

/* Seconds come again after 18 hours; then an edge may be told of some seconds later. */
static bool threshold_may_tell(uint32_t second, uint64_t now_s)
{
	return second == 0 || (uint16_t)(second - now_s) > THRESHOLD_LATE_S;
}

int threshold_cross(struct shm_u32 *word, uint64_t used, uint64_t limit, uint32_t warning, uint32_t critical,
                    uint64_t now_s, uint64_t *suppressed)
{
	struct threshold_usage usage = {used, limit, warning, critical};
	uint32_t seen = shm_load32_relaxed(word);

	for (int tries = 0; tries < EVENT_TRIES; tries++) {
		struct threshold before = threshold_unpack(seen), after = before;
		bool is_edge, is_told;

		after.state = threshold_next(before.state, &usage);
		is_edge = after.state != before.state;
		is_told = after.state != before.told && threshold_may_tell(before.second, now_s);
		if (!is_edge && !is_told)
			return 0;
		after.suppressed += is_edge;
		if (is_told) {
			/* It tells of this edge, or of the last one that was suppressed. */
			*suppressed = after.suppressed > 0 ? after.suppressed - 1 : 0;
			after = (struct threshold){threshold_second(now_s), 0, after.state, after.state};
		}
		if (shm_cas32_relaxed(word, &seen, threshold_pack(&after)))
			return is_told ? threshold_event(before.told, after.state) : 0;
	}
	return 0;
}
