/* SPDX-License-Identifier: MIT */
/*
 * Buckets are 1 ns wide up to 127 ns, and from there on a 64th of the power of two below them.
 */
#include "latency.h"

#define STEPS ((size_t)64) /* of a power of two */

static size_t bucket_of(uint32_t ns)
{
	size_t shift = ns < 2 * STEPS ? 0 : 25 - (size_t)__builtin_clz(ns);

	return shift * STEPS + (ns >> shift);
}

/* The largest that belongs there. */
static uint64_t bucket_end(size_t bucket)
{
	size_t shift = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return (((uint64_t)(bucket - shift * STEPS) + 1) << shift) - 1;
}

void latency_add(struct latency *latency, const uint32_t *ns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		latency->bucket[bucket_of(ns[i])]++;
		if (ns[i] > latency->longest_ns)
			latency->longest_ns = ns[i];
	}
	latency->count += count;
}

uint64_t latency_beyond(const struct latency *latency, uint64_t beyond)
{
	uint64_t seen = 0;

	if (beyond >= latency->count)
		return 0;
	for (size_t bucket = LATENCY_BUCKETS; bucket > 0; bucket--) {
		seen += latency->bucket[bucket - 1];
		if (seen > beyond)
			return bucket_end(bucket - 1) < latency->longest_ns ? bucket_end(bucket - 1)
			                                                    : latency->longest_ns;
	}
	return 0;
}

uint64_t latency_quantile(const struct latency *latency, double part)
{
	return latency_beyond(latency, (uint64_t)((double)latency->count * (1 - part)));
}
