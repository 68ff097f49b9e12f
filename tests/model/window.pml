/* SPDX-License-Identifier: MIT */
/*
 * Windows of a rate by baselines: lib/core/window.h and window.c.
 *
 * Consumers take, and may give back what they took; windows end WINDOWS times, noticed by whoever looks at the clock;
 * a controller may reset. Nothing here has to be finished by anybody, so a consumer that dies is one that takes no
 * further step, and a full search has seen all of those: each state is checked, not only the last ones.
 *
 *     what is judged by a window never passes LIMIT           judged[]: taken less refunded, by the window judged by
 *     nor does what landed after a window's baseline          landed[]: the same, by the newest baseline there was
 *     a baseline is never above the total, nor above a later window's
 *     a refusal was right when the total was read
 *
 * Both counts are needed: a closed window that is captured late harms only the second.
 *
 * From the code to the model, every access of shared memory one step:
 *
 *     window_take()       LOOK (W1), roll (W1: CAS of `current`), BASE (W2), TOTAL (W3), the loop that takes, and the
 *                         second look before a refusal (W1)
 *     window_capture()    capture(): the check (W3), the CAS of the baseline (W2)
 *     window_refund()     refund(): the check (W4), the CAS that raises the baseline (W2)
 *     window_reset()      Resetter
 *     window_realign()    Realigner
 *
 * Sequentially consistent: the words are written by compare-and-swap only, which on x86 is a full barrier, and on
 * other machines every load of them is an acquire or stronger. Left out: the clock (a window may end at any moment),
 * peaks and verdicts (figures for people), wrapping of tags and totals, window_rescale(), and the bound on tries. Windows
 * are numbered from 0, as window_restart() leaves it, one by one: how far on a number is says something to sliding.pml
 * only, here each takes the next baseline. BASES may be set lower than the code's 4, to have baselines reused within few
 * windows.
 */
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef OPS
#define OPS 2 /* per consumer */
#endif
#ifndef WINDOWS
#define WINDOWS 2 /* that end */
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef REALIGNS
#define REALIGNS 0
#endif
#ifndef BASES
#define BASES 4
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef AMOUNT
#define AMOUNT 2 /* the most that is taken at once */
#endif

/* With LIMITS_ONLY a fault must show itself by what it admits, not by a baseline that is out of order or a refusal. */
#ifdef LIMITS_ONLY
#define ASSERT_OF_REST(condition) skip
#else
#define ASSERT_OF_REST(condition) assert(condition)
#endif

/* The words as they were loaded. */
#define SAME (current == c && start == c_start)

#define SAME_BASE (base[c % BASES].tag == b_tag && base[c % BASES].total == b_total)

#define LAST (WINDOWS + RESETS)

/* Shared memory. */
byte total;
byte current;
byte start; /* of the window in force; one word with `current`, counts how often it was realigned */
typedef baseline {
	byte tag, total
};
baseline base[BASES];

/* What is known of it from outside. */
byte ended;
byte judged[LAST + 1];
byte landed[LAST + 1];
byte newest; /* the newest window that has or had a baseline */
byte newest_total;

/* What is true at the moment of the total's load. */
inline note_fullness()
{
	is_full = current == c && base[c % BASES].tag == c && total - base[c % BASES].total + n > LIMIT
}

inline check_bases()
{
	ASSERT_OF_REST(base[c % BASES].total <= total)
}

/* Somebody's baseline is there. */
inline note_baseline()
{
	if
	:: c > newest ->
		newest = c;
		newest_total = t
	:: else
	fi;
	ASSERT_OF_REST(c >= newest || t <= newest_total);
	check_bases()
}

/* Back to LOOK in any case. */
inline capture()
{
#if !defined(NO_CLOSED_CHECK) && !defined(CHECK_BEFORE_LOAD)
	if
	:: atomic { !SAME -> b_tag = 0; b_total = 0; t = 0; c = 0; c_start = 0 } -> goto again /* (W3) */
	:: atomic { SAME }
	fi;
#endif
	atomic {
		if
#ifdef CAPTURE_PLAIN_STORE
		:: true ->
#else
		:: SAME_BASE -> /* (W2) */
#endif
			base[c % BASES].tag = c;
			base[c % BASES].total = t;
			printf("consumer %d gives window %d the baseline %d\n", me, c, t);
			note_baseline()
#ifndef CAPTURE_PLAIN_STORE
		:: else
#endif
		fi;
		b_tag = 0;
		b_total = 0;
		t = 0;
		c = 0;
		c_start = 0
	};
	goto again
}

