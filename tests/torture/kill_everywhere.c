/* SPDX-License-Identifier: MIT */
/*
 * Kill a process at every instruction of every operation that writes shared memory, recover, and see that nothing is
 * lost, leaked or blocked.
 *
 * For each boundary between two instructions of an operation a victim is brought there, killed and left a zombie; then
 * another process recovers and looks: kill_check.h says what must hold. Half of the victims are written over by a survivor
 * while they stand, so that their last word is gone when they are looked at; recovery is by housekeeping or by who needs
 * the slot, in turn. Operations named after two, such as housekeep-commit, are the recovery after a first victim, which
 * is killed everywhere itself.
 *
 * The default kills where something that outlives the process may have changed since the boundary before, shared memory
 * or by a system call, and at a few others, chosen by the seed. That is no less than all: what a recoverer can find after
 * a death is the shared memory and the kernel's state; between two boundaries at which these are the same only the
 * dead process's registers and private memory differ, and nobody can read them any more. --all kills nevertheless at
 * every instruction that comes between two such changes, once; --every also at each turn of each loop in between. Where
 * nothing can have changed both leave out what takes long: that all names and entries can be used again. Of the recovery
 * after another death there is too much: --all does so after one first death each, and after a few in the way of the
 * default.
 *
 * --fence says how read sections begin: with a fence of their own, or with one that membarrier makes them pass. Where it
 * matters victims die once in each mode, written over in one of them; with --all in every way in both.
 */
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "kill_series.h"

/* A stop and the waking of its tracer are quicker on one processor; which one is up to the kernel, each time anew. */
static void stay_on_one_processor(const cpu_set_t *allowed)
{
	cpu_set_t set;
	int processor;

	sched_setaffinity(0, sizeof(*allowed), allowed);
	clock_sleep_ns(MS);
	processor = sched_getcpu();
	CPU_ZERO(&set);
	if (processor >= 0) {
		CPU_SET((unsigned)processor, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
}

static bool run_operation(const struct operation_of_victim *operation, const struct series_options *options)
{
	uint64_t begin = clock_now_ns();
	struct inspector *inspector = inspector_new();
	struct series_tally tally;

	series_run(&tally, operation, options, inspector);
	inspector_end(inspector);
	printf("%-34s %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8.1f\n", operation->name, tally.boundaries,
	       tally.killed, tally.astray, tally.failures, (double)(clock_now_ns() - begin) / 1e9);
	fflush(stdout);
	return tally.failures == 0;
}

/*
 * Without --whole four programs, of two optimisations and two modes, share the operations: each has about half of those
 * that are short, and a quarter of those of controllers and after another death, which take long. The seed says which.
 */
static bool is_in_share(const struct operation_of_victim *operation, uint64_t seed)
{
#ifdef __OPTIMIZE__
	const unsigned optimised = 1;
#else
	const unsigned optimised = 0;
#endif
	struct prng prng = prng_seed(seed, (uint64_t)(operation - operations));
	uint64_t turn = prng_next(&prng);

	if (operation->first != NULL || operation->other != OTHER_NONE || operation->get_ready == victim_in_control)
		return turn % 4 == 2 * optimised + world_has_membarrier;
	return turn % 2 == world_has_membarrier;
}

static void bark(int signal)
{
	static const char text[] = "watchdog: a victim or the survivor does not get on\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static int usage(const char *program)
{
	fprintf(
	    stderr,
	    "usage: %s [--fence full|membarrier] [--whole | --all | --every | --count] [--seed N] [--operation NAME] "
	    "[--list]\n",
	    program);
	return 2;
}

static int list(void)
{
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++)
		puts(operation->name);
	return 0;
}

static int run(const struct series_options *options, const char *only, bool is_whole)
{
	static const char *const extents[] = {[SERIES_COUNT] = "nobody dies",
	                                      [SERIES_QUICK] = "boundaries that matter",
	                                      [SERIES_ALL] = "every instruction after each change",
	                                      [SERIES_EVERY] = "every boundary"};
	unsigned passed = 0, failed = 0, left_out = 0;
	cpu_set_t allowed;

	name_sweep();
	signal(SIGALRM, bark);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	printf("seed %" PRIu64 ", %s, fence %s\n", options->seed, extents[options->extent],
	       world_has_membarrier ? "membarrier" : "full");
	printf("%-34s %10s %8s %8s %8s %8s\n", "operation", "boundaries", "killed", "astray", "failures", "seconds");
	for (const struct operation_of_victim *operation = operations; operation->name != NULL; operation++) {
		if (only != NULL && operation != operation_find(only))
			continue;
		if (only == NULL && !is_whole && !is_in_share(operation, options->seed)) {
			left_out++;
			continue;
		}
		stay_on_one_processor(&allowed);
		if (run_operation(operation, options))
			passed++;
		else
			failed++;
	}
	name_sweep();
	if (left_out > 0)
		printf("%u operations were left to the other programs; --whole runs all of them\n", left_out);
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
	                                      {"every", no_argument, NULL, 'e'},
	                                      {"count", no_argument, NULL, 'c'},
	                                      {"whole", no_argument, NULL, 'w'},
	                                      {"seed", required_argument, NULL, 's'},
	                                      {"operation", required_argument, NULL, 'o'},
	                                      {"list", no_argument, NULL, 'l'},
	                                      {"fence", required_argument, NULL, 'f'},
	                                      {0}};
	struct series_options options = {SERIES_QUICK, 1};
	const char *only = NULL;
	bool is_whole = false;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'a')
			options.extent = SERIES_ALL;
		else if (option == 'e')
			options.extent = SERIES_EVERY;
		else if (option == 'c')
			options.extent = SERIES_COUNT;
		else if (option == 's')
			options.seed = strtoull(optarg, NULL, 10);
		else if (option == 'o')
			only = optarg;
		else if (option == 'w')
			is_whole = true;
		else if (option == 'l')
			return list();
		else if (option == 'f' && set_fence(optarg))
			continue;
		else
			return usage(argv[0]);
	}
	if (optind != argc || (only != NULL && operation_find(only) == NULL))
		return usage(argv[0]);
	return run(&options, only, is_whole || options.extent != SERIES_QUICK);
}
