/* SPDX-License-Identifier: MIT */
/*
 * What is allowed is counted generously, never too strictly: every window that may have been in force for a moment of
 * the check counts in full.
 */
#include "check.h"

#include "../baseline.h"
#include "../harness.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 2
#define CHUNK 100       /* of operations between two looks at the clock */
#define CLOCK_LAG_MS 10 /* how far a coarse clock is behind at most */
#define PATIENCE_NS UINT64_C(10000000000)

/* Shared by the processes. */
struct tally {
	atomic_uint ready;
	int64_t admitted[PROCESSES]; /* -1: it failed */
};

struct check {
	const struct limiter *limiter;
	enum key_kind kind;
	double seconds;
	const struct limiter_site *site;
	pid_t pids[PROCESSES];
};

static void bind_to_core(const struct limiter_site *site, unsigned process)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)(site->cpus[process] < 0 ? site->cpus[0] : site->cpus[process]), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Of the long kind each process asks for as much as is allowed; of the short one as long as there is time. */
static int64_t ask(const struct limiter *limiter, enum key_kind kind, uint64_t end_ns)
{
	struct walk walk = {keys_of(kind), 1, 0};
	uint64_t wanted = key_classes[kind].limit;
	int64_t admitted = 0;

	for (uint64_t asked = 0; kind == KIND_LONG ? asked < wanted : bench_now_ns() < end_ns; asked += CHUNK) {
		int64_t more = limiter->run(kind, &walk, CHUNK);

		if (more < 0)
			return -1;
		admitted += more;
	}
	return admitted;
}

static int64_t ask_together(const struct limiter *limiter, enum key_kind kind, double seconds, struct tally *tally)
{
	uint64_t patience = bench_now_ns() + PATIENCE_NS;
	struct walk walk = {keys_of(KIND_CLOSED), 1, 0};

	/* Attaches, connects; takes nothing. */
	if (limiter->run(KIND_CLOSED, &walk, 1) != 0)
		return -1;
	atomic_fetch_add(&tally->ready, 1);
	while (atomic_load(&tally->ready) < PROCESSES)
		if (bench_now_ns() > patience)
			return -1;
	return ask(limiter, kind, bench_now_ns() + (uint64_t)(seconds * 1e9));
}

static bool process_start(struct check *check, struct tally *tally, unsigned process)
{
	pid_t parent = getpid();

	check->pids[process] = fork();
	if (check->pids[process] != 0)
		return check->pids[process] > 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	bind_to_core(check->site, process);
	limiter_process = process;
	tally->admitted[process] = ask_together(check->limiter, check->kind, check->seconds, tally);
	_exit(0);
}

static uint64_t touched_windows(const struct limiter *limiter, uint64_t window_ms, uint64_t begin_ms, uint64_t end_ms)
{
	if (limiter->windows == WINDOWS_NONE)
		return 1;
	if (limiter->windows == WINDOWS_ALIGNED)
		return end_ms / window_ms - (begin_ms - CLOCK_LAG_MS) / window_ms + 1;
	return (end_ms - begin_ms) / window_ms + 1;
}

/* Returns what was admitted, or -1 with a message. */
static int64_t run_processes(struct check *check)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t admitted = 0;

	if (tally == MAP_FAILED) {
		perror("cannot share memory");
		return -1;
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		tally->admitted[i] = -1;
	for (unsigned i = 0; i < PROCESSES; i++)
		if (!process_start(check, tally, i))
			perror("cannot start a process");
	for (unsigned i = 0; i < PROCESSES; i++) {
		if (check->pids[i] > 0)
			waitpid(check->pids[i], NULL, 0);
		admitted = admitted < 0 || tally->admitted[i] < 0 ? -1 : admitted + tally->admitted[i];
	}
	munmap(tally, sizeof(*tally));
	if (admitted < 0)
		fprintf(stderr, "%s: its bound could not be checked\n", check->limiter->name);
	return admitted;
}

int check_bound(struct bound *out, const struct limiter *limiter, enum key_kind kind, double seconds,
                const struct limiter_site *site)
{
	struct check check = {.limiter = limiter, .kind = kind, .seconds = seconds, .site = site};
	uint64_t begin_ms = baseline_now_ms(CLOCK_MONOTONIC), window_ms = key_classes[kind].window_ms;
	int64_t admitted = run_processes(&check);

	if (admitted < 0)
		return -1;
	if (window_ms < limiter->window_least_ms)
		window_ms = limiter->window_least_ms;
	*out = (struct bound){
	    .is_checked = true,
	    .window_ms = limiter->windows == WINDOWS_NONE ? 0 : window_ms,
	    .admitted = (uint64_t)admitted,
	    .allowed = key_classes[kind].limit *
	               touched_windows(limiter, window_ms, begin_ms, baseline_now_ms(CLOCK_MONOTONIC)),
	};
	return 0;
}
