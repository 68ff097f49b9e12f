/* SPDX-License-Identifier: MIT */
/*
 * Which steps, and what the entry says after each; the ledger itself knows how to survive.
 */
#include "core/holding.h"

#include "core/worker.h"

#include <sched.h>

#define SPINS_BEFORE_YIELD 1000

void holding_await_word(struct shm_u32 *word)
{
	/* (V1) acquire: what the holder before us did. Pairs with holding_unlock_word(). Retried while a sibling has it. */
	for (int spins = 1; !shm_try_lock32(word); spins++)
		if (spins % SPINS_BEFORE_YIELD == 0)
			sched_yield();
}

bool holding_find_entry(struct ledger_entry *entry, bool is_kept)
{
	uint32_t capacity = entry->segment->layout.entries;
	struct segment_slot *private = holding_private(entry);

	entry->index = private->hint;
	if (is_kept && private->held + 1 >= capacity)
		return false;
	for (uint32_t i = 0; i < capacity; i++) {
		if (ledger_held(entry) == 0) {
			private->hint = entry->index;
			return true;
		}
		entry->index = entry->index + 1 < capacity ? entry->index + 1 : 0;
	}
	return false;
}

void holding_free_orphan(const struct ledger_entry *entry)
{
	struct segment_slot *private = holding_private(entry);

	if (private->held > 0)
		return;
	private->is_orphan = false;
	worker_slot_free(&entry->segment->slots[entry->slot]);
}

/* What the entry holds when the steps from `first` on are done. */
static uint64_t from_step(const struct holding_steps *steps, unsigned first)
{
	return ledger_pack(&(struct ledger_share){
	    .first = first, .last = steps->count, .others = steps->others, .amount = steps->step[0].amount});
}

static bool take_step(const struct ledger_entry *entry, struct holding_step *step, uint64_t after)
{
	step->is_beyond = false;
	if (ledger_take(entry, &step->place, step->amount, after, step->ceiling, &step->used))
		return true;
	if (!step->is_soft || step->ceiling >= LEVEL_CEILING)
		return false;
	step->is_beyond = true;
	return ledger_take(entry, &step->place, step->amount, after, LEVEL_CEILING, &step->used);
}

static bool step_refuses(struct holding_step *step)
{
	step->used = level_read(level_at(&step->place));
	return !step->is_soft && (step->used > step->ceiling || step->amount > step->ceiling - step->used);
}

/*
 * Look first: a refusal leaves even the figures of the others alone, unless somebody is quicker. The nearest rank that
 * refuses is the one to name. One rank alone need not be looked at: taking it is all or nothing.
 */
static unsigned first_refusal(struct holding_steps *steps)
{
	for (unsigned i = 0; i < steps->count && steps->count > 1; i++)
		if (step_refuses(&steps->step[i]))
			return i;
	return steps->count;
}

unsigned holding_take(const struct ledger_entry *entry, struct holding_steps *steps, bool is_kept)
{
	unsigned refused = first_refusal(steps);

	if (refused < steps->count)
		return refused;

	if (steps->others > 0)
		ledger_set_rest(entry, steps->step[steps->count - 1].amount);
	for (unsigned i = steps->count; i > 0; i--) {
		uint64_t after = i == 1 && !is_kept ? 0 : from_step(steps, i - 1);

		if (!take_step(entry, &steps->step[i - 1], after)) {
			holding_give_back(entry);
			return i - 1;
		}
	}
	return steps->count;
}

/* Of a registration that is gone there is nothing to be given back to. */
static void give_back_rank(const struct ledger_entry *entry, unsigned rank, uint64_t amount,
                           const struct ledger_share *after)
{
	struct level_place place;

	if (ledger_place(entry, rank, &place) && amount > 0)
		ledger_release(entry, &place, amount, 0, ledger_pack(after));
	else
		ledger_forget(entry, ledger_pack(after));
}

/* At most `amount`: less where somebody released what was not his. */
static uint64_t what_is_there(const struct level_place *place, uint64_t amount)
{
	uint64_t used = level_read(level_at(place));

	return amount < used ? amount : used;
}

/*
 * Give back at most `amount` at the component's own rank, and say, in the moment in which that lands, that its groups get
 * back just as much. Returns how much that was.
 * `after` is what the entry then holds, but for that amount, at the ranks of this level up to `end`.
 */
static uint64_t give_back_own(const struct ledger_entry *entry, const struct level_place *place, uint64_t amount,
                              struct ledger_share after, unsigned end)
{
	while (amount > 0) {
		after.amount = amount;
		if (ledger_release(entry, place, amount, amount, ledger_pack(&after)) == amount)
			return amount;
		/* Retried only when somebody released, or had before. */
		amount = what_is_there(place, amount);
	}
	after.first = end;
	ledger_forget(entry, ledger_pack(&after));
	return 0;
}

/* Bring ranks that differ to the same amount: the outer ones have more, or as little. */
static void even_out(const struct ledger_entry *entry, struct ledger_share *share)
{
	uint64_t rest = shm_load_relaxed(&ledger_holding(entry)->rest); /* relaxed: ours, or acquired with the slot */

	/* Damaged otherwise: rather too little than too much. */
	share->others = share->others < share->last ? share->others : share->last;
	share->amount = share->amount < rest ? share->amount : rest;
	while (share->others > 0) {
		unsigned rank = share->last - share->others--;

		give_back_rank(entry, rank, rest - share->amount, share);
	}
}

