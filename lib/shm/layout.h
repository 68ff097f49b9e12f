/* SPDX-License-Identifier: MIT */
/*
 * What lies in the two shared objects, byte by byte; docs/layout.md draws the same. Only layout stands here.
 *
 *     NAME.policy   header · control · buckets · entries · quotas[2] · rules[2]   written by controllers only
 *     NAME.usage    header · slots · leases · ledgers · trackers · events                  written by workers too
 *
 * No pointers, no bool, size_t, pid_t, enum or pthread type. Per field: unit · W who writes · R who reads · order.
 * Who: creator, controller (holds the controller lock), owner (the thread of a slot), worker (any), all.
 * Rule for changes: into `reserved` bytes, minor + 1; anything else, major + 1 and older libraries refuse.
 */
#ifndef SHMQ_SHM_LAYOUT_H
#define SHMQ_SHM_LAYOUT_H

#include "base/atomic.h"

#include <shmquota.h>
#include <stddef.h>

#define LAYOUT_MAGIC UINT64_C(0x61746f75716d6873) /* "shmquota", read as little-endian bytes */
#define LAYOUT_MAJOR 1
#define LAYOUT_MINOR 0
#define LAYOUT_BYTE_ORDER UINT64_C(0x0102030405060708)
#define LAYOUT_LINE 64

enum { LAYOUT_POLICY = 1, LAYOUT_USAGE = 2 };
enum { LAYOUT_LEVELS = 2, LAYOUT_RATES = 3, LAYOUT_BASES = 4 };
enum { LAYOUT_ANCESTORS = 4 }; /* groups above a component, at most */
enum { LAYOUT_LEASES = 8 };    /* of a thread: a power of two */

enum {
	FEATURE_MEMBARRIER = 1, /* readers leave the fence of a section to whoever waits for them */
	FEATURE_HUGE_PAGES = 2  /* every mapping asks for huge pages */
};

/* Stands at the start of both objects; written once by the creator, before the object has a name. */
struct shmq_shm_header {
	uint64_t magic;        /* LAYOUT_MAGIC */
	uint32_t major, minor; /* of the layout */
	uint64_t signature;    /* of every size and offset below */
	uint64_t byte_order;   /* LAYOUT_BYTE_ORDER */
	uint32_t kind;         /* LAYOUT_POLICY or LAYOUT_USAGE */
	uint32_t page_size;    /* bytes */
	unsigned char boot_id[16];
	uint64_t pid_namespace;   /* inode number */
	uint64_t time_namespace;  /* inode number */
	uint64_t pair;            /* random, the same in both objects of a segment */
	uint64_t object_bytes;    /* size of this object */
	uint32_t components;      /* capacity */
	uint32_t threads;         /* capacity */
	uint64_t creator;         /* identity token */
	uint64_t created_unix_ns; /* CLOCK_REALTIME */
	uint32_t persistent;      /* 1: not replaced while it is of this boot */
	uint32_t reservations;    /* capacity of a thread's ledger */
	uint32_t events;          /* capacity of the ring */
	uint32_t rules_bytes;     /* of each of the two areas */
	uint32_t features;        /* FEATURE_… */
	uint32_t reserved32;
	uint64_t huge_bytes; /* of this object in huge pages, when it was made */
	uint64_t reserved[14];
};

/* The one changing part of the policy object that is not per component. */
struct shmq_shm_control {
	/* Read by every operation. */
	struct shm_u64 generation;  /* policies · W controller · R all · release/acquire; bit 0: active table */
	struct shm_u64 epoch;       /* grace periods begun · W controller · R all · add seq_cst, load acquire */
	struct shm_u64 retirements; /* entries ever retired · W controller · R all · release/acquire */
	uint64_t reserved_read[5];

	/* Read by controllers and observers. */
	struct shm_u64 done; /* epoch · W controller · R controller · grace periods up to here are over · acq_rel */
	struct shm_u64 lock; /* identity token, 0 free · W controller · R all · acq_rel */
	struct shm_u64 steals;       /* times · W controller · R all · relaxed */
	struct shm_u64 table_cookie; /* epoch · W controller · R controller · after it the inactive table is unread */
	struct shm_u32 registered;   /* components · W controller · R all · relaxed; derived */
	struct shm_u32 retired;      /* entries · W controller · R all · relaxed; derived */
	struct shm_u32 hint; /* entry · W controller · R controller · relaxed; where to look for a free entry */
	uint32_t reserved32;
	uint64_t reserved[2];
};

enum { ENTRY_FREE = 0, ENTRY_LIVE = 1, ENTRY_DYING = 2, ENTRY_STATE_MASK = 0xff, ENTRY_STATE_BITS = 8 };

