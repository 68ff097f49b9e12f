/* SPDX-License-Identifier: MIT */
/*
 * Intents, entries and their recovery. The order in each operation is intent, PENDING, level, entry, IDLE;
 * docs/recovery.md says for each place between them what a death there leaves and how it is told.
 */
#include "core/ledger.h"

static struct shmq_shm_intent *intent_of(const struct ledger_entry *entry)
{
	return &entry->segment->slots[entry->slot].intent;
}

static void intent_begin(const struct ledger_entry *entry, const struct level_place *place, bool is_out, uint64_t after)
{
	struct shmq_shm_intent *intent = intent_of(entry);
	const struct shmq_shm_level *level = level_at(place);
	uint64_t before = level_amount(shm_load_seq_cst(is_out ? &level->out : &level->in));
	uint64_t count = shm_load_relaxed(&intent->state) >> INTENT_STATE_BITS; /* relaxed: ours */

	/*
	 * (I1) release: the IDLE of the operation before, then the new intent.
	 * Pairs with the acquire loads in level_acknowledge(): who reads a new intent finds that the state has moved.
	 */
	shm_store_release(&intent->word, LEVEL_WORD(place, is_out));
	shm_store_release(&intent->before, before);
	shm_store_relaxed(&intent->entry, entry->index); /* relaxed: the state releases them */
	shm_store_relaxed(&intent->after, after);
	/*
	 * (I2) release: the intent before the state that makes it count.
	 * Pairs with the loads in level_acknowledge() and ledger_recover(). Without it a recoverer could follow the
	 * intent of the operation before.
	 */
	shm_store_release(&intent->state, (count + 1) << INTENT_STATE_BITS | INTENT_PENDING);
}

static void intent_end(const struct ledger_entry *entry)
{
	struct shmq_shm_intent *intent = intent_of(entry);
	/* relaxed: overwriters change the low bits only */
	uint64_t count = shm_load_relaxed(&intent->state) >> INTENT_STATE_BITS;

	/* (I3) release: the entry before IDLE. Pairs with ledger_recover(). Without it the amount would be lost. */
	shm_store_release(&intent->state, count << INTENT_STATE_BITS | INTENT_IDLE);
}

static void entry_set(const struct ledger_entry *entry, uint64_t held)
{
	shm_store_release(&ledger_holding(entry)->held, held); /* (I3) */
}

struct ledger_share ledger_unpack(uint64_t word)
{
	struct ledger_share share = {
	    .first = (unsigned)(word >> 60),
	    .last = (unsigned)(word >> 56 & 15) + 1,
	    .others = (unsigned)(word >> 52 & 15),
	    .amount = word & ((UINT64_C(1) << LEDGER_AMOUNT_BITS) - 1),
	};

	if (word == 0)
		return (struct ledger_share){0};
	if (share.last > LEDGER_RANKS)
		share.last = LEDGER_RANKS;
	return share;
}

void ledger_open(const struct ledger_entry *entry, const struct group_chain *chain, unsigned levels, uint64_t genstate)
{
	struct shmq_shm_holding *holding = ledger_holding(entry);

	ledger_open_alone(entry, chain->component[0], levels, genstate);
	/* relaxed: as there */
	for (unsigned i = 1; i < chain->count; i++)
		shm_store_relaxed(&holding->ancestor[i - 1], group_registration(entry->segment, chain->component[i]));
	if (chain->count <= LAYOUT_ANCESTORS) /* the chain ends at the first 0 */
		shm_store_relaxed(&holding->ancestor[chain->count - 1], 0);
}

bool ledger_is_of(const struct ledger_entry *entry, uint32_t component, unsigned levels, uint64_t genstate)
{
	const struct shmq_shm_holding *holding = ledger_holding(entry);

	/* relaxed: ours */
	return shm_load_relaxed(&holding->level) == ((uint64_t)component << 32 | levels) &&
	       shm_load_relaxed(&holding->genstate) == genstate;
}

