/* SPDX-License-Identifier: MIT */
/*
 * Kill a process at every instruction of every operation that writes shared memory, recover, and see that nothing is
 * lost, leaked or blocked.
 *
 * For each boundary between two instructions of an operation a victim is brought there, killed and left a zombie; then a
 * fresh process recovers and looks: kill_check.h says what must hold. Half of the victims are written over by a survivor
 * while they stand, so that their last word is gone when they are looked at; recovery is by housekeeping or by who needs
 * the slot, in turn. Operations named after two, such as housekeep-commit, are the recovery after a first victim, which
 * is killed everywhere itself.
 *
 * The default kills where something that outlives the process may have changed since the boundary before, shared memory
 * or by a system call, and at a few others, chosen by the seed. That is no less than all: what a recoverer can find after
 * a death is the shared memory and the kernel's state; between two boundaries at which these are the same only the
 * dead process's registers and private memory differ, and nobody can read them any more. --all kills at every boundary
 * nevertheless, those of the recovery after another death excepted, which are too many.
 *
 * --fence says how read sections begin: with a fence of their own, or with one that membarrier makes them pass. Where it
 * matters victims die once in each mode, written over in one of them; with --all in every way in both.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/shared.h"
#include "kill_operation.h"
#include "kill_trace.h"

#define HANG_SECONDS 60
#define CHECK_SECONDS 20
#define SAMPLES 8
#define FIRST_WORK 50000 /* instructions over all first deaths, beyond which only FIRST_DEATHS are tried */
#define FIRST_DEATHS 4
#define TRIES 5
#define FAILURES_SHOWN 3

static struct options {
	bool all;
	uint64_t seed;
	const char *only;
} options = {.seed = 1};

struct tally {
	uint64_t boundaries, killed, astray, failures;
};

/* One operation under test, after a first victim's death or without one. */
struct series {
	const struct operation_of_victim *operation, *first;
	const struct trace_path *first_path;
	size_t first_boundary;
	struct check_outcome outcome;
	struct world_setup setup;
	struct tally *tally;
	int *result; /* shared with victims */
};

/* How one victim ends. */
struct death {
	size_t boundary;
	bool is_disturbed;
	enum check_way way;
};

/* ---- Children ---- */

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

	if (!trace_start(out, be_victim, &casting)) {
		fprintf(stderr, "%s: the victim could not get ready\n", operation->name);
		exit(2);
	}
}

struct inspection {
	const struct series *series;
	const struct world *world;
	enum check_way way;
};

static int be_inspector(unsigned index, void *context)
{
	const struct inspection *inspection = context;

	(void)index;
	alarm(CHECK_SECONDS);
	if (check_world(inspection->world, &inspection->series->outcome, inspection->way) != 0)
		return 1;
	if (inspection->series->operation->other == OTHER_NONE)
		return 0;
	return check_other(inspection->world, inspection->series->operation->other == OTHER_PERSISTENT);
}

