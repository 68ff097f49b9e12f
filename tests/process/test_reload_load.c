/* SPDX-License-Identifier: MIT */
/*
 * Reload under load: a policy every 10 ms, while four processes use all that a policy can say: groups four deep, all
 * algorithms, levels and reservations, several demands in one call, capabilities. The controllers survive, or each is
 * killed in the middle of what it publishes.
 *
 * Every limit of version `n` is a multiple of STEP and `n`, so each answer tells by which version it was given; and a
 * version is made so that every look at it has to find several of its values in agreement. What is asked of "tight"
 * and "gate" is refused by every version, each time by another resource, rank or capability: only a mixture of two
 * versions would admit it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/fixture.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "../support/shared.h"

TestSuite(reload_load, FIXTURE);

#define STEP UINT64_C(100000) /* above every version */
#define LOW STEP
#define ASKED (50 * STEP)
#define HIGH (100 * STEP)
#define AMPLE (1000000 * STEP)
#define WORKERS 4
#define VERSIONS 120
#define KILLS 30
#define INTERVAL_NS (10 * MS)
#define TIMEOUT_MS 30000
#define POLICY_SIZE 8192

enum { TIGHT, INNER, MIDDLE, OUTER, GATE, RATES, MOVER, HOLDER, TENANT, OTHER, HOST, FULL_A, FULL_B, POT, NAMES };

static const char *const names[NAMES] = {"tight",      "group:inner", "group:middle", "group:outer",  "gate",
                                         "rates",      "mover",       "holder",       "group:tenant", "group:other",
                                         "group:host", "full-a",      "full-b",       "group:pot"};
static const int rates[] = {SHMQ_MESSAGES, SHMQ_NETWORK, SHMQ_CPU};
static const int scarce[] = {SHMQ_STORAGE, SHMQ_MESSAGES, SHMQ_MEMORY};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What all processes of a test share: who is there, which version may be seen, and the books. */
struct stage {
	struct shmq_component *component[NAMES];
	struct gate gate;
	struct counter stop, announced, published, looks, changes;
	struct counter taken[SHMQ_RESOURCES], moved, held, filled[SHMQ_RESOURCES], refused[SHMQ_RESOURCES];
};

/* ---- Versions ---------------------------------------------------------------------------------------------------- */

static void write_limits(FILE *text, uint64_t storage, uint64_t messages, uint64_t memory, uint64_t version)
{
	const char *unit = fixture_calm_unit();
	uint64_t ample = AMPLE + version;

	fprintf(text, "storage = %" PRIu64 "\nmemory = %" PRIu64 "\n", storage + version, memory + version);
	fprintf(text, "messages = %" PRIu64 "/%s\nnetwork = %" PRIu64 "/%s\ncpu = %" PRIu64 "us/%s\n",
	        messages + version, unit, ample, unit, ample, unit);
}

/* One rank refuses one resource, which the version names; whatever else is asked of it is admitted. */
static void write_rank(FILE *text, unsigned rank, const char *group, uint64_t version)
{
	bool refuses = rank == version % 4;
	int resource = scarce[version / 4 % COUNT_OF(scarce)];

	fprintf(text, "[%s%s]\n", rank == 0 ? "component:" : "", names[rank]);
	if (group != NULL)
		fprintf(text, "group = %s\n", group);
	write_limits(text, refuses && resource == SHMQ_STORAGE ? LOW : HIGH,
	             refuses && resource == SHMQ_MESSAGES ? LOW : HIGH, refuses && resource == SHMQ_MEMORY ? LOW : HIGH,
	             version);
}

/* Settings that agree with the version in a way of their own; expect_agreement() reads them back. */
static void write_class(FILE *text, uint64_t version)
{
	uint64_t limit = AMPLE + version % 2 * STEP;

	fprintf(text, "[class:ample]\ninherit = %s\nwarn = %" PRIu64 "%%\ncritical = %" PRIu64 "%%\n",
	        shmq_inheritance_name((int)(version % 3)), 50 + version % 30, 60 + version % 30);
	write_limits(text, limit, limit, limit, version);
	for (unsigned i = 0; i < COUNT_OF(rates); i++)
		fprintf(text, "%s.algorithm = %s\n", shmq_resource_name(rates[i]),
		        shmq_algorithm_name((int)((version + i) % 3)));
}

