/* SPDX-License-Identifier: MIT */
/*
 * Levels, and what threads hold of them: lib/core/level.h, level.c, ledger.c, and the taking over of slots in worker.c.
 *
 * Threads claim a slot, return what its dead owner held, take, give back and keep parts of a level as that slot,
 * return what they still hold and free the slot. Plain threads take and release without a ledger. Threads die after
 * any step; so do those who are just recovering another one's slot, several in turn. When all have ended or died, a
 * reaper, who is a thread as any but does not die, recovers what is left.
 *
 *     0 <= in - out <= LIMIT                          after each change
 *     what was held is returned exactly once          owed[]: what the level still contains of each slot's holdings,
 *                                                     known from outside; 0 whenever a slot was recovered
 *     the entry says what is owed                     whenever no operation is under way
 *     a refusal was true when the level was read
 *     a reset leaves what is held                     used[] is never below 0
 *     of two levels both are taken or none            PAIRS
 *     everything can be recovered                     no deadlock, and the reaper finds all words in agreement
 *
 * From the code to the model, every access of shared memory one step:
 *
 *     slot_claim()                  CLAIM: the compare-and-swap is the only lock there is (K1)
 *     worker_slot_free()            FREE
 *     ledger_take()                 hold()
 *     ledger_release()              give()
 *     ledger_forget()               keep()
 *     intent_begin(), intent_end()  intent_begin(), intent_end() (I1, I2, I3)
 *     level_take_as()               take() (L1, L2); self 0 is a plain thread
 *     level_release_as()            release() (L1, L2)
 *     level_acknowledge()           acknowledge() (L3)
 *     ledger_recover()              recover(), from slot_return_holdings()
 *     take_both()                   with PAIRS: level 0 is held until level 1 is taken, which commits it
 *     tracker_reset()               with RESETS: Resetter
 *
 * Sequentially consistent, which on x86 is exact but for the owner's own stores (intent, state, held): those are
 * performed in order, and before the next compare-and-swap. Left out: read sections (grace_period.pml), a component
 * that goes away (its levels go with it), wrapping, damage, peaks, the process-private lock by which threads of one
 * process share a ledger, and entry numbers: each slot holds one entry, to which is added as shmq_memory_set() does.
 * `entry` and `after` of an intent are read only by who sees a state that is not IDLE, so they are stored in one step
 * with it.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef PLAIN
#define PLAIN 0 /* plain threads */
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef OPS
#define OPS 2 /* of each thread; it may do fewer */
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef AMOUNT
#define AMOUNT 1 /* the most that is taken at once */
#endif
#ifdef PAIRS
#define LEVELS 2
#else
#define LEVELS 1
#endif

/* The words of level v. The entry is always of level 0; level 1 is there with PAIRS only. */
#define IN(v) (2 * (v))
#define OUT(v) (2 * (v) + 1)
#define IDLE 0
#define PENDING 1
#define DONE 2
#define REAPER (THREADS + 1)

/* Shared memory. Each typedef with two fields is one 64-bit word. */
typedef level_word {
	byte writer, amount
};
typedef state_word {
	byte kind, count
};
level_word word[2 * LEVELS];
state_word state[SLOTS];
byte intent_word[SLOTS];
byte intent_before[SLOTS];
byte intent_after[SLOTS];
byte held[SLOTS];
byte owner[SLOTS];

/* What is known of it from outside. */
bit dead[REAPER + 1];
byte deaths, ended, claims;
short owed[SLOTS];
short used[LEVELS]; /* taken by plain operations, and what was kept */

#define LEVEL(v) (word[IN(v)].amount - word[OUT(v)].amount)

inline check_level(v)
{
	assert(word[OUT(v)].amount <= word[IN(v)].amount);
	assert(LEVEL(v) <= LIMIT)
}

/* For an operation of slot s on word w, which changes what is held by d. */
inline intent_begin(w, after)
{
	before = word[w].amount;
	intent_word[s] = w; /* (I1) */
	intent_before[s] = before;
	atomic {
		intent_after[s] = after;
#ifndef NO_COUNT
		state[s].count++;
#endif
		state[s].kind = PENDING; /* (I2) */
		before = 0
	}
}

