/* SPDX-License-Identifier: MIT */
/*
 * Signals are blocked and waited for, so none can fall between starting the command and knowing its pid.
 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

static const int watched[] = {SIGCHLD, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGINT, SIGQUIT};

/* Block what is watched. The command gets back the mask and the dispositions that were. */
static void block(sigset_t *set, sigset_t *before)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(set, watched[i]);
	sigprocmask(SIG_BLOCK, set, before);
	/* Whoever ignores the end of children never hears of it. */
	signal(SIGCHLD, SIG_DFL);
}

static int start(pid_t *pid, char *const command[], const sigset_t *mask)
{
	posix_spawnattr_t attributes;
	int error = posix_spawnattr_init(&attributes);

	if (error)
		return error;
	posix_spawnattr_setsigmask(&attributes, mask);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	error = posix_spawnp(pid, command[0], NULL, &attributes, command, environ);
	posix_spawnattr_destroy(&attributes);
	return error;
}

/* Wait until the command ends, passing signals on. */
static int follow(pid_t pid, const sigset_t *set)
{
	int status;

	for (;;) {
		int signal_number = sigwaitinfo(set, NULL);

		if (signal_number == SIGCHLD) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return WIFSIGNALED(status) ? RUN_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
		} else if (signal_number > 0 && signal_number != SIGINT && signal_number != SIGQUIT) {
			kill(pid, signal_number);
		}
	}
}

int run_command(char *const command[], int *error)
{
	sigset_t set, before;
	pid_t pid;
	int status;

	block(&set, &before);
	*error = start(&pid, command, &before);
	if (*error)
		status = *error == ENOENT ? RUN_NOT_FOUND : RUN_NOT_RUN;
	else
		status = follow(pid, &set);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}
