/* SPDX-License-Identifier: MIT */
/*
 * Each invariant by itself: a sound segment has none broken, and breaking one is found, at its place, in any access.
 *
 * Every case damages one word, verifies, and puts it back, so the cases of one test do not see each other.
 */
#include "core/ledger.h"
#include "core/window.h"

#include <errno.h>

#include "../support/clock.h"
#include "../support/process.h"
#include "../support/shared.h"
#include "defects.h"

TestSuite(valid, FIXTURE);

#define ENTRIES 5                            /* of a ledger */
#define NOBODY (UINT64_C(4194303) << 42 | 1) /* a token of no thread: the largest id there may be is above pid_max */

/* The scene: alice holds something, bob was only used, carol was unregistered, dave is reserved by the policy. */
static struct shmq_component *alice, *bob;
static struct shmq_reservation reservation;
static uint32_t carol_index, dave_index;

static const char policy[] = "[component:dave]\nstorage = 1KB\n";

static void set_the_scene(void)
{
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_component *dave;

	options.components = 16;
	options.threads = 4;
	options.reservations = ENTRIES - 1;
	segment = fixture_segment(&options);
	fixture_publish(segment, policy);
	expect_result(shmq_component_find(&dave, segment, "dave"), 0);
	dave_index = shmq_component_id(dave);
	shmq_component_put(dave);
	alice = fixture_component(segment, "alice", &quota);
	bob = fixture_component(segment, "bob", &quota);
	carol_index = shmq_component_id(fixture_component(segment, "carol", &quota));
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_try_consume(bob, resource, 100, NULL), SHMQ_OK);
	expect_result(shmq_reserve(&reservation, alice, SHMQ_STORAGE, 30, NULL), SHMQ_OK);
	expect_result(shmq_memory_set(alice, 50, NULL), SHMQ_OK);
	expect_result(shmq_component_unregister(segment, "carol"), 0);
	expect_result(shmq_component_unregister(segment, "dave"), 0);
}

static uint32_t chain_of(uint32_t index)
{
	return shm_load32_relaxed(&entry_at(index)->hash) & (segment->layout.buckets - 1);
}

static struct shm_u32 *bucket_of(uint32_t index)
{
	return (struct shm_u32 *)((char *)segment_writable(segment) + segment->layout.buckets_at) + chain_of(index);
}

/* ---- Sound segments ---- */

Test(valid, finds_nothing_in_a_new_segment)
{
	segment = fixture_segment(NULL);
	expect_sound();
}

Test(valid, finds_nothing_in_a_segment_that_was_used)
{
	set_the_scene();
	expect_sound();
	expect_result(shmq_commit(&reservation, 10), 0);
	expect_result(shmq_memory_set(alice, 0, NULL), SHMQ_OK);
	expect_result(shmq_housekeep(segment), 0);
	expect_result(shmq_component_register(segment, "dave", NULL), 0);
	fixture_publish(segment, "[component:dave]\n[component:erin]\n");
	expect_result(shmq_reset(bob), 0);
	expect_sound();
}

Test(valid, needs_no_more_than_to_look)
{
	struct shmq_segment *observed;

	set_the_scene();
	expect_result(shmq_segment_open(&observed, fixture_name(), SHMQ_OBSERVE), 0);
	expect_result(shmq_segment_verify(observed, NULL, NULL), 0);
	shm_store_relaxed(&segment->slots[reservation.slot].intent.state, 3);
	expect_result(shmq_segment_verify(observed, NULL, NULL), 1);
	shm_store_relaxed(&segment->slots[reservation.slot].intent.state, 0);
	shmq_segment_close(observed);
	expect_result(shmq_segment_verify(NULL, NULL, NULL), -EINVAL);
}

/* ---- Policy ---- */

Test(valid, minds_the_control_structure)
{
	struct shmq_shm_control *control;

	set_the_scene();
	control = &segment_writable(segment)->control;
	breaks(&control->done, 1000, "control", 0, "grace period is over");
	breaks(&control->table_cookie, 1000, "control", 0, "policy before the last one");
	breaks(&control->lock, NOBODY, "control", 0, "controller lock is free");
	breaks32(&control->hint, 16, "control", 0, "the hint", true);
	breaks32(&control->registered, 7, "control", 0, "number of registered", true);
	breaks32(&control->retired, 7, "control", 0, "number of retired", true);
	expect_sound();
}

