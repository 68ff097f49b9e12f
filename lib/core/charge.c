/* SPDX-License-Identifier: MIT */
/*
 * The ways of a charge that are not the common one: groups, refusals, levels through the ledger.
 */
#include "core/charge.h"

#include "core/lease.h"

#include <errno.h>

static struct tracker_limits limits_of(const struct charge *charge, uint32_t component, int resource, bool is_forced)
{
	struct tracker_limits limits = tracker_limits(&charge->quotas[component], resource);

	if (is_forced)
		limits.limit = SHMQ_UNLIMITED;
	return limits;
}

/* ---- Refusals ---- */

static void refused(const struct charge *charge, int resource, uint64_t amount, uint32_t refuser, bool is_denied)
{
	struct report report = charge_report(charge);

	report_refusal(&report, resource, amount, refuser, is_denied);
}

/* Admitted beyond the limits of these ranks: an operation counts once, at each of them; its event names the first. */
static void warned(const struct charge *charge, int resource, uint64_t amount, uint32_t rank, bool is_first)
{
	struct shmq_shm_tracker *tracker = &charge->component->segment->trackers[rank];

	if (is_first)
		refused(charge, resource, amount, rank, false);
	else
		shm_add_relaxed(&tracker->would_deny[resource], 1); /* relaxed: a figure for people */
}

/* Look for a crossed threshold of a component or group, when so much is in use. */
static void watch(const struct charge *charge, int resource, uint32_t component, uint64_t used)
{
	struct report report = charge_report(charge);
	struct tracker_limits limits = limits_of(charge, component, resource, false);

	report_watch(&report, resource, component, &limits, used);
}

/* The verdict is about this rank. */
static void verdict_of(struct shmq_verdict *verdict, uint32_t component)
{
	if (verdict != NULL)
		verdict->component = component;
}

/* Admitted in spite of its limit: waiting is no use. */
static void verdict_admit(struct shmq_verdict *verdict)
{
	if (verdict == NULL)
		return;
	verdict->remaining = 0;
	verdict->retry_after_ns = 0;
}

void charge_tell(struct shmq_verdict *verdict, const struct shmq_shm_quota *quota, int resource, uint64_t used,
                 uint64_t amount)
{
	struct tracker_limits limits = tracker_limits(quota, resource);

	tracker_judge(verdict, &limits, used, amount);
}

void charge_watch(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource, uint64_t used)
{
	struct report report = {component, quota - component->key.index};
	struct tracker_limits limits = tracker_limits(quota, resource);

	report_watch(&report, resource, component->key.index, &limits, used);
}

int charge_admit_anyway(struct shmq_component *component, const struct shmq_shm_quota *quota, int resource,
                        uint64_t amount, struct shmq_verdict *verdict)
{
	struct report report = {component, quota - component->key.index};
	struct tracker_limits limits = tracker_limits(quota, resource);
	struct tracker_receipt receipt;
	int result;

	limits.limit = SHMQ_UNLIMITED;
	result = tracker_take(component->segment, component->key.index, resource, &limits, amount, NULL, &receipt);
	if (result != SHMQ_OK)
		return result;
	verdict_admit(verdict);
	report_watch(&report, resource, component->key.index, &limits, receipt.used + amount);
	if (charge_enforcement(&limits) == SHMQ_ENFORCE_OFF)
		return SHMQ_OK;
	report_refusal(&report, resource, amount, component->key.index, false);
	return SHMQ_WOULD_DENY;
}

void charge_explain(struct shmq_verdict *verdict, const struct shmq_shm_quota *quota, int resource,
                    struct charge_seen seen)
{
	struct tracker_limits limits = tracker_limits(quota, resource);

	tracker_judge(verdict, &limits, seen.used, 0);
	tracker_advise(verdict, &limits, seen.start_ms, seen.now_ms);
}

/* ---- Rates and plain amounts, rank by rank ---- */

static bool refuses_itself(const struct charge *charge, int resource, uint64_t amount)
{
	uint32_t component = charge->component->key.index;
	struct tracker_limits limits = limits_of(charge, component, resource, false);

	return charge_enforcement(&limits) == SHMQ_ENFORCE_DENY &&
	       tracker_check(&charge->component->segment->trackers[component], resource, &limits, amount, NULL) !=
	           SHMQ_OK;
}

/*
 * Look first: a refusal leaves even totals alone, unless somebody takes the rest in between. The nearest rank that
 * refuses is the one to name; the component's own says so when it is taken.
 */
