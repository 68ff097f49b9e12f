/* SPDX-License-Identifier: MIT */
/*
 * The invariants of what workers write: slots, leases, holdings, trackers, and between them: a level holds at least what the
 * ledgers say of it.
 *
 * The last one is about many places at once. A level's two words are monotonic, so when they are the same before and
 * after all ledgers were added up, nothing was taken or released meanwhile, and the sum is of one moment. Where an
 * operation is under way, or was when its worker died, the smaller of what the entry holds before and after it counts.
 */
#include "core/valid_look.h"

#include "base/clock.h"
#include "base/process.h"
#include "core/events.h"
#include "core/ledger.h"
#include "core/tracker.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS 64
#define SUM_MAX (UINT64_C(1) << 62)
#define JUDGED UINT64_MAX
#define TAGS_AHEAD 64 /* how far a tag is called ahead; further off it is an old one, by the wrap of its 16 bits */

/* ---- Slots ---- */

static bool intent_is_idle(uint64_t state)
{
	return (state & INTENT_STATE_MASK) == INTENT_IDLE;
}

static void examine_intent(const struct valid *valid, const struct shmq_shm_intent *intent, uint64_t state,
                           struct valid_look *look)
{
	const struct layout *layout = &valid->segment->layout;
	/* As ledger_recover() reads them. */
	uint64_t word = shm_load_acquire(&intent->word);
	uint64_t entry = shm_load_acquire(&intent->entry);

	valid_expect(look, (state & INTENT_STATE_MASK) <= INTENT_DONE, "an intent is idle, pending or done",
	             state & INTENT_STATE_MASK, INTENT_DONE);
	if (intent_is_idle(state) || (state & INTENT_STATE_MASK) > INTENT_DONE)
		return;
	valid_expect(look, word != 0 && (word - 1) >> 2 < layout->components, "an intent names a component's level",
	             word, ((uint64_t)layout->components - 1) << 2 | 3);
	valid_expect(look, entry < layout->entries, "an intent names an entry of the ledger", entry,
	             layout->entries - 1);
}

static void examine_free_slot(const struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	const struct shmq_shm_slot *slot = &segment->slots[index];
	uint64_t state = shm_load_acquire(&slot->intent.state), ctr = shm_load_acquire(&slot->ctr);
	uint64_t held = 0;

	for (uint32_t i = 0; i < segment->layout.entries; i++)
		held += shm_load_acquire(&segment->ledgers[(size_t)index * segment->layout.entries + i].held) != 0;
	valid_expect(look, ctr == 0, "a free slot is in no read section", ctr, 0);
	valid_expect(look, intent_is_idle(state), "a free slot has nothing under way", state & INTENT_STATE_MASK,
	             INTENT_IDLE);
	valid_expect(look, held == 0, "a free slot holds nothing", held, 0);
}

static bool examine_slot(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_shm_slot *slot = &valid->segment->slots[index];
	/* (K1) acquire: pairs with worker_slot_free(). `attached_ns` tells a slot that was taken and freed meanwhile. */
	uint64_t owner = shm_load_acquire(&slot->owner), attached_ns = shm_load_acquire(&slot->attached_ns);
	uint64_t state = shm_load_acquire(&slot->intent.state);
	/* The statement before the epoch, which only grows. */
	uint64_t stated = shm_load_acquire(&slot->ctr) >> RCU_NESTING_BITS;
	uint64_t epoch = shm_load_acquire(&valid->segment->policy->control.epoch);
	uint32_t flags = shm_load32_acquire(&slot->flags);

	valid_expect(look, stated <= epoch, "a reader began in an epoch that has begun", stated, epoch);
	valid_expect(look, owner == 0 || process_tid(owner) != 0, "an owner is a thread", owner, 0);
	valid_expect(look, (flags & ~(uint32_t)(SLOT_OF_PROCESS | SLOT_MEMBARRIER)) == 0, "a slot has known flags only",
	             flags, flags & (SLOT_OF_PROCESS | SLOT_MEMBARRIER));
	examine_intent(valid, &slot->intent, state, look);
	if (owner == 0)
		examine_free_slot(valid, index, look);
	shm_fence_acquire(); /* all of it, before the words once more */
	return shm_load_acquire(&slot->owner) == owner && shm_load_acquire(&slot->attached_ns) == attached_ns &&
	       shm_load_acquire(&slot->intent.state) == state;
}

