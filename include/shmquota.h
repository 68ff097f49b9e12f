/* SPDX-License-Identifier: MIT */
/*
 * shmquota: exact quotas across all processes of one host, kept in POSIX shared memory.
 *
 * The declarations stand in the order of a user's life: results, quotas, the segment, the policy, components,
 * consuming, watching, housekeeping. Each comment says what a function does, what it returns, who owns what it hands
 * out, and where it may be called.
 *
 * Words: a *segment* is the shared memory that all processes map; a *component* is who is accounted; a *quota* is its
 * limits, one per *resource*; a *window* is one period of a rate; a *worker* is a process attached to a segment.
 */
#ifndef SHMQUOTA_H
#define SHMQUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHMQ_VERSION_MAJOR 0
#define SHMQ_VERSION_MINOR 1
#define SHMQ_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#if defined(__GNUC__)
/* As with stat(), some functions are called like the structure that they fill; g++ takes that for a mistake. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif
#endif

#if defined(__GNUC__)
#define SHMQ_API __attribute__((visibility("default")))
#else
#define SHMQ_API
#endif

/* ---- Results ----------------------------------------------------------------------------------------------------- */

/*
 * Every function that can fail returns int: 0 done, positive an expected answer, negative an -errno.
 * Being over quota is an answer, not an error.
 */
#define SHMQ_OK 0         /* done, or admitted */
#define SHMQ_DENIED 1     /* over quota; nothing was taken */
#define SHMQ_FORBIDDEN 2  /* no such capability */
#define SHMQ_WOULD_DENY 3 /* over quota in a component that only warns; it was taken and counted */

/*
 * Describe a result of any function of this library in one sentence.
 *
 * Returns  a constant string, never NULL, not to be freed; unknown results get a generic sentence.
 * Callable from any thread and from signal handlers; no system call.
 */
SHMQ_API const char *shmq_strerror(int result);

/*
 * Return the version of the library that is running, "MAJOR.MINOR.PATCH".
 * Callable from anywhere.
 */
SHMQ_API const char *shmq_version(void);

/* ---- Resources and quotas ---------------------------------------------------------------------------------------- */

/*
 * What is accounted. A rate is counted per window and forgotten with it; a level is kept until it is released.
 */
enum shmq_resource {
	SHMQ_STORAGE,  /* level, bytes; survives the worker that took it */
	SHMQ_MESSAGES, /* rate, messages */
	SHMQ_NETWORK,  /* rate, bytes, both directions together */
	SHMQ_CPU,      /* rate, microseconds of CPU time */
	SHMQ_MEMORY,   /* level, bytes */
	SHMQ_RESOURCES /* how many there are */
};

#define SHMQ_NONE (-1)                            /* "no quota check needed", where a resource is optional */
#define SHMQ_UNLIMITED UINT64_MAX                 /* as a limit: count, never refuse */
#define SHMQ_AMOUNT_MAX ((UINT64_C(1) << 46) - 1) /* the largest limit, and the largest amount of one call */
#define SHMQ_PERIOD_MIN_NS UINT64_C(10000000)     /* 10 ms */
#define SHMQ_PERIOD_MAX_NS (UINT64_C(366) * 86400 * 1000000000) /* 366 days */
#define SHMQ_NAME_MAX 127 /* bytes of a component's name, the terminating NUL not counted */

/*
 * Name a resource as policies, tools and JSON spell it: "storage", "messages", "network", "cpu", "memory".
 *
 * Returns  a constant string, or NULL where `resource` is none.
 * Callable from anywhere.
 */
SHMQ_API const char *shmq_resource_name(int resource);

/*
 * Tell whether a resource is counted per window (messages, network, cpu) rather than kept as a level.
 *
 * Returns  true for a rate, false for a level and for anything that is not a resource.
 * Callable from anywhere.
 */
SHMQ_API bool shmq_resource_is_rate(int resource);

/*
 * How a rate's limit is kept. What each admits at most is stated as a bound that holds whatever the timing.
 */
enum shmq_algorithm {
	SHMQ_WINDOW,  /* the limit per aligned window; around a boundary twice of it within a moment */
	SHMQ_SLIDING, /* also weighs the window before: at most limit * (1 + T / period) in any time T */
	SHMQ_BUCKET   /* a token bucket: at most burst + limit * T / period in any time T, smooth */
};

/* What is done about an amount that passes its limit. */
enum shmq_enforcement {
	SHMQ_ENFORCE_DENY, /* it is refused: SHMQ_DENIED */
	SHMQ_ENFORCE_WARN, /* it is admitted and counted as `would_deny`: SHMQ_WOULD_DENY */
	SHMQ_ENFORCE_OFF   /* it is admitted */
};

/* What a running window or bucket does when a policy changes its limit. */
enum shmq_inheritance {
	SHMQ_INHERIT_KEEP,         /* what is used stays used, as an amount */
	SHMQ_INHERIT_PROPORTIONAL, /* it stays the same part of the limit */
	SHMQ_INHERIT_RESET         /* it is forgotten */
};

/*
 * The limits of one component. Initialise it with SHMQ_QUOTA_DEFAULT, then change what differs:
 *
 *     struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
 *     quota.limit[SHMQ_MESSAGES] = 100;
 *
 * A limit is in the resource's unit, per window for rates: 0 denies every amount above 0, SHMQ_UNLIMITED none; any
 * other limit is at most SHMQ_AMOUNT_MAX. A period is the length of a rate's window: whole milliseconds from
 * SHMQ_PERIOD_MIN_NS to SHMQ_PERIOD_MAX_NS; it is 0 for levels.
 *
 * A lease is for a rate that several processes use all the time. A thread's shmq_try_consume() then takes up to so much
 * at once, at most an eighth of what is left of the window, and admits from it without touching shared memory that
 * others write. What it has taken ahead counts as used, so a limit is never passed; it may be refused to others though it
 * is never used, until the window ends, the thread needs it no more and gives it back, or ends. Of a thread that is killed
 * it is given back when it is recovered. It needs SHMQ_WINDOW, and has no effect where the component or a group above it
 * does not deny, or such a group is no SHMQ_WINDOW.
 */
struct shmq_quota {
	size_t size; /* sizeof(struct shmq_quota): lets the structure grow */
	uint64_t limit[SHMQ_RESOURCES];
	uint64_t period_ns[SHMQ_RESOURCES];
	uint64_t burst[SHMQ_RESOURCES];      /* capacity of a bucket, unit of the resource; 0: as much as the limit */
	uint64_t lease[SHMQ_RESOURCES];      /* of a rate: how much a thread may take ahead; 0: none; see above */
	uint8_t algorithm[SHMQ_RESOURCES];   /* enum shmq_algorithm; of a level 0 */
	uint8_t enforcement[SHMQ_RESOURCES]; /* enum shmq_enforcement */
	uint8_t warning[SHMQ_RESOURCES];     /* percent of the limit; 0: SHMQ_WARNING_PERCENT */
	uint8_t critical[SHMQ_RESOURCES];    /* percent of the limit; 0: SHMQ_CRITICAL_PERCENT */
	uint8_t inheritance;                 /* enum shmq_inheritance */
};

