/* SPDX-License-Identifier: MIT */
/*
 * How long single operations took: a histogram that knows each of them to 1.6 per cent, of as many as one likes.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_BUCKETS ((size_t)32 * 64)

struct latency {
	uint64_t count, longest_ns;
	uint64_t bucket[LATENCY_BUCKETS];
};

/* Add `count` samples. */
void latency_add(struct latency *latency, const uint32_t *ns, size_t count);

/* The time that at most `beyond` of the operations exceeded; 0 where there are not so many. */
uint64_t latency_beyond(const struct latency *latency, uint64_t beyond);

/* The time within which this part of the operations was done, such as 0.9999. */
uint64_t latency_quantile(const struct latency *latency, double part);

#endif