static int check_groups(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                        struct shmq_verdict *verdict)
{
	for (unsigned i = 1; i < chain->count; i++) {
		struct tracker_limits limits = limits_of(charge, chain->component[i], resource, false);
		int result;

		if (charge_enforcement(&limits) != SHMQ_ENFORCE_DENY)
			continue;
		verdict_of(verdict, chain->component[i]);
		result = tracker_check(&charge->component->segment->trackers[chain->component[i]], resource, &limits,
		                       amount, verdict);
		if (result == SHMQ_OK)
			continue;
		if (refuses_itself(charge, resource, amount))
			return SHMQ_OK;
		if (result == SHMQ_DENIED)
			refused(charge, resource, amount, chain->component[i], true);
		return result;
	}
	return SHMQ_OK;
}

/* The figures of an admitted amount are the component's own, or those of the first rank that would have refused. */
static bool is_told(const struct charge *charge, uint32_t component, bool has_warned, int here)
{
	if (here == SHMQ_OK || here == SHMQ_WOULD_DENY)
		return !has_warned && (here != SHMQ_OK || component == charge->component->key.index);
	return true;
}

static void tell(struct shmq_verdict *verdict, const struct shmq_verdict *seen, uint32_t component)
{
	int resource = verdict->resource;

	*verdict = *seen;
	verdict->resource = resource;
	verdict->component = component;
}

/* Take one rank: SHMQ_WOULD_DENY where it only warns. */
static int take_rank(const struct charge *charge, uint32_t component, int resource, uint64_t amount, bool is_forced,
                     bool has_warned, struct shmq_verdict *verdict, struct tracker_receipt *receipt)
{
	const struct shmq_segment *segment = charge->component->segment;
	struct tracker_limits limits = limits_of(charge, component, resource, is_forced);
	struct shmq_verdict seen = {.requested = amount};
	int here = tracker_take(segment, component, resource, &limits, amount, verdict != NULL ? &seen : NULL, receipt);

	if (here == SHMQ_DENIED && charge_enforcement(&limits) == SHMQ_ENFORCE_DENY) {
		refused(charge, resource, amount, component, true);
	} else if (here == SHMQ_DENIED) {
		limits.limit = SHMQ_UNLIMITED;
		here = tracker_take(segment, component, resource, &limits, amount, NULL, receipt);
		if (here == SHMQ_OK)
			verdict_admit(&seen);
		if (here == SHMQ_OK && charge_enforcement(&limits) == SHMQ_ENFORCE_WARN)
			here = SHMQ_WOULD_DENY;
	}
	if (verdict != NULL && is_told(charge, component, has_warned, here))
		tell(verdict, &seen, component);
	return here;
}

/* All ranks were taken. `beyond`: a bit for each that would have refused. */
static int conclude_ranks(const struct charge *charge, int resource, uint64_t amount, unsigned beyond,
                          const struct charge_receipt *receipt)
{
	for (unsigned i = 0; i < receipt->count; i++) {
		watch(charge, resource, receipt->component[i], receipt->rank[i].used + amount);
		if ((beyond >> i & 1) != 0)
			warned(charge, resource, amount, receipt->component[i], (beyond & ((1U << i) - 1)) == 0);
	}
	return beyond != 0 ? SHMQ_WOULD_DENY : SHMQ_OK;
}

static int take_ranks(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                      bool is_forced, struct shmq_verdict *verdict, struct charge_receipt *receipt)
{
	int result = is_forced ? SHMQ_OK : check_groups(charge, chain, resource, amount, verdict);
	unsigned beyond = 0;

	receipt->count = 0;
	while (result == SHMQ_OK && receipt->count < chain->count) {
		unsigned rank = receipt->count;

		receipt->rank[rank] = (struct tracker_receipt){0};
		result = take_rank(charge, chain->component[rank], resource, amount, is_forced, beyond != 0, verdict,
		                   &receipt->rank[rank]);
		receipt->component[rank] = chain->component[rank];
		if (result == SHMQ_WOULD_DENY) {
			beyond |= 1U << rank;
			result = SHMQ_OK;
		}
		if (result == SHMQ_OK)
			receipt->count++;
	}
	if (result == SHMQ_OK)
		return conclude_ranks(charge, resource, amount, beyond, receipt);
	charge_give_back(charge->component->segment, resource, amount, receipt);
	return result;
}

