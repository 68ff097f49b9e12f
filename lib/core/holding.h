/* SPDX-License-Identifier: MIT */
/*
 * Holdings: amounts of several levels, taken one by one through one entry of a ledger, so that a death in between
 * leaves all of them or none.
 *
 * The levels are those of a component and of the groups above it (ranks 0, 1, …); storage and memory together are the
 * ranks of storage, then those of memory. After each step the entry says which ranks it holds. The last step either
 * leaves the entry holding all of them, or empties it: then everything becomes permanent in the moment in which that
 * step lands. What a death leaves in an entry is what recovery returns (core/ledger.h), so no state in between is
 * special.
 *
 * Invariant: a group counts at least what its members do, at any moment, also if a member's level is released by somebody
 * whose it was not. So what is taken is taken from the outermost rank inwards, and given back from the component
 * outwards; and how much its own rank could give back is what its groups get. tests/model/chain.pml searches the
 * orders, deaths and misuse.
 *
 * A slot's ledger is used under a lock that is private to the process: never contended unless two threads work on one
 * slot's holdings, gone with the process, open again in a forked child. Nobody in another process ever waits for it.
 */
#ifndef SHMQ_CORE_HOLDING_H
#define SHMQ_CORE_HOLDING_H

#include "core/group.h"
#include "core/ledger.h"

#include <sys/single_threaded.h>

/* Lock it in any case: its holder lets go soon. */
void holding_await_word(struct shm_u32 *word);

static inline HOT_INLINE void holding_lock_word(struct shm_u32 *word)
{
	/* Nobody else can be there, and these calls are not for signal handlers: no locked instruction is needed. */
	if (__builtin_expect(__libc_single_threaded && shm_load32_relaxed(word) == 0, 1))
		shm_store32_relaxed(word, 1);
	else if (__builtin_expect(!shm_try_lock32(word), 0)) /* (V1) */
		holding_await_word(word);
}

static inline HOT_INLINE void holding_unlock_word(struct shm_u32 *word)
{
	shm_store32_release(word, 0); /* (V1) */
}

static inline void holding_lock(struct segment_slot *private)
{
	holding_lock_word(&private->lock);
}

static inline void holding_unlock(struct segment_slot *private)
{
	holding_unlock_word(&private->lock);
}

static inline struct segment_slot *holding_private(const struct ledger_entry *entry)
{
	return &entry->segment->private->slots[entry->slot];
}

/*
 * Find a free entry, under the slot's lock. Returns false where the ledger is full: one entry is left for what is not
 * `is_kept`. Begins with the entry that was freed last: what is reserved and finished in turn finds it at once, however
 * full the ledger is.
 */
bool holding_find_entry(struct ledger_entry *entry, bool is_kept);

/* The slot of an ended thread goes with its last holding. */
void holding_free_orphan(const struct ledger_entry *entry);

/* Under the slot's lock: one holding less. */
static inline HOT_INLINE void holding_close(const struct ledger_entry *entry)
{
	struct segment_slot *private = holding_private(entry);

	private->held--;
	private->hint = entry->index;
	if (__builtin_expect(private->is_orphan, 0))
		holding_free_orphan(entry);
}

/* One rank of what is to be taken. */
struct holding_step {
	struct level_place place;
	uint64_t amount;
	uint64_t ceiling;
	bool is_soft;   /* takes beyond its ceiling rather than refuse */
	bool is_beyond; /* out: it did */
	uint64_t used;  /* out: before the step, or when it refused */
};

/* What is taken: `count` steps, of which the last `others` are of another amount than the first ones. */
struct holding_steps {
	unsigned count, others;
	struct holding_step step[LEDGER_RANKS];
};

static inline void holding_begin(struct holding_steps *steps)
{
	steps->count = 0;
	steps->others = 0;
}

/*
 * Take all steps or none, with a free entry that was opened for them. `is_kept`: the entry holds them afterwards.
 * Returns the number of steps that were admitted: all of them, or that of the one that refused.
 */
unsigned holding_take(const struct ledger_entry *entry, struct holding_steps *steps, bool is_kept);

/* Give back all that the entry holds; ranks whose registration is gone have nothing to be given back to. */
void holding_give_back(const struct ledger_entry *entry);

/* Make `actual` of a reserved amount permanent at all ranks, and give back the rest. */
void holding_finish(const struct ledger_entry *entry, uint64_t actual);

/*
 * Change what an entry holds of each rank to the steps' ceiling-checked `amount` more, or to `amount` less where
 * `is_shrinking`. Returns as holding_take(); refused, the entry holds what it held before.
 */
unsigned holding_grow(const struct ledger_entry *entry, struct holding_steps *steps);
void holding_shrink(const struct ledger_entry *entry, uint64_t amount);

/*
 * Give back at most `amount` of what the component uses, at all ranks the entry was opened for. Returns how much it was.
 */
uint64_t holding_release(const struct ledger_entry *entry, uint64_t amount);

/*
 * Give back all that is used for good of the level that the entry was opened for, at all its ranks: not what anybody
 * holds, since that will be returned by its holder. Returns whether the level then is just what is held: not where less
 * is there, since somebody released it, nor while an operation is under way that will change it.
 */
bool holding_drop(const struct ledger_entry *entry);

/*
 * Complete what a slot's owner before us had under way, and return all that it held. Inside a read section, by whoever
 * has claimed the slot. Returns how many holdings were returned.
 */
uint32_t holding_recover(const struct shmq_segment *segment, uint32_t slot);

#endif
