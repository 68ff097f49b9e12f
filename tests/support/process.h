/* SPDX-License-Identifier: MIT */
/*
 * Child processes of a test: started, joined with a time-out, stopped, killed.
 *
 * A child never returns into the test runner and never uses its assertions: it ends by _exit() with what its body
 * returned, and dies with its parent. Bodies use CHILD_CHECK(), which prints where it failed and returns 1.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What process_join() and process_kill() return for a child that a signal ended. */
#define PROCESS_SIGNAL(number) (256 + (number))

/* What a child does; `index` tells children of one group apart. The returned value becomes the exit status. */
typedef int process_body(unsigned index, void *context);

/* Print where a child's check failed, without stdio buffers. Returns 1. */
int process_complain(const char *file, int line, const char *what, long long value);

#define CHILD_CHECK(condition)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return process_complain(__FILE__, __LINE__, #condition, 0);                                    \
	} while (0)

/* As CHILD_CHECK(), for a call that must return `expected`; prints what it returned instead. */
#define CHILD_RESULT(call, expected)                                                                                   \
	do {                                                                                                           \
		int child_result = (call);                                                                             \
		if (child_result != (expected))                                                                        \
			return process_complain(__FILE__, __LINE__, #call, child_result);                              \
	} while (0)

/* Fork a child that runs the body. Returns its pid; ends the caller when fork fails. */
pid_t process_start(process_body *body, unsigned index, void *context);

/*
 * Wait for a child to end.
 *
 * Returns  its exit status, PROCESS_SIGNAL(n) when a signal ended it, or -ETIMEDOUT: it was killed for taking too long.
 */
int process_join(pid_t pid, unsigned timeout_ms);

/* SIGKILL a child and reap it. Returns as process_join(): it may have ended by itself before. */
int process_kill(pid_t pid);

/* Stop a child and wait until it stands still. Returns false when it ended instead; it is reaped then. */
bool process_stop(pid_t pid);
void process_continue(pid_t pid);

/* Start and join groups. process_join_group() returns how many did not end with 0. */
void process_start_group(pid_t pids[], unsigned count, process_body *body, void *context);
unsigned process_join_group(const pid_t pids[], unsigned count, unsigned timeout_ms);

/* Run one body in a child and wait for it. */
int process_run(process_body *body, void *context, unsigned timeout_ms);

#endif
