/* SPDX-License-Identifier: MIT */
/*
 * Amounts of levels that count at several ranks: lib/core/holding.c, with the ends of components of charge.c.
 *
 * Each thread works on a component of its own (or on one that it shares, MEMBERS=1); all components count against the
 * same groups. A thread consumes, releases, reserves and finishes, or states memory; it may die before any step, and
 * whoever takes over returns what its entry says, dying as well. A controller may end a component: it waits for the
 * sections under way, then takes what the component used for good off the groups.
 *
 *     level[r] <= LIMIT(r), always              no rank admits too much
 *     level[r] >= what is used for good below   no rank forgets what is used, so (1) bounds that, too
 *     in the end they are equal                 what was held is returned exactly once, at every rank
 *
 * From the code to the model:
 *
 *     holding_take()            TAKE, UNDO; the last step of a plain amount makes it permanent
 *     holding_release()         RELEASE, then GIVE_BACK of the groups
 *     holding_finish()          FINISH, then GIVE_BACK
 *     holding_grow(), _shrink() GROW, SHRINK
 *     holding_give_back()       GIVE_BACK
 *     holding_recover()         Recoverer
 *     holding_drop()            in Controller, by charge_settle()
 *
 * One step here is one landing together with the entry that says so: level.pml shows that recovery can tell whether it
 * landed, whoever overwrites it, so that both are one. Left out for that reason: intents, acknowledgements, slots.
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef MEMBERS
#define MEMBERS 2 /* components: thread t works on t % MEMBERS */
#endif
#ifndef RANKS
#define RANKS 2 /* the component included */
#endif
#ifndef OPS
#define OPS 2
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef ENDS
#define ENDS 0
#endif

#define OWN_LIMIT 2
#define GROUP_LIMIT 3
#define CONTROLLER THREADS

/* Rank 0 of member i is level[i]; rank r of all is level[MEMBERS + r - 1]. */
#define AT(member, rank) ((rank == 0 -> member : MEMBERS + rank - 1))
#define LIMIT(rank) (rank == 0 -> OWN_LIMIT : GROUP_LIMIT)
#define MEMBER (me % MEMBERS)

typedef entry_record {
	byte first, last, others, amount, rest
};

byte level[MEMBERS + RANKS - 1];
byte permanent[MEMBERS]; /* ghost: used for good, from the step that makes it so */
entry_record entry[THREADS + 1];
bit is_reserved[THREADS + 1]; /* ghost: the entry is what a caller holds */
bit is_dead[THREADS + 1];
bit in_section[THREADS];
bit is_ended[MEMBERS];
bit is_settled[MEMBERS];
byte member_of[THREADS + 1];
byte finished, deaths;
hidden byte new_amount, new_first, new_last, new_others;

/* What an entry holds at a rank. */
#define SHARE(e, r) (((r) >= entry[e].first && (r) < entry[e].last) -> \
		     ((r) + entry[e].others >= entry[e].last -> entry[e].rest : entry[e].amount) : 0)

#define set_entry(who, from, to, different, how_much) \
	d_step { \
		new_amount = how_much; \
		if \
		:: (from) >= (to) || (new_amount == 0 && (different) == 0) -> \
			entry[who].first = 0; entry[who].last = 0; entry[who].others = 0; entry[who].amount = 0 \
		:: else -> \
			new_first = from; new_last = to; new_others = different; \
			entry[who].first = new_first; entry[who].last = new_last; \
			entry[who].others = new_others; entry[who].amount = new_amount \
		fi \
	}

inline check()
{
	assert(level[0] <= OWN_LIMIT && level[0] >= permanent[0]);
#if MEMBERS > 1
	assert(level[1] <= OWN_LIMIT && level[1] >= permanent[1]);
	assert(level[MEMBERS] >= permanent[0] + permanent[1]);
#else
	assert(level[MEMBERS] >= permanent[0]);
#endif
	assert(level[MEMBERS] <= GROUP_LIMIT);
#if RANKS > 2
#if MEMBERS > 1
	assert(level[MEMBERS + 1] >= permanent[0] + permanent[1]);
#else
	assert(level[MEMBERS + 1] >= permanent[0]);
#endif
	assert(level[MEMBERS + 1] <= GROUP_LIMIT)
#endif
}

