/* SPDX-License-Identifier: MIT */
/*
 * The plain way of a call, which is what nearly every call is: an attached thread, in no other section, charges a level
 * or a window of a component without groups, and nothing else is to be done.
 *
 * A section begins with a locked instruction and an admission is another one, and each waits until all stores before it
 * have reached the cache. So what costs is to store: a register that is saved, a value that finds none. Therefore every
 * exception is a call in tail position that does all the rest and ends the section; no value lives across one, and the
 * functions here need no stack. docs/decisions/0014-plain-way.md has the figures.
 */
#ifndef SHMQ_CORE_PLAIN_H
#define SHMQ_CORE_PLAIN_H

#include "core/arguments.h"
#include "core/charge.h"

/* A section, and what was found in it. */
struct plain {
	struct shmq_shm_slot *slot;
	struct shmq_shm_tracker *tracker;
	const struct shmq_shm_quota *quota;
};

/* ---- Exceptions: they fill in the verdict, and return what the call returns ---- */

/* Outside of a section: all of it, from the arguments on. */
int plain_start_over(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                     struct shmq_verdict *verdict);
int plain_check_over(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);
int plain_release_over(struct shmq_component *c, int resource, uint64_t amount);

/* In the section, which they end. Groups, another algorithm, a window that has ended, and so on. */
int plain_otherwise(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                    struct shmq_verdict *verdict, const struct shmq_shm_quota *quota);
/* A level seems full, or must say first that a held operation landed. */
int plain_take_level_otherwise(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                               struct shmq_verdict *verdict, const struct shmq_shm_quota *quota);
int plain_release_otherwise(struct shmq_component *c, int resource, uint64_t amount,
                            const struct shmq_shm_quota *quota);
/* The limit refused it, at `now_ms` in the window that began at `start_ms`. */
int plain_refused(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict,
                  const struct shmq_shm_quota *quota, uint64_t used, uint64_t start_ms, uint64_t now_ms);
/* It was taken; a threshold may be crossed, or a verdict is wanted. `used` is what was used before. */
int plain_tell(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict,
               const struct shmq_shm_quota *quota, uint64_t used);

/* ---- The frame of a call ---- */

static inline HOT_INLINE bool plain_arguments(const struct shmq_component *c, uint64_t amount)
{
	return __builtin_expect(c != NULL, 1) && __builtin_expect(amount <= SHMQ_AMOUNT_MAX, 1);
}

/*
 * Begin a section of a thread that is attached and in no other one. Returns false where none was begun: then it is to
 * start over.
 *
 * Nothing that stands behind the fence begins before it is through. Addresses are worked out before: then a load is all
 * that waits, not the loads that lead to it.
 */
static inline HOT_INLINE bool plain_begin(struct plain *plain, const struct shmq_component *c)
{
	const struct shmq_segment *segment = c->segment;
	const struct worker_attachment *attachment = &worker_self->attachment[segment->ordinal];
	const struct shmq_shm_control *control = &segment->policy->control;
	const struct shm_u64 *genstate = &segment->entries[c->key.index].genstate;
	uint64_t generation = shm_load_relaxed(&control->generation); /* relaxed: a guess, looked at once more */

	plain->slot = attachment->slot;
	if (__builtin_expect(attachment->serial != segment->serial, 0) ||
	    __builtin_expect(rcu_is_reading(plain->slot), 0))
		return false;
	plain->tracker = &segment->trackers[c->key.index];
	plain->quota = &segment->quotas[generation & 1][c->key.index];
	rcu_begin(plain->slot, &control->epoch, segment->has_membarrier);
	if (__builtin_expect(shm_load_acquire(&control->generation) == generation, 1) &&        /* (D1) */
	    __builtin_expect(shm_load_acquire(genstate) == c->key.genstate, 1) &&               /* (D2) */
	    __builtin_expect((shm_load_acquire(&plain->quota->flags) & QUOTA_PRESENT) != 0, 1)) /* (D3) */
		return true;
	rcu_end(plain->slot);
	return false;
}

/*
 * By which limits a rate will be judged, unless they change: a guess from outside of the section, so that the clock can
 * be read before it. All of it is looked at once more inside.
 */
static inline HOT_INLINE struct charge_bounds plain_guess(const struct shmq_component *c, int resource)
{
	const struct shmq_segment *segment = c->segment;
	uint64_t generation = shm_load_relaxed(&segment->policy->control.generation); /* relaxed: a guess */

	return charge_bounds(&segment->quotas[generation & 1][c->key.index], resource);
}

/* It was taken: end the section. */
static inline HOT_INLINE int plain_finish(const struct plain *plain, struct shmq_component *c, int resource,
                                          uint64_t amount, uint64_t used, struct shmq_verdict *verdict)
{
	if (verdict != NULL ||
	    __builtin_expect(charge_is_watched(plain->quota, plain->tracker, resource, used + amount), 0))
		return plain_tell(c, resource, amount, verdict, plain->quota, used);
	rcu_end(plain->slot);
	return SHMQ_OK;
}

/* ---- Levels: `resource` is storage or memory, and best a constant ---- */

/* `is_forced`: it has happened already, and is taken whatever the limit. */
static inline HOT_INLINE int plain_take_level(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                                              struct shmq_verdict *verdict)
{
	struct charge_bounds bounds;
	struct shmq_shm_level *level;
	struct level_words words;
	struct plain plain;

	if (!plain_arguments(c, amount) || !plain_begin(&plain, c))
		return plain_start_over(c, resource, amount, is_forced, verdict);
	bounds = charge_bounds(plain.quota, resource);
	level = &plain.tracker->level[resource != SHMQ_STORAGE];
	if (__builtin_expect(!bounds.is_plain, 0))
		return plain_otherwise(c, resource, amount, is_forced, verdict, plain.quota);
	words = level_load(level);
	if (__builtin_expect(level_used(words) + amount > (is_forced ? LEVEL_CEILING : bounds.ceiling), 0) ||
	    __builtin_expect(level_writer(words.in) != 0, 0) ||
	    __builtin_expect(!level_add(level, words.in, 0, amount), 0))
		return plain_take_level_otherwise(c, resource, amount, is_forced, verdict, plain.quota);
	return plain_finish(&plain, c, resource, amount, level_used(words), verdict);
}