/* ---- Leases ---- */

/* Of one rank: what is on lease was taken there. Only while its total and its baseline stand still. */
static void examine_leased_rank(const struct shmq_shm_rate *rate, uint64_t window, uint64_t left,
                                struct valid_look *look)
{
	uint64_t base = shm_load_acquire(&rate->base[window % LAYOUT_BASES]); /* (W2) */
	uint64_t total = shm_load_seq_cst(&rate->total);                      /* (W3) */
	bool stands_still = shm_load_seq_cst(&rate->current) == window &&     /* (W1) */
	                    shm_load_seq_cst(&rate->total) == total &&
	                    shm_load_acquire(&rate->base[window % LAYOUT_BASES]) == base;

	if (stands_still)
		valid_expect(look, window_has_base(window, base) && window_used(total, base) >= left,
		             "what is on lease counts as used", window_used(total, base), left);
}

static bool examine_lease(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	const struct shmq_shm_lease *shared = &segment->leases[index];
	uint32_t left = shm_load32_acquire(&shared->left), first = shm_load32_acquire(&shared->component[0]); /* (Y1) */
	uint64_t owner = shm_load_acquire(&segment->slots[index / LAYOUT_LEASES].owner);
	int resource = (int)(first >> LEASE_RESOURCE_AT);

	if (left == 0)
		return true;
	valid_expect(look, owner != 0, "a free slot has nothing on lease", left, 0);
	valid_expect(look, tracker_is_rate(resource), "a lease is of a rate", (uint64_t)resource, SHMQ_MESSAGES);
	for (unsigned i = 0; i <= LAYOUT_ANCESTORS && tracker_is_rate(resource); i++) {
		uint32_t number =
		    shm_load32_acquire(&shared->component[i]) & ((1U << LEASE_RESOURCE_AT) - 1); /* (Y1) */

		valid_expect(look, number <= segment->layout.components && (number > 0 || i > 0),
		             "a lease names components", number, segment->layout.components);
		if (number == 0 || number > segment->layout.components)
			break;
		examine_leased_rank(&segment->trackers[number - 1].rate[resource - SHMQ_MESSAGES],
		                    shm_load_acquire(&shared->window[i]), left, look); /* (Y1) */
	}
	shm_fence_acquire(); /* all of it, before the words once more */
	return shm_load32_acquire(&shared->left) == left && shm_load32_acquire(&shared->component[0]) == first &&
	       shm_load_acquire(&segment->slots[index / LAYOUT_LEASES].owner) == owner;
}

/* ---- Holdings ---- */

/* A copy of an entry that others may be changing, and what it holds. */
struct holding {
	struct shmq_shm_holding words;
	struct ledger_share share;
	uint64_t held;
};

#define HOLDING_WORDS (sizeof(struct shmq_shm_holding) / sizeof(struct shm_u64))

/* Returns whether the words belong together: `held` is 0 while the others change. */
static bool holding_read(const struct shmq_shm_holding *at, struct holding *out)
{
	const struct shm_u64 *from = &at->level;
	struct shm_u64 *to = &out->words.level;
	bool is_whole = true;

	for (size_t i = 0; i < HOLDING_WORDS; i++)
		shm_store_relaxed(&to[i], shm_load_acquire(&from[i])); /* relaxed: a copy of our own */
	shm_fence_acquire();                                           /* all of it, before the words once more */
	for (size_t i = 0; i < HOLDING_WORDS; i++)
		is_whole &= shm_load_acquire(&from[i]) == shm_load_relaxed(&to[i]); /* relaxed: as above */
	out->held = shm_load_relaxed(&out->words.held);                             /* relaxed: as above */
	out->share = ledger_unpack(out->held);
	return is_whole;
}

