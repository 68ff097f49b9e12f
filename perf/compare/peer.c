/* SPDX-License-Identifier: MIT */
/*
 * Orders and answers are short, and there is one at a time, so that a line arrives as a whole or in pieces of nothing
 * else.
 */
#include "peer.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 256

const struct bench_cost *peer_last_cost;

static int read_line(int fd, char *out, size_t size)
{
	size_t length = 0;

	while (length < size - 1) {
		ssize_t got = read(fd, out + length, size - 1 - length);

		if (got <= 0)
			break;
		length += (size_t)got;
		if (out[length - 1] == '\n') {
			out[length - 1] = '\0';
			return 0;
		}
	}
	fprintf(stderr, "a peer went away\n");
	return -1;
}

int peer_meet(struct peer *out, int fd, int cpu)
{
	char line[LINE_SIZE];
	cpu_set_t set;

	if (read_line(fd, line, sizeof(line)) < 0)
		return -1;
	*out = (struct peer){.fd = fd, .pid = (pid_t)strtol(line, NULL, 10)};
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (out->pid > 0 && sched_setaffinity(out->pid, sizeof(set), &set) == 0)
		return 0;
	fprintf(stderr, "a peer cannot be bound to core %d; it said: %s\n", cpu, line);
	return -1;
}

int peer_ask(const struct peer *peer, const char *line, char *answer, size_t size)
{
	size_t length = strlen(line);

	if (write(peer->fd, line, length) != (ssize_t)length) {
		perror("cannot write to a peer");
		return -1;
	}
	return read_line(peer->fd, answer, size);
}

/* The kernel's count for another process: what bench_preemptions() is for this one. */
static long preemptions_of(pid_t pid)
{
	char path[64], line[LINE_SIZE];
	long preemptions = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (status == NULL)
		return 0;
	while (fgets(line, sizeof(line), status) != NULL)
		if (strncmp(line, "nonvoluntary_ctxt_switches:", 27) == 0)
			preemptions = strtol(line + 27, NULL, 10);
	fclose(status);
	return preemptions;
}

int64_t peer_run(struct peer *peer, enum key_kind kind, const struct walk *walk, uint64_t count)
{
	const struct key_class *class = &key_classes[kind];
	long preemptions = preemptions_of(peer->pid);
	char line[LINE_SIZE], answer[LINE_SIZE], *end;
	int64_t admitted;

	snprintf(line, sizeof(line), "run %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 "\n",
	         class->name, count, class->limit, class->window_ms, walk->count, class->count);
	if (peer_ask(peer, line, answer, sizeof(answer)) < 0)
		return -1;
	peer->last.ns = strtoull(answer, &end, 10);
	if (end == answer || *end != ' ') {
		fprintf(stderr, "a peer said: %s\n", answer);
		return -1;
	}
	admitted = (int64_t)strtoll(end + 1, NULL, 10);
	peer->last.preemptions = preemptions_of(peer->pid) - preemptions;
	peer_last_cost = &peer->last;
	return admitted;
}
