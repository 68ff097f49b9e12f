/* SPDX-License-Identifier: MIT */
/*
 * Publishing a whole policy by one store: lib/core/publication.c, with the entries of directory.c.
 *
 * Controllers publish policies, each a set of NAMES chosen at will with limits of its own, or give up half-way, or
 * unregister a name and reclaim what they can. They may die after any step; the next one steals the lock and
 * recovers. Readers look a name up, in one section or in an earlier one, and read two limits of what they found.
 *
 *     whoever finds a name finds it in the policy in force    no staged name is seen, no dropped one
 *     both limits are of that policy                          no mixed policy, also not by a table filled anew
 *     an entry is what it was while a section uses it
 *
 * From the code to the model, every access of shared memory one step, but those of free entries and staged tables that
 * belong together:
 *
 *     directory_find(), directory_at(), directory_is_current()    Reader, look up (D2, D3, D4, D5)
 *     directory_quota()                                           quota(): generation (D1), genstate (D2), flags (D3)
 *     publication_begin()                                         wait for table_cookie, carry over
 *     publication_declare()                                       declare(): allocate, prepare, link, commit, or revive
 *     publication_commit()                                        the switch (D1), table_cookie, sweep()
 *     publication_abort()                                         sweep()
 *     directory_retire()                                          retire(): end, PRESENT, link, cookie
 *     directory_recover()                                         recover()
 *     directory_unregister(), directory_housekeep()               in Controller
 *     controller_lock()                                           LOCK (C1)
 *
 * Sequentially consistent. A grace period is one step here: readers state the epoch in one step, a controller waits
 * until no section is older than its cookie; grace_period.pml shows that this is so. Chains are a bit per entry,
 * `linked`. Left out: components registered at run time, trackers, the order within chains. Readers do not die: one
 * that does is one that leaves its section, for what is asked here.
 */
#ifndef READERS
#define READERS 1
#endif
#ifndef SECTIONS
#define SECTIONS 2
#endif
#ifndef CONTROLLERS
#define CONTROLLERS 2 /* each publishes once or gives up */
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef ENTRIES
#define ENTRIES 2
#endif
#ifndef NAMES
#define NAMES 2
#endif

#define FREE 0
#define LIVE 1
#define DYING 2

typedef quota_record {
	bit present, declared;
	byte limit, other_limit
};
typedef quota_table {
	quota_record record[ENTRIES]
};
typedef entry_record {
	byte life, state; /* genstate, one word */
	byte name;
	bit linked;
	byte cookie
};
quota_table table[2];
entry_record entry[ENTRIES];
byte generation;
byte table_cookie;
byte epoch = 1;
byte ctr[READERS];
byte lock;

/* What is known of it from outside: policies have the number of the controller that wrote them, 0 is the empty one. */
byte policy_of[CONTROLLERS + 1]; /* by generation */
byte names_of[CONTROLLERS + 1];  /* by policy, a bit per name */
bit dead[CONTROLLERS + 1];
byte deaths;
byte turn;

#define HAS(g, n) ((names_of[policy_of[g]] >> (n)) & 1)
#define QUIET(c) (ctr[0] == 0 || ctr[0] / 2 >= (c))
#if READERS > 1
#define ALL_QUIET(c) (QUIET(c) && (ctr[1] == 0 || ctr[1] / 2 >= (c)))
#else
#define ALL_QUIET(c) QUIET(c)
#endif

/* directory_reclaim() */
#ifdef NO_GRACE_PERIOD
#define RECLAIMABLE(i) (entry[i].state == DYING)
#else
#define RECLAIMABLE(i) (entry[i].state == DYING && ALL_QUIET(entry[i].cookie))
#endif

/* directory_quota(): sets `is_found` and g. */
inline quota()
{
	g = generation; /* (D1) */
	if
	:: atomic { entry[i].life != life || entry[i].state != LIVE -> is_found = false } /* (D2) */
	:: atomic { entry[i].life == life && entry[i].state == LIVE } ->
#ifdef NO_PRESENT
		is_found = true
#else
		is_found = table[g & 1].record[i].present /* (D3) */
#endif
	fi
}