static uint32_t holding_component(const struct holding *holding)
{
	return (uint32_t)(shm_load_relaxed(&holding->words.level) >> 32); /* relaxed: a copy */
}

static uint32_t holding_levels(const struct holding *holding)
{
	return (uint32_t)shm_load_relaxed(&holding->words.level); /* relaxed: a copy */
}

static bool holding_names_level(const struct valid *valid, const struct holding *holding)
{
	return holding_component(holding) < valid->segment->layout.components && holding_levels(holding) <= LEDGER_BOTH;
}

/* The groups that a holding counts against: the chain ends at the first 0. */
static unsigned examine_chain(const struct shmq_segment *segment, const struct holding *holding,
                              struct valid_look *look)
{
	bool is_proper = true;
	unsigned count;

	for (count = 0; count < LAYOUT_ANCESTORS; count++) {
		uint64_t registration = shm_load_relaxed(&holding->words.ancestor[count]); /* relaxed: a copy */
		uint64_t component = registration >> REGISTRATION_GENERATION_BITS;

		if (registration == 0)
			break;
		/* (D2) acquire: no entry has a generation that has not begun. */
		is_proper &= component > 0 && component <= segment->layout.components &&
		             (registration & GROUP_GENERATION_MASK) <=
		                 shm_load_acquire(&segment->entries[component - 1].genstate) >> ENTRY_STATE_BITS;
	}
	valid_expect(look, is_proper, "the groups of a holding are registrations of components", count,
	             segment->layout.components);
	return 1 + count;
}

/* Which ranks hold something, beside what the entry was opened for. */
static void examine_share(const struct shmq_segment *segment, const struct holding *holding, struct valid_look *look)
{
	const struct ledger_share *share = &holding->share;
	unsigned ranks = examine_chain(segment, holding, look) * (holding_levels(holding) == LEDGER_BOTH ? 2 : 1);
	uint64_t rest = shm_load_relaxed(&holding->words.rest); /* relaxed: a copy */

	valid_expect(look, share->amount <= LEVEL_CEILING, "a holding is an amount that a level can have",
	             share->amount, LEVEL_CEILING);
	valid_expect(look, share->others == 0 || rest <= LEVEL_CEILING,
	             "a holding is an amount that a level can have, at other ranks too", rest, LEVEL_CEILING);
	valid_expect(look, share->first < share->last && share->others <= share->last,
	             "a holding is of a range of ranks", share->first, share->last);
	valid_expect(look, share->last <= ranks, "a holding is of ranks that it was opened for", share->last, ranks);
}

static bool examine_holding(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	struct holding holding;
	bool is_whole = holding_read(&segment->ledgers[index], &holding);
	uint64_t genstate, of_holding;

	if (holding.held == 0)
		return true;
	valid_expect(look, holding_component(&holding) < segment->layout.components, "a holding names a component",
	             holding_component(&holding), segment->layout.components - 1);
	valid_expect(look, holding_levels(&holding) <= LEDGER_BOTH, "a holding is of storage, of memory or of both",
	             holding_levels(&holding), LEDGER_BOTH);
	examine_share(segment, &holding, look);
	if (!holding_names_level(valid, &holding))
		return is_whole;
	/* Of an earlier registration it is harmless: it will be forgotten. */
	genstate = shm_load_acquire(&segment->entries[holding_component(&holding)].genstate);
	of_holding = shm_load_relaxed(&holding.words.genstate); /* relaxed: a copy */
	valid_expect(look,
	             (of_holding & ENTRY_STATE_MASK) != ENTRY_FREE &&
	                 of_holding >> ENTRY_STATE_BITS <= genstate >> ENTRY_STATE_BITS,
	             "a holding is of this registration of its component or of an earlier one", of_holding, genstate);
	return is_whole;
}

/* ---- Trackers ---- */

