/* SPDX-License-Identifier: MIT */
/*
 * Which ledger entry, and under which lock; the ledger itself knows how to survive.
 */
#include "core/reservation.h"

#include "base/process.h"
#include "core/worker.h"

#include <errno.h>
#include <sched.h>
#include <sys/single_threaded.h>

#define SPINS_BEFORE_YIELD 1000

static inline void lock(struct shm_u32 *word)
{
	/* Nobody else can be there, and these calls are not for signal handlers: no locked instruction is needed. */
	if (__libc_single_threaded && shm_load32_relaxed(word) == 0) {
		shm_store32_relaxed(word, 1);
		return;
	}
	/* (V1) acquire: what the holder before us did. Pairs with unlock(). Retried while a sibling thread holds it. */
	for (int spins = 1; !shm_try_lock32(word); spins++)
		if (spins % SPINS_BEFORE_YIELD == 0)
			sched_yield();
}

static void unlock(struct shm_u32 *word)
{
	shm_store32_release(word, 0); /* (V1) */
}

void reservation_lock(struct segment_slot *private)
{
	lock(&private->lock);
}

void reservation_unlock(struct segment_slot *private)
{
	unlock(&private->lock);
}

static struct segment_slot *private_of(const struct ledger_entry *entry)
{
	return &entry->segment->private->slots[entry->slot];
}

/*
 * Under the slot's lock. Returns false where the ledger is full. Begins with the entry that was freed last: what is
 * reserved and finished in turn finds it at once, however full the ledger is.
 */
static bool find_free_entry(struct ledger_entry *entry)
{
	uint32_t capacity = entry->segment->layout.reservations;
	struct segment_slot *private = private_of(entry);

	entry->index = private->hint;
	for (uint32_t i = 0; private->held < capacity && i < capacity; i++) {
		if (ledger_held(entry) == 0) {
			private->hint = entry->index;
			return true;
		}
		entry->index = entry->index + 1 < capacity ? entry->index + 1 : 0;
	}
	return false;
}

/* Under the slot's lock: one holding less. The slot of an ended thread goes with its last one. */
static void entry_close(const struct ledger_entry *entry)
{
	struct segment_slot *private = private_of(entry);

	private->held--;
	private->hint = entry->index;
	if (private->is_orphan && private->held == 0) {
		private->is_orphan = false;
		worker_slot_free(&entry->segment->slots[entry->slot]);
	}
}

/*
 * Drop the memory shares of components that are gone, which nobody will state again. Under the memory lock. Returns
 * whether there were any.
 */
static bool drop_stale_shares(struct shmq_segment *segment)
{
	bool is_any = false;

	for (uint32_t i = 0; segment->private->memory != NULL && i < segment->layout.components; i++) {
		struct segment_holding *known = &segment->private->memory[i];
		struct ledger_entry entry = {segment, known->slot_number - 1, known->entry};

		if (known->slot_number == 0)
			continue;
		lock(&private_of(&entry)->lock);
		if (private_of(&entry)->uses != known->use || !ledger_is_alive(&entry)) {
			if (private_of(&entry)->uses == known->use) {
				ledger_forget(&entry, 0);
				entry_close(&entry);
			}
			unlock(&private_of(&entry)->lock);
			*known = (struct segment_holding){0};
			is_any = true;
			continue;
		}
		unlock(&private_of(&entry)->lock);
	}
	return is_any;
}

static bool make_room(struct shmq_segment *segment)
{
	bool is_any;

	lock(&segment->private->memory_lock);
	is_any = drop_stale_shares(segment);
	unlock(&segment->private->memory_lock);
	return is_any;
}

static int reserve_level(struct shmq_reservation *out, const struct reservation_context *context, int resource,
                         uint64_t amount, struct shmq_verdict *verdict)
{
	struct shmq_component *component = context->component;
	struct shmq_segment *segment = component->segment;
	struct ledger_entry entry = {segment, (uint32_t)(context->slot - segment->slots), 0};
	struct level_place place = tracker_level(segment, component->key.index, resource);
	struct tracker_receipt receipt;
	int result = -EAGAIN;

	lock(&private_of(&entry)->lock);
	if (find_free_entry(&entry)) {
		ledger_open(&entry, &place, component->key.genstate);
		result = tracker_take_level(&place, &context->limits, amount, &entry, amount, verdict, &receipt);
		private_of(&entry)->held += result == SHMQ_OK;
	}
	unlock(&private_of(&entry)->lock);
	out->slot = entry.slot;
	out->entry = entry.index;
	out->use = private_of(&entry)->uses;
	return result;
}

