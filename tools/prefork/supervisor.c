/* SPDX-License-Identifier: MIT */
/*
 * Every worker number has a seat: taken by a process, or empty until a time. Who dies young waits twice as long as the
 * last time, from 100 ms to 5 s; who lived a while is replaced at once.
 */
#include "supervisor.h"

#include "log.h"
#include "spool.h"
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS UINT64_C(1000000)
#define YOUNG_NS (500 * MILLISECOND_NS)
#define WAIT_FIRST_NS (100 * MILLISECOND_NS)
#define WAIT_LAST_NS (5000 * MILLISECOND_NS)

struct seat {
	pid_t pid; /* 0: empty */
	uint64_t started_ns, due_ns, wait_ns;
};

static struct seat seats[WORKERS_MAX];
static bool is_ending;

uint64_t supervisor_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MILLISECOND_NS + (uint64_t)now.tv_nsec;
}

/* In the child. A worker must not outlive its master, not even one that died between fork() and prctl(). */
static void become_worker(struct host *host, unsigned number, pid_t master)
{
	int status = 0;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == master)
		status = worker_run(host, number);
	/* A master that registers something for its end would have its workers leave by _exit(). This one does not. */
	exit(status);
}

static void start(struct host *host, unsigned number)
{
	struct seat *seat = &seats[number];
	pid_t master = getpid(), pid = fork();

	if (pid == 0)
		become_worker(host, number, master);
	seat->started_ns = supervisor_now_ns();
	if (pid > 0) {
		seat->pid = pid;
		log_event("worker %u started, pid %d", number, (int)pid);
		return;
	}
	log_event("cannot fork worker %u: %s", number, strerrordesc_np(errno));
	seat->due_ns = seat->started_ns + WAIT_LAST_NS;
}

void supervisor_start_due(struct host *host)
{
	for (unsigned i = 0; !is_ending && i < host->options->workers; i++) {
		if (seats[i].pid == 0 && seats[i].due_ns <= supervisor_now_ns())
			start(host, i);
	}
}

static void log_end(unsigned number, int status, uint64_t wait_ns)
{
	char how[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
	if (is_ending)
		log_event("worker %u %s", number, how);
	else if (wait_ns == 0)
		log_event("worker %u %s; another one takes its place", number, how);
	else
		log_event("worker %u %s; another one starts in %u ms", number, how,
		          (unsigned)(wait_ns / MILLISECOND_NS));
}

static void empty_seat(unsigned number, int status)
{
	struct seat *seat = &seats[number];
	uint64_t now = supervisor_now_ns();

	if (now - seat->started_ns >= YOUNG_NS)
		seat->wait_ns = 0;
	else if (seat->wait_ns == 0)
		seat->wait_ns = WAIT_FIRST_NS;
	else
		seat->wait_ns = seat->wait_ns * 2 < WAIT_LAST_NS ? seat->wait_ns * 2 : WAIT_LAST_NS;
	seat->pid = 0;
	seat->due_ns = now + seat->wait_ns;
	log_end(number, status, seat->wait_ns);
}

unsigned supervisor_reap(struct host *host)
{
	unsigned ended = 0;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < host->options->workers; i++) {
			if (seats[i].pid == pid) {
				spool_forget_worker(host, pid);
				empty_seat(i, status);
				ended++;
			}
		}
	}
	return ended;
}

uint64_t supervisor_next_due_ns(const struct host *host)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; !is_ending && i < host->options->workers; i++) {
		if (seats[i].pid == 0 && seats[i].due_ns < next)
			next = seats[i].due_ns;
	}
	return next;
}

void supervisor_end(const struct host *host, int signal)
{
	is_ending = true;
	for (unsigned i = 0; i < host->options->workers; i++) {
		if (seats[i].pid > 0)
			kill(seats[i].pid, signal);
	}
}

unsigned supervisor_count(const struct host *host)
{
	unsigned count = 0;

	for (unsigned i = 0; i < host->options->workers; i++)
		count += seats[i].pid > 0;
	return count;
}
