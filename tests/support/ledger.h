/* SPDX-License-Identifier: MIT */
/*
 * Books on what was admitted in which window, kept outside of the library by those who ask it.
 *
 * The window that a call was judged in lies between the coarse clock read before it and the precise clock read after
 * it. Where both name the same window, the call is *certain* to belong to it, else it *may* belong to each between.
 * So a window is over its limit when what is certain exceeds the limit, and has refused too early when a refusal is
 * certain although what may belong to it does not reach the limit. Both tests hold for any interleaving.
 */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "shared.h"

struct ledger_window {
	struct counter certain, possible;
	struct counter refusals; /* certain ones of amount 1 */
};

struct ledger {
	uint64_t period_ns;
	uint64_t first; /* number of the first window, in periods since the clock's origin */
	uint64_t windows;
	struct counter admitted; /* over all windows */
	struct ledger_window window[];
};

/* What ledger_audit() finds. All but `saturated` should be 0. */
struct ledger_audit {
	uint64_t over;      /* windows in which more than the limit was certainly admitted */
	uint64_t starved;   /* windows that refused before their limit was reached */
	uint64_t saturated; /* windows that refused at all: those in which the limit was put to the test */
};

/* Shared books for `duration_ns` from now; calls that end later are not booked by window. */
struct ledger *ledger_open(uint64_t period_ns, uint64_t duration_ns);
void ledger_close(struct ledger *ledger);

/* Book a call that was admitted (amount > 0) or refused (amount 0), given the clocks before and after it. */
void ledger_note(struct ledger *ledger, uint64_t coarse_before_ns, uint64_t after_ns, uint64_t amount);

struct ledger_audit ledger_audit(struct ledger *ledger, uint64_t limit);

/* How many windows have begun since the books were opened, the first included. */
uint64_t ledger_elapsed(const struct ledger *ledger);

#endif
