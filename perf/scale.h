/* SPDX-License-Identifier: MIT */
/*
 * The parts of bench_scale: each writes its lines once for all rounds.
 *
 * All functions return 0, or -1 with a message on stderr.
 */
#ifndef SCALE_H
#define SCALE_H

#include "harness.h"

#define SCALE_ROUNDS_MAX 101

enum scale_line {
	LINE_CREATE,
	LINE_SHARED_BYTES,
	LINE_REGISTER,
	LINE_FIRST_LOOKUP,
	LINE_COLD_LOOKUP,
	LINE_PRIVATE_BYTES,
	LINE_READ,
	LINE_TWO_READS,
	LINE_LOOKUP_HOT,
	LINE_LOOKUP_IN_ORDER,
	LINE_LOOKUP,
	LINE_LOOKUP_TWO,
	LINE_LOOKUP_MANY,
	LINE_CONSUME,
	LINE_STATUS,
	LINE_VERIFY,
	LINE_LOAD,
	LINE_PUBLISH_FIRST,
	LINE_PUBLISH,
	LINE_PUBLISH_NONE,
	LINE_RECLAIM,
	LINE_ATTACH,
	LINE_PUBLISH_256,
	LINE_PUBLISH_1024,
	LINE_PUBLISH_4096,
	LINE_HOUSEKEEP_256,
	LINE_HOUSEKEEP_1024,
	LINE_HOUSEKEEP_4096,
	LINE_GRACE_BUSY,
	SCALE_LINES
};

struct scale_settings {
	uint32_t components;
	unsigned rounds;
	const char *folder; /* of the segment; NULL for shared memory */
	bool hugepages;
};

/* A segment with very many components. */
int scale_components(struct bench_figure figures[SCALE_LINES], const struct scale_settings *settings);

/* A segment with very many threads. */
int scale_threads(struct bench_figure figures[SCALE_LINES], const struct scale_settings *settings);

/* What happened once. */
static inline struct bench_figure scale_once(double value)
{
	return (struct bench_figure){value, value, value};
}

#endif