inline intent_end()
{
	state[s].kind = IDLE /* (I3) */
}

inline entry_set(w, amount)
{
#ifdef ADD_TO_ENTRY
	held[s] = ((w) % 2 == 0 -> held[s] + amount : held[s] - amount)
#else
	held[s] = amount
#endif
}

/* Say that the writer of the word just seen has landed, before it is overwritten. */
inline acknowledge(w)
{
#ifndef NO_ACKNOWLEDGEMENT
	if
	:: seen.writer != 0 && seen.writer != self ->
		/* (L3) */
#ifndef ACKNOWLEDGER_STATE_FIRST
		atomic { old.kind = state[seen.writer - 1].kind; old.count = state[seen.writer - 1].count };
#endif
		if
#ifndef NO_WORD_CHECK
		:: old.kind == PENDING && intent_word[seen.writer - 1] == w ->
#else
		:: old.kind == PENDING ->
#endif
			if
#ifndef NO_BEFORE
			:: seen.amount > intent_before[seen.writer - 1] ->
#else
			:: true ->
#endif
				atomic {
					if
#ifdef ACKNOWLEDGE_PLAIN_STORE
					:: true ->
						state[seen.writer - 1].count = old.count;
#else
					:: state[seen.writer - 1].kind == PENDING && state[seen.writer - 1].count == old.count ->
#endif
						state[seen.writer - 1].kind = DONE;
						printf("slot %d is told that it landed\n", seen.writer - 1)
#ifndef ACKNOWLEDGE_PLAIN_STORE
					:: else
#endif
					fi
				}
#ifndef NO_BEFORE
			:: else
#endif
			fi
		:: else
		fi;
		atomic { old.kind = 0; old.count = 0 }
	:: else
	fi
#else
	skip
#endif
}

/* Load a word, the state of its writer either after it or, wrongly, before it. */
inline look(v, w)
{
#ifdef ACKNOWLEDGER_STATE_FIRST
	atomic { seen.writer = word[w].writer };
	atomic {
		old.kind = (seen.writer == 0 -> IDLE : state[(seen.writer == 0 -> 0 : seen.writer - 1)].kind);
		old.count = (seen.writer == 0 -> 0 : state[(seen.writer == 0 -> 0 : seen.writer - 1)].count)
	};
	atomic {
		if
		:: seen.writer != word[w].writer -> old.kind = IDLE
		:: else
		fi;
		seen.writer = word[w].writer;
		seen.amount = word[w].amount;
		is_true = (LEVEL(v) + d > LIMIT)
	}
#else
	atomic { seen.writer = word[w].writer; seen.amount = word[w].amount; is_true = (LEVEL(v) + d > LIMIT) }
#endif
}

/* Sets taken. `self` is the slot's number and 1, or 0. */
inline take(v)
{
	out = word[OUT(v)].amount; /* (L1) */
	look(v, IN(v));
	do
	:: seen.amount - out + d > LIMIT ->
#ifndef NO_RECHECK
		atomic {
			if
			:: word[OUT(v)].amount != out -> out = word[OUT(v)].amount; /* (L1) */
			:: else -> out = 255
			fi
		};
		if
		:: out != 255 -> look(v, IN(v))
		:: else ->
#endif
			atomic {
				printf("refused %d as %d\n", d, self);
				assert(is_true);
				taken = false;
				break
			}
#ifndef NO_RECHECK
		fi
#endif
	:: else ->
		acknowledge(IN(v));
		atomic {
			if
			:: word[IN(v)].writer == seen.writer && word[IN(v)].amount == seen.amount -> /* (L2) */
				word[IN(v)].writer = self;
				word[IN(v)].amount = seen.amount + d;
				taken = true;
				printf("took %d as %d: in %d, out %d\n", d, self, word[IN(v)].amount, word[OUT(v)].amount);
				if
				:: self != 0 && v == 0 -> owed[self - 1] = owed[self - 1] + d
				:: else ->
					used[v] = used[v] + d;
					if
					:: v == 0
					:: else -> /* which commits what is held of level 0 */
						used[0] = used[0] + owed[self - 1];
						owed[self - 1] = 0
					fi
				fi;
				check_level(v);
				break
			:: else
			fi
		};
		look(v, IN(v))
	od;
	atomic { seen.writer = 0; seen.amount = 0; out = 0; is_true = false; old.kind = 0; old.count = 0 }
}

