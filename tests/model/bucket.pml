/* SPDX-License-Identifier: MIT */
/*
 * Buckets: lib/core/bucket.h and bucket.c.
 *
 * Takers read the clock, stop anywhere, take, and may give back some of what they took at any later time; a controller
 * may reset. Nothing here has to be finished by anybody, so a taker that dies is one that takes no further step, and a
 * full search has seen all of those. Time is a small counter that moves on between any two steps. One unit of an
 * amount costs one tick, so amounts, costs and the burst are all ticks.
 *
 *     in every interval of readings, what was taken and not given back is at most its length and BURST
 *     a refusal was right when the word was loaded
 *
 * The first is checked over all intervals whenever something lands, by got[]: what is taken, by the tick of the reading
 * that it was judged by. What a reset wiped out does not count any more.
 *
 * From the code to the model, every access of shared memory and every look at the clock one step:
 *
 *     bucket_take()      CLOCK (the caller's), EPOCH (B2), LOAD (B1), the loop that takes, the fresh reading before a
 *                        refusal
 *     bucket_refund()    refund(): LOAD (B1), the check (B2), the clock, the CAS that sets the word back
 *     bucket_reset()     Resetter: LOAD, the epoch (B2), the CAS
 *
 * bucket_rescale() leaves something where a reset leaves nothing; its steps are the same. Sequentially consistent, see
 * window.pml. Left out: rates other than one, rounding, saturation, the wrapping of time, and bucket_charge(), which is
 * a take that is not judged. The count in the word wraps at COUNTS here, at 64 in the code.
 */
#ifndef TAKERS
#define TAKERS 2
#endif
#ifndef OPS
#define OPS 2 /* per taker */
#endif
#ifndef TICKS
#define TICKS 3 /* that the clock moves on */
#endif
#ifndef BURST
#define BURST 2
#endif
#ifndef AMOUNT
#define AMOUNT 2 /* the most that is taken at once */
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef COUNTS
#define COUNTS 8
#endif

#define LARGER(x, y) ((x) > (y) -> (x) : (y))

/* Shared memory. */
byte tat, count; /* one word */
byte epoch;

byte now;

/* What is known of it from outside. */
byte got[TICKS + 1];
bool is_in[TAKERS + 1]; /* what this taker may give back still counts */

#define SAME (tat == t && count == k)

inline check_intervals()
{
	x = 0;
	do
	:: x <= now ->
		y = x;
		sum = 0;
		do
		:: y <= now ->
			sum = sum + got[y];
			assert(sum <= y - x + BURST);
			y++
		:: else -> break
		od;
		x++
	:: else -> break
	od;
	x = 0;
	y = 0;
	sum = 0
}

/* Of c, taken at a in epoch e. */
inline refund()
{
	if
	:: true
#if AMOUNT > 1
	:: atomic { c > 1 -> c-- } /* some of it stays for good */
#endif
	fi;
#ifdef REFUND_CLOCK_EARLY
	u = now;
#endif
#ifdef REFUND_CHECK_EARLY
	atomic { if :: epoch != e -> goto next :: else fi };
#endif
	atomic { t = tat; k = count }; /* LOAD (B1) */
	do
	:: true ->
#if !defined(REFUND_NO_CHECK) && !defined(REFUND_CHECK_EARLY)
#ifdef REFUND_CHECK_ONCE
		atomic { if :: epoch != e && !is_again -> goto next :: else fi };
#else
		atomic { if :: epoch != e -> goto next :: else fi }; /* (B2) */
#endif
#endif
#ifdef REFUND_CLOCK_ONCE
		if
		:: !is_again -> u = now
		:: else
		fi;
#elif !defined(REFUND_CLOCK_EARLY)
		u = now;
#endif
		atomic {
#ifdef REFUND_ALL
			d = c;
#else
			if
			:: u - a >= c -> goto next /* drained by itself */
			:: else -> d = c - (u - a)
			fi;
#endif
		};
		atomic {
			if
#ifdef REFUND_PLAIN_STORE
			:: true ->
#else
			:: SAME -> /* (B1) */
#endif
				tat = (t > d -> t - d : 0);
#ifndef REFUND_NO_COUNT
				count = (k + 1) % COUNTS;
#endif
				got[a] = got[a] - (is_in[me] -> c : 0);
				is_in[me] = false;
				printf("taker %d gives back %d of tick %d, tat %d\n", me, c, a, tat);
#ifdef REFUND_TWICE
				if
				:: !is_again -> is_again = true
				:: else -> break
				fi
#else
				break
#endif
#ifndef REFUND_PLAIN_STORE
			:: else -> is_again = true
#endif
			fi;
			t = tat;
			k = count
		}
	od
}