int reservation_reserve(struct shmq_reservation *out, const struct reservation_context *context, int resource,
                        uint64_t amount, struct shmq_verdict *verdict)
{
	struct shmq_component *component = context->component;
	struct shmq_segment *segment = component->segment;
	struct tracker_receipt receipt = {0};
	int result;

	*out = (struct shmq_reservation){.resource = resource, .amount = amount};
	if (tracker_is_rate(resource) || amount == 0)
		result =
		    tracker_take(segment, component->key.index, resource, &context->limits, amount, verdict, &receipt);
	else
		result = reserve_level(out, context, resource, amount, verdict);
	if (result == -EAGAIN && make_room(segment))
		result = reserve_level(out, context, resource, amount, verdict);
	if (result == SHMQ_OK) {
		out->component = component;
		out->life = segment->private->life;
		out->seq = receipt.seq;
	}
	return result;
}

/* Returns false where the slot's holdings were returned already: its thread ended where nothing could outlive it. */
static bool finish_level(const struct shmq_reservation *reservation, uint64_t actual, bool is_current)
{
	struct shmq_component *component = reservation->component;
	struct ledger_entry entry = {component->segment, reservation->slot, reservation->entry};
	struct level_place place = tracker_level(component->segment, component->key.index, reservation->resource);

	bool is_valid;

	lock(&private_of(&entry)->lock);
	is_valid = private_of(&entry)->uses == reservation->use;
	if (is_valid) {
		if (is_current && actual < reservation->amount)
			ledger_release(&entry, &place, reservation->amount - actual, 0);
		else
			ledger_forget(&entry, 0);
		entry_close(&entry);
	}
	unlock(&private_of(&entry)->lock);
	return is_valid;
}

int reservation_finish(struct shmq_reservation *reservation, uint64_t actual, bool is_current)
{
	struct shmq_component *component = reservation->component;
	struct shmq_segment *segment = component->segment;

	if (!tracker_is_rate(reservation->resource) && reservation->amount > 0)
		is_current = finish_level(reservation, actual, is_current) && is_current;
	else if (is_current && actual < reservation->amount)
		window_refund(tracker_rate(&segment->trackers[component->key.index], reservation->resource),
		              reservation->seq, reservation->amount - actual);
	reservation->component = NULL;
	return is_current ? 0 : -ESTALE;
}

int reservation_keep(struct shmq_reservation *reservation)
{
	const struct shmq_component *component = reservation->component;
	const struct shmq_segment *segment = component->segment;
	/* (D2) acquire: the state alone tells; nothing of the component is touched. */
	bool is_current = shm_load_acquire(&segment->entries[component->key.index].genstate) == component->key.genstate;

	return reservation_finish(reservation, reservation->amount, is_current);
}

/* ---- Both levels or none ---- */

/* Under the slot's lock, with a free entry: storage is held until memory is taken, which commits it. */
static int take_both(const struct level_place places[2], const struct tracker_limits limits[2],
                     const uint64_t amounts[SHMQ_RESOURCES], const struct ledger_entry *entry,
                     struct shmq_verdict *verdict)
{
	struct tracker_receipt receipt;
	int result;

	if (verdict != NULL) {
		verdict->resource = SHMQ_STORAGE;
		verdict->requested = amounts[SHMQ_STORAGE];
	}
	result = tracker_take_level(&places[0], &limits[0], amounts[SHMQ_STORAGE], entry, amounts[SHMQ_STORAGE],
	                            verdict, &receipt);
	if (result != SHMQ_OK)
		return result;
	if (verdict != NULL) {
		verdict->resource = SHMQ_MEMORY;
		verdict->requested = amounts[SHMQ_MEMORY];
	}
	result = tracker_take_level(&places[1], &limits[1], amounts[SHMQ_MEMORY], entry, 0, verdict, &receipt);
	if (result != SHMQ_OK)
		ledger_release(entry, &places[0], amounts[SHMQ_STORAGE], 0);
	return result;
}

