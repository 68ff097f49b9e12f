/* SPDX-License-Identifier: MIT */
/*
 * Writing events and reading them; what a record's words hold. The known rings do not fit: in LMAX's Disruptor a
 * publisher that stands still holds up all readers behind it, in Linux's printk ring new records are dropped while the
 * oldest is still being written, and a state word with a checksum would let a late writer scribble over a newer record
 * and find that out by chance only. So every word is swapped in, and carries its lap, like tags against ABA:
 *
 *     v = word; is the ring lapped? then give up; CAS(word, v -> {lap, data}), again if it fails
 *
 * v is of an older record: who overwrote the place with a newer one drew its number before, and by (E1) whoever sees
 * that word sees that number. The swap replaces v itself, for laps do not come again within 65,536. So words only go
 * forward, and what a reader finds with the lap it looks for is of that record. The first word comes last: (E2).
 *
 * Where it ends: a writer would have to stand still between its look and its swap for exactly a multiple of 65,536
 * laps, 33 million events with 512 records, while that word came to hold the same data; it then damages that word.
 */
#include "core/events.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

/*
 * What the words of a record hold, 48 bits each. Amounts are below 2^48, the largest stands for no limit; what has more
 * bits leaves its upper ones in EVENT_HIGH. Names and texts follow each other in six bytes a word.
 */
enum {
	EVENT_KIND,   /* [text length:8 | name length:8 | resource + 1:8 | kind:8] */
	EVENT_TIME,   /* the lower bits */
	EVENT_PERIOD, /* the lower bits */
	EVENT_HIGH,   /* [upper bits of the period:16 | of the time:16] */
	EVENT_USED,
	EVENT_REQUESTED,
	EVENT_LIMIT,
	EVENT_SUPPRESSED,
	EVENT_GENERATION,
	EVENT_COMPONENT, /* [lower half of the pid:16 | component:32] */
	EVENT_REFUSER,   /* [upper half of the pid:16 | refused by:32] */
	EVENT_PLACE,     /* [place:32] */
	EVENT_STRINGS
};
enum { EVENT_WORD_BYTES = EVENT_DATA_BITS / 8, EVENT_STRING_BYTES = (EVENT_WORDS - EVENT_STRINGS) * EVENT_WORD_BYTES };

/* So far behind the number it wants a reader looks for events that are there: each thread has one under way at most. */
#define EVENT_LOOKAHEAD SHMQ_THREADS_MAX

static_assert(EVENT_STRING_BYTES >= SHMQ_NAME_MAX + 128, "a text of 128 bytes fits beside the longest name");

static const char *const event_kind_names[SHMQ_EVENT_KINDS] = {
    [SHMQ_EVENT_QUOTA_VIOLATION] = "quota_violation",
    [SHMQ_EVENT_WOULD_DENY] = "would_deny",
    [SHMQ_EVENT_CAPABILITY_VIOLATION] = "capability_violation",
    [SHMQ_EVENT_WARNING] = "warning",
    [SHMQ_EVENT_WARNING_CLEARED] = "warning_cleared",
    [SHMQ_EVENT_CRITICAL] = "critical",
    [SHMQ_EVENT_CRITICAL_CLEARED] = "critical_cleared",
    [SHMQ_EVENT_POLICY_PUBLISHED] = "policy_published",
    [SHMQ_EVENT_COMPONENT_REGISTERED] = "component_registered",
    [SHMQ_EVENT_COMPONENT_UNREGISTERED] = "component_unregistered",
    [SHMQ_EVENT_COMPONENT_CHANGED] = "component_changed",
    [SHMQ_EVENT_RESET] = "reset",
    [SHMQ_EVENT_WORKER_RECOVERED] = "worker_recovered",
    [SHMQ_EVENT_NOTE] = "note",
};

const char *events_kind_name(int kind)
{
	return kind > 0 && kind < SHMQ_EVENT_KINDS ? event_kind_names[kind] : NULL;
}

/* ---- Records and words ------------------------------------------------------------------------------------------- */