static void write_policy(char out[POLICY_SIZE], uint64_t version)
{
	FILE *text = fmemopen(out, POLICY_SIZE, "w");
	uint64_t pot = (1 + version % 2) * STEP;

	if (text == NULL)
		return;
	write_class(text, version);
	write_rank(text, TIGHT, "inner", version);
	write_rank(text, INNER, "middle", version);
	write_rank(text, MIDDLE, "outer", version);
	write_rank(text, OUTER, NULL, version);
	fprintf(text, "[component:gate]\nfilesystem.read = /%s/*\n", version % 2 == 0 ? "even" : "odd");
	write_limits(text, version % 2 == 0 ? LOW : HIGH, version % 2 == 0 ? HIGH : LOW, HIGH, version);
	fprintf(text,
	        "[group:host]\nclass = ample\n[group:tenant]\nclass = ample\ngroup = host\n"
	        "[group:other]\nclass = ample\ngroup = host\n[component:rates]\nclass = ample\ngroup = tenant\n"
	        "[component:holder]\nclass = ample\ngroup = tenant\n[component:mover]\nclass = ample\ngroup = %s\n",
	        version % 2 == 0 ? "tenant" : "other");
	for (unsigned i = FULL_A; i <= FULL_B; i++) {
		fprintf(text, "[component:%s]\ngroup = pot\n", names[i]);
		write_limits(text, HIGH, HIGH, HIGH, version);
	}
	fprintf(text, "[group:pot]\n");
	write_limits(text, pot, pot, HIGH, version);
	fclose(text);
}

/* In any process, a controller that will be killed included: the file has no name. */
static int publish(struct shmq_segment *segment, uint64_t version)
{
	char text[POLICY_SIZE], path[32];
	const char *paths[] = {path};
	struct shmq_policy *policy = NULL;
	int file = memfd_create("policy", MFD_CLOEXEC), result = -EIO;

	write_policy(text, version);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text))
		result = shmq_policy_load(&policy, paths, 1, NULL);
	while (result == 0 && (result = shmq_policy_publish(segment, policy)) == -EAGAIN)
		result = 0; /* a worker that lost its core still reads the policy before the last one */
	shmq_policy_free(policy);
	close(file);
	return result;
}

/* ---- Workers ----------------------------------------------------------------------------------------------------- */

/* What one call may see: nothing older than what was published before it, nothing that comes after it. */
struct glance {
	struct stage *stage;
	uint64_t oldest;
};

static struct glance glance_begin(struct stage *stage)
{
	return (struct glance){stage, counter_get(&stage->published)};
}

static bool glance_is_right(const struct glance *glance, uint64_t version)
{
	counter_add(&glance->stage->looks, 1);
	return version >= glance->oldest && version <= counter_get(&glance->stage->announced);
}

static int look_at_quota(struct stage *stage, unsigned which)
{
	struct glance glance = glance_begin(stage);
	struct shmq_quota quota = {.size = sizeof(quota)};
	uint64_t version;

	CHILD_RESULT(shmq_component_quota(stage->component[which], &quota), 0);
	version = quota.limit[SHMQ_STORAGE] % STEP;
	CHILD_CHECK(glance_is_right(&glance, version));
	CHILD_CHECK(quota.inheritance == version % 3);
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		bool is_steady = i == SHMQ_NETWORK || i == SHMQ_CPU;

		CHILD_CHECK(quota.limit[i] == AMPLE + (is_steady ? 0 : version % 2 * STEP) + version);
		CHILD_CHECK(quota.warning[i] == 50 + version % 30 && quota.critical[i] == 60 + version % 30);
	}
	for (unsigned i = 0; i < COUNT_OF(rates); i++)
		CHILD_CHECK(quota.algorithm[rates[i]] == (version + i) % 3);
	return 0;
}

