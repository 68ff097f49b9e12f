/* SPDX-License-Identifier: MIT */
/*
 * In a file of its own, called and not inlined, as a library's functions are.
 */
#include "page_counter.h"

#include <stddef.h>
#include <sys/mman.h>

struct page_counter *page_counter_chain(unsigned count, int64_t max)
{
	struct page_counter *chain =
	    mmap(NULL, count * sizeof(*chain), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (chain == MAP_FAILED)
		return NULL;
	for (unsigned i = 0; i < count; i++) {
		chain[i].max = max;
		chain[i].parent = i > 0 ? &chain[i - 1] : NULL;
	}
	return chain;
}

/* Take back from a counter and those above it, up to but without `end`. */
static void cancel(struct page_counter *counter, const struct page_counter *end, int64_t amount)
{
	for (; counter != end; counter = counter->parent)
		atomic_fetch_sub(&counter->usage, amount);
}

bool page_counter_try_charge(struct page_counter *counter, int64_t amount)
{
	for (struct page_counter *rank = counter; rank != NULL; rank = rank->parent) {
		int64_t usage = atomic_fetch_add(&rank->usage, amount) + amount;

		if (usage > atomic_load_explicit(&rank->max, memory_order_relaxed)) {
			cancel(counter, rank->parent, amount);
			/* Not exact, as there: a figure for people. */
			atomic_store_explicit(&rank->failures,
			                      atomic_load_explicit(&rank->failures, memory_order_relaxed) + 1,
			                      memory_order_relaxed);
			return false;
		}
		if (usage > atomic_load_explicit(&rank->watermark, memory_order_relaxed))
			atomic_store_explicit(&rank->watermark, usage, memory_order_relaxed);
	}
	return true;
}

void page_counter_uncharge(struct page_counter *counter, int64_t amount)
{
	cancel(counter, NULL, amount);
}
