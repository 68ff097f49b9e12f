/* SPDX-License-Identifier: MIT */
/*
 * What the orders of policy, handles and usage share: the segment that a case is about, the word that its label protects,
 * and what a case is. orders.c runs them.
 */
#ifndef TESTS_MUTATION_ORDERS_H
#define TESTS_MUTATION_ORDERS_H

#include "core/directory_write.h"
#include "core/worker.h"

#include <errno.h>

#define NAME "tenant"
#define NAME_LENGTH 6

struct order {
	const char *label;
	void (*before)(void); /* by one thread, before there is another */
	void (*store_side)(void), (*load_side)(void);
	void (*after)(void);
};

/* Each ends with a case without a label. */
extern const struct order orders_policy[], orders_handles[], orders_usage[];

extern struct shmq_segment *segment;
extern struct shmq_shm_slot *own, *slot; /* of the first thread, and a free one */
extern struct directory directory;       /* of who changes it */
extern struct directory_key key;

void must(int result, const char *what);

#define MUST(call) must((call), #call)

/* The two accesses that the label keeps apart. */
void write_plain(void);
void read_plain(void);

void nothing(void);

/* Begin a change of the directory and register an entry, whose key is the one above; end the change. */
void register_entry(void);
void end_change(void);

#endif
