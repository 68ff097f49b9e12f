/* SPDX-License-Identifier: MIT */
/*
 * The measuring process is the first of the two; the second sleeps on a semaphore while it is not needed, so one
 * process is measured on an otherwise idle program. For a sample of two, both meet at a spinning barrier, warm up, meet
 * again, and take the time for their operations until both have done as many as was ordered: all that is measured is
 * measured under the other's load.
 */
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Short enough to fit the slice that a scheduler gives at a time, long enough for the clock not to matter. */
#define SAMPLE_MIN_NS UINT64_C(100000)
#define SAMPLE_MAX_NS UINT64_C(1000000)
#define NAP_NS 100000
#define RETRIES 20
#define PATIENCE 3 /* so many times the seconds asked for; then what there is has to do */
#define SPINS_PER_LOOK (1U << 22)

/* What one process found out in a sample. */
struct lane {
	alignas(64) atomic_bool is_done; /* with what was ordered; it goes on until the other is */
	uint64_t spent_ns, operations;
	long preemptions;
	bool is_right;
};

struct order {
	const struct bench_case *bench_case;
	enum bench_placement placement;
	uint64_t count;
	unsigned round;
};

/* Shared by the two processes. */
struct meeting {
	sem_t wake; /* the second process; no case: it ends */
	struct order order;
	alignas(64) atomic_uint arrived; /* how often a process came to the barrier; never reset */
	struct lane lanes[2];
};

struct harness {
	const struct bench_settings *settings;
	const struct bench_case *cases;
	void *const *subjects;
	struct meeting *meeting;
	struct bench_results *results;
	pid_t partner;
	unsigned barriers; /* passed by this process */
};

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

long bench_preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nivcsw;
}

/* Who slept is given a whole slice on waking, even beside busy neighbours. */
static void begin_slice(void)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};

	nanosleep(&nap, NULL);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		fprintf(stderr, "cannot run on core %d: %s\n", cpu, strerror(errno));
		exit(2);
	}
}

void bench_choose_cpus(int cpus[2])
{
	cpu_set_t set;
	int found = 0;

	cpus[0] = 0;
	cpus[1] = -1;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = (int)cpu;
}

/* ---- Two processes ----------------------------------------------------------------------------------------------- */

/* A partner that died must not keep us for ever; its own end is bound to ours by PR_SET_PDEATHSIG. */
static void expect_partner(const struct harness *harness)
{
	if (harness->partner > 0 && waitpid(harness->partner, NULL, WNOHANG) != 0) {
		fprintf(stderr, "the second process died\n");
		exit(2);
	}
}

static void barrier(struct harness *harness)
{
	unsigned expected = ++harness->barriers * 2;

	atomic_fetch_add(&harness->meeting->arrived, 1);
	for (unsigned spins = 1; (int)(atomic_load(&harness->meeting->arrived) - expected) < 0; spins++)
		if (spins % SPINS_PER_LOOK == 0)
			expect_partner(harness);
}

/* One run, and what it cost. */
static bool run_once(const struct harness *harness, const struct bench_case *bench_case, void *subject, uint64_t count,
                     struct bench_cost *cost)
{
	long preemptions = bench_preemptions();
	uint64_t begin = bench_now_ns();
	bool is_right = bench_case->run(subject, count);

	cost->ns = bench_now_ns() - begin;
	cost->preemptions = bench_preemptions() - preemptions;
	if (harness->settings->correct != NULL)
		harness->settings->correct(subject, bench_case, cost);
	return is_right;
}

/* Run once more, and add to what this process did in the sample. */
static void lane_add(const struct harness *harness, const struct order *order, void *subject, uint64_t count,
                     struct lane *lane)
{
	struct bench_cost cost;

	lane->is_right &= run_once(harness, order->bench_case, subject, count, &cost);
	lane->spent_ns += cost.ns;
	lane->preemptions += cost.preemptions;
	lane->operations += count;
}