Test(valid, minds_links_and_chains)
{
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(alice);
	breaks32(bucket_of(id), 0, "entry", id, "is in the chain of its hash", false);
	breaks32(bucket_of(id), 17, "bucket", chain_of(id), "a link names an entry", false);
	breaks32(&entry_at(id)->next, id + 1, "bucket", chain_of(id), "a chain ends", false);
	breaks32(&entry_at(carol_index)->next, 99, "entry", carol_index, "a link names an entry", true);
	/* Carol is retired: nothing may lead to her. */
	breaks32(bucket_of(carol_index), carol_index + 1, "bucket", chain_of(carol_index), "registered, or reserved",
	         false);
	/* Dave is unregistered, but the policy keeps his place. */
	breaks32(bucket_of(dave_index), 0, "entry", dave_index, "is in the chain of its hash", false);
	expect_sound();
}

Test(valid, minds_entries)
{
	struct shmq_shm_entry *entry;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(bob);
	entry = entry_at(id);
	breaks(&entry_at(carol_index)->cookie, 1000, "entry", carol_index, "waits for a grace period");
	breaks32(&entry->hash, shm_load32_relaxed(&entry->hash) ^ 0x80000000, "entry", id, "the hash is", true);
	entry->name[0] = '\n';
	expect_broken("entry", id, "a name is 1 to 127", true);
	entry->name[0] = 'b';
	entry->name[100] = 'b';
	expect_broken("entry", id, "followed by zeroes", true);
	entry->name[100] = '\0';
	entry->name_length = 200;
	expect_broken("entry", id, "a name is 1 to 127", true);
	entry->name_length = 3;
	expect_sound();
	shm_store_relaxed(&entry->genstate, shm_load_relaxed(&entry->genstate) | 0x40);
	expect_broken("entry", id, "free, registered or retired", false);
}

static void unlink_entry(uint32_t index)
{
	struct shm_u32 *word = bucket_of(index);

	while (shm_load32_relaxed(word) != index + 1)
		word = &entry_at(shm_load32_relaxed(word) - 1)->next;
	shm_store32_relaxed(word, shm_load32_relaxed(&entry_at(index)->next));
}

/* Bob becomes another alice, in front of her in her chain. */
Test(valid, minds_a_name_that_is_registered_twice)
{
	struct shmq_shm_entry *original, *copy;

	set_the_scene();
	original = entry_at(shmq_component_id(alice));
	copy = entry_at(shmq_component_id(bob));
	unlink_entry(shmq_component_id(bob));
	memcpy(copy->name, original->name, sizeof(copy->name));
	copy->name_length = original->name_length;
	shm_store32_relaxed(&copy->hash, shm_load32_relaxed(&original->hash));
	shm_store32_relaxed(&copy->next, shm_load32_relaxed(bucket_of(shmq_component_id(alice))));
	shm_store32_relaxed(bucket_of(shmq_component_id(alice)), shmq_component_id(bob) + 1);
	expect_broken("entry", shmq_component_id(alice), "a name is registered once", true);
}

/* The mode of a resource with another period. */
static uint64_t with_period(const struct shmq_shm_quota *quota, int resource, uint64_t period_ms)
{
	uint64_t rest = shm_load_relaxed(&quota->resource[resource].mode) & ((UINT64_C(1) << MODE_PERIOD_AT) - 1);

	return period_ms << MODE_PERIOD_AT | rest;
}