/* Release r; of what is then left of the slot's holdings, `left` stays owed and the rest is used from now on. */
inline release(r, left)
{
	look(0, OUT(0));
	do
	:: true ->
		atomic {
			d = word[IN(0)].amount - seen.amount; /* (L2) */
			d = ((r) < d -> (r) : d);
			if
			:: d == 0 -> break
			:: else
			fi
		};
		acknowledge(OUT(0));
		atomic {
			if
			:: word[OUT(0)].writer == seen.writer && word[OUT(0)].amount == seen.amount -> /* (L1) */
				word[OUT(0)].writer = self;
				word[OUT(0)].amount = seen.amount + d;
				printf("released %d as %d: in %d, out %d\n", d, self, word[IN(0)].amount, word[OUT(0)].amount);
				if
				:: self != 0 ->
					used[0] = used[0] + owed[self - 1] - (r) - (left);
					owed[self - 1] = (left)
				:: else -> used[0] = used[0] - d
				fi;
				check_level(0);
				assert(used[0] >= 0); /* the level has what is held of it */
				break
			:: else
			fi
		};
		look(0, OUT(0))
	od;
	atomic { seen.writer = 0; seen.amount = 0; d = 0; is_true = false; old.kind = 0; old.count = 0 }
}

/* ledger_take() of d from level v; the entry then holds `then`. */
inline hold(v, then)
{
#ifdef ADD_TO_ENTRY
#define AFTER_TAKING(then) (then) - held[s]
#define AFTER_GIVING(left) held[s] - (left)
#else
#define AFTER_TAKING(then) (then)
#define AFTER_GIVING(left) left
#endif
	after = AFTER_TAKING(then);
#ifndef INTENT_AFTER_CAS
	intent_begin(IN(v), after);
#endif
	take(v);
#ifdef INTENT_AFTER_CAS
	intent_begin(IN(v), after);
#endif
#ifdef IDLE_BEFORE_ENTRY
	intent_end();
#endif
	if
	:: taken -> entry_set(IN(v), after)
	:: else
	fi;
#ifndef IDLE_BEFORE_ENTRY
	intent_end();
#endif
	atomic { after = 0; was_taken = taken; taken = false }
}

/* ledger_release() of r; the entry then holds `left`. */
inline give(r, left)
{
	atomic { amount = (r); after = AFTER_GIVING(left) };
	intent_begin(OUT(0), after);
	release(amount, left);
#ifdef IDLE_BEFORE_ENTRY
	intent_end();
#endif
	entry_set(OUT(0), after);
#ifndef IDLE_BEFORE_ENTRY
	intent_end();
#endif
	atomic { amount = 0; after = 0 }
}

/* ledger_forget() of all. */
inline keep()
{
	atomic { used[0] = used[0] + owed[s]; owed[s] = 0; held[s] = 0 }
}

/* ledger_recover() of slot s, which is ours now. */
inline recover()
{
	/* recover_intent() */
	if
	:: state[s].kind != IDLE -> /* (I2) */
		/* intent_has_landed() */
#ifdef RECOVERER_STATE_FIRST
		taken = (state[s].kind == DONE);
#endif
		atomic {
			seen.writer = word[intent_word[s]].writer;
			seen.amount = word[intent_word[s]].amount /* (L3) */
		};
#ifndef RECOVERER_STATE_FIRST
		taken = (state[s].kind == DONE); /* (L3) */
#endif
		atomic {
#ifdef RECOVERER_NO_BEFORE
			taken = taken || seen.writer == self;
#else
			taken = taken || (seen.writer == self && seen.amount > intent_before[s]);
#endif
			seen.writer = 0;
			seen.amount = 0;
			printf("slot %d was in an operation, landed: %d\n", s, taken)
		};
		if
		:: taken -> entry_set(intent_word[s], intent_after[s])
		:: else
		fi;
		atomic { intent_end(); taken = false }
	:: else
	fi;
	/* return_holding() */
	if
	:: held[s] > 0 ->
#ifdef RETURN_WITHOUT_INTENT
		amount = held[s];
		release(amount, 0);
		atomic { held[s] = 0; amount = 0 }
#else
		give(held[s], 0)
#endif
	:: else
	fi;
	assert(owed[s] == 0)
}