/* Directory entry of one component. */
struct shmq_shm_entry {
	struct shm_u64 genstate; /* generation << 8 | state · W controller · R all · release/acquire; the only truth */
	struct shm_u64 cookie;   /* epoch · W controller · R controller · when DYING: free after its grace period */
	struct shm_u32 hash;     /* low half of the name's hash · W controller · R all · relaxed */
	struct shm_u32 next;     /* entry + 1, 0 ends · W controller · R all · release/acquire; derived */
	uint32_t name_length;    /* bytes · W controller while FREE · R all · plain, ordered by genstate */
	uint32_t reserved;
	struct shm_u64 home; /* LAYOUT_REGISTRATION of the group, 0 once settled · W controller · R all · relaxed */
	char name[SHMQ_NAME_MAX + 1]; /* NUL-padded · as name_length */
};

enum {
	QUOTA_PRESENT = 1,    /* the component exists under this policy */
	QUOTA_DECLARED = 2,   /* the policy names it: its entry stays reserved for it while it is unregistered */
	QUOTA_OWN = 4,        /* registered with a quota of its own */
	QUOTA_GROUP = 8,      /* others count against it */
	QUOTA_ASKED = 16,     /* registered by a manifest: what it asked for stands in the rules area */
	QUOTA_FROZEN = 32,    /* its levels admit nothing while it changes its group */
	QUOTA_GROUPED = 64,   /* it has a parent */
	QUOTA_INHERIT_AT = 8, /* from this bit: enum shmq_inheritance */
	QUOTA_INHERIT_MASK = 3
};

/* `mode` of a resource's quota, from the low bits; a period takes the rest. */
#define MODE_ALGORITHM_MASK 15
#define MODE_LEASED UINT64_C(8) /* of a window that denies: workers take ahead of it; stands beside the algorithm */
#define MODE_PERCENT_MASK 127
enum { MODE_ALGORITHM_BITS = 4, MODE_ENFORCE_BITS = 4, MODE_PERCENT_BITS = 7 };
enum {
	MODE_ENFORCE_AT = MODE_ALGORITHM_BITS,
	MODE_WARNING_AT = MODE_ENFORCE_AT + MODE_ENFORCE_BITS,
	MODE_CRITICAL_AT = MODE_WARNING_AT + MODE_PERCENT_BITS,
	MODE_PERIOD_AT = MODE_CRITICAL_AT + MODE_PERCENT_BITS
};

/* Where a rule stands: [file number:10 | line:22], 0 nowhere. */
enum { PLACE_LINE_BITS = 22 };

/* An amount of a quota, all ones for SHMQ_UNLIMITED, with half of its place above it. */
#define QUOTA_AMOUNT_BITS 48
#define QUOTA_AMOUNT_MASK ((UINT64_C(1) << QUOTA_AMOUNT_BITS) - 1)

/* Limits of one component under one policy; element [components] is the default. */
struct shmq_shm_quota {
	struct {
		struct shm_u64 limit; /* [place, high:16 | amount:48] · W controller while inactive · R all · relaxed */
		struct shm_u64 mode; /* [period_ms:42 | critical % | warning % | enforcement | algorithm] · as limit */
		struct shm_u64 burst; /* capacity of a bucket: [place, low:16 | amount:48] · as limit */
	} resource[SHMQ_RESOURCES];
	struct shm_u64 flags;               /* QUOTA_… · W controller · R all · release/acquire */
	struct shm_u32 lease[LAYOUT_RATES]; /* unit of the resource · as limit */
	struct shm_u32 parent;              /* index of its group + 1, 0 none · as limit */
	struct shm_u32 grants;              /* set of capabilities, offset into the rules, 0 none · as limit */
	struct shm_u32 asked; /* what a manifest asked for, offset into the rules, 0 no manifest · as limit */
	uint64_t reserved;
};

/*
 * Stands at the start of a policy's rules area; the rest of the area is text and records, by offset from its start.
 * Written while the policy is inactive; a registration may append to the active one before it is committed.
 */
struct shmq_shm_rules {
	struct shm_u32 used;       /* bytes, this structure included · W controller · R all · relaxed */
	struct shm_u32 files;      /* offset of the first file name, 0 none · W controller while inactive · R all */
	struct shm_u32 patterns;   /* offset of the first pattern, 0 none · as files */
	struct shm_u32 generation; /* of the policy that it is of, low half; 0 while written · as files · (D7) */
};

/* What a policy says of components that it names by a pattern. */
struct shmq_shm_pattern {
	struct shmq_shm_quota quota;
	struct shm_u32 next; /* offset of the next one, 0 ends · W controller while inactive · R controller · relaxed */
	uint32_t length;     /* bytes of the pattern · as next, plain */
	char text[SHMQ_NAME_MAX + 1]; /* NUL-padded · as next, plain */
	uint64_t reserved;
};

