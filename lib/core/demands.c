/* SPDX-License-Identifier: MIT */
/*
 * Killed in the middle, a worker has taken some: a rate's share returns with its window, which is why rates come first.
 */
#include "core/demands.h"

/*
 * Look at all before taking any: a refusal then leaves even totals and peaks alone, unless another worker takes the rest
 * in between. Demands on one resource add up.
 */
static int check_all(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota,
                     const struct shmq_demand *demands, size_t count, struct shmq_verdict *verdict)
{
	int result = SHMQ_OK;

	for (size_t i = 0; i < count && result == SHMQ_OK; i++) {
		struct tracker_limits limits = tracker_limits(quota, demands[i].resource);
		uint64_t amount = 0;

		for (size_t j = 0; j <= i; j++)
			amount += demands[j].resource == demands[i].resource ? demands[j].amount : 0;
		if (verdict != NULL) {
			verdict->resource = demands[i].resource;
			verdict->requested = amount;
		}
		result = tracker_check(&segment->trackers[component], demands[i].resource, &limits, amount, verdict);
		if (result == SHMQ_DENIED)
			tracker_count_denied(segment, component, demands[i].resource);
	}
	return result;
}

static int take_all(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota,
                    const struct shmq_demand *demands, size_t count, struct shmq_verdict *verdict)
{
	struct tracker_receipt receipts[SHMQ_DEMANDS_MAX];
	size_t taken[SHMQ_DEMANDS_MAX], takes = 0;
	int result = SHMQ_OK;

	for (int want_rates = 1; want_rates >= 0 && result == SHMQ_OK; want_rates--) {
		for (size_t i = 0; i < count && result == SHMQ_OK; i++) {
			const struct shmq_demand *demand = &demands[i];
			struct tracker_limits limits = tracker_limits(quota, demand->resource);

			if (tracker_is_rate(demand->resource) != want_rates)
				continue;
			if (verdict != NULL) {
				verdict->resource = demand->resource;
				verdict->requested = demand->amount;
			}
			result = tracker_take(segment, component, demand->resource, &limits, demand->amount, verdict,
			                      &receipts[takes]);
			if (result == SHMQ_OK)
				taken[takes++] = i;
		}
	}
	while (result != SHMQ_OK && takes > 0) {
		const struct shmq_demand *demand = &demands[taken[--takes]];

		tracker_give_back(segment, component, demand->resource, demand->amount, &receipts[takes]);
	}
	return result;
}

int demands_take(const struct shmq_segment *segment, uint32_t component, const struct shmq_shm_quota *quota,
                 const struct shmq_demand *demands, size_t count, struct shmq_verdict *verdict)
{
	int result = check_all(segment, component, quota, demands, count, verdict);

	return result == SHMQ_OK ? take_all(segment, component, quota, demands, count, verdict) : result;
}
