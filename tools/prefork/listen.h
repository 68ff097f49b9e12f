/* SPDX-License-Identifier: MIT */
/*
 * The listening socket.
 */
#ifndef PREFORK_LISTEN_H
#define PREFORK_LISTEN_H

#include "host.h"

/* Open the socket that all workers inherit, and note its URL. Returns 0, or a negative errno that was logged. */
int listen_open(struct host *host);

#endif