/* A file that rules came from, so that an event can name it. */
struct shmq_shm_file {
	struct shm_u32 next; /* offset of the next one, 0 ends · W controller while inactive · R all · relaxed */
	uint32_t length;     /* bytes of the name, which follows, padded to 8 bytes · as next, plain */
};

enum {
	SLOT_OF_PROCESS = 1, /* the thread ended; what it held belongs to its process now */
	SLOT_MEMBARRIER = 2 /* its sections begin without a fence: who waits for readers asks for one, see core/rcu.h */
};
enum { INTENT_IDLE = 0, INTENT_PENDING = 1, INTENT_DONE = 2, INTENT_STATE_MASK = 3, INTENT_STATE_BITS = 2 };

/*
 * The operation on a level that a thread has under way, and whether it landed: see core/ledger.h. A cache line of its
 * own, since others read it.
 */
struct shmq_shm_intent {
	struct shm_u64 state; /* [count:62 | INTENT_…] · W owner, overwriters · R all · seq_cst; count never repeats */
	struct shm_u64 word;   /* LEVEL_WORD · W owner · R overwriters, recoverer · release/acquire */
	struct shm_u64 before; /* its amount before · as word */
	struct shm_u64 entry;  /* of the ledger · W owner · R recoverer · relaxed, released by state */
	struct shm_u64 after;  /* what the entry holds afterwards · as entry */
	uint64_t reserved[3];
};

/* One attached thread. */
struct shmq_shm_slot {
	struct shm_u64 ctr;         /* [epoch:48 | nesting:16] · W owner · R controller · see core/rcu.h */
	struct shm_u64 owner;       /* identity token, 0 free · W worker by CAS · R all · acq_rel */
	struct shm_u64 attached_ns; /* CLOCK_MONOTONIC · W owner · R all · relaxed */
	struct shm_u32 flags;       /* SLOT_… · W owner · R all · release/acquire */
	uint32_t reserved32;
	struct shm_u64 refused_name; /* what `refused` counts · W owner · R all · relaxed · see core/tally.h */
	struct shm_u64 refused;      /* operations, beyond what the tracker counts · as refused_name */
	uint64_t reserved[2];
	struct shmq_shm_intent intent;
};

/* Names one registration of an entry: [index + 1:24 | generation:40], 0 none. */
enum { REGISTRATION_GENERATION_BITS = 40 };

/*
 * Something that a thread holds of a level, and of the same level of the groups above it: in use exactly if `held` is
 * above 0. A thread has a ledger of these.
 */
struct shmq_shm_holding {
	struct shm_u64 level;    /* [component:32 | LEDGER_…] · W owner while unused · R all · relaxed */
	struct shm_u64 genstate; /* of the component's registration · as level */
	struct shm_u64 held; /* which ranks, how much: core/ledger.h · W owner, recoverer · R all · release/acquire */
	struct shm_u64
	    rest; /* what the last ranks hold instead · W owner · R recoverer · relaxed, released by a state */
	struct shm_u64 ancestor[LAYOUT_ANCESTORS]; /* registrations of the groups, nearest first · as level */
};

enum { LEASE_RESOURCE_AT = 28 };

/* What a thread has taken of a rate ahead and not used: see core/lease.h. Nothing else counts while `left` is 0. */
struct shmq_shm_lease {
	struct shm_u32
	    left; /* amount · W owner, recoverer · R all · relaxed between taking and giving back, else acq_rel */
	struct shm_u32
	    component[1 + LAYOUT_ANCESTORS]; /* component + 1 of each rank, 0 ends; the first: [resource:4 | it:28] */
	struct shm_u64
	    window[1 + LAYOUT_ANCESTORS]; /* `current` of each rank's rate · W owner · R all · release/acquire */
};

/* A rate: see core/window.h. */
struct shmq_shm_rate {
	struct shm_u64 total;   /* amount · W worker · R all · seq_cst; monotonic, never reset while registered */
	struct shm_u64 current; /* [start_ms:40 | seq:24] · W worker · R all · seq_cst; a roll is one CAS */
	struct shm_u64 base[LAYOUT_BASES]; /* [seq:16 | total:48] · W worker · R all · acq_rel */
	struct shm_u64 peak;               /* amount in one window · W worker · R all · relaxed */
	struct shm_u64 tat;                /* of a bucket: see core/bucket.h · W worker · R all · seq_cst */
};

/* A level: see core/level.h. */
struct shmq_shm_level {
	struct shm_u64 in;   /* [slot:13 | amount:51] · W worker · R all · seq_cst; monotonic, never set back */
	struct shm_u64 out;  /* as in */
	struct shm_u64 peak; /* amount · W worker · R all · relaxed */
};

