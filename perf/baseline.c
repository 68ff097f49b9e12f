/* SPDX-License-Identifier: MIT */
/*
 * The window behind the mutex is written as one would write it by hand: when the owner died, the next one takes over
 * and goes on with what is there.
 */
#include "baseline.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

int baseline_window_init(struct baseline_window *window, bool is_robust)
{
	pthread_mutexattr_t attributes;
	int result = pthread_mutexattr_init(&attributes);

	if (result != 0)
		return result;
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, is_robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	result = pthread_mutex_init(&window->mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	window->limit = UINT64_C(1) << 46;
	window->period_ms = 1000;
	return result;
}

struct baseline *baseline_create(unsigned count)
{
	struct baseline *baselines =
	    mmap(NULL, count * sizeof(*baselines), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (baselines == MAP_FAILED)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		errno = baseline_window_init(&baselines[i].window, true);
		if (errno != 0)
			return NULL;
	}
	return baselines;
}

bool baseline_nothing(struct baseline *baseline, uint64_t amount)
{
	return baseline != NULL && amount != 0;
}

bool baseline_add(struct baseline *baseline, uint64_t amount)
{
	atomic_fetch_add(&baseline->word, amount);
	return true;
}

bool baseline_cas(struct baseline *baseline, uint64_t amount)
{
	uint64_t seen = atomic_load(&baseline->word);

	while (!atomic_compare_exchange_strong(&baseline->word, &seen, seen + amount))
		;
	return true;
}

bool baseline_clock(clockid_t clock)
{
	struct timespec now;

	return clock_gettime(clock, &now) == 0;
}

struct baseline_ring *baseline_ring_create(uint32_t count)
{
	struct baseline_ring *ring =
	    mmap(NULL, count * sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned short seed[3] = {4, 5, 6};

	if (ring == MAP_FAILED)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		ring[i].next = i;
	/* Sattolo's shuffle: a permutation that is one single cycle. */
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t other = (uint32_t)(erand48(seed) * i), next = ring[i].next;

		ring[i].next = ring[other].next;
		ring[other].next = next;
	}
	return ring;
}

bool baseline_read(const struct baseline_ring *ring, uint32_t *line)
{
	*line = ring[*line].next;
	return true;
}

static bool window_lock(struct baseline_window *window)
{
	int result = pthread_mutex_lock(&window->mutex);

	if (result == EOWNERDEAD)
		result = pthread_mutex_consistent(&window->mutex);
	return result == 0;
}

bool baseline_lock(struct baseline_window *window)
{
	return window_lock(window) && pthread_mutex_unlock(&window->mutex) == 0;
}

uint64_t baseline_now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool baseline_take(struct baseline_window *window, uint64_t amount, clockid_t clock)
{
	uint64_t now_ms = baseline_now_ms(clock);
	bool is_taken;

	if (!window_lock(window))
		return false;
	if (now_ms >= window->start_ms + window->period_ms) {
		window->start_ms = now_ms - now_ms % window->period_ms;
		window->used = 0;
	}
	is_taken = window->used <= window->limit && amount <= window->limit - window->used;
	if (is_taken) {
		window->used += amount;
		window->total += amount;
		if (window->used > window->peak)
			window->peak = window->used;
	} else {
		window->denied++;
	}
	return pthread_mutex_unlock(&window->mutex) == 0 && is_taken;
}
