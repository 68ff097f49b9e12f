/* SPDX-License-Identifier: MIT */
/*
 * Memory that a test shares with the children it forks, and what is done with it: atomic counters and a starting gate.
 *
 * The memory is anonymous: it dies with the last process. It is no part of the segment under test, so what children
 * note here survives whatever happens to that segment.
 */
#ifndef TESTS_SUPPORT_SHARED_H
#define TESTS_SUPPORT_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A counter on a cache line of its own, so that keeping books does not order what is being tested. */
struct counter {
	_Alignas(64) atomic_uint_fast64_t value;
};

/* Zeroed memory shared with all children forked later. Ends the process when there is none. */
void *shared_alloc(size_t size);
void shared_free(void *memory, size_t size);

static inline void counter_add(struct counter *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

static inline uint64_t counter_get(struct counter *counter)
{
	return atomic_load(&counter->value);
}

static inline void counter_set(struct counter *counter, uint64_t value)
{
	atomic_store(&counter->value, value);
}

/* All who wait at a gate start at the same moment: when the last of them has come, or when it is opened. */
struct gate {
	struct counter waiting, open;
};

void gate_wait(struct gate *gate);
/* Open the gate once `expected` wait at it. Returns false when they did not come in ten seconds; it is opened anyway. */
bool gate_open(struct gate *gate, unsigned expected);

/* Wait until a counter is at least `value`. Returns false after the time-out. */
bool counter_await(struct counter *counter, uint64_t value, unsigned timeout_ms);

#endif
