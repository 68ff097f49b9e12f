/* SPDX-License-Identifier: MIT */
/*
 * Leases: lib/core/lease.h and lease.c.
 *
 * Workers take from one component and the groups above it, by a lease or plainly; clocks go on, windows roll and are
 * reset, a policy with a lower limit is published, the component is unregistered, and workers die before any step. Who
 * recovers a dead worker's slot may die as well.
 *
 *     admitted[r] <= used[r]             what was admitted in a window is counted there, so it is within its limit
 *     a lease that is spent was valid    when the operation was called: same window at every rank, not over by the
 *                                        clock, same policy, same registration
 *     in the end                         what nobody used is given back; each death costs at most one lease
 *
 * From the code to the model, every access of shared memory one step:
 *
 *     lease_spend()      SPEND: GENERATION (D1), REGISTRATION (D2), WINDOW (W1), CLOCK, LEFT
 *     lease_take()       TAKE of each rank, FIELDS, LEFT (Y1), or a plain take
 *     lease_give_back()  give_back(): LEFT, then the refunds; by its owner, and by Recoverer (Y1)
 *
 * One step takes from a window or refunds to it: window.pml shows that both are as if they were. A signal handler is a
 * thread's own; it finds the lease busy, and takes plainly. Sequentially consistent, see window.pml.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef OPS
#define OPS 2 /* per worker */
#endif
#ifndef RANKS
#define RANKS 1 /* the component included */
#endif
#ifndef LEASE
#define LEASE 2
#endif
#ifndef LIMIT
#define LIMIT 3
#endif
#ifndef LOWERED
#define LOWERED 1 /* the limit of the second policy */
#endif
#ifndef TICKS
#define TICKS 0 /* ends of windows, by the clock */
#endif
#ifndef RESETS
#define RESETS 0
#endif
#ifndef PUBLISHES
#define PUBLISHES 0
#endif
#ifndef ENDS
#define ENDS 0
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef SIGNALS
#define SIGNALS 0
#endif

#ifdef KEPT_BY_CHILD
#define SLOT 0 /* the second worker is a child of the first, with a copy of its memory */
#else
#define SLOT me
#endif

/* Shared memory. A window is [number by the clock, how often it was reset]. */
byte clock[RANKS];
byte current[RANKS];
byte used[RANKS];
byte generation;
bool is_registered = true;
byte left[WORKERS];
byte window[WORKERS * RANKS]; /* in which it was taken */

/* Private to a thread; gone with it. */
bool has[WORKERS];
byte policy[WORKERS];
byte mine[WORKERS * RANKS];

/* What is known from outside. */
byte admitted[RANKS]; /* in the window in force */
byte deaths, signals;
bool is_dead[WORKERS], is_claimed[WORKERS], is_free[WORKERS];

#define RESETS_MAX 4
#define AT(slot, rank) ((slot) * RANKS + (rank))
#define IS_OVER(w, rank) ((w) / RESETS_MAX < clock[rank])
#define LIMIT_OF(g, rank) ((rank) > 0 || (g) == 0 -> LIMIT : LOWERED)
#if WORKERS > 1
#define ALL_ARE_FREE (is_free[0] && is_free[1])
#else
#define ALL_ARE_FREE (is_free[0])
#endif
#define STEP if :: deaths < DEATHS -> deaths++; goto dead :: true fi

inline roll(rank)
{
	if
	:: IS_OVER(current[rank], rank) ->
		current[rank] = clock[rank] * RESETS_MAX;
		used[rank] = 0;
		admitted[rank] = 0
	:: else
	fi
}

/* Count `n` as admitted in those of the windows that are still in force. */
inline admit(n, slot)
{
	r = 0;
	do
	:: r < RANKS ->
		if
		:: mine[AT(slot, r)] == current[r] ->
			admitted[r] = admitted[r] + n;
			assert(admitted[r] <= used[r]);
			assert(admitted[r] <= LIMIT)
		:: else
		fi;
		r++
	:: else -> r = 0; break
	od
}

/* Refund l to one rank. */
inline refund(slot, rank)
{
	if
#ifdef REFUND_ANY_WINDOW
	:: used[rank] >= l ->
#else
	:: window[AT(slot, rank)] == current[rank] -> /* (W4) */
#endif
		assert(used[rank] >= l);
		used[rank] = used[rank] - l
	:: else
	fi
}

