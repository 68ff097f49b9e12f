/* SPDX-License-Identifier: MIT */
/*
 * First looked at, then taken: a refusal leaves even totals and peaks alone, unless another worker takes the rest in
 * between.
 */
#include "core/demands.h"

/* What is asked of each resource. */
struct demands {
	uint64_t amount[SHMQ_RESOURCES];
	bool is_asked[SHMQ_RESOURCES];
};

static bool is_admitted(int result)
{
	return result == SHMQ_OK || result == SHMQ_WOULD_DENY;
}

static int check_all(const struct charge *charge, const struct demands *demands, struct shmq_verdict *verdict)
{
	int result = SHMQ_OK;

	for (int resource = 0; resource < SHMQ_RESOURCES && is_admitted(result); resource++) {
		struct shmq_verdict seen = {.resource = resource,
		                            .component = charge->component->key.index,
		                            .requested = demands->amount[resource]};

		if (!demands->is_asked[resource])
			continue;
		result = charge_check(charge, resource, demands->amount[resource], &seen);
		if (result == SHMQ_DENIED) {
			struct report report = charge_report(charge);

			report_refusal(&report, resource, demands->amount[resource], seen.component, true);
		}
		if (verdict != NULL)
			*verdict = seen;
	}
	return result;
}

static void verdict_about(struct shmq_verdict *verdict, const struct demands *demands, int resource)
{
	if (verdict == NULL)
		return;
	verdict->resource = resource;
	verdict->requested = demands->amount[resource];
}

static int take_levels(const struct charge *charge, const struct demands *demands, struct shmq_verdict *verdict)
{
	struct charge_receipt receipt;
	int resource = demands->amount[SHMQ_STORAGE] > 0 ? SHMQ_STORAGE : SHMQ_MEMORY;

	if (demands->amount[resource] == 0)
		return SHMQ_OK;
	if (resource == SHMQ_STORAGE && demands->amount[SHMQ_MEMORY] > 0 && !charge_is_frozen(charge))
		return reservation_take_levels(charge, demands->amount, verdict);
	verdict_about(verdict, demands, resource);
	return charge_take(charge, resource, demands->amount[resource], false, verdict, &receipt);
}

static int take_all(const struct charge *charge, const struct demands *demands, struct shmq_verdict *verdict)
{
	struct charge_receipt receipt[SHMQ_RESOURCES];
	int outcome = SHMQ_OK, result = SHMQ_OK;
	int resource;

	for (resource = SHMQ_MESSAGES; tracker_is_rate(resource); resource++) {
		if (demands->amount[resource] == 0)
			continue;
		verdict_about(verdict, demands, resource);
		result = charge_take(charge, resource, demands->amount[resource], false, verdict, &receipt[resource]);
		if (!is_admitted(result))
			break;
		outcome = result == SHMQ_OK ? outcome : result;
	}
	if (is_admitted(result))
		result = take_levels(charge, demands, verdict);
	if (is_admitted(result))
		return result == SHMQ_OK ? outcome : result;
	while (--resource >= SHMQ_MESSAGES)
		if (demands->amount[resource] > 0)
			charge_give_back(charge->component->segment, resource, demands->amount[resource],
			                 &receipt[resource]);
	return result;
}

int demands_take(const struct charge *charge, const struct shmq_demand *demands, size_t count,
                 struct shmq_verdict *verdict)
{
	struct demands sums = {0};
	int result;

	for (size_t i = 0; i < count; i++) {
		sums.amount[demands[i].resource] += demands[i].amount;
		sums.is_asked[demands[i].resource] = true;
	}
	result = check_all(charge, &sums, verdict);
	return is_admitted(result) ? take_all(charge, &sums, verdict) : result;
}