/* One process's part of a sample. */
static void lane_run(struct harness *harness, const struct order *order, unsigned process)
{
	const struct bench_case *bench_case = order->bench_case;
	void *subject = harness->subjects[order->placement == BENCH_APART ? process : 0];
	struct lane *lane = &harness->meeting->lanes[process];
	const struct lane *other = &harness->meeting->lanes[1 - process];
	bool is_alone = order->placement == BENCH_ONE;
	struct bench_cost warm_up;
	long preemptions;

	if (harness->settings->choose != NULL)
		harness->settings->choose(subject, bench_case);
	if (bench_case->prepare != NULL)
		bench_case->prepare(subject, order->round);
	begin_slice();
	if (!is_alone)
		barrier(harness);
	lane->is_right = run_once(harness, bench_case, subject, order->count / 4 + 1, &warm_up);
	lane->spent_ns = lane->operations = 0;
	/* From here to the end, waiting included: while this process is off its core the other one runs without it. */
	preemptions = bench_preemptions();
	if (!is_alone)
		barrier(harness);
	lane->preemptions = bench_preemptions() - preemptions;
	lane_add(harness, order, subject, order->count, lane);
	atomic_store(&lane->is_done, true);
	while (!is_alone && !atomic_load(&other->is_done))
		lane_add(harness, order, subject, order->count / 16 + 1, lane);
	if (!is_alone)
		barrier(harness);
}

static void partner_main(struct harness *harness, pid_t parent)
{
	struct meeting *meeting = harness->meeting;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	pin(harness->settings->cpus[1]);
	for (;;) {
		while (sem_wait(&meeting->wake) != 0)
			;
		if (meeting->order.bench_case == NULL)
			_exit(0);
		lane_run(harness, &meeting->order, 1);
	}
}

static int partner_start(struct harness *harness)
{
	pid_t parent = getpid();

	harness->partner = fork();
	if (harness->partner == 0)
		partner_main(harness, parent);
	if (harness->partner < 0)
		perror("cannot start the second process");
	return harness->partner < 0 ? -1 : 0;
}

static void partner_stop(struct harness *harness)
{
	if (harness->partner <= 0)
		return;
	harness->meeting->order.bench_case = NULL;
	sem_post(&harness->meeting->wake);
	waitpid(harness->partner, NULL, 0);
	harness->partner = 0;
}

/* ---- Samples ----------------------------------------------------------------------------------------------------- */

/*
 * Nanoseconds per operation of one process. Of two that do not come equally far it is by what they did together: while
 * one of them holds a lock and hurries on, the other one's waiting counts.
 */
static double figure_of(const struct lane *lanes, unsigned count)
{
	double per_ns = 0;

	for (unsigned i = 0; i < count; i++)
		per_ns += (double)lanes[i].operations / (double)(lanes[i].spent_ns > 0 ? lanes[i].spent_ns : 1);
	return count / per_ns;
}

/* Returns whether no process was preempted. */
static bool sample_once(struct harness *harness, const struct order *order, double *ns)
{
	struct meeting *meeting = harness->meeting;
	const struct lane *lanes = meeting->lanes;
	bool is_alone = order->placement == BENCH_ONE;

	meeting->order = *order;
	for (int i = 0; i < 2; i++)
		atomic_store(&meeting->lanes[i].is_done, false);
	if (!is_alone)
		sem_post(&meeting->wake);
	lane_run(harness, order, 0);
	if (!lanes[0].is_right || (!is_alone && !lanes[1].is_right)) {
		fprintf(stderr, "%s: an operation did not answer as it should\n", order->bench_case->name);
		exit(2);
	}
	*ns = figure_of(lanes, is_alone ? 1 : 2);
	return lanes[0].preemptions == 0 && (is_alone || lanes[1].preemptions == 0);
}

static double sample(struct harness *harness, struct order *order, unsigned round)
{
	double ns;

	order->round = round;
	for (int retry = 0; retry <= RETRIES; retry++) {
		harness->results->samples++;
		if (sample_once(harness, order, &ns))
			return ns;
		harness->results->preempted++;
	}
	harness->results->disturbed++;
	return ns;
}

