/* SPDX-License-Identifier: MIT */
/*
 * What all parts of the host share: the options, set once by main(), and the host as the master builds it before its
 * first fork. Workers inherit both and change neither.
 */
#ifndef PREFORK_HOST_H
#define PREFORK_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include <shmquota.h>

#define WORKERS_MAX 64
#define POOL_THREADS_MAX 64
#define POLICIES_MAX 64

struct host_options {
	const char *policies[POLICIES_MAX];
	size_t policy_count;
	const char *segment_name; /* NULL: the policy's own */
	const char *address;
	const char *port;
	const char *spool; /* NULL: a temporary directory, removed at the end */
	unsigned workers;
	unsigned threads; /* of each worker that serve HTTP */
	unsigned drain_s; /* how long requests in flight may take after SIGTERM */
	bool count_per_worker;
	bool verbose;
};

struct host {
	const struct host_options *options;
	struct shmq_segment *segment;
	bool segment_is_ours; /* created here, so removed here */
	int listener;
	char url[128];
	int spool;             /* its directory */
	char *spool_temporary; /* its path, where it goes with the host */
	int (*orders)[2];      /* per worker: [0] it reads, [1] the others write */
};

#endif
