/* SPDX-License-Identifier: MIT */
/*
 * What a thread holds of levels, so that it can be returned exactly once after its death.
 *
 * Each slot has a ledger in shared memory, written only by the slot's owner. Before an operation on a level the owner
 * writes down what it is about to do (the intent: which word, its amount before, which entry, what the entry holds
 * afterwards); after it, the entry. Who takes over the slot of a dead owner completes or drops what was under way: the
 * operation landed if the word still carries the slot's number beyond `before`, or if whoever overwrote it said so
 * (level_acknowledge()). Entries are set, never added to, so all of it may be done twice.
 *
 * A slot is taken over by the compare-and-swap that claims it, so there is one recoverer at a time, and when that dies
 * the next one claims it in turn. All functions are called by the slot's owner, or under the slot's process-private lock
 * for its process; those that touch a level inside a read section.
 */
#ifndef SHMQ_CORE_LEDGER_H
#define SHMQ_CORE_LEDGER_H

#include "core/group.h"
#include "core/level.h"

/* Of which levels an entry holds. */
enum { LEDGER_STORAGE = 0, LEDGER_MEMORY = 1, LEDGER_BOTH = 2 };

static inline unsigned ledger_levels(int resource)
{
	return resource == SHMQ_STORAGE ? LEDGER_STORAGE : LEDGER_MEMORY;
}

/* Ranks of an entry: its component and the groups above it, and all of them once more for memory where it is both. */
#define LEDGER_RANKS (2 * (1 + LAYOUT_ANCESTORS))

/* An entry of a slot's ledger. */
struct ledger_entry {
	const struct shmq_segment *segment;
	uint32_t slot, index;
};

/*
 * What an entry's word says: ranks `first` to `last` - 1 hold `amount`, but the last `others` of them hold the entry's
 * `rest`. Of a component without groups the word is just the amount.
 *
 *     [first:4 | last - 1:4 | others:4 | amount:52], 0 nothing
 */
struct ledger_share {
	unsigned first, last, others;
	uint64_t amount;
};

#define LEDGER_AMOUNT_BITS 52

static_assert(LEVEL_CEILING < UINT64_C(1) << LEDGER_AMOUNT_BITS, "an entry holds whatever a level can have");

/* The units of its fields. */
#define LEDGER_FIRST (UINT64_C(1) << 60)
#define LEDGER_LAST (UINT64_C(1) << 56)
#define LEDGER_OTHERS (UINT64_C(1) << LEDGER_AMOUNT_BITS)

static inline uint64_t ledger_pack(const struct ledger_share *share)
{
	uint64_t first = share->first, last = share->last, others = share->others;

	if (first >= last || (share->amount == 0 && others == 0))
		return 0;
	return first * LEDGER_FIRST | (last - 1) * LEDGER_LAST | others * LEDGER_OTHERS | share->amount;
}

/* Bounded, whatever the word says. */
struct ledger_share ledger_unpack(uint64_t word);

/* What rank `rank` of a share holds; `rest` is the entry's. */
static inline uint64_t ledger_share_at(const struct ledger_share *share, unsigned rank, uint64_t rest)
{
	return rank + share->others >= share->last ? rest : share->amount;
}

static inline struct shmq_shm_holding *ledger_holding(const struct ledger_entry *entry)
{
	return &entry->segment->ledgers[(size_t)entry->slot * entry->segment->layout.entries + entry->index];
}

static inline uint64_t ledger_held(const struct ledger_entry *entry)
{
	return shm_load_relaxed(&ledger_holding(entry)->held); /* relaxed: its writer asks */
}

/* Say what a free entry will hold: levels (LEDGER_…) of a component, in this registration, and of its groups. */
void ledger_open(const struct ledger_entry *entry, const struct group_chain *chain, unsigned levels, uint64_t genstate);

/* The same for a component without groups. */
static inline void ledger_open_alone(const struct ledger_entry *entry, uint32_t component, unsigned levels,
                                     uint64_t genstate)
{
	struct shmq_shm_holding *holding = ledger_holding(entry);

	/* relaxed throughout: `held` is 0 still, and the state releases them */
	shm_store_relaxed(&holding->level, (uint64_t)component << 32 | levels);
	shm_store_relaxed(&holding->genstate, genstate);
	shm_store_relaxed(&holding->rest, 0);
	shm_store_relaxed(&holding->ancestor[0], 0); /* where the chain ends */
}

/* True where the entry holds of these levels of a component, in this registration. */
bool ledger_is_of(const struct ledger_entry *entry, uint32_t component, unsigned levels, uint64_t genstate);

/* How many ranks the entry was opened for; and how many of them are of one level. */
unsigned ledger_ranks(const struct ledger_entry *entry);
unsigned ledger_chain(const struct ledger_entry *entry);

/* The registration that a rank of a holding is of, and which of its levels. */
uint64_t ledger_rank(const struct shmq_shm_holding *holding, unsigned rank, uint32_t *number);

/* Find the level at a rank. Returns false where its registration is gone. */
bool ledger_place(const struct ledger_entry *entry, unsigned rank, struct level_place *out);

/* What the entry holds at other ranks than `amount` says; while it holds nothing of that kind. */
void ledger_set_rest(const struct ledger_entry *entry, uint64_t rest);

/* True where the registration that the entry holds of is still in force. */
bool ledger_is_alive(const struct ledger_entry *entry);

/*
 * As level_take(); if it takes, the entry holds `after`, a packed share, from that moment on, also if the process dies
 * right then. The entry need not be of this level: that is how taking one level can commit what is held of another.
 */
bool ledger_take(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount, uint64_t after,
                 uint64_t ceiling, uint64_t *used);

/*
 * Give `amount` back to the level, and at least `least` or nothing; the entry then holds `after`, unless it was nothing
 * for that reason. Returns what level_release_as() would.
 */
uint64_t ledger_release(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount,
                        uint64_t least, uint64_t after);

/* As level_drop(); if it drops, the entry holds `after` from that moment on. */
bool ledger_drop(const struct ledger_entry *entry, const struct level_place *place, uint64_t out, uint64_t amount,
                 uint64_t after);

/* How much all ledgers hold of a level, or are about to. Any process. */
uint64_t ledger_sum(const struct level_place *place);

/* The same; `*is_certain` becomes false where an operation under way will change it, or did. */
uint64_t ledger_sum_certain(const struct level_place *place, bool *is_certain);

/* Stop holding without giving back: what was held is used, or its component is gone. */
void ledger_forget(const struct ledger_entry *entry, uint64_t after);

/* Complete what the slot's owner before us had under way. What the slot holds then is holding_recover()'s to return. */
void ledger_recover(const struct shmq_segment *segment, uint32_t slot);

#endif
