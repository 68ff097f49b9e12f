/* SPDX-License-Identifier: MIT */
/*
 * The rules area of a policy: names of files, patterns of component names, sets of capabilities, by offset from its
 * start. There are two, one per table of quotas. A publication fills the inactive one from its start; a registration
 * may append to the active one, and what it appended counts from the commit of the entry that names it.
 *
 * What is read is bounded by the area, whatever it says: offsets are input, not truth.
 */
#ifndef SHMQ_CORE_RULES_H
#define SHMQ_CORE_RULES_H

#include "core/quota.h"

/* One area, as its one writer sees it. */
struct rules {
	struct shmq_shm_rules *area;
	uint32_t size;
};

/* Make the area empty. */
void rules_clear(const struct rules *rules);

/* Say which policy the area is of, when all of it stands. */
void rules_seal(const struct rules *rules, uint64_t generation);

/* Tell whether the area is of a policy still; to be asked before and after what is read. Any process. */
bool rules_are_of(const struct shmq_shm_rules *area, uint64_t generation);

/* Append bytes, aligned to 8. Returns their offset, or 0 where there is no room. */
uint32_t rules_append(const struct rules *rules, const void *bytes, size_t size);

/* Append a file name; files are numbered in order, from 1. Returns 0, or -ENOSPC. */
int rules_add_file(const struct rules *rules, const char *name);

/* Append a pattern. Returns 0, or -ENOSPC. */
int rules_add_pattern(const struct rules *rules, const char *glob, const struct quota_rule *rule);

/* A part of the area, or NULL where it does not lie inside or is not aligned to 8. */
const void *rules_at(const struct shmq_shm_rules *area, uint32_t size, uint32_t offset, size_t bytes);

/* The number of files, and the name of one, which is not NUL-terminated; NULL where there is none. */
uint32_t rules_files(const struct shmq_shm_rules *area, uint32_t size);
const char *rules_file(const struct shmq_shm_rules *area, uint32_t size, uint32_t number, uint32_t *length);

/* The first pattern added that matches a name, or NULL: the best ones are added first. */
const struct shmq_shm_pattern *rules_pattern_for(const struct shmq_shm_rules *area, uint32_t size, const char *name);

#endif
