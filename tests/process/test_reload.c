/* SPDX-License-Identifier: MIT */
/*
 * Reload: policies are published while processes consume. All at once, never half; usage is kept; what is admitted
 * never passes the limit of the policy in force; a bad policy changes nothing.
 *
 * Every published policy has figures of its own, so a reader can tell which one it looks at.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(reload, FIXTURE);

#define TIMEOUT_MS 30000
#define READERS 3
#define VERSIONS 300

struct stage {
	struct shmq_segment *segment;
	struct shmq_component *first, *second;
	struct gate gate;
	struct counter stop, observed, changes, limit, admitted, over;
};

static struct shmq_component *find(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component = NULL;

	expect_result(shmq_component_find(&component, segment, name), 0);
	return component;
}

static struct stage *set_the_stage(const char *policy)
{
	struct stage *stage = shared_alloc(sizeof(*stage));

	stage->segment = fixture_segment(NULL);
	fixture_publish(stage->segment, policy);
	stage->first = find(stage->segment, "first");
	stage->second = find(stage->segment, "second");
	return stage;
}

static void clear_the_stage(struct stage *stage)
{
	shmq_component_put(stage->first);
	shmq_component_put(stage->second);
	shared_free(stage, sizeof(*stage));
}

/* Publish a policy whose limits are all `version`, for both components. */
static void publish_version(struct stage *stage, uint64_t version)
{
	static const char *const names[] = {"first", "second"};
	char text[512] = "";

	for (unsigned i = 0; i < 2; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length,
		         "[component:%s]\nstorage = %" PRIu64 "\nmessage_rate = %" PRIu64 "/%s\nmemory = %" PRIu64 "\n",
		         names[i], version, version, fixture_calm_unit(), version);
	}
	fixture_publish(stage->segment, text);
}

/* The version a component's limits show, 0 when they are of two versions. */
static uint64_t version_of(struct shmq_component *component)
{
	struct shmq_quota quota = {.size = sizeof(quota)};

	if (shmq_component_quota(component, &quota) != 0)
		return 0;
	if (quota.limit[SHMQ_STORAGE] != quota.limit[SHMQ_MESSAGES] ||
	    quota.limit[SHMQ_STORAGE] != quota.limit[SHMQ_MEMORY])
		return 0;
	return quota.limit[SHMQ_STORAGE];
}

/* Versions only grow, so whoever has seen one must see it, or a later one, everywhere else from then on. */
static int watch_versions_grow(unsigned index, void *context)
{
	struct stage *stage = context;
	uint64_t seen = 0;

	gate_wait(&stage->gate);
	while (counter_get(&stage->stop) == 0) {
		struct shmq_component *next = index++ % 2 ? stage->first : stage->second;
		uint64_t version = version_of(next);
		struct shmq_verdict verdict;

		CHILD_CHECK(version >= seen && version > 0);
		counter_add(&stage->changes, version > seen);
		seen = version;
		CHILD_RESULT(shmq_check(next, SHMQ_MESSAGES, 1, &verdict), SHMQ_OK);
		CHILD_CHECK(verdict.limit >= seen);
		seen = verdict.limit;
		counter_add(&stage->observed, 1);
	}
	return 0;
}

Test(reload, never_shows_half_of_a_policy)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\n");
	pid_t pids[READERS];

	publish_version(stage, 1000);
	process_start_group(pids, READERS, watch_versions_grow, stage);
	cr_assert(gate_open(&stage->gate, READERS));
	for (uint64_t version = 1001; version < 50000 && counter_get(&stage->changes) < VERSIONS; version++)
		publish_version(stage, version);
	counter_set(&stage->stop, 1);
	expect_figure(process_join_group(pids, READERS, TIMEOUT_MS), 0);
	cr_assert_geq(counter_get(&stage->changes), VERSIONS, "readers saw hardly any change");
	clear_the_stage(stage);
}

/* Each of the two policies refuses this: one has no messages, the other no storage. Only a mixture would admit it. */
static int ask_for_what_no_policy_gives(unsigned index, void *context)
{
	struct stage *stage = context;
	struct shmq_demand demands[2][2] = {{{SHMQ_STORAGE, 1}, {SHMQ_MESSAGES, 1}},
	                                    {{SHMQ_MESSAGES, 1}, {SHMQ_STORAGE, 1}}};

	gate_wait(&stage->gate);
	while (counter_get(&stage->stop) == 0) {
		struct shmq_verdict verdict = {0};

		CHILD_RESULT(shmq_try_consume_all(stage->first, demands[index++ % 2], 2, &verdict), SHMQ_DENIED);
		counter_add(verdict.resource == SHMQ_STORAGE ? &stage->observed : &stage->changes, 1);
	}
	return 0;
}

