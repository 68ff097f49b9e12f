/* SPDX-License-Identifier: MIT */
/*
 * What the library is measured against: the bare operations of the machine, and a window behind a lock.
 *
 * All of them work on shared memory and are functions in a file of their own, called and not inlined, as a library's
 * are. They are called directly, not through the linkage table as a shared library is: that favours them.
 */
#ifndef BASELINE_H
#define BASELINE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The same account as a rate of the library: window, total, peak and refusals; behind a mutex. */
struct baseline_window {
	pthread_mutex_t mutex;
	uint64_t limit, period_ms;
	uint64_t start_ms, used, total, peak, denied;
};

struct baseline {
	alignas(64) _Atomic uint64_t word;
	alignas(64) struct baseline_window window;
};

/* One cache line that names the next one to read. */
struct baseline_ring {
	alignas(64) uint32_t next;
};

/* Make a window of a second, in which much is allowed, in shared memory that is zero. Returns 0 or an errno. */
int baseline_window_init(struct baseline_window *window, bool is_robust);

/* Returns `count` of them in memory that forked processes share, or NULL with errno. They are never freed. */
struct baseline *baseline_create(unsigned count);

/* The function call alone. */
bool baseline_nothing(struct baseline *baseline, uint64_t amount);

/* One fetch-and-add. */
bool baseline_add(struct baseline *baseline, uint64_t amount);

/* Load, then compare-and-swap until it succeeds. */
bool baseline_cas(struct baseline *baseline, uint64_t amount);

/* One look at the clock, through the vDSO. */
bool baseline_clock(clockid_t clock);

/* Returns `count` lines in shared memory that lead through each other in random order, or NULL with errno. */
struct baseline_ring *baseline_ring_create(uint32_t count);

/* Read one line of the ring: what a single look at memory costs that is not in a core's own cache. */
bool baseline_read(const struct baseline_ring *ring, uint32_t *line);

/* A robust process-shared mutex, locked and unlocked. */
bool baseline_lock(struct baseline_window *window);

/* What windows go by. */
uint64_t baseline_now_ms(clockid_t clock);

/* Read the clock, then take from the window under the mutex. The clock is read outside of it: that favours the mutex. */
bool baseline_take(struct baseline_window *window, uint64_t amount, clockid_t clock);

#endif