proctype Reader(byte r)
{
	byte sections, n, i, life, g, seen, seen_too;
	bool is_found;

	do
	:: sections < SECTIONS ->
		if
		:: n = 0
#if NAMES > 1
		:: n = 1
#endif
		fi;
		ctr[r] = epoch * 2 + 1;
		/* directory_find() */
		do
		:: i < ENTRIES ->
			if
			:: entry[i].linked && entry[i].name == n -> /* (D4); the name may be of another life yet */
				atomic { life = entry[i].life; is_found = (entry[i].state == LIVE) }; /* (D2) */
				if
				:: is_found -> quota()
				:: else
				fi;
				if
				:: is_found ->
					is_found = (entry[i].name == n);
					if
					:: is_found -> quota() /* (D5) */
					:: else
					fi
				:: else
				fi;
				if
				:: is_found -> assert(HAS(g, n)); break
				:: else
				fi
			:: else
			fi;
			i++
		:: else -> break
		od;
		if
		:: is_found ->
			/* operation_begin(), in this section or in a later one */
			if
			:: true -> ctr[r] = 0; ctr[r] = epoch * 2 + 1
			:: true
			fi;
			quota();
			if
			:: is_found ->
				assert(HAS(g, n));
				seen = table[g & 1].record[i].limit;
				seen_too = table[g & 1].record[i].other_limit;
				printf("reader finds name %d under policy %d: limits %d %d\n", n, policy_of[g], seen, seen_too);
				assert(seen == policy_of[g] && seen_too == policy_of[g]);
				assert(entry[i].name == n && entry[i].life == life)
			:: else
			fi
		:: else
		fi;
		atomic {
			ctr[r] = 0;
			i = 0;
			n = 0;
			life = 0;
			g = 0;
			seen = 0;
			seen_too = 0;
			is_found = false;
			sections++
		}
	:: else -> break
	od
}

/* Of entry i: entry_end(), unlink, entry_wait(). */
inline retire()
{
	entry[i].state = DYING;
	table[in_force].record[i].present = 0;
	if
	:: !table[in_force].record[i].declared -> entry[i].linked = 0
	:: else
	fi;
	take_cookie();
	entry[i].cookie = cookie
}

inline take_cookie()
{
	atomic { epoch++; cookie = epoch }
}

#define BELONGS(i) (table[in_force].record[i].declared || (entry[i].state == LIVE && table[in_force].record[i].present))

inline recover()
{
	atomic { i = 0 };
	/* recover_chains() */
	do
	:: i < ENTRIES ->
		if
		:: entry[i].linked && !BELONGS(i) ->
			entry[i].state = DYING;
			table[in_force].record[i].present = 0;
			entry[i].linked = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	/* recover_entry() */
	do
	:: i < ENTRIES ->
		if
		:: entry[i].state == LIVE && table[in_force].record[i].present
		:: else ->
			if
			:: entry[i].state == LIVE -> entry[i].state = DYING
			:: else
			fi;
			if
			:: entry[i].state == DYING -> take_cookie(); entry[i].cookie = cookie
			:: else
			fi;
			table[in_force].record[i].present = 0
		fi;
		i++
	:: else -> break
	od;
	atomic { i = 0 };
#ifndef NO_RECOVERY_COOKIE
	take_cookie();
	table_cookie = cookie
#endif
}

#define UNRESERVED(i) table[1 - in_force].record[i].declared && !table[in_force].record[i].declared

inline sweep()
{
	i = 0;
	do
	:: i < ENTRIES ->
		if
		:: entry[i].state == LIVE && !table[in_force].record[i].present -> retire()
		:: entry[i].state != LIVE && is_published && UNRESERVED(i) -> retire()
		:: else
		fi;
		i++
	:: else -> break
	od;
	atomic { i = 0; cookie = 0 }
}

/* directory_lookup() of name n: one that is LIVE, else one that is reserved. */
inline look_up()
{
	atomic {
		i = 0;
		j = ENTRIES;
		do
		:: i < ENTRIES ->
			if
			:: entry[i].linked && entry[i].name == n && (j == ENTRIES || entry[i].state == LIVE) -> j = i
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = j
	}
}

