/* SPDX-License-Identifier: MIT */
/*
 * A limit on the time of each call, and a clock that the input moves.
 *
 * The limit is on CPU time of the thread: a machine under load does not trip it. Between guard_begin() and guard_end()
 * the monotonic clocks stand still but for nanosleep(), which returns at once and moves them on: waiting by design costs
 * a fuzzer nothing, and windows end when an input says so. The linker puts both in the place of the C library's
 * (--wrap); real-time clocks and whoever calls outside are not touched.
 */
#ifndef TESTS_FUZZ_GUARD_H
#define TESTS_FUZZ_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Begin an input: the clock stands at `now_ns`, no call was slow. */
void guard_reset(uint64_t now_ns);

/* Let time pass. */
void guard_advance(uint64_t duration_ns);

void guard_begin(const char *call);
void guard_end(void);   /* was it too slow? */
void guard_leave(void); /* it may take what it takes */

/* Run an input; where a call is slow, run it again: what is slow every time is a loop, not the machine. */
void guard_run(void (*run)(const uint8_t *data, size_t size), const uint8_t *data, size_t size);

/* Make one call under the limit. */
#define GUARDED(call)                                                                                                  \
	do {                                                                                                           \
		guard_begin(#call);                                                                                    \
		(void)(call);                                                                                          \
		guard_end();                                                                                           \
	} while (0)

/* Make one call by the input's clock only. */
#define CLOCKED(call)                                                                                                  \
	do {                                                                                                           \
		guard_begin(#call);                                                                                    \
		(void)(call);                                                                                          \
		guard_leave();                                                                                         \
	} while (0)

#endif
