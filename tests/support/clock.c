/* SPDX-License-Identifier: MIT */
/*
 * Time as tests need it. Nothing here knows the library: windows are computed from the published rule alone, which is
 * that they begin at multiples of their length on CLOCK_MONOTONIC.
 */
#include "clock.h"

#include <time.h>

static uint64_t clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_coarse_ns(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

void clock_sleep_until_ns(uint64_t when_ns)
{
	struct timespec when = {.tv_sec = (time_t)(when_ns / SECOND), .tv_nsec = (long)(when_ns % SECOND)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
		;
}

void clock_sleep_ns(uint64_t duration_ns)
{
	clock_sleep_until_ns(clock_now_ns() + duration_ns);
}

uint64_t clock_calm_period_ns(void)
{
	uint64_t now = clock_now_ns();

	for (uint64_t hours = 1; hours <= 24; hours++) {
		uint64_t period = hours * HOUR;

		if (period - now % period > 10 * MINUTE)
			return period;
	}
	return 366 * 24 * HOUR;
}

uint64_t clock_approach_boundary(uint64_t period_ns, uint64_t lead_ns)
{
	uint64_t boundary = (clock_now_ns() / period_ns + 1) * period_ns;

	if (boundary - clock_now_ns() <= lead_ns)
		boundary += period_ns;
	clock_sleep_until_ns(boundary - lead_ns);
	return boundary;
}

void clock_enter_window(uint64_t period_ns)
{
	uint64_t boundary = (clock_now_ns() / period_ns + 1) * period_ns;

	clock_sleep_until_ns(boundary);
	while (clock_coarse_ns() < boundary)
		clock_sleep_ns(MS);
}
