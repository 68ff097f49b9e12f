/* SPDX-License-Identifier: MIT */
/*
 * 4,096 threads at one segment, 256 in each of sixteen processes. Each attaches by its first operation and then sleeps;
 * later all consume, a hundred operations at a time with a sleep in between, as servers do.
 *
 * What is measured from the controller's process: publishing one policy after the other, which waits for the grace
 * period of the one before and so looks at every slot; and housekeeping, which asks the kernel about each thread.
 */
#include "policy_text.h"
#include "scale.h"
#include "segment.h"
#include "stopwatch.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <shmquota.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 16
#define THREADS_EACH 256
#define THREADS (PROCESSES * THREADS_EACH)
#define SPARE 8 /* slots, for the controller */
#define STACK_BYTES 65536
#define ATTACH_NAP_NS 20000
#define TURN 100
#define TURN_NAP_NS 40000000
#define PATIENCE_NS UINT64_C(30000000000)

/* Shared by all processes. */
struct stage {
	_Atomic unsigned attached, failed;
	_Atomic uint64_t attach_ns;
	sem_t begin; /* to consume */
};

static struct stage *stage;
static struct shmq_segment *segment;
static struct shmq_component *component;

static void nap(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

/* ---- The threads ------------------------------------------------------------------------------------------------- */

static void *work(void *argument)
{
	uint64_t start = bench_now_ns();

	if (shmq_check(component, SHMQ_MESSAGES, 1, NULL) != SHMQ_OK)
		stage->failed++;
	stage->attach_ns += bench_now_ns() - start;
	stage->attached++;
	while (sem_wait(&stage->begin) != 0)
		;
	for (;;) {
		for (int i = 0; i < TURN; i++)
			if (shmq_consume(component, SHMQ_MESSAGES, 1) != SHMQ_OK)
				stage->failed++;
		nap(TURN_NAP_NS);
	}
	return argument;
}

/* Make threads one after the other, so that what attaching costs is not what they wait for each other. */
static void play_process(unsigned attached)
{
	pthread_attr_t attributes;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	for (unsigned i = 1; i <= THREADS_EACH; i++) {
		pthread_t thread;

		if (pthread_create(&thread, &attributes, work, NULL) != 0) {
			stage->failed++;
			break;
		}
		while (stage->attached < attached + i)
			nap(ATTACH_NAP_NS);
	}
	for (;;)
		pause();
}

static int add_process(pid_t *out, unsigned attached)
{
	uint64_t start = bench_now_ns();

	*out = fork();
	if (*out < 0)
		return bench_complain("cannot make a process", -errno);
	if (*out == 0)
		play_process(attached);
	while (stage->attached < attached + THREADS_EACH && stage->failed == 0 && bench_now_ns() - start < PATIENCE_NS)
		nap(ATTACH_NAP_NS);
	return stage->attached == attached + THREADS_EACH && stage->failed == 0
	           ? 0
	           : bench_complain("cannot attach 4096 threads: look at 'ulimit -u' and the pids limit", 0);
}

/* ---- The controller ---------------------------------------------------------------------------------------------- */

/* Publish until it is done: while threads are held up in a section, the library gives up after a second. */
static double time_publish(const struct shmq_policy *policy)
{
	struct stopwatch start = stopwatch_now();
	int result;

	do
		result = shmq_policy_publish(segment, policy);
	while (result == -EAGAIN);
	return result < 0 ? -1 : stopwatch_since(start);
}

static double time_housekeep(void)
{
	struct stopwatch start = stopwatch_now();

	return shmq_housekeep(segment) < 0 ? -1 : stopwatch_since(start);
}

static int measure(struct bench_figure figures[SCALE_LINES], enum scale_line publish, enum scale_line housekeep,
                   unsigned rounds)
{
	static double publish_ns[SCALE_ROUNDS_MAX], housekeep_ns[SCALE_ROUNDS_MAX];
	struct shmq_policy *policy = policy_text_load("[default]\nmessages = unlimited\n");
	bool is_right = policy != NULL && time_publish(policy) >= 0;

	/* One after the other: housekeeping would end the grace period that publishing is to wait for. */
	for (unsigned round = 0; is_right && round < rounds; round++) {
		publish_ns[round] = time_publish(policy);
		is_right = publish_ns[round] >= 0;
	}
	for (unsigned round = 0; is_right && housekeep != SCALE_LINES && round < rounds; round++) {
		housekeep_ns[round] = time_housekeep();
		is_right = housekeep_ns[round] >= 0;
	}
	if (policy != NULL)
		shmq_policy_free(policy);
	if (!is_right)
		return bench_complain("cannot publish or housekeep", 0);
	figures[publish] = bench_summarize(publish_ns, rounds);
	if (housekeep != SCALE_LINES)
		figures[housekeep] = bench_summarize(housekeep_ns, rounds);
	return 0;
}

static int set_up(unsigned threads)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = 8;
	options.threads = threads + SPARE;
	options.reservations = 1;
	segment = bench_segment_unnamed(&options);
	if (segment == NULL || policy_text_publish(segment, "[default]\nmessages = unlimited\n") < 0)
		return -1;
	stage->attached = 0;
	stage->attach_ns = 0;
	return bench_add_component(&component, segment, "tenant", NULL);
}

static void tear_down(const pid_t processes[PROCESSES])
{
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (processes[i] > 0) {
			kill(processes[i], SIGKILL);
			waitpid(processes[i], NULL, 0);
		}
	}
	shmq_segment_close(segment);
	segment = NULL;
}

/* A segment of its own for each number of threads: the slots are what is looked at, not who is in them. */
static int step(struct bench_figure figures[SCALE_LINES], unsigned processes, enum scale_line publish,
                enum scale_line housekeep, unsigned rounds)
{
	pid_t pids[PROCESSES] = {0};
	int result = set_up(processes * THREADS_EACH);

	for (unsigned i = 0; i < processes && result == 0; i++)
		result = add_process(&pids[i], i * THREADS_EACH);
	figures[LINE_ATTACH] = scale_once((double)stage->attach_ns / (processes * THREADS_EACH));
	if (result == 0)
		result = measure(figures, publish, housekeep, rounds);
	if (result == 0 && processes == PROCESSES) {
		for (int i = 0; i < THREADS; i++)
			sem_post(&stage->begin);
		result = measure(figures, LINE_GRACE_BUSY, SCALE_LINES, rounds);
	}
	tear_down(pids);
	return result == 0 && stage->failed > 0 ? bench_complain("an operation failed in a thread", 0) : result;
}

int scale_threads(struct bench_figure figures[SCALE_LINES], const struct scale_settings *settings)
{
	int result;

	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stage == MAP_FAILED || sem_init(&stage->begin, 1, 0) != 0)
		return bench_complain("no shared memory", -errno);
	result = step(figures, 1, LINE_PUBLISH_256, LINE_HOUSEKEEP_256, settings->rounds);
	if (result == 0)
		result = step(figures, 4, LINE_PUBLISH_1024, LINE_HOUSEKEEP_1024, settings->rounds);
	if (result == 0)
		result = step(figures, PROCESSES, LINE_PUBLISH_4096, LINE_HOUSEKEEP_4096, settings->rounds);
	munmap(stage, sizeof(*stage));
	return result;
}