static int look_at_status(struct stage *stage, unsigned which)
{
	struct glance glance = glance_begin(stage);
	struct shmq_status status;

	CHILD_RESULT(shmq_status(stage->component[which], &status), 0);
	CHILD_CHECK(glance_is_right(&glance, status.resource[SHMQ_STORAGE].limit % STEP));
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		CHILD_CHECK(status.resource[i].limit % STEP == status.resource[SHMQ_STORAGE].limit % STEP);
	return 0;
}

/* Refused by the resource and the rank that the version of the limit names. */
static int ask_of_all_ranks(struct stage *stage, bool is_check)
{
	static const struct shmq_demand demands[] = {
	    {SHMQ_STORAGE, ASKED}, {SHMQ_MESSAGES, ASKED}, {SHMQ_MEMORY, ASKED}};
	struct glance glance = glance_begin(stage);
	struct shmq_verdict verdict;
	uint64_t version;
	int resource;

	if (is_check) {
		int result = shmq_check(stage->component[TIGHT], SHMQ_STORAGE, ASKED, &verdict);

		CHILD_CHECK((result == SHMQ_DENIED) == (verdict.limit % STEP / 4 % COUNT_OF(scarce) == 0));
		return 0;
	}
	CHILD_RESULT(shmq_try_consume_all(stage->component[TIGHT], demands, COUNT_OF(demands), &verdict), SHMQ_DENIED);
	version = verdict.limit % STEP;
	resource = scarce[version / 4 % COUNT_OF(scarce)];
	CHILD_CHECK(glance_is_right(&glance, version));
	CHILD_CHECK(verdict.limit == LOW + version);
	CHILD_RESULT(verdict.resource, resource);
	CHILD_CHECK(verdict.component == shmq_component_id(stage->component[TIGHT + version % 4]));
	counter_add(&stage->refused[resource], 1);
	return 0;
}

/* Each version grants one of the two, and leaves no room for what is asked with it. */
static int ask_at_the_gate(struct stage *stage, unsigned parity)
{
	struct glance glance = glance_begin(stage);
	struct shmq_verdict verdict = {0};
	int result = shmq_check_capability_with_quota(stage->component[GATE], "filesystem.read",
	                                              parity == 0 ? "/even/x" : "/odd/x",
	                                              parity == 0 ? SHMQ_STORAGE : SHMQ_MESSAGES, ASKED, &verdict);

	CHILD_CHECK(result == SHMQ_FORBIDDEN || result == SHMQ_DENIED);
	if (result == SHMQ_FORBIDDEN)
		return 0;
	CHILD_CHECK(glance_is_right(&glance, verdict.limit % STEP));
	CHILD_CHECK(verdict.limit == LOW + verdict.limit % STEP && verdict.limit % 2 == parity);
	return 0;
}

/* Admitted by every version; the books say how much. */
static int take_rates(struct stage *stage, unsigned turn)
{
	int resource = rates[turn % COUNT_OF(rates)];
	struct glance glance = glance_begin(stage);
	struct shmq_verdict verdict;

	CHILD_RESULT(shmq_try_consume(stage->component[RATES], resource, 1 + turn % 3, &verdict), SHMQ_OK);
	CHILD_CHECK(glance_is_right(&glance, verdict.limit % STEP));
	CHILD_CHECK(verdict.current + verdict.requested + verdict.remaining == verdict.limit);
	counter_add(&stage->taken[resource], 1 + turn % 3);
	CHILD_RESULT(shmq_try_consume(stage->component[MOVER], SHMQ_MESSAGES, 1, NULL), SHMQ_OK);
	counter_add(&stage->moved, 1);
	return 0;
}

