/* SPDX-License-Identifier: MIT */
/*
 * A fresh program image of the same test. A constructor looks for the entry's name in the environment, so it is there
 * before the test runner's own main() and needs no other executable to be built and found.
 */
#include "reexec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#define REEXEC_ENTRY_VARIABLE "SHMQ_TEST_ENTRY"
#define REEXEC_ARGUMENT_VARIABLE "SHMQ_TEST_ARGUMENT"

int reexec(const char *entry, const char *argument)
{
	setenv(REEXEC_ENTRY_VARIABLE, entry, 1);
	setenv(REEXEC_ARGUMENT_VARIABLE, argument, 1);
	execl("/proc/self/exe", "reexec", (char *)NULL);
	perror("execl");
	return 1;
}

void reexec_offer(const char *entry, int (*function)(const char *argument))
{
	const char *wanted = getenv(REEXEC_ENTRY_VARIABLE);

	if (!wanted || strcmp(wanted, entry) != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(function(getenv(REEXEC_ARGUMENT_VARIABLE)));
}
