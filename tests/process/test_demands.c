/* SPDX-License-Identifier: MIT */
/*
 * shmq_try_consume_all(): several resources or none, also when several processes compete for the last of each.
 */
#include <errno.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(demands, FIXTURE);

#define FOR_EACH_RESOURCE(resource) for (int resource = 0; resource < SHMQ_RESOURCES; resource++)

static void expect_used(struct shmq_component *tenant, uint64_t used)
{
	FOR_EACH_RESOURCE(resource)
	{
		expect_figure(fixture_used(tenant, resource), used);
		expect_figure(fixture_status(tenant, resource).total, used);
		expect_figure(fixture_status(tenant, resource).peak, used);
	}
}

Test(demands, are_all_taken_when_all_fit)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_demand demands[SHMQ_RESOURCES];
	struct shmq_verdict verdict;

	FOR_EACH_RESOURCE(resource)
	demands[resource] = (struct shmq_demand){resource, 50};
	expect_result(shmq_try_consume_all(tenant, demands, SHMQ_RESOURCES, &verdict), SHMQ_OK);
	cr_assert_eq(verdict.resource, SHMQ_MEMORY, "the last one's verdict");
	expect_used(tenant, 50);
	expect_result(shmq_try_consume_all(tenant, demands, SHMQ_RESOURCES, NULL), SHMQ_OK);
	expect_result(shmq_try_consume_all(tenant, demands, SHMQ_RESOURCES, NULL), SHMQ_DENIED);
	expect_used(tenant, 100);
}

Test(demands, leave_everything_as_it_was_whichever_is_refused)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(refused)
	{
		struct shmq_demand demands[SHMQ_RESOURCES];
		struct shmq_verdict verdict = {0};

		FOR_EACH_RESOURCE(resource)
		demands[resource] = (struct shmq_demand){resource, resource == refused ? 101 : 10};
		expect_result(shmq_try_consume_all(tenant, demands, SHMQ_RESOURCES, &verdict), SHMQ_DENIED);
		cr_assert_eq(verdict.resource, refused, "the verdict names %d, refused was %d", verdict.resource,
		             refused);
		expect_figure(verdict.requested, 101);
		expect_used(tenant, 0);
	}
}

Test(demands, on_one_resource_twice_are_added_up)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);

	FOR_EACH_RESOURCE(resource)
	{
		struct shmq_demand demands[] = {{resource, 60}, {resource, 41}};

		expect_result(shmq_try_consume_all(tenant, demands, 2, NULL), SHMQ_DENIED);
		expect_figure(fixture_used(tenant, resource), 0);
		demands[1].amount = 40;
		expect_result(shmq_try_consume_all(tenant, demands, 2, NULL), SHMQ_OK);
		expect_figure(fixture_used(tenant, resource), 100);
	}
}

