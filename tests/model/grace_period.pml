/* SPDX-License-Identifier: MIT */
/*
 * Grace periods across processes: lib/core/rcu.h and rcu.c, with the claiming and freeing of slots in worker.c.
 *
 * Threads claim a slot, run read sections in it and free it again; each may die after any step and is judged dead from
 * then on. An updater replaces the published object ROUNDS times and takes a cookie for each old one. Two drivers poll
 * any cookie that is there, in any order, and free what it guards. At the end a judge polls once more.
 *
 *     nobody uses what was freed                     the assertion in USE
 *     a grace period ends when its readers have,     the assertion in Judge
 *     by leaving or by dying
 *
 * Memory. A thread's steps lie in program order, and NEED_...() says which of them must have been performed before one
 * may be: that is the memory model, and all of it. A store performed after later loads is a store that waited in the
 * thread's buffer.
 *
 *     MEMORY=SC      everything in program order
 *     MEMORY=TSO     x86: stores in order, but later than loads that follow them (store buffer); xchg and lock drain it
 *     MEMORY=WEAK    out of order, as ARMv8: only acquire, release, fence, data and address dependences and the
 *                    coherence of one word order anything; a store is seen by everybody at once (multi-copy atomic)
 *
 * From the code to the model:
 *
 *     slot_claim()                CLAIM (K1, R4: acq_rel CAS of `owner`), CLEAR (ctr = 0)
 *     rcu_read_lock()             LOAD (R1: the epoch), STATE (R2: ctr, then the fence)
 *     what a section does         FIND (a pointer), USE (what it points to)
 *     rcu_read_unlock()           LEAVE (R3)
 *     worker_slot_free()          RESET (ctr = 0), FREE (K1)
 *     directory_retire()          Updater: unpublish, then rcu_cookie() (R1)
 *     rcu_poll()                  Driver: `done` (R5), fence (R2), per slot ctr (R3), owner (R4), proof of death
 *     worker_recover()            a thread as any: it claims, reads in a section, frees
 *
 * Left out: nesting (private to the owner), 48-bit epochs (they do not wrap here either), how death is proved, what is
 * returned in a claimed slot (level.pml). An updater that dies is one that stops; its successor takes a later cookie.
 * FENCE=2 is a segment made with membarrier (docs/decisions/0003-own-rcu.md): a compiler barrier in readers, and the
 * driver interrupts every thread. Only there does (R1) carry weight of its own. Left out: drivers that may not do that
 * (R6); they take no such reader for idle, which can only make them wait.
 */
#ifndef MEMORY
#define MEMORY WEAK
#endif
#ifndef FENCE
#define FENCE 1 /* 0 none, 1 full, 2 compiler barrier and membarrier */
#endif
#ifndef THREADS
#define THREADS 2
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef SECTIONS
#define SECTIONS 1 /* per thread, at most 3 */
#endif
#ifndef ROUNDS
#define ROUNDS 2 /* at most 3 */
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef DRIVERS
#define DRIVERS 2
#endif

#define SC 1
#define TSO 2
#define WEAK 3

/* The steps of a thread, as bits of what it has performed. */
#define CLAIM 0
#define CLEAR 1
#define LOAD(k) (2 + 5 * (k))
#define STATE(k) (3 + 5 * (k))
#define FIND(k) (4 + 5 * (k))
#define USE(k) (5 + 5 * (k))
#define LEAVE(k) (6 + 5 * (k))
#define RESET (2 + 5 * SECTIONS)
#define FREE (RESET + 1)
#define BIT(step) (1 << (step))
#define BEFORE(step) (BIT(step) - 1)
#define ALL BEFORE(FREE + 1)

#define EPOCH_LOADS ((BIT(LOAD(0)) | BIT(LOAD(1)) | BIT(LOAD(2))) & BEFORE(RESET))
#define POINTER_LOADS (BIT(FIND(0)) | BIT(FIND(1)) | BIT(FIND(2)) | BIT(USE(0)) | BIT(USE(1)) | BIT(USE(2)))
#define LOADS (BIT(CLAIM) | EPOCH_LOADS | POINTER_LOADS)
/* Up to and with the fence of the section before section k. */
#define FENCE_BEFORE(k) ((k > 0) * ((BIT(5 * (k)) >> 1) - 1))

