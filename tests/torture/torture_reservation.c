/* SPDX-License-Identifier: MIT */
/*
 * Torture of what workers hold: reservations, memory shares, several levels at once and plain use beside them, made and
 * finished by two threads of each worker, under random deaths and stops of workers and of controllers that housekeep,
 * verify, publish and replace components under open reservations. There are hardly more slots than threads, so whoever
 * comes new returns what a dead one held.
 *
 * Here is the audit. When all are dead and recovered, each life has left exactly what its book says, each group uses
 * what its members use, the memory of all is what was taken for good and 0 when that is given back, and the segment is
 * sound.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reservation_arena.h"

#define PERIOD (366 * 24 * HOUR) /* no window ends while this runs */
#define SLOTS 3 /* of a worker: its two threads, and one that it is recovering or that an ended thread left */
#define RESERVATIONS (26 + ARENA_HOARD)

/* ---- Setting up ---- */

static int add(struct torture *torture, struct shmq_component **out, const char *name, uint64_t level, uint64_t rate)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	int result;

	quota.limit[SHMQ_STORAGE] = quota.limit[SHMQ_MEMORY] = level;
	quota.limit[SHMQ_MESSAGES] = rate;
	quota.period_ns[SHMQ_MESSAGES] = PERIOD;
	result = shmq_component_register(torture->segment, name, &quota);
	return result == 0 ? shmq_component_find(out, torture->segment, name) : result;
}

static int add_places(struct torture *torture)
{
	static const char *const names[LIMITED_PLACES] = {[TIGHT] = "tight", [BESIDE] = "beside", [ASIDE] = "aside"};
	struct arena *arena = torture->context;
	char name[32];
	int result = 0;

	for (unsigned i = 0; i < LIMITED_PLACES && result == 0; i++)
		result = add(torture, &arena->limited[i], names[i], arena_limits[i][BOOK_STORAGE],
		             arena_limits[i][BOOK_MESSAGES]);
	for (unsigned i = 0; i < OWN_POTS && result == 0; i++) {
		snprintf(name, sizeof(name), "own-%u", i);
		result = add(torture, &arena->own[i], name, SHMQ_UNLIMITED, SHMQ_UNLIMITED);
	}
	return result == 0 ? add(torture, &arena->mover, "mover", SHMQ_UNLIMITED, SHMQ_UNLIMITED) : result;
}

/* The components that programs register are in groups by patterns; the policies differ in limits, and in one place. */
static int load_policies(struct torture *torture)
{
	static const char format[] = "[default]\nmemory = %dMB\n[component:policy-%d]\n"
				     "[group:host]\nstorage = %d\nmemory = 160\nmessages = 1900/366d\n"
				     "[group:tenant]\ngroup = host\nstorage = %d\nmemory = 120\n"
				     "messages = 1500/366d\n"
				     "[group:pool]\n[group:lives]\ngroup = pool\n"
				     "[component:tigh*]\ngroup = tenant\n[component:besid*]\ngroup = tenant\n"
				     "[component:asid*]\ngroup = host\n[component:move*]\ngroup = %s\n"
				     "[component:own-*]\ngroup = lives\n[component:churn-*]\ngroup = lives\n";
	static const struct {
		int host, tenant;
		const char *mover;
	} policies[ARENA_POLICIES] = {{170, 130, "tenant"}, {140, 110, "tenant"}, {170, 130, "lives"}};
	struct arena *arena = torture->context;
	int result = 0;

	for (int i = 0; i < ARENA_POLICIES && result == 0; i++) {
		char text[sizeof(format) + 64];

		snprintf(text, sizeof(text), format, i + 1, i, policies[i].host, policies[i].tenant, policies[i].mover);
		result = torture_load_policy(torture, &arena->policies[i], text);
	}
	return result;
}

static int begin(struct torture *torture)
{
	struct arena *arena = shared_alloc(sizeof(*arena));
	int result;

	torture->context = arena;
	result = load_policies(torture);
	if (result == 0)
		result = shmq_policy_publish(torture->segment, arena->policies[0]);
	if (result == 0)
		result = shmq_component_find(&arena->limited[TENANT], torture->segment, "group:tenant");
	if (result == 0)
		result = shmq_component_find(&arena->limited[HOST], torture->segment, "group:host");
	return result == 0 ? add_places(torture) : result;
}

