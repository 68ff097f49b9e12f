/* SPDX-License-Identifier: MIT */
/*
 * A worker process: an HTTP server on the listening socket that all workers inherited.
 */
#ifndef PREFORK_WORKER_H
#define PREFORK_WORKER_H

#include "host.h"

#include <microhttpd.h>
#include <pthread.h>

/* Exit status of a worker that could not start, as opposed to one that ended as told. */
#define WORKER_CANNOT_START 3

struct worker {
	struct host *host;
	unsigned number;
	struct MHD_Daemon *server;
	struct holdings *holdings; /* memory that this worker holds for components, see holdings.h */
	pthread_mutex_t lock;
	pthread_cond_t idle; /* no request is in flight */
	unsigned in_flight;
	bool is_draining;
};

/* Serve until SIGTERM, then finish what is in flight. Called in the child after fork. Returns its exit status. */
int worker_run(struct host *host, unsigned number);

/* Count requests in flight. */
void worker_request_starts(struct worker *worker);
void worker_request_ends(struct worker *worker);

/* Tell whether this answer should be its connection's last. */
bool worker_wants_close(struct worker *worker, struct MHD_Connection *connection);

#endif