int reservation_take_levels(const struct reservation_context *context, const struct shmq_shm_quota *quota,
                            const uint64_t amounts[SHMQ_RESOURCES], struct shmq_verdict *verdict)
{
	struct shmq_component *component = context->component;
	struct shmq_segment *segment = component->segment;
	struct ledger_entry entry = {segment, (uint32_t)(context->slot - segment->slots), 0};
	const struct level_place places[2] = {tracker_level(segment, component->key.index, SHMQ_STORAGE),
	                                      tracker_level(segment, component->key.index, SHMQ_MEMORY)};
	const struct tracker_limits limits[2] = {tracker_limits(quota, SHMQ_STORAGE),
	                                         tracker_limits(quota, SHMQ_MEMORY)};
	int result = -EAGAIN;

	lock(&private_of(&entry)->lock);
	if (find_free_entry(&entry)) {
		ledger_open(&entry, &places[0], component->key.genstate);
		result = take_both(places, limits, amounts, &entry, verdict);
	}
	unlock(&private_of(&entry)->lock);
	return result;
}

/* ---- A process's share of memory ---- */

/* Under the memory lock. Returns the word that says where the component's entry is, or NULL without memory. */
static struct segment_holding *memory_entry(struct shmq_segment *segment, uint32_t component)
{
	struct segment_holding **memory = &segment->private->memory;

	if (*memory == NULL)
		*memory = process_private_map(segment->layout.components * sizeof(**memory));
	return *memory == NULL ? NULL : &(*memory)[component];
}

/* Under the slot's lock. */
static int memory_change(const struct reservation_context *context, const struct ledger_entry *entry,
                         const struct level_place *place, uint64_t bytes, struct shmq_verdict *verdict)
{
	uint64_t held = ledger_held(entry);
	struct tracker_receipt receipt;
	int result = SHMQ_OK;

	if (verdict != NULL)
		verdict->requested = bytes > held ? bytes - held : 0;
	if (bytes > held)
		result = tracker_take_level(place, &context->limits, bytes - held, entry, bytes, verdict, &receipt);
	else if (bytes < held)
		ledger_release(entry, place, held - bytes, bytes);
	if (bytes <= held && verdict != NULL)
		tracker_judge(verdict, &context->limits, level_read(level_at(place)), 0);
	if (held == 0 && ledger_held(entry) > 0)
		private_of(entry)->held++;
	else if (held > 0 && ledger_held(entry) == 0)
		entry_close(entry);
	return result;
}

/* Find the entry that `known` names, if it is of this registration; one of an earlier registration is dropped. */
static bool memory_is_known(struct segment_holding *known, const struct level_place *place, uint64_t genstate,
                            struct ledger_entry *entry)
{
	struct segment_slot *private;
	bool is_known;

	if (known->slot_number == 0)
		return false;
	*entry = (struct ledger_entry){place->segment, known->slot_number - 1, known->entry};
	private = private_of(entry);
	lock(&private->lock);
	is_known = private->uses == known->use && ledger_is_of(entry, place, genstate);
	if (!is_known) {
		if (private->uses == known->use) {
			ledger_forget(entry, 0);
			entry_close(entry);
		}
		*known = (struct segment_holding){0};
	}
	unlock(&private->lock);
	return is_known;
}

/* Under the memory lock. */
static int set_memory(const struct reservation_context *context, struct segment_holding *known, uint64_t bytes,
                      struct shmq_verdict *verdict)
{
	struct shmq_component *component = context->component;
	struct shmq_segment *segment = component->segment;
	struct level_place place = tracker_level(segment, component->key.index, SHMQ_MEMORY);
	struct ledger_entry entry;
	bool is_known = memory_is_known(known, &place, component->key.genstate, &entry);
	int result = 0;

	if (!is_known)
		entry = (struct ledger_entry){segment, (uint32_t)(context->slot - segment->slots), 0};
	lock(&private_of(&entry)->lock);
	if (!is_known) {
		result = find_free_entry(&entry) ? 0 : -EAGAIN;
		if (result == 0)
			ledger_open(&entry, &place, component->key.genstate);
	}
	if (result == 0) {
		result = memory_change(context, &entry, &place, bytes, verdict);
		*known = (struct segment_holding){0};
		if (ledger_held(&entry) > 0)
			*known = (struct segment_holding){entry.slot + 1, entry.index, private_of(&entry)->uses};
	}
	unlock(&private_of(&entry)->lock);
	return result;
}

int reservation_set_memory(const struct reservation_context *context, uint64_t bytes, struct shmq_verdict *verdict)
{
	struct shmq_segment *segment = context->component->segment;
	struct segment_holding *known;
	int result;

	lock(&segment->private->memory_lock);
	known = memory_entry(segment, context->component->key.index);
	result = known == NULL ? -ENOMEM : set_memory(context, known, bytes, verdict);
	if (result == -EAGAIN && drop_stale_shares(segment))
		result = set_memory(context, known, bytes, verdict);
	unlock(&segment->private->memory_lock);
	return result;
}
