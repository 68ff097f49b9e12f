/* SPDX-License-Identifier: MIT */
/*
 * Counters above counters, as Linux charges memory to control groups, for comparison: the algorithm of mm/page_counter.c
 * (Linux 6.1, page_counter_try_charge() and page_counter_cancel()), written anew for user space.
 *
 * Each counter is added to first and looked at then; who finds it too high takes the amount back, from there down. That
 * is one atomic addition a rank. It needs no look at what is there before, and in return a counter is above its limit
 * for a moment, so that others may be refused what there is room for; and a process that dies in between leaves what it
 * added for ever. The kernel's threads do not die there.
 */
#ifndef PAGE_COUNTER_H
#define PAGE_COUNTER_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct page_counter {
	alignas(64) _Atomic int64_t usage;
	_Atomic int64_t max, watermark, failures;
	struct page_counter *parent;
};

/* Returns `count` counters, each the child of the one before it, in memory that forked processes share; or NULL. */
struct page_counter *page_counter_chain(unsigned count, int64_t max);

/* Charge a counter and all above it, or none. */
bool page_counter_try_charge(struct page_counter *counter, int64_t amount);

void page_counter_uncharge(struct page_counter *counter, int64_t amount);

#endif