#define SHMQ_WARNING_PERCENT 80
#define SHMQ_CRITICAL_PERCENT 95

/* 100 MiB of storage, 1000 messages/s, 10 MiB/s of network, one core, 256 MiB of memory. */
#define SHMQ_QUOTA_DEFAULT                                                                                             \
	{                                                                                                              \
		sizeof(struct shmq_quota),                                                                             \
		    {UINT64_C(100) << 20, 1000, UINT64_C(10) << 20, 1000000, UINT64_C(256) << 20},                     \
		    {0, 1000000000, 1000000000, 1000000000, 0}, {0}, {0}, {0}, {0}, {0}, {0}, 0                        \
	}

/*
 * Read an amount of bytes: "512", "100MB", "1.5GiB", "64 K". KB, MB, GB, TB and KiB, MiB, GiB, TiB are powers of 1024;
 * case and white space around the unit do not matter; "unlimited" gives SHMQ_UNLIMITED.
 *
 * Returns  0           `*bytes` is set
 *          -EINVAL     not such an amount; `*bytes` is untouched
 *          -EOVERFLOW  larger than SHMQ_AMOUNT_MAX; `*bytes` is untouched
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_parse_size(uint64_t *bytes, const char *text);

/*
 * Read a bandwidth in bytes per second: "10MB/s", "600MB/min" (gives 10 MB/s), "1048576".
 * Returns and rules as shmq_parse_size().
 */
SHMQ_API int shmq_parse_bandwidth(uint64_t *bytes_per_second, const char *text);

/*
 * Read CPU time per second, in microseconds: "500ms/s", "50%" (of one core), "1.5s/s", "30s/min".
 * Returns and rules as shmq_parse_size().
 */
SHMQ_API int shmq_parse_cpu(uint64_t *us_per_second, const char *text);

/*
 * Read a duration in nanoseconds: "1s", "250ms", "1min 30s", "2h", "1d". A bare number is in seconds.
 *
 * Returns  0, -EINVAL, or -EOVERFLOW (above SHMQ_PERIOD_MAX_NS); `*ns` is set only with 0.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_parse_duration(uint64_t *ns, const char *text);

/* ---- Segment ----------------------------------------------------------------------------------------------------- */

struct shmq_segment;

enum shmq_access {
	SHMQ_CONTROL, /* writes policy and usage: registers, publishes, reclaims */
	SHMQ_WORK,    /* maps the policy read-only and the usage read-write: checks and consumes */
	SHMQ_OBSERVE, /* maps both read-only: looks, and can disturb nobody */
	SHMQ_EXAMINE  /* as SHMQ_OBSERVE, for a copy of the two files: of any boot and host, on any filesystem */
};

/*
 * How a segment is created. Initialise it with SHMQ_OPTIONS_DEFAULT.
 */
struct shmq_options {
	size_t size;         /* sizeof(struct shmq_options): lets the structure grow */
	uint32_t components; /* how many components fit, 1 to SHMQ_COMPONENTS_MAX */
	uint32_t threads;    /* how many threads may be attached at a time, over all processes, 1 to SHMQ_THREADS_MAX */
	uint32_t mode;   /* permission bits of the usage object; the policy object never gets group or other write */
	bool persistent; /* outlives its creator: shmq_segment_create() refuses while it exists, even when unused */
	uint32_t reservations; /* how much a thread holds at most: open reservations, components it holds memory for */
	uint32_t events;       /* how many events are kept for readers, 512 bytes each; 0: 256 */
	uint32_t rules_bytes;  /* room for capabilities, patterns and file names of a policy; 0: 32 KiB */
	bool membarrier; /* operations are some nanoseconds faster, and who waits for them makes a system call more */
	bool hugepages;  /* huge pages, where the mount has them: shmq_segment_info() tells how much lies in them */
};

#define SHMQ_COMPONENTS_MAX (UINT32_C(1) << 24)
#define SHMQ_THREADS_MAX UINT32_C(8191)
#define SHMQ_RESERVATIONS_MAX UINT32_C(65535)
#define SHMQ_EVENTS_MAX (UINT32_C(1) << 20)
#define SHMQ_RULES_MAX (UINT32_C(1) << 30)
#define SHMQ_OPTIONS_DEFAULT                                                                                           \
	{                                                                                                              \
		sizeof(struct shmq_options), 1024, 256, 0600, false, 24, 256, 0, false, false                          \
	}

/*
 * Create a segment and open it for control. It appears under its name complete or not at all, so a creator that is
 * killed half-way leaves nothing that others could see. A leftover is replaced: an object of another boot, one half of
 * a pair, or a segment that is not persistent, whose creator is dead and that no process has open.
 *
 * `name` is "/name" (POSIX shared memory: the objects NAME.policy and NAME.usage) or a path with a further slash, of
 * files on a tmpfs such as a runtime directory. `options` NULL takes the defaults.
 *
 * Returns  0        `*out` is the segment, to be closed with shmq_segment_close()
 *          -EINVAL  a bad name or option
 *          -EEXIST  such a segment exists and is alive or persistent
 *          -ENOSPC  not enough shared memory
 *          -ENOTSUP the path is not on a tmpfs
 *          -ENOSYS  /proc is not mounted, or of another pid namespace
 *          other    the errno of open, posix_fallocate, mmap or link
 * Call it once, before forking. Makes system calls.
 */
SHMQ_API int shmq_segment_create(struct shmq_segment **out, const char *name, const struct shmq_options *options);

/*
 * Open an existing segment. Opening changes nothing in it, so it may happen twice (`nginx -t`).
 *
 * A process opens before or after fork; a child needs no call of its own. A child of a controller has work access: it
 * maps the policy read-only. Threads need no call either: a thread's first operation attaches it, its end detaches it.
 *
 * Returns  0         `*out` is the segment, to be closed with shmq_segment_close()
 *          -EINVAL   a bad name or access
 *          -ENOENT   no such segment
 *          -EACCES   no permission
 *          -EPERM    it belongs to a user this process does not trust, or anyone may write to it
 *          -EBADMSG  not a segment, damaged, or of another layout signature
 *          -EPROTO   made by a library with another layout version
 *          -ENODATA  truncated
 *          -EUCLEAN  left over from another boot
 *          -EXDEV    made in another pid or time namespace
 *          -EBUSY    somebody has been replacing a leftover for a second
 *          -EMFILE   this process has 250 segments open
 *          other     the errno of open or mmap
 * Callable from any thread. Makes system calls.
 */
SHMQ_API int shmq_segment_open(struct shmq_segment **out, const char *name, enum shmq_access access);

/*
 * Close a segment: detach all threads of this process from it and unmap it. Its memory stays until it is removed.
 * All handles of the segment become invalid. NULL is allowed.
 *
 * No other thread of this process may be in a call on the segment or on its handles.
 */
SHMQ_API void shmq_segment_close(struct shmq_segment *segment);

