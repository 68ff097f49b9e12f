/* SPDX-License-Identifier: MIT */
/*
 * The master's life: open everything that workers inherit (segment, spool, socket), start them, then wait for signals.
 * It serves nothing itself and stays single-threaded, so that fork() is simple at any time. It is the segment's only
 * controller: workers cannot change a limit.
 */
#include "master.h"

#include "listen.h"
#include "log.h"
#include "orders.h"
#include "segment.h"
#include "spool.h"
#include "supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define GRACE_NS SECOND_NS /* beyond the workers' own time to drain, before they are killed */

/* What is ignored never becomes pending, so a parent's nohup or SIG_IGN would make the master deaf. */
static int block_signals(sigset_t *set)
{
	signal(SIGCHLD, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	return sigprocmask(SIG_BLOCK, set, NULL);
}

/* Wait for a signal until a time. Returns its number, or 0. */
static int next_signal(const sigset_t *set, uint64_t until_ns)
{
	uint64_t now = supervisor_now_ns(), wait = until_ns > now ? until_ns - now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(wait / SECOND_NS), .tv_nsec = (long)(wait % SECOND_NS)};
	int signal = sigtimedwait(set, NULL, &timeout);

	return signal < 0 ? 0 : signal;
}

/* Give back what dead workers held, and drive what waits for a grace period. */
static void keep_house(struct host *host)
{
	static int last_error;
	int recovered = shmq_housekeep(host->segment);

	if (recovered > 0)
		log_event("recovered %d thread%s of dead workers", recovered, recovered == 1 ? "" : "s");
	if (recovered < 0 && recovered != last_error)
		log_event("housekeeping failed: %s", shmq_strerror(recovered));
	last_error = recovered < 0 ? recovered : 0;
}

/* Returns whether to try again soon: a stopped worker may keep a policy from being replaced. */
static bool reload(struct host *host)
{
	int result = segment_reload(host);

	if (result == 0 && !host->options->count_per_worker)
		spool_recount(host);
	if (result == -EAGAIN)
		log_event("trying again in a second");
	return result == -EAGAIN;
}

static void serve_until_told(struct host *host, const sigset_t *set)
{
	uint64_t next_tick = supervisor_now_ns() + SECOND_NS;
	bool reload_is_due = false;

	for (;;) {
		uint64_t due = supervisor_next_due_ns(host);
		int signal = next_signal(set, due < next_tick ? due : next_tick);
		bool tick = supervisor_now_ns() >= next_tick;

		if (signal == SIGTERM || signal == SIGINT)
			return;
		if (signal == SIGHUP || (tick && reload_is_due))
			reload_is_due = reload(host);
		if (supervisor_reap(host) > 0 || tick)
			keep_house(host);
		if (tick)
			next_tick = supervisor_now_ns() + SECOND_NS;
		supervisor_start_due(host);
	}
}

static void end_workers(struct host *host, const sigset_t *set)
{
	uint64_t deadline = supervisor_now_ns() + host->options->drain_s * SECOND_NS + GRACE_NS;

	log_event("stopping: requests in flight have %u s to finish", host->options->drain_s);
	supervisor_end(host, SIGTERM);
	for (;;) {
		int signal;

		supervisor_reap(host);
		if (supervisor_count(host) == 0)
			return;
		signal = next_signal(set, deadline);
		/* Whoever asks twice is in a hurry. */
		if (signal == SIGTERM || signal == SIGINT || supervisor_now_ns() >= deadline) {
			supervisor_end(host, SIGKILL);
			deadline = supervisor_now_ns() + SECOND_NS;
		}
	}
}

/* The one line on stdout: whoever started the host learns from it where, and that, it answers. */
static void announce(const struct host *host)
{
	const struct host_options *options = host->options;
	struct shmq_info info = {.size = sizeof(info)};

	if (shmq_segment_info(host->segment, &info) < 0)
		info.name = "?";
	printf("%s serves %" PRIu32 " components with %u workers, %s, segment %s\n", host->url, info.components_used,
	       options->workers, options->count_per_worker ? "each counting for itself" : "one count for all",
	       info.name);
	fflush(stdout);
}

static int open_all(struct host *host)
{
	int result = segment_start(host);

	if (result == 0)
		result = spool_open(host);
	if (result == 0)
		result = orders_open(host);
	if (result == 0)
		result = listen_open(host);
	return result;
}

static void close_all(struct host *host)
{
	if (host->listener >= 0)
		close(host->listener);
	orders_close(host);
	spool_close(host);
	segment_stop(host);
}

int master_run(const struct host_options *options)
{
	struct host host = {.options = options, .listener = -1, .spool = -1};
	sigset_t set;

	if (block_signals(&set) < 0 || open_all(&host) < 0) {
		close_all(&host);
		return EXIT_FAILURE;
	}
	if (!options->count_per_worker)
		spool_recount(&host);
	announce(&host);
	supervisor_start_due(&host);
	serve_until_told(&host, &set);
	end_workers(&host, &set);
	keep_house(&host);
	close_all(&host);
	log_event("stopped");
	return EXIT_SUCCESS;
}
