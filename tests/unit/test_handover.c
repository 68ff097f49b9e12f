/* SPDX-License-Identifier: MIT */
/*
 * What one gives up or takes over while another is at it: slots between owners, marks of held operations, entries of a
 * chain that somebody walks. The modules are compiled into this program once more with a hook before each atomic
 * access, and the other does its whole part at every one of them.
 */
#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the modules themselves, with hooks */
#include "core/directory.c"
#include "core/ledger.c"
#include "core/level.c"
#include "core/worker.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <stdio.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(handover, FIXTURE);

#define TIMEOUT_MS 10000
#define NAME "tenant"
#define MINE (UINT64_C(4711) << PROCESS_START_BITS | 1)
#define OTHERS (UINT64_C(4712) << PROCESS_START_BITS | 2)
#define DEAD (UINT64_C(4713) << PROCESS_START_BITS | 3)
#define SECTION(epoch) (UINT64_C(epoch) << RCU_NESTING_BITS | 1)

/* ---- Slots ---- */

static struct shmq_shm_slot slot;
static const struct shm_u64 epoch = {9};
static uint64_t expected_owner;
static bool other_has_it;

static void claim_and_read(void)
{
	other_has_it = slot_claim(&slot, expected_owner, OTHERS);
	if (other_has_it)
		rcu_read_lock(&slot, &epoch, false);
}

static void interrupt_slot(unsigned at, uint64_t owner, uint64_t ctr)
{
	slot = (struct shmq_shm_slot){.owner = {owner}, .ctr = {ctr}};
	expected_owner = owner == MINE ? 0 : owner;
	other_has_it = false;
	interleave(at, claim_and_read);
}

Test(handover, of_a_slot_leaves_the_section_of_its_next_owner_alone)
{
	unsigned at = 0, claimed = 0;

	do {
		interrupt_slot(++at, MINE, SECTION(5));
		worker_slot_free(&slot);
		if (!interleave_happened()) {
			at = 0;
			claim_and_read(); /* when all is over */
		}
		claimed += other_has_it;
		expect_figure(shm_load_relaxed(&slot.owner), other_has_it ? OTHERS : 0);
		expect_figure(shm_load_relaxed(&slot.ctr), other_has_it ? SECTION(9) : 0);
	} while (at != 0);
	cr_assert_gt(claimed, 0);
}

Test(handover, of_a_slot_has_one_winner)
{
	static const uint64_t owners[] = {0, DEAD};

	for (size_t i = 0; i < sizeof(owners) / sizeof(*owners); i++) {
		for (unsigned at = 1;; at++) {
			bool is_mine, happened;

			interrupt_slot(at, owners[i], i * SECTION(5));
			is_mine = slot_claim(&slot, owners[i], MINE);
			happened = interleave_happened();
			cr_assert(is_mine != other_has_it, "won by %s, interrupted at %u", is_mine ? "both" : "nobody",
			          at);
			expect_figure(shm_load_relaxed(&slot.owner), is_mine ? MINE : OTHERS);
			expect_figure(shm_load_relaxed(&slot.ctr), is_mine ? 0 : SECTION(9));
			if (!happened)
				break;
		}
	}
}

/* ---- Slots that are left to a process ---- */

struct stage {
	struct shmq_component *tenant;
	struct shmq_reservation reservation;
	struct counter left, go_on;
};

static void *reserve_and_end(void *argument)
{
	struct stage *stage = argument;

	return (void *)(intptr_t)shmq_reserve(&stage->reservation, stage->tenant, SHMQ_STORAGE, 10, NULL);
}

/* Attaches when its process has no main thread any more: it was taken to be in another namespace (-EXDEV). */
static void *commit_when_told(void *argument)
{
	struct stage *stage = argument;

	if (counter_await(&stage->go_on, 1, TIMEOUT_MS) &&
	    shmq_check(stage->tenant, SHMQ_STORAGE, 0, NULL) == SHMQ_OK && shmq_commit(&stage->reservation, 10) == 0)
		_exit(0);
	_exit(1);
}

static int leave_the_main_thread(unsigned index, void *context)
{
	struct stage *stage = context;
	pthread_t thread;
	void *result;

	(void)index;
	CHILD_RESULT(pthread_create(&thread, NULL, reserve_and_end, stage), 0);
	CHILD_RESULT(pthread_join(thread, &result), 0);
	CHILD_CHECK(result == NULL);
	CHILD_RESULT(pthread_create(&thread, NULL, commit_when_told, stage), 0);
	counter_set(&stage->left, process_leader_token());
	pthread_exit(NULL);
}

Test(handover, of_a_slot_to_its_process_outlives_the_main_thread)
{
	const struct shmq_quota quota = quota_calm(100);
	struct stage *stage = shared_alloc(sizeof(*stage));
	pid_t pid;

	stage->tenant = fixture_tenant(&quota);
	pid = process_start(leave_the_main_thread, 0, stage);
	cr_assert(counter_await(&stage->left, 1, TIMEOUT_MS));
	for (int i = 0; i < TIMEOUT_MS && !process_is_dead(counter_get(&stage->left)); i++)
		clock_sleep_ns(MS);
	cr_assert(process_is_dead(counter_get(&stage->left)), "its main thread is no zombie");
	expect_result(shmq_housekeep(stage->tenant->segment), 0);
	expect_figure(fixture_used(stage->tenant, SHMQ_STORAGE), 10);
	counter_set(&stage->go_on, 1);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
	expect_figure(fixture_used(stage->tenant, SHMQ_STORAGE), 10);
}