/*
 * Remove a segment's name. Processes that have it open go on undisturbed; the memory goes when the last one closes it.
 *
 * Returns  0, -EINVAL for a bad name, -ENOENT, or the errno of unlink.
 * Callable from any thread. Makes system calls.
 */
SHMQ_API int shmq_segment_remove(const char *name);

/*
 * What a segment is. Figures that change are as of the call.
 */
struct shmq_info {
	size_t size;      /* set to sizeof(struct shmq_info) before the call */
	const char *name; /* as opened; lives as long as the segment is open */
	uint32_t layout_major, layout_minor;
	uint64_t signature;       /* of all sizes and offsets of the layout */
	uint32_t components;      /* capacity */
	uint32_t components_used; /* registered */
	uint32_t threads;         /* capacity */
	uint32_t threads_used;    /* slots that carry an owner, dead ones included */
	uint64_t policy_bytes, usage_bytes;
	uint64_t policy_generation; /* how many policies were published */
	uint64_t created_unix_ns;   /* when, by CLOCK_REALTIME */
	uint32_t creator_pid;
	bool persistent;
	uint64_t epoch, done_epoch; /* RCU: the current epoch, and the one whose grace period is known to be over */
	uint64_t controller_steals; /* how often the controller lock was taken over from a dead owner */
	uint32_t controller_pid;    /* who holds the controller lock; 0 nobody */
	uint32_t retired;           /* unregistered components that wait for their grace period */
	bool hugepages;             /* its creator asked for huge pages */
	uint64_t huge_bytes;        /* how much of both objects got them: 0 where the mount does not allow any */
};

/*
 * Describe a segment.
 *
 * Returns  0, or -EINVAL where `out->size` is not set.
 * Callable from any thread and with any access; no system call.
 */
SHMQ_API int shmq_segment_info(struct shmq_segment *segment, struct shmq_info *out);

/* ---- Policy ------------------------------------------------------------------------------------------------------ */

struct shmq_policy;

/*
 * One thing that is wrong with a policy. The strings live until the callback returns.
 */
struct shmq_complaint {
	bool fatal; /* an error: there will be no policy; otherwise a warning */
	const char *file;
	unsigned line, column; /* from 1; 0 where the complaint is about the whole file */
	const char *text;      /* one sentence, without a full stop */
	const char *source;    /* the line of the file as it stands there, or NULL */
};

/*
 * Where complaints go. `complain` may be NULL; `errors` and `warnings` are counted up.
 */
struct shmq_report {
	void (*complain)(void *context, const struct shmq_complaint *complaint);
	void *context;
	size_t errors, warnings;
};

/*
 * Write a complaint as compilers do: "FILE:LINE:COLUMN: error: TEXT", then the source line and a caret below the
 * column, each line ended by a newline.
 *
 * Returns  the length of the whole text, which was cut if it is >= `size`; -EINVAL for NULL.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_complaint_format(char *text, size_t size, const struct shmq_complaint *complaint);

/*
 * Read a policy from INI files; later files override earlier ones key by key. A path may be a folder, of which all
 * NAME.ini are read in the order of their names; behind a file PATH those of a folder PATH.d are read, if there is one.
 * Every complaint is reported, not the first only, and with any error there is no policy. `report` may be NULL.
 *
 * Returns  0        `*out` is the policy, to be freed with shmq_policy_free()
 *          -EINVAL  the files have errors, all of them reported; or `count` is 0
 *          -ENOMEM
 *          other    the errno of a file that is missing or cannot be read; reported too
 * Callable from any thread. Reads files.
 */
SHMQ_API int shmq_policy_load(struct shmq_policy **out, const char *const paths[], size_t count,
                              struct shmq_report *report);

/* Free a policy. NULL is allowed. Segments it was published to keep it. */
SHMQ_API void shmq_policy_free(struct shmq_policy *policy);

/*
 * What a policy's [segment] section says: the segment's name, NULL if it gives none, and in `*options` (which may be
 * NULL) its options over the defaults. The name lives as long as the policy.
 */
SHMQ_API const char *shmq_policy_segment(const struct shmq_policy *policy, struct shmq_options *options);

/* How many components a policy names, groups and patterns not counted. */
SHMQ_API size_t shmq_policy_count(const struct shmq_policy *policy);

/*
 * Look at one component of a policy: its name, which lives as long as the policy, and in `*quota` (which may be NULL)
 * its quota. Index shmq_policy_count() is the default quota, whose name is "".
 *
 * Returns  the name, or NULL where `index` is too large.
 */
SHMQ_API const char *shmq_policy_component(const struct shmq_policy *policy, size_t index, struct shmq_quota *quota);

/* What a rule of a policy is about. */
enum shmq_rule_kind {
	SHMQ_RULE_DEFAULT,   /* [default]: components that no other rule is about */
	SHMQ_RULE_CLASS,     /* [class:NAME]: what takes it as its class */
	SHMQ_RULE_GROUP,     /* [group:NAME]: all its members together */
	SHMQ_RULE_COMPONENT, /* [component:NAME] */
	SHMQ_RULE_PATTERN,   /* [component:PATTERN]: components whose names match and are not named */
	SHMQ_RULE_KINDS      /* how many there are */
};

/* Where something stands. `file` is NULL for what is built in, and lives as long as the policy. */
struct shmq_origin {
	const char *file;
	unsigned line;
};

/* A rule of a policy with all that it inherits. The strings live as long as the policy. */
struct shmq_rule {
	size_t size; /* set to sizeof(struct shmq_rule) before the call */
	int kind;
	const char *name;       /* of a group "group:NAME", as its component is called; of [default] "" */
	const char *class_name; /* the class it takes first of all, NULL for none */
	const char *group;      /* what it counts against as well, "group:NAME", NULL for nothing */
	struct shmq_quota quota;
	struct shmq_origin origin; /* its heading */
};

/*
 * Look at a policy rule by rule: [default] is the first, then come classes, groups with the outermost first, components
 * in the order of the files, and patterns with the one first that wins.
 *
 * Returns  0, -ENOENT where `index` is too large, or -EINVAL where `out->size` is not set.
 * Callable from any thread, as are the next ones; no system call.
 */
SHMQ_API int shmq_policy_rule(const struct shmq_policy *policy, size_t index, struct shmq_rule *out);

/*
 * Find the rule that holds for a component of this name: its own, that of the best pattern, or [default].
 *
 * Returns  its index, or SIZE_MAX for NULL
 */
SHMQ_API size_t shmq_policy_find(const struct shmq_policy *policy, const char *name);

/* Something that a rule grants. The strings live as long as the policy. */
struct shmq_policy_grant {
	const char *permission, *pattern;
	struct shmq_origin origin;
};

/*
 * Look at what a rule grants, inherited grants included; `number` counts from 0.
 *
 * Returns  0, -ENOENT where `index` or `number` is too large, or -EINVAL for NULL.
 */
SHMQ_API int shmq_policy_grant(const struct shmq_policy *policy, size_t index, size_t number,
                               struct shmq_policy_grant *out);