/* The component and its groups. */
static unsigned chain_length(const struct shmq_shm_holding *holding)
{
	unsigned length = 1;

	/* relaxed: ours, or released by the state */
	while (length <= LAYOUT_ANCESTORS && shm_load_relaxed(&holding->ancestor[length - 1]) != 0)
		length++;
	return length;
}

/* LEDGER_… of the entry. */
static unsigned entry_levels(const struct shmq_shm_holding *holding)
{
	return (unsigned)(shm_load_relaxed(&holding->level) & 3); /* relaxed: as chain_length() */
}

unsigned ledger_chain(const struct ledger_entry *entry)
{
	return chain_length(ledger_holding(entry));
}

unsigned ledger_ranks(const struct ledger_entry *entry)
{
	const struct shmq_shm_holding *holding = ledger_holding(entry);

	return chain_length(holding) * (entry_levels(holding) == LEDGER_BOTH ? 2 : 1);
}

uint64_t ledger_rank(const struct shmq_shm_holding *holding, unsigned rank, uint32_t *number)
{
	unsigned length = chain_length(holding), levels = entry_levels(holding);

	*number = levels == LEDGER_BOTH ? rank >= length : levels == LEDGER_MEMORY;
	rank %= length;
	if (rank > 0)
		return shm_load_relaxed(&holding->ancestor[rank - 1]); /* relaxed: as chain_length() */
	return group_registration_of(shm_load_relaxed(&holding->level) >> 32, shm_load_relaxed(&holding->genstate));
}

bool ledger_place(const struct ledger_entry *entry, unsigned rank, struct level_place *out)
{
	uint64_t registration;

	out->segment = entry->segment;
	registration = ledger_rank(ledger_holding(entry), rank, &out->number);
	return group_find_registration(entry->segment, registration, &out->component);
}

void ledger_set_rest(const struct ledger_entry *entry, uint64_t rest)
{
	shm_store_relaxed(&ledger_holding(entry)->rest, rest); /* relaxed: the next state releases it */
}

bool ledger_is_alive(const struct ledger_entry *entry)
{
	const struct shmq_shm_holding *holding = ledger_holding(entry);
	/* relaxed: ours, or acquired with the slot */
	uint64_t component = shm_load_relaxed(&holding->level) >> 32;

	return component < entry->segment->layout.components &&
	       shm_load_acquire(&entry->segment->entries[component].genstate) == /* (D2) */
	           shm_load_relaxed(&holding->genstate);
}

bool ledger_take(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount, uint64_t after,
                 uint64_t ceiling, uint64_t *used)
{
	bool is_taken;

	intent_begin(entry, place, false, after);
	is_taken = level_take_as(place, entry->slot + 1, amount, ceiling, used);
	if (is_taken)
		entry_set(entry, after);
	intent_end(entry);
	return is_taken;
}

uint64_t ledger_release(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount,
                        uint64_t least, uint64_t after)
{
	uint64_t released;

	intent_begin(entry, place, true, after);
	released = level_release_as(place, entry->slot + 1, amount, least);
	if (released >= least)
		entry_set(entry, after);
	intent_end(entry);
	return released;
}

bool ledger_drop(const struct ledger_entry *entry, const struct level_place *place, uint64_t out, uint64_t amount,
                 uint64_t after)
{
	bool is_dropped;

	intent_begin(entry, place, true, after);
	is_dropped = level_drop(place, entry->slot + 1, out, amount);
	if (is_dropped)
		entry_set(entry, after);
	intent_end(entry);
	return is_dropped;
}

void ledger_forget(const struct ledger_entry *entry, uint64_t after)
{
	entry_set(entry, after);
}

/* How much a share is of one level. */
static uint64_t share_of(const struct ledger_entry *entry, uint64_t word, uint64_t registration, uint32_t number)
{
	const struct shmq_shm_holding *holding = ledger_holding(entry);
	struct ledger_share share = ledger_unpack(word);
	uint64_t rest = shm_load_relaxed(&holding->rest), sum = 0; /* relaxed: the state released it */

	for (unsigned rank = share.first; rank < share.last; rank++) {
		uint32_t here;

		if (ledger_rank(holding, rank, &here) == registration && here == number)
			sum += ledger_share_at(&share, rank, rest);
	}
	return sum;
}

