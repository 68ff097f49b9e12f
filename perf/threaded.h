/* SPDX-License-Identifier: MIT */
/*
 * Runs a case in a process that has a second thread, which sleeps.
 *
 * Once a process has started a thread it counts as one with threads for ever, so that the cases of a program without
 * threads cannot be measured in the same process. The process is forked when it is first needed, from whichever process
 * measures, on the same core, and ends with it.
 */
#ifndef THREADED_H
#define THREADED_H

#include "harness.h"

/*
 * Prepare and run a case there. `*cost` is what the run itself cost. Returns whether all operations answered as they
 * should; where the process died or cannot be started, false with a message on stderr.
 */
bool threaded_run(const struct bench_case *bench_case, void *subject, uint64_t count, struct bench_cost *cost);

#endif
