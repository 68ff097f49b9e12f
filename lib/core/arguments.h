/* SPDX-License-Identifier: MIT */
/*
 * What all calls that charge an amount check first, and how a verdict begins. A call that is refused for its arguments
 * says so in the verdict, too: who asked for what.
 */
#ifndef SHMQ_CORE_ARGUMENTS_H
#define SHMQ_CORE_ARGUMENTS_H

#include "core/handle.h"
#include "core/tracker.h"

#include <errno.h>

static inline void verdict_begin(struct shmq_verdict *verdict, const struct shmq_component *c, int resource,
                                 uint64_t amount)
{
	*verdict =
	    (struct shmq_verdict){.resource = resource, .component = c == NULL ? 0 : c->key.index, .requested = amount};
}

/* Returns 0, -EINVAL or -EOVERFLOW. */
static inline int arguments_check(const struct shmq_component *c, int resource, uint64_t amount,
                                  struct shmq_verdict *verdict)
{
	if (verdict != NULL)
		verdict_begin(verdict, c, resource, amount);
	if (c == NULL || !tracker_is_resource(resource))
		return -EINVAL;
	return amount > SHMQ_AMOUNT_MAX ? -EOVERFLOW : 0;
}

#endif
