/* SPDX-License-Identifier: MIT */
/*
 * What one worker tells the others: "drop the memory you hold for this component". A client cannot choose the worker
 * that its DELETE reaches, so the one it reached tells all. One datagram socket pair per worker, made before the first
 * fork; a worker that is restarted takes over its predecessor's.
 */
#ifndef PREFORK_ORDERS_H
#define PREFORK_ORDERS_H

#include "host.h"

/* Returns 0, or a negative errno that was logged. */
int orders_open(struct host *host);
void orders_close(struct host *host);

/* Tell every other worker to drop what it holds for a component. Returns how many could be told. */
unsigned orders_send_drop(const struct host *host, unsigned sender, const char *component);

/* Read one order without waiting. Returns false when there is none. */
bool orders_receive(const struct host *host, unsigned receiver, char component[SHMQ_NAME_MAX + 1]);

#endif