/*
 * Find how many operations fill a sample. Warms everything up on the way; operations that get faster while they warm up
 * are tried again with more of them.
 */
static uint64_t calibrate(struct harness *harness, struct order order)
{
	double target_ns = (double)harness->results->sample_ns, ns;
	uint64_t wanted;

	for (order.count = 64;; order.count = wanted < order.count * 8 ? wanted : order.count * 8) {
		sample_once(harness, &order, &ns);
		wanted = (uint64_t)(target_ns / ns) + 1;
		if (wanted <= order.count * 2)
			return wanted;
	}
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_figure bench_summarize(double *ns, size_t count)
{
	qsort(ns, count, sizeof(*ns), compare_doubles);
	return (struct bench_figure){
	    .median = (ns[(count - 1) / 2] + ns[count / 2]) / 2, .min = ns[0], .max = ns[count - 1]};
}

static void measure_lines(struct harness *harness, struct order *orders, size_t lines, double *ns)
{
	unsigned rounds = harness->settings->rounds, round = 0;
	uint64_t end = bench_now_ns() + (uint64_t)(harness->settings->seconds * PATIENCE * 1e9);

	for (size_t line = 0; line < lines; line++)
		orders[line].count = calibrate(harness, orders[line]);
	for (; round < rounds && (round < BENCH_ROUNDS_MIN || bench_now_ns() < end); round++)
		for (size_t line = 0; line < lines; line++)
			ns[line * rounds + round] = sample(harness, &orders[line], round);
	for (size_t line = 0; line < lines; line++)
		harness->results->figures[orders[line].bench_case - harness->cases][orders[line].placement] =
		    bench_summarize(&ns[line * rounds], round);
	harness->results->rounds = round;
}

static struct meeting *meeting_create(void)
{
	struct meeting *meeting =
	    mmap(NULL, sizeof(*meeting), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (meeting == MAP_FAILED || sem_init(&meeting->wake, 1, 0) != 0)
		return NULL;
	return meeting;
}

static uint64_t choose_sample_ns(const struct bench_settings *settings, size_t lines)
{
	/* A good third goes for warming up and for waiting. */
	double ns = settings->seconds * 0.6e9 / ((double)lines * (settings->rounds + 1));

	return ns < (double)SAMPLE_MIN_NS ? SAMPLE_MIN_NS : ns > (double)SAMPLE_MAX_NS ? SAMPLE_MAX_NS : (uint64_t)ns;
}

static size_t choose_placements(const struct bench_settings *settings)
{
	if (settings->cpus[1] < 0)
		return 1;
	return settings->placements == 0 ? BENCH_PLACEMENTS : settings->placements;
}

int bench_measure(struct bench_results *out, const struct bench_settings *settings, const struct bench_case *cases,
                  size_t count, void *const subjects[2])
{
	size_t placements = choose_placements(settings), lines = placements * count;
	struct order *orders = calloc(lines, sizeof(*orders));
	double *ns = calloc(lines * settings->rounds, sizeof(*ns));
	struct harness harness = {settings, cases, subjects, meeting_create(), out, 0, 0};
	int result = -1;

	*out = (struct bench_results){.figures = calloc(count, sizeof(*out->figures)),
	                              .sample_ns = choose_sample_ns(settings, lines)};
	if (orders == NULL || ns == NULL || harness.meeting == NULL || out->figures == NULL) {
		fprintf(stderr, "not enough memory\n");
	} else if (placements == 1 || partner_start(&harness) == 0) {
		pin(settings->cpus[0]);
		for (size_t line = 0; line < lines; line++)
			orders[line] = (struct order){&cases[line % count], (enum bench_placement)(line / count), 0, 0};
		measure_lines(&harness, orders, lines, ns);
		partner_stop(&harness);
		result = 0;
	}
	if (harness.meeting != NULL)
		munmap(harness.meeting, sizeof(*harness.meeting));
	free(orders);
	free(ns);
	if (result < 0)
		bench_free(out);
	return result;
}

void bench_free(struct bench_results *results)
{
	free(results->figures);
	results->figures = NULL;
}
