/* SPDX-License-Identifier: MIT */
/*
 * A ring of events for the unit tests, and events that can be told from parts of two. The module is compiled into the
 * program once more with a hook before each atomic access; see interleave.h.
 */
#ifndef TESTS_UNIT_EVENT_RING_H
#define TESTS_UNIT_EVENT_RING_H

#include "interleave.h"

/* NOLINTBEGIN(bugprone-suspicious-include): the module itself, with hooks */
#include "core/events.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include "../support/fixture.h"

#define CAPACITY_MAX 512
#define NAMES 5
#define LATER (EVENT_PATIENCE_NS * 2)
#define RING_BYTES (sizeof(struct shmq_shm_events) + CAPACITY_MAX * sizeof(struct shmq_shm_event))

static _Alignas(4096) unsigned char bytes[(RING_BYTES + 4095) / 4096 * 4096];
static struct shmq_shm_events *const ring = (struct shmq_shm_events *)(void *)bytes;
static uint32_t capacity;
static uint64_t serial; /* of the next event that is written */

static const char *const names[NAMES] = {"", "a", "tenant", "käfig/ä€😀", "exactly twelve."};

static inline void begin_anew(uint32_t records)
{
	memset(bytes, 0, sizeof(bytes));
	capacity = records;
	serial = 0;
}

/* An event whose every field, and whose length, follows from its serial number. */
static inline struct event_note note_of(uint64_t n)
{
	static const char text[] =
	    "filesystem.write /srv/data/of/somebody/that/is/rather/deep/down/in/the/tree/and/so/on";
	const char *name = names[n % NAMES];

	return (struct event_note){
	    .kind = 1 + (int)(n % (SHMQ_EVENT_KINDS - 1)),
	    .resource = (int)(n % (SHMQ_RESOURCES + 1)) - 1,
	    .component = (uint32_t)(n * 3),
	    .refused_by = (uint32_t)(n * 5),
	    .pid = (uint32_t)(n * 7),
	    .place = (uint32_t)(n * 11),
	    .used = n,
	    .requested = n + 1,
	    .limit = n + 2,
	    .period_ns = n + 3,
	    .suppressed = n + 4,
	    .policy_generation = n + 5,
	    .name = name,
	    .text = text,
	    .name_length = strlen(name),
	    .text_length = n % 3 == 0 ? 0 : n * 13 % sizeof(text),
	};
}

static inline bool write_next(void)
{
	struct event_note note = note_of(serial++);

	return events_write(ring, capacity, &note);
}

static inline void write_some(uint64_t count)
{
	while (count-- > 0)
		write_next();
}

static inline uint64_t now(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

/* What an event says must be what one writer wrote. Returns that writer's serial number. */
static inline uint64_t expect_whole(const struct shmq_event *event)
{
	struct event_note note = note_of(event->used);
	bool is_whole = event->kind == note.kind && event->resource == note.resource &&
	                event->component == note.component && event->refused_by == note.refused_by &&
	                event->pid == note.pid && event->place == note.place && event->requested == note.requested &&
	                event->limit == note.limit && event->period_ns == note.period_ns &&
	                event->suppressed == note.suppressed && event->policy_generation == note.policy_generation &&
	                strcmp(event->component_name, note.name) == 0 && strlen(event->text) == note.text_length &&
	                memcmp(event->text, note.text, note.text_length) == 0;

	cr_assert(is_whole, "event %" PRIu64 " has parts of another than %" PRIu64, event->sequence, event->used);
	return event->used;
}

/* Read an event; the cursor must move past exactly what is told of. */
static inline bool read_at(uint64_t *cursor, uint64_t when, struct shmq_event *event)
{
	uint64_t before = *cursor;

	event->size = sizeof(*event);
	if (!events_read(ring, capacity, cursor, when, event)) {
		expect_figure(*cursor, before);
		return false;
	}
	expect_figure(*cursor, event->sequence);
	expect_figure(event->sequence, before + event->lost + 1);
	expect_figure(event->size, sizeof(*event));
	expect_whole(event);
	return true;
}

/* Read all that is there after all patience. Returns how many were delivered. */
static inline uint64_t read_rest(uint64_t *cursor)
{
	struct shmq_event event;
	uint64_t delivered = 0;

	while (read_at(cursor, now() + LATER, &event))
		delivered++;
	return delivered;
}

#endif