/* Before any step the thread may die. */
#define MAY_DIE \
	if \
	:: skip \
	:: atomic { deaths < DEATHS -> deaths++; goto died } \
	fi

/* Release at a rank, never below zero. */
#define lower(member, rank, much) \
	level[AT(member, rank)] = (level[AT(member, rank)] >= (much) -> level[AT(member, rank)] - (much) : 0)

/* Rank by rank; also what recovery does. `e` is whose entry. */
#define give_back(who, whose) \
	do \
	:: entry[who].last == 0 -> break \
	:: entry[who].last > 0 -> \
		MAY_DIE; \
		atomic { \
			part = SHARE(who, entry[who].first); \
			at = entry[who].first; \
			lower(whose, at, part); \
			if \
			:: entry[who].others > entry[who].last - at - 1 -> \
				set_entry(who, at + 1, entry[who].last, entry[who].last - at - 1, entry[who].amount) \
			:: else -> \
				set_entry(who, at + 1, entry[who].last, entry[who].others, entry[who].amount) \
			fi; \
			check() \
		} \
	od

/* All ranks or none of n; `kept`: held afterwards, else permanent. */
inline take(n, kept)
{
	rank = 0;
	do
	:: rank < RANKS ->
		MAY_DIE;
		atomic {
			if
			:: level[AT(MEMBER, rank)] + n > LIMIT(rank) -> break
			:: else ->
				level[AT(MEMBER, rank)] = level[AT(MEMBER, rank)] + n;
				if
				:: rank + 1 == RANKS && !kept ->
#ifdef CLEARED_LATER
					set_entry(me, 0, RANKS, 0, n);
#else
					set_entry(me, 0, 0, 0, 0);
#endif
					permanent[MEMBER] = permanent[MEMBER] + n
				:: else -> set_entry(me, 0, rank + 1, 0, n)
				fi;
				rank++
			fi;
			check()
		}
	:: else -> break
	od;
#ifdef CLEARED_LATER
	if
	:: rank == RANKS && !kept -> MAY_DIE; set_entry(me, 0, 0, 0, 0)
	:: else
	fi;
#endif
	if
	:: rank == RANKS -> is_reserved[me] = kept
	:: else ->
		do
		:: rank > 0 ->
			MAY_DIE;
			atomic {
				rank--;
				lower(MEMBER, rank, n);
#ifndef UNDO_FORGOTTEN
				set_entry(me, 0, rank, 0, n);
#endif
				check()
			}
		:: else -> break
		od;
#ifdef UNDO_FORGOTTEN
		MAY_DIE;
		set_entry(me, 0, 0, 0, 0)
#else
		skip
#endif
	fi
}

/* Plain: at most n of what the component uses; the groups get back just that. */
inline release(n)
{
	MAY_DIE;
	atomic {
		amount = (n < permanent[MEMBER] -> n : permanent[MEMBER]);
#ifdef RELEASE_AS_ASKED
		lower(MEMBER, 0, amount);
		permanent[MEMBER] = permanent[MEMBER] - amount;
		amount = n;
		set_entry(me, 1, RANKS, 0, amount);
#else
		lower(MEMBER, 0, amount);
		permanent[MEMBER] = permanent[MEMBER] - amount;
#ifndef RELEASE_WITHOUT_ENTRY
		set_entry(me, 1, RANKS, 0, amount);
#endif
#endif
		check()
	};
#ifdef RELEASE_WITHOUT_ENTRY
	rank = 1;
	do
	:: rank < RANKS -> MAY_DIE; atomic { lower(MEMBER, rank, amount); rank++; check() }
	:: else -> break
	od;
#endif
	give_back(me, MEMBER)
}

