/* SPDX-License-Identifier: MIT */
/*
 * Taking, stealing and releasing the controller lock.
 */
#include "core/controller.h"

#include "base/clock.h"
#include "base/process.h"
#include "core/worker.h"
#include "shm/object.h"

#include <errno.h>
#include <time.h>

#define PAUSE_NS 1000000

int controller_lock(struct shmq_segment *segment, bool *must_recover)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct shmq_shm_policy *policy = segment_writable(segment);
	uint64_t token, deadline_ns;
	int result;

	if (policy == NULL)
		return -EACCES;
	result = object_check_world(&policy->header); /* from another namespace every holder looks dead */
	if (result < 0)
		return result;
	token = worker_token();
	if (token == 0)
		return -ENOSYS;
	deadline_ns = clock_read_ns(CLOCK_MONOTONIC) + CONTROLLER_PATIENCE_MS * NS_PER_MS;
	do {
		uint64_t holder = 0;

		/* (C1) acq_rel: pairs with controller_unlock(). We see all that the holder before us did. */
		*must_recover = false;
		if (shm_cas_acq_rel(&policy->control.lock, &holder, token))
			return 0;
		/* Our own token is from before an exec(): this thread never takes the lock twice. */
		*must_recover = true;
		if ((holder == token || process_is_dead(holder)) &&
		    shm_cas_acq_rel(&policy->control.lock, &holder, token)) { /* (C1) */
			shm_add_relaxed(&policy->control.steals, 1);          /* relaxed: a figure for people */
			return 0;
		}
		nanosleep(&pause, NULL);
	} while (clock_read_ns(CLOCK_MONOTONIC) < deadline_ns);
	return -EBUSY;
}

void controller_unlock(struct shmq_segment *segment)
{
	/* (C1) release: all that was done under the lock, before it is free. Pairs with controller_lock(). */
	shm_store_release(&segment_writable(segment)->control.lock, 0);
}
