/* SPDX-License-Identifier: MIT */
/*
 * One socket, bound once by the master: the port is known before the first worker starts and stays when one dies.
 */
#include "listen.h"

#include "log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Non-blocking: several workers wake up for one connection, and those that come late must not wait in accept(). */
static int open_one(const struct addrinfo *address)
{
	const int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
		result = -errno;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static void note_url(struct host *host)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);
	char name[64] = "?", port[16] = "?";
	bool is_v6;

	getsockname(host->listener, (struct sockaddr *)&address, &length);
	getnameinfo((struct sockaddr *)&address, length, name, sizeof(name), port, sizeof(port),
	            NI_NUMERICHOST | NI_NUMERICSERV);
	is_v6 = strchr(name, ':') != NULL;
	snprintf(host->url, sizeof(host->url), "http://%s%s%s:%s/", is_v6 ? "[" : "", name, is_v6 ? "]" : "", port);
}

int listen_open(struct host *host)
{
	const struct host_options *options = host->options;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	int error = getaddrinfo(options->address, options->port, &hints, &found);

	if (error != 0) {
		log_event("cannot listen on %s: %s", options->address, gai_strerror(error));
		return -EADDRNOTAVAIL;
	}
	host->listener = open_one(found);
	freeaddrinfo(found);
	if (host->listener < 0) {
		log_event("cannot listen on %s port %s: %s%s", options->address, options->port,
		          strerrordesc_np(-host->listener),
		          host->listener == -EADDRINUSE ? "; --port 0 takes a free one" : "");
		return host->listener;
	}
	note_url(host);
	return 0;
}
