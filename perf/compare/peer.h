/* SPDX-License-Identifier: MIT */
/*
 * Peers: processes of other languages that do the operations of a measuring process and take the time themselves, so
 * that getting the order to them costs nothing of what is measured.
 *
 * A peer first says its pid in a line. Then it gets lines "run KIND COUNT LIMIT WINDOW_MS KEYS STORED" and answers each
 * with "NS ADMITTED", or with a line that is no numbers and says what went wrong. KEYS are those to go round, STORED all
 * that there are; their names are made as in keys.c. A peer runs on the core of its measuring process, which waits.
 */
#ifndef PEER_H
#define PEER_H

#include "../harness.h"
#include "keys.h"

#include <sys/types.h>

struct peer {
	int fd;
	pid_t pid;
	struct bench_cost last; /* what the last run cost there */
};

/* Read the pid of a peer that is connected, and bind it to a core. Returns 0, or -1 with a message. */
int peer_meet(struct peer *out, int fd, int cpu);

/* Send a line, and read the answer without its end into `answer`. Returns 0, or -1 with a message. */
int peer_ask(const struct peer *peer, const char *line, char *answer, size_t size);

/* As limiter.run; fills in `last`. */
int64_t peer_run(struct peer *peer, enum key_kind kind, const struct walk *walk, uint64_t count);

/* What the last run of this process's peer cost; NULL where the last run was none of a peer. */
extern const struct bench_cost *peer_last_cost;

#endif