/*
 * Tell where a value stands that a rule has or inherits. `key` is as policies spell it: "messages", "cpu.algorithm",
 * "inherit", "group". With `index` SHMQ_RULE_SEGMENT it is a key of [segment].
 *
 * Returns  0        `*out` is set
 *          -ENOENT  nobody says it: it is built in, or left out; or `index` is too large
 *          -EINVAL  such a rule has no such key
 */
SHMQ_API int shmq_policy_origin(const struct shmq_policy *policy, size_t index, const char *key,
                                struct shmq_origin *out);
#define SHMQ_RULE_SEGMENT SIZE_MAX

/* The files that a policy was read from, in their order; NULL where `index` is too large. */
SHMQ_API const char *shmq_policy_file(const struct shmq_policy *policy, size_t index);

/*
 * Write one limit of a quota as policies spell it: "100/s", "10MB/s burst 20MB", "unlimited"; an amount of a resource
 * alone likewise: "64", "1MB". What is written is exact, and reads back as the same.
 *
 * Returns  the length of the whole text, which was cut if it is >= `size`; -EINVAL for no resource.
 */
SHMQ_API int shmq_quota_format(char *text, size_t size, const struct shmq_quota *quota, int resource);
SHMQ_API int shmq_amount_format(char *text, size_t size, int resource, uint64_t amount);

/* The words of policies for enumerators: "window", "deny", "keep" and the others. NULL for what is none. */
SHMQ_API const char *shmq_algorithm_name(int algorithm);
SHMQ_API const char *shmq_enforcement_name(int enforcement);
SHMQ_API const char *shmq_inheritance_name(int inheritance);

struct shmq_manifest;

/*
 * Read a component's manifest: who it is, and what it asks for. shmq_component_register_manifest() registers it.
 *
 * Returns  as shmq_policy_load(), freed with shmq_manifest_free()
 * Callable from any thread. Reads a file.
 */
SHMQ_API int shmq_manifest_load(struct shmq_manifest **out, const char *path, struct shmq_report *report);

/* Free a manifest. NULL is allowed. */
SHMQ_API void shmq_manifest_free(struct shmq_manifest *manifest);

/* Who a manifest is of, and of which version; that may be NULL. The strings live as long as the manifest. */
SHMQ_API const char *shmq_manifest_name(const struct shmq_manifest *manifest);
SHMQ_API const char *shmq_manifest_version(const struct shmq_manifest *manifest);

/* What a manifest asks for: SHMQ_UNLIMITED where it asks for nothing of its own. -EINVAL where `out->size` is not set. */
SHMQ_API int shmq_manifest_quota(const struct shmq_manifest *manifest, struct shmq_quota *out);

/*
 * Publish a policy: all at once, no operation ever sees half of it. Usage is kept: a window goes on under its new
 * limit, as the policy's `inherit` says, and a limit lowered below what is used denies until it drains.
 *
 * Components and groups that the policy names are registered where they are not yet; those that the previous policy
 * named and this one does not are unregistered, and start fresh when they return. A component registered by the program
 * keeps its own quota, or follows the best pattern or the default if it has none of its own, unless the policy names it.
 *
 * Returns  0
 *          -EACCES  the segment is not open for control, or by the process that forked this one
 *          -ENOSPC  more components than the segment has room for, dropped ones and those that wait for their grace
 *                   period included, or more rules (shmq_options.rules_bytes); nothing was changed
 *          -EAGAIN  a stopped worker still reads the policy before the last one; nothing was changed, try again
 *          -EBUSY   another controller is at work and did not finish within 10 s, or a component that uses storage or
 *                   memory would change its group; nothing was changed
 * Callable from any thread; may wait for a grace period.
 */
SHMQ_API int shmq_policy_publish(struct shmq_segment *segment, const struct shmq_policy *policy);

/* A rule in force for components that the policy does not name. */
struct shmq_segment_rule {
	size_t size;                   /* set to sizeof(struct shmq_segment_rule) before the call */
	int kind;                      /* SHMQ_RULE_DEFAULT or SHMQ_RULE_PATTERN */
	char name[SHMQ_NAME_MAX + 1];  /* the pattern; "" of the default */
	char group[SHMQ_NAME_MAX + 1]; /* what such components count against, "" nothing */
	struct shmq_quota quota;
};

/*
 * Read back the rules in force for components that the policy does not name: index 0 is the default, from 1 on come
 * the patterns, in no order.
 *
 * Returns  0, -ENOENT behind the last one, or -EINVAL where `out->size` is not set.
 * Callable from any thread and with any access, as is the next one; no system call.
 */
SHMQ_API int shmq_segment_rule(struct shmq_segment *segment, uint32_t index, struct shmq_segment_rule *out);

struct shmq_grant;

/* Read back what such a rule grants. Returns as shmq_component_grant(). */
SHMQ_API int shmq_segment_rule_grant(struct shmq_segment *segment, uint32_t index, size_t number,
                                     struct shmq_grant *out);

/* ---- Components -------------------------------------------------------------------------------------------------- */

struct shmq_component;

/*
 * Register a component. `name` is 1 to SHMQ_NAME_MAX bytes of UTF-8 without control characters; it does not begin with
 * "group:", as those of groups do, which a policy registers. `quota` NULL takes the published policy's quota for that
 * name, else its default.
 *
 * Returns  0
 *          -EINVAL     a bad name or quota
 *          -EOVERFLOW  a limit above SHMQ_AMOUNT_MAX that is not SHMQ_UNLIMITED
 *          -EEXIST     registered already
 *          -ENOSPC     the segment is full
 *          -EACCES, -EBUSY  as shmq_policy_publish()
 * Callable from any thread of a controller.
 */
SHMQ_API int shmq_component_register(struct shmq_segment *segment, const char *name, const struct shmq_quota *quota);

/*
 * Change the quota of a registered component. Usage is kept as `quota->inheritance` says. It holds until it is changed
 * again; of a component that the policy names, until the next policy is published.
 *
 * Returns  0
 *          -ENOENT  not registered
 *          -EINVAL, -EOVERFLOW  as shmq_component_register()
 *          -EAGAIN, -EACCES, -EBUSY  as shmq_policy_publish()
 * Callable from any thread of a controller; may wait for a grace period.
 */
SHMQ_API int shmq_component_set(struct shmq_segment *segment, const char *name, const struct shmq_quota *quota);

/*
 * Register a component by its manifest. What it asks for is capped by what the published policy says of its name: limits
 * are the smaller of both, and a capability is granted where both grant it. Of what it does not name the policy's holds,
 * and how rates are counted is up to the policy alone. Later policies cap it anew.
 *
 * Returns  as shmq_component_register(); -ENOSPC also where the segment has no room for what it asks for
 * Callable from any thread of a controller.
 */
SHMQ_API int shmq_component_register_manifest(struct shmq_segment *segment, const struct shmq_manifest *manifest);

/*
 * Unregister a component. Handles of it give -ESTALE from now on; its place is used again after a grace period.
 *
 * Returns  0, -EINVAL, -ENOENT, -EACCES; -EBUSY also for a group: what counts against it would be free of its limits.
 * Callable from any thread of a controller.
 */
