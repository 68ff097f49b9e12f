/* SPDX-License-Identifier: MIT */
/*
 * The frame of every call on a component: attach if need be, enter a read section, see that the registration is still in
 * force and under which quota, and leave again.
 */
#ifndef SHMQ_CORE_OPERATION_H
#define SHMQ_CORE_OPERATION_H

#include "core/handle.h"
#include "core/worker.h"

#include <errno.h>

/* One call on a component: its read section, and the quota that is in force for all of it. */
struct operation {
	struct shmq_shm_slot *slot; /* NULL for an observer */
	struct shmq_shm_tracker *tracker;
	const struct shmq_shm_quota *quota;
	uint64_t generation; /* for an observer: the policy it looked at */
};

static inline HOT_INLINE int operation_begin(struct operation *operation, const struct shmq_component *c)
{
	struct shmq_segment *segment = c->segment;
	struct directory_key key = c->key;
	struct directory_aim aim = directory_aim(segment, &key);
	int result;

	operation->generation = 0;
	operation->tracker = &segment->trackers[key.index];
	result = worker_enter(segment, &operation->slot);
	if (result < 0)
		return result;
	operation->quota = directory_aimed_quota(segment, &key, &aim);
	if (__builtin_expect(operation->quota == NULL, 0)) {
		worker_leave(operation->slot);
		return -ESTALE;
	}
	return 0;
}

static inline HOT_INLINE void operation_end(const struct operation *operation)
{
	worker_leave(operation->slot);
}

/*
 * Begin an operation that changes nothing. An observer has no read section: it looks, and look_end() tells whether the
 * policy or the registration changed meanwhile.
 */
static inline HOT_INLINE int look_begin(struct operation *look, const struct shmq_component *c)
{
	*look = (struct operation){0};
	if (c->segment->access != SHMQ_OBSERVE)
		return operation_begin(look, c);
	look->generation = shm_load_acquire(&c->segment->policy->control.generation);
	look->tracker = &c->segment->trackers[c->key.index];
	look->quota = directory_quota(c->segment, &c->key);
	return look->quota == NULL ? -ESTALE : 0;
}

/* Returns false where an observer must look again. */
static inline HOT_INLINE bool look_end(const struct operation *look, const struct shmq_component *c)
{
	if (look->slot != NULL) {
		operation_end(look);
		return true;
	}
	return directory_is_current(c->segment, &c->key) &&
	       shm_load_acquire(&c->segment->policy->control.generation) == look->generation;
}

#endif
