/* SPDX-License-Identifier: MIT */
/*
 * Controllers of torture_reservation: they replace components that workers have reservations of, publish, verify and
 * housekeep until they are told to stop, or killed.
 *
 * Each has names of its own. Of what it registers it takes a base that nobody returns; a reservation of the component
 * before it that is returned to this one makes that less.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/prng.h"
#include "../support/process.h"
#include "reservation_arena.h"

#define PAUSE_NS (MS / 20)

void arena_churn_name(char out[32], unsigned owner, unsigned which)
{
	snprintf(out, 32, "churn-%u-%u", owner, which);
}

static void report_defect(void *context, const struct shmq_defect *defect)
{
	struct torture *torture = context;
	char what[160];

	snprintf(what, sizeof(what), "verify: %s %s %u: %s", defect->object, defect->structure, defect->index,
	         defect->invariant);
	torture_complain(&torture->findings->wrong, 1, what, defect->found, defect->expected, defect->expected);
}

static void report_defect_at_work(void *context, const struct shmq_defect *defect)
{
	if (strcmp(defect->structure, "control") != 0 || strstr(defect->invariant, "holder lives") == NULL)
		report_defect(context, defect);
}

int arena_verify(struct torture *torture, struct shmq_segment *segment)
{
	CHILD_CHECK(shmq_segment_verify(segment, report_defect, torture) >= 0);
	return 0;
}

int arena_verify_at_work(struct torture *torture, struct shmq_segment *segment)
{
	CHILD_CHECK(shmq_segment_verify(segment, report_defect_at_work, torture) >= 0);
	return 0;
}

static int take_base(struct shmq_segment *segment, const char *name, struct counter *base)
{
	struct shmq_component *found = NULL;

	CHILD_RESULT(shmq_component_find(&found, segment, name), 0);
	CHILD_RESULT(shmq_try_consume(found, SHMQ_STORAGE, CHURN_BASE, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_try_consume(found, SHMQ_MEMORY, CHURN_BASE, NULL), SHMQ_OK);
	counter_set(base, BASE_TAKEN);
	shmq_component_put(found);
	return 0;
}

/* Nobody else changes this name. */
static int replace(struct torture *torture, struct shmq_segment *segment, unsigned owner, struct prng *prng)
{
	struct arena *arena = torture->context;
	struct figures *figures = &arena->figures[torture->processes + owner];
	unsigned which = (unsigned)prng_below(prng, CHURN_NAMES);
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	char name[32];
	int result;

	arena_churn_name(name, owner, which);
	counter_set(&arena->bases[owner][which], BASE_UNKNOWN);
	result = shmq_component_unregister(segment, name);
	CHILD_CHECK(result == 0 || result == -ENOENT);
	quota.limit[SHMQ_STORAGE] = quota.limit[SHMQ_MEMORY] = SHMQ_UNLIMITED;
	result = shmq_component_register(segment, name, &quota);
	if (result == -ENOSPC) {
		/* Places wait for the grace period of a stopped worker. */
		counter_add(&figures->full, 1);
		return 0;
	}
	CHILD_RESULT(result, 0);
	counter_add(&figures->registrations, 1);
	return take_base(segment, name, &arena->bases[owner][which]);
}

static int publish(struct torture *torture, struct shmq_segment *segment, unsigned owner, struct prng *prng)
{
	struct arena *arena = torture->context;
	struct figures *figures = &arena->figures[torture->processes + owner];
	int result = shmq_policy_publish(segment, arena->policies[prng_below(prng, ARENA_POLICIES)]);

	/* Busy: MOVER is in use, and another controller may be slow. */
	CHILD_CHECK(result == 0 || result == -EAGAIN || result == -ENOSPC || result == -EBUSY);
	counter_add(result == 0 ? &figures->published : &figures->busy, 1);
	return 0;
}

static int housekeep(struct torture *torture, struct shmq_segment *segment, struct figures *figures)
{
	int result = arena_is_kept(torture) ? shmq_housekeep(segment) : 0;

	CHILD_CHECK(result >= 0);
	counter_add(&figures->recovered, (uint64_t)result);
	return 0;
}

static int control_once(struct torture *torture, struct shmq_segment *segment, unsigned owner, struct prng *prng)
{
	struct arena *arena = torture->context;
	struct figures *figures = &arena->figures[torture->processes + owner];

	switch (prng_below(prng, 16)) {
	case 0:
		return publish(torture, segment, owner, prng);
	case 1:
		counter_add(&figures->verified, 1);
		return arena_verify_at_work(torture, segment);
	case 2:
	case 3:
		return housekeep(torture, segment, figures);
	default:
		return replace(torture, segment, owner, prng);
	}
}

int reservation_control(struct torture *torture, unsigned index)
{
	struct arena *arena = torture->context;
	/* Whoever takes the place of one that was killed does something else than it did. */
	struct prng prng = prng_seed(torture->seed, LIVES + atomic_fetch_add(&arena->controllers.value, 1));
	struct shmq_segment *segment;
	int failed = 0;

	CHILD_RESULT(torture_open_control(torture, &segment), 0);
	while (!failed && !torture_stops(torture)) {
		failed = control_once(torture, segment, index - torture->processes, &prng);
		counter_add(torture->operations, 1);
		clock_sleep_ns(prng_below(&prng, PAUSE_NS));
	}
	torture_close_control(torture, segment);
	return failed;
}
