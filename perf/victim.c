/* SPDX-License-Identifier: MIT */
/*
 * A victim runs for a random while between two stops, so that the stops do not fall into step with what it does.
 */
#include "victim.h"

#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_MAX_NS 500000
#define PATIENCE_NS UINT64_C(10000000000)

int victim_start(struct victim *out, void (*run)(void *context, int ready), void *context)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe(ends) < 0) {
		perror("cannot make a pipe");
		return -1;
	}
	*out = (struct victim){fork(), ends[0]};
	if (out->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		if (getppid() == parent)
			run(context, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	if (out->pid > 0)
		return 0;
	perror("cannot start a process");
	close(ends[0]);
	return -1;
}

void victim_is_ready(int ready)
{
	if (write(ready, "", 1) != 1)
		_exit(1);
}

bool victim_wait(const struct victim *victim)
{
	char byte;

	return read(victim->ready, &byte, 1) == 1;
}

static void run_for_a_while(const struct victim *victim)
{
	const struct timespec while_ns = {.tv_nsec = random() % RUN_MAX_NS};

	kill(victim->pid, SIGCONT);
	nanosleep(&while_ns, NULL);
}

bool victim_stop_where(const struct victim *victim, bool (*is_reached)(const struct victim *victim, void *context),
                       void *context)
{
	uint64_t deadline = bench_now_ns() + PATIENCE_NS;
	siginfo_t info;

	do {
		run_for_a_while(victim);
		kill(victim->pid, SIGSTOP);
		if (waitid(P_PID, (id_t)victim->pid, &info, WSTOPPED) < 0) /* it is dead: nothing to wait for */
			return false;
		if (is_reached(victim, context))
			return true;
	} while (bench_now_ns() < deadline);
	return false;
}

bool victim_is_dead(const struct victim *victim)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || info.si_pid != 0;
}

void victim_kill(const struct victim *victim)
{
	kill(victim->pid, SIGKILL);
}

void victim_await_death(const struct victim *victim)
{
	siginfo_t info;

	waitid(P_PID, (id_t)victim->pid, &info, WEXITED | WNOWAIT);
}

void victim_reap(struct victim *victim)
{
	kill(victim->pid, SIGKILL);
	waitpid(victim->pid, NULL, 0);
	close(victim->ready);
}
