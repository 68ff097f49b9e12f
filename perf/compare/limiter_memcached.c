/* SPDX-License-Identifier: MIT */
/*
 * memcached over a unix socket, by libmemcached. It expires by whole seconds, so the window's number is a part of the
 * key: incr, and where nobody counted in that window yet, add and, if somebody else was quicker, incr again.
 */
#include "limiter.h"

#include "../baseline.h"
#include "server.h"

#include <libmemcached/memcached.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEPT_S 7200 /* longer than any window here */

static char path[256];

static int start(const struct limiter_site *site)
{
	static const char *const arguments[] = {"memcached", "-s", "memcached.socket", "-a", "0700", "-m", "256", "-u",
	                                        "root",      NULL};
	const struct server server = {"memcached", arguments, NULL};
	int fd;

	snprintf(path, sizeof(path), "%s/memcached.socket", site->scratch);
	if (server_start(&server, site) < 0)
		return -1;
	fd = server_connect(&server, site, path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* Each process has a connection of its own. */
static memcached_st *connection(void)
{
	static memcached_st *client;
	static pid_t owner;

	if (owner == getpid())
		return client;
	client = memcached_create(NULL);
	if (client == NULL || memcached_server_add_unix_socket(client, path) != MEMCACHED_SUCCESS) {
		fprintf(stderr, "memcached: cannot connect\n");
		return NULL;
	}
	owner = getpid();
	return client;
}

static int complain(const memcached_st *client, memcached_return_t result)
{
	fprintf(stderr, "memcached: %s\n", memcached_strerror(client, result));
	return -1;
}

static int take(memcached_st *client, const struct key_class *class, const char *name)
{
	uint64_t window = baseline_now_ms(CLOCK_MONOTONIC_COARSE) / class->window_ms, used = 1;
	memcached_return_t result;
	char key[64];
	size_t length = (size_t)snprintf(key, sizeof(key), "%s:%llu", name, (unsigned long long)window);

	result = memcached_increment(client, key, length, 1, &used);
	if (result == MEMCACHED_NOTFOUND) {
		result = memcached_add(client, key, length, "1", 1, KEPT_S, 0);
		if (result == MEMCACHED_NOTSTORED)
			result = memcached_increment(client, key, length, 1, &used);
		else
			used = 1;
	}
	return result == MEMCACHED_SUCCESS ? used <= class->limit : complain(client, result);
}

static int64_t run(enum key_kind kind, struct walk *walk, uint64_t count)
{
	memcached_st *client = connection();
	int64_t admitted = 0;

	for (uint64_t i = 0; i < count; i++) {
		int taken = client == NULL ? -1 : take(client, &key_classes[kind], walk_next(walk)->name);

		if (taken < 0)
			return -1;
		admitted += taken;
	}
	return admitted;
}

const struct limiter limiter_memcached = {
    .key = "memcached",
    .name = "memcached, incr",
    .place = LIMITER_SERVER,
    .windows = WINDOWS_ALIGNED,
    .start = start,
    .run = run,
};
