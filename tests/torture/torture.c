/* SPDX-License-Identifier: MIT */
/*
 * The frame of the torture programs: options, rounds, disturbance, watchdog, summary.
 *
 * The parent never waits for the library itself while others are stopped, and it reaps whom it kills, so a worker of a
 * round never reaches into the next.
 */
#include "torture.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/process.h"

#define ROUND_NS (250 * MS)
#define JOIN_MS 10000
#define WATCHDOG_SECONDS 40

/* What a process or thread is started with. */
struct performer {
	struct torture *torture;
	const struct torture_plan *plan;
	unsigned index;
	int failed;
};

static int perform(const struct performer *performer)
{
	bool is_worker = performer->index < performer->torture->processes;

	return (is_worker ? performer->plan->work : performer->plan->control)(performer->torture, performer->index);
}

static int perform_in_process(unsigned index, void *context)
{
	struct performer performer = *(struct performer *)context;

	performer.index = index;
	return perform(&performer);
}

static void *perform_in_thread(void *context)
{
	struct performer *performer = context;

	performer->failed = perform(performer);
	return NULL;
}

static unsigned count_performers(const struct torture *torture, const struct torture_plan *plan)
{
	return torture->processes + plan->controllers;
}

/* ---- A round of processes ---- */

static void end_one(struct torture *torture, int status)
{
	if (status == -ETIMEDOUT)
		counter_add(&torture->findings->hangs, 1);
	else if (status != 0)
		counter_add(&torture->findings->wrong, 1);
}

static void kill_and_replace(struct torture *torture, pid_t pids[], unsigned index, bool stands,
                             struct performer *performer)
{
	int status;

	if (performer->plan->doom != NULL && (stands || process_stop(pids[index])))
		performer->plan->doom(torture, index);
	status = process_kill(pids[index]);
	torture->kills += status == PROCESS_SIGNAL(SIGKILL);
	if (status != PROCESS_SIGNAL(SIGKILL))
		end_one(torture, status == 0 ? 1 : status);
	pids[index] = process_start(perform_in_process, index, performer);
}

/* Kill one after the other at random; every now and then one is stopped meanwhile. */
static void disturb(struct torture *torture, pid_t pids[], unsigned count, struct performer *performer)
{
	struct prng prng = prng_seed(torture->seed, torture->round);
	uint64_t end = clock_now_ns() + ROUND_NS;

	while (clock_now_ns() < end) {
		unsigned stopped = (unsigned)prng_below(&prng, count);
		bool stands = prng_below(&prng, 3) == 0 && process_stop(pids[stopped]);

		torture->stops += stands;
		for (uint64_t i = 1 + prng_below(&prng, 4); i > 0; i--) {
			unsigned victim = (unsigned)prng_below(&prng, count);

			clock_sleep_ns(prng_below(&prng, 2 * MS));
			if (!stands || victim != stopped)
				kill_and_replace(torture, pids, victim, false, performer);
		}
		if (stands && prng_below(&prng, 2))
			kill_and_replace(torture, pids, stopped, true, performer);
		else if (stands)
			process_continue(pids[stopped]);
	}
}

static void round_of_processes(struct torture *torture, struct performer *performer)
{
	unsigned count = count_performers(torture, performer->plan);
	pid_t pids[TORTURE_WORKERS_MAX];

	process_start_group(pids, count, perform_in_process, performer);
	disturb(torture, pids, count, performer);
	counter_set(torture->stop, 1);
	for (unsigned i = 0; i < count; i++)
		end_one(torture, process_join(pids[i], JOIN_MS));
}

/* ---- A round of threads ---- */

static void round_of_threads(struct torture *torture, const struct performer *performer)
{
	unsigned count = count_performers(torture, performer->plan);
	struct performer performers[TORTURE_WORKERS_MAX];
	pthread_t threads[TORTURE_WORKERS_MAX];

	for (unsigned i = 0; i < count; i++) {
		performers[i] = *performer;
		performers[i].index = i;
		if (pthread_create(&threads[i], NULL, perform_in_thread, &performers[i]) != 0)
			abort();
	}
	clock_sleep_ns(ROUND_NS);
	counter_set(torture->stop, 1);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		end_one(torture, performers[i].failed);
	}
}

/* ---- The run ---- */

