/* SPDX-License-Identifier: MIT */
/*
 * Taking batches, and giving back what is left of them.
 *
 * `left` is the one word that counts: it is set after everything else, and is zero before anything else is touched. So who
 * is killed between a batch and its `left` forfeits the batch until its windows end, and what is given back is given back
 * at most once, also if the one who does it is killed: first `left` is zero, then come the refunds.
 */
#include "core/lease.h"

#include "base/probe.h"
#include "core/group.h"
#include "core/report.h"

#define NUMBER_MASK ((UINT32_C(1) << LEASE_RESOURCE_AT) - 1)

/* All ranks of an amount, what may be taken of them at once, and what each had before. */
struct lease_plan {
	struct group_chain chain;
	struct tracker_limits limits[1 + LAYOUT_ANCESTORS];
	uint64_t now_ms[1 + LAYOUT_ANCESTORS], used[1 + LAYOUT_ANCESTORS];
	uint64_t batch;
};

static int resource_of(const struct shmq_shm_lease *shared)
{
	return (int)(shm_load32_acquire(&shared->component[0]) >> LEASE_RESOURCE_AT); /* (Y1) */
}

/* A rank's component + 1; 0 where there are no more ranks. */
static uint32_t number_of(const struct shmq_shm_lease *shared, unsigned rank)
{
	return shm_load32_acquire(&shared->component[rank]) & NUMBER_MASK; /* (Y1) */
}

static struct shmq_shm_rate *rate_at(const struct shmq_segment *segment, uint32_t component, int resource)
{
	return tracker_rate(&segment->trackers[component], resource);
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- Giving back ---- */

/* A refund that comes after its window is dropped. No two windows of a rate have the same word, in no registration. */
static void refund_rank(const struct shmq_segment *segment, uint32_t component, int resource, uint64_t window,
                        uint64_t amount)
{
	struct shmq_shm_rate *rate = rate_at(segment, component, resource);

	if (shm_load_seq_cst(&rate->current) == window) /* (W4) */
		window_refund(rate, (uint32_t)(window & WINDOW_SEQ_MASK), amount);
}

/* What is read may be damaged: numbers are bounded. */
static bool give_back(const struct shmq_segment *segment, struct shmq_shm_lease *shared)
{
	/* (Y1) acquire: how much before of what. Pairs with lease_let(). */
	uint32_t left = shm_load32_acquire(&shared->left);
	int resource = resource_of(shared);

	if (left == 0)
		return false;
	/*
	 * (Y1) release: not before the batch was whole, and before any refund. Pairs with the load above, of whoever
	 * recovers the slot. Without it a refund could be repeated after a death, and the amount be admitted twice.
	 */
	shm_store32_release(&shared->left, 0);
	for (unsigned i = 0; i <= LAYOUT_ANCESTORS && tracker_is_rate(resource); i++) {
		uint32_t number = number_of(shared, i);

		if (number == 0 || number > segment->layout.components)
			break;
		refund_rank(segment, number - 1, resource, shm_load_acquire(&shared->window[i]), left); /* (Y1) */
	}
	return true;
}

void lease_return(const struct shmq_segment *segment, uint32_t slot)
{
	for (size_t i = 0; i < LAYOUT_LEASES; i++)
		give_back(segment, &segment->leases[(size_t)slot * LAYOUT_LEASES + i]);
}

void lease_forget(const struct shmq_segment *segment, uint32_t slot)
{
	for (size_t i = 0; i < LAYOUT_LEASES; i++)
		segment->own_leases[(size_t)slot * LAYOUT_LEASES + i] = (struct segment_lease){0};
}

bool lease_give_up(const struct shmq_component *c, const struct operation *operation, int resource)
{
	struct segment_lease *lease = lease_of(c->segment, operation->slot, c->key.index, resource);
	bool had_any;

	if (!lease_is_of(lease, &c->key, resource) || !lease_enter(lease))
		return false;
	had_any = give_back(c->segment, lease->shared);
	lease_leave(lease);
	return had_any;
}

/* ---- Taking ---- */

/* A rank that does not refuse by a window is not known by its `current`, or refuses nothing. */
static bool can_be_leased(const struct tracker_limits *limits)
{
	return limits->limit == SHMQ_UNLIMITED || ((limits->mode & MODE_ALGORITHM_MASK) == SHMQ_WINDOW &&
	                                           mode_enforcement(limits->mode) == SHMQ_ENFORCE_DENY);
}

/* Returns false where a batch would not be worth it: less than two such amounts, or not possible. */
static bool plan_batch(const struct shmq_component *c, const struct operation *operation, int resource, uint64_t amount,
                       struct lease_plan *plan)
{
	const struct shmq_shm_quota *quotas = operation->quota - c->key.index;

