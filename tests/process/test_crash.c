/* SPDX-License-Identifier: MIT */
/*
 * Workers killed by SIGKILL at random, thousands of times, while others consume: nobody hangs, nothing is admitted
 * beyond a limit, and nothing is lost but what was in the hands of the victim at that moment, which is one operation.
 *
 * A victim counts each operation before (`begun`) and after (`done`) it in shared memory of the test's own, so per
 * kill at most one operation is unknown: it may or may not have landed.
 */
#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(crash, FIXTURE);

#define SURVIVORS 2
/* What a survivor takes at a time; victims take 1, so the two can be told apart in one figure. */
#define LARGE (UINT64_C(1) << 23)
/* So that all victims together stay below one LARGE, and survivors of any speed below the range of a count. */
#define VICTIM_OPERATIONS 4000
#define SURVIVOR_BATCH 100

struct scene {
	struct shmq_segment *segment;
	struct shmq_component *shared, *own, *limited;
	struct counter stop;
	struct counter born;              /* victims that got as far as their first line */
	struct counter begun, done;       /* operations of victims */
	struct counter survivors_taken;   /* operations of LARGE on `shared` */
	struct counter admitted, unknown; /* on `limited`, of everybody */
};

static struct scene *set_the_scene(uint64_t limit)
{
	struct shmq_quota unlimited = quota_calm(SHMQ_UNLIMITED), limited = quota_calm(limit);
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct scene *scene = shared_alloc(sizeof(*scene));

	/* Far fewer slots than victims: those of the dead must be found again. */
	options.threads = 16;
	scene->segment = fixture_segment(&options);
	scene->shared = fixture_component(scene->segment, "shared", &unlimited);
	scene->own = fixture_component(scene->segment, "own", &unlimited);
	scene->limited = fixture_component(scene->segment, "limited", &limited);
	return scene;
}

static int survive(unsigned index, void *context)
{
	struct scene *scene = context;

	while (counter_get(&scene->stop) == 0) {
		for (unsigned i = 0; i < SURVIVOR_BATCH; i++) {
			int resource = index % 2 ? SHMQ_NETWORK : SHMQ_STORAGE;

			CHILD_RESULT(shmq_try_consume(scene->shared, resource, LARGE, NULL), SHMQ_OK);
			counter_add(&scene->survivors_taken, 1);
		}
		clock_sleep_ns(MS / 10);
	}
	return 0;
}

/* One victim's life: it may open for itself, then takes single units of its own and of the shared component. */
static int be_killed(unsigned index, void *context)
{
	struct scene *scene = context;
	struct shmq_component *shared = scene->shared;
	struct shmq_segment *segment;

	counter_add(&scene->born, 1);
	if (index % 4 == 0) {
		CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_WORK), 0);
		CHILD_RESULT(shmq_component_find(&shared, segment, "shared"), 0);
	}
	for (unsigned i = 0; i < VICTIM_OPERATIONS; i++) {
		int resource = (int)(index % SHMQ_RESOURCES);

		counter_add(&scene->begun, 1);
		CHILD_RESULT(shmq_try_consume(scene->own, resource, 1, NULL), SHMQ_OK);
		CHILD_RESULT(shmq_try_consume(shared, index % 2 ? SHMQ_NETWORK : SHMQ_STORAGE, 1, NULL), SHMQ_OK);
		counter_add(&scene->done, 1);
	}
	for (;;)
		clock_sleep_ns(SECOND);
}

/*
 * Start a victim, let it live a little, kill it. Most are killed within 200 us of their first line, wherever they are by
 * then; every fourth at any time after the fork, so that some die while they attach. Returns how it ended.
 */
static int kill_one(process_body *body, unsigned index, struct scene *scene, struct prng *prng)
{
	uint64_t born = counter_get(&scene->born);
	pid_t victim = process_start(body, index, scene);

	if (index % 4 != 3)
		counter_await(&scene->born, born + 1, 1000);
	clock_sleep_ns(prng_below(prng, MS / 5));
	return process_kill(victim);
}

static uint64_t used_by_all(struct shmq_component *component)
{
	uint64_t used = 0;

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		used += fixture_used(component, resource);
	return used;
}

/* Kill one and look at its own component: what it says it did is there, and at most one operation more. */
static void kill_and_audit(struct scene *scene, unsigned round, struct prng *prng)
{
	uint64_t before = used_by_all(scene->own), begun = counter_get(&scene->begun), done = counter_get(&scene->done);
	uint64_t landed;

	expect_result(kill_one(be_killed, round, scene, prng), PROCESS_SIGNAL(9));
	landed = used_by_all(scene->own) - before;
	begun = counter_get(&scene->begun) - begun;
	done = counter_get(&scene->done) - done;
	cr_assert(landed >= done && landed <= begun && begun - done <= 1,
	          "victim %u began %" PRIu64 ", finished %" PRIu64 ", but %" PRIu64 " landed", round, begun, done,
	          landed);
}