/* What one ledger holds of a level. An operation under way counts as the larger of before and after. */
static uint64_t slot_sum(const struct level_place *place, uint64_t registration, uint32_t slot, bool *is_certain)
{
	const struct shmq_segment *segment = place->segment;
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
	/* (I2) acquire, and before the entries: what is not under way here any more stands there. */
	bool is_pending = (shm_load_acquire(&intent->state) & INTENT_STATE_MASK) != INTENT_IDLE;
	uint64_t index = shm_load_relaxed(&intent->entry); /* relaxed: the state released it */
	uint64_t after = shm_load_relaxed(&intent->after); /* relaxed: as entry */
	uint64_t sum = 0;

	for (uint32_t i = 0; i < segment->layout.entries; i++) {
		struct ledger_entry entry = {segment, slot, i};
		uint64_t word = shm_load_acquire(&ledger_holding(&entry)->held); /* (I3) */
		uint64_t held = word == 0 ? 0 : share_of(&entry, word, registration, place->number);

		if (is_pending && index == i) {
			uint64_t held_after = share_of(&entry, after, registration, place->number);

			if (held_after != held)
				*is_certain = false;
			held = held_after > held ? held_after : held;
		}
		sum += held;
	}
	return sum;
}

uint64_t ledger_sum_certain(const struct level_place *place, bool *is_certain)
{
	uint64_t registration = group_registration(place->segment, place->component);
	uint64_t sum = 0;

	*is_certain = true;
	for (uint32_t i = 0; i < place->segment->layout.threads; i++)
		if (shm_load_relaxed(&place->segment->slots[i].owner) != 0) /* relaxed: a free slot holds nothing */
			sum += slot_sum(place, registration, i, is_certain);
	return sum;
}

uint64_t ledger_sum(const struct level_place *place)
{
	bool is_certain;

	return ledger_sum_certain(place, &is_certain);
}

/* ---- Recovery ---- */

/* The word that an intent names, or NULL where it is damaged. */
static const struct shm_u64 *intent_word(const struct shmq_segment *segment, const struct shmq_shm_intent *intent)
{
	uint64_t name = shm_load_acquire(&intent->word) - 1;
	const struct shmq_shm_level *level;

	if (name >> 2 >= segment->layout.components)
		return NULL;
	level = &segment->trackers[name >> 2].level[name >> 1 & 1];
	return (name & 1) != 0 ? &level->out : &level->in;
}

static bool intent_has_landed(const struct shmq_segment *segment, uint32_t slot)
{
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
	const struct shm_u64 *word = intent_word(segment, intent);
	uint64_t seen;

	if (word == NULL)
		return false;
	/*
	 * (L3) seq_cst: the word before the state. Pairs with level_acknowledge(), which does it the other way round:
	 * an operation that was overwritten before we look was acknowledged before that.
	 */
	seen = shm_load_seq_cst(word);
	if (level_writer(seen) == slot + 1 && level_is_after(level_amount(seen), shm_load_acquire(&intent->before)))
		return true;
	return (shm_load_seq_cst(&intent->state) & INTENT_STATE_MASK) == INTENT_DONE; /* (L3) */
}

void ledger_recover(const struct shmq_segment *segment, uint32_t slot)
{
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
	struct ledger_entry entry = {segment, slot, 0};
	uint64_t index;

	/* (I2) acquire: the intent that the state makes count. */
	if ((shm_load_acquire(&intent->state) & INTENT_STATE_MASK) == INTENT_IDLE)
		return;
	index = shm_load_relaxed(&intent->entry); /* relaxed: the state released them */
	if (index < segment->layout.entries) {
		entry.index = (uint32_t)index;
		if (intent_has_landed(segment, slot))
			entry_set(&entry, shm_load_relaxed(&intent->after)); /* relaxed: as entry */
	}
	intent_end(&entry);
}