/* What is left on lease, given back at most once. */
inline give_back(slot)
{
	atomic { STEP; l = left[slot] };
	if
	:: l > 0 ->
#if !defined(REFUND_BEFORE_LEFT) && !defined(LEFT_KEPT)
		atomic { STEP; left[slot] = 0 }; /* (Y1) */
#endif
		k = 0;
		do
		:: k < RANKS -> atomic { STEP; refund(slot, k); k++ }
		:: else -> break
		od;
#ifdef REFUND_BEFORE_LEFT
		atomic { STEP; left[slot] = 0 };
#endif
		atomic { l = 0; k = 0 }
	:: else
	fi
}

proctype Worker(byte me)
{
	byte ops, n, b, g, l, k, r;
	bool was_valid, is_taken;

	do
	:: ops == OPS -> break
	:: ops < OPS ->
		atomic { /* the call */
			if
			:: n = 1
			:: n = 2
			fi;
			was_valid = has[SLOT] && policy[SLOT] == generation && is_registered;
			r = 0;
			do
			:: r < RANKS ->
				was_valid = was_valid && mine[AT(SLOT, r)] == current[r] && !IS_OVER(current[r], r);
				r++
			:: else -> r = 0; break
			od
		};

		/* SPEND */
		if
		:: !has[SLOT] -> goto plain
		:: else
		fi;
#ifndef NO_GENERATION
		atomic { STEP; if :: generation != policy[SLOT] -> goto plain :: else fi }; /* GENERATION (D1) */
#endif
#ifndef NO_REGISTRATION
		atomic { STEP; if :: !is_registered -> goto plain :: else fi }; /* REGISTRATION (D2) */
#endif
		k = 0;
		do
#ifdef NO_WINDOW
		:: k == 0 -> k++
		:: k > 0 && k < RANKS ->
#elif defined(NO_GROUP_WINDOW)
		:: k > 0 && k < RANKS -> k++
		:: k == 0 ->
#else
		:: k < RANKS ->
#endif
			atomic {
				STEP;
				if
				:: current[k] != mine[AT(SLOT, k)] -> k = 0; goto plain /* WINDOW (W1) */
				:: else -> k++
				fi
			}
		:: k >= RANKS -> k = 0; break
		od;
#ifndef NO_CLOCK
		do
		:: k < RANKS ->
			atomic {
				STEP;
				if
				:: IS_OVER(mine[AT(SLOT, k)], k) -> k = 0; goto plain /* CLOCK */
				:: else -> k++
				fi
			}
		:: else -> k = 0; break
		od;
#endif
		atomic { STEP; l = left[SLOT] }; /* LEFT: the lease is busy from before this to the store */
		if
		:: l < n -> l = 0; goto plain
		:: else
		fi;
#if SIGNALS > 0
		if
		:: signals < SIGNALS ->
			atomic {
				signals++;
#ifdef HANDLER_SPENDS
				if
				:: left[SLOT] > 0 -> left[SLOT] = left[SLOT] - 1; admit(1, SLOT)
				:: else
				fi
#endif
			}
		:: true
		fi;
#endif
		atomic {
			STEP;
			left[SLOT] = l - n;
			assert(was_valid);
			admit(n, SLOT);
			l = 0;
			goto next
		};

		/* TAKE: what is still on lease is given back first, whatever it is worth. */
plain:		if
		:: has[SLOT] ->
			give_back(SLOT);
#ifndef LEFT_KEPT
			has[SLOT] = false
#endif
		:: else
		fi;
		atomic { STEP; g = generation; if :: !is_registered -> goto next :: else fi };
		if
		:: b = n
		:: LEASE > n -> b = LEASE /* near the limit less, or none */
		fi;
#ifdef LEFT_BEFORE_TAKE
		if
		:: b > n ->
			atomic {
				STEP;
				do
				:: r < RANKS -> window[AT(SLOT, r)] = current[r]; r++
				:: else -> r = 0; break
				od;
				left[SLOT] = b - n
			}
		:: else
		fi;
#endif
		k = 0;
		is_taken = true;
		do
		:: k < RANKS && is_taken ->
			atomic {
				STEP;
				roll(k);
				if
				:: used[k] + b <= LIMIT_OF(g, k) ->
					used[k] = used[k] + b;
					mine[AT(SLOT, k)] = current[k];
					k++
				:: else -> is_taken = false
				fi
			}
		:: else -> break
		od;
		if
		:: !is_taken -> /* what the lower ranks took */
			do
			:: k > 0 ->
				atomic {
					STEP;
					k--;
					if
					:: mine[AT(SLOT, k)] == current[k] -> used[k] = used[k] - b
					:: else
					fi
				}
			:: else -> break
			od;
			goto next
		:: else
		fi;
		k = 0;
		do
		:: b > n && k < RANKS -> atomic { STEP; window[AT(SLOT, k)] = mine[AT(SLOT, k)]; k++ } /* FIELDS */
		:: else -> k = 0; break
		od;
		atomic {
			STEP;
			if
			:: b > n -> left[SLOT] = b - n; has[SLOT] = true; policy[SLOT] = g /* LEFT (Y1) */
			:: else
			fi;
			admit(n, SLOT)
		};
next:		atomic { ops++; n = 0; b = 0; g = 0; k = 0; l = 0; is_taken = false; was_valid = false }
	od;
	/* The thread ends. */
#ifndef KEPT_BY_CHILD
	give_back(SLOT);
#endif
	atomic { has[SLOT] = false; is_free[me] = true; goto over };
dead:	atomic {
		is_dead[me] = true;
		has[SLOT] = false;
		n = 0; b = 0; g = 0; k = 0; l = 0; r = 0; ops = 0;
		is_taken = false;
		was_valid = false
	};
over:	skip
}

