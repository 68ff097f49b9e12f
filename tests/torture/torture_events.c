/* SPDX-License-Identifier: MIT */
/*
 * Torture of the ring of events: writers that do nothing but write, killed and stopped at random, and readers of a
 * read-only mapping that are killed as well.
 *
 * Every field of an event follows from who wrote it and which of his events it is, so parts of two are told apart, and
 * so are events that come twice or out of order. When all stand still, the last lap must be there but for one event per
 * writer that was killed, and the ring must take a whole lap more, whatever the dead left in it.
 *
 * TORTURE_EVENTS_FAULT seeds a fault that must be found: `store` writes words by plain stores without a look at the
 * head, `careless` reads them without a look at their laps.
 */
/* NOLINTBEGIN(bugprone-suspicious-include): the faults are made of its inner functions */
#include "core/events.c"
/* NOLINTEND(bugprone-suspicious-include) */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../support/clock.h"
#include "../support/prng.h"
#include "../support/process.h"
#include "torture.h"

#define READERS 2
#define CAPACITY_MAX 512
#define RING_BYTES (sizeof(struct shmq_shm_events) + CAPACITY_MAX * sizeof(struct shmq_shm_event))
#define PATIENCE_OVER (UINT64_C(1) << 62) /* a time so late that nothing is waited for */
#define FEW 2
#define MEASURED 100000
#define PAUSE_NS (MS / 5) /* in the middle of an event, with a fault */
#define LIFE_STEP 256     /* writers that start at once differ by their index, which is below it */
#define COMPLAINTS 10     /* that are printed */

static const uint32_t capacities[] = {FEW, 8, 64, CAPACITY_MAX};

struct arena {
	struct shmq_shm_events *ring;
	uint32_t capacity;
	uint64_t head_before; /* this round began */
	uint64_t kills_before;
	bool is_store, is_careless;
	struct counter begun, done; /* events of this round */
	struct counter lives;       /* writers that were ever started */
	struct counter delivered, overwritten;
	double write_ns, read_ns;
	uint64_t unfinished;
};

/* ---- Events that can be told from parts of two ---- */

#define TEXT "filesystem.write /srv/data/of/somebody/that/is/rather/deep/down/in/the/tree/and/so/on/and/on"
static const char name_bytes[] = "a name of up to forty bytes, as long as it";

/* Event `n` of the writer that was the `life`-th. */
static struct event_note note_of(uint64_t life, uint64_t n)
{
	uint64_t mixed = (life << 32 | n) * UINT64_C(0x9e3779b97f4a7c15);

	return (struct event_note){
	    .kind = 1 + (int)(mixed % (SHMQ_EVENT_KINDS - 1)),
	    .resource = (int)((mixed >> 8) % SHMQ_RESOURCES),
	    .component = (uint32_t)(mixed >> 3),
	    .refused_by = (uint32_t)(mixed >> 5),
	    .pid = (uint32_t)(mixed >> 7),
	    .place = (uint32_t)(mixed >> 11),
	    .used = life,
	    .requested = n,
	    .limit = mixed >> 20,
	    .period_ns = mixed,
	    .suppressed = mixed >> 24,
	    .policy_generation = mixed >> 17,
	    .name = name_bytes,
	    .text = TEXT,
	    .name_length = mixed >> 40 & 31,
	    .text_length = n % 4 == 0 ? (mixed >> 50) % sizeof(TEXT) : 0,
	};
}

static bool is_whole(const struct shmq_event *event)
{
	struct event_note note = note_of(event->used, event->requested);

	return event->kind == note.kind && event->resource == note.resource && event->component == note.component &&
	       event->refused_by == note.refused_by && event->pid == note.pid && event->place == note.place &&
	       event->limit == note.limit && event->period_ns == note.period_ns &&
	       event->suppressed == note.suppressed && event->policy_generation == note.policy_generation &&
	       strlen(event->component_name) == note.name_length && strlen(event->text) == note.text_length &&
	       memcmp(event->component_name, note.name, note.name_length) == 0 &&
	       memcmp(event->text, note.text, note.text_length) == 0;
}

/* ---- Faults ---- */

static bool write_by_stores(struct shmq_shm_events *ring, uint32_t capacity, const struct event_note *note)
{
	uint64_t data[EVENT_WORDS];
	struct event_position position = event_position(ring, capacity, shm_add_seq_cst(&ring->head, 1) + 1);
	size_t count = event_pack(data, note, clock_read_ns(CLOCK_REALTIME));

	while (count-- > 0) {
		shm_store_release(&ring->record[position.place].word[count], position.lap | data[count]);
		if (count == EVENT_STRINGS && note->used % LIFE_STEP == 0) /* the first writer: others lap him */
			clock_sleep_ns(PAUSE_NS);
	}
	return true;
}

