/* SPDX-License-Identifier: MIT */
/*
 * Each of the two subjects has components of four kinds, and the two of a kind are neighbours in the segment: where two
 * processes disturb each other by what lies next to each other, it shows. There are several of each, and the rounds take
 * turns: a line of memory that happens to have the same place in its page as another that is just being written is
 * slower on some CPUs, and that luck should not decide a figure.
 *
 *     open    everything is admitted, far below a peak that was set before: what most operations find
 *     brief   the same, but messages have a window of 50 ms, which is judged by the precise clock
 *     climb   starts from nothing before each sample, so every operation reaches a new peak
 *     closed  every limit is zero
 *     smooth  messages go by a sliding window, network and cpu by buckets, of 1 s and of 50 ms depth
 *
 * One of each subject lies in a segment with membarrier, open as well.
 */
#include "consume_cases.h"

#include "baseline.h"
#include "segment.h"

#include <shmquota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_BYTES 100
#define KINDS 5
#define TURNS 8
#define SCATTER UINT64_C(2147483647)
#define HOT_NAMES 256 /* fit a core's own cache, with all that belongs to them */
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S (1000 * NS_PER_MS)
#define DAY_NS (UINT64_C(86400) * 1000 * NS_PER_MS)

/* The names to look up, in the order they are looked up in: a caller has just read the name it asks for. */
struct name_list {
	uint32_t count;
	struct baseline_ring *ring; /* as many cache lines, read in random order */
	char names[][BENCH_NAME_SIZE];
};

struct consume_subject {
	struct baseline *baseline;
	struct shmq_component *components[KINDS][TURNS];
	struct shmq_component *open, *brief, *climb, *closed, *smooth; /* those of this round */
	struct shmq_component *unfenced;                               /* in the segment with membarrier */
	struct shmq_segment *segment;
	const struct name_list *list;
	uint32_t position; /* in the list */
	uint32_t line;     /* of the ring */
	uint64_t round_ns; /* when the round began: what an event loop would tell */
	bool is_warm;      /* this process has looked every name up */
};

/* ---- The bare machine -------------------------------------------------------------------------------------------- */

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct consume_subject, expression)

DEFINE_RUN(run_call, baseline_nothing(s->baseline, 1))
DEFINE_RUN(run_add, baseline_add(s->baseline, 1))
DEFINE_RUN(run_cas, baseline_cas(s->baseline, 1))
DEFINE_RUN(run_clock_coarse, s != NULL && baseline_clock(CLOCK_MONOTONIC_COARSE))
DEFINE_RUN(run_clock, s != NULL && baseline_clock(CLOCK_MONOTONIC))
DEFINE_RUN(run_read, baseline_read(s->list->ring, &s->line))
DEFINE_RUN(run_mutex, baseline_lock(&s->baseline->window))
DEFINE_RUN(run_mutex_window, baseline_take(&s->baseline->window, 1, CLOCK_MONOTONIC_COARSE))
DEFINE_RUN(run_mutex_window_precise, baseline_take(&s->baseline->window, 1, CLOCK_MONOTONIC))

/* ---- The library ------------------------------------------------------------------------------------------------- */

static bool take_with_verdict(struct shmq_component *component)
{
	struct shmq_verdict verdict;

	return shmq_try_consume(component, SHMQ_MESSAGES, 1, &verdict) == SHMQ_OK && verdict.requested == 1;
}

static bool is_refused(struct shmq_component *component)
{
	return shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL) == SHMQ_DENIED;
}

static bool take_and_release(struct shmq_component *component)
{
	return shmq_try_consume(component, SHMQ_STORAGE, MESSAGE_BYTES, NULL) == SHMQ_OK &&
	       shmq_release(component, SHMQ_STORAGE, MESSAGE_BYTES) == SHMQ_OK;
}

static bool consume_three(struct shmq_component *component)
{
	return shmq_consume(component, SHMQ_MESSAGES, 1) == SHMQ_OK &&
	       shmq_consume(component, SHMQ_NETWORK, MESSAGE_BYTES) == SHMQ_OK &&
	       shmq_consume(component, SHMQ_CPU, 1) == SHMQ_OK;
}

