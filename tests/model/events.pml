/* SPDX-License-Identifier: MIT */
/*
 * The ring of events: lib/core/events.h and events.c.
 *
 * Writers draw a number and write their record word by word, the word that completes it last. Any of them may die after
 * any step, or stand still there while others lap the ring and then go on. Readers read meanwhile, each with a cursor
 * of its own. When all writers have ended or died, one more fills the whole ring, undisturbed, and everybody reads on
 * to the end.
 *
 *     no word goes back to an older record            each compare-and-swap replaces what is older
 *     who completes a record has all its words there  or newer ones
 *     a reader is never given parts of two records
 *     each number is delivered once or counted as lost, in order
 *     no place of the ring is unusable for ever       the last writer completes every record
 *     what is complete is delivered in the end        also behind a record whose writer died
 *
 * From the code to the model, every access of shared memory one step:
 *
 *     events_write()     Writer: NUMBER, then event_set_word() for each word
 *     event_set_word()   LOOK at the word (E1), the head, the compare-and-swap (E1) (E2)
 *     event_copy()       Reader: the first word (E2), the others (E1), the head where a word is not the record's
 *     events_read()      Reader: from the cursor to the head; time may have passed or not
 *
 * A word is the number of the record that it belongs to; in the code it is that record's lap, in 16 bits, and 48 bits
 * of data. Two words are the same to a compare-and-swap, and to a reader, when their laps are: the data may be. LAPS is
 * how many laps are told apart; 65,536 in the code.
 *
 * With WEAK every load of the head and of words may return what was there earlier, down to what the reader of it must
 * know: what it saw itself, and what somebody did before the release of a word that it acquired. Left out: what stands
 * in a record, the bound on tries, and damage.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef EVENTS
#define EVENTS 2 /* of each writer; it may write fewer */
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef LOOKS
#define LOOKS 2 /* of a reader beside the writers; it reads to the end when they are gone */
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#ifndef WORDS
#define WORDS 3 /* of a record at most; 2 at least */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef LASTS
#define LASTS CAPACITY /* what the writer writes that comes when all others are gone */
#endif
#ifndef LAPS
#define LAPS 255
#endif

#define NUMBERS (WRITERS * EVENTS + LASTS)
#define LAST (WRITERS + 1) /* the number of that writer */
#define LAP(n) ((((n) + CAPACITY - 1) / CAPACITY) % LAPS) /* from 1; 0 nobody */
#define WORD(n, i) ((((n)-1) % CAPACITY) * WORDS + (i))

/* Shared memory. */
byte head;
byte word[CAPACITY * WORDS];
#ifdef WEAK
short past[CAPACITY * WORDS]; /* which numbers were in a word: bit 0 nobody */
#endif

/* What is known of it from outside. */
byte words[NUMBERS + 1]; /* how many a record has */
bit completed[NUMBERS + 1];
byte deaths, ended;
bit at_rest;

/* h becomes what a load of the head may return to who knows that it is at least `least`. */
inline load_head(h)
{
#ifdef WEAK
	h = (is_late -> head : least);
	do
	:: h < head -> h++
	:: true -> break
	od;
#else
	h = head;
#endif
	least = 0
}

/* v becomes what a load of word w may return to who knows that number `least` was in it, or a newer one. */
inline load_word(v, w)
{
#ifdef WEAK
	v = (is_late -> word[w] : least);
	do
	:: v < word[w] -> v++
	:: v >= word[w] || past[w] & (1 << v) -> break
	od;
#else
	v = word[w];
#endif
	least = 0
}

/* What the acquire of a word tells of the head: its writer had drawn its number. */
inline know(v, known)
{
#ifdef RELAXED_WORD
	least = known
#else
	least = (v > known -> v : known)
#endif
}

#define MAY_DIE deaths < DEATHS && me != LAST

/* Word i of record s; sets lapped where it is too late. */
inline set_word()
{
	do
	:: atomic { MAY_DIE -> deaths++; printf("writer %d dies\n", me); goto gone }
	:: true ->
#ifdef HEAD_BEFORE_WORD
		atomic { least = s; load_head(h) };
		atomic { load_word(seen, WORD(s, i)) };
#else
		atomic { load_word(seen, WORD(s, i)) };  /* (E1) */
		atomic { know(seen, s); load_head(h) };
#endif
		atomic {
			if
#ifdef COMPARE_LAPS
			:: (LAP(seen) + LAPS - LAP(s)) % LAPS > 0 && (LAP(seen) + LAPS - LAP(s)) % LAPS < LAPS / 2 ->
#elif defined(NO_HEAD_CHECK)
			:: false ->
#elif defined(NO_TAKING_OVER)
			:: h >= s + CAPACITY || (i == 1 && LAP(seen) + 1 != LAP(s)) ->
#else
			:: h >= s + CAPACITY ->
#endif
				printf("writer %d is too late for word %d of %d\n", me, i, s);
				assert(head >= s + CAPACITY);
				lapped = true;
				h = 0;
				seen = 0;
				break
#ifdef PLAIN_STORE
			:: else ->
#else
			:: else -> h = 0
			fi
		};
		atomic {
			if
			:: LAP(word[WORD(s, i)]) == LAP(seen) -> /* (E1) (E2) */
#endif
				printf("writer %d: word %d of %d, over %d\n", me, i, s, word[WORD(s, i)]);
				assert(word[WORD(s, i)] < s);
				word[WORD(s, i)] = s;
#ifdef WEAK
				past[WORD(s, i)] = past[WORD(s, i)] | (1 << s);
#endif
				seen = 0;
				break
#ifndef PLAIN_STORE
			:: else -> seen = 0
#endif
			fi
		}
	od
}

