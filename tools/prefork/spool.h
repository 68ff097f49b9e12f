/* SPDX-License-Identifier: MIT */
/*
 * The directory that holds what components store, as the master sees it. spool_path.h says what lies where.
 */
#ifndef PREFORK_SPOOL_H
#define PREFORK_SPOOL_H

#include "host.h"

#include <sys/types.h>

/* Open or create the spool and take it for this host alone. Returns 0, or a negative errno that was logged. */
int spool_open(struct host *host);

/* Remove what a dead worker did not finish, before what it reserved for it is given back. */
void spool_forget_worker(const struct host *host, pid_t pid);

/* Remove the spool if it is a temporary one. */
void spool_close(struct host *host);

/*
 * Count what lies in the spool for components whose storage was never used: after a restart the segment may be new
 * while the files are not. Safe beside running workers.
 */
void spool_recount(struct host *host);

#endif
