/* SPDX-License-Identifier: MIT */
/*
 * Amounts of levels that count at several ranks: lib/core/holding.c, with the ends of components of charge.c.
 *
 * Each thread works on a component of its own (or on one that it shares, MEMBERS=1); all components count against the
 * same groups. A thread consumes, releases, reserves and finishes, or states memory; it may die before any step, and
 * whoever takes over returns what its entry says, dying as well. A controller may end a component: it waits for the
 * sections under way, takes what the component used for good off the groups, and frees its place, of which nothing can
 * be told any more. With MISUSE=1 releases of the first component take whatever is there, also what others hold of it or
 * are about to take.
 *
 *     level[r] <= LIMIT(r), always              no rank admits too much
 *     level[r] >= what stands below it, always  no rank forgets what its members use, whoever releases what of them
 *     the difference is what entries say        so a group counts just what its members do, but for what is under way
 *     own levels >= what is used for good       unless it was released by somebody whose it was not
 *     in the end they are equal                 what was held is returned exactly once, at every rank
 *
 * From the code to the model:
 *
 *     holding_take()            TAKE, from the outermost rank inwards; the last step of a plain amount makes it permanent
 *     holding_release()         RELEASE, then GIVE_BACK of the groups
 *     holding_finish()          FINISH, then GIVE_BACK
 *     holding_grow(), _shrink() GROW, SHRINK, then GIVE_BACK as far as ranks differ
 *     holding_give_back()       GIVE_BACK: the groups get what the component's own rank had
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
#ifndef MISUSE
#define MISUSE 0
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
bit is_freed[MEMBERS];
byte member_of[THREADS + 1];
byte finished, deaths;
hidden byte new_amount, new_first, new_last, new_others;

/* What an entry holds at a rank: the last `others` have `rest`, never less than `amount`. */
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

/* What an entry holds at its component's own rank, while there is one. */
#define OWN(e) (is_freed[member_of[e]] -> 0 : SHARE(e, 0))

#if MEMBERS > 1
#define OWN_LEVELS (level[0] + level[1])
#else
#define OWN_LEVELS (level[0])
#endif
#if THREADS > 2
#define ALL(what) (what(0) + what(1) + what(2) + what(CONTROLLER))
#elif THREADS > 1
#define ALL(what) (what(0) + what(1) + what(CONTROLLER))
#else
#define ALL(what) (what(0) + what(CONTROLLER))
#endif
#define AT_GROUP(e) SHARE(e, 1)
#define AT_HOST(e) SHARE(e, 2)

