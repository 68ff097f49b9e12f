/* SPDX-License-Identifier: MIT */
/*
 * Which ledger entry, and under which lock; the ledger itself knows how to survive.
 */
#include "core/reservation.h"

#include "base/process.h"
#include "base/wide.h"
#include "core/plain.h"

#include <errno.h>

/*
 * Give back what an entry holds of a component that is gone. Its groups must not change under our hands: outside of a
 * section of our own that of an ended thread's slot will do, which nobody else uses.
 */
static bool give_back_stale(const struct ledger_entry *entry, bool is_in_section)
{
	struct shmq_shm_slot *slot = &entry->segment->slots[entry->slot];

	if (is_in_section) {
		holding_give_back(entry);
	} else if (ledger_ranks(entry) == 1) {
		ledger_forget(entry, 0);
	} else if (holding_private(entry)->is_orphan) {
		rcu_read_lock(slot, &entry->segment->policy->control.epoch, false);
		holding_give_back(entry);
		rcu_read_unlock(slot);
	} else {
		return false;
	}
	holding_close(entry);
	return true;
}

/* Under the memory lock. Returns whether the entry was dropped: its component is gone, or it is not ours any more. */
static bool drop_stale_share(const struct ledger_entry *entry, uint32_t use, bool is_in_section)
{
	struct segment_slot *private = holding_private(entry);
	bool is_dropped;

	holding_lock(private);
	is_dropped = private->uses != use;
	if (!is_dropped && !ledger_is_alive(entry))
		is_dropped = give_back_stale(entry, is_in_section);
	holding_unlock(private);
	return is_dropped;
}

static void make_room(struct shmq_segment *segment, bool is_in_section)
{
	holding_lock_word(&segment->private->memory_lock);
	for (uint32_t i = 0; segment->private->memory != NULL && i < segment->layout.components; i++) {
		struct segment_holding *known = &segment->private->memory[i];
		struct ledger_entry entry = {segment, known->slot_number - 1, known->entry};

		if (known->slot_number != 0 && drop_stale_share(&entry, known->use, is_in_section))
			*known = (struct segment_holding){0};
	}
	holding_unlock_word(&segment->private->memory_lock);
}

void reservation_make_room(struct shmq_segment *segment)
{
	const struct worker_attachment *attachment = &worker_self->attachment[segment->ordinal];

	if (attachment->serial != segment->serial) {
		make_room(segment, false);
		return;
	}
	rcu_read_lock(attachment->slot, &segment->policy->control.epoch, segment->has_membarrier);
	make_room(segment, true);
	rcu_read_unlock(attachment->slot);
}

/* Take what the steps say, and hold it in an entry of the calling thread's ledger. */
static int hold(const struct charge *charge, const struct group_chain *chain, unsigned levels,
                struct holding_steps *steps, struct ledger_entry *entry, struct shmq_verdict *verdict)
{
	unsigned admitted;

	holding_lock(holding_private(entry));
	if (!holding_find_entry(entry, true)) {
		holding_unlock(holding_private(entry));
		return -EAGAIN;
	}
	ledger_open(entry, chain, levels, charge->component->key.genstate);
	admitted = holding_take(entry, steps, true);
	holding_private(entry)->held += admitted == steps->count;
	holding_unlock(holding_private(entry));
	return charge_conclude(charge, steps, admitted, verdict);
}

static int reserve_ranks(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                         struct ledger_entry *entry, struct shmq_verdict *verdict)
{
	struct holding_steps steps;

	holding_begin(&steps);
	charge_add_steps(charge, chain, resource, amount, &steps);
	return hold(charge, chain, ledger_levels(resource), &steps, entry, verdict);
}

static int reserve_level(struct shmq_reservation *out, const struct charge *charge, int resource, uint64_t amount,
                         struct shmq_verdict *verdict)
{
	const struct shmq_segment *segment = charge->component->segment;
	struct ledger_entry entry = {segment, (uint32_t)(charge->slot - segment->slots), 0};
	struct group_chain chain;
	int result;

	group_chain_of(segment, charge->quotas, charge->component->key.index, &chain);
	out->ranks = chain.count;
	result = reserve_ranks(charge, &chain, resource, amount, &entry, verdict);
	out->slot = entry.slot;
	out->entry = entry.index;
	out->use = holding_private(&entry)->uses;
	return result;
}

