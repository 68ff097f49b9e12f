/* SPDX-License-Identifier: MIT */
/*
 * Torture of what consuming promises: windows, levels and several demands at once, under random deaths and stops of
 * workers and of a controller that reloads, registers and unregisters meanwhile.
 *
 * Every worker keeps books in memory outside of the segment: `begun` before a call, `done` after it was admitted,
 * `undone` after it was refused. Whatever it died in, the truth lies between done and begun - undone; a figure of the
 * library outside of that is lost or leaked. Windows are judged from the outside, by the clock (see ledger.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/ledger.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "torture.h"

#define FAST_PERIOD (20 * MS)
#define FAST_LIMIT 2000
#define SLOW_PERIOD (100 * MS)
#define SLOW_LIMIT 100000
#define LEVEL_LIMIT 50
#define PAIR_STORAGE_LIMIT 2 /* scarce: most refused pairs have taken their message already and give it back */
#define CHURN_NAMES 8

struct book {
	struct counter begun, done, undone;
};

enum subject { FAST, SLOW, LEVEL, RELEASED, OWN, PAIR, PAIR_RELEASED, SUBJECTS };

struct arena {
	struct shmq_component *fast, *slow, *level, *own, *pair, *reload;
	struct ledger *fast_ledger, *slow_ledger;
	struct shmq_policy *policies[2];
	uint64_t total_before[SUBJECTS];
	struct counter level_held; /* never above the true level: added to after taking, taken from before releasing */
	struct book books[SUBJECTS][TORTURE_WORKERS_MAX];
	uint64_t windows, saturated, admitted;
};

/* One worker's view. */
struct worker {
	struct torture *torture;
	struct arena *arena;
	unsigned index;
	struct prng prng;
};

/* ---- Workers ---- */

static struct book *book_of(struct worker *worker, enum subject subject)
{
	return &worker->arena->books[subject][worker->index];
}

static int settle(struct book *book, uint64_t amount, int result)
{
	if (result == SHMQ_OK)
		counter_add(&book->done, amount);
	else
		counter_add(&book->undone, amount);
	return result;
}

static int take_by_window(struct worker *worker, enum subject subject, uint64_t largest)
{
	struct arena *arena = worker->arena;
	bool fast = subject == FAST;
	uint64_t amount = 1 + prng_below(&worker->prng, largest), before;
	int result;

	counter_add(&book_of(worker, subject)->begun, amount);
	before = clock_coarse_ns();
	result = shmq_try_consume(fast ? arena->fast : arena->slow, fast ? SHMQ_MESSAGES : SHMQ_NETWORK, amount, NULL);
	if (result == SHMQ_OK || (result == SHMQ_DENIED && amount == 1))
		ledger_note(fast ? arena->fast_ledger : arena->slow_ledger, before, clock_now_ns(),
		            result == SHMQ_OK ? amount : 0);
	settle(book_of(worker, subject), amount, result);
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	return 0;
}

static int take_and_release(struct worker *worker)
{
	struct arena *arena = worker->arena;
	uint64_t amount = 1 + prng_below(&worker->prng, 20);
	int result;

	counter_add(&book_of(worker, LEVEL)->begun, amount);
	result = settle(book_of(worker, LEVEL), amount, shmq_try_consume(arena->level, SHMQ_STORAGE, amount, NULL));
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	if (result != SHMQ_OK)
		return 0;
	counter_add(&arena->level_held, amount);
	if (counter_get(&arena->level_held) > LEVEL_LIMIT)
		counter_add(&worker->torture->findings->over, 1);
	counter_add(&arena->level_held, -amount);
	counter_add(&book_of(worker, RELEASED)->begun, amount);
	CHILD_RESULT(shmq_release(arena->level, SHMQ_STORAGE, amount), SHMQ_OK);
	counter_add(&book_of(worker, RELEASED)->done, amount);
	return 0;
}

static int record(struct worker *worker)
{
	counter_add(&book_of(worker, OWN)->begun, 1);
	CHILD_RESULT(settle(book_of(worker, OWN), 1, shmq_consume(worker->arena->own, SHMQ_CPU, 1)), SHMQ_OK);
	return 0;
}