inline check()
{
	assert(level[0] <= OWN_LIMIT && (MISUSE || level[0] >= permanent[0]));
#if MEMBERS > 1
	assert(level[1] <= OWN_LIMIT && level[1] >= permanent[1]);
#endif
	assert(level[MEMBERS] <= GROUP_LIMIT);
#ifndef TAKEN_OUTWARDS /* what becomes of it must be found, not only the order */
	assert(level[MEMBERS] >= OWN_LEVELS);
#endif
	assert(level[MEMBERS] + ALL(OWN) == OWN_LEVELS + ALL(AT_GROUP));
#if RANKS > 2
	assert(level[MEMBERS + 1] <= GROUP_LIMIT && level[MEMBERS + 1] >= level[MEMBERS]);
	assert(level[MEMBERS + 1] + ALL(AT_GROUP) == level[MEMBERS] + ALL(AT_HOST))
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

/* The most that can be given back at the component's own rank. */
#define at_most(member, much) (level[member] < (much) -> level[member] : (much))

/*
 * From the component outwards; also what recovery does. Where ranks differ, they are brought to the same amount first.
 * What the component's own rank gives back decides for the groups.
 */
#define give_back(who, whose) \
	do \
	:: entry[who].last == 0 -> break \
	:: entry[who].others > 0 -> even_out(who, whose) \
	:: entry[who].last > 0 && entry[who].others == 0 -> \
		MAY_DIE; \
		atomic { \
			at = entry[who].first; \
			part = entry[who].amount; \
			give_back_at(who, whose); \
			check() \
		} \
	od

#ifdef GROUPS_GET_ALL
#define what_groups_get(member, much) (much)
#else
#define what_groups_get(member, much) at_most(member, much)
#endif

#define give_back_at(who, whose) \
	if \
	:: at == 0 && is_freed[whose] \
	:: at == 0 && !is_freed[whose] -> \
		new_amount = what_groups_get(whose, part); \
		lower(whose, 0, part); \
		part = new_amount \
	:: else -> lower(whose, at, part) \
	fi; \
	set_entry(who, at + 1, entry[who].last, 0, part)

/* One of the ranks that have more gives the difference back, the nearest first. */
#define even_out(who, whose) \
	MAY_DIE; \
	atomic { \
		at = entry[who].last - entry[who].others; \
		part = entry[who].rest - entry[who].amount; \
		lower(whose, at, part); \
		set_entry(who, 0, entry[who].last, entry[who].others - 1, entry[who].amount); \
		check() \
	}

/* All ranks or none of n, the outermost first; `kept`: held afterwards, else permanent. */
inline take(n, kept)
{
#ifdef TAKEN_OUTWARDS
#define STEP (RANKS - rank)
#define set_taken() set_entry(me, 0, STEP + 1, 0, n)
#else
#define STEP (rank - 1)
#define set_taken() set_entry(me, STEP, RANKS, 0, n)
#endif
	rank = RANKS;
	do
	:: rank > 0 ->
		MAY_DIE;
		atomic {
			if
			:: level[AT(MEMBER, STEP)] + n > LIMIT(STEP) -> break
			:: else ->
				level[AT(MEMBER, STEP)] = level[AT(MEMBER, STEP)] + n;
				if
				:: rank == 1 && !kept ->
#ifdef CLEARED_LATER
					set_taken();
#else
					set_entry(me, 0, 0, 0, 0);
#endif
					permanent[MEMBER] = permanent[MEMBER] + n
				:: else -> set_taken()
				fi;
				rank--
			fi;
			check()
		}
	:: else -> break
	od;
#ifdef CLEARED_LATER
	if
	:: rank == 0 && !kept -> MAY_DIE; set_entry(me, 0, 0, 0, 0)
	:: else
	fi;
#endif
	if
	:: rank == 0 -> is_reserved[me] = kept
	:: else ->
#ifdef UNDO_FORGOTTEN
		do
		:: rank < RANKS -> MAY_DIE; atomic { lower(MEMBER, rank, n); rank++ }
		:: else -> break
		od;
		MAY_DIE;
		set_entry(me, 0, 0, 0, 0)
#else
		give_back(me, MEMBER)
#endif
	fi
}

#if MISUSE
#define RELEASABLE (MEMBER == 0 -> level[0] : permanent[MEMBER])
#else
#define RELEASABLE permanent[MEMBER]
#endif

/* Plain: at most n of what the component uses; the groups get back just that. */
inline release(n)
{
	MAY_DIE;
	atomic {
		amount = (n < RELEASABLE -> n : RELEASABLE);
		lower(MEMBER, 0, amount);
		permanent[MEMBER] = (permanent[MEMBER] > amount -> permanent[MEMBER] - amount : 0);
#ifdef RELEASE_AS_ASKED
		amount = n;
#endif
#ifdef RELEASE_WITHOUT_ENTRY
		rank = 1
	};
	do
	:: rank < RANKS -> MAY_DIE; atomic { lower(MEMBER, rank, amount); rank++ }
	:: else -> break
	od;
#else
		set_entry(me, 1, RANKS, 0, amount);
		check()
	};
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
			amount = at_most(MEMBER, amount);
			lower(MEMBER, 0, amount);
#ifdef FINISH_ALL
			if
			:: amount > 0 -> set_entry(me, 1, RANKS, 0, entry[me].amount)
			:: else -> set_entry(me, 0, 0, 0, 0)
			fi
#else
			set_entry(me, 1, RANKS, 0, amount)
#endif
		fi;
		check()
	};
	give_back(me, MEMBER)
}

