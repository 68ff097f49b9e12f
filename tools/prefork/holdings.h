/* SPDX-License-Identifier: MIT */
/*
 * The memory that a worker holds for components. It lies in this process and is counted in the segment: stated before
 * it is allocated, and again after it is freed. When the worker dies its share is given back.
 */
#ifndef PREFORK_HOLDINGS_H
#define PREFORK_HOLDINGS_H

#include <shmquota.h>

struct holdings;

struct holdings *holdings_create(void);

/*
 * Take memory for a component and touch it, so that it is there. Returns what shmq_memory_set() returns, or -ENOMEM.
 * When it is admitted the handle belongs to the holdings, and `*held` is what they now hold for the component.
 */
int holdings_grow(struct holdings *holdings, struct shmq_component *c, uint64_t bytes, uint64_t *held,
                  struct shmq_verdict *verdict);

/* Free and give back all that is held for a component, or, with NULL, for every one. Returns how many bytes that was. */
uint64_t holdings_drop(struct holdings *holdings, const char *component);

/* Drop everything and free the holdings. NULL is allowed. */
void holdings_free(struct holdings *holdings);

#endif