#if MEMORY == SC
#define NEED_CLEAR BEFORE(CLEAR)
#define NEED_LOAD(k) BEFORE(LOAD(k))
#define NEED_STATE(k) BEFORE(STATE(k))
#define NEED_FIND(k) BEFORE(FIND(k))
#define NEED_USE(k) BEFORE(USE(k))
#define NEED_LEAVE(k) BEFORE(LEAVE(k))
#define NEED_RESET BEFORE(RESET)
#define NEED_FREE BEFORE(FREE)
#elif MEMORY == TSO
#define NEED_CLEAR BEFORE(CLEAR)
#define NEED_LOAD(k) (BEFORE(LOAD(k)) & LOADS)
#define NEED_STATE(k) BEFORE(STATE(k))
#if FENCE == 1
#define NEED_FIND(k) BEFORE(FIND(k)) /* (R2) */
#else
#define NEED_FIND(k) (BEFORE(FIND(k)) & LOADS)
#endif
#define NEED_USE(k) (BEFORE(USE(k)) & LOADS)
#define NEED_LEAVE(k) BEFORE(LEAVE(k))
#define NEED_RESET BEFORE(RESET)
#define NEED_FREE BEFORE(FREE)
#else
#ifdef RELAXED_EPOCH
#define ACQUIRED(step) BIT(CLAIM)
#else
#define ACQUIRED(step) (BIT(CLAIM) | (BEFORE(step) & EPOCH_LOADS)) /* (R1) */
#endif
#if FENCE == 1
#define FENCED(k) FENCE_BEFORE(k)
#define FENCED_HERE(k) BEFORE(FIND(k)) /* (R2) */
#else
#define FENCED(k) 0
#define FENCED_HERE(k) 0
#endif
#define NEED_CLEAR BIT(CLAIM)
#define NEED_LOAD(k) (ACQUIRED(LOAD(k)) | FENCED(k))
#define NEED_STATE(k) (BIT(LOAD(k)) | BIT(CLEAR) | (k > 0) * BIT(LEAVE(k) - 5) | ACQUIRED(STATE(k)))
#define NEED_FIND(k) (ACQUIRED(FIND(k)) | FENCED(k) | FENCED_HERE(k))
#define NEED_USE(k) BIT(FIND(k))
#ifdef RELAXED_UNLOCK
#define NEED_LEAVE(k) (BIT(STATE(k)) | FENCED_HERE(k))
#else
#define NEED_LEAVE(k) BEFORE(LEAVE(k)) /* (R3) */
#endif
#define NEED_RESET BIT(LEAVE(SECTIONS - 1))
#ifdef RELAXED_FREE
#define NEED_FREE (BIT(CLAIM) | ACQUIRED(FREE) | FENCED_HERE(SECTIONS - 1))
#else
#define NEED_FREE BEFORE(FREE) /* (K1) */
#endif
#endif

/* Shared memory. ctr = epoch * 2 + 1 in a section, 0 idle. Epochs begin at 1, so that a cookie is never 0. */
byte published;
bit freed[ROUNDS + 1];
byte epoch = 1;
byte done;
byte ctr[SLOTS];
byte owner[SLOTS];

byte cookie[ROUNDS]; /* of object k; given from the updater to the drivers under the controller lock */
bit dead[THREADS + 1];
byte deaths;
byte ended;
int performed[THREADS + 1];
byte claims; /* threads claim in the order of their numbers, which mean nothing else: fewer equal states */

#define CAN(step, need) !(performed[me] & BIT(step)) && (performed[me] & (need)) == (need)
#define PERFORMED(step) performed[me] = performed[me] | BIT(step)

#define CLAIM_SLOT(s)												       \
	d_step {												       \
		CAN(CLAIM, 0) && (owner[s] == 0 || dead[owner[s]]) && me <= claims + 1 ->			       \
		claims = (me > claims -> me : claims);								       \
		owner[s] = me;											       \
		slot = s;											       \
		PERFORMED(CLAIM);										       \
		printf("thread %d claims slot %d\n", me, s)							       \
	}

#define SECTION(k)												       \
	::d_step {												       \
		CAN(LOAD(k), NEED_LOAD(k)) ->									       \
		stated[k] = epoch;										       \
		PERFORMED(LOAD(k));										       \
		printf("thread %d section %d loads epoch %d\n", me, k, epoch)					       \
	}													       \
	::d_step {												       \
		CAN(STATE(k), NEED_STATE(k)) ->									       \
		ctr[slot] = stated[k] * 2 + 1;									       \
		PERFORMED(STATE(k));										       \
		printf("thread %d section %d states epoch %d in slot %d\n", me, k, stated[k], slot)		       \
	}													       \
	::d_step {												       \
		CAN(FIND(k), NEED_FIND(k)) ->									       \
		found[k] = published;										       \
		PERFORMED(FIND(k));										       \
		printf("thread %d section %d finds object %d\n", me, k, found[k])				       \
	}													       \
	::d_step {												       \
		CAN(USE(k), NEED_USE(k)) ->									       \
		printf("thread %d section %d uses object %d\n", me, k, found[k]);				       \
		assert(!freed[found[k]]);									       \
		found[k] = 0;											       \
		PERFORMED(USE(k))										       \
	}													       \
	::d_step {												       \
		CAN(LEAVE(k), NEED_LEAVE(k)) ->									       \
		ctr[slot] = 0;											       \
		stated[k] = 0;											       \
		PERFORMED(LEAVE(k));										       \
		printf("thread %d section %d leaves slot %d\n", me, k, slot)					       \
	}