static void bark(int signal)
{
	static const char text[] = "watchdog: a round did not end; the program hangs\n";

	(void)signal;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static bool all_is_well(const struct torture *torture)
{
	struct torture_findings *findings = torture->findings;

	return counter_get(&findings->over) == 0 && counter_get(&findings->lost) == 0 &&
	       counter_get(&findings->leaked) == 0 && counter_get(&findings->mixed) == 0 &&
	       counter_get(&findings->wrong) == 0 && counter_get(&findings->hangs) == 0;
}

static void run_rounds(struct torture *torture, const struct torture_plan *plan)
{
	uint64_t end = clock_now_ns() + torture->seconds * SECOND;
	struct performer performer = {.torture = torture, .plan = plan};

	while (clock_now_ns() < end && counter_get(&torture->findings->hangs) == 0) {
		alarm(WATCHDOG_SECONDS);
		counter_set(torture->stop, 0);
		if (plan->round_begins != NULL)
			plan->round_begins(torture);
		if (torture->as_threads)
			round_of_threads(torture, &performer);
		else
			round_of_processes(torture, &performer);
		plan->round_ends(torture);
		torture->round++;
	}
}

static void print_summary(struct torture *torture, const struct torture_plan *plan)
{
	struct torture_findings *findings = torture->findings;

	printf("%s: seed %" PRIu64 ", %u s, %u %s, fence %s, %" PRIu64 " rounds, %" PRIu64 " kills, %" PRIu64
	       " stops, %.1f M operations, ",
	       plan->name, torture->seed, torture->seconds, torture->processes,
	       torture->as_threads ? "threads" : "processes", torture->has_membarrier ? "membarrier" : "full",
	       torture->round, torture->kills, torture->stops, (double)counter_get(torture->operations) / 1e6);
	plan->summary(torture);
	printf(": over %" PRIu64 ", lost %" PRIu64 ", leaked %" PRIu64 ", mixed %" PRIu64 ", wrong %" PRIu64
	       ", hangs %" PRIu64 "\n",
	       counter_get(&findings->over), counter_get(&findings->lost), counter_get(&findings->leaked),
	       counter_get(&findings->mixed), counter_get(&findings->wrong), counter_get(&findings->hangs));
}

int torture_open_control(struct torture *torture, struct shmq_segment **out)
{
	*out = torture->segment;
	return torture->as_threads ? 0 : shmq_segment_open(out, torture->name, SHMQ_CONTROL);
}

void torture_close_control(struct torture *torture, struct shmq_segment *segment)
{
	if (!torture->as_threads)
		shmq_segment_close(segment);
}

void torture_complain(struct counter *finding, uint64_t amount, const char *what, uint64_t actual, uint64_t least,
                      uint64_t most)
{
	dprintf(STDERR_FILENO, "%s: %" PRIu64 ", expected %" PRIu64 " to %" PRIu64 "\n", what, actual, least, most);
	counter_add(finding, amount);
}

void torture_expect(struct torture *torture, const char *what, uint64_t actual, uint64_t least, uint64_t most)
{
	if (actual < least)
		torture_complain(&torture->findings->lost, least - actual, what, actual, least, most);
	else if (actual > most)
		torture_complain(&torture->findings->leaked, actual - most, what, actual, least, most);
}

struct shmq_resource_status torture_look(struct torture *torture, struct shmq_component *component, int resource)
{
	struct shmq_status status = {0};
	int result = shmq_status(component, &status);

	if (result != 0)
		torture_complain(&torture->findings->wrong, 1, "status", (uint64_t)-result, 0, 0);
	return status.resource[resource];
}

int torture_load_policy(struct torture *torture, struct shmq_policy **out, const char *text)
{
	char path[NAME_SIZE];
	const char *paths[] = {path};
	FILE *file;

	name_object(path, torture->name, "ini");
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		return -EIO;
	return shmq_policy_load(out, paths, 1, NULL);
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--seconds N] [--seed N] [--processes N] [--threads] [--fence full|membarrier]\n",
	        program);
	return 2;
}

/* Read the options. Returns false where they make no sense. */
static bool read_options(struct torture *torture, int argc, char **argv)
{
	static const struct option options[] = {
	    {"seconds", required_argument, NULL, 's'},   {"seed", required_argument, NULL, 'r'},
	    {"processes", required_argument, NULL, 'p'}, {"threads", no_argument, NULL, 't'},
	    {"fence", required_argument, NULL, 'f'},     {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			torture->seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			torture->seed = strtoull(optarg, NULL, 10);
			break;
		case 'p':
			torture->processes = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			torture->as_threads = true;
			break;
		case 'f':
			torture->has_membarrier = strcmp(optarg, "membarrier") == 0;
			if (!torture->has_membarrier && strcmp(optarg, "full") != 0)
				return false;
			break;
		default:
			return false;
		}
	}
	return optind == argc && torture->seconds > 0 && torture->processes > 0;
}

static int run(struct torture *torture, const struct torture_plan *plan)
{
	struct shmq_options options = plan->options;
	int result;

	if (plan->slots > 0)
		options.threads = plan->slots * count_performers(torture, plan) + 1; /* one is the parent's */
	options.membarrier = torture->has_membarrier;
	result = shmq_segment_create(&torture->segment, torture->name, &options);
	if (result == 0)
		result = plan->begin(torture);
	if (result == 0)
		run_rounds(torture, plan);
	else
		fprintf(stderr, "%s: %s\n", plan->name, shmq_strerror(result));
	if (result == 0)
		print_summary(torture, plan);
	plan->end(torture);
	shmq_segment_close(torture->segment);
	name_sweep();
	/* A run in which nothing happened proves nothing. */
	return result == 0 && all_is_well(torture) && counter_get(torture->operations) > 1000 ? 0 : 1;
}

int torture_main(int argc, char **argv, const struct torture_plan *plan)
{
	struct torture torture = {.seconds = 5, .seed = 1, .processes = 4};

	if (!read_options(&torture, argc, argv))
		return usage(argv[0]);
	if (count_performers(&torture, plan) > TORTURE_WORKERS_MAX) {
		fprintf(stderr, "%s: at most %u processes\n", plan->name, TORTURE_WORKERS_MAX - plan->controllers);
		return 2;
	}
	signal(SIGALRM, bark);
	name_sweep();
	name_segment(torture.name, plan->name);
	torture.findings = shared_alloc(sizeof(*torture.findings));
	torture.stop = shared_alloc(sizeof(*torture.stop));
	torture.operations = shared_alloc(sizeof(*torture.operations));
	return run(&torture, plan);
}