Test(valid, minds_quotas)
{
	struct shmq_shm_quota *quota;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(alice);
	quota = quota_at(id);
	breaks(&quota->flags, QUOTA_PRESENT | 1 << 12, "quota", id, "known flags");
	breaks(&quota->flags, QUOTA_OWN, "entry", id, "a registered component has a quota");
	breaks(&quota_at(carol_index)->flags, QUOTA_PRESENT, "entry", carol_index, "only a registered component");
	breaks(&quota_at(16)->flags, 0, "quota", 16, "default quota");
	breaks(&quota->resource[SHMQ_STORAGE].limit, SHMQ_AMOUNT_MAX + 1, "quota", id, "storage: a limit");
	breaks(&quota->resource[SHMQ_CPU].mode, with_period(quota, SHMQ_CPU, 9), "quota", id, "cpu: a period");
	breaks(&quota->resource[SHMQ_CPU].mode, with_period(quota, SHMQ_CPU, UINT64_C(367) * 86400000), "quota", id,
	       "cpu: a period");
	breaks(&quota->resource[SHMQ_MEMORY].mode, with_period(quota, SHMQ_MEMORY, 1000), "quota", id,
	       "memory: a period");
	shm_store_relaxed(&quota->resource[SHMQ_STORAGE].limit, SHMQ_UNLIMITED);
	expect_sound();
}

static void *rule_at(uint32_t offset)
{
	uint64_t active = shm_load_relaxed(&segment->policy->control.generation) & 1;

	return (char *)segment_writable(segment) + segment->layout.rules_at[active] + offset;
}

Test(valid, minds_rules)
{
	static const char patterns[] = "[component:shop-*]\nstorage = 1KB\n[component:mail-*]\nstorage = 2KB\n";
	struct shmq_shm_pattern *newest;
	struct shmq_shm_rules *rules;
	struct shmq_shm_quota *quota;
	struct shmq_shm_file *file;

	set_the_scene();
	fixture_publish(segment, patterns);
	expect_sound();
	rules = rule_at(0);
	quota = quota_at(shmq_component_id(alice));
	file = rule_at(shm_load32_relaxed(&rules->files));
	newest = rule_at(shm_load32_relaxed(&rules->patterns));
	breaks32(&rules->used, 7, "rules", 0, "the rules end in their area", true);
	breaks32(&rules->generation, 1000, "rules", 0, "those of the policy in force", true);
	breaks32(&rules->files, 4, "rules", 0, "files lie in its rules", true);
	breaks32(&file->next, shm_load32_relaxed(&rules->files), "rules", 0, "files lie in its rules", true);
	breaks32(&rules->patterns, segment->layout.rules_bytes, "rules", 0, "patterns lie in its rules", true);
	breaks32(&newest->next, shm_load32_relaxed(&rules->patterns), "rules", 0, "patterns lie in its rules", true);
	newest->text[3] = '\0';
	expect_broken("rules", 0, "as many bytes as it says", true);
	newest->text[3] = 'l';
	breaks32(&quota->grants, segment->layout.rules_bytes, "quota", shmq_component_id(alice), "set of capabilities",
	         true);
	breaks32(&quota->asked, 4, "quota", shmq_component_id(alice), "what a manifest asked for", true);
}

/* ---- Usage ---- */

Test(valid, minds_slots)
{
	struct shmq_shm_slot *free_slot, *own;
	uint32_t own_index;

	set_the_scene();
	own_index = reservation.slot;
	own = &segment->slots[own_index];
	free_slot = &segment->slots[(own_index + 1) % 4];
	breaks(&own->ctr, UINT64_C(1000) << 16 | 1, "slot", own_index, "a reader began");
	breaks32(&own->flags, 8, "slot", own_index, "known flags", true);
	breaks(&own->intent.state, 3, "slot", own_index, "idle, pending or done");
	breaks(&own->owner, 77, "slot", own_index, "an owner is a thread");
	breaks(&free_slot->ctr, 1, "slot", (own_index + 1) % 4, "no read section");
	expect_sound();
	shm_store_relaxed(&own->intent.word, 0);
	shm_store_relaxed(&own->intent.entry, 0);
	breaks(&own->intent.state, INTENT_PENDING, "slot", own_index, "names a component's level");
	shm_store_relaxed(&own->intent.word, 1);
	shm_store_relaxed(&own->intent.entry, ENTRIES);
	breaks(&own->intent.state, INTENT_PENDING, "slot", own_index, "names an entry of the ledger");
	shm_store_relaxed(&free_slot->intent.word, 1);
	breaks(&free_slot->intent.state, INTENT_DONE, "slot", (own_index + 1) % 4, "nothing under way");
	expect_sound();
}

