/* SPDX-License-Identifier: MIT */
/*
 * A stage is a world, perhaps with a first victim dead in it, that is put back after each death; after a while it is
 * built anew, so that its windows stay young.
 */
#include "kill_series.h"

#include "kill_snapshot.h"
#include "kill_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/shared.h"

#define HANG_SECONDS 60
#define STAGE_AGE_NS (2 * SECOND)
#define SAMPLES 8
#define FIRST_DEATHS 4      /* in one mode or the other, of a first victim */
#define FIRST_DEATHS_ALL 12 /* the same, with --all */
#define TRIES 6
#define FAILURES_SHOWN 3

/* One operation under test, after a first victim's death or without one. */
struct series {
	const struct operation_of_victim *operation, *first;
	const struct series_options *options;
	const struct trace_path *first_path;
	size_t first_boundary;
	bool is_thorough;
	struct check_outcome outcome;
	struct world_setup setup;
	struct series_tally *tally;
	struct inspector *inspector;
	int *result; /* shared with victims */
};

/* How one victim ends. */
struct death {
	size_t boundary;
	bool is_disturbed, is_brief;
	enum check_way way;
};

/* ---- Victims ---- */

struct casting {
	const struct operation_of_victim *operation;
	const struct world *world;
	int *result;
};

static int be_victim(unsigned index, void *context)
{
	const struct casting *casting = context;

	(void)index;
	return operation_run(casting->operation, casting->world, casting->result);
}

static void cast_victim(struct trace_victim *out, const struct operation_of_victim *operation,
                        const struct world *world, int *result)
{
	struct casting casting = {operation, world, result};

	if (!trace_start(out, be_victim, &casting, operation->ends_thread)) {
		fprintf(stderr, "%s: the victim could not get ready\n", operation->name);
		exit(2);
	}
}

/* ---- The stage ---- */

struct stage {
	const struct series *series;
	struct world world;
	struct snapshot snapshot;
	struct trace_victim first;
};

static void stage_open(struct stage *stage, const struct series *series)
{
	stage->series = series;
	alarm(HANG_SECONDS);
	world_build(&stage->world, &series->setup);
	if (series->first != NULL) {
		cast_victim(&stage->first, series->first, &stage->world, series->result);
		trace_go(&stage->first, series->first_path, series->first_boundary, TRACE_IN_PROGRAM);
		trace_kill(&stage->first);
	}
	snapshot_take(&stage->snapshot, &stage->world);
}

static void stage_close(struct stage *stage)
{
	if (stage->series->first != NULL)
		trace_reap(&stage->first);
	snapshot_drop(&stage->snapshot);
	world_tear_down(&stage->world);
}

/* Before each victim. */
static void stage_set(struct stage *stage)
{
	enum other_segment other = stage->series->operation->other;

	alarm(HANG_SECONDS);
	world_forget_complaint();
	if (clock_now_ns() - stage->world.built_ns > STAGE_AGE_NS) {
		stage_close(stage);
		stage_open(stage, stage->series);
	} else {
		snapshot_restore(&stage->snapshot, &stage->world);
	}
	if (other != OTHER_NONE)
		shmq_segment_remove(stage->world.other_name);
	if (other > OTHER_ABSENT)
		world_leave_other(&stage->world, other == OTHER_PERSISTENT);
}

/* ---- One death ---- */

static void show_failure(const struct series *series, const struct death *death, size_t count, uintptr_t place)
{
	if (series->tally->failures++ >= FAILURES_SHOWN)
		return;
	printf("%s: killed after %zu of %zu instructions, at 0x%zx", series->operation->name, death->boundary,
	       count - 1, (size_t)place);
	if (series->first != NULL)
		printf(", %s killed after %zu", series->first->name, series->first_boundary);
	printf(", %srecovered by %s:\n    %s\n", death->is_disturbed ? "written over, " : "",
	       death->way == BY_HOUSEKEEPING ? "housekeeping" : "a claim", world_complaint());
}

/* Recover and look, as others and as the survivor. Returns 0, or 1 and there is a complaint. */
static int inspect(struct stage *stage, const struct death *death)
{
	const struct series *series = stage->series;
	struct check_order order = {.outcome = series->outcome, .way = death->way, .is_brief = death->is_brief};

	if (inspector_check(series->inspector, &stage->world, &order, series->operation->other) != 0)
		return 1;
	return world_finish(&stage->world);
}

/* Returns false where the victim went another way; then nothing was decided. */
static bool die_at(struct stage *stage, const struct trace_path *path, const struct death *death, int attempt)
{
	const struct series *series = stage->series;
	bool is_last_try = attempt == TRIES, is_there;
	struct trace_victim victim;
	uintptr_t place = 0;

	stage_set(stage);
	cast_victim(&victim, series->operation, &stage->world, series->result);
	is_there = trace_go(&victim, path, death->boundary, attempt < TRIES / 2 ? TRACE_ANYWHERE : TRACE_IN_PROGRAM);
	if (is_there || is_last_try) {
		place = victim.has_ended ? 0 : trace_place(&victim);
		if (death->is_disturbed)
			world_disturb(&stage->world);
	}
	trace_kill(&victim);
	world_stop_reading(&stage->world);
	if (is_there || is_last_try) {
		series->tally->killed++;
		series->tally->astray += !is_there;
		if (inspect(stage, death) != 0)
			show_failure(series, death, path->count, place);
	}
	trace_reap(&victim);
	return is_there;
}

static void die(struct stage *stage, const struct trace_path *path, const struct death *death)
{
	for (int i = 1; i <= TRIES; i++)
		if (die_at(stage, path, death, i))
			return;
}

