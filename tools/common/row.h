/* SPDX-License-Identifier: MIT */
/*
 * What the programs read of a segment: its overview, and one row for each resource of each component.
 *
 * A row is read at one moment and then kept, so what is filtered, sorted and shown of it belongs together, however busy
 * the segment is.
 */
#ifndef ROW_H
#define ROW_H

#include <stdbool.h>
#include <stdint.h>

#include <shmquota.h>

#include "segments.h"

/* How close to its limit a resource is. */
enum alarm { ALARM_NONE, ALARM_WARNING, ALARM_CRITICAL };
const char *alarm_name(enum alarm alarm); /* "ok", "warning", "critical" */

/* One resource of one component. */
struct row {
	const char *component; /* lives as long as what the row was read into */
	uint32_t id;
	int resource;
	enum alarm alarm;
	struct shmq_resource_status status;
	uint64_t period_ns;
	uint64_t rate;  /* what a rate's quota says per period: of a bucket something else than its capacity */
	uint64_t burst; /* capacity of a bucket; 0 where it is none */
	uint64_t lease; /* how much a thread may take ahead; 0 none */
	uint8_t algorithm, enforcement, warning, critical; /* percent, as they count */
	uint64_t now_ns;                                   /* CLOCK_MONOTONIC, when it was read */
};

/* The segment as a whole. */
struct overview {
	const char *name; /* as its user called it */
	struct shmq_info info;
	struct worker_count workers;
	uint64_t now_ns;
	char created[40];   /* RFC 3339, UTC */
	char signature[24]; /* of the layout, in hexadecimal */
};

/* Whether others count against the component. What a group refuses counts for the one who asked as well. */
bool row_is_group(const struct row *row);

/* The two clocks: of windows, and of calendars. */
uint64_t monotonic_ns(void);
uint64_t realtime_ns(void);

/* Read a segment's overview. `name` must outlive it. */
struct overview overview_read(struct shmq_segment *segment, const char *name);

/*
 * Read all rows of a component; figures and limits are of one policy. The rows point to the handle's name.
 * Returns false where the component is gone by now.
 */
bool rows_read(struct row out[SHMQ_RESOURCES], struct shmq_component *component);

/*
 * The next component of a segment by id, to be given back with shmq_component_put(); NULL at the end. Start with cursor
 * 0. `capacity` is that of the segment. Components that are unregistered meanwhile are left out.
 */
struct shmq_component *component_next(struct shmq_segment *segment, uint32_t capacity, uint32_t *cursor);

#endif
