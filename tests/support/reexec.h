/* SPDX-License-Identifier: MIT */
/*
 * A fresh program image: the test executes itself and runs one function instead of the test runner.
 *
 * What exec takes away (mappings, threads, handlers, anonymous memory, liburcu's state) is truly gone, while pid and
 * start time stay. The function gets one string; it must be registered with REEXEC_ENTRY in the same program.
 */
#ifndef TESTS_SUPPORT_REEXEC_H
#define TESTS_SUPPORT_REEXEC_H

/* Replace this process by a run of the entry. Returns only when it fails, 1. */
int reexec(const char *entry, const char *argument);

/* Run `function` and exit with what it returns when this program was started by reexec() with its name. */
void reexec_offer(const char *entry, int (*function)(const char *argument));

#define REEXEC_ENTRY(function)                                                                                         \
	__attribute__((constructor)) static void function##_entry(void)                                                \
	{                                                                                                              \
		reexec_offer(#function, function);                                                                     \
	}

#endif