static void end(struct torture *torture)
{
	struct arena *arena = torture->context;

	for (unsigned i = 0; i < LIMITED; i++)
		shmq_component_put(arena->limited[i]);
	for (unsigned i = 0; i < OWN_POTS; i++)
		shmq_component_put(arena->own[i]);
	shmq_component_put(arena->mover);
	for (unsigned i = 0; i < ARENA_POLICIES; i++)
		shmq_policy_free(arena->policies[i]);
	shared_free(arena, sizeof(*arena));
}

static void round_begins(struct torture *torture)
{
	struct arena *arena = torture->context;

	counter_set(&arena->lives, 0);
	memset(arena->books, 0, sizeof(arena->books));
	memset(arena->tally, 0, sizeof(arena->tally));
	memset(arena->cells, 0, sizeof(arena->cells));
}

/* ---- The audit ---- */

static uint64_t lives_of(struct arena *arena)
{
	uint64_t lives = counter_get(&arena->lives);

	return lives < LIVES ? lives : LIVES;
}

static void expect_result(struct torture *torture, const char *what, int actual, int expected)
{
	if (actual != expected)
		torture_complain(&torture->findings->wrong, 1, what, (uint64_t)(int64_t)actual, (uint64_t)expected,
		                 (uint64_t)expected);
}

static void finish_cells(struct torture *torture)
{
	struct arena *arena = torture->context;

	for (unsigned i = 0; i < TORTURE_WORKERS_MAX * CELLS; i++) {
		struct cell *cell = &arena->cells[i / CELLS][i % CELLS];

		if (counter_get(&cell->state) != CELL_OPEN)
			continue;
		if (cell->resource == BOOK_MESSAGES)
			book_announce_one(cell->book, BOOK_MESSAGES, -(int64_t)cell->amount);
		shmq_cancel(&cell->reservation);
		book_settle(cell->book, true);
		shmq_component_put(cell->found);
	}
}

static void drop_share(struct torture *torture, struct shmq_component *component)
{
	expect_result(torture, "stating a share of 0", shmq_memory_set(component, 0, NULL), 0);
}

/* Threads that have ended left to their process what they had open, and the share that is the process's. */
static void finish_threads(struct torture *torture)
{
	struct arena *arena = torture->context;
	struct shmq_component *found;
	char name[32];

	finish_cells(torture);
	for (unsigned i = 0; i < LIMITED_PLACES; i++)
		drop_share(torture, arena->limited[i]);
	drop_share(torture, arena->mover);
	for (unsigned i = 0; i < OWN_POTS; i++)
		drop_share(torture, arena->own[i]);
	for (unsigned i = 0; i < CONTROLLERS * CHURN_NAMES; i++) {
		arena_churn_name(name, i / CHURN_NAMES, i % CHURN_NAMES);
		if (shmq_component_find(&found, torture->segment, name) != 0)
			continue;
		drop_share(torture, found);
		shmq_component_put(found);
	}
}

/* All others are dead, or ended and finished: the only slot is our own. */
static void recover_all(struct torture *torture)
{
	struct arena *arena = torture->context;
	struct shmq_info info = {.size = sizeof(info)};
	int recovered = shmq_housekeep(torture->segment);

	if (recovered > 0)
		counter_add(&arena->figures[0].recovered, (uint64_t)recovered);
	expect_result(torture, "housekeeping twice", shmq_housekeep(torture->segment), 0);
	expect_result(torture, "describing the segment", shmq_segment_info(torture->segment, &info), 0);
	if (info.threads_used != 1)
		torture_complain(&torture->findings->wrong, 1, "slots in use", info.threads_used, 1, 1);
	/* A dead controller may have left something half done; the next one, which is this, completes it. */
	expect_result(torture, "registering at rest", shmq_component_register(torture->segment, "rest", NULL), 0);
	expect_result(torture, "unregistering at rest", shmq_component_unregister(torture->segment, "rest"), 0);
}