/* All that one component uses. What an admitted amount touches stands before what only a refused one does. */
struct shmq_shm_tracker {
	struct shmq_shm_rate rate[LAYOUT_RATES];
	struct shmq_shm_level level[LAYOUT_LEVELS];
	struct shm_u64 birth[LAYOUT_LEVELS]; /* `in` at registration · W controller · R all · relaxed */

	/* Read by every admitted amount, seldom written. */
	struct shm_u32 threshold[SHMQ_RESOURCES]; /* see core/events.h · W worker · R all · acq_rel */
	struct shm_u32 tallied;              /* 1: slots may count refusals of it · W worker · R all · relaxed */
	struct shm_u64 leased[LAYOUT_RATES]; /* window of which some was last leased · W worker · R all · relaxed */
	struct shm_u64 over_released;        /* operations · W worker · R all · relaxed */
	struct shm_u64 forbidden_reported;   /* as reported, for `forbidden` */

	/* Written by refusals. */
	struct shm_u64 denied[SHMQ_RESOURCES];     /* operations · W worker · R all · relaxed */
	struct shm_u64 would_deny[SHMQ_RESOURCES]; /* operations · W worker · R all · relaxed */
	struct shm_u64
	    reported[SHMQ_RESOURCES]; /* [second:32 | count:32] of the last event · W worker · R all · acq_rel */
	struct shm_u64 forbidden;     /* operations · W worker · R all · relaxed */
};

struct shmq_shm_policy {
	struct shmq_shm_header header;
	struct shmq_shm_control control;
};

struct shmq_shm_usage {
	struct shmq_shm_header header;
};

static_assert(sizeof(size_t) == 8, "sizes are computed in size_t");
static_assert(sizeof(struct shmq_shm_header) == 256, "header");
static_assert(sizeof(struct shmq_shm_control) == 128, "control: one line for readers, one for controllers");
static_assert(offsetof(struct shmq_shm_control, done) == LAYOUT_LINE, "what controllers write disturbs no reader");
static_assert(sizeof(struct shmq_shm_entry) == 168, "entry");
static_assert(sizeof(struct shmq_shm_quota) == 160, "quota");
static_assert(sizeof(struct shmq_shm_pattern) == 304, "pattern");
static_assert(MODE_PERIOD_AT == 22, "a period of 366 days in ms takes 35 bits");
static_assert(sizeof(struct shmq_shm_slot) == 128, "slot: two lines of its own, so that readers do not disturb");
static_assert(offsetof(struct shmq_shm_slot, intent) == LAYOUT_LINE, "an intent has a line of its own");
static_assert(sizeof(struct shmq_shm_holding) == LAYOUT_LINE, "holding");
static_assert(sizeof(struct shmq_shm_lease) == LAYOUT_LINE, "a lease has a line of its own");
static_assert(SHMQ_COMPONENTS_MAX < 1U << LEASE_RESOURCE_AT, "a component's number fits beside a resource");
static_assert(sizeof(struct shmq_shm_rate) == LAYOUT_LINE, "a rate is one cache line");
static_assert(sizeof(struct shmq_shm_level) == 24, "level");
static_assert(sizeof(struct shmq_shm_tracker) == 448, "tracker");
static_assert(offsetof(struct shmq_shm_tracker, threshold) % LAYOUT_LINE == 0, "thresholds have a quiet line");
static_assert(offsetof(struct shmq_shm_tracker, denied) % LAYOUT_LINE == 0, "refusals disturb no admission");

/* Shared memory per component at any capacity: entry, two quotas, tracker and at most two buckets. */
#define LAYOUT_COMPONENT_BYTES                                                                                         \
	(sizeof(struct shmq_shm_entry) + 2 * sizeof(struct shmq_shm_quota) + sizeof(struct shmq_shm_tracker) +         \
	 2 * sizeof(struct shm_u32))
static_assert(LAYOUT_COMPONENT_BYTES <= 1024, "the promise to users is 1 KiB");

/* The ring of events: its head on a line of its own, then the records; see core/events.h. */
#define LAYOUT_EVENT_BYTES 512
#define LAYOUT_EVENT_RING_BYTES(events) (LAYOUT_LINE + (size_t)(events)*LAYOUT_EVENT_BYTES)

/* Where everything is; computed from the capacities and never read from shared memory. */
struct layout {
	uint32_t components, threads, events, rules_bytes;
	uint32_t entries; /* of a ledger: the reservations, and one for what is only under way */
	uint32_t buckets; /* a power of two */
	size_t buckets_at, entries_at, quotas_at[2], rules_at[2], policy_bytes;
	size_t slots_at, leases_at, ledgers_at, trackers_at, events_at, usage_bytes;
};

/* From the capacities that a header states. Returns 0, or -EINVAL where one is out of range. */
int layout_compute(struct layout *out, const struct shmq_shm_header *header);

#endif