/* Where a number's record stands, and what its words carry. */
struct event_position {
	const struct shmq_shm_events *ring;
	uint32_t capacity;
	uint64_t sequence, place, lap;
};

static struct event_position event_position(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t sequence)
{
	uint64_t lap = (sequence - 1) / capacity;

	/* Of the lap, counted from 1, the upper bits fall off. */
	return (struct event_position){ring, capacity, sequence, sequence - 1 - lap * capacity,
	                               (lap + 1) << EVENT_DATA_BITS};
}

/* Tell whether the place belongs to a newer number by now. */
static bool event_is_lapped(const struct event_position *position)
{
	/* relaxed: (E1) acquired the head as the writer of a word knew it */
	return shm_load_relaxed(&position->ring->head) - position->sequence >= position->capacity;
}

static uint64_t event_amount(uint64_t amount)
{
	return amount < EVENT_DATA_MASK ? amount : EVENT_DATA_MASK;
}

/* Put the strings into words. Returns how many words the record has. */
static size_t event_pack_strings(uint64_t data[EVENT_WORDS], const char *bytes, size_t length)
{
	size_t count = EVENT_STRINGS;

	for (size_t at = 0; at < length; count++) {
		data[count] = 0;
		for (unsigned shift = 0; shift < EVENT_DATA_BITS && at < length; shift += 8, at++)
			data[count] |= (uint64_t)(unsigned char)bytes[at] << shift;
	}
	return count;
}

static size_t event_pack(uint64_t data[EVENT_WORDS], const struct event_note *note, uint64_t time_unix_ns)
{
	char bytes[EVENT_STRING_BYTES];
	size_t name_length = text_cut(note->name, note->name_length, SHMQ_NAME_MAX);
	size_t room = sizeof(bytes) - name_length;
	size_t text_length =
	    text_cut(note->text, note->text_length, room < SHMQ_EVENT_TEXT_MAX ? room : SHMQ_EVENT_TEXT_MAX);
	uint64_t resource = (uint64_t)(note->resource + 1) & 0xff, kind = (uint64_t)note->kind & 0xff;

	data[EVENT_KIND] = (uint64_t)text_length << 24 | (uint64_t)name_length << 16 | resource << 8 | kind;
	data[EVENT_TIME] = time_unix_ns & EVENT_DATA_MASK;
	data[EVENT_PERIOD] = note->period_ns & EVENT_DATA_MASK;
	data[EVENT_HIGH] = note->period_ns >> EVENT_DATA_BITS << 16 | time_unix_ns >> EVENT_DATA_BITS;
	data[EVENT_USED] = event_amount(note->used);
	data[EVENT_REQUESTED] = event_amount(note->requested);
	data[EVENT_LIMIT] = event_amount(note->limit);
	data[EVENT_SUPPRESSED] = event_amount(note->suppressed);
	data[EVENT_GENERATION] = event_amount(note->policy_generation);
	data[EVENT_COMPONENT] = (uint64_t)(note->pid & 0xffff) << 32 | note->component;
	data[EVENT_REFUSER] = (uint64_t)(note->pid >> 16) << 32 | note->refused_by;
	data[EVENT_PLACE] = note->place;
	if (name_length > 0)
		memcpy(bytes, note->name, name_length);
	if (text_length > 0)
		memcpy(bytes + name_length, note->text, text_length);
	return event_pack_strings(data, bytes, name_length + text_length);
}

static size_t event_name_length(const uint64_t data[EVENT_WORDS])
{
	return data[EVENT_KIND] >> 16 & 0xff;
}

static size_t event_text_length(const uint64_t data[EVENT_WORDS])
{
	return data[EVENT_KIND] >> 24 & 0xff;
}

/* How many words belong to a record, by its first one; 0 where no record begins like that. */
static size_t event_word_count(const uint64_t data[EVENT_WORDS])
{
	size_t name_length = event_name_length(data), length = name_length + event_text_length(data);

	if (name_length > SHMQ_NAME_MAX || event_text_length(data) > SHMQ_EVENT_TEXT_MAX ||
	    length > EVENT_STRING_BYTES || (data[EVENT_KIND] & 0xff) == 0)
		return 0;
	return EVENT_STRINGS + (length + EVENT_WORD_BYTES - 1) / EVENT_WORD_BYTES;
}