proctype Thread(byte me)
{
	byte slot, k;
	byte stated[SECTIONS];
	byte found[SECTIONS];

end:	do
	:: CLAIM_SLOT(0)
#if SLOTS > 1
	:: CLAIM_SLOT(1)
#endif
	:: d_step { CAN(CLEAR, NEED_CLEAR) -> ctr[slot] = 0; PERFORMED(CLEAR) }
	SECTION(0)
#if SECTIONS > 1
	SECTION(1)
#endif
#if SECTIONS > 2
	SECTION(2)
#endif
	:: d_step { CAN(RESET, NEED_RESET) -> ctr[slot] = 0; PERFORMED(RESET) }
	:: d_step {
		CAN(FREE, NEED_FREE) ->
		owner[slot] = 0;
		PERFORMED(FREE);
		printf("thread %d frees slot %d\n", me, slot)
	}
	:: d_step { performed[me] == ALL -> printf("thread %d ends\n", me) } -> break
	:: d_step {
		deaths < DEATHS && (performed[me] & BIT(CLAIM)) && performed[me] != ALL ->
		deaths++;
		dead[me] = 1;
		printf("thread %d dies\n", me)
	} -> break
	od;
	atomic {
		performed[me] = 0;
		ended++;
		slot = 0;
		k = 0;
		do
		:: k < SECTIONS -> stated[k] = 0; found[k] = 0; k++
		:: else -> k = 0; break
		od
	}
}

/* rcu_poll() without `done`: sets `quiet`. */
inline scan(target)
{
#if FENCE == 2
	/* The interrupt finds each thread between two instructions: all before it performed, nothing after it. */
	i = 1;
	do
	:: i <= THREADS -> (performed[i] & (performed[i] + 1)) == 0 -> i++
	:: else -> break
	od;
#endif
	atomic { quiet = true; i = 0 };
	do
	:: atomic {
		i < SLOTS ->
#ifdef OWNER_FIRST
		judged = owner[i]
	};
	atomic {
#endif
		seen = ctr[i]; /* (R3) */
		if
		:: seen == 0 || seen / 2 >= target -> seen = 0; judged = 0; i++
		:: else
		fi
	};
	if
	:: seen == 0
	:: else ->
#ifndef OWNER_FIRST
		judged = owner[i]; /* (R4) */
#endif
		/* process_is_dead(), a step of its own */
		atomic {
			if
#ifndef NO_LIVENESS
			:: judged == 0 || dead[judged]
			:: else -> quiet = false
#else
			:: true -> quiet = false
#endif
#ifdef FALSE_DEATH
			:: true
#endif
			fi;
			seen = 0;
			judged = 0;
			i = (quiet -> i + 1 : SLOTS)
		}
	fi
	:: atomic { i >= SLOTS -> i = 0 } -> break
	od
}

inline free_object(k)
{
	atomic {
		freed[k] = 1;
		printf("object %d is freed\n", k);
		assert(k != published)
	}
}

proctype Driver()
{
	byte k, i, seen, judged;
	bool quiet;

	do
	:: ended > THREADS -> break
	:: else ->
end:		if
		:: cookie[0] != 0 && !freed[0] -> k = 0
#if ROUNDS > 1
		:: cookie[1] != 0 && !freed[1] -> k = 1
#endif
#if ROUNDS > 2
		:: cookie[2] != 0 && !freed[2] -> k = 2
#endif
		:: ended > THREADS -> break
		fi;
		if
		:: done >= cookie[k] -> free_object(k) /* (R5) */
		:: else ->
			scan(cookie[k]);
			if
			:: quiet ->
				done = (done < cookie[k] -> cookie[k] : done);
				free_object(k)
			:: else
			fi
		fi;
		atomic { k = 0; quiet = false }
	od;
	ended++
}

proctype Updater()
{
	byte k, i, seen, judged;
	bool quiet;

	do
	:: k < ROUNDS ->
#if defined(COOKIE_EARLY)
		d_step { epoch++; cookie[k] = epoch };
		published = k + 1;
#elif defined(COOKIE_IS_EPOCH)
		published = k + 1;
		d_step { cookie[k] = epoch; epoch++ };
#else
#ifdef NO_SCAN_FENCE
		/* It polls itself, and nothing keeps the loads of the scan behind its own stores. */
		if
		:: true ->
			scan(epoch + 1);
			published = k + 1;
			epoch++;
			if
			:: quiet -> free_object(k)
			:: else -> cookie[k] = epoch
			fi;
			goto next
		:: true
		fi;
#endif
		d_step {
			published = k + 1;
			printf("updater publishes object %d\n", k + 1)
		};
		d_step {
			epoch++; /* (R1) */
			cookie[k] = epoch;
			printf("updater takes cookie %d for object %d\n", epoch, k)
		};
#endif
next:		k++
	:: else -> break
	od;
	ended++
}

active proctype Judge()
{
	byte i, seen, judged;
	bool quiet;

	i = 1;
	atomic {
		do
		:: i <= THREADS -> run Thread(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < DRIVERS -> run Driver(); i++
		:: else -> break
		od;
		i = 0;
		run Updater()
	};
	ended == THREADS + DRIVERS + 1;
	scan(epoch);
	assert(quiet) /* a reader that is gone blocks nothing */
}