#define MAY_CLAIM(i) (owner[i] == 0 || dead[owner[i]]) && (me <= claims + 1) && (me != REAPER || owner[i] != 0)
#define CLAIM_SLOT(i)												       \
	:: d_step {												       \
		MAY_CLAIM(i) ->											       \
		claims = (me > claims && me != REAPER -> me : claims);						       \
		owner[i] = me; /* (K1) */									       \
		s = i;												       \
		printf("thread %d claims slot %d\n", me, i)							       \
	}

#if SLOTS == 1
#define ALL_FREE (owner[0] == 0)
#define OWNS(i) (owner[0] == i)
#elif SLOTS == 2
#define ALL_FREE (owner[0] + owner[1] == 0)
#define OWNS(i) (owner[0] == i || owner[1] == i)
#else
#define ALL_FREE (owner[0] + owner[1] + owner[2] == 0)
#define OWNS(i) (owner[0] == i || owner[1] == i || owner[2] == i)
#endif

inline die_cleanly()
{
	atomic {
		s = 0;
		self = 0;
		ops = 0;
		d = 0;
		before = 0;
		after = 0;
		amount = 0;
		out = 0;
		is_true = false;
		taken = false;
		was_taken = false;
		seen.writer = 0;
		seen.amount = 0;
		old.kind = 0;
		old.count = 0;
		ended++
	}
}

proctype Thread(byte me)
{
	byte s, self, ops, d, before, after, amount, out;
	bool taken, was_taken, is_true;
	level_word seen;
	state_word old;

	{
		/* The reaper comes when all others are gone, and again until it has nothing left to do. */
		(me != REAPER || ended == THREADS + PLAIN);
claim:		if
#ifdef CLAIM_PLAIN_STORE
		:: d_step { MAY_CLAIM(0) -> claims = (me > claims && me != REAPER -> me : claims) } ->
			owner[0] = me
#else
		CLAIM_SLOT(0)
#endif
#if SLOTS > 1
		CLAIM_SLOT(1)
#endif
#if SLOTS > 2
		CLAIM_SLOT(2)
#endif
		:: atomic { me == REAPER && ALL_FREE -> goto finish }
		fi;
		self = s + 1;
#ifdef FREE_EARLY
		owner[s] = 0;
#endif
#ifndef NO_RECOVERY
		recover();
#endif
		do
		:: ops < OPS && me != REAPER ->
			if
#ifndef PAIRS
			:: d = 1; hold(0, held[s] + 1)
#if AMOUNT > 1
			:: d = 2; hold(0, held[s] + 2)
#endif
#else
			/* take_both(): level 0 is held until level 1 is taken, which commits it. */
			:: held[s] == 0 ->
				d = 1;
				hold(0, 1);
				if
				:: was_taken ->
					was_taken = false;
					hold(1, 0);
					d = 0;
					if
					:: !was_taken -> give(1, 0)
					:: else
					fi
				:: else
				fi
#endif
			:: held[s] > 0 -> give(1, held[s] - 1) /* shmq_memory_set() to less */
			:: held[s] > 1 -> give(1, 0)           /* shmq_commit() of less than reserved */
			:: held[s] > 0 -> give(held[s], 0)     /* shmq_cancel() */
			:: held[s] > 0 -> keep()               /* shmq_commit() of all */
			fi;
			atomic { assert(held[s] == owed[s]); ops++; d = 0; was_taken = false }
		:: true -> break
		od;
		/* slot_detach() */
#ifndef NO_RECOVERY
		recover();
#endif
		atomic {
			owner[s] = 0; /* FREE (K1) */
			printf("thread %d frees slot %d\n", me, s);
			s = 0;
			self = 0;
			if
			:: me == REAPER -> goto claim
			:: else
			fi
		};
finish:		skip
	} unless {
		atomic { dead[me] -> printf("thread %d dies\n", me) }
	};
	atomic {
		if
		:: me == REAPER ->
			assert(LEVEL(0) == used[0]);
#ifdef PAIRS
			assert(LEVEL(1) == used[1]);
			assert(used[0] == used[1]); /* both or none */
#endif
			assert(owner[0] == 0 && state[0].kind == IDLE && held[0] == 0)
		:: else
		fi
	};
	die_cleanly()
}

