/* SPDX-License-Identifier: MIT */
/*
 * What charging means, in plain C: one process, no atomics, no windows that end. A rank has limits and what is used of
 * them; an amount passes all ranks of a chain or none. Nothing here is taken from the library.
 */
#ifndef TESTS_UNIT_CHARGE_MODEL_H
#define TESTS_UNIT_CHARGE_MODEL_H

#include <shmquota.h>
#include <stdbool.h>

#define MODEL_CEILING (UINT64_C(1) << 47) /* what can be counted */
#define MODEL_NONE (-1)

struct model_rank {
	int parent;
	bool is_group;
	uint64_t limit[SHMQ_RESOURCES];
	int enforcement[SHMQ_RESOURCES];
	uint64_t used[SHMQ_RESOURCES], held[SHMQ_RESOURCES]; /* held is part of used */
	uint64_t denied[SHMQ_RESOURCES], would_deny[SHMQ_RESOURCES];
};

/* What is expected of an operation, and which rank its verdict is about. */
struct model_outcome {
	int result, named;
	uint64_t used; /* at that rank, before */
};

static inline bool model_is_beyond(const struct model_rank *rank, int resource, uint64_t amount)
{
	uint64_t limit = rank->limit[resource], used = rank->used[resource];

	return limit != SHMQ_UNLIMITED && (used > limit || amount > limit - used);
}

/* What one rank says. */
static inline int model_judge_rank(const struct model_rank *rank, int resource, uint64_t amount, bool is_forced)
{
	bool is_beyond = !is_forced && model_is_beyond(rank, resource, amount);

	if (is_beyond && rank->enforcement[resource] == SHMQ_ENFORCE_DENY)
		return SHMQ_DENIED;
	if (rank->used[resource] + amount > MODEL_CEILING)
		return -EOVERFLOW;
	return is_beyond && rank->enforcement[resource] == SHMQ_ENFORCE_WARN ? SHMQ_WOULD_DENY : SHMQ_OK;
}

static inline bool model_is_admitted(int result)
{
	return result == SHMQ_OK || result == SHMQ_WOULD_DENY;
}

/* The nearest rank that refuses is named, else the nearest that warns, else the component itself. */
static inline struct model_outcome model_judge(const struct model_rank *ranks, int component, int resource,
                                               uint64_t amount, bool is_forced)
{
	struct model_outcome outcome = {SHMQ_OK, component, ranks[component].used[resource]};

	for (int i = component; i != MODEL_NONE && model_is_admitted(outcome.result); i = ranks[i].parent) {
		int here = model_judge_rank(&ranks[i], resource, amount, is_forced);

		if (!model_is_admitted(here) || (here == SHMQ_WOULD_DENY && outcome.result == SHMQ_OK))
			outcome = (struct model_outcome){here, i, ranks[i].used[resource]};
	}
	return outcome;
}

/* An operation that was judged so counts. */
static inline void model_take(struct model_rank *ranks, int component, int resource, uint64_t amount, bool is_forced)
{
	struct model_outcome outcome = model_judge(ranks, component, resource, amount, is_forced);

	if (outcome.result == SHMQ_DENIED) {
		ranks[component].denied[resource]++;
		if (outcome.named != component)
			ranks[outcome.named].denied[resource]++;
	}
	if (!model_is_admitted(outcome.result))
		return;
	for (int i = component; i != MODEL_NONE; i = ranks[i].parent) {
		if (model_judge_rank(&ranks[i], resource, amount, is_forced) == SHMQ_WOULD_DENY && i != component)
			ranks[i].would_deny[resource]++;
		ranks[i].used[resource] += amount;
	}
	if (outcome.result == SHMQ_WOULD_DENY)
		ranks[component].would_deny[resource]++;
}

static inline void model_give_back(struct model_rank *ranks, int component, int resource, uint64_t amount)
{
	for (int i = component; i != MODEL_NONE; i = ranks[i].parent)
		ranks[i].used[resource] -= amount;
}

/* Rates of the component alone, levels at all ranks but for what is held; of a group the levels stay. */
static inline void model_reset(struct model_rank *ranks, int component)
{
	struct model_rank *rank = &ranks[component];

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		if (shmq_resource_is_rate(resource))
			rank->used[resource] = 0;
		else if (!rank->is_group)
			model_give_back(ranks, component, resource, rank->used[resource] - rank->held[resource]);
		rank->denied[resource] = rank->would_deny[resource] = 0;
	}
}

#endif
