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

void ledger_open(const struct ledger_entry *entry, const struct level_place *place, uint64_t genstate)
{
	struct shmq_shm_holding *holding = ledger_holding(entry);

	/* relaxed: `held` is 0 still, and the state releases them */
	shm_store_relaxed(&holding->level, (uint64_t)place->component << 32 | place->number);
	shm_store_relaxed(&holding->genstate, genstate);
}

bool ledger_is_of(const struct ledger_entry *entry, const struct level_place *place, uint64_t genstate)
{
	const struct shmq_shm_holding *holding = ledger_holding(entry);

	/* relaxed: ours */
	return shm_load_relaxed(&holding->level) == ((uint64_t)place->component << 32 | place->number) &&
	       shm_load_relaxed(&holding->genstate) == genstate;
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
                        uint64_t after)
{
	uint64_t released;

	intent_begin(entry, place, true, after);
	released = level_release_as(place, entry->slot + 1, amount);
	entry_set(entry, after);
	intent_end(entry);
	return released;
}

void ledger_forget(const struct ledger_entry *entry, uint64_t after)
{
	entry_set(entry, after);
}

/* What one ledger holds of a level. An operation under way counts as the larger of before and after. */
static uint64_t slot_sum(const struct level_place *place, uint64_t genstate, uint32_t slot)
{
	const struct shmq_segment *segment = place->segment;
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
	/* (I2) acquire, and before the entries: what is not under way here any more stands there. */
	bool is_pending = (shm_load_acquire(&intent->state) & INTENT_STATE_MASK) != INTENT_IDLE;
	uint64_t index = shm_load_relaxed(&intent->entry); /* relaxed: the state released it */
	uint64_t after = shm_load_relaxed(&intent->after); /* relaxed: as entry */
	uint64_t sum = 0;

	for (uint32_t i = 0; i < segment->layout.reservations; i++) {
		struct ledger_entry entry = {segment, slot, i};
		uint64_t held = shm_load_acquire(&ledger_holding(&entry)->held); /* (I3) */

		if (is_pending && index == i && after > held)
			held = after;
		if (held > 0 && ledger_is_of(&entry, place, genstate))
			sum += held;
	}
	return sum;
}

uint64_t ledger_sum(const struct level_place *place, uint64_t genstate)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < place->segment->layout.threads; i++)
		if (shm_load_relaxed(&place->segment->slots[i].owner) != 0) /* relaxed: a free slot holds nothing */
			sum += slot_sum(place, genstate, i);
	return sum;
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

static void recover_intent(const struct shmq_segment *segment, uint32_t slot)
{
	const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
	struct ledger_entry entry = {segment, slot, 0};
	uint64_t index;

	/* (I2) acquire: the intent that the state makes count. */
	if ((shm_load_acquire(&intent->state) & INTENT_STATE_MASK) == INTENT_IDLE)
		return;
	index = shm_load_relaxed(&intent->entry); /* relaxed: the state released them */
	if (index < segment->layout.reservations) {
		entry.index = (uint32_t)index;
		if (intent_has_landed(segment, slot))
			entry_set(&entry, shm_load_relaxed(&intent->after)); /* relaxed: as entry */
	}
	intent_end(&entry);
}

static void return_holding(const struct ledger_entry *entry)
{
	const struct shmq_segment *segment = entry->segment;
	const struct shmq_shm_holding *holding = ledger_holding(entry);
	uint64_t level = shm_load_relaxed(&holding->level); /* relaxed: the claim of the slot acquired them */
	struct level_place place = {segment, (uint32_t)(level >> 32), (uint32_t)(level & 1)};

	/* A component that is gone took its levels with it. */
	if (ledger_is_alive(entry))
		ledger_release(entry, &place, ledger_held(entry), 0);
	else
		ledger_forget(entry, 0);
}

uint32_t ledger_recover(const struct shmq_segment *segment, uint32_t slot)
{
	uint32_t returned = 0;

	recover_intent(segment, slot);
	for (uint32_t i = 0; i < segment->layout.reservations; i++) {
		struct ledger_entry entry = {segment, slot, i};

		if (ledger_held(&entry) > 0) {
			return_holding(&entry);
			returned++;
		}
	}
	return returned;
}
