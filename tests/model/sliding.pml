/* SPDX-License-Identifier: MIT */
/*
 * Sliding windows of a rate: window_sliding_take() and window_sliding_refund() of lib/core/window.c.
 *
 * As window.pml, which has the same words and steps without a clock. Here time is a small counter that moves on between
 * any two steps, a window lasts PERIOD ticks, and what was used in the window before counts by the part of a period
 * that is left of this one. Consumers read the clock, stop anywhere, take, and may give back at any later time; who
 * dies takes no further step.
 *
 *     a window never holds more than LIMIT            judged[]: taken less refunded, by the window judged by
 *     an interval never holds more than its bound     got[]: the same, by the tick of the reading, or of the window's
 *                                                     start, whichever is later
 *     a refusal was right when the total was read
 *     the window before is the one that ended when this one began
 *
 * The bound: PERIOD * what is in [x, y] <= LIMIT * (PERIOD + y - x - 1), and LIMIT for x = y. The clock shows whole
 * ticks, so of two events in tick x and in tick y the real distance may be anything above y - x - 1.
 *
 * From the code to the model, every access of shared memory and every look at the clock one step: CLOCK, LOOK (W1),
 * roll (W1), BASE (W2), FORMER (W5), TOTAL (W3), the loop that takes, and before a refusal a second look at `current`
 * and the baselines and a fresh reading; capture() and refund() as in window.pml, the latter with the window before
 * (W5). Sequentially consistent, see window.pml. Windows without a window in between are numbered one after the other,
 * others BASES + 1 on, as in the code; BASES may be 2 where the code has 4, to have baselines reused within few windows.
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef OPS
#define OPS 1 /* per consumer */
#endif
#ifndef PERIOD
#define PERIOD 2
#endif
#ifndef TICKS
#define TICKS 5 /* that the clock moves on */
#endif
#ifndef BASES
#define BASES 2
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef AMOUNT
#define AMOUNT 2 /* the most that is taken at once */
#endif
#ifndef REFUNDS
#define REFUNDS 1 /* 0: nothing is given back */
#endif

/* With LIMITS_ONLY a fault must show itself by what it admits. */
#ifdef LIMITS_ONLY
#define ASSERT_OF_REST(condition) skip
#else
#define ASSERT_OF_REST(condition) assert(condition)
#endif

#define LARGER(x, y) ((x) > (y) -> (x) : (y))
#define SAME (current == c && start == s)
#define SAME_BASE (base[c % BASES].tag == b_tag && base[c % BASES].total == b_total)
#define SAME_FORMER (!has_former || base[BEFORE(c)].tag + 1 == c && base[BEFORE(c)].total == f_total)
#define BEFORE(n) ((n + BASES - 1) % BASES)
/* The rest of the window that began at s, at the instant x. */
#define REST(x) ((x) < s -> PERIOD : ((x) >= s + PERIOD -> 0 : s + PERIOD - (x)))
#ifdef WEIGHT_ROUNDED_DOWN
#define PART(former, x) ((former) * REST(x) / PERIOD)
#else
#define PART(former, x) (((former) * REST(x) + PERIOD - 1) / PERIOD)
#endif

#ifdef REFUSE_BY_OLD_CLOCK
#define TICKED false
#else
#define TICKED (now > a)
#endif

#define LAST (((TICKS) / (PERIOD)) * (BASES + 1))

/* Shared memory. */
byte total;
byte current, start; /* one word */
typedef baseline {
	byte tag, total
};
baseline base[BASES];

byte now;

/* What is known of it from outside. */
byte got[TICKS + 1];
byte judged[LAST + 1];
byte began[LAST + 1];

/* What window `carried_to` has of the one before, whatever is being given back; is known when nobody is at it. */
byte carried, carried_to, refunding;

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
			assert(sum * PERIOD <= LIMIT * (PERIOD + (y > x -> y - x - 1 : 0)));
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

inline forget_view()
{
	b_tag = 0;
	b_total = 0;
	t = 0;
	c = 0;
	s = 0;
	f = 0;
	f_total = 0;
	has_former = false;
	is_full = false
}

/* What is true at the moment of the total's load. */
inline note_fullness()
{
	is_full = SAME && base[c % BASES].tag == c &&
	          total - base[c % BASES].total + n +
	              (c > 0 && base[BEFORE(c)].tag + 1 == c
	                   -> PART(base[c % BASES].total - base[BEFORE(c)].total, now) : 0) > LIMIT
}

/* Of n, taken in window c with the instant i. */
inline refund()
{
	atomic { if :: current != c -> goto next :: else -> refunding++ fi }; /* (W4) */
#ifdef REFUND_FORMER_FIRST
	raise_former();
	raise_own();
#else
	raise_own();
#ifndef REFUND_OWN_ONLY
	raise_former();
#endif
#endif
	atomic {
		refunding--;
		ASSERT_OF_REST(refunding > 0 || carried_to != c || base[c % BASES].tag != c || base[BEFORE(c)].tag + 1 != c ||
		       base[c % BASES].total - base[BEFORE(c)].total == carried)
	}
}

inline raise_own()
{
	atomic { b_tag = base[c % BASES].tag; b_total = base[c % BASES].total };
	do
	:: b_tag != c -> atomic { refunding--; goto next }
	:: else ->
		atomic {
			if
			:: SAME_BASE -> /* (W2) */
				carried = carried - (carried_to == c + 1 && carried > 0 -> n : 0);
				base[c % BASES].total = b_total + n;
				judged[c] = judged[c] - n;
				got[i] = got[i] - n;
				printf("consumer %d gives %d back to window %d\n", me, n, c);
				break
			:: else -> b_tag = base[c % BASES].tag; b_total = base[c % BASES].total
			fi
		}
	od
}