/* The rank at which a share begins, and then that it begins at the next. */
static void give_back_first(const struct ledger_entry *entry, struct ledger_share *share)
{
	uint64_t rest = shm_load_relaxed(&ledger_holding(entry)->rest); /* relaxed: as above */
	uint64_t amount = ledger_share_at(share, share->first, rest);
	unsigned rank = share->first++, chain = share->last > 1 ? ledger_chain(entry) : 1;
	struct level_place place;

	if (chain == 1 || rank % chain != 0 || !ledger_place(entry, rank, &place)) {
		give_back_rank(entry, rank, amount, share);
		return;
	}
	if (rank > 0)
		share->others = 0; /* of storage nothing is left */
	share->amount = give_back_own(entry, &place, amount, *share, rank + chain);
	if (share->amount == 0)
		share->first = rank + chain;
}

void holding_give_back(const struct ledger_entry *entry)
{
	struct ledger_share share = ledger_unpack(ledger_held(entry));

	/* Where storage and memory are held together, the ranks of memory are no further ones of the same level. */
	if (share.others > 0 && ledger_ranks(entry) == ledger_chain(entry))
		even_out(entry, &share);
	while (share.first < share.last)
		give_back_first(entry, &share);
}

void holding_finish(const struct ledger_entry *entry, uint64_t actual)
{
	struct ledger_share share = ledger_unpack(ledger_held(entry));
	struct level_place place;

	if (actual >= share.amount) {
		ledger_forget(entry, 0);
		return;
	}
	/* From the moment in which the first rank gets its rest back, `actual` is permanent at all of them. */
	share.first = 1;
	share.amount -= actual;
	if (share.last == 1) {
		give_back_rank(entry, 0, share.amount, &share);
		return;
	}
	if (ledger_place(entry, 0, &place))
		give_back_own(entry, &place, share.amount, share, share.last);
	else
		ledger_forget(entry, ledger_pack(&share));
	holding_give_back(entry);
}

/* The word of an entry of `ranks` that hold `amount`, of which the last `others` hold what its rest says. */
static uint64_t of_ranks(unsigned ranks, unsigned others, uint64_t amount)
{
	return ledger_pack(&(struct ledger_share){.last = ranks, .others = others, .amount = amount});
}

/* A share that was changing, as far as it has not changed everywhere. */
static void settle_ranks(const struct ledger_entry *entry)
{
	struct ledger_share share = ledger_unpack(ledger_held(entry));

	even_out(entry, &share);
}

unsigned holding_grow(const struct ledger_entry *entry, struct holding_steps *steps)
{
	uint64_t before = ledger_unpack(ledger_held(entry)).amount;
	uint64_t after = before + steps->step[0].amount;
	unsigned refused = first_refusal(steps);

	if (refused < steps->count)
		return refused;

	ledger_set_rest(entry, after);
	for (unsigned i = steps->count; i > 0; i--) {
		bool is_last = i == 1;
		uint64_t word = of_ranks(steps->count, is_last ? 0 : steps->count - i + 1, is_last ? after : before);

		if (!take_step(entry, &steps->step[i - 1], word)) {
			settle_ranks(entry);
			return i - 1;
		}
	}
	return steps->count;
}

void holding_shrink(const struct ledger_entry *entry, uint64_t amount)
{
	uint64_t left = ledger_unpack(ledger_held(entry)).amount - amount;
	unsigned ranks = ledger_ranks(entry);
	uint64_t after = of_ranks(ranks, ranks - 1, left);
	struct level_place place;
	bool is_there;

	if (ranks == 1) {
		give_back_rank(entry, 0, amount, &(struct ledger_share){.last = 1, .amount = left});
		return;
	}
	is_there = ledger_place(entry, 0, &place);

	/* As give_back_own(); the groups have what the component then has, and that much more. */
	for (;;) {
		ledger_set_rest(entry, left + amount);
		if (!is_there || amount == 0) {
			ledger_forget(entry, after);
			break;
		}
		if (ledger_release(entry, &place, amount, amount, after) == amount)
			break;
		amount = what_is_there(&place, amount);
	}
	settle_ranks(entry);
}

uint64_t holding_release(const struct ledger_entry *entry, uint64_t amount)
{
	struct ledger_share share = {.first = 1, .last = ledger_ranks(entry)};
	struct level_place place;
	uint64_t released;

	if (!ledger_place(entry, 0, &place))
		return 0;
	released = give_back_own(entry, &place, what_is_there(&place, amount), share, share.last);
	holding_give_back(entry);
	return released;
}

bool holding_drop(const struct ledger_entry *entry)
{
	struct ledger_share share = {.first = 1, .last = ledger_ranks(entry)};
	struct level_place place;
	uint64_t out, used, held;
	bool is_certain;

	if (!ledger_place(entry, 0, &place))
		return true;
	do {
		/* The level before the ledgers: what is taken in between stays. */
		out = shm_load_seq_cst(&level_at(&place)->out);                        /* (L1) */
		used = level_difference(shm_load_seq_cst(&level_at(&place)->in), out); /* (L2) */
		held = ledger_sum_certain(&place, &is_certain);
		share.amount = used > held ? used - held : 0;
		/* Retried only when somebody released. */
	} while (share.amount > 0 ? !ledger_drop(entry, &place, out, share.amount, ledger_pack(&share))
	                          : shm_load_seq_cst(&level_at(&place)->out) != out);
	holding_give_back(entry);
	return is_certain && used >= held;
}

uint32_t holding_recover(const struct shmq_segment *segment, uint32_t slot)
{
	uint32_t returned = 0;

	ledger_recover(segment, slot);
	for (uint32_t i = 0; i < segment->layout.entries; i++) {
		struct ledger_entry entry = {segment, slot, i};

		if (ledger_held(&entry) > 0) {
			holding_give_back(&entry);
			returned++;
		}
	}
	return returned;
}