/* Returns 0, or 1 and there is a complaint. */
static int inspect(const struct series *series, struct world *world, enum check_way way)
{
	struct inspection inspection = {series, world, way};
	pid_t pid = process_start(be_inspector, 0, &inspection);
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return world_complain("whoever recovers is blocked");
	if (WIFSIGNALED(status))
		return world_complain("whoever recovers dies of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status) != 0 ? 1 : world_finish(world);
}

/* ---- One death ---- */

static void build(const struct series *series, struct world *world, struct trace_victim *first)
{
	world_build(world, &series->setup);
	if (series->operation->other > OTHER_ABSENT)
		world_leave_other(world, series->operation->other == OTHER_PERSISTENT);
	if (series->first == NULL)
		return;
	cast_victim(first, series->first, world, series->result);
	trace_go(first, series->first_path, series->first_boundary);
	trace_kill(first);
}

static void clear(const struct series *series, struct world *world, struct trace_victim *first)
{
	if (series->first != NULL)
		trace_reap(first);
	world_tear_down(world);
}

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

/* Returns false where the victim went another way; then nothing was decided. */
static bool die_at(const struct series *series, const struct trace_path *path, const struct death *death,
                   bool is_last_try)
{
	struct trace_victim victim, first;
	struct world world;
	uintptr_t place = 0;
	bool is_there;

	alarm(HANG_SECONDS);
	world_forget_complaint();
	build(series, &world, &first);
	cast_victim(&victim, series->operation, &world, series->result);
	is_there = trace_go(&victim, path, death->boundary);
	if (is_there || is_last_try) {
		place = victim.has_ended ? 0 : trace_place(&victim);
		if (death->is_disturbed)
			world_disturb(&world);
	}
	trace_kill(&victim);
	world_stop_reading(&world);
	if (is_there || is_last_try) {
		series->tally->killed++;
		series->tally->astray += !is_there;
		if (inspect(series, &world, death->way) != 0)
			show_failure(series, death, path->count, place);
	}
	trace_reap(&victim);
	clear(series, &world, &first);
	return is_there;
}

static void die(const struct series *series, const struct trace_path *path, const struct death *death)
{
	for (int i = 1; i <= TRIES; i++)
		if (die_at(series, path, death, i == TRIES))
			return;
}

/* ---- All deaths of an operation ---- */

/* Step through the operation once, with nobody killed. */
static void record(const struct series *series, struct trace_path *path)
{
	struct trace_victim victim, first;
	struct world world;

	alarm(HANG_SECONDS);
	build(series, &world, &first);
	cast_victim(&victim, series->operation, &world, series->result);
	trace_record(path, &victim,
	             &(struct trace_image){
			 .memory = {world.segment->policy, world.segment->usage},
			 .size = {world.segment->layout.policy_bytes, world.segment->layout.usage_bytes},
		     });
	trace_kill(&victim);
	trace_reap(&victim);
	clear(series, &world, &first);
	if (*series->result != series->operation->expected) {
		fprintf(stderr, "%s: %s, expected %s\n", series->operation->name, shmq_strerror(*series->result),
		        shmq_strerror(series->operation->expected));
		exit(2);
	}
}

/*
 * How often to die at a boundary. With --all twice, as a survivor writes over it and as none does; else the other time is
 * the other mode's. Or not at all.
 */
static unsigned count_deaths(const struct series *series, const struct trace_boundary *boundary, bool is_sampled)
{
	if (series->first != NULL && !options.all)
		return boundary->is_written || is_sampled;
	if (boundary->matters)
		return options.all ? 2 : 1;
	return is_sampled || (options.all && series->first == NULL);
}

static void die_everywhere(const struct series *series)
{
	struct prng prng = prng_seed(options.seed, series->first_boundary);
	size_t samples = series->first == NULL ? SAMPLES : 1;
	struct trace_path path;

	record(series, &path);
	series->tally->boundaries += path.count;
	for (size_t i = 0; i < path.count; i++) {
		unsigned turn = (unsigned)prng_next(&prng) + world_has_membarrier;
		bool is_sampled = prng_below(&prng, path.count) < samples;
		unsigned deaths = count_deaths(series, &path.boundaries[i], is_sampled);

		for (unsigned j = 0; j < deaths; j++)
			die(series, &path, &(struct death){i, (turn + j) % 2 != 0, (turn / 2 + j) % CHECK_WAYS});
	}
	trace_forget(&path);
}

/*
 * The recovery after a first victim. That one dies wherever it changes the shared memory, or at so many of these places;
 * without --all at every other one of them, and at the rest in the other mode.
 */
static void die_after_another(const struct series *series)
{
	size_t left = 0, wanted;
	struct series before = *series, after = *series;
	struct prng prng = prng_seed(options.seed, 1);
	struct trace_path path;

	before.operation = series->first;
	before.first = NULL;
	record(&before, &path);
	for (size_t i = 0; i < path.count; i++)
		left += path.boundaries[i].is_written;
	wanted = options.all || left * path.count <= FIRST_WORK ? left : FIRST_DEATHS;
	for (size_t i = 0; i < path.count && wanted > 0; i++) {
		/* Each choice of so many out of those that are left is as likely as another. */
		if (!path.boundaries[i].is_written || prng_below(&prng, left--) >= wanted)
			continue;
		if (wanted-- % 2 == world_has_membarrier && !options.all)
			continue;
		after.first_path = &path;
		after.first_boundary = i;
		die_everywhere(&after);
	}
	trace_forget(&path);
}

static bool run_operation(const struct operation_of_victim *operation)
{
	uint64_t begin = clock_now_ns();
	struct tally tally = {0};
	struct series series = {.operation = operation,
	                        .outcome = operation->outcome,
	                        .setup = operation->setup,
	                        .tally = &tally,
	                        .result = shared_alloc(sizeof(int))};

	if (operation->first != NULL) {
		series.first = operation_find(operation->first);
		series.outcome = series.first->outcome;
		if (series.setup.threads == 0)
			series.setup = series.first->setup;
		die_after_another(&series);
	} else {
		die_everywhere(&series);
	}
	shared_free(series.result, sizeof(int));
	printf("%-28s %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8.1f\n", operation->name, tally.boundaries,
	       tally.killed, tally.astray, tally.failures, (double)(clock_now_ns() - begin) / 1e9);
	fflush(stdout);
	return tally.failures == 0;
}

/* ---- The program ---- */

static void bark(int signal)
{
	static const char text[] = "watchdog: a victim or the survivor does not get on\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

/* A stop and the waking of its tracer are quicker on one processor. */
static void stay_on_one_processor(void)
{
	cpu_set_t set;
	int processor = sched_getcpu();

	CPU_ZERO(&set);
	if (processor >= 0) {
		CPU_SET((unsigned)processor, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--fence full|membarrier] [--all] [--seed N] [--operation NAME] [--list]\n",
	        program);
	return 2;
}

static int list(void)
{
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++)
		puts(operation->name);
	return 0;
}

static int run(void)
{
	unsigned passed = 0, failed = 0;

	name_sweep();
	signal(SIGALRM, bark);
	stay_on_one_processor();
	printf("seed %" PRIu64 ", %s, fence %s\n", options.seed,
	       options.all ? "every boundary" : "boundaries that matter", world_has_membarrier ? "membarrier" : "full");
	printf("%-28s %10s %8s %8s %8s %8s\n", "operation", "boundaries", "killed", "astray", "failures", "seconds");
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++) {
		if (options.only != NULL && operation != operation_find(options.only))
			continue;
		if (run_operation(operation))
			passed++;
		else
			failed++;
	}
	name_sweep();
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}

static bool set_fence(const char *mode)
{
	world_has_membarrier = strcmp(mode, "membarrier") == 0;
	return world_has_membarrier || strcmp(mode, "full") == 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {{"all", no_argument, NULL, 'a'},
	                                      {"seed", required_argument, NULL, 's'},
	                                      {"operation", required_argument, NULL, 'o'},
	                                      {"list", no_argument, NULL, 'l'},
	                                      {"fence", required_argument, NULL, 'f'},
	                                      {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'a')
			options.all = true;
		else if (option == 's')
			options.seed = strtoull(optarg, NULL, 10);
		else if (option == 'o')
			options.only = optarg;
		else if (option == 'l')
			return list();
		else if (option == 'f' && set_fence(optarg))
			continue;
		else
			return usage(argv[0]);
	}
	if (optind != argc || (options.only != NULL && operation_find(options.only) == NULL))
		return usage(argv[0]);
	return run();
}