static bool try_three(struct shmq_component *component)
{
	static const struct shmq_demand demands[] = {
	    {SHMQ_MESSAGES, 1}, {SHMQ_NETWORK, MESSAGE_BYTES}, {SHMQ_STORAGE, MESSAGE_BYTES}};

	return shmq_try_consume_all(component, demands, sizeof(demands) / sizeof(demands[0]), NULL) == SHMQ_OK;
}

/* Find one of the first `count` names after the other. */
static bool find_next(struct consume_subject *subject, uint32_t count)
{
	const struct name_list *list = subject->list;
	struct shmq_component *component;

	if (shmq_component_find(&component, subject->segment, list->names[subject->position]) != SHMQ_OK)
		return false;
	shmq_component_put(component);
	subject->position = subject->position + 1 < count ? subject->position + 1 : 0;
	return true;
}

DEFINE_RUN(run_check_level, shmq_check(s->open, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_check_rate, shmq_check(s->open, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_level, shmq_try_consume(s->open, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_level_peak, shmq_try_consume(s->climb, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_level_pair, take_and_release(s->open))
DEFINE_RUN(run_rate, shmq_try_consume(s->open, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_at, shmq_try_consume_at(s->open, SHMQ_MESSAGES, 1, s->round_ns, NULL) == SHMQ_OK)
DEFINE_RUN(run_level_membarrier, shmq_try_consume(s->unfenced, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_membarrier, shmq_try_consume(s->unfenced, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_peak, shmq_try_consume(s->climb, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_precise, shmq_try_consume(s->brief, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_sliding, shmq_try_consume(s->smooth, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_bucket, shmq_try_consume(s->smooth, SHMQ_NETWORK, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_bucket_precise, shmq_try_consume(s->smooth, SHMQ_CPU, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_rate_verdict, take_with_verdict(s->open))
DEFINE_RUN(run_refused, is_refused(s->closed))
DEFINE_RUN(run_consume_three, consume_three(s->open))
DEFINE_RUN(run_try_three, try_three(s->open))
DEFINE_RUN(run_find, find_next(s, s->list->count))
DEFINE_RUN(run_find_hot, find_next(s, s->list->count < HOT_NAMES ? s->list->count : HOT_NAMES))

static void prepare_turn(void *subject, unsigned round)
{
	struct consume_subject *s = subject;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	s->round_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	s->open = s->components[0][round % TURNS];
	s->brief = s->components[1][round % TURNS];
	s->climb = s->components[2][round % TURNS];
	s->closed = s->components[3][round % TURNS];
	s->smooth = s->components[4][round % TURNS];
}

static void prepare_climb(void *subject, unsigned round)
{
	const struct consume_subject *s = subject;

	prepare_turn(subject, round);
	shmq_reset(s->climb);
}

/*
 * A process that meets a component for the first time makes a handle: once, and not what is measured here. Handles lie in
 * the order in which names were met first, which must not be the one that is measured.
 */
static void prepare_find(void *subject, unsigned round)
{
	struct consume_subject *s = subject;
	uint32_t count = s->list->count;

	(void)round;
	for (uint64_t i = 0; !s->is_warm && i < count; i++) {
		/* A prime above all counts leads to each place once. */
		s->position = (uint32_t)(i * SCATTER % count);
		if (!find_next(s, count))
			return;
	}
	if (!s->is_warm)
		s->position = 0;
	s->is_warm = true;
}

static void prepare_find_hot(void *subject, unsigned round)
{
	struct consume_subject *s = subject;

	prepare_find(s, round);
	s->position = 0;
}

const struct bench_case consume_cases[CONSUME_CASES] = {
    [CASE_CALL] = {"call", "a call of an empty function", run_call, NULL},
    [CASE_ADD] = {"fetch_add", "fetch_add", run_add, NULL},
    [CASE_CAS] = {"cas", "load and compare-and-swap", run_cas, NULL},
    [CASE_CLOCK_COARSE] = {"clock_coarse", "CLOCK_MONOTONIC_COARSE", run_clock_coarse, NULL},
    [CASE_CLOCK] = {"clock", "CLOCK_MONOTONIC", run_clock, NULL},
    [CASE_READ] = {"read", "read one of as many cache lines, random order", run_read, NULL},
    [CASE_MUTEX] = {"mutex", "robust mutex, lock and unlock", run_mutex, NULL},
    [CASE_MUTEX_WINDOW] = {"mutex_window", "robust mutex, window, coarse clock", run_mutex_window, NULL},
    [CASE_MUTEX_WINDOW_PRECISE] = {"mutex_window_precise", "robust mutex, window, precise clock",
                                   run_mutex_window_precise, NULL},
    [CASE_CHECK_LEVEL] = {"check_level", "check a level", run_check_level, prepare_turn},
    [CASE_CHECK_RATE] = {"check_rate", "check a rate", run_check_rate, prepare_turn},
    [CASE_LEVEL] = {"level", "try_consume a level", run_level, prepare_turn},
    [CASE_LEVEL_PEAK] = {"level_peak", "try_consume a level, to a new peak", run_level_peak, prepare_climb},
    [CASE_LEVEL_PAIR] = {"level_pair", "try_consume and release a level", run_level_pair, prepare_turn},
    [CASE_LEVEL_MEMBARRIER] = {"level_membarrier", "try_consume a level, segment with membarrier", run_level_membarrier,
                               prepare_turn},
    [CASE_RATE] = {"rate", "try_consume a rate, 1 s (coarse clock)", run_rate, prepare_turn},
    [CASE_RATE_AT] = {"rate_at", "try_consume a rate, 1 s, time given by the caller", run_rate_at, prepare_turn},
    [CASE_RATE_MEMBARRIER] = {"rate_membarrier", "try_consume a rate, 1 s, segment with membarrier",
                              run_rate_membarrier, prepare_turn},
    [CASE_RATE_PEAK] = {"rate_peak", "try_consume a rate, to a new peak", run_rate_peak, prepare_climb},
    [CASE_RATE_PRECISE] = {"rate_precise", "try_consume a rate, 50 ms (precise clock)", run_rate_precise, prepare_turn},
    [CASE_RATE_SLIDING] = {"rate_sliding", "try_consume a sliding window, 1 s (coarse clock)", run_rate_sliding,
                           prepare_turn},
    [CASE_RATE_BUCKET] = {"rate_bucket", "try_consume a bucket, 1 s deep (coarse clock)", run_rate_bucket,
                          prepare_turn},
    [CASE_RATE_BUCKET_PRECISE] = {"rate_bucket_precise", "try_consume a bucket, 50 ms deep (precise clock)",
                                  run_rate_bucket_precise, prepare_turn},
    [CASE_RATE_VERDICT] = {"rate_verdict", "try_consume a rate, with verdict", run_rate_verdict, prepare_turn},
    [CASE_REFUSED] = {"refused", "try_consume a rate, refused", run_refused, prepare_turn},
    [CASE_CONSUME_THREE] = {"consume_three", "consume three rates, three calls", run_consume_three, prepare_turn},
    [CASE_TRY_THREE] = {"try_consume_all_three", "try_consume_all of two rates and a level", run_try_three,
                        prepare_turn},
    [CASE_FIND_HOT] = {"find_hot", "find by name and put, 256 of the names", run_find_hot, prepare_find_hot},
    [CASE_FIND] = {"find", "find by name and put, all in random order", run_find, prepare_find},
};

/* ---- The segment ------------------------------------------------------------------------------------------------- */

static int add_kinds(struct consume_subject *subjects[2])
{
	static const char *const names[KINDS] = {"open", "brief", "climb", "closed", "smooth"};
	struct shmq_quota quotas[KINDS] = {SHMQ_QUOTA_DEFAULT};
	char name[BENCH_NAME_SIZE];

	for (int i = 0; i < SHMQ_RESOURCES; i++)
		quotas[0].limit[i] = SHMQ_AMOUNT_MAX;
	quotas[1] = quotas[2] = quotas[3] = quotas[4] = quotas[0];
	quotas[1].period_ns[SHMQ_MESSAGES] = 50 * NS_PER_MS;
	quotas[2].period_ns[SHMQ_MESSAGES] = DAY_NS;
	memset(quotas[3].limit, 0, sizeof(quotas[3].limit));
	quotas[4].algorithm[SHMQ_MESSAGES] = SHMQ_SLIDING;
	quotas[4].algorithm[SHMQ_NETWORK] = quotas[4].algorithm[SHMQ_CPU] = SHMQ_BUCKET;
	quotas[4].burst[SHMQ_CPU] = SHMQ_AMOUNT_MAX / 20;
	for (unsigned i = 0; i < KINDS * TURNS * 2; i++) {
		unsigned process = i % 2, turn = i / 2 % TURNS, kind = i / 2 / TURNS;

		snprintf(name, sizeof(name), "%s %u of process %u", names[kind], turn, process);
		if (bench_add_component(&subjects[process]->components[kind][turn], subjects[process]->segment, name,
		                        &quotas[kind]) < 0)
			return -1;
	}
	return 0;
}

/* Sections without a fence of their own: the kernel passes it for them when somebody waits for readers. */
static int add_unfenced(struct consume_subject *subjects[2])
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment *segment;

	options.membarrier = true;
	quota.limit[SHMQ_STORAGE] = quota.limit[SHMQ_MESSAGES] = SHMQ_AMOUNT_MAX;
	segment = bench_segment_unnamed(&options);
	if (segment == NULL)
		return -1;
	for (int i = 0; i < 2; i++)
		if (bench_add_component(&subjects[i]->unfenced, segment, i == 0 ? "unfenced" : "unfenced, too",
		                        &quota) < 0 ||
		    bench_set_peaks(subjects[i]->unfenced) < 0)
			return -1;
	return 0;
}

static struct name_list *add_names(struct shmq_segment *segment, uint32_t count)
{
	struct name_list *list = malloc(sizeof(*list) + (size_t)count * BENCH_NAME_SIZE);
	unsigned short seed[3] = {1, 2, 3}; /* the same order in every run */
	int result = list == NULL ? -1 : 0;

	for (uint32_t i = 0; i < count && result == 0; i++) {
		uint32_t other = (uint32_t)(erand48(seed) * (i + 1));

		memcpy(list->names[i], list->names[other], BENCH_NAME_SIZE);
		snprintf(list->names[other], BENCH_NAME_SIZE, "tenant-%05u.example", i);
		result = shmq_component_register(segment, list->names[other], NULL);
	}
	if (result != 0) {
		bench_complain("cannot register components", result);
		free(list);
		return NULL;
	}
	list->count = count;
	list->ring = baseline_ring_create(count);
	if (list->ring == NULL) {
		perror("cannot create the baselines");
		free(list);
		return NULL;
	}
	return list;
}

int consume_setup(void *subjects[2], uint32_t components)
{
	static struct consume_subject both[2];
	struct consume_subject *pointers[2] = {&both[0], &both[1]};
	struct baseline *baselines = baseline_create(2);
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	struct name_list *list;

	options.components = components + 2 * KINDS * TURNS;
	segment = bench_segment_unnamed(&options);
	if (baselines == NULL)
		perror("cannot create the baselines");
	if (baselines == NULL || segment == NULL)
		return -1;
	for (int i = 0; i < 2; i++) {
		both[i] = (struct consume_subject){.baseline = &baselines[i], .segment = segment};
		subjects[i] = &both[i];
	}
	if (add_kinds(pointers) < 0 || add_unfenced(pointers) < 0)
		return -1;
	list = add_names(segment, components);
	if (list == NULL)
		return -1;
	for (int i = 0; i < 2; i++) {
		both[i].list = list;
		for (unsigned turn = 0; turn < TURNS; turn++)
			if (bench_set_peaks(both[i].components[0][turn]) < 0 ||
			    bench_set_peaks(both[i].components[1][turn]) < 0 ||
			    bench_set_peaks(both[i].components[4][turn]) < 0)
				return -1;
	}
	return 0;
}
