/* SPDX-License-Identifier: MIT */
/*
 * A limiter: something that counts 1 against the limit of a key and refuses above it, over several processes.
 *
 * Each is written as somebody would who knows it well and wants exactly this: as few steps as it allows, no durability,
 * windows that are exact where the limiter can do that.
 */
#ifndef LIMITER_H
#define LIMITER_H

#include "keys.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum limiter_place {
	LIMITER_HERE,  /* the operations run in the measuring process */
	LIMITER_PEER,  /* they run in another process, which takes the time; one of those for each measuring process */
	LIMITER_SERVER /* each of them is a request to a server and waits for its answer */
};

enum limiter_windows {
	WINDOWS_NONE,    /* it is a level: nothing is forgotten */
	WINDOWS_ALIGNED, /* they begin at multiples of their length, by CLOCK_MONOTONIC */
	WINDOWS_EXPIRING /* they begin with the first count and end when it expires */
};

/* Where the limiters work. */
struct limiter_site {
	const char *scratch; /* a directory of this run alone */
	int cpus[2];         /* of the measuring processes; the second is -1 where there is none */
};

struct limiter {
	const char *key;  /* for programs */
	const char *name; /* for people */
	enum limiter_place place;
	enum limiter_windows windows;
	uint64_t window_least_ms; /* what it can do shorter than this is not worth checking; 0: anything */
	/* Called once, before any process is forked. Returns 0, or -1 with a message: it is not measured then. */
	int (*start)(const struct limiter_site *site);
	/* Count 1 against each of the next `count` keys. Returns how many were admitted, or -1 with a message. */
	int64_t (*run)(enum key_kind kind, struct walk *walk, uint64_t count);
};

/* The number of this measuring process, 0 or 1; set before its first run. */
extern unsigned limiter_process;

extern const struct limiter limiter_shmquota_level, limiter_shmquota_rate, limiter_shmquota_name, limiter_unlocked,
    limiter_robust, limiter_plain, limiter_rwlock, limiter_boost, limiter_lmdb, limiter_nginx, limiter_apcu,
    limiter_memcached, limiter_redis, limiter_redis_script;

/* Wrong on purpose, and not to be measured. */
extern const struct limiter limiter_lossy;

/* Define a `run` for an expression over `kind` and `key`: 1 admitted, 0 refused, negative failed. */
#define LIMITER_DEFINE_RUN(function, expression)                                                                       \
	static int64_t function(enum key_kind kind, struct walk *walk, uint64_t count)                                 \
	{                                                                                                              \
		int64_t admitted = 0;                                                                                  \
                                                                                                                       \
		for (uint64_t i = 0; i < count; i++) {                                                                 \
			const struct key *key = walk_next(walk);                                                       \
			int taken = (expression);                                                                      \
                                                                                                                       \
			if (taken < 0)                                                                                 \
				return -1;                                                                             \
			admitted += taken;                                                                             \
		}                                                                                                      \
		return admitted;                                                                                       \
	}

#ifdef __cplusplus
}
#endif

#endif