Test(valid, minds_a_free_slot_that_holds_something)
{
	set_the_scene();
	shm_store_relaxed(&segment->slots[reservation.slot].owner, 0);
	expect_broken("slot", reservation.slot, "a free slot holds nothing", true);
}

Test(valid, minds_holdings)
{
	struct shmq_shm_holding *holding;
	uint32_t index;
	uint64_t genstate;

	set_the_scene();
	index = reservation.slot * ENTRIES + reservation.entry;
	holding = &segment->ledgers[index];
	genstate = shm_load_relaxed(&holding->genstate);
	breaks(&holding->level, UINT64_C(16) << 32, "holding", index, "names a component");
	breaks(&holding->level, UINT64_C(1) << 32 | 3, "holding", index, "of storage, of memory or of both");
	breaks(&holding->held, UINT64_C(2) << 60 | 30, "holding", index, "a range of ranks");
	breaks(&holding->held, LEVEL_CEILING + 1, "holding", index, "a level can have");
	breaks(&holding->genstate, genstate + (1 << ENTRY_STATE_BITS), "holding", index, "of this registration");
	breaks(&holding->genstate, genstate ^ ENTRY_LIVE, "holding", index, "of this registration");
	expect_sound();
}

/* What is held of a component that is gone is forgotten in the end. */
Test(valid, finds_holdings_of_an_earlier_registration_harmless)
{
	set_the_scene();
	expect_result(shmq_component_unregister(segment, "alice"), 0);
	expect_sound();
	expect_result(shmq_component_register(segment, "alice", NULL), 0);
	expect_sound();
}

Test(valid, minds_levels)
{
	struct shmq_shm_level *level;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(bob);
	level = &segment->trackers[id].level[0];
	breaks(&level->out, 101, "tracker", id, "storage: what went out");
	breaks(&level->in, UINT64_C(5) << LEVEL_AMOUNT_BITS | 100, "tracker", id, "storage: a level was written");
	breaks(&level->out, UINT64_C(8191) << LEVEL_AMOUNT_BITS, "tracker", id, "storage: a level was written");
	expect_sound();
	/* Levels wrap. */
	shm_store_relaxed(&level->out, LEVEL_AMOUNT_MASK - 5);
	shm_store_relaxed(&level->in, 10);
	expect_sound();
}

Test(valid, minds_a_level_below_what_is_held_of_it)
{
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(alice);
	breaks(&segment->trackers[id].level[0].out, 1, "tracker", id, "storage: a level has at least");
	breaks(&segment->trackers[id].level[1].out, 1, "tracker", id, "memory: a level has at least");
	expect_sound();
}

/* Killed between the level and its ledger entry: recovery will bring them together. */
Test(valid, counts_the_smaller_figure_of_an_operation_under_way)
{
	struct shmq_shm_intent *intent;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(alice);
	intent = &segment->slots[reservation.slot].intent;
	shm_store_relaxed(&segment->trackers[id].level[0].out, 30);
	expect_broken("tracker", id, "storage: a level has at least", true);
	shm_store_relaxed(&intent->word, LEVEL_WORD(&((struct level_place){segment, id, 0}), 1));
	shm_store_relaxed(&intent->entry, reservation.entry);
	shm_store_relaxed(&intent->after, 0);
	shm_store_relaxed(&intent->state, 5 << INTENT_STATE_BITS | INTENT_PENDING);
	expect_sound();
	shm_store_relaxed(&intent->state, 6 << INTENT_STATE_BITS | INTENT_IDLE);
}

Test(valid, minds_rates)
{
	struct shmq_shm_rate *rate;
	uint64_t current, base, place;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(bob);
	rate = &segment->trackers[id].rate[1];
	current = shm_load_relaxed(&rate->current);
	place = current % LAYOUT_BASES;
	base = shm_load_relaxed(&rate->base[place]);
	breaks(&rate->base[place], base + 101, "tracker", id, "network: a baseline is not above");
	breaks(&rate->base[place], base + (UINT64_C(4) << WINDOW_TOTAL_BITS), "tracker", id,
	       "network: a baseline is of a window");
	breaks(&rate->base[place], base | UINT64_C(0xfffe) << WINDOW_TOTAL_BITS, "tracker", id,
	       "network: a baseline lies");
	breaks(&rate->current, current + (UINT64_C(1000000000) << WINDOW_SEQ_BITS), "tracker", id,
	       "network: a window does not begin");
	expect_sound();
}