#define PER_RATE(text)                                                                                                 \
	{                                                                                                              \
		"messages: " text, "network: " text, "cpu: " text                                                      \
	}
#define PER_LEVEL(text)                                                                                                \
	{                                                                                                              \
		"storage: " text, "memory: " text                                                                      \
	}

/* What was loaded of a rate, in an order in which each word is older than those that bound it. */
struct rate {
	uint64_t base[LAYOUT_BASES], total, current, now_ms;
};

static struct rate rate_read(const struct shmq_shm_rate *at)
{
	struct rate rate;

	for (int i = 0; i < LAYOUT_BASES; i++)
		rate.base[i] = shm_load_acquire(&at->base[i]); /* (W2) */
	rate.total = shm_load_seq_cst(&at->total);             /* (W3) */
	rate.current = shm_load_seq_cst(&at->current);         /* (W1) */
	rate.now_ms = clock_read_ns(CLOCK_MONOTONIC) / NS_PER_MS;
	return rate;
}

/*
 * Until a total has passed 48 bits, no baseline is above it, unless a window was rescaled to hold more than was ever
 * taken. After that only the window in force can be judged.
 */
static bool base_is_possible(const struct rate *rate, uint64_t base)
{
	if (rate->total <= WINDOW_TOTAL_MASK)
		return (base & WINDOW_TOTAL_MASK) <= rate->total || window_used(rate->total, base) <= WINDOW_CEILING;
	return !window_has_base(rate->current, base) || window_used(rate->total, base) <= WINDOW_CEILING;
}

static bool tag_is_ahead(const struct rate *rate, uint64_t base)
{
	uint16_t distance = (uint16_t)((base >> WINDOW_TOTAL_BITS) - rate->current);

	/* A publisher prepares a baseline before it rescales a window; it may have died in between. */
	if (distance >= WINDOW_AFTER_RESCALE - WINDOW_AFTER_RESET && distance <= WINDOW_AFTER_RESCALE)
		return false;
	return distance != 0 && distance <= TAGS_AHEAD;
}

static void examine_rate(const struct shmq_shm_rate *at, int number, struct valid_look *look)
{
	static const char *const above[LAYOUT_RATES] = PER_RATE("a baseline is not above the total");
	static const char *const ahead[LAYOUT_RATES] = PER_RATE("a baseline is of a window that has begun");
	static const char *const astray[LAYOUT_RATES] = PER_RATE("a baseline lies in the place of its window");
	static const char *const future[LAYOUT_RATES] = PER_RATE("a window does not begin in the future");
	struct rate rate = rate_read(at);

	for (uint64_t i = 0; i < LAYOUT_BASES; i++) {
		uint64_t base = rate.base[i], tag = base >> WINDOW_TOTAL_BITS;

		if (base == 0)
			continue; /* never captured, or captured before anything was taken */
		valid_expect(look, base_is_possible(&rate, base), above[number], base & WINDOW_TOTAL_MASK,
		             rate.total & WINDOW_TOTAL_MASK);
		valid_expect(look, !tag_is_ahead(&rate, base), ahead[number], tag, (uint16_t)rate.current);
		valid_expect(look, tag % LAYOUT_BASES == i, astray[number], tag % LAYOUT_BASES, i);
	}
	valid_expect(look, window_start_ms(rate.current) <= rate.now_ms, future[number], window_start_ms(rate.current),
	             rate.now_ms);
}

static void examine_level(const struct valid *valid, const struct shmq_shm_level *level, int number,
                          struct valid_look *look)
{
	static const char *const ranges[LAYOUT_LEVELS] = PER_LEVEL("what went out was taken before");
	static const char *const writers[LAYOUT_LEVELS] = PER_LEVEL("a level was written by a slot, or by none");
	uint64_t out = shm_load_seq_cst(&level->out), in = shm_load_seq_cst(&level->in); /* (L1) */
	uint32_t threads = valid->segment->layout.threads;