Test(demands, may_be_nothing_but_not_nonsense)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_demand demands[SHMQ_DEMANDS_MAX + 1] = {{SHMQ_STORAGE, 0}};

	expect_result(shmq_try_consume_all(tenant, demands, SHMQ_DEMANDS_MAX, NULL), SHMQ_OK);
	expect_result(shmq_try_consume_all(tenant, demands, SHMQ_DEMANDS_MAX + 1, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(tenant, demands, 0, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(tenant, NULL, 1, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(NULL, demands, 1, NULL), -EINVAL);
}

Test(demands, with_one_bad_among_them_take_nothing)
{
	struct shmq_quota quota = quota_calm(100);
	struct shmq_component *tenant = fixture_tenant(&quota);
	struct shmq_demand unknown[] = {{SHMQ_STORAGE, 1}, {SHMQ_RESOURCES, 1}, {SHMQ_CPU, 1}};
	struct shmq_demand negative[] = {{SHMQ_STORAGE, 1}, {SHMQ_CPU, 1}, {SHMQ_NONE, 1}};
	struct shmq_demand huge[] = {{SHMQ_STORAGE, 1}, {SHMQ_CPU, 1}, {SHMQ_MESSAGES, UINT64_MAX}};

	expect_result(shmq_try_consume_all(tenant, unknown, 3, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(tenant, negative, 3, NULL), -EINVAL);
	expect_result(shmq_try_consume_all(tenant, huge, 3, NULL), -EOVERFLOW);
	expect_used(tenant, 0);
}

struct contest {
	struct shmq_component *tenant;
	struct gate gate;
	struct counter admitted, stop;
	struct counter excess; /* verdicts that admitted beyond a limit */
};

/* Each request takes 3 bytes and 2 messages, in either order; the messages run out first. */
static int compete(unsigned index, void *context)
{
	struct contest *contest = context;
	struct prng prng = prng_seed(5, index);
	struct shmq_demand demands[2][2] = {{{SHMQ_STORAGE, 3}, {SHMQ_MESSAGES, 2}},
	                                    {{SHMQ_MESSAGES, 2}, {SHMQ_STORAGE, 3}}};

	gate_wait(&contest->gate);
	for (unsigned refusals = 0; refusals < 2000;) {
		struct shmq_verdict verdict;
		int result = shmq_try_consume_all(contest->tenant, demands[prng_below(&prng, 2)], 2, &verdict);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		counter_add(&contest->admitted, result == SHMQ_OK);
		if (result == SHMQ_OK && verdict.current + verdict.requested > verdict.limit)
			counter_add(&contest->excess, 1);
		refusals += result == SHMQ_DENIED;
	}
	return 0;
}

Test(demands, of_competing_processes_add_up_exactly)
{
	struct shmq_quota quota = quota_calm(100000);
	struct contest *contest = shared_alloc(sizeof(*contest));
	uint64_t admitted;
	pid_t pids[4];

	quota.limit[SHMQ_STORAGE] = 1000000;
	contest->tenant = fixture_tenant(&quota);
	process_start_group(pids, 4, compete, contest);
	cr_assert(gate_open(&contest->gate, 4));
	expect_figure(process_join_group(pids, 4, 20000), 0);
	admitted = counter_get(&contest->admitted);
	expect_figure(counter_get(&contest->excess), 0);
	cr_assert_leq(admitted, 50000);
	/* Refused requests gave back what they had taken meanwhile, to the byte. */
	expect_figure(fixture_used(contest->tenant, SHMQ_STORAGE), 3 * admitted);
	expect_figure(fixture_used(contest->tenant, SHMQ_MESSAGES), 2 * admitted);
	/* And what is left can be had: competition may refuse too early, but loses nothing for good. */
	while (shmq_try_consume(contest->tenant, SHMQ_MESSAGES, 2, NULL) == SHMQ_OK)
		admitted++;
	expect_figure(admitted, 50000);
}

/* Each request takes of a rate that is plenty and of a level that is scarce, and releases the level at once. */
static int compete_for_the_scarce(unsigned index, void *context)
{
	static const struct shmq_demand demands[2] = {{SHMQ_MESSAGES, 2}, {SHMQ_STORAGE, 3}};
	struct contest *contest = context;

	(void)index;
	gate_wait(&contest->gate);
	while (counter_get(&contest->stop) == 0) {
		int result = shmq_try_consume_all(contest->tenant, demands, 2, NULL);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		counter_add(&contest->admitted, result == SHMQ_OK);
		if (result == SHMQ_OK)
			CHILD_RESULT(shmq_release(contest->tenant, SHMQ_STORAGE, 3), SHMQ_OK);
	}
	return 0;
}

Test(demands, give_back_what_they_took_when_another_was_quicker)
{
	struct shmq_quota quota = quota_calm(SHMQ_UNLIMITED);
	struct contest *contest = shared_alloc(sizeof(*contest));
	struct shmq_resource_status messages;
	pid_t pids[4];

	/* Room for one request at a time: most of those that meet find the level taken after they took the rate. */
	quota.limit[SHMQ_STORAGE] = 5;
	contest->tenant = fixture_tenant(&quota);
	process_start_group(pids, 4, compete_for_the_scarce, contest);
	cr_assert(gate_open(&contest->gate, 4));
	/* A total above what is used tells that somebody did give back. */
	for (unsigned waits = 0; waits < 1000; waits++) {
		clock_sleep_ns(10 * MS);
		messages = fixture_status(contest->tenant, SHMQ_MESSAGES);
		if (messages.total > messages.used + 100)
			break;
	}
	counter_set(&contest->stop, 1);
	expect_figure(process_join_group(pids, 4, 20000), 0);
	messages = fixture_status(contest->tenant, SHMQ_MESSAGES);
	expect_figure(messages.used, 2 * counter_get(&contest->admitted));
	expect_figure(fixture_used(contest->tenant, SHMQ_STORAGE), 0);
	cr_assert_gt(counter_get(&contest->admitted), 1000);
	cr_assert_gt(messages.total, messages.used, "nothing was ever given back: nothing was tested");
}