static int take_a_pair(struct worker *worker)
{
	static const struct shmq_demand orders[2][2] = {{{SHMQ_STORAGE, 1}, {SHMQ_MESSAGES, 1}},
	                                                {{SHMQ_MESSAGES, 1}, {SHMQ_STORAGE, 1}}};
	int result;

	counter_add(&book_of(worker, PAIR)->begun, 1);
	result = shmq_try_consume_all(worker->arena->pair, orders[prng_below(&worker->prng, 2)], 2, NULL);
	settle(book_of(worker, PAIR), 1, result);
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	if (result != SHMQ_OK)
		return 0;
	counter_add(&book_of(worker, PAIR_RELEASED)->begun, 1);
	CHILD_RESULT(shmq_release(worker->arena->pair, SHMQ_STORAGE, 1), SHMQ_OK);
	counter_add(&book_of(worker, PAIR_RELEASED)->done, 1);
	return 0;
}

/* Either policy refuses this: one gives no storage, the other no messages. */
static int ask_for_a_mixture(struct worker *worker)
{
	static const struct shmq_demand demands[2] = {{SHMQ_STORAGE, 1}, {SHMQ_MESSAGES, 1}};
	struct shmq_quota quota = {.size = sizeof(quota)};

	if (shmq_try_consume_all(worker->arena->reload, demands, 2, NULL) != SHMQ_DENIED)
		counter_add(&worker->torture->findings->mixed, 1);
	CHILD_RESULT(shmq_component_quota(worker->arena->reload, &quota), 0);
	if ((quota.limit[SHMQ_STORAGE] == 0) == (quota.limit[SHMQ_MESSAGES] == 0))
		counter_add(&worker->torture->findings->mixed, 1);
	return 0;
}

static void name_churn(char name[16], struct prng *prng)
{
	snprintf(name, 16, "churn-%u", (unsigned)prng_below(prng, CHURN_NAMES));
}

static int visit(struct worker *worker)
{
	struct shmq_component *found = NULL;
	struct shmq_status status;
	char name[16];
	int result;

	name_churn(name, &worker->prng);
	result = shmq_component_find(&found, worker->torture->segment, name);
	CHILD_CHECK(result == 0 || result == -ENOENT);
	if (result != 0)
		return 0;
	result = shmq_try_consume(found, SHMQ_CPU, 1, NULL);
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED || result == -ESTALE);
	result = shmq_status(found, &status);
	CHILD_CHECK(result == 0 || result == -ESTALE);
	shmq_component_put(found);
	return 0;
}

static int step(struct worker *worker)
{
	switch (prng_below(&worker->prng, 16)) {
	case 0:
	case 1:
		return take_by_window(worker, SLOW, 100);
	case 2:
	case 3:
	case 4:
		return take_and_release(worker);
	case 5:
		return record(worker);
	case 6:
	case 7:
		return take_a_pair(worker);
	case 8:
		return ask_for_a_mixture(worker);
	case 9:
		return visit(worker);
	default:
		return take_by_window(worker, FAST, prng_below(&worker->prng, 2) ? 1 : 3);
	}
}

static int work(struct torture *torture, unsigned index)
{
	/* Whoever takes the place of one that was killed does something else than it did. */
	struct worker worker = {torture, torture->context, index, prng_seed(torture->seed ^ clock_now_ns(), index)};
	uint64_t operations = 0;
	int failed = 0;

	while (!failed && !torture_stops(torture)) {
		failed = step(&worker);
		if (++operations % 256 == 0)
			counter_add(torture->operations, 256);
		if (operations % 4096 == 0)
			CHILD_CHECK(shmq_housekeep(torture->segment) >= 0);
	}
	return failed;
}

/* ---- The controller ---- */

static int control_once(struct arena *arena, struct shmq_segment *segment, struct prng *prng)
{
	char name[16];

	name_churn(name, prng);
	switch (prng_below(prng, 8)) {
	case 0:
		return shmq_policy_publish(segment, arena->policies[prng_below(prng, 2)]);
	case 1:
		return shmq_housekeep(segment) < 0 ? -EIO : 0;
	case 2:
	case 3:
	case 4:
		return shmq_component_unregister(segment, name);
	default:
		return shmq_component_register(segment, name, NULL);
	}
}

static int control(struct torture *torture, unsigned index)
{
	struct prng prng = prng_seed(torture->seed ^ clock_now_ns(), index);
	struct shmq_segment *segment;

	CHILD_RESULT(torture_open_control(torture, &segment), 0);
	while (!torture_stops(torture)) {
		int result = control_once(torture->context, segment, &prng);

		/* -EAGAIN: a stopped worker still reads the policy before the last one. */
		CHILD_CHECK(result == 0 || result == -EEXIST || result == -ENOENT || result == -EAGAIN);
		counter_add(torture->operations, 1);
	}
	torture_close_control(torture, segment);
	return 0;
}

