/* SPDX-License-Identifier: MIT */
/*
 * A worker that stands still at any instruction of an operation, found by stepping through it one by one: what it has
 * seen grows old while windows end, limits are used up and components come and go. When it goes on it must not admit by
 * what it saw, nor land where somebody else is by now.
 *
 * test_stop.c does the same at random; here each instruction has its turn (every n-th where there are very many).
 */
#include <errno.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/step.h"

#if STEP_IS_POSSIBLE

TestSuite(standstill, FIXTURE);

#define PERIOD (10 * MS)
#define LIMIT 10
#if defined(__SANITIZE_ADDRESS__)
#define TURNS 40 /* with many more instructions in each */
#else
#define TURNS 100
#endif
#define MANY_STEPS 100000
#define TIMEOUT_MS 5000

/* One operation of a victim, and what became of it. */
struct turn {
	struct shmq_segment *segment;
	struct shmq_component *tenant;
	int resource;
	uint64_t amount;
	struct counter begun, finished, admitted;
};

static int take_step_by_step(unsigned index, void *context)
{
	struct turn *turn = context;
	int result;

	(void)index;
	/* Attached before, so that only the operation itself is stepped through. */
	CHILD_RESULT(shmq_check(turn->tenant, SHMQ_CPU, 0, NULL), SHMQ_OK);
	step_ready();
	counter_set(&turn->begun, 1);
	result = shmq_try_consume(turn->tenant, turn->resource, turn->amount, NULL);
	counter_set(&turn->finished, 1);
	counter_set(&turn->admitted, result == SHMQ_OK);
	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED || result == -ESTALE);
	return 0;
}

/* Start a victim that is about to begin. */
static pid_t start_turn(struct turn *turn)
{
	pid_t pid;

	counter_set(&turn->begun, 0);
	counter_set(&turn->finished, 0);
	counter_set(&turn->admitted, 0);
	pid = step_start(take_step_by_step, turn);
	cr_assert_gt(pid, 0);
	return pid;
}

static void end_turn(pid_t pid)
{
	step_release(pid);
	expect_result(process_join(pid, TIMEOUT_MS), 0);
}

/* How many instructions there are from one turn to the next, so that all turns together take a few seconds. */
static long measure_stride(struct turn *turn)
{
	pid_t pid = start_turn(turn);
	long steps;

	cr_assert_geq(step_until(pid, &turn->begun, MANY_STEPS), 0);
	steps = step_until(pid, &turn->finished, MANY_STEPS);
	cr_assert(steps > 20 && steps < MANY_STEPS, "%ld instructions", steps);
	end_turn(pid);
	return 1 + steps / TURNS;
}

/* Go `steps` into the operation. Returns false where it was over before. */
static bool stand_still(struct turn *turn, pid_t pid, long steps)
{
	cr_assert_geq(step_until(pid, &turn->begun, MANY_STEPS), 0);
	cr_assert_geq(step_until(pid, &turn->finished, steps), 0);
	return counter_get(&turn->finished) == 0;
}

static uint64_t use_up(struct shmq_component *tenant, int resource)
{
	uint64_t taken = 0;

	while (shmq_try_consume(tenant, resource, 1, NULL) == SHMQ_OK)
		taken++;
	return taken;
}

/*
 * Two victims enter a fresh window and stand still in it; the next window is used up by others; then they go on, one
 * after the other: what the first one does with its old view must not mislead the second.
 */
Test(standstill, over_the_end_of_a_window_admits_nothing_by_an_old_view)
{
	struct shmq_quota quota = quota_periodic(LIMIT, PERIOD);
	struct turn *turns = shared_alloc(2 * sizeof(*turns));
	struct shmq_component *tenant = fixture_tenant(&quota);
	bool inside = true;
	long stride;

	for (unsigned i = 0; i < 2; i++)
		turns[i] = (struct turn){.tenant = tenant, .resource = SHMQ_MESSAGES, .amount = LIMIT};
	stride = measure_stride(turns);
	for (long steps = 0; inside; steps += stride) {
		pid_t pids[2] = {start_turn(&turns[0]), start_turn(&turns[1])};
		uint64_t total = fixture_status(tenant, SHMQ_MESSAGES).total, number, used, taken;

		clock_enter_window(PERIOD);
		inside = stand_still(&turns[0], pids[0], steps);
		inside = stand_still(&turns[1], pids[1], steps) || inside;
		clock_enter_window(PERIOD);
		number = clock_now_ns() / PERIOD;
		taken = use_up(tenant, SHMQ_MESSAGES);
		end_turn(pids[0]);
		end_turn(pids[1]);
		used = fixture_used(tenant, SHMQ_MESSAGES);
		taken += LIMIT * (counter_get(&turns[0].admitted) + counter_get(&turns[1].admitted));
		expect_figure(fixture_status(tenant, SHMQ_MESSAGES).total, total + taken);
		if (clock_now_ns() / PERIOD == number)
			cr_assert_leq(used, LIMIT, "stopped after %ld instructions: %" PRIu64 " used", steps, used);
	}
}

