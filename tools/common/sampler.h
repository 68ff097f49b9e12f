/* SPDX-License-Identifier: MIT */
/*
 * A segment that is looked at again and again: what it uses now, and how that changed.
 *
 * A sampler follows a name, not a segment: a host that is started again makes a new one, which is opened as soon as it
 * is there. What is remembered of a row goes by its component's name and place, so a component that was registered anew
 * starts anew here, too.
 */
#ifndef SAMPLER_H
#define SAMPLER_H

#include "row.h"
#include "selection.h"

#define TRACE_SHARES 64 /* how many looks back the trace of a row goes */

/* What is remembered of one resource of one component. */
struct trace {
	uint64_t name_hash; /* whose it is; 0: nobody's */
	uint64_t total, denied;
	uint64_t look;               /* the last look that saw it */
	uint8_t share[TRACE_SHARES]; /* of the limit, in 1/200; a ring, the newest at `look` */
	uint8_t shares;              /* how many of them are there */
	/* What a viewer told of the row already; its own, and zero for a new row. */
	uint8_t told_alarm;
	uint64_t told_denied, told_denied_ns, calm_ns;
};

/* A row, and how it changed since the look before. */
struct sample {
	struct row row;
	struct trace *trace;
	double denied_per_s, taken_per_s;
	double recent;   /* the most of its limit that was used at the last looks, in percent: of short windows, too */
	uint64_t denied; /* since the look before */
	bool is_new;     /* it was not there before */
};

struct sampler {
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment; /* NULL while there is none */
	int result;                   /* of opening it: 0, or why it is not there */
	struct overview overview, before;
	uint64_t look; /* how many looks there were at this segment */
	uint64_t now_ns, before_ns;
	struct sample *sample;
	size_t count;
	struct row_set set;  /* where the rows' names are */
	struct trace *trace; /* by component and resource */
	uint64_t device, inode;
	size_t room;
	uint32_t traced; /* components that `trace` has room for */
};

/* Begin to follow a name. */
void sampler_begin(struct sampler *sampler, const char *name);

/*
 * Look. Afterwards `sample` has all rows, `overview` the segment; without a segment there are none, and `result` says
 * why. Returns false where memory is short.
 */
bool sampler_look(struct sampler *sampler);

void sampler_end(struct sampler *sampler);

/*
 * How much of the limit was used up to now, 0 to 1, oldest first; of a rate with a window shorter than the time between
 * looks what was taken, else what is used. Returns how many there are, at most `most`.
 */
size_t trace_shares(const struct sampler *sampler, const struct trace *trace, float out[], size_t most);

#endif