/* What falls can only clear a threshold, and there is none to clear where the word is 0. */
static inline HOT_INLINE int plain_release_level(struct shmq_component *c, int resource, uint64_t amount)
{
	struct shmq_shm_level *level;
	struct level_words words;
	struct plain plain;
	uint64_t special;

	if (!plain_arguments(c, amount) || !plain_begin(&plain, c))
		return plain_release_over(c, resource, amount);
	/* relaxed: as the limits; a hint, as in charge_is_watched() */
	special = (shm_load_relaxed(&plain.quota->flags) & (QUOTA_GROUPED | QUOTA_FROZEN)) |
	          shm_load32_relaxed(&plain.tracker->threshold[resource]);
	level = &plain.tracker->level[resource != SHMQ_STORAGE];
	words = level_load(level);
	if (__builtin_expect(special != 0, 0) || __builtin_expect(amount > level_used(words), 0) ||
	    __builtin_expect(level_writer(words.out) != 0, 0) ||
	    __builtin_expect(!level_subtract(level, words.out, 0, amount, level_used(words)), 0))
		return plain_release_otherwise(c, resource, amount, plain.quota);
	rcu_end(plain.slot);
	return 0;
}

static inline HOT_INLINE int plain_check_level(struct shmq_component *c, int resource, uint64_t amount)
{
	struct charge_bounds bounds;
	struct level_words words;
	struct plain plain;

	if (!plain_arguments(c, amount) || !plain_begin(&plain, c))
		return plain_check_over(c, resource, amount, NULL);
	bounds = charge_bounds(plain.quota, resource);
	words = level_load(&plain.tracker->level[resource != SHMQ_STORAGE]);
	rcu_end(plain.slot);
	if (__builtin_expect(!bounds.is_plain, 0) || __builtin_expect(level_used(words) + amount > bounds.ceiling, 0))
		return plain_check_over(c, resource, amount, NULL);
	return SHMQ_OK;
}

/* ---- Rates ---- */

/*
 * `told_ns` is the time that the caller was told, or NULL: read the clock. A told time is believed inside a window that
 * somebody has begun and that has room; in all other cases the clock decides. So no window holds too much whatever is
 * told, one that is believed to go on ends later by as much as the told time is behind, and nothing is refused for long.
 */
static inline HOT_INLINE int plain_take_rate(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                                             const uint64_t *told_ns, struct shmq_verdict *verdict)
{
	enum window_outcome outcome = WINDOW_UNSETTLED;
	struct charge_bounds guess, bounds;
	struct window_view view;
	struct plain plain;
	uint64_t now_ms, current;

	if (!plain_arguments(c, amount))
		return plain_start_over(c, resource, amount, is_forced, verdict);
	guess = plain_guess(c, resource);
	if (__builtin_expect(!guess.is_plain, 0))
		return plain_start_over(c, resource, amount, is_forced, verdict);
	now_ms = told_ns != NULL ? *told_ns / NS_PER_MS : clock_window_ms(guess.period_ms);
	if (!plain_begin(&plain, c))
		return plain_start_over(c, resource, amount, is_forced, verdict);
	bounds = charge_bounds(plain.quota, resource);
	/* (W1) seq_cst: as in window_take() */
	current = shm_load_seq_cst(&tracker_rate(plain.tracker, resource)->current);
	if (__builtin_expect(bounds.is_plain && bounds.period_ms == guess.period_ms, 1) &&
	    __builtin_expect(window_holds(current, guess.period_ms, now_ms), 1) &&
	    (told_ns == NULL || __builtin_expect(window_is_begun(current), 1)))
		outcome = window_take_in(tracker_rate(plain.tracker, resource), current, amount,
		                         is_forced ? WINDOW_CEILING : bounds.ceiling, &view);
	if (__builtin_expect(outcome == WINDOW_TAKEN, 1))
		return plain_finish(&plain, c, resource, amount, view.used, verdict);
	if (is_forced || told_ns != NULL || outcome == WINDOW_UNSETTLED)
		return plain_otherwise(c, resource, amount, is_forced, verdict, plain.quota);
	return plain_refused(c, resource, amount, verdict, plain.quota, view.used, view.start_ms, now_ms);
}

static inline HOT_INLINE int plain_check_rate(struct shmq_component *c, int resource, uint64_t amount)
{
	struct charge_bounds guess, bounds;
	struct plain plain;
	uint64_t now_ms, used;
	bool is_known;

	if (!plain_arguments(c, amount))
		return plain_check_over(c, resource, amount, NULL);
	guess = plain_guess(c, resource);
	now_ms = clock_window_ms(guess.period_ms);
	if (!plain_begin(&plain, c))
		return plain_check_over(c, resource, amount, NULL);
	bounds = charge_bounds(plain.quota, resource);
	is_known = window_look(tracker_rate(plain.tracker, resource), guess.period_ms, now_ms, &used);
	rcu_end(plain.slot);
	if (__builtin_expect(!bounds.is_plain, 0) || __builtin_expect(bounds.period_ms != guess.period_ms, 0) ||
	    __builtin_expect(!is_known, 0) || __builtin_expect(used + amount > bounds.ceiling, 0))
		return plain_check_over(c, resource, amount, NULL);
	return SHMQ_OK;
}

#endif