/* Of what is held, n become permanent at all ranks in one step. */
inline finish(n)
{
	MAY_DIE;
	atomic {
		is_reserved[me] = 0;
		amount = entry[me].amount - n;
		if
#ifndef KEPT_AFTER_END
		:: is_ended[MEMBER] -> skip /* nothing of it stays in use: all is given back below */
		:: !is_ended[MEMBER] ->
#else
		:: true ->
#endif
			permanent[MEMBER] = permanent[MEMBER] + n;
			if
			:: amount == 0 -> set_entry(me, 0, 0, 0, 0)
			:: else ->
				lower(MEMBER, 0, amount);
#ifdef FINISH_ALL
				set_entry(me, 1, RANKS, 0, entry[me].amount)
#else
				set_entry(me, 1, RANKS, 0, amount)
#endif
			fi
		fi;
		check()
	};
	give_back(me, MEMBER)
}

/* The share grows by one at each rank in turn. */
inline grow()
{
	before = entry[me].amount;
	entry[me].rest = before;
	rank = 0;
	do
	:: rank < RANKS ->
		MAY_DIE;
		atomic {
			if
			:: level[AT(MEMBER, rank)] + 1 > LIMIT(rank) -> break
			:: else ->
				level[AT(MEMBER, rank)] = level[AT(MEMBER, rank)] + 1;
				rank++;
#ifdef GROWN_AT_ONCE
				set_entry(me, 0, RANKS, 0, before + 1);
#else
				set_entry(me, 0, RANKS, RANKS - rank, before + 1);
#endif
			fi;
			check()
		}
	:: else -> break
	od;
	if
	:: rank == RANKS
	:: else ->
		do
		:: rank > 0 ->
			MAY_DIE;
			atomic {
				rank--;
				lower(MEMBER, rank, 1);
				set_entry(me, 0, RANKS, RANKS - rank, before + 1);
				check()
			}
		:: else -> break
		od;
		MAY_DIE;
		if
		:: entry[me].others == RANKS -> set_entry(me, 0, RANKS, 0, before)
		:: else
		fi
	fi
}

inline shrink()
{
	before = entry[me].amount;
	entry[me].rest = before;
	rank = 0;
	do
	:: rank < RANKS ->
		MAY_DIE;
		atomic {
			lower(MEMBER, rank, 1);
			rank++;
			set_entry(me, 0, RANKS, RANKS - rank, before - 1);
			check()
		}
	:: else -> break
	od;
	is_reserved[me] = entry[me].last > 0
}

proctype Thread(byte me)
{
	byte rank, amount, before, ops, part, at;

	member_of[me] = MEMBER;
	do
	:: ops < OPS ->
		atomic { in_section[me] = 1; ops++ };
		if
		:: atomic { is_ended[MEMBER] && !is_reserved[me] -> skip }
		:: atomic { is_ended[MEMBER] && is_reserved[me] -> skip }; finish(0)
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] -> skip }; take(1, 0)
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] -> skip }; take(2, 0)
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] -> skip }; take(2, 1)
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] -> skip }; take(1, 1)
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] && permanent[MEMBER] > 0 -> skip }; release(2)
		:: atomic { !is_ended[MEMBER] && is_reserved[me] -> skip }; finish(entry[me].amount)
		:: atomic { !is_ended[MEMBER] && is_reserved[me] -> skip }; finish(0)
		:: atomic { !is_ended[MEMBER] && is_reserved[me] && entry[me].amount == 2 -> skip }; finish(1)
		:: atomic { !is_ended[MEMBER] && is_reserved[me] -> skip }; grow()
		:: atomic { !is_ended[MEMBER] && is_reserved[me] -> skip }; shrink()
		fi;
		in_section[me] = 0
#ifdef KEPT_AFTER_END
		;
		if
		:: is_reserved[me] -> finish(entry[me].amount) /* outside of any section */
		:: skip
		fi