proctype Taker(byte me)
{
	byte ops, c, a, e, t, k, u, d, x, y, sum;
	bool is_fresh, is_full, is_again;

	do
	:: ops == OPS -> break
	:: ops < OPS ->
		a = now; /* CLOCK, of the caller */
		if
		:: c = 1
#if AMOUNT > 1
		:: c = 2
#endif
		fi;
		e = epoch; /* EPOCH (B2) */
		atomic { t = tat; k = count; is_full = (LARGER(t, now) + c > now + BURST) }; /* LOAD (B1) */
		do
#ifdef TAKE_FRESH_CHECK
		:: LARGER(t, a) + c > now + BURST ->
#else
		:: LARGER(t, a) + c > a + BURST ->
#endif
#ifdef TAKE_NO_FRESH_CLOCK
			is_fresh = true;
#endif
			if
			:: is_fresh ->
				printf("taker %d is refused %d at %d\n", me, c, a);
				assert(is_full);
				goto next
			:: else -> atomic { a = now; is_fresh = true }
			fi
		:: else ->
			atomic {
				if
#ifdef TAKE_PLAIN_STORE
				:: true ->
#else
				:: SAME -> /* (B1) */
#endif
#ifdef TAKE_MAY_FALL
					tat = a + c;
#else
					tat = LARGER(t, a) + c;
#endif
					got[a] = got[a] + c;
					is_in[me] = true;
					printf("taker %d takes %d at %d, tat %d\n", me, c, a, tat);
					check_intervals();
					break
#ifndef TAKE_PLAIN_STORE
				:: else ->
					t = tat;
					k = count;
					is_fresh = false;
					is_full = (LARGER(t, now) + c > now + BURST)
#endif
				fi
			}
		od;
#ifdef TAKE_EPOCH_LATE
		e = epoch;
#endif
		/* Some of it may be given back, at most once, at any time later. */
		if
		:: true ->
			atomic { t = 0; k = 0; is_fresh = false; is_full = false };
			refund()
		:: true
		fi;
next:		atomic {
			ops++;
			is_in[me] = false;
			c = 0;
			a = 0;
			e = 0;
			t = 0;
			k = 0;
			u = 0;
			d = 0;
			is_fresh = false;
			is_full = false;
			is_again = false
		}
	od
}

proctype Resetter()
{
	byte resets, i, t, k;

	do
	:: resets < RESETS ->
#ifdef RESET_EPOCH_EARLY
		epoch++;
#endif
again:		atomic { t = tat; k = count }; /* LOAD */
#if !defined(RESET_EPOCH_EARLY) && !defined(RESET_EPOCH_LATE)
		epoch++; /* (B2) */
#endif
		atomic {
			if
			:: SAME -> /* (B1) */
				tat = 0;
#ifndef RESET_NO_COUNT
				count = (k + 1) % COUNTS;
#endif
				printf("reset\n");
				do
				:: i <= TICKS -> got[i] = 0; i++
				:: else -> break
				od;
				i = 0;
				do
				:: i <= TAKERS -> is_in[i] = false; i++
				:: else -> break
				od;
				i = 0
			:: else -> goto again
			fi
		};
#ifdef RESET_EPOCH_LATE
		epoch++;
#endif
		atomic { t = 0; k = 0; resets++ }
	:: else -> break
	od
}

proctype Clock()
{
	do
	:: now < TICKS -> now++
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < TAKERS -> i++; run Taker(i)
		:: else -> break
		od;
		run Clock();
#if RESETS > 0
		run Resetter();
#endif
		i = 0
	}
}