SHMQ_API int shmq_component_unregister(struct shmq_segment *segment, const char *name);

/*
 * Find a component by name. Hot paths keep the handle.
 *
 * Returns  0        `*out` is a handle, to be given back with shmq_component_put()
 *          -EINVAL  a bad name
 *          -ENOENT  not registered
 *          -EAGAIN  all thread slots of the segment are taken by live threads
 *          -ENOMEM
 * A handle may be used by all threads of its process and, after fork, by the child. No operation on a handle makes a
 * system call, allocates or blocks, a thread's first use of the segment apart.
 * Callable from any thread; allocates when this process meets the component for the first time.
 */
SHMQ_API int shmq_component_find(struct shmq_component **out, struct shmq_segment *segment, const char *name);

/*
 * Find `count` components by name at once, for who has several requests in hand: the cache misses of one name overlap
 * with those of the others, which among a million names takes a fraction of the time. `out[i]` becomes the handle of
 * `names[i]`, or NULL where there is no such component or its name is a bad one.
 *
 * Returns  how many were found; -EINVAL, -EAGAIN, -ENOMEM as shmq_component_find(), and then no handle is held
 * Each handle is to be given back with shmq_component_put(). Callable as shmq_component_find().
 */
SHMQ_API int shmq_component_find_many(struct shmq_component *out[], struct shmq_segment *segment,
                                      const char *const names[], size_t count);

/*
 * Find a component by its id, 0 to capacity - 1. Returns and rules as shmq_component_find(); -EINVAL where `id` is
 * beyond the capacity.
 */
SHMQ_API int shmq_component_at(struct shmq_component **out, struct shmq_segment *segment, uint32_t id);

/* The component's id: its place in the segment. It is used again after the component was unregistered. */
SHMQ_API uint32_t shmq_component_id(const struct shmq_component *component);

/* The component's name; lives as long as the handle. */
SHMQ_API const char *shmq_component_name(const struct shmq_component *component);

/*
 * Read the limits that are in force for a component.
 *
 * Returns  0, -EINVAL where `out->size` is not set, -ESTALE.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_component_quota(struct shmq_component *component, struct shmq_quota *out);

/*
 * Find the group that a component counts against.
 *
 * Returns  0, with its id in `*group`; -ENOENT where it has none; -EINVAL, -ESTALE, -EAGAIN.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_component_group(struct shmq_component *component, uint32_t *group);

/* Tell whether others count against the component. False also for a stale handle. Callable from any thread. */
SHMQ_API bool shmq_component_is_group(struct shmq_component *component);

/*
 * Write where the limit of a resource comes from: "FILE:LINE" of a policy, or "" for a limit that no file names.
 *
 * Returns  the length of the whole text, which was cut if it is >= `size`; -EINVAL, -ESTALE, -EAGAIN.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_component_origin(struct shmq_component *component, int resource, char *text, size_t size);

/* Who says what a component may use. */
enum shmq_source {
	SHMQ_SOURCE_NAMED,   /* the policy names it */
	SHMQ_SOURCE_FOLLOWS, /* it was registered by itself; a pattern of the policy or its default holds */
	SHMQ_SOURCE_OWN,     /* it was registered with a quota of its own */
	SHMQ_SOURCE_MANIFEST /* it was registered by a manifest, under the cap of the policy */
};

/*
 * Tell who says what a component may use.
 *
 * Returns  enum shmq_source, or -EINVAL, -ESTALE, -EAGAIN.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_component_source(struct shmq_component *component);

/* Give a handle back. NULL is allowed. Callable from any thread. */
SHMQ_API void shmq_component_put(struct shmq_component *component);

/* ---- Consuming --------------------------------------------------------------------------------------------------- */

/*
 * Why an operation was admitted or refused. Filled on every call, also on admission.
 */
struct shmq_verdict {
	int resource;
	uint32_t component; /* id */
	uint64_t current;   /* used when it was judged, in the resource's unit; what others have on lease included */
	uint64_t requested;
	uint64_t limit;
	uint64_t remaining; /* what could still be taken after this call */
	/*
	 * Until it would be admitted if nobody takes anything: until the window ends; of a sliding window or bucket until
	 * enough has flowed out. 0 when admitted; UINT64_MAX when waiting cannot help.
	 */
	uint64_t retry_after_ns;
	uint64_t period_ns; /* the window's length; 0 for levels */
};

struct shmq_demand {
	int resource;
	uint64_t amount;
};

/*
 * The operations below share their results:
 *
 * Returns  SHMQ_OK          admitted
 *          SHMQ_DENIED      it would pass the limit; nothing was taken, and all but shmq_check() count it
 *          -EINVAL          `c` is NULL or `resource` is none
 *          -EOVERFLOW       the amount is above SHMQ_AMOUNT_MAX, or the count would leave its range; nothing was taken
 *          -ESTALE          the component was unregistered
 *          -EROFS           the segment is open for observing only (shmq_check() works there)
 *          -EAGAIN          a thread's first use, and all thread slots are taken by live threads
 *          -EXDEV           a thread's first use, in another pid or time namespace than the segment's
 *          -ENOSYS          a thread's first use, and /proc is not mounted, or of another pid namespace
 * An amount of 0 is refused only where the limit is passed already.
 * No system call, allocation or lock, a thread's first use of the segment apart (it reads /proc and claims a slot).
 * Callable from any thread, in a forked child, and in signal handlers of a thread that is attached already.
 * `verdict` may be NULL.
 */

/* Tell whether an amount would be admitted now. Takes and counts nothing. */
SHMQ_API int shmq_check(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);

/*
 * Check and take in one atomic step: over all processes, what is admitted never exceeds the limit, whatever the
 * interleaving, the clock, a reload or a crash does.
 */
SHMQ_API int shmq_try_consume(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict);

/*
 * shmq_try_consume() by a time that the caller has read already, in nanoseconds of CLOCK_MONOTONIC or its coarse
 * variant: for event loops, which read the clock once a round. It is believed while it falls into the window in use and
 * there is room; in all other cases the clock is read. So no window admits more than its limit whatever is told; a time
 * that is behind only lets the window that it falls into last as much longer. Sliding windows, buckets and groups always
 * go by the clock, levels by none.
 */
SHMQ_API int shmq_try_consume_at(struct shmq_component *c, int resource, uint64_t amount, uint64_t now_ns,
                                 struct shmq_verdict *verdict);

/*
 * Take several resources or none. The verdict names the resource that refused, with all that was asked of it, or the
 * last one. Of a worker that is killed in the middle, what it took of rates returns with their windows; of levels it
 * took all or none. With both storage and memory it is not for signal handlers.
 *
 * Returns  as above; -EINVAL also where `count` is 0 or above SHMQ_DEMANDS_MAX.
 */
SHMQ_API int shmq_try_consume_all(struct shmq_component *c, const struct shmq_demand *demands, size_t count,
                                  struct shmq_verdict *verdict);
