/* SPDX-License-Identifier: MIT */
/*
 * What it costs to take an amount so that it comes back if the process dies: reservations and memory shares, beside
 * plain operations on the same level in the same run.
 *
 * Each process fills its own ledger, as far as a case says, before a sample: an entry has to be found among those in
 * use. There are two segments, for the size of the ledger belongs to the segment. The program has one thread, and so
 * have its processes but those of the cases that say otherwise.
 */
#include "baseline.h"
#include "program.h"
#include "segment.h"
#include "threaded.h"

#include <stdio.h>

#define AMOUNT UINT64_C(100)
#define LARGE_LEDGER 1024
#define SMALL_LEDGER 24

enum ledger_size { SMALL, LARGE, LEDGERS };

static const uint32_t ledger_sizes[LEDGERS] = {SMALL_LEDGER, LARGE_LEDGER};

struct subject {
	struct baseline *baseline;
	struct shmq_component *components[LEDGERS];
	struct shmq_component *component; /* that of the case */
};

/* What this process holds besides, to fill its ledgers. */
static struct shmq_reservation held[LEDGERS][LARGE_LEDGER];
static uint32_t held_count[LEDGERS];
static struct shmq_component *fillers[LEDGERS];

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool take_and_release(struct shmq_component *component)
{
	return shmq_try_consume(component, SHMQ_STORAGE, AMOUNT, NULL) == SHMQ_OK &&
	       shmq_release(component, SHMQ_STORAGE, AMOUNT) == SHMQ_OK;
}

static bool reserve_and_commit(struct shmq_component *component, uint64_t actual)
{
	struct shmq_reservation reservation;

	return shmq_reserve(&reservation, component, SHMQ_STORAGE, AMOUNT, NULL) == SHMQ_OK &&
	       shmq_commit(&reservation, actual) == 0;
}

static bool reserve_and_cancel(struct shmq_component *component, int resource)
{
	struct shmq_reservation reservation;
	bool is_right = shmq_reserve(&reservation, component, resource, 1, NULL) == SHMQ_OK;

	shmq_cancel(&reservation);
	return is_right;
}

static bool memory_up_and_down(struct shmq_component *component, uint64_t low, uint64_t high)
{
	return shmq_memory_set(component, high, NULL) == SHMQ_OK && shmq_memory_set(component, low, NULL) == SHMQ_OK;
}

static bool take_both(struct shmq_component *component)
{
	static const struct shmq_demand demands[] = {{SHMQ_STORAGE, AMOUNT}, {SHMQ_MEMORY, AMOUNT}};

	return shmq_try_consume_all(component, demands, sizeof(demands) / sizeof(demands[0]), NULL) == SHMQ_OK;
}

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct subject, expression)

DEFINE_RUN(run_cas, baseline_cas(s->baseline, 1))
DEFINE_RUN(run_level, shmq_try_consume(s->component, SHMQ_STORAGE, AMOUNT, NULL) == SHMQ_OK)
DEFINE_RUN(run_pair, take_and_release(s->component))
DEFINE_RUN(run_commit, reserve_and_commit(s->component, AMOUNT))
DEFINE_RUN(run_commit_half, reserve_and_commit(s->component, AMOUNT / 2))
DEFINE_RUN(run_cancel, reserve_and_cancel(s->component, SHMQ_STORAGE))
DEFINE_RUN(run_cancel_rate, reserve_and_cancel(s->component, SHMQ_MESSAGES))
DEFINE_RUN(run_memory, memory_up_and_down(s->component, AMOUNT, 2 * AMOUNT))
DEFINE_RUN(run_memory_open, memory_up_and_down(s->component, 0, AMOUNT))
DEFINE_RUN(run_both, take_both(s->component))

/* ---- Ledgers ----------------------------------------------------------------------------------------------------- */