	valid_expect(look, level_difference(in, out) <= LEVEL_CEILING, ranges[number], level_amount(out),
	             level_amount(in));
	valid_expect(look, level_writer(in) <= threads, writers[number], level_writer(in), threads);
	valid_expect(look, level_writer(out) <= threads, writers[number], level_writer(out), threads);
}

/* Only of registered components: others are made new before they are used. */
static bool examine_tracker(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;
	const struct shmq_shm_tracker *tracker = &segment->trackers[index];
	uint64_t genstate = shm_load_acquire(&segment->entries[index].genstate); /* (D2) */

	if ((genstate & ENTRY_STATE_MASK) != ENTRY_LIVE)
		return true;
	for (int i = 0; i < LAYOUT_RATES; i++)
		examine_rate(&tracker->rate[i], i, look);
	for (int i = 0; i < LAYOUT_LEVELS; i++)
		examine_level(valid, &tracker->level[i], i, look);
	shm_fence_acquire(); /* all of it, before the state once more: as directory_is_current() */
	return shm_load_acquire(&segment->entries[index].genstate) == genstate;
}

/* ---- Levels against ledgers ---- */

/* One level, in one round: its words before the ledgers were added up, and what they hold of it. */
struct balance {
	uint64_t in, out, genstate, held;
};

static void balances_begin(const struct shmq_segment *segment, struct balance *balances)
{
	for (uint32_t i = 0; i < segment->layout.components * LAYOUT_LEVELS; i++) {
		const struct shmq_shm_level *level = &segment->trackers[i / LAYOUT_LEVELS].level[i % LAYOUT_LEVELS];

		if (balances[i].held == JUDGED)
			continue;
		balances[i] = (struct balance){
		    .genstate = shm_load_acquire(&segment->entries[i / LAYOUT_LEVELS].genstate),
		    .out = shm_load_seq_cst(&level->out),
		    .in = shm_load_seq_cst(&level->in),
		};
	}
}

/* What a share has at a rank. */
static uint64_t share_at(const struct ledger_share *share, unsigned rank, uint64_t rest)
{
	return rank < share->first || rank >= share->last ? 0 : ledger_share_at(share, rank, rest);
}

/* Add what an entry holds of one rank at least, whatever becomes of the operation under way. */
static void balance_add(const struct valid *valid, const struct holding *holding, const struct ledger_share *after,
                        unsigned rank, struct balance *balances)
{
	const struct shmq_segment *segment = valid->segment;
	uint64_t rest = shm_load_relaxed(&holding->words.rest); /* relaxed: a copy */
	uint64_t held = share_at(&holding->share, rank, rest), later = share_at(after, rank, rest);
	uint32_t number, component;
	struct balance *balance;

	held = held < later ? held : later;
	if (held == 0 || held > LEVEL_CEILING ||
	    !group_find_registration(segment, ledger_rank(&holding->words, rank, &number), &component))
		return;
	balance = &balances[component * LAYOUT_LEVELS + number];
	if (balance->held < SUM_MAX &&
	    balance->genstate == shm_load_acquire(&segment->entries[component].genstate)) /* (D2) */
		balance->held += held;
}

static void balances_add(const struct valid *valid, struct balance *balances)
{
	const struct shmq_segment *segment = valid->segment;

	for (uint32_t slot = 0; slot < segment->layout.threads; slot++) {
		for (uint32_t entry = 0; entry < segment->layout.entries; entry++) {
			const struct shmq_shm_intent *intent = &segment->slots[slot].intent;
			/* (I2) acquire: the state before the entry. A later operation moves the level, which is seen. */
			uint64_t state = shm_load_acquire(&intent->state);
			uint64_t named = shm_load_acquire(&intent->entry);
			struct ledger_share after = ledger_unpack(shm_load_acquire(&intent->after));
			size_t index = (size_t)slot * segment->layout.entries + entry;
			struct holding holding;

			if (!holding_read(&segment->ledgers[index], &holding) || holding.held == 0 ||
			    !holding_names_level(valid, &holding))
				continue;
			if (intent_is_idle(state) || named != entry)
				after = holding.share;
			for (unsigned rank = 0; rank < holding.share.last; rank++)
				balance_add(valid, &holding, &after, rank, balances);
		}
	}
}