#define SHMQ_DEMANDS_MAX 16

/* Record what already happened (CPU time, bytes received). It may pass the limit; later checks see it. */
SHMQ_API int shmq_consume(struct shmq_component *c, int resource, uint64_t amount);

/*
 * Give back part of a level.
 *
 * Returns  as above; -EOPNOTSUPP for a rate; -ERANGE where less than `amount` was used: it stops at zero, counted.
 */
SHMQ_API int shmq_release(struct shmq_component *c, int resource, uint64_t amount);

/*
 * Forget a component's usage: windows start anew with nothing used, levels drop to what is held of them by open
 * reservations and shmq_memory_set(), peaks and counts of refusals start again. Totals go on.
 *
 * Returns  0, -EINVAL, -ESTALE, -EROFS, -EAGAIN.
 */
SHMQ_API int shmq_reset(struct shmq_component *c);

/*
 * Write a verdict as a sentence, such as
 * "Message rate quota exceeded: 100 messages/sec + 1 messages > limit 100 messages/sec".
 *
 * Returns  the length of the whole text, which was cut if it is >= `size`; -EINVAL where the verdict has no resource.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_verdict_format(char *text, size_t size, const struct shmq_verdict *verdict);

/* ---- Two-phase use ----------------------------------------------------------------------------------------------- */

/*
 * An amount that is taken and may still be given back. It lives where the caller likes; its fields are private, and it
 * is not to be copied. It needs its component's handle until it is finished.
 */
struct shmq_reservation {
	struct shmq_component *component; /* NULL when finished */
	uint64_t life, amount, taken_ns, cost_ns[5], group[4];
	uint32_t slot, entry, use, ranks, seq[5];
	int resource;
};

/*
 * Take an amount before an operation. It counts as used until it is committed or cancelled. When the worker dies, what
 * it reserved of a level is returned for it; what it reserved of a rate returns with the window.
 *
 * Any thread of the process may finish it, also after the one that made it has ended. A forked child holds nothing of
 * its parent's. Not for signal handlers.
 *
 * Returns  as shmq_try_consume(); -EAGAIN also where the thread's ledger is full (shmq_options.reservations)
 */
SHMQ_API int shmq_reserve(struct shmq_reservation *out, struct shmq_component *c, int resource, uint64_t amount,
                          struct shmq_verdict *verdict);

/*
 * Finish a reservation: `actual` of it was used, the rest is returned (of a rate only within the window it was taken
 * from).
 *
 * Returns  0
 *          -EINVAL  finished already, or `actual` is above what was reserved; the latter leaves it open
 *          -ESTALE  the component was unregistered, or the reservation is the parent process's; it is finished
 *          -EAGAIN  this thread's first use, and all thread slots are taken; it stays open
 */
SHMQ_API int shmq_commit(struct shmq_reservation *reservation, uint64_t actual);

/* Finish a reservation that was not used: all is returned. Nothing happens where it is finished already, or NULL. */
SHMQ_API void shmq_cancel(struct shmq_reservation *reservation);

/*
 * State how much memory this process now holds for a component. Only growth is checked; when the process dies, its
 * share is returned.
 *
 * Returns  as shmq_try_consume(), where a refusal leaves the old share; -EAGAIN also where the thread's ledger is full
 */
SHMQ_API int shmq_memory_set(struct shmq_component *c, uint64_t bytes, struct shmq_verdict *verdict);

/*
 * Guard a host function: reserve, run the block only when admitted, commit when it ends normally, cancel on `break`,
 * `return`, or when `result` (an int variable) is not 0 then.
 *
 *     int result;
 *     SHMQ_WITH_QUOTA(component, SHMQ_STORAGE, size, result) {
 *             result = write_file(path, data, size);
 *     }
 *     if (result != 0) ...    // refused (SHMQ_DENIED), failed, or -errno of the library
 */
#define SHMQ_WITH_QUOTA(c, resource, amount, result) SHMQ_GUARD_(c, resource, amount, result, __LINE__)

