/* SPDX-License-Identifier: MIT */
/*
 * One request at a time: what to check stands in shared memory, a byte in a pipe says that it does, another one comes
 * back with the answer. Of a world the inspector uses what it is called and what was done to it, never the pointers.
 */
#include "kill_inspector.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/process.h"
#include "../support/shared.h"

#define CHECK_SECONDS 20

struct request {
	struct world world;
	struct check_order order;
	enum other_segment other;
};

struct inspector {
	struct request *request;
	pid_t pid; /* 0 where there is none at the moment */
	int to, from;
};

/* The inspector's ends of both pipes, in its own process. */
struct ends {
	const struct request *request;
	int in, out, not_ours[2];
};

static char check_request(const struct request *request)
{
	if (check_world(&request->world, &request->order) != 0)
		return 1;
	if (request->other == OTHER_NONE)
		return 0;
	return (char)check_other(&request->world, request->other == OTHER_PERSISTENT);
}

static int be_inspector(unsigned index, void *context)
{
	const struct ends *ends = context;
	char byte = 0;

	(void)index;
	close(ends->not_ours[0]);
	close(ends->not_ours[1]);
	signal(SIGALRM, SIG_DFL);
	while (byte == 0 && read(ends->in, &byte, 1) == 1) {
		alarm(CHECK_SECONDS);
		byte = check_request(ends->request);
		alarm(0);
		if (write(ends->out, &byte, 1) != 1)
			return 1;
	}
	return 0;
}

struct inspector *inspector_new(void)
{
	struct inspector *inspector = calloc(1, sizeof(*inspector));

	if (inspector == NULL) {
		perror("calloc");
		exit(2);
	}
	inspector->request = shared_alloc(sizeof(*inspector->request));
	return inspector;
}

static void start(struct inspector *inspector)
{
	int to[2], from[2];
	struct ends ends;

	if (pipe(to) < 0 || pipe(from) < 0) {
		perror("pipe");
		exit(2);
	}
	ends = (struct ends){inspector->request, to[0], from[1], {to[1], from[0]}};
	inspector->pid = process_start(be_inspector, 0, &ends);
	close(to[0]);
	close(from[1]);
	inspector->to = to[1];
	inspector->from = from[0];
}

/* It ends by itself when nobody asks any more. Returns how it ended, as waitpid() has it. */
static int stop(struct inspector *inspector)
{
	int status = 0;

	close(inspector->to);
	close(inspector->from);
	while (waitpid(inspector->pid, &status, 0) < 0)
		if (errno != EINTR)
			abort();
	inspector->pid = 0;
	return status;
}

void inspector_end(struct inspector *inspector)
{
	if (inspector->pid != 0)
		stop(inspector);
	shared_free(inspector->request, sizeof(*inspector->request));
	free(inspector);
}

int inspector_check(struct inspector *inspector, const struct world *world, const struct check_order *order,
                    enum other_segment other)
{
	char byte = 0;
	int status;

	if (inspector->pid == 0)
		start(inspector);
	*inspector->request = (struct request){*world, *order, other};
	if (write(inspector->to, &byte, 1) == 1 && read(inspector->from, &byte, 1) == 1 && byte == 0)
		return 0;
	status = stop(inspector);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return world_complain("whoever recovers is blocked");
	if (WIFSIGNALED(status))
		return world_complain("whoever recovers dies of signal %d", WTERMSIG(status));
	return 1;
}
