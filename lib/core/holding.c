/* SPDX-License-Identifier: MIT */
/*
 * Which steps, and what the entry says after each; the ledger itself knows how to survive.
 */
#include "core/holding.h"

#include "core/worker.h"

#include <sched.h>
#include <sys/single_threaded.h>

#define SPINS_BEFORE_YIELD 1000

void holding_lock_word(struct shm_u32 *word)
{
	/* Nobody else can be there, and these calls are not for signal handlers: no locked instruction is needed. */
	if (__libc_single_threaded && shm_load32_relaxed(word) == 0) {
		shm_store32_relaxed(word, 1);
		return;
	}
	/* (V1) acquire: what the holder before us did. Pairs with holding_unlock_word(). Retried while a sibling has it. */
	for (int spins = 1; !shm_try_lock32(word); spins++)
		if (spins % SPINS_BEFORE_YIELD == 0)
			sched_yield();
}

void holding_unlock_word(struct shm_u32 *word)
{
	shm_store32_release(word, 0); /* (V1) */
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

void holding_close(const struct ledger_entry *entry)
{
	struct segment_slot *private = holding_private(entry);

	private->held--;
	private->hint = entry->index;
	if (private->is_orphan && private->held == 0) {
		private->is_orphan = false;
		worker_slot_free(&entry->segment->slots[entry->slot]);
	}
}

/* What the entry holds when the first `taken` steps are done. */
static uint64_t after_steps(const struct holding_steps *steps, unsigned taken)
{
	unsigned plain = steps->count - steps->others;
	struct ledger_share share = {
	    .last = taken, .others = taken > plain ? taken - plain : 0, .amount = steps->step[0].amount};

	return ledger_pack(&share);
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
 * Look first: a refusal by a group leaves even the figures of the others alone, unless somebody is quicker. The
 * component's own rank is looked at only then, since the nearest one that refuses is the one to name.
 */
static unsigned first_refusal(struct holding_steps *steps)
{
	for (unsigned i = 1; i < steps->count; i++)
		if (step_refuses(&steps->step[i]))
			return step_refuses(&steps->step[0]) ? 0 : i;
	return steps->count;
}

unsigned holding_take(const struct ledger_entry *entry, struct holding_steps *steps, bool is_kept)
{
	unsigned refused = first_refusal(steps);
	unsigned taken = 0;

	if (refused < steps->count)
		return refused;

	if (steps->others > 0)
		ledger_set_rest(entry, steps->step[steps->count - 1].amount);
	while (taken < steps->count) {
		bool is_last = taken + 1 == steps->count;

		if (!take_step(entry, &steps->step[taken], is_last && !is_kept ? 0 : after_steps(steps, taken + 1)))
			break;
		taken++;
	}
	for (unsigned i = taken; taken < steps->count && i > 0; i--)
		ledger_release(entry, &steps->step[i - 1].place, steps->step[i - 1].amount, 0,
		               after_steps(steps, i - 1));
	return taken;
}

void holding_give_back(const struct ledger_entry *entry)
{
	struct ledger_share share = ledger_unpack(ledger_held(entry));
	uint64_t rest = shm_load_relaxed(&ledger_holding(entry)->rest); /* relaxed: ours, or acquired with the slot */

	while (share.first < share.last) {
		uint64_t amount = ledger_share_at(&share, share.first, rest);
		struct level_place place;
		bool is_there = ledger_place(entry, share.first, &place);

		share.first++;
		if (share.others > share.last - share.first)
			share.others = share.last - share.first;
		if (is_there && amount > 0)
			ledger_release(entry, &place, amount, 0, ledger_pack(&share));
		else
			ledger_forget(entry, ledger_pack(&share));
	}
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
	if (ledger_place(entry, 0, &place))
		ledger_release(entry, &place, share.amount, 0, ledger_pack(&share));
	else
		ledger_forget(entry, ledger_pack(&share));
	holding_give_back(entry);
}

/* The word of an entry of which `changed` ranks hold `amount` already, and the others what they held before. */
static uint64_t while_changing(unsigned ranks, unsigned changed, uint64_t amount)
{
	return ledger_pack(&(struct ledger_share){.last = ranks, .others = ranks - changed, .amount = amount});
}

unsigned holding_grow(const struct ledger_entry *entry, struct holding_steps *steps)
{
	uint64_t before = ledger_unpack(ledger_held(entry)).amount;
	uint64_t after = before + steps->step[0].amount;
	unsigned taken = 0;

	ledger_set_rest(entry, before);
	while (taken < steps->count &&
	       take_step(entry, &steps->step[taken], while_changing(steps->count, taken + 1, after)))
		taken++;
	if (taken == steps->count)
		return taken;
	for (unsigned i = taken; i > 0; i--)
		ledger_release(entry, &steps->step[i - 1].place, steps->step[i - 1].amount, 0,
		               while_changing(steps->count, i - 1, after));
	if (taken > 0)
		ledger_forget(entry, while_changing(steps->count, steps->count, before));
	return taken;
}

void holding_shrink(const struct ledger_entry *entry, uint64_t amount)
{
	uint64_t before = ledger_unpack(ledger_held(entry)).amount;
	unsigned ranks = ledger_ranks(entry);

	ledger_set_rest(entry, before);
	for (unsigned i = 0; i < ranks; i++) {
		uint64_t after = while_changing(ranks, i + 1, before - amount);
		struct level_place place;

		if (ledger_place(entry, i, &place))
			ledger_release(entry, &place, amount, 0, after);
		else
			ledger_forget(entry, after);
	}
}

uint64_t holding_release(const struct ledger_entry *entry, uint64_t amount)
{
	struct ledger_share share = {.first = 1, .last = ledger_ranks(entry)};
	struct level_place place;
	uint64_t released = 0;

	if (!ledger_place(entry, 0, &place))
		return 0;
	/* The groups must get back just what the component does: what that is stands in the entry before it happens. */
	do {
		uint64_t used = level_read(level_at(&place));

		share.amount = amount < used ? amount : used;
		if (share.amount > 0)
			released = ledger_release(entry, &place, share.amount, share.amount, ledger_pack(&share));
		/* Retried only when somebody else released. */
	} while (released != share.amount);
	holding_give_back(entry);
	return released;
}

void holding_drop(const struct ledger_entry *entry)
{
	struct ledger_share share = {.first = 1, .last = ledger_ranks(entry)};
	struct level_place place;
	uint64_t out, used, held;

	if (!ledger_place(entry, 0, &place))
		return;
	do {
		/* The level before the ledgers: what is taken in between stays. */
		out = shm_load_seq_cst(&level_at(&place)->out);                        /* (L1) */
		used = level_difference(shm_load_seq_cst(&level_at(&place)->in), out); /* (L2) */
		held = ledger_sum(&place);
		share.amount = used > held ? used - held : 0;
		/* Retried only when somebody released. */
	} while (share.amount > 0 && !ledger_drop(entry, &place, out, share.amount, ledger_pack(&share)));
	holding_give_back(entry);
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
