/* SPDX-License-Identifier: MIT */
/*
 * The process that starts the workers and looks after them.
 */
#ifndef PREFORK_MASTER_H
#define PREFORK_MASTER_H

#include "host.h"

/* Run the host until it is told to stop. Returns the exit status: 0 stopped as told, 1 could not start. */
int master_run(const struct host_options *options);

#endif
