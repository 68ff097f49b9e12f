/* SPDX-License-Identifier: MIT */
/*
 * This process publishes; the worker is a child of it. Slices of each kind follow each other, so that a slow minute of
 * the machine hits all alike.
 *
 * Publishing elsewhere is the same work for the machine, its memory and its caches, but nothing that the worker could
 * wait for: what is slower here than there is what a reload costs the worker.
 */
#include "policy_reload.h"

#include "segment.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS UINT64_C(50000000)
#define NAP_NS 100000
#define BATCH 1000

enum { SLICE_WAIT = STALL_KINDS, SLICE_END };

/* Shared by the two processes. */
struct stage {
	_Atomic unsigned slice; /* [number | kind:4] */
	_Atomic bool has_failed;
	struct stall stalls[STALL_KINDS];
};

static unsigned kind_of(unsigned slice)
{
	return slice & 15;
}

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

/* ---- The worker -------------------------------------------------------------------------------------------------- */

/* From one look at the clock to the next: each operation has one of them in it. Returns false where one was refused. */
static bool consume_batch(struct shmq_component *component, uint32_t ns[BATCH])
{
	uint64_t before = bench_now_ns();
	bool is_right = true;

	for (unsigned i = 0; i < BATCH; i++) {
		uint64_t after;

		is_right &= shmq_try_consume(component, SHMQ_MESSAGES, 1, NULL) == SHMQ_OK;
		after = bench_now_ns();
		ns[i] = after - before < UINT32_MAX ? (uint32_t)(after - before) : UINT32_MAX;
		before = after;
	}
	return is_right;
}

static void worker_main(struct stage *stage, struct shmq_component *component, int cpu, pid_t parent)
{
	static uint32_t ns[BATCH];
	unsigned slice;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to(cpu);
	while (getppid() == parent && kind_of(slice = atomic_load(&stage->slice)) != SLICE_END) {
		long preemptions = bench_preemptions();
		struct stall *stall = &stage->stalls[kind_of(slice)];

		if (kind_of(slice) == SLICE_WAIT) {
			nap();
			continue;
		}
		if (!consume_batch(component, ns))
			atomic_store(&stage->has_failed, true);
		if (atomic_load(&stage->slice) != slice)
			continue; /* begun in one slice, ended in another one */
		if (bench_preemptions() == preemptions)
			latency_add(&stall->latency, ns, BATCH);
		else
			stall->dropped += BATCH;
	}
	_exit(0);
}

/* ---- The controller ---------------------------------------------------------------------------------------------- */

struct controller {
	struct stage *stage;
	struct shmq_segment *segments[STALL_KINDS]; /* that are published to; NULL: none is */
	struct shmq_policy *policies[2];
};

/* Returns 0, or -1 with a message. */
static int run_slice(const struct controller *controller, enum stall_kind kind, unsigned number)
{
	struct stage *stage = controller->stage;
	uint64_t end = bench_now_ns() + SLICE_NS;
	int result = 0;

	atomic_store(&stage->slice, number << 4 | kind);
	while (result == 0 && bench_now_ns() < end) {
		if (controller->segments[kind] == NULL) {
			nap();
			continue;
		}
		result = shmq_policy_publish(controller->segments[kind],
		                             controller->policies[stage->stalls[kind].publications % 2]);
		if (result == -EAGAIN) { /* the worker lost its core in the middle of an operation */
			result = 0;
			continue;
		}
		stage->stalls[kind].publications++;
	}
	atomic_store(&stage->slice, number << 4 | SLICE_WAIT);
	if (atomic_load(&stage->has_failed))
		return bench_complain("the worker was refused", 0);
	return result == 0 ? 0 : bench_complain("cannot publish the policy", result);
}

static int run_slices(const struct controller *controller, double seconds)
{
	unsigned slices = (unsigned)(seconds * 1e9 / (double)(SLICE_NS * STALL_KINDS)) + 1;
	int result = 0;

	for (unsigned i = 0; i < slices * STALL_KINDS && result == 0; i++)
		result = run_slice(controller, (enum stall_kind)(i % STALL_KINDS), i + 1);
	return result;
}

static int prepare(struct controller *controller, struct shmq_component **component, unsigned components)
{
	int result;

	controller->policies[0] = policy_of(components, 0);
	controller->policies[1] = policy_of(components, 1);
	controller->segments[STALL_HERE] = policy_segment(components);
	controller->segments[STALL_ELSEWHERE] = policy_segment(components);
	controller->stage =
	    mmap(NULL, sizeof(*controller->stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (controller->stage == MAP_FAILED) {
		perror("cannot share memory");
		return -1;
	}
	if (controller->policies[0] == NULL || controller->policies[1] == NULL ||
	    controller->segments[STALL_HERE] == NULL || controller->segments[STALL_ELSEWHERE] == NULL)
		return -1;
	for (unsigned kind = STALL_ELSEWHERE; kind <= STALL_HERE; kind++) {
		result = shmq_policy_publish(controller->segments[kind], controller->policies[1]);
		if (result < 0)
			return bench_complain("cannot publish the policy", result);
	}
	atomic_store(&controller->stage->slice, SLICE_WAIT);
	result = shmq_component_find(component, controller->segments[STALL_HERE], "tenant-00000.example");
	return result == 0 ? 0 : bench_complain("tenant-00000.example", result);
}

int stall_measure(struct stall out[STALL_KINDS], unsigned components, double seconds, const int cpus[2])
{
	struct controller controller = {0};
	struct shmq_component *component = NULL;
	pid_t parent = getpid(), worker;
	cpu_set_t allowed;
	int result = -1;

	if (prepare(&controller, &component, components) < 0)
		return -1;
	worker = fork();
	if (worker == 0)
		worker_main(controller.stage, component, cpus[0], parent);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	pin_to(cpus[1]);
	if (worker > 0)
		result = run_slices(&controller, seconds);
	else
		perror("cannot start the worker");
	atomic_store(&controller.stage->slice, SLICE_END);
	if (worker > 0)
		waitpid(worker, NULL, 0);
	sched_setaffinity(0, sizeof(allowed), &allowed);
	for (int kind = 0; kind < STALL_KINDS; kind++)
		out[kind] = controller.stage->stalls[kind];
	shmq_component_put(component);
	shmq_segment_close(controller.segments[STALL_HERE]);
	shmq_segment_close(controller.segments[STALL_ELSEWHERE]);
	shmq_policy_free(controller.policies[0]);
	shmq_policy_free(controller.policies[1]);
	return result;
}