/* What is held at the end is 1 of each 10 that were taken: the rest comes back by each of the ways there are. */
static int take_levels(struct stage *stage)
{
	struct shmq_component *holder = stage->component[HOLDER];
	struct shmq_reservation kept, given;

	CHILD_RESULT(shmq_reserve(&kept, holder, SHMQ_STORAGE, 3, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_reserve(&given, holder, SHMQ_STORAGE, 4, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_try_consume(holder, SHMQ_STORAGE, 3, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_memory_set(holder, 100, NULL), SHMQ_OK);
	CHILD_RESULT(shmq_release(holder, SHMQ_STORAGE, 3), SHMQ_OK);
	CHILD_RESULT(shmq_commit(&kept, 1), 0);
	CHILD_RESULT(shmq_memory_set(holder, 0, NULL), SHMQ_OK);
	shmq_cancel(&given);
	counter_add(&stage->held, 1);
	return 0;
}

/* Two members fill a group whose limit goes up and down; the worker gives some of it back now and then. */
static int fill_the_pot(struct stage *stage, unsigned turn)
{
	struct shmq_component *member = stage->component[FULL_A + turn % 2];
	int resource = turn / 2 % 2 == 0 ? SHMQ_STORAGE : SHMQ_MESSAGES;
	struct glance glance = glance_begin(stage);
	struct shmq_verdict verdict;
	uint64_t amount = 1 + turn * 37 % 500;
	int result = shmq_try_consume(member, resource, amount, &verdict);

	CHILD_CHECK(result == SHMQ_OK || result == SHMQ_DENIED);
	CHILD_CHECK(glance_is_right(&glance, verdict.limit % STEP));
	CHILD_CHECK((verdict.current + amount <= verdict.limit) == (result == SHMQ_OK));
	if (result == SHMQ_DENIED)
		return 0;
	counter_add(&stage->filled[resource], amount);
	if (resource == SHMQ_STORAGE && turn % 8 < 4) {
		CHILD_RESULT(shmq_release(member, resource, amount), SHMQ_OK);
		counter_add(&stage->filled[resource], -amount);
	}
	return 0;
}

static int work(unsigned index, void *context)
{
	struct stage *stage = context;
	uint64_t seen = 0;

	gate_wait(&stage->gate);
	for (unsigned turn = index; counter_get(&stage->stop) == 0; turn++) {
		uint64_t published = counter_get(&stage->published);
		int failures = look_at_quota(stage, RATES + turn % 6);

		failures += look_at_status(stage, turn % NAMES);
		failures += ask_of_all_ranks(stage, turn % 2 == 0) + ask_at_the_gate(stage, turn / 2 % 2);
		failures += take_rates(stage, turn) + take_levels(stage) + fill_the_pot(stage, turn);
		if (failures > 0)
			return 1;
		counter_add(&stage->changes, published > seen);
		seen = published;
	}
	return 0;
}

/* ---- The frame --------------------------------------------------------------------------------------------------- */

static struct stage *set_the_stage(struct shmq_segment **segment)
{
	struct stage *stage = shared_alloc(sizeof(*stage));

	*segment = fixture_segment(NULL);
	expect_result(publish(*segment, 1), 0);
	counter_set(&stage->announced, 1);
	counter_set(&stage->published, 1);
	for (unsigned i = 0; i < NAMES; i++)
		expect_result(shmq_component_find(&stage->component[i], *segment, names[i]), 0);
	return stage;
}

/* All that was admitted is there, at every rank, and the pot was never fuller than any version allows. */
static void balance_the_books(struct stage *stage, struct shmq_segment *segment, pid_t pids[WORKERS])
{
	struct shmq_component **component = stage->component;
	uint64_t fullest = 2 * STEP + counter_get(&stage->announced);

	counter_set(&stage->stop, 1);
	expect_figure(process_join_group(pids, WORKERS, TIMEOUT_MS), 0);
	for (unsigned i = 0; i < COUNT_OF(rates); i++) {
		uint64_t moved = rates[i] == SHMQ_MESSAGES ? counter_get(&stage->moved) : 0;
		uint64_t taken = counter_get(&stage->taken[rates[i]]);
		uint64_t tenant = fixture_status(component[TENANT], rates[i]).total;

		expect_figure(fixture_status(component[RATES], rates[i]).total, taken);
		expect_figure(fixture_status(component[HOST], rates[i]).total, taken + moved);
		expect_figure(tenant + fixture_status(component[OTHER], rates[i]).total, taken + moved);
	}
	expect_figure(fixture_status(component[MOVER], SHMQ_MESSAGES).total, counter_get(&stage->moved));
	for (unsigned i = HOLDER; i <= HOST; i++)
		expect_figure(fixture_used(component[i], SHMQ_STORAGE), i == OTHER ? 0 : counter_get(&stage->held));
	for (unsigned i = 0; i < COUNT_OF(scarce); i++) {
		expect_figure(fixture_status(component[TIGHT], scarce[i]).denied,
		              counter_get(&stage->refused[scarce[i]]));
		expect_figure(fixture_used(component[TIGHT], scarce[i]), 0);
		expect_figure(fixture_used(component[HOST], SHMQ_MEMORY), 0);
	}
	for (int i = SHMQ_STORAGE; i <= SHMQ_MESSAGES; i++) {
		uint64_t filled = counter_get(&stage->filled[i]);

		expect_figure(fixture_used(component[POT], i), filled);
		expect_figure(fixture_used(component[FULL_A], i) + fixture_used(component[FULL_B], i), filled);
		cr_assert_leq(fixture_status(component[POT], i).peak, fullest);
		cr_assert_gt(filled, STEP, "the pot was never full");
	}
	expect_result(shmq_segment_verify(segment, NULL, NULL), 0);
	for (unsigned i = 0; i < NAMES; i++)
		shmq_component_put(component[i]);
}

/* Publish one version after the other, each as long after the one before as there shall be. */
static int publish_next(struct stage *stage, struct shmq_segment *segment, uint64_t *when_ns)
{
	uint64_t version = counter_get(&stage->announced) + 1;
	int result;

	*when_ns = *when_ns + INTERVAL_NS > clock_now_ns() ? *when_ns + INTERVAL_NS : clock_now_ns();
	clock_sleep_until_ns(*when_ns);
	counter_set(&stage->announced, version);
	result = publish(segment, version);
	if (result == 0)
		counter_set(&stage->published, version);
	return result;
}

Test(reload_load, of_100_policies_a_second_mixes_none_and_loses_nothing)
{
	struct shmq_segment *segment;
	struct stage *stage = set_the_stage(&segment);
	uint64_t when_ns = clock_now_ns();
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, work, stage);
	cr_assert(gate_open(&stage->gate, WORKERS));
	for (unsigned i = 0; i < VERSIONS; i++)
		expect_result(publish_next(stage, segment, &when_ns), 0);
	cr_assert_geq(counter_get(&stage->changes), VERSIONS / 2, "hardly any change was seen");
	cr_assert_geq(counter_get(&stage->looks), 10 * VERSIONS, "hardly anybody looked");
	balance_the_books(stage, segment, pids);
	shared_free(stage, sizeof(*stage));
}

/* A controller of its own: the one that set the stage takes no part, and its lock is anybody's. */
static int publish_until_killed(unsigned index, void *context)
{
	struct shmq_segment *segment;
	uint64_t when_ns = 0;

	(void)index;
	CHILD_RESULT(shmq_segment_open(&segment, fixture_name(), SHMQ_CONTROL), 0);
	for (;;)
		CHILD_RESULT(publish_next(context, segment, &when_ns), 0);
}

Test(reload_load, by_controllers_that_are_killed_in_the_middle_is_whole_as_well)
{
	struct shmq_segment *segment;
	struct stage *stage = set_the_stage(&segment);
	struct prng prng = prng_seed(4, 0);
	unsigned halfway = 0;
	uint64_t when_ns = 0;
	pid_t pids[WORKERS];

	process_start_group(pids, WORKERS, work, stage);
	cr_assert(gate_open(&stage->gate, WORKERS));
	for (unsigned i = 0; i < KILLS; i++) {
		uint64_t version = counter_get(&stage->announced) + 1 + prng_below(&prng, 3);
		pid_t controller = process_start(publish_until_killed, 0, stage);

		cr_assert(counter_await(&stage->announced, version, 10000));
		clock_sleep_ns(prng_below(&prng, 2 * MS));
		cr_assert_eq(process_kill(controller), PROCESS_SIGNAL(9));
		halfway += counter_get(&stage->published) < counter_get(&stage->announced);
	}
	expect_result(publish_next(stage, segment, &when_ns), 0);
	cr_assert_gt(halfway, 0, "nobody was killed in the middle");
	balance_the_books(stage, segment, pids);
	shared_free(stage, sizeof(*stage));
}
