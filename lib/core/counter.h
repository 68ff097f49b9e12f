/* SPDX-License-Identifier: MIT */
/*
 * Figures for people. They are exact up to what a crash or a race may cut off: whoever dies between being refused and
 * counting it is not counted, and a peak that others reach while it is recorded may be missed by what they took
 * meanwhile. Admission never depends on them.
 */
#ifndef SHMQ_CORE_COUNTER_H
#define SHMQ_CORE_COUNTER_H

#include "base/atomic.h"

/* Relaxed throughout: nothing is ordered by a peak. Retried only when somebody else raised it. Lock-free. */
static inline void counter_raise(struct shm_u64 *peak, uint64_t value)
{
	uint64_t seen = shm_load_relaxed(peak);

	while (__builtin_expect(seen < value, 0) && !shm_cas_relaxed(peak, &seen, value))
		;
}

#endif
