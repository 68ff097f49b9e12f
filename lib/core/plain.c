/* SPDX-License-Identifier: MIT */
/*
 * The exceptions of the plain way. They find the slot by themselves: what they are not given the way need not keep.
 */
#include "core/plain.h"

static struct shmq_shm_slot *own_slot(const struct shmq_component *c)
{
	return worker_self->attachment[c->segment->ordinal].slot;
}

static struct operation operation_of(const struct shmq_component *c, const struct shmq_shm_quota *quota)
{
	return (struct operation){.slot = own_slot(c), .tracker = &c->segment->trackers[c->key.index], .quota = quota};
}

int plain_start_over(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                     struct shmq_verdict *verdict)
{
	int result = arguments_check(c, resource, amount, verdict);
	struct operation operation;

	if (result == 0)
		result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	result = charge_take_otherwise(c, &operation, resource, amount, is_forced, verdict);
	operation_end(&operation);
	return result;
}

int plain_check_over(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	int result = arguments_check(c, resource, amount, verdict);
	struct operation look;

	if (result < 0)
		return result;
	do {
		struct charge charge;

		result = look_begin(&look, c);
		if (result < 0)
			return result;
		charge = charge_of(c, &look);
		charge_make_room(c, &look, resource, amount);
		result = charge_check(&charge, resource, amount, verdict);
	} while (!look_end(&look, c));
	return result;
}

int plain_release_over(struct shmq_component *c, int resource, uint64_t amount)
{
	int result = arguments_check(c, resource, amount, NULL);
	struct operation operation;
	struct charge charge;

	if (result < 0)
		return result;
	if (tracker_is_rate(resource))
		return -EOPNOTSUPP;
	result = operation_begin(&operation, c);
	if (result < 0)
		return result;
	charge = charge_of(c, &operation);
	result = charge_release(&charge, resource, amount);
	operation_end(&operation);
	return result;
}

int plain_otherwise(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                    struct shmq_verdict *verdict, const struct shmq_shm_quota *quota)
{
	struct operation operation = operation_of(c, quota);
	int result;

	if (verdict != NULL)
		verdict_begin(verdict, c, resource, amount);
	result = charge_take_otherwise(c, &operation, resource, amount, is_forced, verdict);
	operation_end(&operation);
	return result;
}

int plain_take_level_otherwise(struct shmq_component *c, int resource, uint64_t amount, bool is_forced,
                               struct shmq_verdict *verdict, const struct shmq_shm_quota *quota)
{
	struct level_place place = tracker_level(c->segment, c->key.index, resource);
	uint64_t ceiling = is_forced ? LEVEL_CEILING : charge_bounds(quota, resource).ceiling;
	uint64_t used;

	if (level_take(&place, amount, ceiling, &used))
		return plain_tell(c, resource, amount, verdict, quota, used);
	if (!is_forced)
		return plain_refused(c, resource, amount, verdict, quota, used, 0, 0);
	worker_leave(own_slot(c));
	return -EOVERFLOW;
}

int plain_release_otherwise(struct shmq_component *c, int resource, uint64_t amount, const struct shmq_shm_quota *quota)
{
	struct operation operation = operation_of(c, quota);
	struct charge charge = charge_of(c, &operation);
	int result = charge_release(&charge, resource, amount);

	operation_end(&operation);
	return result;
}

int plain_refused(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict,
                  const struct shmq_shm_quota *quota, uint64_t used, uint64_t start_ms, uint64_t now_ms)
{
	struct operation operation = operation_of(c, quota);
	struct charge_seen seen = {used, start_ms, now_ms};
	int result;

	if (verdict != NULL)
		verdict_begin(verdict, c, resource, amount);
	result = charge_refused(c, &operation, resource, amount, seen, verdict);
	operation_end(&operation);
	return result;
}

int plain_tell(struct shmq_component *c, int resource, uint64_t amount, struct shmq_verdict *verdict,
               const struct shmq_shm_quota *quota, uint64_t used)
{
	struct operation operation = operation_of(c, quota);

	if (charge_is_watched(quota, operation.tracker, resource, used + amount))
		charge_watch(c, quota, resource, used + amount);
	if (verdict != NULL) {
		verdict_begin(verdict, c, resource, amount);
		charge_tell(verdict, quota, resource, used, amount);
	}
	operation_end(&operation);
	return SHMQ_OK;
}
