/* SPDX-License-Identifier: MIT */
/*
 * Runs a program in pipes or on pseudo-terminals.
 *
 * Both outputs are read while the program runs, so it never waits for a full pipe; what takes longer than the time-out
 * is killed and fails the test.
 */
#include "program.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <termios.h>
#include <unistd.h>

#include "../support/process.h"

#define TIMEOUT_MS 20000

/* One output of the program: both ends, and what came so far. */
struct stream {
	int reader, writer;
	char *text;
	size_t length;
};

static void stream_open(struct stream *stream, const struct program_setting *setting)
{
	struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)(setting->columns ? setting->columns : 80)};
	struct termios raw;
	int ends[2];

	*stream = (struct stream){.text = calloc(1, 1)};
	if (setting->terminal) {
		cr_assert_eq(openpty(&ends[0], &ends[1], NULL, NULL, &size), 0);
		/* Lines end as the program ends them. */
		tcgetattr(ends[1], &raw);
		cfmakeraw(&raw);
		tcsetattr(ends[1], TCSANOW, &raw);
		fcntl(ends[0], F_SETFD, FD_CLOEXEC);
		fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	} else {
		cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	}
	stream->reader = ends[0];
	stream->writer = ends[1];
}

/* Take what there is. False at the end, which a pseudo-terminal tells by an error. */
static bool stream_read(struct stream *stream)
{
	char chunk[65536];
	ssize_t length = read(stream->reader, chunk, sizeof(chunk));

	if (length <= 0)
		return false;
	stream->text = realloc(stream->text, stream->length + (size_t)length + 1);
	cr_assert_not_null(stream->text);
	memcpy(stream->text + stream->length, chunk, (size_t)length);
	stream->length += (size_t)length;
	stream->text[stream->length] = '\0';
	return true;
}

static void read_both(struct stream streams[2])
{
	struct pollfd polled[2];
	int open = 2;

	for (int i = 0; i < 2; i++)
		polled[i] = (struct pollfd){.fd = streams[i].reader, .events = POLLIN};
	while (open > 0 && poll(polled, 2, TIMEOUT_MS) > 0) {
		for (int i = 0; i < 2; i++) {
			if (polled[i].revents == 0 || stream_read(&streams[i]))
				continue;
			polled[i].fd = -1;
			open--;
		}
	}
}

__attribute__((noreturn)) static void become(const struct program_setting *setting, const struct stream streams[2],
                                             const char *const arguments[])
{
	int file = setting->output ? open(setting->output, O_WRONLY) : -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	clearenv();
	setenv("PATH", "/usr/bin:/bin", 1);
	setenv("TERM", "xterm-256color", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	if (setting->environment)
		putenv((char *)(uintptr_t)setting->environment);
	if (dup2(file >= 0 ? file : streams[0].writer, STDOUT_FILENO) >= 0 &&
	    dup2(streams[1].writer, STDERR_FILENO) >= 0)
		execv(arguments[0], (char *const *)(uintptr_t)arguments);
	_exit(127);
}

struct program_run program_start(const struct program_setting *setting, const char *const arguments[])
{
	static const struct program_setting usual;
	struct stream streams[2];
	struct program_run run;
	pid_t pid;

	setting = setting ? setting : &usual;
	stream_open(&streams[0], setting);
	stream_open(&streams[1], setting);
	fflush(NULL);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		become(setting, streams, arguments);
	close(streams[0].writer);
	close(streams[1].writer);
	read_both(streams);
	run = (struct program_run){process_join(pid, 5000), streams[0].text, streams[1].text};
	close(streams[0].reader);
	close(streams[1].reader);
	cr_assert_neq(run.status, 127, "%s cannot be run", arguments[0]);
	cr_assert_neq(run.status, -ETIMEDOUT, "%s does not end", arguments[0]);
	return run;
}

void program_free(struct program_run *run)
{
	free(run->out);
	free(run->err);
	*run = (struct program_run){0};
}

static bool contains(const char *text, const char *expected)
{
	if (!expected)
		return true;
	if (*expected == '!')
		return !strstr(text, expected + 1);
	return strstr(text, expected) != NULL;
}

void program_expect(const struct program_run *run, int status, const char *out, const char *err)
{
	cr_assert(run->status == status && contains(run->out, out) && contains(run->err, err),
	          "expected status %d, output \"%s\", errors \"%s\"; got status %d\n--- output\n%s\n--- errors\n%s",
	          status, out ? out : "", err ? err : "", run->status, run->out, run->err);
}
