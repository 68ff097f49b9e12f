/* SPDX-License-Identifier: MIT */
/*
 * Time as tests need it: the clock that windows are aligned to, sleeping, and periods in which no boundary falls.
 *
 * A library clock reading lies between clock_coarse_ns() before a call and clock_now_ns() after it, whichever of the
 * two monotonic clocks the library reads. Tests that tell in which window a call was judged rest on this.
 */
#ifndef TESTS_SUPPORT_CLOCK_H
#define TESTS_SUPPORT_CLOCK_H

#include <stdint.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t clock_now_ns(void);

/* CLOCK_MONOTONIC_COARSE in nanoseconds: never ahead of clock_now_ns(), behind it by up to one kernel tick. */
uint64_t clock_coarse_ns(void);

/* How far the coarse clock may be behind, rounded up generously. */
#define CLOCK_TICK_NS (11 * MS)

void clock_sleep_ns(uint64_t duration_ns);
void clock_sleep_until_ns(uint64_t when_ns);

/* A window length whose next boundary is at least ten minutes away, so that a test sees one window only. */
uint64_t clock_calm_period_ns(void);

/* Sleep until just before the next multiple of the period: `lead_ns` ahead of it. Returns that multiple. */
uint64_t clock_approach_boundary(uint64_t period_ns, uint64_t lead_ns);

/* Sleep until both clocks have passed the next multiple of the period: a fresh window has begun. */
void clock_enter_window(uint64_t period_ns);

#endif
