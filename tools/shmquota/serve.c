/* SPDX-License-Identifier: MIT */
/*
 * shmquota serve: listens, hands requests to serve_answer.c, and ends when it is asked to.
 *
 * The socket is made here and not by the HTTP library, so that what is wrong with an address can be said.
 */
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve.h"
#include "target.h"

#define ADDRESS_USUAL "127.0.0.1"
#define PORT_USUAL "9745"
#define CLIENTS_MOST 500
#define IDLE_SECONDS 10 /* a client that takes or sends nothing for so long is left */
#define MEMORY_OF_CLIENT 16384

/* ---- Where it listens -------------------------------------------------------------------------------------------- */

struct place {
	char address[128], port[16];
};

/* getaddrinfo() takes 80000 for 14464. Names of services are its own to judge. */
static bool is_port(const char *text)
{
	return text[strspn(text, "0123456789")] != '\0' ||
	       (*text && strlen(text) <= 5 && strtoul(text, NULL, 10) <= 65535);
}

/* "8080", "192.0.2.7:8080", "[::1]:8080", "host". */
static bool parse_place(struct place *out, const char *text)
{
	const char *colon = text ? strrchr(text, ':') : NULL;
	size_t length;

	*out = (struct place){ADDRESS_USUAL, PORT_USUAL};
	if (!text)
		return true;
	if (text[strspn(text, "0123456789")] == '\0') {
		snprintf(out->port, sizeof(out->port), "%.15s", text);
		return is_port(out->port);
	}
	if (*text == '[' && (!colon || colon[-1] != ']'))
		colon = NULL;
	length = colon ? (size_t)(colon - text) : strlen(text);
	if (*text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(out->address) || (colon && strlen(colon + 1) >= sizeof(out->port)))
		return false;
	snprintf(out->address, sizeof(out->address), "%.*s", (int)length, text);
	if (colon)
		snprintf(out->port, sizeof(out->port), "%s", colon + 1);
	return is_port(out->port);
}

static int listen_failed(const struct place *place, const char *why)
{
	return fail(EXIT_FAILED,
	            "--listen takes another port, such as 8080, or another address, such as 192.0.2.7:8080.",
	            "cannot listen on %s port %s: %s", place->address, place->port, why);
}

static int open_socket(const struct addrinfo *info)
{
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool is_loopback(const struct sockaddr *address)
{
	const unsigned char *bytes;

	if (address->sa_family == AF_INET) {
		bytes = (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
		return bytes[0] == 127;
	}
	return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

/* Returns an exit code; with EXIT_DONE *fd listens. */
static int open_place(int *fd, struct server *server, const struct place *place)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
	int error = getaddrinfo(place->address, place->port, &hints, &found);

	if (error)
		return listen_failed(place, gai_strerror(error));
	*fd = open_socket(found);
	server->is_local = is_loopback(found->ai_addr);
	freeaddrinfo(found);
	return *fd < 0 ? listen_failed(place, strerror(errno)) : EXIT_DONE;
}

/* Say the address as it came out: port 0 takes any that is free. */
static void say_place(int fd, const struct server *server)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	char host[128] = "", port[16] = "";
	bool is_v6;

	getsockname(fd, (struct sockaddr *)&address, &length);
	getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
	            NI_NUMERICHOST | NI_NUMERICSERV);
	is_v6 = strchr(host, ':') != NULL;
	printf("serving http://%s%s%s:%s/ and http://%s%s%s:%s/metrics\n", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
	       port, is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
	fflush(stdout);
	if (!server->is_local)
		fprintf(stderr, "  Everybody who reaches this address can read the figures; there is no password.\n");
}

/* ---- Serving ----------------------------------------------------------------------------------------------------- */

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request)
{
	static int seen;

	(void)version;
	(void)upload;
	/* The first call has the head only. What a client sends besides is read and thrown away. */
	if (!*request) {
		*request = &seen;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return server_answer(context, connection, path, method);
}

static void wait_for_the_end(const sigset_t *ends)
{
	int number;

	do
		number = sigwaitinfo(ends, NULL);
	while (number < 0 && errno == EINTR);
}

static int serve(struct server *server, int fd, bool quiet)
{
	struct MHD_Daemon *daemon;
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	/* Before the thread begins, which takes the mask over. */
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, server,
	                          MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MOST,
	                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS,
	                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_OF_CLIENT, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		return fail(EXIT_FAILED, NULL, "cannot start the HTTP server: %s", strerror(errno));
	}
	if (!quiet)
		say_place(fd, server);
	wait_for_the_end(&ends);
	MHD_stop_daemon(daemon);
	return EXIT_DONE;
}

int verb_serve(const struct invocation *invocation)
{
	struct server server = {
	    .choice =
		{
		    .names = invocation->arguments,
		    .name_count = invocation->count,
		    .include = invocation->include,
		    .include_count = invocation->include_count,
		    .exclude = invocation->exclude,
		    .exclude_count = invocation->exclude_count,
		},
	};
	struct place place;
	int fd = -1, code;

	if (!parse_place(&place, invocation->listen))
		return fail(EXIT_USAGE, "Write 8080, 192.0.2.7:8080 or [::1]:8080.",
		            "--listen wants [ADDRESS:]PORT, not '%s'", invocation->listen);
	code = open_place(&fd, &server, &place);
	if (code == EXIT_DONE)
		code = serve(&server, fd, invocation->quiet);
	gathering_free(&server.gathering);
	return code;
}
