/* SPDX-License-Identifier: MIT */
/*
 * The host's segment and its policy: opened or created before the first fork, published by the master alone.
 */
#ifndef PREFORK_SEGMENT_H
#define PREFORK_SEGMENT_H

#include "host.h"

/* Load the policy, open or create the segment, publish. Returns 0, or a negative errno that was logged. */
int segment_start(struct host *host);

/*
 * Load the policy again and publish it; keep the old one if the new one is bad.
 * Returns 0, or a negative errno that was logged; -EAGAIN when trying again soon may help.
 */
int segment_reload(struct host *host);

/* Close the segment, and remove it if this host created it for itself. */
void segment_stop(struct host *host);

#endif