/* What a reservation of a rate must remember to be taken back; of its groups, too. */
static void remember(struct shmq_reservation *out, const struct charge_receipt *receipt)
{
	const struct shmq_segment *segment = out->component->segment;

	out->ranks = receipt->count;
	out->taken_ns = receipt->count > 0 ? receipt->rank[0].taken_ns : 0;
	for (unsigned i = 0; i < receipt->count; i++) {
		/* Of several buckets the earliest time: it gives back the least. */
		if (receipt->rank[i].cost_ns > 0 && (out->taken_ns == 0 || receipt->rank[i].taken_ns < out->taken_ns))
			out->taken_ns = receipt->rank[i].taken_ns;
		out->cost_ns[i] = receipt->rank[i].cost_ns;
		out->seq[i] = receipt->rank[i].seq;
		if (i > 0)
			out->group[i - 1] = group_registration(segment, receipt->component[i]);
	}
}

int reservation_reserve_plain(struct shmq_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                              struct shmq_verdict *verdict)
{
	struct shmq_segment *segment = c->segment;
	struct level_place place = tracker_level(segment, c->key.index, resource);
	struct charge_bounds bounds;
	struct segment_slot *private;
	struct ledger_entry entry;
	struct plain plain;
	uint64_t used;
	bool is_taken;

	if (!plain_begin(&plain, c))
		return RESERVATION_OTHERWISE;
	bounds = charge_bounds(plain.quota, resource);
	entry = (struct ledger_entry){segment, (uint32_t)(plain.slot - segment->slots), 0};
	private = holding_private(&entry);
	holding_lock(private);
	if (__builtin_expect(!bounds.is_plain, 0) ||
	    __builtin_expect(mode_enforcement(bounds.mode) != SHMQ_ENFORCE_DENY, 0) ||
	    __builtin_expect(!holding_find_entry(&entry, true), 0)) {
		holding_unlock(private);
		rcu_end(plain.slot);
		return RESERVATION_OTHERWISE;
	}
	ledger_open_alone(&entry, c->key.index, ledger_levels(resource), c->key.genstate);
	/* Of one rank the word of a share is the amount. */
	is_taken = ledger_take(&entry, &place, amount, amount, bounds.ceiling, &used);
	private->held += is_taken;
	holding_unlock(private);
	if (__builtin_expect(!is_taken, 0))
		return plain_refused(c, resource, amount, verdict, plain.quota, used, 0, 0);
	/* The rest is written where it is used. */
	out->component = c;
	out->resource = resource;
	out->amount = amount;
	out->ranks = 1;
	out->slot = entry.slot;
	out->entry = entry.index;
	out->use = private->uses;
	out->life = segment->private->life;
	return plain_finish(&plain, c, resource, amount, used, verdict);
}

int reservation_reserve(struct shmq_reservation *out, const struct charge *charge, int resource, uint64_t amount,
                        struct shmq_verdict *verdict)
{
	struct shmq_segment *segment = charge->component->segment;
	bool is_held = !tracker_is_rate(resource) && amount > 0;
	struct charge_receipt receipt;
	int result;

	receipt.count = 0; /* the rest is written where it is used; zeroing all of it would take longer than a take */
	out->component = NULL;
	out->resource = resource;
	out->amount = amount;
	if (is_held && charge_is_frozen(charge))
		return charge_take(charge, resource, amount, false, verdict, &receipt);
	if (is_held)
		result = reserve_level(out, charge, resource, amount, verdict);
	else
		result = charge_take(charge, resource, amount, false, verdict, &receipt);
	if (result == -EAGAIN && is_held) {
		make_room(segment, true);
		result = reserve_level(out, charge, resource, amount, verdict);
	}
	if (result != SHMQ_OK && result != SHMQ_WOULD_DENY)
		return result;
	out->component = charge->component;
	out->life = segment->private->life;
	if (!is_held)
		remember(out, &receipt);
	return result;
}