/* ---- Marks of held operations ---- */

#define HOLDER 2
#define LIMIT 100

static struct shmq_shm_tracker tracker;
static struct shmq_shm_slot slots[4];
static struct shmq_shm_holding ledgers[4];
static const struct shmq_segment fake = {
    .layout = {.components = 1, .threads = 4, .entries = 1}, .slots = slots, .ledgers = ledgers, .trackers = &tracker};
static const struct level_place place = {&fake, 0, 0};
static const struct ledger_entry entry = {&fake, HOLDER, 0};
static uint64_t next_state;

/* The holder's operation is over, and it has begun to release: its second intent is not carried out yet. */
static void begin_the_next(void)
{
	entry_set(&entry, 10);
	intent_end(&entry);
	intent_begin(&entry, &place, true, 0);
	next_state = shm_load_relaxed(&slots[HOLDER].intent.state);
}

static void finish(void)
{
	entry_set(&entry, 10);
	intent_end(&entry);
	next_state = shm_load_relaxed(&slots[HOLDER].intent.state);
}

Test(handover, of_a_mark_does_not_touch_the_next_operation)
{
	static void (*const others[])(void) = {begin_the_next, finish};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		for (unsigned at = 1;; at++) {
			uint64_t used;

			tracker = (struct shmq_shm_tracker){0};
			intent_begin(&entry, &place, false, 10);
			cr_assert(level_take_as(&place, HOLDER + 1, 10, LIMIT, &used));
			interleave(at, others[i]);
			cr_assert(level_take(&place, 1, LIMIT, &used));
			if (!interleave_happened())
				break;
			/* Were it DONE now, a death would return nothing, or what is returned already. */
			cr_assert_eq(shm_load_relaxed(&slots[HOLDER].intent.state), next_state, "interrupted at %u",
			             at);
		}
	}
}

/* ---- Chains ---- */

static struct shmq_segment *segment;
static char names[3][16]; /* in one chain, the first one at its end */

static void find_names_of_one_chain(void)
{
	uint32_t mask = segment->layout.buckets - 1;
	unsigned found = 0;

	for (unsigned i = 0; found < 3; i++) {
		snprintf(names[found], sizeof(names[found]), "tenant-%u", i);
		if (((directory_hash(segment, names[found], strlen(names[found])) ^
		      directory_hash(segment, names[0], strlen(names[0]))) &
		     mask) == 0)
			found++;
	}
}

static void drop_the_middle(void)
{
	expect_result(shmq_component_unregister(segment, names[1]), 0);
}

static void drop_both_before(void)
{
	drop_the_middle();
	expect_result(shmq_component_unregister(segment, names[2]), 0);
	expect_result(shmq_component_register(segment, "newcomer", NULL), 0);
}

Test(handover, of_a_chain_loses_nobody_behind_what_is_unlinked)
{
	static void (*const others[])(void) = {drop_the_middle, drop_both_before};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		bool happened = true;

		for (unsigned at = 1; happened; at++) {
			struct shmq_shm_slot *own = NULL;
			struct directory_key key;
			int result;

			segment = fixture_segment(NULL);
			find_names_of_one_chain();
			for (unsigned j = 0; j < 3; j++)
				expect_result(shmq_component_register(segment, names[j], NULL), 0);
			expect_result(worker_enter(segment, &own), 0);
			interleave(at, others[i]);
			result = directory_find(segment, names[0], strlen(names[0]), &key);
			happened = interleave_happened();
			worker_leave(own);
			cr_assert_eq(result, 0, "interrupted at %u: %s", at, shmq_strerror(result));
			fixture_close();
			shmq_segment_remove(fixture_name());
		}
	}
}

/* ---- Entries of components that come back ---- */

static struct shmq_component *seen;
static uint64_t seen_used;

static void look(void)
{
	struct shmq_status status;

	if (shmq_component_find(&seen, segment, NAME) < 0)
		return;
	expect_result(shmq_status(seen, &status), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		seen_used += status.resource[resource].used;
	shmq_component_put(seen);
}

/* A segment whose policy declares the name; it was used, and is unregistered and free again. */
static void begin_with_a_former_life(void)
{
	struct shmq_component *former = NULL;

	segment = fixture_segment(NULL);
	fixture_publish(segment, "[component:" NAME "]\nstorage = 1000\n");
	expect_result(shmq_component_find(&former, segment, NAME), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		expect_result(shmq_consume(former, resource, 5), 0);
	shmq_component_put(former);
	expect_result(shmq_component_unregister(segment, NAME), 0);
	expect_result(shmq_housekeep(segment), 0);
}

Test(handover, of_an_entry_shows_nothing_of_its_former_life)
{
	bool happened = true;

	for (unsigned at = 1; happened; at++) {
		begin_with_a_former_life();
		seen_used = 0;
		interleave(at, look);
		expect_result(directory_register(segment, NAME, strlen(NAME), NULL), 0);
		happened = interleave_happened();
		cr_assert_eq(seen_used, 0, "%" PRIu64 " are used, interrupted at %u", seen_used, at);
		look();
		expect_figure(seen_used, 0);
		fixture_close();
		shmq_segment_remove(fixture_name());
	}
}