	/* relaxed: as the limits */
	plan->batch = shm_load32_relaxed(&operation->quota->lease[resource - SHMQ_MESSAGES]);
	group_chain_of(c->segment, quotas, c->key.index, &plan->chain);
	for (unsigned i = 0; i < plan->chain.count && plan->batch >= 2 * amount; i++) {
		struct tracker_limits *limits = &plan->limits[i];
		uint64_t ceiling, used;

		*limits = tracker_limits(&quotas[plan->chain.component[i]], resource);
		if (!can_be_leased(limits))
			return false;
		ceiling = smaller(limits->limit, WINDOW_CEILING);
		plan->now_ms[i] = clock_window_ms(limits->period_ms);
		used = window_peek(rate_at(c->segment, plan->chain.component[i], resource), limits->period_ms,
		                   plan->now_ms[i]);
		plan->batch = smaller(plan->batch, used < ceiling ? (ceiling - used) / LEASE_PART : 0);
	}
	return plan->batch >= 2 * amount;
}

/* Take the batch at all ranks, or at none. What is on lease then is described by `lease`, but for its `left`. */
static bool take_batch(const struct shmq_component *c, struct lease_plan *plan, int resource,
                       struct segment_lease *lease)
{
	lease->end_ms = UINT64_MAX;
	lease->shortest_ms = UINT64_MAX;
	for (lease->ranks = 0; lease->ranks < plan->chain.count; lease->ranks++) {
		const struct tracker_limits *limits = &plan->limits[lease->ranks];
		struct shmq_shm_rate *rate = rate_at(c->segment, plan->chain.component[lease->ranks], resource);
		struct window_view view;

		if (!window_take(rate, plan->batch, smaller(limits->limit, WINDOW_CEILING), limits->period_ms,
		                 plan->now_ms[lease->ranks], &view))
			break;
		plan->used[lease->ranks] = view.used;
		lease->rank[lease->ranks].rate = rate;
		lease->rank[lease->ranks].window = view.start_ms << WINDOW_SEQ_BITS | view.seq;
		lease->end_ms = smaller(lease->end_ms, view.start_ms + limits->period_ms);
		lease->shortest_ms = smaller(lease->shortest_ms, limits->period_ms);
	}
	if (lease->ranks == plan->chain.count)
		return true;
	while (lease->ranks > 0) {
		lease->ranks--;
		window_refund(lease->rank[lease->ranks].rate,
		              (uint32_t)(lease->rank[lease->ranks].window & WINDOW_SEQ_MASK), plan->batch);
	}
	return false;
}

/* Say to others what is on lease, and where it counts. `left` is zero before. */
static void lease_let(const struct shmq_segment *segment, const struct lease_plan *plan, int resource,
                      const struct segment_lease *lease, uint64_t left)
{
	struct shmq_shm_lease *shared = lease->shared;

	for (unsigned i = 0; i <= LAYOUT_ANCESTORS; i++) {
		bool is_rank = i < lease->ranks;
		uint32_t number = is_rank ? plan->chain.component[i] + 1 : 0;

		/* (Y1) release: `left` is zero before. Pairs with give_back(): else the old amount could go there. */
		shm_store_release(&shared->window[i], is_rank ? lease->rank[i].window : 0);
		shm_store32_release(&shared->component[i],
		                    i == 0 ? lease_name(number - 1, resource) : number); /* (Y1) */
		if (is_rank) /* relaxed: a hint for who adds up what is on lease */
			shm_store_relaxed(&segment->trackers[number - 1].leased[resource - SHMQ_MESSAGES],
			                  lease->rank[i].window);
	}
	/* (Y1) release: the whole batch, and where it counts, before how much it is. Pairs with give_back(). */
	shm_store32_release(&shared->left, (uint32_t)left);
}

void lease_tell(const struct segment_lease *lease, uint64_t left, uint64_t amount, struct shmq_verdict *verdict)
{
	const struct shmq_shm_rate *rate = lease->rank[0].rate;
	const struct tracker_limits limits = {.limit = lease->limit, .period_ms = lease->period_ms};
	uint64_t base = shm_load_acquire(&rate->base[lease->rank[0].window % LAYOUT_BASES]); /* (W2) */
	uint64_t used = window_used(shm_load_seq_cst(&rate->total), base);                   /* (W3) */

	/* Rolled in this moment, the figures are of neither window: then say what is known. */
	if (!window_has_base(lease->rank[0].window, base) || used < left)
		used = left;
	tracker_judge(verdict, &limits, used - left, amount);
}

/* Look for crossed thresholds: what is on lease counts as used. */
static void watch_ranks(const struct shmq_component *c, const struct operation *operation, int resource,
                        const struct lease_plan *plan)
{
	const struct report report = {c, operation->quota - c->key.index};

	for (unsigned i = 0; i < plan->chain.count; i++)
		report_watch(&report, resource, plan->chain.component[i], &plan->limits[i],
		             plan->used[i] + plan->batch);
}

/*
 * Note the policy that the operation goes by. Returns false where another one has been published meanwhile: not more than
 * one, since the table before cannot be filled anew while the operation's section lasts.
 */
static bool note_policy(const struct shmq_component *c, const struct operation *operation, struct segment_lease *lease)
{
	lease->generation = shm_load_acquire(&c->segment->policy->control.generation); /* (D1) */
	return &c->segment->quotas[lease->generation & 1][c->key.index] == operation->quota;
}

/* The lease is entered, and nothing is left of it. */
static bool lease_renew(struct shmq_component *c, const struct operation *operation, int resource, uint64_t amount,
                        struct segment_lease *lease, struct shmq_verdict *verdict)
{
	struct lease_plan plan;