/* Of n, taken in window c. */
inline refund()
{
#ifdef REFUND_CURRENT_TAG
	seq = current;
#elif defined(NO_REFUND_CHECK)
	seq = c;
#else
	atomic {
		seq = c;
		if
		:: current != seq -> goto refunded /* (W4) */
		:: else
		fi
	};
#endif
	atomic { b_tag = base[seq % BASES].tag; b_total = base[seq % BASES].total };
	do
#ifndef REFUND_NO_TAG
	:: b_tag != seq -> break
	:: b_tag == seq ->
#else
	:: true ->
#endif
		atomic {
			if
#ifdef REFUND_PLAIN_STORE
			:: true ->
				base[seq % BASES].tag = b_tag;
#else
			:: base[seq % BASES].tag == b_tag && base[seq % BASES].total == b_total -> /* (W2) */
#endif
				base[seq % BASES].total = b_total + n;
				printf("consumer %d gives %d back to window %d\n", me, n, seq);
				judged[c] = judged[c] - (is_first -> n : 0);
				landed[c] = landed[c] - (is_first -> n : 0);
				is_first = false;
				c = seq;
				check_bases();
				ASSERT_OF_REST(c >= newest || base[c % BASES].total <= newest_total);
				break
#ifndef REFUND_PLAIN_STORE
			:: else -> b_tag = base[seq % BASES].tag; b_total = base[seq % BASES].total
#endif
			fi
		}
	od;
refunded:
	skip
}

proctype Consumer(byte me)
{
	byte ops, n, c, c_start, seq, t, b_tag, b_total;
	bool is_full, is_first, is_right;

	do
	:: ops == OPS -> break
	:: ops < OPS ->
		/* An operation may begin at any time and takes any amount. */
		if
		:: n = 1
#if AMOUNT > 1
		:: n = 2
#endif
		fi;
again:		atomic { c = current; c_start = start }; /* LOOK (W1) */
		if
		:: atomic {
			ended < WINDOWS ->
			if
			:: SAME -> /* (W1) (W4) */
				ended++;
				current++;
				printf("consumer %d begins window %d\n", me, current)
			:: else
			fi;
			c = 0;
			c_start = 0
		   } -> goto again
		:: true
		fi;
		atomic { b_tag = base[c % BASES].tag; b_total = base[c % BASES].total }; /* BASE (W2) */
#ifdef CHECK_BEFORE_LOAD
		is_right = SAME;
#endif
		atomic { t = total; note_fullness() }; /* TOTAL (W3) */
		if
		:: b_tag != c ->
#ifdef CHECK_BEFORE_LOAD
			if
			:: is_right
			:: else -> goto again
			fi;
#endif
			capture()
		:: b_tag == c
		fi;
		do
		:: t < b_total || t - b_total + n > LIMIT ->
			atomic {
				/* Another look, or the refusal is needless. */
				if
#ifndef NO_SECOND_LOOK
				:: !SAME -> goto again /* (W1) */
#ifndef REFUSE_BY_OLD_BASE
				:: SAME && !SAME_BASE -> goto again /* (W2) */
#endif
				:: else ->
#else
				:: true ->
#endif
					printf("consumer %d is refused %d by window %d\n", me, n, c);
					ASSERT_OF_REST(is_full);
					goto next
				fi
			}
		:: t >= b_total && t - b_total + n <= LIMIT ->
			atomic {
				if
				:: total == t -> /* (W3) */
					total = t + n;
					judged[c] = judged[c] + n;
					landed[newest] = landed[newest] + n;
					printf("consumer %d takes %d in window %d, total %d\n", me, n, c, total);
					assert(judged[c] <= LIMIT);
					assert(landed[newest] <= LIMIT);
					break
				:: else -> t = total; note_fullness()
				fi
			}
		od;
		/* It may be given back, at most once, at any time later. */
		if
		:: true ->
			atomic { is_first = true; t = 0; is_right = false; is_full = false };
			refund();
#ifdef REFUND_TWICE
			if
			:: !is_first -> c = seq; goto refund_again
			:: else
			fi;
			goto next;
refund_again:
			atomic { b_tag = base[c % BASES].tag; b_total = base[c % BASES].total };
			atomic {
				if
				:: b_tag == c && base[c % BASES].tag == c && base[c % BASES].total == b_total ->
					base[c % BASES].total = b_total + n;
					check_bases()
				:: else
				fi
			}
#endif
		:: true
		fi;
next:		atomic {
			ops++;
			n = 0;
			c = 0;
			c_start = 0;
			seq = 0;
			t = 0;
			b_tag = 0;
			b_total = 0;
			is_full = false;
			is_first = false;
			is_right = false
		}
	od
}

proctype Resetter()
{
	byte resets, c, c_start;

	do
	:: resets < RESETS ->
		atomic { c = current; c_start = start };
		/* Tag and total are one word, but only the tag is asked for. */
		do
		:: base[c % BASES].tag != c -> break
		:: base[c % BASES].tag == c ->
			atomic {
				if
				:: SAME -> /* (W1) (W4) */
					current = c + 1;
					printf("reset to window %d\n", current);
					break
				:: else -> c = current; c_start = start
				fi
			}
		od;
		atomic { c = 0; c_start = 0; resets++ }
	:: else -> break
	od
}

/* window_realign(): the number of the window stays, and so does its baseline. */
proctype Realigner()
{
	byte realigns;

	do
	:: realigns < REALIGNS -> atomic { start++; realigns++ } /* (W1) */
	:: else -> break
	od
}

init {
	byte i;

	atomic {
		do
		:: i < CONSUMERS -> i++; run Consumer(i)
		:: else -> break
		od;
#if RESETS > 0
		run Resetter();
#endif
#if REALIGNS > 0
		run Realigner();
#endif
		i = 0
	}
}