Test(reload, never_judges_several_demands_by_two_policies)
{
	static const char *const policies[2] = {
	    "[component:first]\nstorage = 0\nmessage_rate = 1000/h\n[component:second]\n",
	    "[component:first]\nstorage = 1000\nmessage_rate = 0/h\n[component:second]\n",
	};
	struct stage *stage = set_the_stage(policies[0]);
	pid_t pids[READERS];

	process_start_group(pids, READERS, ask_for_what_no_policy_gives, stage);
	cr_assert(gate_open(&stage->gate, READERS));
	for (unsigned i = 0; i < 20000 && (i < VERSIONS || counter_get(&stage->observed) < VERSIONS ||
	                                   counter_get(&stage->changes) < VERSIONS);
	     i++)
		fixture_publish(stage->segment, policies[i % 2]);
	counter_set(&stage->stop, 1);
	expect_figure(process_join_group(pids, READERS, TIMEOUT_MS), 0);
	expect_figure(fixture_used(stage->first, SHMQ_STORAGE), 0);
	expect_figure(fixture_used(stage->first, SHMQ_MESSAGES), 0);
	cr_assert_geq(counter_get(&stage->observed), VERSIONS, "one policy was hardly met");
	cr_assert_geq(counter_get(&stage->changes), VERSIONS, "the other policy was hardly met");
	clear_the_stage(stage);
}

/* Take what there is; what has been admitted must never pass the largest limit published so far. */
static int take_all_there_is(unsigned index, void *context)
{
	struct stage *stage = context;
	int resource = index % 2 ? SHMQ_STORAGE : SHMQ_MESSAGES;

	gate_wait(&stage->gate);
	while (counter_get(&stage->stop) == 0) {
		struct shmq_verdict verdict;
		int result = shmq_try_consume(stage->first, resource, 1, &verdict);

		CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
		CHILD_CHECK((verdict.current + 1 <= verdict.limit) == (result == SHMQ_OK));
		CHILD_CHECK(verdict.limit <= counter_get(&stage->limit));
		if (result == SHMQ_OK)
			counter_add(&stage->admitted, 1);
	}
	return 0;
}

Test(reload, admits_exactly_what_each_raise_adds)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\n");
	uint64_t limit = 1000;
	pid_t pids[4];

	counter_set(&stage->limit, limit);
	publish_version(stage, limit);
	process_start_group(pids, 4, take_all_there_is, stage);
	cr_assert(gate_open(&stage->gate, 4));
	for (unsigned round = 0; round < 60; round++) {
		/* Two of the processes take messages, two storage: the limit of each, no more, however long they try. */
		cr_assert(counter_await(&stage->admitted, 2 * limit, 10000), "round %u", round);
		expect_figure(counter_get(&stage->admitted), 2 * limit);
		limit += 1 + round % 7;
		counter_set(&stage->limit, limit);
		publish_version(stage, limit);
	}
	counter_await(&stage->admitted, 2 * limit, 10000);
	counter_set(&stage->stop, 1);
	expect_figure(process_join_group(pids, 4, TIMEOUT_MS), 0);
	expect_figure(counter_get(&stage->admitted), 2 * limit);
	expect_figure(fixture_used(stage->first, SHMQ_MESSAGES), limit);
	expect_figure(fixture_used(stage->first, SHMQ_STORAGE), limit);
	clear_the_stage(stage);
}

Test(reload, between_two_limits_never_passes_the_larger)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\n");
	uint64_t alternating[2] = {2000, 1000};
	pid_t pids[4];

	counter_set(&stage->limit, 2000);
	publish_version(stage, 1000);
	process_start_group(pids, 4, take_all_there_is, stage);
	cr_assert(gate_open(&stage->gate, 4));
	cr_assert(counter_await(&stage->admitted, 2000, TIMEOUT_MS));
	for (unsigned i = 0; i < 5000 && (i < 100 || counter_get(&stage->admitted) < 4000); i++)
		publish_version(stage, alternating[i % 2]);
	counter_set(&stage->stop, 1);
	expect_figure(process_join_group(pids, 4, TIMEOUT_MS), 0);
	expect_figure(counter_get(&stage->admitted), 4000);
	expect_figure(fixture_used(stage->first, SHMQ_MESSAGES), 2000);
	expect_figure(fixture_status(stage->first, SHMQ_MESSAGES).peak, 2000);
	clear_the_stage(stage);
}