inline raise_former()
{
	atomic { b_tag = base[BEFORE(c)].tag; b_total = base[BEFORE(c)].total };
	do
	:: c == 0 || b_tag + 1 != c -> break
	:: else ->
		atomic {
			if
			:: base[BEFORE(c)].tag == b_tag && base[BEFORE(c)].total == b_total -> /* (W5) */
				base[BEFORE(c)].total = b_total + n;
				break
			:: else -> b_tag = base[BEFORE(c)].tag; b_total = base[BEFORE(c)].total
			fi
		}
	od
}

inline load_former()
{
	atomic {
		has_former = (c > 0 && base[BEFORE(c)].tag + 1 == c);
#ifdef FORMER_NO_TAG
		has_former = (c > 0);
#endif
		f_total = base[BEFORE(c)].total
	}
}

proctype Consumer(byte me)
{
	byte ops, n, a, c, s, t, b_tag, b_total, f, f_total, i, x, y, sum;
	bool has_former, is_full;

	do
	:: ops == OPS -> break
	:: ops < OPS ->
		if
		:: n = 1
#if AMOUNT > 1
		:: n = 2
#endif
		fi;
		a = now; /* CLOCK */
again:		atomic { c = current; s = start }; /* LOOK (W1) */
		if
		:: a >= s + PERIOD ->
			atomic {
				if
				:: SAME -> /* (W1) (W4) */
#ifdef ROLL_NO_SKIP
					current = c + 1;
#else
					current = c + (a / PERIOD - s / PERIOD > 1 -> BASES + 1 : 1);
#endif
					start = a - a % PERIOD;
					began[current] = start;
					printf("consumer %d begins window %d at %d\n", me, current, start)
				:: else
				fi;
				c = 0;
				s = 0
			};
#ifdef ROLL_NO_SECOND_LOOK
			atomic { c = current; s = start }
#else
			goto again
#endif
		:: else
		fi;
#ifdef FORMER_EARLY
		load_former();
#endif
		atomic { b_tag = base[c % BASES].tag; b_total = base[c % BASES].total }; /* BASE (W2) */
#ifndef FORMER_EARLY
		load_former(); /* FORMER (W5) */
#endif
#if !defined(FORMER_NO_SECOND_LOOK) && !defined(FORMER_NO_TAG)
		if
		:: !has_former && b_tag == c ->
			if
			:: atomic { !SAME -> forget_view() } -> goto again /* (W1) */
			:: atomic { SAME }
			fi
		:: else
		fi;
#endif
		atomic { t = total; note_fullness() }; /* TOTAL (W3) */
		if
		:: b_tag != c ->
			if
			:: atomic { !SAME -> forget_view() } -> goto again /* (W3) */
			:: atomic { SAME }
			fi;
			atomic {
				if
				:: SAME_BASE -> /* (W2) */
					base[c % BASES].tag = c;
					base[c % BASES].total = t;
					carried_to = c;
					carried = (c > 0 && base[BEFORE(c)].tag + 1 == c -> t - base[BEFORE(c)].total : 0);
					printf("consumer %d gives window %d the baseline %d\n", me, c, t)
				:: else
				fi;
				forget_view()
			};
			goto again
		:: else
		fi;
		atomic {
			if
#ifdef FORMER_OF_TOTAL
			:: has_former -> f = (t > f_total -> t - f_total : 0) /* what this window has used is carried, too */
#else
			:: has_former -> f = (b_total > f_total -> b_total - f_total : 0)
#endif
			:: else -> f = 0
			fi;
#ifdef WEIGHT_BY_NEWER_CLOCK
			f = PART(f, now)
#else
			f = PART(f, a)
#endif
		};
		do
		:: t < b_total || t - b_total + f + n > LIMIT ->
			if
			:: atomic {
				!SAME || !SAME_BASE || !SAME_FORMER || TICKED -> /* (W1) */
				forget_view();
				a = now
			   } -> goto again
			:: atomic {
				SAME && SAME_BASE && SAME_FORMER && !TICKED ->
				printf("consumer %d is refused %d by window %d at %d\n", me, n, c, a);
				ASSERT_OF_REST(is_full);
				ASSERT_OF_REST(!has_former || began[c - 1] + PERIOD == s)
			   } -> goto next
			fi
		:: else ->
			atomic {
				if
				:: total == t -> /* (W3) */
					total = t + n;
					i = LARGER(a, s);
					judged[c] = judged[c] + n;
					got[i] = got[i] + n;
					printf("consumer %d takes %d at %d in window %d, total %d\n", me, n, a, c, total);
					assert(judged[c] <= LIMIT);
					check_intervals();
					break
				:: else -> t = total; note_fullness()
				fi
			}
		od;
#if REFUNDS > 0
		/* It may be given back, at most once, at any time later. */
		if
		:: true ->
			atomic { s = 0; t = 0; f = 0; f_total = 0; a = 0; has_former = false; is_full = false };
			refund()
		:: true
		fi;
#endif
next:		atomic {
			ops++;
			n = 0;
			a = 0;
			i = 0;
			forget_view()
		}
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
	byte k;

	atomic {
		do
		:: k < CONSUMERS -> k++; run Consumer(k)
		:: else -> break
		od;
		run Clock();
		k = 0
	}
}
