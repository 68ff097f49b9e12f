/* SPDX-License-Identifier: MIT */
/*
 * Whoever recovers and looks after a death: a process of its own, which opens the segment, checks, and closes it again.
 * It is started when it is needed and serves until it finds something wrong, since what it then has open is left behind;
 * the next one starts afresh.
 */
#ifndef SHMQ_TESTS_KILL_INSPECTOR_H
#define SHMQ_TESTS_KILL_INSPECTOR_H

#include "kill_operation.h"

struct inspector;

struct inspector *inspector_new(void);
void inspector_end(struct inspector *inspector);

/* Returns 0, or 1 and there is a complaint: world_complaint(). */
int inspector_check(struct inspector *inspector, const struct world *world, const struct check_order *order,
                    enum other_segment other);

#endif
