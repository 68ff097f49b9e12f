/* SPDX-License-Identifier: MIT */
/*
 * lua_shared_dict: its incr() in two workers of nginx. A connection stays with the worker that accepted it, so each
 * measuring process keeps one; nginx.lua answers the orders that come over it.
 */
#include "limiter.h"

#include "peer.h"
#include "server.h"

#include <stdio.h>
#include <unistd.h>

static const char hello[] = "GET / HTTP/1.1\r\nHost: compare\r\n\r\n";
static struct peer peers[2];

static int meet(struct peer *out, const struct server *server, const struct limiter_site *site, int cpu)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/nginx.socket", site->scratch);
	fd = server_connect(server, site, path);
	if (fd < 0)
		return -1;
	if (write(fd, hello, sizeof(hello) - 1) != (ssize_t)sizeof(hello) - 1 || peer_meet(out, fd, cpu) < 0) {
		fprintf(stderr, "nginx said:\n");
		server_show_log(server, site);
		return -1;
	}
	return 0;
}

/* While the worker of the first connection is kept busy, the second one is accepted by the other worker. */
static int meet_other(const struct server *server, const struct limiter_site *site)
{
	static const char spin[] = "spin 200\n";
	char answer[64];

	if (write(peers[0].fd, spin, sizeof(spin) - 1) != (ssize_t)sizeof(spin) - 1 ||
	    meet(&peers[1], server, site, site->cpus[1] < 0 ? site->cpus[0] : site->cpus[1]) < 0 ||
	    peer_ask(&peers[0], "", answer, sizeof(answer)) < 0)
		return -1;
	if (peers[0].pid != peers[1].pid)
		return 0;
	fprintf(stderr, "nginx: both connections came to one worker\n");
	return -1;
}

static int start(const struct limiter_site *site)
{
	static const char settings[] = COMPARE_SCRIPTS "/nginx.conf";
	/* The workers of a root's nginx would be nobody's, who may not read the script. */
	const char *user = geteuid() == 0 ? "user root;" : "";
	const char *const arguments[] = {"nginx", "-p", "./", "-e", "stderr", "-c", settings, "-g", user, NULL};
	const struct server server = {"nginx", arguments, NULL};
	char link[256];

	snprintf(link, sizeof(link), "%s/nginx.lua", site->scratch);
	if (symlink(COMPARE_SCRIPTS "/nginx.lua", link) < 0) {
		perror(link);
		return -1;
	}
	if (server_start(&server, site) < 0 || meet(&peers[0], &server, site, site->cpus[0]) < 0)
		return -1;
	return meet_other(&server, site);
}

static int64_t run(enum key_kind kind, struct walk *walk, uint64_t count)
{
	return peer_run(&peers[limiter_process], kind, walk, count);
}

const struct limiter limiter_nginx = {
    .key = "lua_shared_dict",
    .name = "nginx lua_shared_dict, incr",
    .place = LIMITER_PEER,
    .windows = WINDOWS_EXPIRING,
    .start = start,
    .run = run,
};