/* Returns false where the slot's holdings were returned already: its thread ended where nothing could outlive it. */
static bool finish_level(const struct shmq_reservation *reservation, uint64_t actual, bool is_current)
{
	struct shmq_component *component = reservation->component;
	struct ledger_entry entry = {component->segment, reservation->slot, reservation->entry};
	bool is_valid;

	holding_lock(holding_private(&entry));
	is_valid = holding_private(&entry)->uses == reservation->use;
	if (is_valid) {
		if (is_current && actual == reservation->amount)
			ledger_forget(&entry, 0); /* all of it is used, at all ranks */
		else
			holding_finish(&entry, is_current ? actual : 0); /* of a component that is gone nothing is */
		holding_close(&entry);
	}
	holding_unlock(holding_private(&entry));
	return is_valid;
}

bool reservation_is_simple(const struct shmq_reservation *reservation)
{
	const struct shmq_component *component = reservation->component;

	/* (D2) acquire: the state alone tells; nothing of the component is touched. */
	return (reservation->ranks <= 1 || tracker_is_rate(reservation->resource)) &&
	       reservation->life == component->segment->private->life &&
	       shm_load_acquire(&component->segment->entries[component->key.index].genstate) == component->key.genstate;
}

/* What a part of an amount cost, rounded down. */
static uint64_t part_of(uint64_t cost_ns, uint64_t amount, uint64_t whole)
{
	return (uint64_t)((uint128)cost_ns * amount / (whole > 0 ? whole : 1));
}

/* Give `amount` of a rate back to all ranks that are still there. */
static void refund(const struct shmq_reservation *reservation, uint64_t amount)
{
	const struct shmq_segment *segment = reservation->component->segment;
	struct charge_receipt receipt;

	receipt.count = 0;
	for (unsigned i = 0; i < reservation->ranks && i <= LAYOUT_ANCESTORS; i++) {
		uint32_t component = reservation->component->key.index;

		if (i > 0 && !group_find_registration(segment, reservation->group[i - 1], &component))
			continue;
		receipt.component[receipt.count] = component;
		receipt.rank[receipt.count++] =
		    (struct tracker_receipt){.taken_ns = reservation->taken_ns,
		                             .cost_ns = part_of(reservation->cost_ns[i], amount, reservation->amount),
		                             .seq = reservation->seq[i]};
	}
	charge_give_back(segment, reservation->resource, amount, &receipt);
}

int reservation_finish(struct shmq_reservation *reservation, uint64_t actual, bool is_current)
{
	if (!tracker_is_rate(reservation->resource) && reservation->amount > 0)
		is_current = finish_level(reservation, actual, is_current) && is_current;
	else if (is_current && actual < reservation->amount)
		refund(reservation, reservation->amount - actual);
	reservation->component = NULL;
	return is_current ? 0 : -ESTALE;
}

int reservation_take_levels(const struct charge *charge, const uint64_t amounts[SHMQ_RESOURCES],
                            struct shmq_verdict *verdict)
{
	const struct shmq_segment *segment = charge->component->segment;
	struct ledger_entry entry = {segment, (uint32_t)(charge->slot - segment->slots), 0};
	struct holding_steps steps;
	struct group_chain chain;
	unsigned admitted = 0;

	group_chain_of(segment, charge->quotas, charge->component->key.index, &chain);
	holding_begin(&steps);
	charge_add_steps(charge, &chain, SHMQ_STORAGE, amounts[SHMQ_STORAGE], &steps);
	charge_add_steps(charge, &chain, SHMQ_MEMORY, amounts[SHMQ_MEMORY], &steps);
	steps.others = chain.count;
	holding_lock(holding_private(&entry));
	if (holding_find_entry(&entry, false)) {
		ledger_open(&entry, &chain, LEDGER_BOTH, charge->component->key.genstate);
		admitted = holding_take(&entry, &steps, false);
	}
	holding_unlock(holding_private(&entry));
	return charge_conclude(charge, &steps, admitted, verdict);
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

/* Under the slot's lock. `entry` holds the share so far, or is free and opened for it. */
static int memory_change(const struct charge *charge, const struct ledger_entry *entry, uint64_t bytes,
                         struct shmq_verdict *verdict)
{
	uint64_t held = ledger_unpack(ledger_held(entry)).amount;
	struct tracker_limits limits = tracker_limits(charge_quota(charge), SHMQ_MEMORY);
	struct holding_steps steps;
	struct group_chain chain;
	unsigned admitted;