#endif
	:: else -> break
	od;
died:
	/* Clean exit and death are the same here: what it holds is returned by whoever takes over. A dead reader's
	 * section counts as left. */
	atomic { is_dead[me] = 1; in_section[me] = 0; finished++ }
}

#if THREADS > 1
#define NOTHING_HELD (entry[0].last == 0 && entry[1].last == 0 && entry[CONTROLLER].last == 0)
#else
#define NOTHING_HELD (entry[0].last == 0 && entry[CONTROLLER].last == 0)
#endif

/* Takes over dead entries; dies like everybody and is succeeded by the next. */
proctype Recoverer()
{
	byte part, at;

again:
	do
	:: is_dead[0] && entry[0].last > 0 -> give_back(0, member_of[0])
#if THREADS > 1
	:: is_dead[1] && entry[1].last > 0 -> give_back(1, member_of[1])
#endif
#if ENDS > 0
	:: is_dead[CONTROLLER] && entry[CONTROLLER].last > 0 -> give_back(CONTROLLER, 0)
#endif
	:: atomic { finished == THREADS + ENDS && NOTHING_HELD -> break }
	od;
	goto done;
died:
	goto again;
done:
	/* At rest: nothing is held, and every rank is exactly what is used for good. */
	atomic {
		assert(level[0] == permanent[0]);
		assert(!is_ended[0] || permanent[0] == 0);
#if MEMBERS > 1
		assert(level[1] == permanent[1]);
		assert(level[MEMBERS] == permanent[0] + permanent[1]);
#else
		assert(level[MEMBERS] == permanent[0]);
#endif
#if RANKS > 2
		assert(level[MEMBERS + 1] == level[MEMBERS])
#endif
	}
}

#if ENDS > 0
/* What all ledgers hold of the own level of member 0, or are about to. */
#define HELD_BY(e) (member_of[e] == 0 -> SHARE(e, 0) : 0)

proctype Controller()
{
	byte held, part, at;

	member_of[CONTROLLER] = 0;
	is_ended[0] = 1;
#ifndef SETTLED_EARLY
	/* The grace period: every section that could have found the component in force is over. */
	!in_section[0];
#if THREADS > 1
	!in_section[1];
#endif
#endif
	do
	:: permanent[0] == 0 && is_settled[0] -> break
	:: else ->
		MAY_DIE;
		atomic {
			held = HELD_BY(0);
#if THREADS > 1
			held = held + HELD_BY(1);
#endif
			held = (level[0] > held -> level[0] - held : 0);
			level[0] = level[0] - held;
			permanent[0] = (permanent[0] > held -> permanent[0] - held : 0);
			is_settled[0] = 1;
			set_entry(CONTROLLER, 1, RANKS, 0, held);
			check()
		};
		give_back(CONTROLLER, 0)
	od;
	atomic { is_dead[CONTROLLER] = 1; finished++; goto done };
died:
	atomic { is_dead[CONTROLLER] = 1 };
	/* Its successor begins anew, once what it had under way is returned. */
	entry[CONTROLLER].last == 0;
	is_dead[CONTROLLER] = 0;
	do
	:: permanent[0] == 0 && is_settled[0] -> break
	:: else ->
		atomic {
			held = HELD_BY(0);
#if THREADS > 1
			held = held + HELD_BY(1);
#endif
			held = (level[0] > held -> level[0] - held : 0);
			level[0] = level[0] - held;
			permanent[0] = (permanent[0] > held -> permanent[0] - held : 0);
			is_settled[0] = 1;
			lower(0, 1, held);
#if RANKS > 2
			lower(0, 2, held);
#endif
			check()
		}
	od;
	finished++;
done:
	skip
}
#endif

init
{
	atomic {
		run Thread(0);
#if THREADS > 1
		run Thread(1);
#endif
#if ENDS > 0
		run Controller();
#endif
		run Recoverer()
	}
}
