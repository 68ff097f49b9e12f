/* SPDX-License-Identifier: MIT */
/*
 * The frame, and the invariants of the control structure.
 */
#include "core/valid_look.h"

#include "base/process.h"
#include "shm/object.h"

#include <time.h>

#define LOOKS 64        /* at one element */
#define LOOKS_AT_ONCE 4 /* without a pause: most changes take less time than a look */
#define PAUSE_NS 1000000
#define PAUSES 200
#define HOPS_PER_COMPONENT 64
#define HOPS_LEAST (UINT64_C(1) << 20)

/* ---- Looking ---- */

void valid_expect(struct valid_look *look, bool holds, const char *invariant, uint64_t found, uint64_t expected)
{
	if (!holds && look->count < VALID_DEFECTS)
		look->defects[look->count++] =
		    (struct shmq_defect){.invariant = invariant, .found = found, .expected = expected};
}

void valid_report(struct valid *valid, const struct valid_structure *structure, uint32_t index,
                  const struct valid_look *look)
{
	for (unsigned i = 0; i < look->count; i++) {
		struct shmq_defect defect = look->defects[i];

		defect.object = structure->object;
		defect.structure = structure->name;
		defect.index = index;
		if (valid->complain != NULL)
			valid->complain(valid->context, &defect);
		if (valid->defects < INT32_MAX)
			valid->defects++;
	}
}

static void valid_pause(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};

	nanosleep(&pause, NULL);
}

void valid_examine(struct valid *valid, const struct valid_structure *structure, uint32_t index)
{
	for (int i = 1; i <= LOOKS; i++) {
		struct valid_look look = {.count = 0};
		bool is_whole = structure->examine(valid, index, &look);

		if (look.count == 0)
			return;
		if (is_whole) {
			valid_report(valid, structure, index, &look);
			return;
		}
		if (i >= LOOKS_AT_ONCE && valid->pauses > 0) {
			valid->pauses--;
			valid_pause();
		}
	}
}

/*
 * Each change by a controller takes the lock, and before it lets go it has moved at least one of the other words:
 * registering the number of components, retiring the epoch, publishing the generation, reclaiming the number that waits.
 */
static struct valid_stamp stamp_now(const struct valid *valid)
{
	const struct shmq_shm_control *control = &valid->segment->policy->control;

	/* (C1) acquire: who finds the lock free sees all that was done under it. Pairs with controller_unlock(). */
	return (struct valid_stamp){
	    .lock = shm_load_acquire(&control->lock),
	    .generation = shm_load_acquire(&control->generation),
	    .epoch = shm_load_acquire(&control->epoch),
	    .retirements = shm_load_acquire(&control->retirements),
	    .registered = shm_load32_acquire(&control->registered),
	    .retired = shm_load32_acquire(&control->retired),
	};
}

bool valid_stamp_take(struct valid *valid, struct valid_stamp *out)
{
	for (*out = stamp_now(valid); out->lock != 0 && valid->pauses_for_controller > 0; *out = stamp_now(valid)) {
		valid->pauses_for_controller--;
		valid_pause();
	}
	return out->lock == 0;
}

bool valid_stamp_holds(const struct valid *valid, const struct valid_stamp *stamp)
{
	struct valid_stamp now;

	shm_fence_acquire(); /* all that was read, before the stamp once more */
	now = stamp_now(valid);
	return now.lock == stamp->lock && now.generation == stamp->generation && now.epoch == stamp->epoch &&
	       now.retirements == stamp->retirements && now.registered == stamp->registered &&
	       now.retired == stamp->retired;
}

/* ---- Control ---- */

/* Words that are in order at every moment. */
static bool examine_control(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_shm_control *control = &valid->segment->policy->control;
	uint64_t lock = shm_load_acquire(&control->lock);
	/* `epoch` last: it only grows, and the others follow it. */
	uint64_t done = shm_load_acquire(&control->done);
	uint64_t cookie = shm_load_acquire(&control->table_cookie);
	uint64_t epoch = shm_load_acquire(&control->epoch);
	uint32_t hint = shm_load32_acquire(&control->hint);
	bool may_judge = object_check_world(&valid->segment->policy->header) == 0;

	(void)index;
	valid_expect(look, done <= epoch, "no grace period is over that has not begun", done, epoch);
	valid_expect(look, cookie <= epoch, "the policy before the last one waits for a grace period that has begun",
	             cookie, epoch);
	valid_expect(look, epoch < UINT64_C(1) << (64 - RCU_NESTING_BITS), "the epoch fits a reader's statement", epoch,
	             (UINT64_C(1) << (64 - RCU_NESTING_BITS)) - 1);
	valid_expect(look, hint < valid->segment->layout.components, "the hint names an entry", hint,
	             valid->segment->layout.components - 1);
	/* From another namespace every holder would look dead. */
	valid_expect(look, lock == 0 || !may_judge || !process_is_dead(lock),
	             "the controller lock is free, or its holder lives", process_tid(lock), 0);
	return shm_load_acquire(&control->lock) == lock;
}

/* Figures that are derived from the entries. */
static bool examine_counts(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	uint64_t live = 0, dying = 0;
	struct valid_stamp stamp;

	(void)index;
	if (!valid_stamp_take(valid, &stamp))
		return true;
	for (uint32_t i = 0; i < segment->layout.components; i++) {
		uint64_t state = shm_load_acquire(&segment->entries[i].genstate) & ENTRY_STATE_MASK;

		live += state == ENTRY_LIVE;
		dying += state == ENTRY_DYING;
	}
	valid_expect(look, stamp.registered == live,
	             "the number of registered components is that of registered entries", stamp.registered, live);
	valid_expect(look, stamp.retired == dying, "the number of retired components is that of retired entries",
	             stamp.retired, dying);
	return valid_stamp_holds(valid, &stamp);
}

static const struct valid_structure control_structure = {"policy", "control", examine_control};
static const struct valid_structure counts_structure = {"policy", "control", examine_counts};

int valid_segment(const struct shmq_segment *segment, void (*complain)(void *context, const struct shmq_defect *defect),
                  void *context)
{
	const struct layout *layout = &segment->layout;
	struct valid valid = {
	    .segment = segment,
	    .complain = complain,
	    .context = context,
	    .pauses = PAUSES,
	    .pauses_for_controller = PAUSES,
	    .hops = HOPS_LEAST + HOPS_PER_COMPONENT * ((uint64_t)layout->components + layout->buckets),
	};
	int result;

	valid_examine(&valid, &control_structure, 0);
	valid_examine(&valid, &counts_structure, 0);
	valid_directory(&valid);
	valid_rules(&valid);
	result = valid_usage(&valid);
	return result < 0 ? result : valid.defects;
}
