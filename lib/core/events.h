/* SPDX-License-Identifier: MIT */
/*
 * The ring of events: who was refused what, and what was changed. Any thread writes to it without a lock or a system
 * call; anybody reads it, also from a read-only mapping, with a cursor of its own. The oldest are overwritten.
 *
 *     head       how many numbers were drawn; an event's number, from 1, is its place and its lap
 *     word[64]   [lap:16 | data:48], of each record: every word says by itself whose it is
 *
 * A writer draws a number and swaps its words in one by one, the first word last; where the ring was lapped meanwhile it
 * gives up. So a word never goes back to an older record, and a record all of whose words carry its lap is what one
 * writer wrote, whole. A writer that dies or stops half-way is in nobody's way: its words are swapped out like any other.
 * Each number is delivered once or counted as lost, to each reader. events.c says why it is done so, and proves it.
 *
 * What is here has no text but names, and waits for nobody. Whoever reads gets plain UTF-8, whatever lies in the ring.
 */
#ifndef SHMQ_CORE_EVENTS_H
#define SHMQ_CORE_EVENTS_H

#include "shm/layout.h"

/* ---- For the public header --------------------------------------------------------------------------------------- */

/* ---- What lies in the segment ------------------------------------------------------------------------------------ */

#define EVENT_WORDS 64
#define EVENT_DATA_BITS 48
#define EVENT_DATA_MASK ((UINT64_C(1) << EVENT_DATA_BITS) - 1)

/* One record; zero was never written. See events.c for what the words hold. */
struct shmq_shm_event {
	struct shm_u64 word[EVENT_WORDS]; /* [lap:16 | data:48] · W worker · R all · acq_rel; word 0 comes last */
};

struct shmq_shm_events {
	struct shm_u64 head; /* numbers drawn · W worker · R all · seq_cst add, relaxed load */
	uint64_t reserved[7];
	struct shmq_shm_event record[]; /* as many as the segment has room for */
};

static_assert(sizeof(struct shmq_shm_event) == 512, "event");
static_assert(sizeof(struct shmq_shm_events) == LAYOUT_LINE, "the head of the ring has a line of its own");

/* ---- Writing and reading ----------------------------------------------------------------------------------------- */

/* What a writer has to say. Names and texts need no NUL; what is too long is cut. */
struct event_note {
	int kind, resource;
	uint32_t component, refused_by, pid, place;
	uint64_t used, requested, limit, period_ns, suppressed, policy_generation;
	const char *name, *text;
	size_t name_length, text_length;
};

/* A reader passes over an event that was begun but is not there when a later one has been there for so long. */
#define EVENT_PATIENCE_NS UINT64_C(100000000)

/*
 * Write an event; the time of it is now. Callable from anywhere, also from signal handlers. `capacity` is the number of
 * records, from the process's own memory; 0 writes nothing.
 *
 * Returns  true   it is there
 *          false  it took so long that its place was used again; it counts as lost
 */
bool events_write(struct shmq_shm_events *ring, uint32_t capacity, const struct event_note *note);

/*
 * Read the event after number `*cursor`, 0 for the oldest there is, and let the cursor be its number. A cursor from
 * another segment begins anew. Sets all fields of `out` but its size. `now_unix_ns` is CLOCK_REALTIME.
 *
 * Returns  true   an event
 *          false  none that is there yet; the cursor is as it was
 */
bool events_read(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t *cursor, uint64_t now_unix_ns,
                 struct shmq_event *out);

/* The number of the newest event, there or under way: a cursor for who wants to know only what comes. */
static inline uint64_t events_newest(const struct shmq_shm_events *ring)
{
	return shm_load_relaxed(&ring->head); /* relaxed: only where to begin */
}

/*
 * Tell whether what lies at a place, 0 to `capacity` - 1, is sound: a record that says that it is there is whole. What
 * somebody writes at the moment may look otherwise, once. Nothing is to be repaired: the next lap replaces it.
 */
bool events_are_sound(const struct shmq_shm_events *ring, uint32_t capacity, uint32_t place);

/* Write "PERMISSION TARGET" to `out`, cut. Returns its length. */
size_t events_describe(char out[SHMQ_EVENT_TEXT_MAX + 1], const char *permission, const char *target);

/* "quota_violation" and so on; NULL for no kind. */
const char *events_kind_name(int kind);

/* ---- How often --------------------------------------------------------------------------------------------------- */

/* Who read the clock so much earlier than others have written is late; more than that is a damaged word. */
#define EVENT_LATE_S 3600

/* No loop over what others write is longer; real ones end after a few rounds. */
#define EVENT_TRIES 64

/* True where one was written in this very second: one load. Otherwise event_is_due() tells. */
static inline bool event_is_fresh(const struct shm_u64 *word, uint64_t now_s)
{
	uint64_t seen = shm_load_relaxed(word); /* relaxed: a hint */

	return seen != 0 && (uint32_t)(seen >> 32) == (uint32_t)now_s;
}

/*
 * Tell whether an event of a kind that comes often is to be written: one per second. `word` is what was written last,
 * [second:32 | count:32], 0 nothing; `count` is how many there were with this one, whether written or not. Who sets the
 * counter back sets the word to 0. Of all who ask in one second exactly one is told true, and how many there were that
 * nobody has told of before.
 *
 * Most of the time it is one load. Lock-free; a retry means that somebody else wrote one.
 */
static inline bool event_is_due(struct shm_u64 *word, uint64_t count, uint64_t now_s, uint64_t *suppressed)
{
	uint64_t seen = shm_load_relaxed(word); /* relaxed, as the swap below: nothing is ordered by it */

	for (int tries = 0; tries < EVENT_TRIES; tries++) {
		uint32_t before = (uint32_t)seen, now = (uint32_t)count;
		bool is_late; /* counted before, but asks after who told of it as suppressed */

		if (seen != 0 && (uint32_t)(seen >> 32) - (uint32_t)now_s <= EVENT_LATE_S)
			return false;
		is_late = seen != 0 && now - before - 1 >= UINT32_MAX / 2;
		*suppressed = is_late ? 0 : now - before - 1;
		if (shm_cas_relaxed(word, &seen, (uint64_t)(uint32_t)now_s << 32 | (is_late ? before : now)))
			return true;
	}
	return false;
}

#endif
