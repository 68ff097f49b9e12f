/* SPDX-License-Identifier: MIT */
/*
 * What /proc says of an attached thread: which program it runs and whether it runs at all.
 *
 * A worker that is stopped inside an operation holds up grace periods, so "stopped" is what an operator looks for.
 */
#ifndef THREAD_H
#define THREAD_H

#include <shmquota.h>

#include "render.h"

struct thread_look {
	char command[TEXT_PRINTABLE_MAX]; /* printable; "" where it is gone or hidden */
	char state;                       /* as ps shows it: R, S, D, T, Z ...; 0 where it is gone or hidden */
};

struct thread_look thread_look(const struct shmq_worker *worker);

/* "running", "sleeping", "stopped" ...; "dead" for a worker that is, "hidden" where /proc does not tell. */
const char *thread_state_name(const struct shmq_worker *worker, const struct thread_look *look);

#endif