/* The share grows by one at each rank in turn, the outermost first. */
inline grow()
{
	before = entry[me].amount;
	entry[me].rest = before + 1;
	rank = RANKS;
	do
	:: rank > 0 ->
		MAY_DIE;
		atomic {
			if
			:: level[AT(MEMBER, rank - 1)] + 1 > LIMIT(rank - 1) -> break
			:: else ->
				rank--;
				level[AT(MEMBER, rank)] = level[AT(MEMBER, rank)] + 1;
				if
#ifdef GROWN_AT_ONCE
				:: true -> set_entry(me, 0, RANKS, 0, before + 1)
#else
				:: rank == 0 -> set_entry(me, 0, RANKS, 0, before + 1)
				:: else -> set_entry(me, 0, RANKS, RANKS - rank, before)
#endif
				fi
			fi;
			check()
		}
	:: else -> break
	od;
	do
	:: entry[me].others > 0 -> even_out(me, MEMBER)
	:: else -> break
	od
}

/* The groups give back what the component's own rank can; until then they have that much more than it. */
inline shrink()
{
	before = entry[me].amount;
	do
	:: atomic { amount = at_most(MEMBER, 1); entry[me].rest = before - 1 + amount };
		MAY_DIE;
		atomic {
			if
			:: level[MEMBER] < amount -> skip /* somebody released: look again */
			:: else ->
				lower(MEMBER, 0, amount);
#ifdef SHRUNK_AS_ASKED
				entry[me].rest = before;
				amount = 1;
#endif
				set_entry(me, 0, RANKS, (amount > 0 -> RANKS - 1 : 0), before - 1);
				check();
				break
			fi
		}
	od;
	do
	:: entry[me].others > 0 -> even_out(me, MEMBER)
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
		:: atomic { !is_ended[MEMBER] && !is_reserved[me] && RELEASABLE > 0 -> skip }; release(2)
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

#define IS_HELD(e) (entry[e].last > 0)
#define NOTHING_HELD (ALL(IS_HELD) == 0)

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
#if THREADS > 2
	:: is_dead[2] && entry[2].last > 0 -> give_back(2, member_of[2])
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
		assert(MISUSE || level[0] == permanent[0]);
		assert(!is_ended[0] || level[0] == 0);
#if MEMBERS > 1
		assert(level[1] == permanent[1]);
#endif
		assert(level[MEMBERS] == OWN_LEVELS);
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
#if THREADS > 2
	!in_section[2];
#endif
#endif
again:
	do
#ifdef FREED_SHORT
	:: level[0] <= ALL(HELD_BY) -> break
#else
	/* Less than is held: its holders would give the groups more than there is. It waits for them. */
	:: level[0] == ALL(HELD_BY) -> break
#endif
	:: atomic {
			level[0] > ALL(HELD_BY) -> held = level[0] - ALL(HELD_BY);
			level[0] = level[0] - held;
			permanent[0] = (permanent[0] > held -> permanent[0] - held : 0);
			set_entry(CONTROLLER, 1, RANKS, 0, held);
			check()
		};
		give_back(CONTROLLER, 0)
	od;
	MAY_DIE;
	/* From now on its holders find it gone. */
	atomic { is_freed[0] = 1; level[0] = 0; permanent[0] = 0; check() };
	atomic { is_dead[CONTROLLER] = 1; finished++; goto done };
died:
	atomic { is_dead[CONTROLLER] = 1 };
	/* Its successor begins anew, once what it had under way is returned. */
	atomic { entry[CONTROLLER].last == 0 -> is_dead[CONTROLLER] = 0 };
	goto again;
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
#if THREADS > 2
		run Thread(2);
#endif
#if ENDS > 0
		run Controller();
#endif
		run Recoverer()
	}
}
