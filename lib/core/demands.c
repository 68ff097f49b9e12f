/* SPDX-License-Identifier: MIT */
/*
 * First looked at, then taken: a refusal leaves even totals and peaks alone, unless another worker takes the rest in
 * between.
 */
#include "core/demands.h"

/* What is asked of each resource. */
struct demands {
	const struct shmq_segment *segment;
	uint32_t component;
	const struct shmq_shm_quota *quota;
	uint64_t amount[SHMQ_RESOURCES];
	bool is_asked[SHMQ_RESOURCES];
};

static void verdict_about(struct shmq_verdict *verdict, const struct demands *demands, int resource)
{
	if (verdict == NULL)
		return;
	verdict->resource = resource;
	verdict->requested = demands->amount[resource];
}

static int check_all(const struct demands *demands, struct shmq_verdict *verdict)
{
	int result = SHMQ_OK;

	for (int resource = 0; resource < SHMQ_RESOURCES && result == SHMQ_OK; resource++) {
		struct tracker_limits limits = tracker_limits(demands->quota, resource);

		if (!demands->is_asked[resource])
			continue;
		verdict_about(verdict, demands, resource);
		result = tracker_check(&demands->segment->trackers[demands->component], resource, &limits,
		                       demands->amount[resource], verdict);
		if (result == SHMQ_DENIED)
			tracker_count_denied(demands->segment, demands->component, resource);
	}
	return result;
}

static int take_level(const struct demands *demands, int resource, struct shmq_verdict *verdict)
{
	struct tracker_limits limits = tracker_limits(demands->quota, resource);
	struct tracker_receipt receipt;

	verdict_about(verdict, demands, resource);
	return tracker_take(demands->segment, demands->component, resource, &limits, demands->amount[resource], verdict,
	                    &receipt);
}

static int take_levels(const struct reservation_context *context, const struct demands *demands,
                       struct shmq_verdict *verdict)
{
	if (demands->amount[SHMQ_STORAGE] > 0 && demands->amount[SHMQ_MEMORY] > 0)
		return reservation_take_levels(context, demands->quota, demands->amount, verdict);
	if (demands->amount[SHMQ_STORAGE] > 0)
		return take_level(demands, SHMQ_STORAGE, verdict);
	return demands->amount[SHMQ_MEMORY] > 0 ? take_level(demands, SHMQ_MEMORY, verdict) : SHMQ_OK;
}

static int take_all(const struct reservation_context *context, const struct demands *demands,
                    struct shmq_verdict *verdict)
{
	struct tracker_receipt receipt[SHMQ_RESOURCES];
	int result = SHMQ_OK;
	int resource;

	for (resource = SHMQ_MESSAGES; tracker_is_rate(resource) && result == SHMQ_OK; resource++) {
		struct tracker_limits limits = tracker_limits(demands->quota, resource);

		if (demands->amount[resource] == 0)
			continue;
		verdict_about(verdict, demands, resource);
		result = tracker_take(demands->segment, demands->component, resource, &limits,
		                      demands->amount[resource], verdict, &receipt[resource]);
		if (result != SHMQ_OK)
			break;
	}
	if (result == SHMQ_OK)
		result = take_levels(context, demands, verdict);
	while (result != SHMQ_OK && --resource >= SHMQ_MESSAGES)
		if (demands->amount[resource] > 0)
			tracker_give_back(demands->segment, demands->component, resource, demands->amount[resource],
			                  &receipt[resource]);
	return result;
}

int demands_take(const struct reservation_context *context, const struct shmq_shm_quota *quota,
                 const struct shmq_demand *demands, size_t count, struct shmq_verdict *verdict)
{
	struct demands sums = {
	    .segment = context->component->segment, .component = context->component->key.index, .quota = quota};
	int result;

	for (size_t i = 0; i < count; i++) {
		sums.amount[demands[i].resource] += demands[i].amount;
		sums.is_asked[demands[i].resource] = true;
	}
	result = check_all(&sums, verdict);
	return result == SHMQ_OK ? take_all(context, &sums, verdict) : result;
}
