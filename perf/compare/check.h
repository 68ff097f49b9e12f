/* SPDX-License-Identifier: MIT */
/*
 * Does a limiter hold its limit? Two processes count against one key as fast as they can, and what was admitted is set
 * against what may be.
 */
#ifndef CHECK_H
#define CHECK_H

#include "limiter.h"

struct bound {
	bool is_checked;
	uint64_t window_ms; /* 0: it has none */
	uint64_t admitted;
	uint64_t allowed; /* the limit, times the windows that the time of the check touched */
};

/*
 * Check one kind of key: KIND_LONG, where one window holds it all, or KIND_SHORT, for about `seconds`. Returns 0, or -1
 * with a message.
 */
int check_bound(struct bound *out, const struct limiter *limiter, enum key_kind kind, double seconds,
                const struct limiter_site *site);

#endif