/* The oldest, which is the next one to be overwritten. */
static bool read_carelessly(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t *cursor,
                            struct shmq_event *out)
{
	uint64_t head = shm_load_relaxed(&ring->head), data[EVENT_WORDS];
	uint64_t oldest = head - *cursor < capacity ? *cursor + 1 : head - capacity + 1;
	struct event_position position = event_position(ring, capacity, oldest);
	const struct shmq_shm_event *record = &ring->record[position.place];

	if (oldest > head || (shm_load_acquire(&record->word[0]) & ~EVENT_DATA_MASK) != position.lap)
		return false;
	if (oldest % 4 == 0)
		clock_sleep_ns(PAUSE_NS);
	for (size_t i = 0; i < EVENT_WORDS; i++)
		data[i] = shm_load_acquire(&record->word[i]) & EVENT_DATA_MASK;
	if (event_word_count(data) == 0)
		return false;
	event_unpack(out, data, oldest, oldest - *cursor - 1);
	*cursor = oldest;
	return true;
}

/* ---- Writers and readers ---- */

static int work(struct torture *torture, unsigned index)
{
	struct arena *arena = torture->context;
	bool (*write)(struct shmq_shm_events *, uint32_t, const struct event_note *) =
	    arena->is_store ? write_by_stores : events_write;
	uint64_t life;

	counter_add(&arena->lives, 1);
	life = counter_get(&arena->lives) * LIFE_STEP + index;
	for (uint64_t n = 0; !torture_stops(torture); n++) {
		struct event_note note = note_of(life, n);

		counter_add(&arena->begun, 1);
		if (!write(arena->ring, arena->capacity, &note))
			counter_add(&arena->overwritten, 1);
		counter_add(&arena->done, 1);
		counter_add(torture->operations, 1);
	}
	return 0;
}

/* What a reader knows of the writer whose event it read last, to see that his events come once and in order. */
struct order {
	uint64_t life, next;
};

static bool read_one(struct arena *arena, uint64_t *cursor, uint64_t now_ns, struct shmq_event *event)
{
	event->size = sizeof(*event);
	return arena->is_careless ? read_carelessly(arena->ring, arena->capacity, cursor, event)
	                          : events_read(arena->ring, arena->capacity, cursor, now_ns, event);
}

static void judge(struct torture *torture, struct order orders[static TORTURE_WORKERS_MAX], uint64_t before,
                  const struct shmq_event *event)
{
	struct arena *arena = torture->context;
	struct order *order = &orders[event->used % TORTURE_WORKERS_MAX];

	if (!is_whole(event)) {
		if (counter_get(&torture->findings->mixed) < COMPLAINTS)
			torture_complain(&torture->findings->mixed, 1, "event with parts of another", event->sequence,
			                 0, 0);
		else
			counter_add(&torture->findings->mixed, 1);
		return;
	}
	if (event->sequence != before + event->lost + 1)
		torture_complain(&torture->findings->lost, 1, "events lost by the count", event->lost,
		                 event->sequence - before - 1, event->sequence - before - 1);
	if (order->life == event->used && event->requested < order->next)
		torture_complain(&torture->findings->wrong, 1, "event that came before", event->requested, order->next,
		                 UINT64_MAX);
	*order = (struct order){event->used, event->requested + 1};
	counter_add(&arena->delivered, 1);
}

static int control(struct torture *torture, unsigned index)
{
	struct arena *arena = torture->context;
	struct prng prng = prng_seed(torture->seed + torture->round, index);
	struct order orders[TORTURE_WORKERS_MAX] = {{0}};
	uint64_t cursor = prng_below(&prng, 2) * events_newest(arena->ring);

	/* A process's own view: nobody else's mapping changes. */
	CHILD_CHECK(torture->as_threads || mprotect(arena->ring, RING_BYTES, PROT_READ) == 0);
	while (!torture_stops(torture)) {
		uint64_t before = cursor;
		struct shmq_event event;

		if (read_one(arena, &cursor, clock_read_ns(CLOCK_REALTIME), &event))
			judge(torture, orders, before, &event);
		else
			CHILD_CHECK(cursor == before);
		if (prng_below(&prng, 10000) == 0)
			clock_sleep_ns(prng_below(&prng, MS)); /* is lapped */
	}
	return 0;
}

/* ---- Rounds ---- */

