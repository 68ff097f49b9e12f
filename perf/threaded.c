/* SPDX-License-Identifier: MIT */
/*
 * Orders and answers go over a socket. What an order points to was there before the fork: cases are constant, and
 * subjects are only ever looked at through them.
 */
#include "threaded.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct order {
	const struct bench_case *bench_case;
	void *subject;
	uint64_t count;
};

struct answer {
	struct bench_cost cost;
	bool is_right;
};

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static struct answer obey(const struct order *order)
{
	const struct bench_case *bench_case = order->bench_case;
	struct answer answer;
	long preemptions;
	uint64_t begin;

	if (bench_case->prepare != NULL)
		bench_case->prepare(order->subject, 0);
	preemptions = bench_preemptions();
	begin = bench_now_ns();
	answer.is_right = bench_case->run(order->subject, order->count);
	answer.cost.ns = bench_now_ns() - begin;
	answer.cost.preemptions = bench_preemptions() - preemptions;
	return answer;
}

static _Noreturn void threaded_main(int socket, pid_t parent)
{
	struct order order;
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0)
		_exit(2);
	while (read(socket, &order, sizeof(order)) == (ssize_t)sizeof(order)) {
		const struct answer answer = obey(&order);

		if (write(socket, &answer, sizeof(answer)) != (ssize_t)sizeof(answer))
			break;
	}
	_exit(0);
}

/* Returns the socket to the process of this one, or -1 with a message. */
static int threaded_socket(void)
{
	static int socket = -1;
	static pid_t owner;
	pid_t self = getpid();
	int ends[2];

	if (owner == self)
		return socket;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		perror("cannot make a socket");
		return -1;
	}
	switch (fork()) {
	case 0:
		close(ends[0]);
		threaded_main(ends[1], self);
	case -1:
		perror("cannot start a process");
		close(ends[0]);
		close(ends[1]);
		return -1;
	default:
		close(ends[1]);
		owner = self;
		socket = ends[0];
		return socket;
	}
}

bool threaded_run(const struct bench_case *bench_case, void *subject, uint64_t count, struct bench_cost *cost)
{
	const struct order order = {bench_case, subject, count};
	int socket = threaded_socket();
	struct answer answer;

	if (socket < 0)
		return false;
	if (write(socket, &order, sizeof(order)) != (ssize_t)sizeof(order) ||
	    read(socket, &answer, sizeof(answer)) != (ssize_t)sizeof(answer)) {
		perror("the process with two threads is gone");
		return false;
	}
	*cost = answer.cost;
	return answer.is_right;
}
