/* SPDX-License-Identifier: MIT */
/*
 * Running a command in the foreground, as a shell does.
 */
#ifndef RUN_H
#define RUN_H

#define RUN_NOT_FOUND 127 /* the exit codes of shells */
#define RUN_NOT_RUN 126
#define RUN_SIGNAL 128

/*
 * Run a command and wait for it. Signals that ask to end (TERM, HUP, USR1, USR2) are passed on to it; those that a
 * terminal sends to both (INT, QUIT) are left to it.
 *
 * Returns its exit status, RUN_SIGNAL and the number of the signal that ended it, or RUN_NOT_FOUND or RUN_NOT_RUN with
 * *error set to an errno.
 */
int run_command(char *const command[], int *error);

#endif