/* Of name n. */
inline declare()
{
	look_up();
	if
	:: i < ENTRIES && entry[i].state == LIVE
	:: i < ENTRIES && entry[i].state == FREE ->
		atomic { entry[i].life++; entry[i].state = LIVE } /* directory_revive() */
	:: i == ENTRIES || entry[i].state == DYING ->
		/* directory_allocate() */
		i = 0;
		do
		:: i < ENTRIES ->
			if
			:: RECLAIMABLE(i) -> entry[i].state = FREE
			:: else
			fi;
			if
			:: entry[i].state == FREE && !table[in_force].record[i].declared -> break
			:: else -> i++
			fi
		:: else -> break
		od;
		if
		:: i < ENTRIES ->
			/* directory_prepare(), directory_commit() */
			entry[i].name = n;
			entry[i].linked = 1;
			atomic { entry[i].life++; entry[i].state = LIVE }
		:: else
		fi
	fi;
	if
	:: i < ENTRIES ->
		/* quota_store() */
#ifdef INTO_ACTIVE_TABLE
		table[in_force].record[i].limit = me;
#else
		table[1 - in_force].record[i].limit = me;
#endif
		table[1 - in_force].record[i].other_limit = me;
		atomic { table[1 - in_force].record[i].present = 1; table[1 - in_force].record[i].declared = 1 };
		atomic { names_of[me] = names_of[me] | (1 << n) }
	:: else /* -ENOSPC: without it */
	fi;
	atomic { i = 0; j = 0 }
}

inline clear_controller()
{
	atomic {
		i = 0;
		j = 0;
		n = 0;
		in_force = 0;
		cookie = 0;
		is_published = false;
		must_recover = false
	}
}

proctype Controller(byte me)
{
	byte i, j, n, in_force, cookie;
	bool is_published, must_recover;

	{
		/* They take turns in the order of their numbers: they are all alike. */
		atomic {
			turn == me - 1 && (lock == 0 || dead[lock]) ->
			turn = me;
			must_recover = (lock != 0);
			lock = me; /* LOCK (C1) */
			printf("controller %d has the lock\n", me)
		};
		in_force = generation & 1;
		if
		:: must_recover -> recover()
		:: else
		fi;
		/* directory_unregister(), directory_housekeep() */
		if
		:: n = NAMES - 1;
			look_up();
			if
			:: i < ENTRIES && entry[i].state == LIVE -> retire()
			:: else
			fi;
			i = 0;
			do
			:: i < ENTRIES ->
				if
				:: RECLAIMABLE(i) -> entry[i].state = FREE
				:: else
				fi;
				i++
			:: else -> break
			od;
			goto unlock
		:: true
		fi;
		/* publication_begin() */
#ifndef NO_TABLE_COOKIE
		ALL_QUIET(table_cookie);
#endif
		do
		:: i < ENTRIES ->
			atomic {
				table[1 - in_force].record[i].present = 0;
				table[1 - in_force].record[i].declared = 0
			};
			i++
		:: else -> i = 0; break
		od;
		do
		:: n < NAMES ->
			if
			:: declare()
			:: true
			fi;
			n++
		:: else -> break
		od;
		if
		:: true ->
			/* publication_commit() */
			atomic {
				generation++; /* (D1) */
				policy_of[generation] = me;
				printf("policy %d with names %d is generation %d\n", me, names_of[me], generation)
			};
			atomic { in_force = 1 - in_force; is_published = true };
			take_cookie();
			table_cookie = cookie
		:: true /* publication_abort() */
		fi;
		sweep();
unlock:		atomic { lock = 0; printf("controller %d is done\n", me) }
	} unless {
		atomic { dead[me] -> printf("controller %d dies\n", me) }
	};
	clear_controller()
}

/* What the kernel does to them. */
proctype Killer()
{
end:	do
	:: d_step { deaths < DEATHS && lock != 0 && !dead[lock] -> dead[lock] = 1; deaths++ }
	od
}

init {
	byte i;

	atomic {
		run Killer();
		do
		:: i < CONTROLLERS -> i++; run Controller(i)
		:: else -> break
		od;
		i = 0;
		do
		:: i < READERS -> run Reader(i); i++
		:: else -> break
		od;
		i = 0
	}
}
