/* SPDX-License-Identifier: MIT */
/*
 * Books on what was admitted in which window. Only additions to shared counters: a writer killed in the middle leaves
 * a little less on the books, which can hide an excess of that one call but never invents one.
 */
#include "ledger.h"

#include "clock.h"

static size_t ledger_size(uint64_t windows)
{
	return sizeof(struct ledger) + (size_t)windows * sizeof(struct ledger_window);
}

struct ledger *ledger_open(uint64_t period_ns, uint64_t duration_ns)
{
	uint64_t windows = duration_ns / period_ns + 4;
	struct ledger *ledger = shared_alloc(ledger_size(windows));

	ledger->period_ns = period_ns;
	ledger->first = clock_coarse_ns() / period_ns;
	ledger->windows = windows;
	return ledger;
}

void ledger_close(struct ledger *ledger)
{
	if (ledger)
		shared_free(ledger, ledger_size(ledger->windows));
}

void ledger_note(struct ledger *ledger, uint64_t coarse_before_ns, uint64_t after_ns, uint64_t amount)
{
	uint64_t from = coarse_before_ns / ledger->period_ns - ledger->first;
	uint64_t to = after_ns / ledger->period_ns - ledger->first;

	counter_add(&ledger->admitted, amount);
	if (to >= ledger->windows)
		to = ledger->windows - 1;
	else if (from == to && amount == 0)
		counter_add(&ledger->window[from].refusals, 1);
	else if (from == to)
		counter_add(&ledger->window[from].certain, amount);
	for (uint64_t i = from; amount > 0 && i <= to; i++)
		counter_add(&ledger->window[i].possible, amount);
}

struct ledger_audit ledger_audit(struct ledger *ledger, uint64_t limit)
{
	struct ledger_audit audit = {0};

	for (uint64_t i = 0; i < ledger->windows; i++) {
		struct ledger_window *window = &ledger->window[i];
		bool refused = counter_get(&window->refusals) > 0;

		audit.over += counter_get(&window->certain) > limit;
		/*
		 * Two windows may have been in use before the books were opened: the coarse clock, which named the
		 * first one, may have lagged behind a boundary.
		 */
		audit.starved += i > 1 && refused && counter_get(&window->possible) < limit;
		audit.saturated += refused;
	}
	return audit;
}

uint64_t ledger_elapsed(const struct ledger *ledger)
{
	return clock_now_ns() / ledger->period_ns - ledger->first + 1;
}