/* Give back what the books say that is there for good: then nothing may be left. */
static void clear(struct torture *torture, struct shmq_component *component)
{
	for (unsigned i = BOOK_STORAGE; i <= BOOK_MEMORY; i++) {
		uint64_t used = torture_look(torture, component, book_resource(i)).used;

		expect_result(torture, "giving back", shmq_release(component, book_resource(i), used), 0);
		torture_expect(torture, "a level that was given back",
		               torture_look(torture, component, book_resource(i)).used, 0, 0);
	}
	expect_result(torture, "resetting", shmq_reset(component), 0);
}

static void audit_own(struct torture *torture, unsigned pot)
{
	struct arena *arena = torture->context;
	struct shmq_component *component = arena->own[pot];
	uint64_t used[BOOK_RESOURCES], digits[BOOK_RESOURCES];

	for (unsigned i = 0; i < BOOK_RESOURCES; i++)
		used[i] = torture_look(torture, component, book_resource(i)).used;
	for (unsigned life = 0; life < LIVES_OF_POT; life++) {
		for (unsigned i = 0; i < BOOK_RESOURCES; i++)
			digits[i] = life + 1 < LIVES_OF_POT ? used[i] >> DIGIT_BITS * life & ((1 << DIGIT_BITS) - 1)
			                                    : used[i] >> DIGIT_BITS * life;
		book_expect(torture, &arena->books[pot * LIVES_OF_POT + life][OWN], digits);
	}
	clear(torture, component);
}

/* The books of all who used a place, in one; a group has none. */
static void audit_limited(struct torture *torture, unsigned which)
{
	struct arena *arena = torture->context;
	struct shmq_component *component = arena->limited[which];

	for (unsigned i = 0; i < BOOK_RESOURCES; i++) {
		struct shmq_resource_status status = torture_look(torture, component, book_resource(i));
		uint64_t least = 0, most = 0;

		for (uint64_t life = 0; which < LIMITED_PLACES && life < lives_of(arena); life++) {
			struct book_page page = book_read(&arena->books[life][which]);

			least += page.before[i] < page.after[i] ? page.before[i] : page.after[i];
			most += page.before[i] < page.after[i] ? page.after[i] : page.before[i];
		}
		if (which < LIMITED_PLACES)
			torture_expect(torture, book_resource_name(i), status.used, least, most);
		if (status.peak > arena_limits[which][i])
			torture_complain(&torture->findings->over, 1, "peak", status.peak, 0, arena_limits[which][i]);
	}
	if (which < LIMITED_PLACES)
		clear(torture, component);
	else
		expect_result(torture, "resetting", shmq_reset(component), 0);
}

/* What all members of a group use, and how many there are. */
static uint64_t sum_of_members(struct torture *torture, uint32_t group, int resource)
{
	struct shmq_info info = {.size = sizeof(info)};
	uint64_t sum = 0;

	expect_result(torture, "describing the segment", shmq_segment_info(torture->segment, &info), 0);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *member;
		uint32_t above;

		if (shmq_component_at(&member, torture->segment, id) != 0)
			continue;
		if (shmq_component_group(member, &above) == 0 && above == group)
			sum += torture_look(torture, member, resource).used;
		shmq_component_put(member);
	}
	return sum;
}

/* At every rank what is used is what the members use: nothing of the dead or of the gone is left. */
static void audit_groups(struct torture *torture)
{
	static const char *const names[] = {"group:lives", "group:pool", "group:tenant", "group:host"};
	struct shmq_info info = {.size = sizeof(info)};

	expect_result(torture, "housekeeping at rest", shmq_housekeep(torture->segment), 0);
	expect_result(torture, "describing the segment", shmq_segment_info(torture->segment, &info), 0);
	if (info.retired != 0)
		torture_complain(&torture->findings->wrong, 1, "components retired at rest", info.retired, 0, 0);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct shmq_component *group;

		expect_result(torture, names[i], shmq_component_find(&group, torture->segment, names[i]), 0);
		for (unsigned level = BOOK_STORAGE; level <= BOOK_MEMORY; level++) {
			uint64_t sum = sum_of_members(torture, shmq_component_id(group), book_resource(level));

			torture_expect(torture, names[i], torture_look(torture, group, book_resource(level)).used, sum,
			               sum);
		}
		shmq_component_put(group);
	}
}