/* Whoever finds a dead worker. A claim whose owner died is somebody else's to take. */
proctype Recoverer()
{
	byte me, l, k;

again:	if
	:: atomic { is_dead[0] && !is_claimed[0] && !is_free[0] -> me = 0; is_claimed[0] = true }
#if WORKERS > 1
	:: atomic { is_dead[1] && !is_claimed[1] && !is_free[1] -> me = 1; is_claimed[1] = true }
#endif
#ifdef FALSE_DEATH
	:: atomic { has[0] && !is_claimed[0] && !is_free[0] -> me = 0; is_claimed[0] = true }
#endif
	:: ALL_ARE_FREE -> goto over
	fi;
	give_back(me);
	atomic { is_free[me] = is_free[me] || is_dead[me]; is_claimed[me] = false; l = 0; k = 0; me = 0; goto again };
dead:	atomic { is_claimed[me] = false; l = 0; k = 0; me = 0 };
over:	skip
}

/* What others do, in any order: clocks, other consumers' rolls, resets, a publication, the end of the registration. */
proctype World()
{
	byte ticks, resets, publishes, ends;

	do
#if TICKS > 0
	:: ticks < TICKS -> atomic { ticks++; clock[0]++ }
#if RANKS > 1
	:: ticks < TICKS -> atomic { ticks++; clock[RANKS - 1]++ }
#endif
	:: atomic { IS_OVER(current[0], 0) -> roll(0) }
#if RANKS > 1
	:: atomic { IS_OVER(current[RANKS - 1], RANKS - 1) -> roll(RANKS - 1) }
#endif
#endif
#if RESETS > 0
	:: resets < RESETS -> atomic { resets++; current[0]++; used[0] = 0; admitted[0] = 0 }
#if RANKS > 1
	:: resets < RESETS -> atomic { resets++; current[RANKS - 1]++; used[RANKS - 1] = 0; admitted[RANKS - 1] = 0 }
#endif
#endif
	:: publishes < PUBLISHES -> atomic { publishes++; generation++ }
	:: ends < ENDS -> atomic { ends++; is_registered = false }
	:: ALL_ARE_FREE -> break
	od
}

/* What nobody used is given back, but for a lease per death. */
proctype Judge()
{
	byte r;

	atomic {
		ALL_ARE_FREE ->
		do
		:: r < RANKS ->
			assert(used[r] >= admitted[r] && used[r] <= admitted[r] + LEASE * deaths);
			r++
		:: else -> break
		od
	}
}

init {
	byte i;

	atomic {
		do
		:: i < WORKERS -> run Worker(i); i++
		:: else -> break
		od;
		run World();
		run Judge();
#if DEATHS > 0 || defined(FALSE_DEATH)
		run Recoverer();
		run Recoverer();
#endif
		i = 0
	}
}
