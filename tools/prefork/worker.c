/* SPDX-License-Identifier: MIT */
/*
 * The segment needs nothing here: it was opened before the fork, the HTTP threads attach with their first operation
 * and detach when they end. The worker's own thread waits for orders and for the end.
 *
 * The end is orderly: no new connection is accepted, answers close theirs, requests in flight finish or run out of
 * time, memory that is held is given back. All that can be missed by SIGKILL: then the master's housekeeping does it.
 */
#include "worker.h"

#include "holdings.h"
#include "log.h"
#include "meter.h"
#include "orders.h"
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define IDLE_SECONDS 30u
#define CONNECTION_BYTES ((size_t)64 * 1024) /* of buffers per connection */

/* A connection stays with its worker; closing it now and then spreads long-lived clients over all of them. */
#define REQUESTS_PER_CONNECTION 250u

void worker_request_starts(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->in_flight++;
	pthread_mutex_unlock(&worker->lock);
}

void worker_request_ends(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	if (--worker->in_flight == 0)
		pthread_cond_signal(&worker->idle);
	pthread_mutex_unlock(&worker->lock);
}

bool worker_wants_close(struct worker *worker, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	unsigned *answers = info == NULL ? NULL : info->socket_context;
	bool is_draining;

	pthread_mutex_lock(&worker->lock);
	is_draining = worker->is_draining;
	pthread_mutex_unlock(&worker->lock);
	return is_draining || (answers != NULL && ++*answers >= REQUESTS_PER_CONNECTION);
}

/* Each connection counts its answers. */
static void connection_changed(void *context, struct MHD_Connection *connection, void **answers,
                               enum MHD_ConnectionNotificationCode code)
{
	(void)context;
	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*answers = calloc(1, sizeof(unsigned));
	} else {
		free(*answers);
		*answers = NULL;
	}
}

static void log_server(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

static void log_server(void *context, const char *format, va_list arguments)
{
	char text[512];
	int length = vsnprintf(text, sizeof(text), format, arguments);

	(void)context;
	while (length > 0 && (size_t)length < sizeof(text) && text[length - 1] == '\n')
		text[--length] = '\0';
	log_event("HTTP: %s", text);
}

/* Paths are decoded part by part, in routes.c. */
static size_t leave_encoded(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static struct MHD_Daemon *start_server(struct worker *worker)
{
	unsigned threads = worker->host->options->threads;
	const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL},
	                                {MHD_OPTION_END, 0, NULL}};

	/* One thread is no pool, and the server would complain. */
	if (threads == 1)
		pool[0].option = MHD_OPTION_END;
	return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, worker,                 //
	                        MHD_OPTION_EXTERNAL_LOGGER, log_server, NULL,                 //
	                        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)worker->host->listener, //
	                        MHD_OPTION_NOTIFY_COMPLETED, request_completed, worker,       //
	                        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, NULL,       //
	                        MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,            //
	                        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,                  //
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,         //
	                        MHD_OPTION_ARRAY, pool,                                       //
	                        MHD_OPTION_END);
}

static void obey_orders(struct worker *worker)
{
	char component[SHMQ_NAME_MAX + 1];

	while (orders_receive(worker->host, worker->number, component))
		holdings_drop(worker->holdings, component);
}

static void wait_for_end(struct worker *worker, int signals)
{
	struct pollfd sources[] = {{.fd = signals, .events = POLLIN},
	                           {.fd = worker->host->orders[worker->number][0], .events = POLLIN}};

	while (sources[0].revents == 0) {
		if (poll(sources, 2, -1) < 0 && errno != EINTR)
			return;
		if (sources[1].revents != 0)
			obey_orders(worker);
	}
}

/* Returns false when requests are still in flight at the end of the time they are given. */
static bool drain(struct worker *worker)
{
	struct timespec deadline;
	unsigned left;

	MHD_quiesce_daemon(worker->server);
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += worker->host->options->drain_s;
	pthread_mutex_lock(&worker->lock);
	worker->is_draining = true;
	while (worker->in_flight > 0) {
		if (pthread_cond_timedwait(&worker->idle, &worker->lock, &deadline) == ETIMEDOUT)
			break;
	}
	left = worker->in_flight;
	pthread_mutex_unlock(&worker->lock);
	if (left > 0)
		log_event("gave up on %u request%s in flight", left, left == 1 ? "" : "s");
	return left == 0;
}

static int block_signals(void)
{
	sigset_t all, term;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return signalfd(-1, &term, SFD_CLOEXEC);
}

static int start(struct worker *worker)
{
	pthread_condattr_t clock;
	int result;

	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->idle, &clock);
	pthread_condattr_destroy(&clock);
	result = meter_start(worker->host->options->count_per_worker, worker->host->segment);
	if (result < 0)
		return result;
	worker->holdings = holdings_create();
	if (worker->holdings == NULL)
		return -ENOMEM;
	worker->server = start_server(worker);
	return worker->server == NULL ? -EIO : 0;
}

int worker_run(struct host *host, unsigned number)
{
	struct worker worker = {.host = host, .number = number};
	char role[32];
	int signals = block_signals();

	snprintf(role, sizeof(role), "worker %u", number);
	log_set_role(role);
	if (signals < 0 || start(&worker) < 0) {
		log_event("cannot start to serve");
		holdings_free(worker.holdings);
		meter_stop();
		return WORKER_CANNOT_START;
	}
	wait_for_end(&worker, signals);
	if (!drain(&worker)) {
		/* A thread that is still busy cannot be stopped, and may use anything: it ends with the process. */
		holdings_drop(worker.holdings, NULL);
		_exit(0);
	}
	MHD_stop_daemon(worker.server);
	holdings_free(worker.holdings);
	meter_stop();
	shmq_segment_close(host->segment);
	close(signals);
	return 0;
}
