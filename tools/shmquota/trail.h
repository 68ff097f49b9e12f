/* SPDX-License-Identifier: MIT */
/*
 * The trail that a changing verb leaves: who did what, among the events of the segment.
 */
#ifndef TRAIL_H
#define TRAIL_H

#include "verb.h"

/*
 * Write a note of a verb that has changed something: "alice: set prefork shop --storage 2GB". `component` is whom it is
 * about, or NULL. That it cannot be written keeps nobody from changing anything.
 */
void trail_leave(const struct invocation *invocation, struct shmq_segment *segment, const char *component);

#endif
