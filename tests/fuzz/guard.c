/* SPDX-License-Identifier: MIT */
/*
 * The promise is that no call loops for more than 1 ms. Compiled for coverage and checked at every access, code is
 * several times slower, so the limit is, too; a call that sleeps may poll in between, which is what it waits for.
 */
#include "guard.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "fuzz.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_INSTRUMENTED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define IS_INSTRUMENTED 1
#endif

#define NS_PER_S UINT64_C(1000000000)
#define LIMIT_NS UINT64_C(1000000)
#if !defined(SLOWER) && defined(IS_INSTRUMENTED)
#define SLOWER 16
#elif !defined(SLOWER)
#define SLOWER 4
#endif
#define TRIES 8
#define HANGS_AFTER_S 20        /* of CPU time: an input whose call does not return at all */
#define POLL_NS UINT64_C(50000) /* of CPU time that a call may use for each time it sleeps */

static struct {
	bool is_on;
	const char *call;
	uint64_t began_ns; /* of the thread's CPU time */
	uint64_t now_ns;
	unsigned sleeps;
	bool is_slow;
	char slow[160];
	const char *slowest; /* of all inputs */
	uint64_t slowest_ns;
} guard;

int guard_clock_gettime(clockid_t clock, struct timespec *out) __asm__("__wrap_clock_gettime");
int guard_nanosleep(const struct timespec *duration, struct timespec *rest) __asm__("__wrap_nanosleep");
int real_clock_gettime(clockid_t clock, struct timespec *out) __asm__("__real_clock_gettime");
int real_nanosleep(const struct timespec *duration, struct timespec *rest) __asm__("__real_nanosleep");

int guard_clock_gettime(clockid_t clock, struct timespec *out)
{
	if (!guard.is_on || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
		return real_clock_gettime(clock, out);
	*out =
	    (struct timespec){.tv_sec = (time_t)(guard.now_ns / NS_PER_S), .tv_nsec = (long)(guard.now_ns % NS_PER_S)};
	return 0;
}

int guard_nanosleep(const struct timespec *duration, struct timespec *rest)
{
	if (!guard.is_on)
		return real_nanosleep(duration, rest);
	guard.sleeps++;
	guard.now_ns += (uint64_t)duration->tv_sec * NS_PER_S + (uint64_t)duration->tv_nsec;
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	real_clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void guard_reset(uint64_t now_ns)
{
	guard.now_ns = now_ns;
	guard.is_slow = false;
}

void guard_advance(uint64_t duration_ns)
{
	guard.now_ns += duration_ns;
}

void guard_begin(const char *call)
{
	guard.call = call;
	guard.sleeps = 0;
	guard.is_on = true;
	guard.began_ns = cpu_ns();
}

void guard_leave(void)
{
	guard.is_on = false;
}

void guard_end(void)
{
	uint64_t took_ns = cpu_ns() - guard.began_ns;

	guard.is_on = false;
	if (guard.sleeps == 0 && took_ns > guard.slowest_ns) {
		guard.slowest_ns = took_ns;
		guard.slowest = guard.call;
	}
	if (guard.is_slow || took_ns <= SLOWER * LIMIT_NS + guard.sleeps * POLL_NS)
		return;
	guard.is_slow = true;
	snprintf(guard.slow, sizeof(guard.slow), "%s took %.1f ms of CPU time, %u sleeps", guard.call,
	         (double)took_ns / 1e6, guard.sleeps);
}

static void print_slowest(void)
{
	printf("slowest call: %.2f ms (the limit is %d ms), %s\n", (double)guard.slowest_ns / 1e6, SLOWER,
	       guard.slowest);
}

/* The process is about to end, so printing here is no worse than not printing. */
static void say_that_it_hangs(int signal_number)
{
	(void)signal_number;
	fuzz_fail("%s does not return", guard.call == NULL ? "the input" : guard.call);
}

void guard_run(void (*run)(const uint8_t *data, size_t size), const uint8_t *data, size_t size)
{
	const struct itimerval patience = {.it_value = {.tv_sec = HANGS_AFTER_S}};
	static bool has_begun;

	if (!has_begun) {
		atexit(print_slowest);
		signal(SIGPROF, say_that_it_hangs);
	}
	has_begun = true;
	for (int i = 0; i < TRIES; i++) {
		setitimer(ITIMER_PROF, &patience, NULL);
		run(data, size);
		if (!guard.is_slow)
			return;
	}
	fuzz_fail("%d times in a row, the last time: %s; the limit is %d ms", TRIES, guard.slow, SLOWER);
}