static void audit_churn(struct torture *torture, unsigned owner, unsigned which)
{
	struct arena *arena = torture->context;
	bool is_certain = counter_get(&arena->bases[owner][which]) == BASE_TAKEN;
	struct shmq_component *found = NULL;
	char name[32];

	arena_churn_name(name, owner, which);
	if (shmq_component_find(&found, torture->segment, name) != 0) {
		if (is_certain)
			torture_complain(&torture->findings->lost, 1, "a component that was registered", 0, 1, 1);
		return;
	}
	for (unsigned i = BOOK_STORAGE; i <= BOOK_MEMORY; i++) {
		uint64_t used = torture_look(torture, found, book_resource(i)).used;

		if (used > 0 || is_certain)
			torture_expect(torture, "the base of a component", used, CHURN_BASE, CHURN_BASE);
	}
	shmq_component_put(found);
}

static void round_ends(struct torture *torture)
{
	struct arena *arena = torture->context;

	arena->all_lives += counter_get(&arena->lives);
	if (torture->as_threads)
		finish_threads(torture);
	recover_all(torture);
	audit_groups(torture);
	for (unsigned i = 0; i < LIMITED; i++)
		audit_limited(torture, i);
	for (unsigned i = 0; i * LIVES_OF_POT < lives_of(arena); i++)
		audit_own(torture, i);
	for (unsigned i = 0; i < CONTROLLERS * CHURN_NAMES; i++)
		audit_churn(torture, i / CHURN_NAMES, i % CHURN_NAMES);
	audit_groups(torture);
	if (arena_verify(torture, torture->segment) != 0)
		counter_add(&torture->findings->wrong, 1);
}

static void summary(struct torture *torture)
{
	struct arena *arena = torture->context;
	struct figures all = {0};

	for (unsigned i = 0; i < TORTURE_WORKERS_MAX; i++) {
		struct figures *one = &arena->figures[i];

		counter_add(&all.admitted, counter_get(&one->admitted));
		counter_add(&all.refused, counter_get(&one->refused));
		counter_add(&all.reservations, counter_get(&one->reservations));
		counter_add(&all.stale, counter_get(&one->stale));
		counter_add(&all.recovered, counter_get(&one->recovered));
		counter_add(&all.verified, counter_get(&one->verified));
		counter_add(&all.registrations, counter_get(&one->registrations));
		counter_add(&all.full, counter_get(&one->full));
		counter_add(&all.published, counter_get(&one->published));
		counter_add(&all.busy, counter_get(&one->busy));
	}
	printf("%" PRIu64 " lives, %.2f M admitted, of these %.2f M reservations, %.2f M refused, %" PRIu64
	       " stale, %" PRIu64 " recovered by housekeeping, %" PRIu64 " registrations, %" PRIu64
	       " times full, %" PRIu64 " policies published, %" PRIu64 " not, %" PRIu64 " times verified",
	       arena->all_lives, (double)counter_get(&all.admitted) / 1e6, (double)counter_get(&all.reservations) / 1e6,
	       (double)counter_get(&all.refused) / 1e6, counter_get(&all.stale), counter_get(&all.recovered),
	       counter_get(&all.registrations), counter_get(&all.full), counter_get(&all.published),
	       counter_get(&all.busy), counter_get(&all.verified) + torture->round);
}

int main(int argc, char **argv)
{
	static const struct torture_plan plan = {
	    .name = "torture_reservation",
	    .controllers = CONTROLLERS,
	    .options = {.size = sizeof(struct shmq_options),
	                .components = OWN_POTS + 80,
	                .threads = 1,
	                .mode = 0600,
	                .reservations = RESERVATIONS},
	    .slots = SLOTS,
	    .begin = begin,
	    .round_begins = round_begins,
	    .work = reservation_work,
	    .control = reservation_control,
	    .doom = reservation_doom,
	    .round_ends = round_ends,
	    .summary = summary,
	    .end = end,
	};

	return torture_main(argc, argv, &plan);
}