/* Private to SHMQ_WITH_QUOTA. */
struct shmq_guard {
	struct shmq_reservation reservation;
	int *result;
	bool runs;
};
#define SHMQ_GUARD_(c, resource, amount, result, line) SHMQ_GUARD_NAMED_(c, resource, amount, result, line)
#define SHMQ_GUARD_NAMED_(c, resource, amount, result, line)                                                           \
	for (struct shmq_guard shmq_guard_##line                                                                       \
	     __attribute__((cleanup(shmq_guard_leave))) = shmq_guard_enter((c), (resource), (amount), &(result));      \
	     shmq_guard_##line.runs; shmq_guard_finish(&shmq_guard_##line))

static inline struct shmq_guard shmq_guard_enter(struct shmq_component *c, int resource, uint64_t amount, int *result)
{
	struct shmq_guard guard;

	*result = shmq_reserve(&guard.reservation, c, resource, amount, NULL);
	guard.result = result;
	guard.runs = *result == SHMQ_OK || *result == SHMQ_WOULD_DENY;
	if (guard.runs)
		*result = 0;
	return guard;
}

static inline void shmq_guard_finish(struct shmq_guard *guard)
{
	if (*guard->result == 0)
		*guard->result = shmq_commit(&guard->reservation, guard->reservation.amount);
	guard->runs = false;
}

static inline void shmq_guard_leave(struct shmq_guard *guard)
{
	shmq_cancel(&guard->reservation);
}

/* ---- Capabilities ------------------------------------------------------------------------------------------------ */

/*
 * Tell whether the policy grants a component a permission on a target: "filesystem.write" on "/app/data/log",
 * "network.connect" on "example.org:443", "message.send" on "orders.created". What no rule grants is forbidden; of a
 * component whose manifest has capabilities, what it did not ask for, too. Targets are normalised first: "//", "." and ".."
 * count as a file system would take them, and one that leaves the root is forbidden.
 *
 * Returns  SHMQ_OK         granted
 *          SHMQ_FORBIDDEN  not granted; counted, and told of as an event
 *          -EINVAL         NULL
 *          -EBADMSG        the segment is damaged
 *          -ESTALE, -EAGAIN, -EXDEV, -ENOSYS  as shmq_try_consume()
 * No system call, allocation or lock. Callable as shmq_check(), with any access; observers do not count.
 */
SHMQ_API int shmq_check_capability(struct shmq_component *c, const char *permission, const char *target);

/*
 * Check the capability, then whether an amount would be admitted. Takes nothing; `resource` SHMQ_NONE skips the quota.
 * Returns as shmq_check_capability() and shmq_check().
 */
SHMQ_API int shmq_check_capability_with_quota(struct shmq_component *c, const char *permission, const char *target,
                                              int resource, uint64_t amount, struct shmq_verdict *verdict);

/* One capability of a component. */
struct shmq_grant {
	size_t size;         /* set to sizeof(struct shmq_grant) before the call */
	char permission[64]; /* "filesystem.read" */
	char pattern[4096];  /* as it is matched */
	char origin[256];    /* "FILE:LINE", or "" */
	bool is_asked;       /* from the component's manifest: the policy must grant it as well */
};

/*
 * Look at a component's capabilities, one by one from `index` 0: those of the policy, then those of its manifest.
 *
 * Returns  0, -ENOENT past the last one, -EINVAL, -EBADMSG, -ESTALE, -EAGAIN.
 * Callable from any thread and with any access; no system call.
 */
SHMQ_API int shmq_component_grant(struct shmq_component *component, size_t index, struct shmq_grant *out);

/*
 * What a host function needs of the component it works for: its capabilities, its quota, and how the last guard ended.
 * One per thread, or per call; the component's handle is the caller's and must outlive it.
 *
 *     struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(component);
 *
 *     SHMQ_GUARD(&context, "filesystem.write", path, SHMQ_STORAGE, size) {
 *             context.result = write_file(path, data, size);
 *     }
 *     return context.result;
 */
struct shmq_security_context {
	struct shmq_component *component;
	int result; /* 0; SHMQ_FORBIDDEN, SHMQ_DENIED or -errno where the block did not run; else what the block set */
	uint64_t actual;             /* what counts when the block ends well; it may lower it */
	struct shmq_verdict verdict; /* of the quota */
};

#define SHMQ_SECURITY_CONTEXT(component)                                                                               \
	{                                                                                                              \
		(component), 0, 0,                                                                                     \
		{                                                                                                      \
			SHMQ_NONE, 0, 0, 0, 0, 0, 0, 0                                                                 \
		}                                                                                                      \
	}

/*
 * Run a block under a context: check the capability, reserve the amount, run the block, and account for it. Refusals are
 * counted and become events; then the block does not run, and `context->result` says why. When the block ends with
 * `context->result` 0, `context->actual` is committed; on any other result, on `break` and on `return` all is given back.
 * `permission` NULL skips the capability, `resource` SHMQ_NONE the quota.
 */
#define SHMQ_GUARD(context, permission, target, resource, amount)                                                      \
	SHMQ_CONTEXT_GUARD_(context, permission, target, resource, amount, __LINE__)

/* Private to SHMQ_GUARD. */
struct shmq_context_guard {
	struct shmq_reservation reservation;
	struct shmq_security_context *context;
	bool runs;
};
#define SHMQ_CONTEXT_GUARD_(context, permission, target, resource, amount, line)                                       \
	SHMQ_CONTEXT_GUARD_NAMED_(context, permission, target, resource, amount, line)
#define SHMQ_CONTEXT_GUARD_NAMED_(context, permission, target, resource, amount, line)                                 \
	for (struct shmq_context_guard shmq_context_guard_##line __attribute__((cleanup(shmq_context_guard_leave))) =  \
	         shmq_context_guard_enter((context), (permission), (target), (resource), (amount));                    \
	     shmq_context_guard_##line.runs; shmq_context_guard_finish(&shmq_context_guard_##line))

static inline struct shmq_context_guard shmq_context_guard_enter(struct shmq_security_context *context,
                                                                 const char *permission, const char *target,
                                                                 int resource, uint64_t amount)
{
	struct shmq_context_guard guard;

	guard.reservation.component = NULL;
	guard.context = context;
	context->actual = amount;
	context->result = permission == NULL ? SHMQ_OK : shmq_check_capability(context->component, permission, target);
	if (context->result == SHMQ_OK && resource != SHMQ_NONE)
		context->result =
		    shmq_reserve(&guard.reservation, context->component, resource, amount, &context->verdict);
	guard.runs = context->result == SHMQ_OK || context->result == SHMQ_WOULD_DENY;
	if (guard.runs)
		context->result = 0;
	return guard;
}

static inline void shmq_context_guard_finish(struct shmq_context_guard *guard)
{
	if (guard->context->result == 0 && guard->reservation.component != NULL)
		guard->context->result = shmq_commit(&guard->reservation, guard->context->actual);
	guard->runs = false;
}

static inline void shmq_context_guard_leave(struct shmq_context_guard *guard)
{
	shmq_cancel(&guard->reservation);
}

/* ---- Watching ---------------------------------------------------------------------------------------------------- */

/*
 * One resource of a component, as of the call. Figures of one resource belong together as far as operations that run
 * meanwhile allow; over resources they may be a few operations apart.
 */
struct shmq_resource_status {
	uint64_t used; /* in this window, or held */
	uint64_t limit;
	uint64_t available;     /* limit - used, not below 0; SHMQ_UNLIMITED without a limit */
	uint64_t peak;          /* the most that was used at a time or in one window */
	uint64_t total;         /* everything ever taken since registration */
	uint64_t denied;        /* how many operations were refused */
	uint64_t would_deny;    /* how many were admitted only because the component just warns */
	uint64_t window_end_ns; /* when the window ends, or a bucket is full again, CLOCK_MONOTONIC; 0 for levels */
	double percentage;      /* used of limit; of a zero limit 0 when nothing is used and 100 otherwise */
	uint64_t leased;        /* of `used`, what threads have taken ahead by a lease and not used */
};

/* In C++, too, it is written `struct shmq_status`, like struct stat: a function has the same name. */
struct shmq_status {
	struct shmq_resource_status resource[SHMQ_RESOURCES];
};

/*
 * Read the figures of a component. Any access.
 *
 * Returns  0, -EINVAL, -ESTALE, -EAGAIN.
 * Callable as the consuming operations.
 */
SHMQ_API int shmq_status(struct shmq_component *c, struct shmq_status *out);

/*
 * Tell whether any resource with a limit is used to the quota's warning percentage (80) or more. False also for a stale
 * handle.
 */
SHMQ_API bool shmq_is_warning(struct shmq_component *c);

/* The same for the critical percentage (95). */
SHMQ_API bool shmq_is_critical(struct shmq_component *c);

/* What happened. Numbers are never used for something else. */
enum shmq_event_kind {
	SHMQ_EVENT_QUOTA_VIOLATION = 1,    /* refused: `used` + `requested` passes `limit` of `refused_by` */
	SHMQ_EVENT_WOULD_DENY,             /* the same, but admitted, since the quota only warns */
	SHMQ_EVENT_CAPABILITY_VIOLATION,   /* `text` is the permission, a space and the target */
	SHMQ_EVENT_WARNING,                /* `used` has reached the warning threshold */
	SHMQ_EVENT_WARNING_CLEARED,        /* `used` has fallen 5 points below the warning threshold */
	SHMQ_EVENT_CRITICAL,               /* `used` has reached the critical threshold */
	SHMQ_EVENT_CRITICAL_CLEARED,       /* `used` has fallen 5 points below it, not below the warning threshold */
	SHMQ_EVENT_POLICY_PUBLISHED,       /* `policy_generation` is the new one */
	SHMQ_EVENT_COMPONENT_REGISTERED,   /* by `pid` */
	SHMQ_EVENT_COMPONENT_UNREGISTERED, /* by `pid` */
	SHMQ_EVENT_COMPONENT_CHANGED,      /* it got another quota, by `pid` */
	SHMQ_EVENT_RESET,                  /* a component's usage was forgotten, by `pid` */
	SHMQ_EVENT_WORKER_RECOVERED,       /* `requested` is the id of the dead thread, `pid` who recovered it */
	SHMQ_EVENT_NOTE,                   /* `text` of whoever called shmq_event_write() */
	SHMQ_EVENT_KINDS                   /* one more than the last */
};

#define SHMQ_NO_COMPONENT UINT32_MAX /* in an event that is about none */
#define SHMQ_EVENT_TEXT_MAX 191      /* bytes, the terminating NUL not counted */

/* One event. Strings are well-formed UTF-8 without control characters; what was not is replaced by '?'. */
struct shmq_event {
	size_t size;           /* set to sizeof(struct shmq_event) before the call */
	uint64_t sequence;     /* its number, from 1 */
	uint64_t lost;         /* how many events before it were missed: overwritten, or their writer died */
	uint64_t time_unix_ns; /* CLOCK_REALTIME */
	int kind;              /* enum shmq_event_kind, or one that a newer library knows */
	int resource;          /* SHMQ_NONE where it is about none */
	uint32_t component;    /* id, or SHMQ_NO_COMPONENT */
	uint32_t refused_by;   /* id of the group that refused, else of the component */
	uint64_t used;
	uint64_t requested;
	uint64_t limit; /* SHMQ_UNLIMITED possible */
	uint64_t period_ns;
	uint64_t suppressed; /* events of the same component, resource and kind that were not written before it */
	uint64_t policy_generation;             /* which policy was in force */
	uint32_t pid;                           /* id of the thread that wrote it */
	uint32_t place;                         /* of the rule: [file number:10 | line:22], 0 where there is none */
	char component_name[SHMQ_NAME_MAX + 1]; /* "" where it is about none */
	char text[SHMQ_EVENT_TEXT_MAX + 1];     /* cut where it was longer */
};

/*
 * Read the next event. Start with `*cursor` 0 for the oldest one there is; each cursor is delivered every event once, or
 * told in `lost` how many it missed.
 *
 * Returns  1 an event, 0 none that is there yet, -EINVAL where `out->size` is not set.
 * Callable from any thread and with any access; no system call.
 */
SHMQ_API int shmq_event_read(struct shmq_segment *segment, uint64_t *cursor, struct shmq_event *out);

/*
 * Set a cursor to what comes next, past all events that are there. Callable as shmq_event_read(); NULL is allowed.
 */
SHMQ_API void shmq_event_skip(struct shmq_segment *segment, uint64_t *cursor);

/*
 * Write where the rule behind an event stands, "FILE:LINE", or "" where it is of a policy before the last one.
 *
 * Returns  the length of the whole text, which was cut if it is >= `size`; -EINVAL.
 * Callable from any thread; no system call.
 */
SHMQ_API int shmq_event_origin(struct shmq_segment *segment, const struct shmq_event *event, char *text, size_t size);

/* Name a kind of event as JSON spells it: "quota_violation". NULL for none. Callable from anywhere. */
SHMQ_API const char *shmq_event_kind_name(int kind);

/*
 * Write an event of kind SHMQ_EVENT_NOTE: what an operator or the host itself did, and on whose behalf, for whoever reads
 * events later. `component` is whom it is about, or NULL; `text` is cut at SHMQ_EVENT_TEXT_MAX bytes. How often is up to
 * the caller: each one takes the place of an older event.
 *
 * Returns  0, -EINVAL no text, or a component of another segment; -EROFS with observe access.
 * Callable from any thread; the first call of a thread may make a system call.
 */
SHMQ_API int shmq_event_write(struct shmq_segment *segment, const struct shmq_component *component, const char *text);

/* ---- Housekeeping and inspection --------------------------------------------------------------------------------- */

/*
 * Free the slots of dead workers, drive grace periods and reclaim what was retired (the latter two with control access
 * only). Nothing depends on it: a slot of a dead worker is also found by who needs one. A host calls it from a timer
 * or on SIGCHLD. It reads /proc for each attached thread, some microseconds each.
 *
 * Returns  how many dead threads were recovered; -EACCES with observe access; -EXDEV from another namespace.
 * Callable from any thread. Makes system calls.
 */
SHMQ_API int shmq_housekeep(struct shmq_segment *segment);

/* One attached thread. */
struct shmq_worker {
	uint32_t slot;
	uint32_t tid;
	bool alive;           /* false only with positive proof of death */
	bool reading;         /* inside a read section at this moment */
	uint64_t epoch;       /* the epoch its read section began in; 0 when idle */
	uint64_t attached_ns; /* when, CLOCK_MONOTONIC */
};

/*
 * Look at one thread slot, 0 to `threads` - 1 of shmq_segment_info().
 *
 * Returns  0, -ENOENT where the slot is free, -EINVAL beyond the last one.
 * Callable from any thread and with any access; reads /proc.
 */
SHMQ_API int shmq_worker_at(struct shmq_segment *segment, uint32_t slot, struct shmq_worker *out);

/* One field of the segment as it lies in memory. The strings are constant. */
struct shmq_field {
	const char *object;    /* "policy" or "usage" */
	const char *structure; /* "header", "control", "entry", "quota", "slot", "holding", "tracker" */
	uint32_t index;        /* which one of its kind */
	const char *name;
	uint64_t offset; /* bytes from the start of the object */
	uint32_t width;  /* bytes */
	uint64_t value;  /* of fields up to 8 bytes wide */
};

/*
 * Walk over every field of headers, owned slots and registered components. Start with `*cursor` 0.
 *
 * Returns  1 for a field, 0 at the end, -EINVAL for a cursor that is none.
 * Callable from any thread and with any access; no system call.
 */
SHMQ_API int shmq_field_next(struct shmq_segment *segment, uint64_t *cursor, struct shmq_field *out);

/* One broken invariant of a segment. The strings are constant. */
struct shmq_defect {
	const char *object;       /* "policy" or "usage" */
	const char *structure;    /* "control", "bucket", "entry", "quota", "slot", "holding", "tracker" */
	uint32_t index;           /* which one of its kind; of an entry, a quota and a tracker the component's id */
	const char *invariant;    /* what should be true, such as "a free slot holds nothing" */
	uint64_t found, expected; /* the figure that breaks it, and what it should be or the bound that it passes */
};

/*
 * Check all that is true of a sound segment, and report what is not. Changes nothing, and may be called while others
 * work: what somebody is changing at the moment is looked at again, and passed over if it does not come to rest. While
 * the controller lock is held, what its holder changes is passed over. `complain` may be NULL.
 *
 * Returns  how many invariants are broken; 0 where the segment is sound
 *          -EINVAL, -ENOMEM
 * Callable from any thread and with any access. Makes system calls; takes time linear in the segment's size.
 */
SHMQ_API int shmq_segment_verify(struct shmq_segment *segment,
                                 void (*complain)(void *context, const struct shmq_defect *defect), void *context);

#ifdef __cplusplus
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
#endif

#endif
