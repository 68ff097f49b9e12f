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

#include "core/level.h"

/* An entry of a slot's ledger. */
struct ledger_entry {
	const struct shmq_segment *segment;
	uint32_t slot, index;
};

static inline struct shmq_shm_holding *ledger_holding(const struct ledger_entry *entry)
{
	return &entry->segment->ledgers[(size_t)entry->slot * entry->segment->layout.reservations + entry->index];
}

static inline uint64_t ledger_held(const struct ledger_entry *entry)
{
	return shm_load_relaxed(&ledger_holding(entry)->held); /* relaxed: its writer asks */
}

/* Say what a free entry will hold: a level of a component, in this registration. */
void ledger_open(const struct ledger_entry *entry, const struct level_place *place, uint64_t genstate);

/* True where the entry holds of this level and registration. */
bool ledger_is_of(const struct ledger_entry *entry, const struct level_place *place, uint64_t genstate);

/* True where the registration that the entry holds of is still in force. */
bool ledger_is_alive(const struct ledger_entry *entry);

/*
 * As level_take(); if it takes, the entry holds `after` from that moment on, also if the process dies right then. The
 * entry need not be of this level: that is how taking one level can commit what is held of another.
 */
bool ledger_take(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount, uint64_t after,
                 uint64_t ceiling, uint64_t *used);

/* Give `amount` back to the level; the entry then holds `after`. Returns what level_release() would. */
uint64_t ledger_release(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount,
                        uint64_t after);

/* How much all ledgers hold of a level, or are about to. Any process. */
uint64_t ledger_sum(const struct level_place *place, uint64_t genstate);

/* Stop holding without giving back: what was held is used, or its component is gone. */
void ledger_forget(const struct ledger_entry *entry, uint64_t after);

/*
 * Complete what the slot's owner before us had under way, and return all that it held. Inside a read section. Returns
 * how many holdings were returned.
 */
uint32_t ledger_recover(const struct shmq_segment *segment, uint32_t slot);

#endif
