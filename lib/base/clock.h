/* SPDX-License-Identifier: MIT */
/*
 * The clocks that windows go by, in milliseconds of CLOCK_MONOTONIC, and buckets, in nanoseconds. Both are read through
 * the vDSO, without a system call. The coarse one is several times cheaper and lags by up to one tick of the kernel (4
 * ms at HZ=250), which is little beside a window of 100 ms and can only make a window roll late: what is admitted stays
 * within the limit of the window that is still open.
 */
#ifndef SHMQ_BASE_CLOCK_H
#define SHMQ_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_COARSE_FROM_MS UINT64_C(100)
#define CLOCK_COARSE_LAG_MS UINT64_C(10) /* at HZ=100, the slowest tick */
#define MS_PER_S UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static inline uint64_t clock_read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_read_coarse_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC_COARSE);
}

static inline uint64_t clock_read_precise_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Whole seconds of the coarse clock. */
static inline uint64_t clock_coarse_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec;
}

/* The time by which windows of this length are judged. */
static inline uint64_t clock_window_ms(uint64_t period_ms)
{
	struct timespec now;

	clock_gettime(period_ms >= CLOCK_COARSE_FROM_MS ? CLOCK_MONOTONIC_COARSE : CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
}

#endif