void charge_give_back(const struct shmq_segment *segment, int resource, uint64_t amount,
                      const struct charge_receipt *receipt)
{
	for (unsigned i = receipt->count; i > 0; i--)
		tracker_give_back(segment, receipt->component[i - 1], resource, amount, &receipt->rank[i - 1]);
}

/* ---- Levels ---- */

void charge_add_steps(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                      struct holding_steps *steps)
{
	for (unsigned i = 0; i < chain->count; i++) {
		struct tracker_limits limits = limits_of(charge, chain->component[i], resource, false);

		steps->step[steps->count++] = (struct holding_step){
		    .place = tracker_level(charge->component->segment, chain->component[i], resource),
		    .amount = amount,
		    .ceiling = limits.limit < LEVEL_CEILING ? limits.limit : LEVEL_CEILING,
		    .is_soft = charge_enforcement(&limits) != SHMQ_ENFORCE_DENY,
		};
	}
}

static int resource_of_step(const struct holding_step *step)
{
	return step->place.number == 0 ? SHMQ_STORAGE : SHMQ_MEMORY;
}

/* Write a verdict about one step. */
static void verdict_of_step(const struct charge *charge, const struct holding_step *step, bool is_taken,
                            struct shmq_verdict *verdict)
{
	struct tracker_limits limits = limits_of(charge, step->place.component, resource_of_step(step), false);

	if (verdict == NULL)
		return;
	*verdict = (struct shmq_verdict){
	    .resource = resource_of_step(step), .component = step->place.component, .requested = step->amount};
	tracker_judge(verdict, &limits, step->used, is_taken ? step->amount : 0);
	if (!is_taken)
		tracker_advise(verdict, &limits, 0, 0);
}

static int refused_step(const struct charge *charge, const struct holding_step *step, struct shmq_verdict *verdict)
{
	verdict_of_step(charge, step, false, verdict);
	if (step->ceiling >= LEVEL_CEILING || step->is_soft)
		return -EOVERFLOW; /* no limit of a policy is so high */
	refused(charge, resource_of_step(step), step->amount, step->place.component, true);
	return SHMQ_DENIED;
}

int charge_conclude(const struct charge *charge, const struct holding_steps *steps, unsigned admitted,
                    struct shmq_verdict *verdict)
{
	unsigned told = steps->others > 0 ? steps->count - steps->others : 0; /* the last resource's own rank */
	bool has_warned[LAYOUT_LEVELS] = {false};
	int result = SHMQ_OK;

	if (admitted < steps->count)
		return refused_step(charge, &steps->step[admitted], verdict);
	verdict_of_step(charge, &steps->step[told], true, verdict);
	for (unsigned i = 0; i < steps->count; i++) {
		const struct holding_step *step = &steps->step[i];
		struct tracker_limits limits = limits_of(charge, step->place.component, resource_of_step(step), false);

		watch(charge, resource_of_step(step), step->place.component, step->used + step->amount);
		if (!step->is_beyond || charge_enforcement(&limits) != SHMQ_ENFORCE_WARN)
			continue;
		if (result == SHMQ_OK) {
			verdict_of_step(charge, step, true, verdict);
			verdict_admit(verdict);
		}
		warned(charge, resource_of_step(step), step->amount, step->place.component,
		       !has_warned[step->place.number]);
		has_warned[step->place.number] = true;
		result = SHMQ_WOULD_DENY;
	}
	return result;
}

/* The calling thread's ledger, with a free entry opened for the chain. Returns false where it is full. */
static bool open_entry(const struct charge *charge, const struct group_chain *chain, unsigned levels,
                       struct ledger_entry *entry)
{
	const struct shmq_segment *segment = charge->component->segment;

	*entry = (struct ledger_entry){segment, (uint32_t)(charge->slot - segment->slots), 0};
	holding_lock(holding_private(entry));
	if (!holding_find_entry(entry, false)) {
		holding_unlock(holding_private(entry));
		return false;
	}
	ledger_open(entry, chain, levels, charge->component->key.genstate);
	return true;
}

/* On its way to another group, of which an entry would know nothing. It takes no longer than a grace period. */
#define FROZEN_RETRY_NS (UINT64_C(1) * NS_PER_MS)

static bool is_frozen_for(const struct charge *charge, int resource, uint64_t amount)
{
	return amount > 0 && !tracker_is_rate(resource) && charge_is_frozen(charge);
}