Test(valid, judges_rates_after_their_totals_have_wrapped)
{
	struct shmq_shm_rate *rate;
	uint32_t id;

	set_the_scene();
	id = shmq_component_id(bob);
	rate = &segment->trackers[id].rate[0];
	shm_store_relaxed(&rate->current, UINT64_C(1) << WINDOW_SEQ_BITS | 0x10005);
	shm_store_relaxed(&rate->total, (UINT64_C(1) << 50) + 7);
	shm_store_relaxed(&rate->base[0], UINT64_C(4) << WINDOW_TOTAL_BITS | WINDOW_TOTAL_MASK);
	shm_store_relaxed(&rate->base[1], UINT64_C(5) << WINDOW_TOTAL_BITS | 3);
	expect_sound();
	breaks(&rate->base[1], UINT64_C(5) << WINDOW_TOTAL_BITS | 8, "tracker", id,
	       "messages: a baseline is not above");
}

/* ---- Damage and change ---- */

Test(valid, ends_on_a_segment_of_noise)
{
	uint64_t noise = 1, begin = clock_now_ns();

	segment = fixture_segment(NULL);
	for (size_t i = sizeof(struct shmq_shm_policy) / 8; i < segment->layout.policy_bytes / 8; i++) {
		noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		((uint64_t *)segment_writable(segment))[i] = noise;
	}
	for (size_t i = sizeof(struct shmq_shm_usage) / 8; i < segment->layout.usage_bytes / 8; i++) {
		noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		((uint64_t *)segment->usage)[i] = noise;
	}
	cr_assert_gt(shmq_segment_verify(segment, NULL, NULL), 1000);
	cr_assert_lt(clock_now_ns() - begin, 10 * SECOND);
}

static int change_everything(unsigned index, void *context)
{
	struct counter *stop = context;
	struct shmq_reservation mine;
	struct shmq_quota quota = quota_periodic(1000, 10 * MS);
	char name[] = {'n', (char)('0' + index), '\0'};

	for (unsigned i = 0; counter_get(stop) == 0; i++) {
		for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
			if (shmq_reserve(&mine, i % 2 ? alice : bob, resource, 1 + i % 7, NULL) == SHMQ_OK)
				shmq_cancel(&mine);
			/* Released is only what was committed: the rest is others'. */
			if (shmq_reserve(&mine, bob, resource, 7, NULL) == SHMQ_OK) {
				CHILD_RESULT(shmq_commit(&mine, 3), 0);
				shmq_release(bob, resource, 3);
			}
		}
		shmq_memory_set(alice, i % 40, NULL);
		/* A child of a controller works only; who controls opens anew. */
		if (index == 1 && i % 64 == 0) {
			struct shmq_segment *control;

			CHILD_RESULT(shmq_segment_open(&control, fixture_name(), SHMQ_CONTROL), 0);
			shmq_component_register(control, name, &quota);
			shmq_component_unregister(control, name);
			shmq_housekeep(control);
			shmq_segment_close(control);
		}
	}
	return 0;
}

Test(valid, finds_nothing_while_others_work)
{
	struct counter *stop = shared_alloc(sizeof(*stop));
	uint64_t end = clock_now_ns() + 2 * SECOND;
	pid_t children[3];

	set_the_scene();
	expect_result(shmq_component_unregister(segment, "bob"), 0);
	bob = fixture_component(segment, "bob", &(struct shmq_quota)SHMQ_QUOTA_DEFAULT);
	process_start_group(children, 3, change_everything, stop);
	while (clock_now_ns() < end)
		expect_sound();
	counter_set(stop, 1);
	cr_assert_eq(process_join_group(children, 3, 5000), 0);
	expect_result(shmq_housekeep(segment) > 0, 1);
	expect_sound();
}