static void event_unpack_string(char *out, const uint64_t data[EVENT_WORDS], size_t at, size_t length)
{
	for (size_t i = 0; i < length; i++, at++)
		out[i] = (char)(data[EVENT_STRINGS + at / EVENT_WORD_BYTES] >> at % EVENT_WORD_BYTES * 8);
	out[length] = '\0';
	text_make_plain(out, length);
}

static void event_unpack(struct shmq_event *out, const uint64_t data[EVENT_WORDS], uint64_t sequence, uint64_t lost)
{
	int resource = (int)(data[EVENT_KIND] >> 8 & 0xff) - 1;
	uint64_t limit = data[EVENT_LIMIT];

	*out = (struct shmq_event){
	    .size = out->size,
	    .sequence = sequence,
	    .lost = lost,
	    .time_unix_ns = (data[EVENT_HIGH] & 0xffff) << EVENT_DATA_BITS | data[EVENT_TIME],
	    .kind = (int)(data[EVENT_KIND] & 0xff),
	    .resource = resource < SHMQ_RESOURCES ? resource : SHMQ_NONE,
	    .component = (uint32_t)data[EVENT_COMPONENT],
	    .refused_by = (uint32_t)data[EVENT_REFUSER],
	    .used = data[EVENT_USED],
	    .requested = data[EVENT_REQUESTED],
	    .limit = limit < EVENT_DATA_MASK ? limit : SHMQ_UNLIMITED,
	    .period_ns = data[EVENT_HIGH] >> 16 << EVENT_DATA_BITS | data[EVENT_PERIOD],
	    .suppressed = data[EVENT_SUPPRESSED],
	    .policy_generation = data[EVENT_GENERATION],
	    .pid = (uint32_t)(data[EVENT_REFUSER] >> 32 << 16 | data[EVENT_COMPONENT] >> 32),
	    .place = (uint32_t)data[EVENT_PLACE],
	};
	event_unpack_string(out->component_name, data, 0, event_name_length(data));
	event_unpack_string(out->text, data, event_name_length(data), event_text_length(data));
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* Returns false where the writer is too late. Retried only where somebody older was late, too. */
static bool event_set_word(struct shm_u64 *word, const struct event_position *position, uint64_t data)
{
	/*
	 * (E1) acquire: a word before the head; the failed swap below is one, too.
	 * Pairs with the release of the swap: who finds a newer record's word finds its number drawn, and gives up.
	 * Without it a late writer could take it for an older one's, and destroy it.
	 */
	uint64_t seen = shm_load_acquire(word);

	for (int tries = 0; tries < EVENT_TRIES; tries++) {
		if (event_is_lapped(position))
			return false;
		/*
		 * (E2) release, of the first word, which comes last: the others are there.
		 * Pairs with event_copy(). Without it a reader might take a record that is there for one under way.
		 */
		if (shm_cas_acq_rel(word, &seen, position->lap | data)) /* (E1) release */
			return true;
	}
	return false;
}

bool events_write(struct shmq_shm_events *ring, uint32_t capacity, const struct event_note *note)
{
	uint64_t data[EVENT_WORDS];
	struct event_position position;
	size_t count;

	if (capacity == 0)
		return false;
	position = event_position(ring, capacity, shm_add_seq_cst(&ring->head, 1) + 1);
	/* After the number was drawn: a reader concludes from an event's time how long those before it are under way. */
	count = event_pack(data, note, clock_read_ns(CLOCK_REALTIME_COARSE));
	while (count > 0) {
		count--;
		if (!event_set_word(&ring->record[position.place].word[count], &position, data[count]))
			return false;
	}
	return true;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

enum event_look { EVENT_THERE, EVENT_UNDER_WAY, EVENT_OVERWRITTEN };

static enum event_look event_copy(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t sequence,
                                  uint64_t data[EVENT_WORDS])
{
	struct event_position position = event_position(ring, capacity, sequence);
	const struct shmq_shm_event *record = &ring->record[position.place];
	size_t count = 1;

	for (size_t i = 0; i < count; i++) {
		/* (E2) acquire: the first word before the others; (E1) acquire: each word before the head. */
		uint64_t word = shm_load_acquire(&record->word[i]);
		bool is_its_own = (word & ~EVENT_DATA_MASK) == position.lap;

		data[i] = word & EVENT_DATA_MASK;
		if (i == 0 && is_its_own)
			count = event_word_count(data);
		if (!is_its_own || count == 0)
			return event_is_lapped(&position) ? EVENT_OVERWRITTEN : EVENT_UNDER_WAY;
	}
	return EVENT_THERE;
}

/*
 * Find the first event from number `sequence` on that is there or was overwritten, one out of `left`, and set `*found`
 * to its number. EVENT_UNDER_WAY: there is none.
 */
static enum event_look events_find(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t sequence,
                                   uint64_t left, uint64_t data[EVENT_WORDS], uint64_t *found)
{
	for (uint64_t looks = 0; left > 0; looks++, left--, sequence++) {
		enum event_look look;

		if (looks == EVENT_LOOKAHEAD && left > EVENT_LOOKAHEAD) { /* damage: look at the newest ones instead */
			sequence += left - EVENT_LOOKAHEAD;
			left = EVENT_LOOKAHEAD;
		}
		look = event_copy(ring, capacity, sequence, data);
		*found = sequence;
		if (look != EVENT_UNDER_WAY)
			return look;
	}
	return EVENT_UNDER_WAY;
}

bool events_read(const struct shmq_shm_events *ring, uint32_t capacity, uint64_t *cursor, uint64_t now_unix_ns,
                 struct shmq_event *out)
{
	uint64_t data[EVENT_WORDS];

	for (int tries = 0; tries < EVENT_TRIES && capacity > 0; tries++) {
		uint64_t head = shm_load_relaxed(&ring->head); /* relaxed: only which numbers there are */
		uint64_t last = *cursor <= head ? *cursor : 0;
		uint64_t first = head - last > capacity ? head - capacity + 1 : last + 1;
		uint64_t found = 0;
		enum event_look look = events_find(ring, capacity, first, head - first + 1, data, &found);

		if (look == EVENT_OVERWRITTEN)
			continue; /* writers were quicker: they have drawn more numbers */
		if (look == EVENT_UNDER_WAY)
			return false;
		event_unpack(out, data, found, found - last - 1);
		/* Those before it may come yet. A clock that was set back counts as having waited. */
		if (found != first && now_unix_ns - out->time_unix_ns < EVENT_PATIENCE_NS)
			return false;
		*cursor = found;
		return true;
	}
	return false;
}

bool events_are_sound(const struct shmq_shm_events *ring, uint32_t capacity, uint32_t place)
{
	uint64_t head = shm_load_relaxed(&ring->head); /* relaxed: only which number is the newest there */
	uint64_t data[EVENT_WORDS];
	struct event_position position;

	if (head <= place)
		return true;
	position = event_position(ring, capacity, head - (head - 1 - place) % capacity);
	if ((shm_load_acquire(&ring->record[place].word[0]) & ~EVENT_DATA_MASK) != position.lap) /* (E2) */
		return true;
	return event_copy(ring, capacity, position.sequence, data) != EVENT_UNDER_WAY;
}

size_t events_describe(char out[SHMQ_EVENT_TEXT_MAX + 1], const char *permission, const char *target)
{
	const char *const parts[] = {permission, " ", target};
	size_t length = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		size_t part = strnlen(parts[i], SHMQ_EVENT_TEXT_MAX + 1);
		size_t fitting = text_cut(parts[i], part, SHMQ_EVENT_TEXT_MAX - length);

		memcpy(out + length, parts[i], fitting);
		length += fitting;
	}
	out[length] = '\0';
	return length;
}
