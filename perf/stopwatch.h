/* SPDX-License-Identifier: MIT */
/*
 * Time that passes, without what this process spent waiting for a core that others had: that says how busy the machine
 * is. Where the kernel does not count it, it is all the time that passes.
 */
#ifndef STOPWATCH_H
#define STOPWATCH_H

#include <stdint.h>

struct stopwatch {
	uint64_t ns, waited_ns;
};

struct stopwatch stopwatch_now(void);

/* Nanoseconds since then. */
double stopwatch_since(struct stopwatch start);

#endif