static void verdict_of_frozen(const struct charge *charge, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	uint32_t component = charge->component->key.index;
	struct tracker_limits limits = limits_of(charge, component, resource, false);
	struct level_place place = tracker_level(charge->component->segment, component, resource);

	if (verdict == NULL)
		return;
	*verdict = (struct shmq_verdict){.resource = resource, .component = component, .requested = amount};
	tracker_judge(verdict, &limits, level_read(level_at(&place)), 0);
	verdict->retry_after_ns = FROZEN_RETRY_NS;
}

static int take_levels(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                       bool is_forced, struct shmq_verdict *verdict)
{
	struct holding_steps steps;
	struct ledger_entry entry;
	unsigned admitted;

	holding_begin(&steps);
	charge_add_steps(charge, chain, resource, amount, &steps);
	for (unsigned i = 0; is_forced && i < steps.count; i++)
		steps.step[i].ceiling = LEVEL_CEILING;
	if (!open_entry(charge, chain, ledger_levels(resource), &entry))
		return -EAGAIN; /* only where the slot's memory is damaged: an entry is left for this */
	admitted = holding_take(&entry, &steps, false);
	holding_unlock(holding_private(&entry));
	return charge_conclude(charge, &steps, admitted, verdict);
}

int charge_take(const struct charge *charge, int resource, uint64_t amount, bool is_forced,
                struct shmq_verdict *verdict, struct charge_receipt *receipt)
{
	struct group_chain chain;

	group_chain_of(charge->component->segment, charge->quotas, charge->component->key.index, &chain);
	if (tracker_is_rate(resource))
		return take_ranks(charge, &chain, resource, amount, is_forced, verdict, receipt);
	if (is_frozen_for(charge, resource, amount)) {
		if (is_forced)
			return -EAGAIN;
		verdict_of_frozen(charge, resource, amount, verdict);
		refused(charge, resource, amount, charge->component->key.index, true);
		return SHMQ_DENIED;
	}
	if (chain.count == 1)
		return take_ranks(charge, &chain, resource, amount, is_forced, verdict, receipt);
	return take_levels(charge, &chain, resource, amount, is_forced, verdict);
}

int charge_take_otherwise(struct shmq_component *component, const struct operation *operation, int resource,
                          uint64_t amount, bool is_forced, struct shmq_verdict *verdict)
{
	struct charge charge = charge_of(component, operation);
	struct charge_receipt receipt;

	/* A damaged policy may ask for leases of levels. */
	if (!is_forced && tracker_is_rate(resource) && lease_is_asked(operation->quota, resource)) {
		if (lease_take(component, operation, resource, amount, verdict))
			return SHMQ_OK;
	} else if (tracker_is_rate(resource) && lease_is_likely(component, resource)) {
		lease_give_up(component, operation, resource); /* of a policy before */
	}
	return charge_take(&charge, resource, amount, is_forced, verdict, &receipt);
}

void charge_make_room(struct shmq_component *component, const struct operation *operation, int resource,
                      uint64_t amount)
{
	struct charge charge = charge_of(component, operation);

	if (!tracker_is_rate(resource) || !lease_is_likely(component, resource) || operation->slot == NULL)
		return;
	if (charge_check(&charge, resource, amount, NULL) == SHMQ_DENIED)
		lease_give_up(component, operation, resource);
}

static int release_level(const struct charge *charge, const struct group_chain *chain, int resource, uint64_t amount,
                         uint64_t *released)
{
	struct level_place place = tracker_level(charge->component->segment, chain->component[0], resource);
	struct ledger_entry entry;

	if (chain->count == 1) {
		*released = level_release(&place, amount);
		return 0;
	}
	if (!open_entry(charge, chain, ledger_levels(resource), &entry))
		return -EAGAIN; /* as take_levels() */
	*released = holding_release(&entry, amount);
	holding_unlock(holding_private(&entry));
	return 0;
}

int charge_release(const struct charge *charge, int resource, uint64_t amount)
{
	uint32_t component = charge->component->key.index;
	struct group_chain chain;
	uint64_t released;
	int result;

	group_chain_of(charge->component->segment, charge->quotas, component, &chain);
	result = release_level(charge, &chain, resource, amount, &released);
	for (unsigned i = 0; i < chain.count && result == 0; i++) {
		struct level_place place = tracker_level(charge->component->segment, chain.component[i], resource);

		watch(charge, resource, chain.component[i], level_read(level_at(&place)));
	}
	if (result < 0 || released == amount)
		return result;
	/* relaxed: a figure for people */
	shm_add_relaxed(&charge->component->segment->trackers[component].over_released, 1);
	return -ERANGE;
}