/* A plain thread holds nothing that a recoverer could return: when it dies, what it took stays used. */
proctype Plain()
{
	byte self, ops, d, out, mine;
	bool taken, is_true;
	level_word seen;
	state_word old;

	do
	:: ops < OPS ->
		if
		:: d = 1; take(0); mine = mine + (taken -> d : 0)
		:: mine > 0 -> release(1, 0); mine--
		fi;
		atomic { taken = false; d = 0; ops++ }
	:: true -> break
	od;
	atomic { out = 0; d = 0; ops = 0; mine = 0; ended++ }
}

#ifdef RESETS
/* tracker_reset() of the level: drops what is used and not held, while others work. */
proctype Resetter()
{
	byte self, resets, d, i, dropped, sum, out;
	bool is_true, is_pending;
	level_word seen;
	state_word old;

	do
	:: resets < RESETS ->
again:		/* level_read() */
		out = word[OUT(0)].amount;
		do
		:: true ->
			sum = word[IN(0)].amount - out;
			atomic {
				if
				:: word[OUT(0)].amount == out ->
#ifdef RESET_AT_ONCE
					seen.writer = word[OUT(0)].writer;
					seen.amount = out;
#endif
					out = 0;
					dropped = sum;
					sum = 0;
					break
				:: else -> out = word[OUT(0)].amount
				fi
			}
		od;
		/* ledger_sum() */
		do
		:: i < SLOTS ->
			if
			:: owner[i] != 0 ->
				is_pending = (state[i].kind != IDLE);
				d = (is_pending -> intent_after[i] : 0);
				atomic { sum = sum + (held[i] > d -> held[i] : d); is_pending = false; d = 0 }
			:: else
			fi;
			i++
		:: else -> break
		od;
		/* level_reset() */
		atomic {
			printf("reset: used was %d, held is %d\n", dropped, sum);
			i = 0;
			dropped = (dropped > sum -> dropped - sum : 0);
			sum = 0
		};
		if
		:: dropped > 0 ->
#ifdef RESET_AT_ONCE
			acknowledge(OUT(0));
			atomic {
				if
				:: word[OUT(0)].writer == seen.writer && word[OUT(0)].amount == seen.amount ->
					word[OUT(0)].writer = 0;
					word[OUT(0)].amount = seen.amount + dropped;
					used[0] = used[0] - dropped;
					check_level(0);
					assert(used[0] >= 0)
				:: else -> dropped = 0; seen.writer = 0; seen.amount = 0; goto again
				fi
			}
#else
			release(dropped, 0)
#endif
		:: else
		fi;
		atomic { dropped = 0; seen.writer = 0; seen.amount = 0; resets++ }
	:: else -> break
	od
}
#endif

/* What the kernel does to them. */
#define KILL(i)													       \
	:: d_step { deaths < DEATHS && !dead[i] && OWNS(i) -> dead[i] = 1; deaths++ }
proctype Killer()
{
end:	do
	KILL(1)
#if THREADS > 1
	KILL(2)
#endif
#if THREADS > 2
	KILL(3)
#endif
#if THREADS > 3
	KILL(4)
#endif
	od
}

init {
	byte i;

	atomic {
		run Killer();
		do
		:: i < REAPER -> i++; run Thread(i)
		:: else -> break
		od;
#ifdef RESETS
		run Resetter();
#endif
		i = 0;
		do
		:: i < PLAIN -> i++; run Plain()
		:: else -> break
		od;
		i = 0
	}
}
