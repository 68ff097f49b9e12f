/* SPDX-License-Identifier: MIT */
/*
 * Processes that are stopped where it hurts, and killed.
 *
 * A victim that was killed stays a zombie until it is reaped, as one does whose parent has other things to do: the
 * library has to find out that it is dead without the parent's help.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <stdbool.h>
#include <sys/types.h>

struct victim {
	pid_t pid;
	int ready; /* the victim writes one byte to it; this is our end */
};

/* Fork a process that runs `run`, which does not return, and dies with us. Returns 0, or -1 with a message. */
int victim_start(struct victim *out, void (*run)(void *context, int ready), void *context);

/* For the victim: say that it is ready. */
void victim_is_ready(int ready);

/* Wait until it is. Returns false where it died before. */
bool victim_wait(const struct victim *victim);

/*
 * Stop the victim again and again until `is_reached` says that it stands where it should. It stays stopped. Returns
 * false where that does not happen within ten seconds.
 */
bool victim_stop_where(const struct victim *victim, bool (*is_reached)(const struct victim *victim, void *context),
                       void *context);

/* Tell whether the victim is a zombie by now. */
bool victim_is_dead(const struct victim *victim);

/* Kill it, and do not wait. */
void victim_kill(const struct victim *victim);

/* Return when it is a zombie. */
void victim_await_death(const struct victim *victim);

/* Also where it lives still. */
void victim_reap(struct victim *victim);

#endif