/* What this machine does undisturbed, for the summary. */
static void measure(struct arena *arena)
{
	struct event_note note = note_of(1, 1);
	uint64_t begin = clock_now_ns(), cursor = 0;
	struct shmq_event event;

	for (int i = 0; i < MEASURED; i++)
		events_write(arena->ring, CAPACITY_MAX, &note);
	arena->write_ns = (double)(clock_now_ns() - begin) / MEASURED;
	begin = clock_now_ns();
	for (int i = 0; i < MEASURED; i++) {
		cursor = i % CAPACITY_MAX == 0 ? 0 : cursor;
		event.size = sizeof(event);
		events_read(arena->ring, CAPACITY_MAX, &cursor, PATIENCE_OVER, &event);
	}
	arena->read_ns = (double)(clock_now_ns() - begin) / MEASURED;
}

static int begin(struct torture *torture)
{
	struct arena *arena = shared_alloc(sizeof(*arena));
	const char *fault = getenv("TORTURE_EVENTS_FAULT"); /* NOLINT(concurrency-mt-unsafe) */

	torture->context = arena;
	arena->ring = shared_alloc(RING_BYTES);
	arena->is_store = fault != NULL && strcmp(fault, "store") == 0;
	arena->is_careless = fault != NULL && strcmp(fault, "careless") == 0;
	measure(arena);
	return 0;
}

static void round_begins(struct torture *torture)
{
	struct arena *arena = torture->context;
	uint64_t round = torture->round;

	arena->capacity = capacities[round % (sizeof(capacities) / sizeof(*capacities))];
	memset(arena->ring, 0, RING_BYTES);
	/* Laps have 16 bits; in every other round they come to their end and begin again. */
	shm_store_relaxed(&arena->ring->head, round / 4 % 2 * (UINT64_C(65530) * arena->capacity));
	arena->head_before = events_newest(arena->ring);
	arena->kills_before = torture->kills;
	counter_set(&arena->begun, 0);
	counter_set(&arena->done, 0);
}

/* Read from `cursor` to the end. Returns how many events were delivered. */
static uint64_t read_rest(struct torture *torture, uint64_t cursor)
{
	struct arena *arena = torture->context;
	struct order orders[TORTURE_WORKERS_MAX] = {{0}};
	uint64_t delivered = 0, before = cursor;
	struct shmq_event event = {.size = sizeof(event)};

	while (events_read(arena->ring, arena->capacity, &cursor, PATIENCE_OVER, &event)) {
		judge(torture, orders, before, &event);
		before = cursor;
		delivered++;
	}
	return delivered;
}

static void round_ends(struct torture *torture)
{
	struct arena *arena = torture->context;
	uint64_t head = events_newest(arena->ring), kills = torture->kills - arena->kills_before;
	uint64_t drawn = head - arena->head_before;
	uint64_t kept = drawn < arena->capacity ? drawn : arena->capacity;
	uint64_t delivered = read_rest(torture, arena->head_before);

	torture_expect(torture, "numbers drawn", drawn, counter_get(&arena->done), counter_get(&arena->begun));
	torture_expect(torture, "events of the last lap", delivered, kept > kills ? kept - kills : 0, kept);
	arena->unfinished += kept - delivered;
	for (uint64_t n = 0; n < arena->capacity; n++) {
		struct event_note note = note_of(0, n);

		events_write(arena->ring, arena->capacity, &note);
	}
	torture_expect(torture, "events of one lap more", read_rest(torture, head), arena->capacity, arena->capacity);
}

static void summary(struct torture *torture)
{
	struct arena *arena = torture->context;

	printf("%.1f M delivered, %" PRIu64 " writers too late, %" PRIu64
	       " unfinished, %.0f ns to write, %.0f ns to read",
	       (double)counter_get(&arena->delivered) / 1e6, counter_get(&arena->overwritten), arena->unfinished,
	       arena->write_ns, arena->read_ns);
}

static void end(struct torture *torture)
{
	struct arena *arena = torture->context;

	shared_free(arena->ring, RING_BYTES);
	shared_free(arena, sizeof(*arena));
}

int main(int argc, char **argv)
{
	static const struct torture_plan plan = {
	    .name = "torture_events",
	    .controllers = READERS,
	    .options = SHMQ_OPTIONS_DEFAULT,
	    .begin = begin,
	    .round_begins = round_begins,
	    .work = work,
	    .control = control,
	    .round_ends = round_ends,
	    .summary = summary,
	    .end = end,
	};

	return torture_main(argc, argv, &plan);
}