static void balance_judge(struct valid *valid, uint32_t index, const struct balance *balance)
{
	static const struct valid_structure tracker_structure = {"usage", "tracker", NULL};
	static const char *const sentences[LAYOUT_LEVELS] = PER_LEVEL("a level has at least what is held of it");
	struct valid_look look = {.count = 0};
	uint64_t level = level_difference(balance->in, balance->out);

	valid_expect(&look, level >= balance->held, sentences[index % LAYOUT_LEVELS], level, balance->held);
	valid_report(valid, &tracker_structure, index / LAYOUT_LEVELS, &look);
}

/* Judge what stood still, and what is in order anyhow. Returns how many have to be looked at again. */
static uint32_t balances_judge(struct valid *valid, struct balance *balances)
{
	const struct shmq_segment *segment = valid->segment;
	uint32_t left = 0;

	shm_fence_acquire(); /* the ledgers, before the levels once more */
	for (uint32_t i = 0; i < segment->layout.components * LAYOUT_LEVELS; i++) {
		const struct shmq_shm_level *level = &segment->trackers[i / LAYOUT_LEVELS].level[i % LAYOUT_LEVELS];
		struct balance *balance = &balances[i];

		if (balance->held == JUDGED)
			continue;
		if (balance->held <= level_difference(balance->in, balance->out)) {
			balance->held = JUDGED;
		} else if (shm_load_seq_cst(&level->in) != balance->in ||
		           shm_load_seq_cst(&level->out) != balance->out ||
		           shm_load_acquire(&segment->entries[i / LAYOUT_LEVELS].genstate) != balance->genstate) {
			left++;
		} else {
			balance_judge(valid, i, balance);
			balance->held = JUDGED;
		}
	}
	return left;
}

static int examine_balances(struct valid *valid)
{
	size_t count = (size_t)valid->segment->layout.components * LAYOUT_LEVELS;
	struct balance *balances = count == 0 ? NULL : calloc(count, sizeof(*balances));
	uint32_t left = 1;

	if (balances == NULL)
		return -ENOMEM;
	for (int i = 0; i < ROUNDS && left > 0; i++) {
		balances_begin(valid->segment, balances);
		balances_add(valid, balances);
		left = balances_judge(valid, balances);
	}
	free(balances);
	return 0;
}

/* Of a ring only what nobody could have written is wrong. */
static bool examine_event(struct valid *valid, uint32_t index, struct valid_look *look)
{
	const struct shmq_segment *segment = valid->segment;

	valid_expect(look, events_are_sound(segment->events, segment->layout.events, index),
	             "the words of an event are of its place and of numbers that were drawn", index,
	             events_newest(segment->events));
	return true;
}

static const struct valid_structure slot_structure = {"usage", "slot", examine_slot};
static const struct valid_structure lease_structure = {"usage", "lease", examine_lease};
static const struct valid_structure holding_structure = {"usage", "holding", examine_holding};
static const struct valid_structure tracker_structure = {"usage", "tracker", examine_tracker};
static const struct valid_structure event_structure = {"usage", "event", examine_event};

int valid_usage(struct valid *valid)
{
	const struct layout *layout = &valid->segment->layout;

	for (uint32_t i = 0; i < layout->threads; i++)
		valid_examine(valid, &slot_structure, i);
	for (uint32_t i = 0; i < layout->threads * LAYOUT_LEASES; i++)
		valid_examine(valid, &lease_structure, i);
	for (uint32_t i = 0; i < layout->threads * layout->entries; i++)
		valid_examine(valid, &holding_structure, i);
	for (uint32_t i = 0; i < layout->components; i++)
		valid_examine(valid, &tracker_structure, i);
	for (uint32_t i = 0; i < layout->events; i++)
		valid_examine(valid, &event_structure, i);
	return examine_balances(valid);
}