/* All its words are there, or newer ones. */
inline check_completed()
{
	assert(word[WORD(s, 0)] >= s && word[WORD(s, 1)] >= s);
#if WORDS > 2
	assert(words[s] < 3 || word[WORD(s, 2)] >= s);
#endif
	completed[s] = true
}

proctype Writer(byte me)
{
	byte s, h, i, seen, least, done;
	bit lapped, is_late;

	(me != LAST || ended == WRITERS);
	do
	:: done < (me == LAST -> LASTS : EVENTS) ->
		atomic {
			head++; /* NUMBER */
			s = head;
			if
			:: words[s] = 2
#if WORDS > 2
			:: words[s] = 3
#endif
			fi;
			printf("writer %d draws %d, %d words\n", me, s, words[s]);
#ifdef COMPLETES_FIRST
			i = 0
		};
		do
		:: i < words[s] && !lapped -> set_word(); i++
#else
			i = words[s]
		};
		do
		:: i > 0 && !lapped -> i--; set_word()
#endif
		:: else -> break
		od;
		atomic {
			if
			:: !lapped -> check_completed()
			:: else
			fi;
			s = 0;
			i = 0;
			lapped = false;
			done++
		}
	:: atomic { me != LAST || done == LASTS -> break }
	od;
gone:	atomic {
		s = 0;
		h = 0;
		i = 0;
		seen = 0;
		done = 0;
		if
		:: me == LAST -> at_rest = true
		:: else -> ended++
		fi
	}
}

proctype Reader()
{
	byte last, lost, delivered, looks; /* `last` is the cursor */
	byte known, h, q, i, v, least;
	short given;
	bit is_torn, is_skipping, is_late, must_end;

	do
	:: looks < LOOKS || at_rest ->
		/* Whether what is there has been there for long. */
		atomic {
			if
			:: is_late = at_rest
			:: is_late = true
			fi;
			must_end = at_rest
		};
again:		atomic {
			least = known;
			load_head(h);
			known = h;
			q = (h > last + CAPACITY -> h - CAPACITY + 1 : last + 1);
			is_skipping = false
		};
		do
		:: q > h -> goto nothing
		:: q <= h ->
			do
			:: atomic {
#ifndef RELAXED_COMPLETION
				least = (i > 0 -> q : 0); /* (E2) */
#endif
				load_word(v, WORD(q, i)); /* (E1) */
				if
#ifdef FIRST_LAP_ONLY
				:: i == 0 && LAP(v) != LAP(q) -> break
#else
				:: LAP(v) != LAP(q) -> break
#endif
				:: else
				fi;
				is_torn = is_torn || v != q;
				v = 0;
				i++;
				if
				:: i == words[q] -> goto complete
				:: else
				fi
			   }
			od;
			/* Not there: is it too late for it, or is it under way? */
			atomic {
				know(v, known);
				i = 0;
				v = 0;
				is_torn = false;
				load_head(h);
				if
				:: h >= q + CAPACITY -> known = h; goto again
				:: else -> h = known
				fi;
#ifdef NO_SKIPPING
				goto nothing;
#endif
				is_skipping = true;
				q++
			}
		od;
complete:	atomic {
			if
			:: is_skipping && !is_late -> goto nothing
			:: else
			fi;
			printf("delivered: %d, lost before it: %d\n", q, q - last - 1);
			assert(!is_torn && q > last && !(given & (1 << q)));
			given = given | (1 << q);
			lost = lost + q - last - 1;
			delivered++;
			last = q;
			assert(delivered + lost == last);
			goto next
		};
nothing:	if
		:: must_end -> break
		:: else
		fi;
next:		atomic {
			looks = (looks < LOOKS -> looks + 1 : looks);
			h = 0;
			q = 0;
			i = 0;
			is_torn = false;
			is_skipping = false;
			is_late = false
		}
	od;
	/* What the last writer wrote was delivered, all of it. */
	atomic {
		assert(last == head);
		q = head - LASTS;
		do
		:: q < head -> q++; assert(completed[q] && given & (1 << q))
		:: else -> break
		od
	}
}

init {
	byte i;

	atomic {
#ifdef WEAK
		do
		:: i < CAPACITY * WORDS -> past[i] = 1; i++
		:: else -> break
		od;
		i = 0;
#endif
		do
		:: i < LAST -> i++; run Writer(i)
		:: else -> break
		od;
		i = 0;
		do
		:: i < READERS -> i++; run Reader()
		:: else -> break
		od;
		i = 0
	}
}
