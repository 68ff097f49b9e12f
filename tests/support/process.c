/* SPDX-License-Identifier: MIT */
/*
 * Child processes of a test. Joining polls waitpid(): a child that hangs costs its time-out and is then killed, so no
 * test waits for ever.
 */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

int process_complain(const char *file, int line, const char *what, long long value)
{
	dprintf(STDERR_FILENO, "%s:%d: child %d: failed: %s (%lld)\n", file, line, (int)getpid(), what, value);
	return 1;
}

pid_t process_start(process_body *body, unsigned index, void *context)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0) {
		perror("fork");
		abort();
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		_exit(body(index, context));
	}
	return pid;
}

static int process_outcome(int status)
{
	return WIFSIGNALED(status) ? PROCESS_SIGNAL(WTERMSIG(status)) : WEXITSTATUS(status);
}

static int process_reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return process_outcome(status);
}

int process_join(pid_t pid, unsigned timeout_ms)
{
	uint64_t end = clock_now_ns() + timeout_ms * MS;
	int status = 0;

	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid)
			return process_outcome(status);
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (clock_now_ns() > end)
			break;
		clock_sleep_ns(MS / 4);
	}
	dprintf(STDERR_FILENO, "child %d did not end in %u ms\n", (int)pid, timeout_ms);
	kill(pid, SIGKILL);
	process_reap(pid);
	return -ETIMEDOUT;
}

int process_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return process_reap(pid);
}

bool process_stop(pid_t pid)
{
	int status = 0;

	kill(pid, SIGSTOP);
	while (waitpid(pid, &status, WUNTRACED) < 0)
		if (errno != EINTR)
			return false;
	return WIFSTOPPED(status);
}

void process_continue(pid_t pid)
{
	kill(pid, SIGCONT);
}

void process_start_group(pid_t pids[], unsigned count, process_body *body, void *context)
{
	for (unsigned i = 0; i < count; i++)
		pids[i] = process_start(body, i, context);
}

unsigned process_join_group(const pid_t pids[], unsigned count, unsigned timeout_ms)
{
	uint64_t end = clock_now_ns() + timeout_ms * MS;
	unsigned failed = 0;

	for (unsigned i = 0; i < count; i++) {
		uint64_t now = clock_now_ns();
		unsigned left_ms = now < end ? (unsigned)((end - now) / MS) : 0;

		failed += process_join(pids[i], left_ms) != 0;
	}
	return failed;
}

int process_run(process_body *body, void *context, unsigned timeout_ms)
{
	return process_join(process_start(body, 0, context), timeout_ms);
}
