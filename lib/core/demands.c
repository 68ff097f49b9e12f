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

/* ---- The frequent case: no groups, plain windows, at most one level ---- */

/* What was taken of each resource, so that it can be taken back and told of. */
struct taken {
	uint64_t used[SHMQ_RESOURCES]; /* before */
	uint32_t seq[SHMQ_RESOURCES];
};

/* Tell whether all of it fits, and is to be taken in the plain way. */
static bool all_fit(const struct operation *operation, const struct demands *demands)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		if (demands->is_asked[resource] && !charge_fits(operation, resource, demands->amount[resource]))
			return false;
	return demands->amount[SHMQ_STORAGE] == 0 || demands->amount[SHMQ_MEMORY] == 0;
}

static bool take_one(const struct shmq_component *component, const struct operation *operation, int resource,
                     uint64_t amount, struct taken *taken)
{
	struct charge_bounds bounds = charge_bounds(operation->quota, resource);
	struct window_view view;
	bool is_taken;

	if (!tracker_is_rate(resource)) {
		struct level_place place = tracker_level(component->segment, component->key.index, resource);

		return level_take(&place, amount, bounds.ceiling, &taken->used[resource]);
	}
	is_taken = window_take(tracker_rate(operation->tracker, resource), amount, bounds.ceiling, bounds.period_ms,
	                       clock_window_ms(bounds.period_ms), &view);
	taken->used[resource] = view.used;
	taken->seq[resource] = view.seq;
	return is_taken;
}

/* In the order of take_all(): who dies in between leaves nothing for ever. */
static const int taking_order[SHMQ_RESOURCES] = {SHMQ_MESSAGES, SHMQ_NETWORK, SHMQ_CPU, SHMQ_STORAGE, SHMQ_MEMORY};

/* Returns false where it was not taken: another worker was quicker. */
static bool take_each(const struct shmq_component *component, const struct operation *operation,
                      const struct demands *demands, struct taken *taken)
{
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		int resource = taking_order[i];

		if (demands->amount[resource] == 0 ||
		    take_one(component, operation, resource, demands->amount[resource], taken))
			continue;
		while (--i >= 0) /* a level is taken last */
			if (demands->amount[taking_order[i]] > 0)
				window_refund(tracker_rate(operation->tracker, taking_order[i]),
				              taken->seq[taking_order[i]], demands->amount[taking_order[i]]);
		return false;
	}
	return true;
}

static void tell_of_each(struct shmq_component *component, const struct operation *operation,
                         const struct demands *demands, const struct taken *taken, struct shmq_verdict *verdict)
{
	for (int i = 0; i < SHMQ_RESOURCES; i++) {
		int resource = taking_order[i];
		uint64_t amount = demands->amount[resource], used = taken->used[resource];

		if (amount == 0)
			continue;
		if (charge_is_watched(operation->quota, operation->tracker, resource, used + amount))
			charge_watch(component, operation->quota, resource, used + amount);
		if (verdict == NULL)
			continue;
		verdict_about(verdict, demands, resource);
		charge_tell(verdict, operation->quota, resource, used, amount);
	}
}

int demands_take(struct shmq_component *component, const struct operation *operation, const struct shmq_demand *demands,
                 size_t count, struct shmq_verdict *verdict)
{
	struct charge charge = charge_of(component, operation);
	struct demands sums = {0};
	struct taken taken;
	int result;

	for (size_t i = 0; i < count; i++) {
		sums.amount[demands[i].resource] += demands[i].amount;
		sums.is_asked[demands[i].resource] = true;
	}
	if (all_fit(operation, &sums) && take_each(component, operation, &sums, &taken)) {
		tell_of_each(component, operation, &sums, &taken, verdict);
		return SHMQ_OK;
	}
	for (int i = SHMQ_MESSAGES; tracker_is_rate(i); i++)
		charge_make_room(component, operation, i, sums.amount[i]);
	/* Otherwise; it also says why not. */
	result = check_all(&charge, &sums, verdict);
	return is_admitted(result) ? take_all(&charge, &sums, verdict) : result;
}