static void kill_many(unsigned kills, uint64_t seed)
{
	struct scene *scene = set_the_scene(1);
	struct prng prng = prng_seed(seed, 0);
	uint64_t survivors, victims, done;
	pid_t pids[SURVIVORS];

	process_start_group(pids, SURVIVORS, survive, scene);
	for (unsigned round = 0; round < kills; round++)
		kill_and_audit(scene, round, &prng);
	counter_set(&scene->stop, 1);
	expect_figure(process_join_group(pids, SURVIVORS, 10000), 0);
	survivors = used_by_all(scene->shared) / LARGE;
	victims = used_by_all(scene->shared) % LARGE;
	done = counter_get(&scene->done);
	cr_assert_gt(done, kills / 2, "the victims hardly did anything before they were killed");
	expect_figure(survivors, counter_get(&scene->survivors_taken));
	cr_assert(victims >= done && victims <= done + kills, "%" PRIu64 " of %" PRIu64, victims, done);
	cr_assert_lt(done + kills, LARGE);
}

Test(crash, of_a_thousand_workers_loses_nothing)
{
	kill_many(1000, 1);
}

Test(crash, of_a_thousand_other_workers_loses_nothing)
{
	kill_many(1000, 2);
}

/* Take what there is of a limit and note every answer; a killed one leaves at most one answer unknown. */
static int compete(unsigned index, void *context)
{
	struct scene *scene = context;

	(void)index;
	counter_add(&scene->born, 1);
	while (counter_get(&scene->stop) == 0) {
		int result;

		counter_add(&scene->unknown, 1);
		result = shmq_try_consume(scene->limited, SHMQ_MESSAGES, 1, NULL);
		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_OK)
			counter_add(&scene->admitted, 1);
		counter_add(&scene->unknown, UINT64_MAX);
	}
	return 0;
}

Test(crash, never_makes_the_others_pass_a_limit)
{
	const uint64_t limit = 300000;
	struct scene *scene = set_the_scene(limit);
	struct prng prng = prng_seed(3, 0);
	pid_t pids[SURVIVORS];
	unsigned kills = 0;
	uint64_t admitted;

	process_start_group(pids, SURVIVORS, compete, scene);
	while (kills < 3000 && (kills < 300 || counter_get(&scene->admitted) < limit - 300)) {
		expect_result(kill_one(compete, kills++, scene, &prng), PROCESS_SIGNAL(9));
	}
	/* Survivors take the rest. */
	while (shmq_check(scene->limited, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
		clock_sleep_ns(MS);
	counter_set(&scene->stop, 1);
	expect_figure(process_join_group(pids, SURVIVORS, 10000), 0);
	admitted = counter_get(&scene->admitted);
	expect_figure(fixture_used(scene->limited, SHMQ_MESSAGES), limit);
	cr_assert(admitted <= limit && admitted + counter_get(&scene->unknown) >= limit,
	          "%" PRIu64 " admitted, %" PRIu64 " unknown", admitted, counter_get(&scene->unknown));
	cr_assert_leq(counter_get(&scene->unknown), kills);
}

/* Levels go up and down; a victim holds at most what it noted before it took it. */
static int take_and_release(unsigned index, void *context)
{
	struct scene *scene = context;

	(void)index;
	counter_add(&scene->born, 1);
	while (counter_get(&scene->stop) == 0) {
		int result;

		counter_add(&scene->unknown, 1);
		result = shmq_try_consume(scene->limited, SHMQ_STORAGE, 1, NULL);
		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		if (result == SHMQ_OK)
			CHILD_RESULT(shmq_release(scene->limited, SHMQ_STORAGE, 1), SHMQ_OK);
		counter_add(&scene->unknown, UINT64_MAX);
	}
	return 0;
}

Test(crash, of_who_holds_a_level_keeps_no_more_than_it_held)
{
	struct scene *scene = set_the_scene(1000000);
	struct prng prng = prng_seed(4, 0);
	pid_t pids[SURVIVORS];
	uint64_t held;

	process_start_group(pids, SURVIVORS, take_and_release, scene);
	for (unsigned kills = 0; kills < 500; kills++)
		expect_result(kill_one(take_and_release, kills, scene, &prng), PROCESS_SIGNAL(9));
	counter_set(&scene->stop, 1);
	expect_figure(process_join_group(pids, SURVIVORS, 10000), 0);
	held = fixture_used(scene->limited, SHMQ_STORAGE);
	cr_assert_leq(held, counter_get(&scene->unknown));
	/* What was left behind can be given back, all of it and no more. */
	expect_result(shmq_release(scene->limited, SHMQ_STORAGE, held), SHMQ_OK);
	expect_figure(fixture_used(scene->limited, SHMQ_STORAGE), 0);
}
