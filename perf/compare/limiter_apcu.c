/* SPDX-License-Identifier: MIT */
/*
 * APCu: apcu_inc() in two PHP processes with one parent, as those of PHP-FPM have. apcu.php is the program; it expires by
 * whole seconds.
 */
#include "limiter.h"

#include "peer.h"
#include "server.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct peer peers[2];

static int start(const struct limiter_site *site)
{
	static const char program[] = COMPARE_SCRIPTS "/apcu.php";
	static const char *const arguments[] = {"php",
	                                        "-d",
	                                        "apc.enable_cli=1",
	                                        "-d",
	                                        "apc.shm_size=256M",
	                                        "-d",
	                                        "apc.entries_hint=200000",
	                                        "-d",
	                                        "apc.use_request_time=0",
	                                        "-d",
	                                        "memory_limit=512M",
	                                        program,
	                                        NULL};
	int ours[2], theirs[2];
	const struct server server = {"php", arguments, theirs};

	for (int i = 0; i < 2; i++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
			perror("cannot make a socket");
			return -1;
		}
		ours[i] = ends[0];
		theirs[i] = ends[1];
	}
	if (server_start(&server, site) < 0)
		return -1;
	close(theirs[0]);
	close(theirs[1]);
	for (int i = 0; i < 2; i++) {
		if (peer_meet(&peers[i], ours[i], site->cpus[i] < 0 ? site->cpus[0] : site->cpus[i]) < 0) {
			server_show_log(&server, site);
			return -1;
		}
	}
	return 0;
}

static int64_t run(enum key_kind kind, struct walk *walk, uint64_t count)
{
	return peer_run(&peers[limiter_process], kind, walk, count);
}

const struct limiter limiter_apcu = {
    .key = "apcu",
    .name = "APCu from PHP, apcu_inc",
    .place = LIMITER_PEER,
    .windows = WINDOWS_EXPIRING,
    .window_least_ms = 1000,
    .start = start,
    .run = run,
};
