/* SPDX-License-Identifier: MIT */
/*
 * A segment as one process has it: two mappings, the geometry in private memory, and what tells a forked child from its
 * parent.
 *
 * The policy object is mapped read-only by everybody, controllers too. A controller has a second, writable mapping,
 * which the kernel leaves out of a forked child and whose address stands in a page that it wipes there: a worker forked
 * by a controller cannot change a limit, whatever it does to its own memory.
 */
#ifndef SHMQ_SHM_SEGMENT_H
#define SHMQ_SHM_SEGMENT_H

#include "shm/layout.h"

#define SEGMENT_ORDINALS 250

struct handle_cache;

/* Which entry of which ledger, the slot plus 1; zero is none. */
struct segment_holding {
	uint32_t slot_number, entry, use;
};

/* What a process keeps of a slot that is its own. */
struct segment_slot {
	struct shm_u32 lock;   /* over its ledger: any thread of the process may finish a reservation */
	uint32_t uses;         /* which use of the slot by this process: reservations of earlier ones are void */
	uint32_t held;         /* entries in use */
	uint32_t hint;         /* where to look for a free one */
	bool is_orphan;        /* its thread has ended; it is freed when nothing is held any more */
	uint64_t refused_name; /* what its owner refused before, as core/tally.h names it */
};

/* By what a thread took a batch of a rate: core/lease.h. Lies in memory that is zero in a forked child. */
struct segment_lease {
	_Alignas(LAYOUT_LINE) uint64_t genstate; /* of the component's registration; 0 nothing is on lease */
	uint64_t generation;                     /* of the policy */
	uint64_t end_ms;                         /* when the first window ends */
	uint64_t shortest_ms;                    /* the shortest period */
	const struct shm_u64 *registration;      /* the component's genstate now */
	struct shmq_shm_lease *shared;
	uint32_t component, ranks;
	int resource;
	struct shm_u32 busy; /* its thread is at it: a signal handler must do without */
	struct {
		struct shmq_shm_rate *rate;
		uint64_t window;
	} rank[1 + LAYOUT_ANCESTORS];
	uint64_t limit, period_ms; /* the component's */
	uint32_t patience;
};

/* Lies in memory that is zero in a forked child. */
struct segment_private {
	struct shmq_shm_policy *writable;
	uint64_t life; /* names this process, once it has attached: what it holds is its own, not its children's */
	struct segment_holding *memory;         /* by component: where its share of memory stands; core/reservation.c */
	_Atomic(struct handle_cache *) handles; /* core/handle.c */
	struct shm_u32 memory_lock;
	struct segment_slot slots[]; /* one per thread slot */
};

struct shmq_segment {
	char *name;
	enum shmq_access access;
	uint32_t ordinal;    /* place in the table of open segments, the same in a forked child */
	uint64_t serial;     /* never used twice in a process and its children */
	bool is_image;       /* a copy of a segment: nobody writes to it, and no clock goes on in it */
	bool has_membarrier; /* the segment wants it, and the kernel lets others fence this process */
	struct layout layout;

	const struct shmq_shm_policy *policy;
	const struct shm_u32 *buckets;
	const struct shmq_shm_entry *entries;
	const struct shmq_shm_quota *quotas[2];
	const struct shmq_shm_rules *rules[2];

	struct shmq_shm_usage *usage;
	struct shmq_shm_slot *slots;
	struct shmq_shm_lease *leases;
	struct shmq_shm_holding *ledgers;
	struct shmq_shm_tracker *trackers;
	void *events; /* core/events.h */

	struct segment_private *private;
	struct segment_lease *own_leases; /* LAYOUT_LEASES by slot; NULL for observers */
	struct handle_cache *caches;      /* all that this memory holds, a parent's too; core/handle.c */
	int usage_fd;                     /* holds the shared flock that says "in use"; -1 for observers */
};

/* The four public functions; see shmquota.h. `fill` writes what a segment holds when it is new, before it has a name. */
int segment_create(struct shmq_segment **out, const char *name, const struct shmq_options *options,
                   void (*fill)(struct shmq_segment *segment));
int segment_open(struct shmq_segment **out, const char *name, enum shmq_access access);
void segment_close(struct shmq_segment *segment);
int segment_remove(const char *name);

/* The open segment at this place of the table, or NULL. Only under process_lock(). */
struct shmq_segment *segment_by_ordinal(uint32_t ordinal);

/* The writable policy, or NULL where this process is not its controller (also in a child that one forked). */
static inline struct shmq_shm_policy *segment_writable(const struct shmq_segment *segment)
{
	return segment->private->writable;
}

#endif