/* ---- All deaths ---- */

/* Step through the operation once, with nobody killed. */
static void record(struct stage *stage, struct trace_path *path)
{
	const struct operation_of_victim *operation = stage->series->operation;
	const struct shmq_segment *segment;
	struct trace_victim victim;
	int result;

	stage_set(stage);
	segment = stage->world.segment;
	cast_victim(&victim, operation, &stage->world, stage->series->result);
	trace_record(path, &victim,
	             &(struct trace_image){
			 .memory = {segment->policy, segment->usage},
			 .size = {segment->layout.policy_bytes, segment->layout.usage_bytes},
		     });
	trace_kill(&victim);
	trace_reap(&victim);
	result = *stage->series->result;
	if (result != operation->expected && (operation->otherwise == 0 || result != operation->otherwise)) {
		fprintf(stderr, "%s: %s, expected %s\n", operation->name, shmq_strerror(result),
		        shmq_strerror(operation->expected));
		exit(2);
	}
}

/*
 * How often to die at a boundary. Of all, twice where it matters, as a survivor writes over it and as none does; else the
 * other time is the other mode's. Or not at all.
 */
static unsigned count_deaths(const struct series *series, const struct trace_boundary *boundary, bool is_sampled)
{
	bool is_all = series->options->extent >= SERIES_ALL;

	if (series->first != NULL && !is_all)
		return boundary->is_written || is_sampled;
	if (boundary->matters)
		return is_all && series->first == NULL ? 2 : 1;
	if (is_sampled || !series->is_thorough)
		return is_sampled;
	return series->options->extent == SERIES_EVERY || (is_all && boundary->is_new);
}

static void die_everywhere(const struct series *series)
{
	struct prng prng = prng_seed(series->options->seed, series->first_boundary);
	size_t samples = series->first == NULL ? SAMPLES : 1;
	struct trace_path path;
	struct stage stage;

	stage_open(&stage, series);
	record(&stage, &path);
	series->tally->boundaries += path.count;
	for (size_t i = 0; i < path.count && series->options->extent == SERIES_COUNT; i++)
		series->tally->killed += path.boundaries[i].is_new;
	for (size_t i = 0; i < path.count && series->options->extent != SERIES_COUNT; i++) {
		unsigned turn = (unsigned)prng_next(&prng) + world_has_membarrier;
		bool is_sampled = prng_below(&prng, path.count) < samples;
		bool is_brief = !path.boundaries[i].matters && !is_sampled;
		unsigned deaths = count_deaths(series, &path.boundaries[i], is_sampled);

		for (unsigned j = 0; j < deaths; j++)
			die(&stage, &path,
			    &(struct death){i, (turn + j) % 2 != 0, is_brief, (turn / 2 + j) % CHECK_WAYS});
	}
	trace_forget(&path);
	stage_close(&stage);
}

/* The operation in which the first victim dies, by itself. */
static void record_first(const struct series *series, struct trace_path *path)
{
	struct series before = *series;
	struct stage stage;

	before.operation = series->first;
	before.first = NULL;
	stage_open(&stage, &before);
	record(&stage, path);
	stage_close(&stage);
}

/*
 * The recovery after a first victim. That one dies at some of the places where it changes the shared memory, or at all of
 * them; at every other one of these in this mode, and at the rest in the other one.
 */
static void die_after_another(const struct series *series)
{
	static const size_t most[] = {[SERIES_COUNT] = 1,
	                              [SERIES_QUICK] = FIRST_DEATHS,
	                              [SERIES_ALL] = FIRST_DEATHS_ALL,
	                              [SERIES_EVERY] = SIZE_MAX};
	size_t left = 0, wanted;
	struct series after = *series;
	struct prng prng = prng_seed(series->options->seed, 1);
	struct trace_path path;

	record_first(series, &path);
	for (size_t i = 0; i < path.count; i++)
		left += path.boundaries[i].is_written;
	wanted = left < most[series->options->extent] ? left : most[series->options->extent];
	after.is_thorough = true;
	for (size_t i = 0; i < path.count && wanted > 0; i++) {
		/* Each choice of so many out of those that are left is as likely as another. */
		if (!path.boundaries[i].is_written || prng_below(&prng, left--) >= wanted)
			continue;
		if (wanted-- % 2 == world_has_membarrier && series->options->extent != SERIES_COUNT)
			continue;
		after.first_path = &path;
		after.first_boundary = i;
		die_everywhere(&after);
		/* Once is enough, of what does not look different. */
		after.is_thorough = series->options->extent == SERIES_EVERY;
	}
	trace_forget(&path);
}

void series_run(struct series_tally *out, const struct operation_of_victim *operation,
                const struct series_options *options, struct inspector *inspector)
{
	struct series series = {.operation = operation,
	                        .options = options,
	                        .is_thorough = true,
	                        .outcome = operation->outcome,
	                        .setup = operation->setup,
	                        .tally = out,
	                        .inspector = inspector,
	                        .result = shared_alloc(sizeof(int))};

	*out = (struct series_tally){0};
	if (operation->first == NULL) {
		die_everywhere(&series);
	} else {
		series.first = operation_find(operation->first);
		series.outcome = series.first->outcome;
		if (operation->has_own_figures) {
			series.outcome = operation->outcome;
			series.outcome.changes = series.first->outcome.changes;
			series.outcome.moves = series.first->outcome.moves;
		}
		if (series.setup.threads == 0)
			series.setup = series.first->setup;
		die_after_another(&series);
	}
	alarm(0);
	shared_free(series.result, sizeof(int));
}
