/* SPDX-License-Identifier: MIT */
/*
 * The parts of bench_policy that are about reloading: how long it takes, and what a worker notices of it.
 */
#ifndef POLICY_RELOAD_H
#define POLICY_RELOAD_H

#include "harness.h"
#include "latency.h"

#include <shmquota.h>

/* A policy of as many components, in classes and groups; `version` changes every limit. NULL with a message. */
struct shmq_policy *policy_of(unsigned components, unsigned version);

/* Create a segment without a name with room for it. NULL with a message. */
struct shmq_segment *policy_segment(unsigned components);

/* What is done with a policy. */
enum reload_time { RELOAD_LOAD, RELOAD_FIRST, RELOAD_AGAIN, RELOAD_TIMES };

/* How long it took, in nanoseconds, over the rounds. Returns 0, or -1 with a message. */
int reload_measure(struct bench_figure out[RELOAD_TIMES], unsigned components, unsigned rounds);

/* What the other core does while a worker consumes. */
enum stall_kind { STALL_QUIET, STALL_ELSEWHERE, STALL_HERE, STALL_KINDS };

struct stall {
	struct latency latency;
	uint64_t publications;
	uint64_t dropped; /* operations not counted, since the scheduler took the worker off its core */
};

/*
 * Let a worker on core cpus[0] consume for about so many seconds, while policies are published from cpus[1]: nowhere, to
 * another segment, to this one, in turns. Returns 0, or -1 with a message.
 */
int stall_measure(struct stall out[STALL_KINDS], unsigned components, double seconds, const int cpus[2]);

#endif