	/* On its way to another group, of which the entry would know nothing: refused and counted. */
	if (bytes > held && charge_is_frozen(charge)) {
		struct charge_receipt none;

		return charge_take(charge, SHMQ_MEMORY, bytes - held, false, verdict, &none);
	}
	if (bytes > held) {
		group_chain_of(charge->component->segment, charge->quotas, charge->component->key.index, &chain);
		holding_begin(&steps);
		charge_add_steps(charge, &chain, SHMQ_MEMORY, bytes - held, &steps);
		admitted = held == 0 ? holding_take(entry, &steps, true) : holding_grow(entry, &steps);
		return charge_conclude(charge, &steps, admitted, verdict);
	}
	if (bytes < held)
		holding_shrink(entry, held - bytes);
	if (verdict != NULL) {
		struct level_place place =
		    tracker_level(charge->component->segment, charge->component->key.index, SHMQ_MEMORY);

		verdict->requested = 0;
		tracker_judge(verdict, &limits, level_read(level_at(&place)), 0);
	}
	return SHMQ_OK;
}

/* Find the entry that `known` names, if it is of this registration; one of an earlier registration is dropped. */
static bool memory_is_known(struct segment_holding *known, const struct shmq_component *component,
                            struct ledger_entry *entry)
{
	struct segment_slot *private;
	bool is_known;

	if (known->slot_number == 0)
		return false;
	*entry = (struct ledger_entry){component->segment, known->slot_number - 1, known->entry};
	private = holding_private(entry);
	holding_lock(private);
	is_known = private->uses == known->use &&
	           ledger_is_of(entry, component->key.index, LEDGER_MEMORY, component->key.genstate);
	if (!is_known) {
		if (private->uses == known->use) {
			holding_give_back(entry);
			holding_close(entry);
		}
		*known = (struct segment_holding){0};
	}
	holding_unlock(private);
	return is_known;
}

/* Under the memory lock. */
static int set_memory(const struct charge *charge, struct segment_holding *known, uint64_t bytes,
                      struct shmq_verdict *verdict)
{
	struct shmq_component *component = charge->component;
	struct shmq_segment *segment = component->segment;
	struct ledger_entry entry;
	struct group_chain chain;
	bool is_known = memory_is_known(known, component, &entry);
	int result = 0;

	if (!is_known)
		entry = (struct ledger_entry){segment, (uint32_t)(charge->slot - segment->slots), 0};
	holding_lock(holding_private(&entry));
	if (!is_known) {
		group_chain_of(segment, charge->quotas, component->key.index, &chain);
		result = holding_find_entry(&entry, true) ? 0 : -EAGAIN;
		if (result == 0)
			ledger_open(&entry, &chain, LEDGER_MEMORY, component->key.genstate);
	}
	if (result == 0) {
		result = memory_change(charge, &entry, bytes, verdict);
		*known = (struct segment_holding){0};
		if (ledger_held(&entry) > 0) {
			*known = (struct segment_holding){entry.slot + 1, entry.index, holding_private(&entry)->uses};
			holding_private(&entry)->held += !is_known;
		} else if (is_known) {
			holding_close(&entry);
		}
	}
	holding_unlock(holding_private(&entry));
	return result;
}

static int set_memory_once(const struct charge *charge, uint64_t bytes, struct shmq_verdict *verdict)
{
	struct shmq_segment *segment = charge->component->segment;
	struct segment_holding *known;
	int result;

	holding_lock_word(&segment->private->memory_lock);
	known = memory_entry(segment, charge->component->key.index);
	result = known == NULL ? -ENOMEM : set_memory(charge, known, bytes, verdict);
	holding_unlock_word(&segment->private->memory_lock);
	return result;
}

int reservation_set_memory(const struct charge *charge, uint64_t bytes, struct shmq_verdict *verdict)
{
	int result = set_memory_once(charge, bytes, verdict);

	if (result != -EAGAIN)
		return result;
	make_room(charge->component->segment, true);
	return set_memory_once(charge, bytes, verdict);
}