/* ---- Looking ---- */

static int check_rank(const struct charge *charge, uint32_t component, int resource, uint64_t amount, bool has_warned,
                      struct shmq_verdict *verdict)
{
	const struct shmq_shm_tracker *tracker = &charge->component->segment->trackers[component];
	struct tracker_limits limits = limits_of(charge, component, resource, false);
	struct shmq_verdict seen = {.requested = amount};
	int here = tracker_check(tracker, resource, &limits, amount, &seen);

	if (here == SHMQ_DENIED && charge_enforcement(&limits) != SHMQ_ENFORCE_DENY) {
		limits.limit = SHMQ_UNLIMITED;
		here = charge_enforcement(&limits) == SHMQ_ENFORCE_WARN ? SHMQ_WOULD_DENY : SHMQ_OK;
		if (tracker_check(tracker, resource, &limits, amount, NULL) == -EOVERFLOW)
			here = -EOVERFLOW;
		else
			verdict_admit(&seen);
	}
	if (verdict != NULL && is_told(charge, component, has_warned, here))
		tell(verdict, &seen, component);
	return here;
}

int charge_check(const struct charge *charge, int resource, uint64_t amount, struct shmq_verdict *verdict)
{
	struct group_chain chain;
	int result = SHMQ_OK;

	if (is_frozen_for(charge, resource, amount)) {
		verdict_of_frozen(charge, resource, amount, verdict);
		return SHMQ_DENIED;
	}
	group_chain_of(charge->component->segment, charge->quotas, charge->component->key.index, &chain);
	for (unsigned i = 0; i < chain.count && (result == SHMQ_OK || result == SHMQ_WOULD_DENY); i++) {
		int here = check_rank(charge, chain.component[i], resource, amount, result != SHMQ_OK, verdict);

		if (here != SHMQ_OK)
			result = here;
	}
	return result;
}

/* ---- Ends ---- */

void charge_reset(const struct charge *charge)
{
	static const int levels[] = {SHMQ_STORAGE, SHMQ_MEMORY};
	uint32_t component = charge->component->key.index;
	struct group_chain chain;
	struct ledger_entry entry;

	tracker_reset(charge->component->segment, component);
	if ((shm_load_acquire(&charge_quota(charge)->flags) & QUOTA_GROUP) != 0) /* (D3) */
		return;
	group_chain_of(charge->component->segment, charge->quotas, component, &chain);
	for (size_t i = 0; i < LAYOUT_LEVELS && open_entry(charge, &chain, ledger_levels(levels[i]), &entry); i++) {
		holding_drop(&entry);
		holding_unlock(holding_private(&entry));
	}
}

/* What members of a group that has ended used is settled with it: once, so they wait until it is gone. */
static bool is_settled_with_group(const struct shmq_segment *segment, const struct group_chain *chain)
{
	for (unsigned i = 1; i < chain->count; i++)
		if ((shm_load_acquire(&segment->entries[chain->component[i]].genstate) & ENTRY_STATE_MASK) !=
		    ENTRY_LIVE) /* (D2) */
			return true;
	return false;
}

int charge_settle(struct shmq_segment *segment, struct shmq_shm_slot *slot, uint32_t component)
{
	struct ledger_entry entry = {segment, (uint32_t)(slot - segment->slots), 0};
	uint64_t genstate = shm_load_acquire(&segment->entries[component].genstate); /* (D2) */
	struct group_chain chain;
	bool is_free = true, is_settled = true;

	group_chain_of_ended(segment, component, &chain);
	if (chain.count == 1)
		return 0;
	if (is_settled_with_group(segment, &chain))
		return -EAGAIN;
	holding_lock(holding_private(&entry));
	for (unsigned i = 0; i < LAYOUT_LEVELS && is_free; i++) {
		is_free = holding_find_entry(&entry, false);
		if (is_free) {
			ledger_open(&entry, &chain, i == 0 ? LEDGER_STORAGE : LEDGER_MEMORY, genstate);
			is_settled &= holding_drop(&entry);
		}
	}
	holding_unlock(holding_private(&entry));
	return is_free && is_settled ? 0 : -EAGAIN;
}