/* ---- Setting up ---- */

static int add(struct torture *torture, struct shmq_component **out, const char *name, uint64_t limit, uint64_t period)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	int result;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		quota.limit[resource] = limit;
		if (out == &((struct arena *)torture->context)->pair && resource == SHMQ_STORAGE)
			quota.limit[resource] = PAIR_STORAGE_LIMIT;
		quota.period_ns[resource] = shmq_resource_is_rate(resource) ? period : 0;
	}
	result = shmq_component_register(torture->segment, name, &quota);
	return result == 0 ? shmq_component_find(out, torture->segment, name) : result;
}

static int begin(struct torture *torture)
{
	struct arena *arena = shared_alloc(sizeof(*arena));
	uint64_t calm = clock_calm_period_ns();
	int result;

	torture->context = arena;
	if ((result = torture_load_policy(torture, &arena->policies[0],
	                                  "[component:reload]\nstorage = 0\nmessage_rate = 9/h\n")) != 0 ||
	    (result = torture_load_policy(torture, &arena->policies[1],
	                                  "[component:reload]\nstorage = 9\nmessage_rate = 0/h\n")) != 0 ||
	    (result = shmq_policy_publish(torture->segment, arena->policies[0])) != 0 ||
	    (result = shmq_component_find(&arena->reload, torture->segment, "reload")) != 0 ||
	    (result = add(torture, &arena->fast, "fast", FAST_LIMIT, FAST_PERIOD)) != 0 ||
	    (result = add(torture, &arena->slow, "slow", SLOW_LIMIT, SLOW_PERIOD)) != 0 ||
	    (result = add(torture, &arena->level, "level", LEVEL_LIMIT, calm)) != 0 ||
	    (result = add(torture, &arena->own, "own", SHMQ_UNLIMITED, calm)) != 0)
		return result;
	return add(torture, &arena->pair, "pair", SHMQ_UNLIMITED, calm);
}

static void end(struct torture *torture)
{
	struct arena *arena = torture->context;

	if (!arena)
		return;
	shmq_component_put(arena->fast);
	shmq_component_put(arena->slow);
	shmq_component_put(arena->level);
	shmq_component_put(arena->own);
	shmq_component_put(arena->pair);
	shmq_component_put(arena->reload);
	shmq_policy_free(arena->policies[0]);
	shmq_policy_free(arena->policies[1]);
}

/* ---- Books ---- */

static void round_begins(struct torture *torture)
{
	struct arena *arena = torture->context;

	for (unsigned subject = 0; subject < SUBJECTS; subject++)
		for (unsigned i = 0; i < TORTURE_WORKERS_MAX; i++) {
			struct book *book = &arena->books[subject][i];

			counter_set(&book->begun, 0);
			counter_set(&book->done, 0);
			counter_set(&book->undone, 0);
		}
	counter_set(&arena->level_held, 0);
	arena->total_before[FAST] = torture_look(torture, arena->fast, SHMQ_MESSAGES).total;
	arena->total_before[SLOW] = torture_look(torture, arena->slow, SHMQ_NETWORK).total;
	arena->total_before[LEVEL] = torture_look(torture, arena->level, SHMQ_STORAGE).total;
	arena->total_before[OWN] = torture_look(torture, arena->own, SHMQ_CPU).total;
	arena->fast_ledger = ledger_open(FAST_PERIOD, 20 * SECOND);
	arena->slow_ledger = ledger_open(SLOW_PERIOD, 20 * SECOND);
}

/* What all workers know to have done, and what they may have done at most. */
static void add_up(struct arena *arena, enum subject subject, uint64_t *least, uint64_t *most)
{
	*least = *most = 0;
	for (unsigned i = 0; i < TORTURE_WORKERS_MAX; i++) {
		struct book *book = &arena->books[subject][i];

		*least += counter_get(&book->done);
		*most += counter_get(&book->begun) - counter_get(&book->undone);
	}
}

static void expect_total(struct torture *torture, const char *what, enum subject subject, uint64_t total)
{
	struct arena *arena = torture->context;
	uint64_t least, most;

	add_up(arena, subject, &least, &most);
	torture_expect(torture, what, total - arena->total_before[subject], least, most);
	arena->admitted += least;
}