/* The victim stands still; others use the level up, or leave it alone. It must take all it asked for, or nothing. */
Test(standstill, while_a_level_is_used_up_admits_nothing_by_an_old_view)
{
	struct shmq_quota quota = quota_calm(LIMIT);
	struct turn *turn = shared_alloc(sizeof(*turn));
	unsigned refusals = 0, admissions = 0;
	bool inside = true;
	long stride;

	turn->tenant = fixture_tenant(&quota);
	turn->resource = SHMQ_STORAGE;
	turn->amount = LIMIT - 1;
	stride = measure_stride(turn);
	for (long steps = 0; inside; steps += stride) {
		pid_t pid;
		uint64_t taken;

		expect_result(shmq_reset(turn->tenant), 0);
		expect_result(shmq_consume(turn->tenant, SHMQ_STORAGE, 1), SHMQ_OK);
		pid = start_turn(turn);
		inside = stand_still(turn, pid, steps);
		/* Release and take again: the level is the same as the victim saw it, and yet it is another. */
		if (fixture_used(turn->tenant, SHMQ_STORAGE) == 1)
			expect_result(shmq_release(turn->tenant, SHMQ_STORAGE, 1), SHMQ_OK);
		taken = use_up(turn->tenant, SHMQ_STORAGE);
		end_turn(pid);
		if (counter_get(&turn->admitted))
			taken += LIMIT;
		cr_assert_eq(taken, LIMIT, "stopped after %ld instructions: %" PRIu64 " taken", steps, taken);
		expect_figure(fixture_used(turn->tenant, SHMQ_STORAGE), LIMIT);
		admissions += counter_get(&turn->admitted) != 0;
		refusals += counter_get(&turn->admitted) == 0;
	}
	cr_assert(admissions > 2 && refusals > 2, "%u admitted, %u refused", admissions, refusals);
}

/* Replace the tenant by another component in the only place there is. Returns false where that has to wait. */
static bool replace_tenant(struct shmq_segment *segment, const char *old, const char *new)
{
	struct shmq_quota quota = quota_calm(1000);
	int result;

	expect_result(shmq_component_unregister(segment, old), 0);
	result = shmq_component_register(segment, new, &quota);
	cr_assert(result == 0 || result == -ENOSPC, "register returned %d", result);
	return result == 0;
}

static void expect_untouched(struct shmq_segment *segment, const char *name, long steps)
{
	struct shmq_component *heir = NULL;

	expect_result(shmq_component_find(&heir, segment, name), 0);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		cr_assert_eq(fixture_status(heir, resource).total, 0,
		             "stopped after %ld instructions, landed on another", steps);
	shmq_component_put(heir);
}

/* One turn: the victim stands still, its component goes, and another comes if it can. Returns whether it did. */
static bool turn_over(struct turn *turn, long steps, bool *inside)
{
	struct shmq_quota quota = quota_calm(1000);
	bool replaced;
	pid_t pid;

	expect_result(shmq_component_register(turn->segment, "tenant", &quota), 0);
	expect_result(shmq_component_find(&turn->tenant, turn->segment, "tenant"), 0);
	pid = start_turn(turn);
	*inside = stand_still(turn, pid, steps);
	replaced = replace_tenant(turn->segment, "tenant", "heir");
	end_turn(pid);
	if (!replaced) /* the victim is out of the way now */
		expect_result(shmq_component_register(turn->segment, "heir", &quota), 0);
	expect_untouched(turn->segment, "heir", steps);
	expect_result(shmq_try_consume(turn->tenant, turn->resource, 1, NULL), -ESTALE);
	shmq_component_put(turn->tenant);
	expect_result(shmq_component_unregister(turn->segment, "heir"), 0);
	return replaced;
}

static void replace_under(int resource)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct turn *turn = shared_alloc(sizeof(*turn));
	unsigned replaced = 0, waited = 0;
	struct shmq_quota quota = quota_calm(1000);
	bool inside = true;
	long stride;

	options.components = 1;
	turn->segment = fixture_segment(&options);
	turn->resource = resource;
	turn->amount = 1;
	expect_result(shmq_component_register(turn->segment, "tenant", &quota), 0);
	expect_result(shmq_component_find(&turn->tenant, turn->segment, "tenant"), 0);
	stride = measure_stride(turn);
	shmq_component_put(turn->tenant);
	expect_result(shmq_component_unregister(turn->segment, "tenant"), 0);
	for (long steps = 0; inside; steps += stride) {
		bool at_once = turn_over(turn, steps, &inside);

		replaced += at_once;
		waited += !at_once;
	}
	/* Before and after its read section nobody waits for it; inside of it the place must not be used again. */
	cr_assert(replaced > 1 && waited > 1, "%u replaced at once, %u waited", replaced, waited);
}

Test(standstill, while_its_component_is_replaced_never_lands_on_another)
{
	replace_under(SHMQ_STORAGE);
}

Test(standstill, while_its_component_is_replaced_never_lands_in_the_window_of_another)
{
	replace_under(SHMQ_MESSAGES);
}

#endif