	lease->genstate = 0;
	if (!note_policy(c, operation, lease) || !plan_batch(c, operation, resource, amount, &plan) ||
	    !take_batch(c, &plan, resource, lease))
		return false;
	lease->shared = &c->segment->leases[lease - c->segment->own_leases];
	lease->registration = &c->segment->entries[c->key.index].genstate;
	lease->component = c->key.index;
	lease->resource = resource;
	lease->limit = plan.limits[0].limit;
	lease->period_ms = plan.limits[0].period_ms;
	lease->patience = LEASE_PATIENCE;
	lease_let(c->segment, &plan, resource, lease, plan.batch - amount);
	PROBE4(lease, c->segment->name, c->key.index, resource, plan.batch);
	lease->genstate = c->key.genstate;
	/* relaxed: a hint; where another thread's store takes it away, the next batch brings it back */
	if (!lease_is_likely(c, resource))
		shm_store32_relaxed(&c->leases, shm_load32_relaxed(&c->leases) | 1U << resource);
	watch_ranks(c, operation, resource, &plan);
	if (verdict != NULL)
		tracker_judge(verdict, &plan.limits[0], plan.used[0], amount);
	return true;
}

/* Another rate's lease goes when it is used up, no longer valid, or has not been renewed for long. */
static bool may_replace(const struct shmq_segment *segment, struct segment_lease *lease)
{
	/* relaxed: this thread's */
	if (lease->genstate == 0 || shm_load32_relaxed(&lease->shared->left) == 0 ||
	    !lease_is_valid(segment, lease, clock_window_ms(lease->shortest_ms)) || lease->patience == 0)
		return true;
	lease->patience--;
	return false;
}

bool lease_take(struct shmq_component *c, const struct operation *operation, int resource, uint64_t amount,
                struct shmq_verdict *verdict)
{
	struct segment_lease *lease = lease_of(c->segment, operation->slot, c->key.index, resource);
	bool is_taken = false;

	if (amount == 0 || !lease_enter(lease))
		return false;
	if (lease_is_of(lease, &c->key, resource) || may_replace(c->segment, lease)) {
		if (lease->genstate != 0)
			give_back(c->segment, lease->shared);
		is_taken = lease_renew(c, operation, resource, amount, lease, verdict);
	}
	lease_leave(lease);
	return is_taken;
}

/* ---- Looking ---- */

/* What an entry has of a rate's window; which rank it is does not matter. */
static uint64_t left_of(const struct shmq_shm_lease *shared, uint32_t component, int resource, uint64_t window)
{
	uint32_t left = shm_load32_acquire(&shared->left); /* (Y1) */

	if (left == 0 || resource_of(shared) != resource)
		return 0;
	for (unsigned i = 0; i <= LAYOUT_ANCESTORS; i++)
		if (number_of(shared, i) == component + 1 && shm_load_acquire(&shared->window[i]) == window)
			return left;
	return 0;
}

uint64_t lease_sum(const struct shmq_segment *segment, uint32_t component, int resource)
{
	const struct shmq_shm_tracker *tracker = &segment->trackers[component];
	uint64_t window = shm_load_seq_cst(&tracker->rate[resource - SHMQ_MESSAGES].current); /* (W1) */
	uint64_t sum = 0;

	/* relaxed: a hint; most components have nothing on lease, or were never used, and are passed over quickly */
	if (window == 0 || shm_load_relaxed(&tracker->leased[resource - SHMQ_MESSAGES]) != window)
		return 0;
	for (uint32_t slot = 0; slot < segment->layout.threads; slot++) {
		const struct shmq_shm_lease *leases = &segment->leases[(size_t)slot * LAYOUT_LEASES];

		if (shm_load_relaxed(&segment->slots[slot].owner) == 0) /* relaxed: a free slot has none */
			continue;
		for (unsigned i = 0; i < LAYOUT_LEASES; i++)
			sum += left_of(&leases[i], component, resource, window);
	}
	return sum;
}
