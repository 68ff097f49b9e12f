/* SPDX-License-Identifier: MIT */
/*
 * Programs that limiters need beside them. They run in the directory of this run, write what they say to a file there,
 * and end with this process, however that ends.
 */
#ifndef SERVER_H
#define SERVER_H

#include "limiter.h"

#include <stdbool.h>

struct server {
	const char *name; /* for messages; names the file, too */
	const char *const *arguments;
	int *fds; /* that it gets as 3 and 4, or NULL */
};

/*
 * Start a program. It is ended when this process calls exit(), or by SIGTERM when this process dies otherwise.
 * Returns 0, or -1 with a message.
 */
int server_start(const struct server *server, const struct limiter_site *site);

/* Connect to a unix socket as soon as somebody listens there. Returns it, or -1 with a message after five seconds. */
int server_connect(const struct server *server, const struct limiter_site *site, const char *path);

/* Show the end of what a program said. */
void server_show_log(const struct server *server, const struct limiter_site *site);

#endif