static void expect_windows(struct torture *torture, struct ledger *ledger, uint64_t limit)
{
	struct ledger_audit audit = ledger_audit(ledger, limit);
	struct arena *arena = torture->context;

	if (audit.over > 0)
		torture_complain(&torture->findings->over, audit.over, "windows over their limit", audit.over, 0, 0);
	/* Who is killed after an admission does not book it, so only an undisturbed run can tell this. */
	if (torture->as_threads && audit.starved > 0)
		torture_complain(&torture->findings->lost, audit.starved, "windows that refused too early",
		                 audit.starved, 0, 0);
	arena->saturated += audit.saturated;
	arena->windows += ledger_elapsed(ledger);
	ledger_close(ledger);
}

static void expect_level(struct torture *torture)
{
	struct arena *arena = torture->context;
	struct shmq_resource_status level = torture_look(torture, arena->level, SHMQ_STORAGE);
	uint64_t taken[2], released[2];

	expect_total(torture, "taken from the level", LEVEL, level.total);
	add_up(arena, LEVEL, &taken[0], &taken[1]);
	add_up(arena, RELEASED, &released[0], &released[1]);
	torture_expect(torture, "left in the level by the dead", level.used,
	               taken[0] > released[1] ? taken[0] - released[1] : 0, taken[1] - released[0]);
	if (level.peak > LEVEL_LIMIT)
		torture_complain(&torture->findings->over, 1, "peak of the level", level.peak, 0, LEVEL_LIMIT);
	/* The next round begins with an empty level. */
	if (shmq_release(arena->level, SHMQ_STORAGE, level.used) != 0)
		torture_complain(&torture->findings->wrong, 1, "releasing what the dead left", level.used, 0, 0);
}

static void expect_pair(struct torture *torture)
{
	struct arena *arena = torture->context;
	uint64_t storage = torture_look(torture, arena->pair, SHMQ_STORAGE).used;
	uint64_t peak = torture_look(torture, arena->pair, SHMQ_STORAGE).peak;
	uint64_t messages = torture_look(torture, arena->pair, SHMQ_MESSAGES).used;
	uint64_t taken[2], released[2];

	add_up(arena, PAIR, &taken[0], &taken[1]);
	add_up(arena, PAIR_RELEASED, &released[0], &released[1]);
	torture_expect(torture, "messages of pairs", messages, taken[0], taken[1]);
	torture_expect(torture, "storage of pairs", storage, taken[0] > released[1] ? taken[0] - released[1] : 0,
	               taken[1] - released[0]);
	if (peak > PAIR_STORAGE_LIMIT)
		torture_complain(&torture->findings->over, 1, "peak of storage of pairs", peak, 0, PAIR_STORAGE_LIMIT);
	if (shmq_reset(arena->pair) != 0 || torture_look(torture, arena->pair, SHMQ_MESSAGES).used != 0)
		torture_complain(&torture->findings->wrong, 1, "resetting the pairs", messages, 0, 0);
}

static void round_ends(struct torture *torture)
{
	struct arena *arena = torture->context;

	expect_total(torture, "fast window", FAST, torture_look(torture, arena->fast, SHMQ_MESSAGES).total);
	expect_total(torture, "slow window", SLOW, torture_look(torture, arena->slow, SHMQ_NETWORK).total);
	expect_total(torture, "recorded", OWN, torture_look(torture, arena->own, SHMQ_CPU).total);
	expect_windows(torture, arena->fast_ledger, FAST_LIMIT);
	expect_windows(torture, arena->slow_ledger, SLOW_LIMIT);
	expect_level(torture);
	expect_pair(torture);
}

static void summary(struct torture *torture)
{
	struct arena *arena = torture->context;

	printf("%.1f M admitted, %" PRIu64 " windows of which %" PRIu64 " refused", (double)arena->admitted / 1e6,
	       arena->windows, arena->saturated);
}

int main(int argc, char **argv)
{
	static const struct torture_plan plan = {
	    .name = "torture_window",
	    .controllers = 1,
	    .options = {.size = sizeof(struct shmq_options),
	                .components = 64,
	                .threads = 48,
	                .mode = 0600,
	                .reservations = 64},
	    .begin = begin,
	    .round_begins = round_begins,
	    .work = work,
	    .control = control,
	    .round_ends = round_ends,
	    .summary = summary,
	    .end = end,
	};

	return torture_main(argc, argv, &plan);
}