Test(reload, keeps_usage_and_denies_until_a_lowered_limit_is_met)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\n");

	publish_version(stage, 100);
	expect_result(shmq_try_consume(stage->first, SHMQ_STORAGE, 80, NULL), SHMQ_OK);
	expect_result(shmq_try_consume(stage->first, SHMQ_MESSAGES, 80, NULL), SHMQ_OK);
	publish_version(stage, 50);
	expect_figure(fixture_used(stage->first, SHMQ_STORAGE), 80);
	expect_figure(fixture_used(stage->first, SHMQ_MESSAGES), 80);
	expect_result(shmq_try_consume(stage->first, SHMQ_STORAGE, 1, NULL), SHMQ_DENIED);
	expect_result(shmq_try_consume(stage->first, SHMQ_MESSAGES, 1, NULL), SHMQ_DENIED);
	expect_result(shmq_release(stage->first, SHMQ_STORAGE, 31), SHMQ_OK);
	expect_result(shmq_try_consume(stage->first, SHMQ_STORAGE, 2, NULL), SHMQ_DENIED);
	expect_result(shmq_try_consume(stage->first, SHMQ_STORAGE, 1, NULL), SHMQ_OK);
	publish_version(stage, 90);
	expect_result(shmq_try_consume(stage->first, SHMQ_MESSAGES, 11, NULL), SHMQ_DENIED);
	expect_result(shmq_try_consume(stage->first, SHMQ_MESSAGES, 10, NULL), SHMQ_OK);
	expect_figure(fixture_status(stage->first, SHMQ_MESSAGES).total, 90);
	clear_the_stage(stage);
}

Test(reload, of_a_bad_policy_keeps_the_old_one)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\n");
	struct shmq_info before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct shmq_report report = {0};
	struct shmq_policy *policy = NULL;
	const char *path;

	publish_version(stage, 77);
	expect_result(shmq_segment_info(stage->segment, &before), 0);
	path = fixture_policy_file("[component:first]\nstorage = 5\nmessage_rates = 100/h\nmemory = x\n");
	expect_result(shmq_policy_load(&policy, &path, 1, &report), -EINVAL);
	cr_assert_null(policy);
	expect_figure(report.errors, 2);
	expect_result(shmq_policy_publish(stage->segment, NULL), -EINVAL);
	expect_result(shmq_segment_info(stage->segment, &after), 0);
	expect_figure(after.policy_generation, before.policy_generation);
	expect_figure(version_of(stage->first), 77);
	clear_the_stage(stage);
}

Test(reload, registers_what_is_new_and_unregisters_what_is_gone)
{
	struct stage *stage = set_the_stage("[component:first]\n[component:second]\nstorage = 7\n");
	struct shmq_component *found = NULL;

	expect_result(shmq_component_register(stage->segment, "own", NULL), 0);
	expect_result(shmq_try_consume(stage->second, SHMQ_STORAGE, 5, NULL), SHMQ_OK);
	fixture_publish(stage->segment, "[default]\nstorage = 3\n[component:second]\nstorage = 8\n[component:third]\n");
	expect_result(shmq_try_consume(stage->first, SHMQ_STORAGE, 1, NULL), -ESTALE);
	expect_result(shmq_component_find(&found, stage->segment, "first"), -ENOENT);
	expect_result(shmq_try_consume(stage->second, SHMQ_STORAGE, 4, NULL), SHMQ_DENIED);
	expect_result(shmq_try_consume(stage->second, SHMQ_STORAGE, 3, NULL), SHMQ_OK);
	/* Registered by the program without a quota: it stays, and follows the default. */
	found = find(stage->segment, "own");
	expect_figure(fixture_status(found, SHMQ_STORAGE).limit, 3);
	shmq_component_put(found);
	found = find(stage->segment, "third");
	expect_figure(fixture_status(found, SHMQ_STORAGE).limit, 3);
	shmq_component_put(found);
	clear_the_stage(stage);
}

Test(reload, that_does_not_fit_changes_nothing)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_policy *policy = NULL;
	struct shmq_component *found;
	struct shmq_segment *segment;
	const char *path;

	options.components = 2;
	segment = fixture_segment(&options);
	fixture_publish(segment, "[component:a]\nstorage = 9\n[component:z]\n");
	path = fixture_policy_file("[component:a]\n[component:b]\n[component:c]\n");
	expect_result(shmq_policy_load(&policy, &path, 1, NULL), 0);
	expect_result(shmq_policy_publish(segment, policy), -ENOSPC);
	shmq_policy_free(policy);
	found = find(segment, "a");
	expect_figure(fixture_status(found, SHMQ_STORAGE).limit, 9);
	shmq_component_put(found);
	found = find(segment, "z");
	shmq_component_put(found);
	expect_result(shmq_component_find(&found, segment, "b"), -ENOENT);
}