static void ledger_fill(enum ledger_size size, uint32_t count)
{
	uint32_t *filled = &held_count[size];

	while (*filled > count)
		shmq_cancel(&held[size][--*filled]);
	while (*filled < count && shmq_reserve(&held[size][*filled], fillers[size], SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
		++*filled;
	if (*filled != count)
		fprintf(stderr, "a ledger of %u entries is full with %u\n", ledger_sizes[size], *filled);
}

static void prepare(struct subject *subject, enum ledger_size size, uint32_t count)
{
	subject->component = subject->components[size];
	/* What the memory cases left stands in an entry too. */
	shmq_memory_set(subject->component, 0, NULL);
	ledger_fill(size, count);
}

#define DEFINE_PREPARE(function, size, count)                                                                          \
	static void function(void *subject, unsigned round)                                                            \
	{                                                                                                              \
		(void)round;                                                                                           \
		prepare(subject, size, count);                                                                         \
	}

DEFINE_PREPARE(prepare_empty, SMALL, 0)
DEFINE_PREPARE(prepare_small, SMALL, 20)
DEFINE_PREPARE(prepare_large_empty, LARGE, 0)
DEFINE_PREPARE(prepare_large, LARGE, 1000)
DEFINE_PREPARE(prepare_last, LARGE, LARGE_LEDGER - 1)

/* ---- The cases --------------------------------------------------------------------------------------------------- */

enum {
	CASE_CAS,
	CASE_LEVEL,
	CASE_PAIR,
	CASE_COMMIT,
	CASE_COMMIT_HALF,
	CASE_CANCEL,
	CASE_CANCEL_RATE,
	CASE_MEMORY,
	CASE_MEMORY_OPEN,
	CASE_BOTH,
	CASE_SMALL_COMMIT,
	CASE_SMALL_CANCEL,
	CASE_SMALL_MEMORY,
	CASE_LARGE_EMPTY_COMMIT,
	CASE_LARGE_COMMIT,
	CASE_LARGE_CANCEL,
	CASE_LARGE_MEMORY,
	CASE_LAST_COMMIT,
	CASE_THREADED_COMMIT,
	CASE_THREADED_CANCEL,
	CASES
};

static bool run_threaded_commit(void *subject, uint64_t count);
static bool run_threaded_cancel(void *subject, uint64_t count);

static const struct bench_case cases[CASES] = {
    [CASE_CAS] = {"cas", "load and compare-and-swap", run_cas, NULL},
    [CASE_LEVEL] = {"level", "try_consume", run_level, prepare_empty},
    [CASE_PAIR] = {"pair", "try_consume, release", run_pair, prepare_empty},
    [CASE_COMMIT] = {"commit", "reserve, commit all", run_commit, prepare_empty},
    [CASE_COMMIT_HALF] = {"commit_half", "reserve, commit half", run_commit_half, prepare_empty},
    [CASE_CANCEL] = {"cancel", "reserve, cancel", run_cancel, prepare_empty},
    [CASE_CANCEL_RATE] = {"cancel_rate", "reserve, cancel; a rate", run_cancel_rate, prepare_empty},
    [CASE_MEMORY] = {"memory", "memory_set up, down", run_memory, prepare_empty},
    [CASE_MEMORY_OPEN] = {"memory_open", "memory_set up from nothing, down to nothing", run_memory_open, prepare_empty},
    [CASE_BOTH] = {"both", "try_consume_all of storage and memory", run_both, prepare_empty},
    [CASE_SMALL_COMMIT] = {"commit_20_of_24", "20 of 24 held: reserve, commit", run_commit, prepare_small},
    [CASE_SMALL_CANCEL] = {"cancel_20_of_24", "20 of 24 held: reserve, cancel", run_cancel, prepare_small},
    [CASE_SMALL_MEMORY] = {"memory_20_of_24", "20 of 24 held: memory_set from and to 0", run_memory_open,
                           prepare_small},
    [CASE_LARGE_EMPTY_COMMIT] = {"commit_0_of_1024", "none of 1024 held: reserve, commit", run_commit,
                                 prepare_large_empty},
    [CASE_LARGE_COMMIT] = {"commit_1000_of_1024", "1000 of 1024 held: reserve, commit", run_commit, prepare_large},
    [CASE_LARGE_CANCEL] = {"cancel_1000_of_1024", "1000 of 1024 held: reserve, cancel", run_cancel, prepare_large},
    [CASE_LARGE_MEMORY] = {"memory_1000_of_1024", "1000 of 1024 held: memory_set from and to 0", run_memory_open,
                           prepare_large},
    [CASE_LAST_COMMIT] = {"commit_1023_of_1024", "1023 of 1024 held: reserve, commit", run_commit, prepare_last},
    [CASE_THREADED_COMMIT] = {"commit_threaded", "beside an idle thread: reserve, commit", run_threaded_commit, NULL},
    [CASE_THREADED_CANCEL] = {"cancel_threaded", "beside an idle thread: reserve, cancel", run_threaded_cancel, NULL},
};

/* What the last run in the process with two threads cost. */
static struct bench_cost threaded_cost;

static bool run_threaded_commit(void *subject, uint64_t count)
{
	return threaded_run(&cases[CASE_COMMIT], subject, count, &threaded_cost);
}

static bool run_threaded_cancel(void *subject, uint64_t count)
{
	return threaded_run(&cases[CASE_CANCEL], subject, count, &threaded_cost);
}

static void correct_threaded(void *subject, const struct bench_case *bench_case, struct bench_cost *cost)
{
	(void)subject;
	if (bench_case->run == run_threaded_commit || bench_case->run == run_threaded_cancel)
		*cost = threaded_cost;
}

static const struct target targets[] = {
    {"reserve, commit / try_consume", 3, CASE_COMMIT, BENCH_ONE, CASE_LEVEL, BENCH_ONE, TARGET_WHOLE},
    {"20 of 24 held: reserve, commit / try_consume", 3, CASE_SMALL_COMMIT, BENCH_ONE, CASE_LEVEL, BENCH_ONE,
     TARGET_WHOLE},
    {"1000 of 1024 held: reserve, commit / try_consume", 3, CASE_LARGE_COMMIT, BENCH_ONE, CASE_LEVEL, BENCH_ONE,
     TARGET_WHOLE},
    {"beside an idle thread: reserve, commit / try_consume", 3, CASE_THREADED_COMMIT, BENCH_ONE, CASE_LEVEL, BENCH_ONE,
     TARGET_WHOLE},
};

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static int setup_ledgers(struct subject subjects[2], enum ledger_size size)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_segment *segment;

	for (int i = 0; i < SHMQ_RESOURCES; i++)
		quota.limit[i] = SHMQ_AMOUNT_MAX;
	options.reservations = ledger_sizes[size];
	segment = bench_segment_unnamed(&options);
	if (segment == NULL || bench_add_component(&fillers[size], segment, "filler", &quota) < 0 ||
	    bench_add_component(&subjects[0].components[size], segment, "of process 0", &quota) < 0 ||
	    bench_add_component(&subjects[1].components[size], segment, "of process 1", &quota) < 0)
		return -1;
	return bench_set_peaks(subjects[0].components[size]) < 0 || bench_set_peaks(subjects[1].components[size]) < 0
	           ? -1
	           : 0;
}

static int setup(struct subject subjects[2])
{
	struct baseline *baselines = baseline_create(2);

	if (baselines == NULL) {
		perror("cannot create the baselines");
		return -1;
	}
	for (int i = 0; i < 2; i++)
		subjects[i].baseline = &baselines[i];
	return setup_ledgers(subjects, SMALL) < 0 ? -1 : setup_ledgers(subjects, LARGE);
}

static const struct argp argp = {
    .options = NULL,
    .children = (const struct argp_child[]){{&program_argp, 0, NULL, 0}, {0}},
    .doc = "Measure what reservations and memory shares cost, beside plain operations.\v" PROGRAM_EXIT_STATUS
	   "\n\nExample: bench_reservation --seconds 30 --check",
};

int main(int argc, char *argv[])
{
	struct program_arguments arguments = PROGRAM_ARGUMENTS_DEFAULT;
	struct report report = {.cases = cases,
	                        .count = CASES,
	                        .yardsticks = {{"cas", "CAS", CASE_CAS}, {"level", "plain", CASE_LEVEL}},
	                        .targets = targets,
	                        .target_count = sizeof(targets) / sizeof(targets[0])};
	struct subject both[2] = {{0}};
	void *subjects[2] = {&both[0], &both[1]};

	arguments.settings.correct = correct_threaded;
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (setup(both) < 0)
		return 2;
	return program_run(&report, &arguments, subjects);
}
