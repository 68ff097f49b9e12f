/* SPDX-License-Identifier: MIT */
/*
 * SIGTERM rather than SIGKILL, also on our own death: a server that has processes of its own has to end them.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MAX 8
#define TRIES 500
#define TRY_NS 10000000
#define TAIL_BYTES 2000

static pid_t pids[SERVERS_MAX];
static unsigned count;
static pid_t owner;

static void nap(void)
{
	const struct timespec while_ns = {.tv_nsec = TRY_NS};

	nanosleep(&while_ns, NULL);
}

static void stop(pid_t pid)
{
	kill(pid, SIGTERM);
	for (int i = 0; i < TRIES; i++) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nap();
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Forked processes inherit what is to be done at exit, but not the servers. */
static void stop_all(void)
{
	while (getpid() == owner && count > 0)
		stop(pids[--count]);
}

static void log_path(char *out, size_t size, const struct server *server, const struct limiter_site *site)
{
	snprintf(out, size, "%s/%s.log", site->scratch, server->name);
}

void server_show_log(const struct server *server, const struct limiter_site *site)
{
	char text[TAIL_BYTES], path[256];
	ssize_t length;
	off_t size;
	int log;

	log_path(path, sizeof(path), server, site);
	log = open(path, O_RDONLY | O_CLOEXEC);
	if (log < 0)
		return;
	size = lseek(log, 0, SEEK_END);
	length = pread(log, text, sizeof(text), size > TAIL_BYTES ? size - TAIL_BYTES : 0);
	if (length > 0)
		fwrite(text, 1, (size_t)length, stderr);
	close(log);
}

/* As 3 and 4, which they may be already or in each other's place. */
static void pass_fds(const int fds[2])
{
	int high[2];

	for (int i = 0; i < 2; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 2; i++)
		dup2(high[i], 3 + i);
}

static _Noreturn void become(const struct server *server, const struct limiter_site *site, pid_t parent)
{
	char path[256];
	int log, nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	log_path(path, sizeof(path), server, site);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (log < 0 || nothing < 0 || getppid() != parent || chdir(site->scratch) != 0)
		_exit(127);
	dup2(nothing, 0);
	dup2(log, 1);
	dup2(log, 2);
	if (server->fds != NULL)
		pass_fds(server->fds);
	execvp(server->arguments[0], (char *const *)(uintptr_t)server->arguments);
	fprintf(stderr, "cannot run %s: %s\n", server->arguments[0], strerror(errno));
	_exit(127);
}

int server_start(const struct server *server, const struct limiter_site *site)
{
	pid_t parent = getpid(), pid;

	if (count == SERVERS_MAX) {
		fprintf(stderr, "%s: there are %d servers already\n", server->name, SERVERS_MAX);
		return -1;
	}
	if (owner == 0) {
		owner = parent;
		atexit(stop_all);
	}
	pid = fork();
	if (pid == 0)
		become(server, site, parent);
	if (pid < 0) {
		perror("cannot start a process");
		return -1;
	}
	pids[count++] = pid;
	return 0;
}

/* Returns the socket or -1, silently. */
static int try_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "the name of a socket is too long: %s\n", path);
		exit(2);
	}
	memcpy(address.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

int server_connect(const struct server *server, const struct limiter_site *site, const char *path)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = try_connect(path);

		if (fd >= 0)
			return fd;
		nap();
	}
	fprintf(stderr, "%s did not answer within 5 seconds; it said:\n", server->name);
	server_show_log(server, site);
	return -1;
}
