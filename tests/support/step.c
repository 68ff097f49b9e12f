/* SPDX-License-Identifier: MIT */
/*
 * Stepping. Where to begin and to end is told by counters in shared memory, which the child sets around what it does, so
 * nothing needs to be known of the code that is stepped through.
 */
#include "step.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

void step_ready(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	/* Not raise(): it would have more to do after the stop. */
	kill(getpid(), SIGSTOP);
}

/* Wait for the next stop. Returns false where the child ended instead. */
static bool step_await(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFSTOPPED(status);
}

pid_t step_start(process_body *body, void *context)
{
	pid_t pid = process_start(body, 0, context);

	return step_await(pid) ? pid : -1;
}

long step_until(pid_t pid, struct counter *flag, long most)
{
	long steps = 0;

	while (steps < most && counter_get(flag) == 0) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		if (!step_await(pid))
			return -1;
		steps++;
	}
	return steps;
}

void step_release(pid_t pid)
{
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}
