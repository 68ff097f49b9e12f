/* SPDX-License-Identifier: MIT */
/*
 * Quotas; see resolve.h.
 */
#include "policy/resolve.h"

#include "base/wide.h"
#include "policy/values.h"

#include <errno.h>

#define DEFAULT_PERIOD_NS UINT64_C(1000000000)
#define BUCKET_SPAN_MAX_NS SHMQ_PERIOD_MAX_NS /* the longest time in which a bucket fills */

static const struct shmq_quota builtin = SHMQ_QUOTA_DEFAULT;

/* What one resource of one section follows from, and where to say that it is wrong. */
struct resolution {
	const struct draft_section *section;
	const struct chain *chain;
	struct complaints *complaints;
	int resource;
	const struct draft_value *limit, *period, *burst, *algorithm, *warn, *critical;
	const struct draft_value *blamed; /* a threshold of all resources, of which it has been said */
};

/* Whether a value is the section's own. */
static bool is_own(const struct resolution *resolution, const struct draft_value *value)
{
	return value != NULL && draft_value(resolution->section, value->key) == value;
}

/* The first of two values that is the section's own, or NULL. */
static const struct draft_value *to_blame(const struct resolution *resolution, const struct draft_value *first,
                                          const struct draft_value *second)
{
	if (resolution->complaints == NULL)
		return NULL;
	if (is_own(resolution, first))
		return first;
	return is_own(resolution, second) ? second : NULL;
}

/* Only a percentage can fail here. */
static void complain_of_percentage(const struct resolution *resolution, int error)
{
	const struct draft_value *value = to_blame(resolution, resolution->limit, resolution->period);
	const char *what = "with this period the inherited 'cpu'";

	if (value == NULL)
		return;
	if (value == resolution->limit)
		what = "this";
	if (error == -ERANGE)
		complain_error(resolution->complaints, &value->place,
		               "%s is less than one microsecond of CPU time per window", what);
	else
		complain_error(resolution->complaints, &value->place,
		               "%s is above the largest limit, %llu microseconds of CPU time per window", what,
		               (unsigned long long)SHMQ_AMOUNT_MAX);
}

static void resolve_limit(struct shmq_quota *out, const struct resolution *resolution)
{
	int resource = resolution->resource, result;
	struct units_limit limit = {.amount = builtin.limit[resource], .period_ns = builtin.period_ns[resource]};
	uint64_t period = 0;

	if (resolution->limit != NULL)
		limit = resolution->limit->limit;
	else if (resolution->chain->is_of_group)
		limit.amount = SHMQ_UNLIMITED;
	if (builtin.period_ns[resource] > 0) {
		period = resolution->period == NULL ? DEFAULT_PERIOD_NS : resolution->period->number;
		period = limit.period_ns > 0 ? limit.period_ns : period;
	}
	result = units_limit_resolve(&out->limit[resource], &limit, period);
	if (result < 0)
		complain_of_percentage(resolution, result);
	out->period_ns[resource] = period;
}

/* Whether a bucket takes longer to fill than anybody can wait. */
static bool fills_too_slowly(uint64_t burst, uint64_t limit, uint64_t period_ns)
{
	return (uint128)burst * period_ns > (uint128)limit * BUCKET_SPAN_MAX_NS;
}

static void check_bucket(const struct shmq_quota *quota, const struct resolution *resolution)
{
	const struct draft_value *value = to_blame(resolution, resolution->burst, resolution->limit);
	int resource = resolution->resource;
	uint64_t limit = quota->limit[resource];

	if (value == NULL || quota->burst[resource] == 0)
		return;
	if (limit == 0)
		complain_error(resolution->complaints, &value->place, "a burst needs a rate above 0 to come back");
	else if (limit == SHMQ_UNLIMITED)
		complain_error(resolution->complaints, &value->place, "a burst needs a limit; this is unlimited");
	else if (fills_too_slowly(quota->burst[resource], limit, quota->period_ns[resource]))
		complain_error(resolution->complaints, &value->place,
		               "at this rate the burst would take more than 366 days to come back");
}

/* A section that names another algorithm next to a burst of its own cannot mean both. */
static void check_algorithm(const struct resolution *resolution)
{
	const struct draft_value *value = resolution->algorithm;

	if (resolution->complaints != NULL && is_own(resolution, value) && is_own(resolution, resolution->burst) &&
	    value->key == keys_of_setting(resolution->resource, SETTING_ALGORITHM) && value->number != SHMQ_BUCKET)
		complain_error(resolution->complaints, &value->place, "only a bucket has a burst; '%s' has none",
		               values_algorithm((int)value->number));
}

/* Two words for one thing, in one file: which one would count? */
static void check_two_bursts(const struct resolution *resolution)
{
	const struct draft_value *limit =
	    draft_value(resolution->section, keys_of_setting(resolution->resource, SETTING_LIMIT));
	const struct draft_value *burst =
	    draft_value(resolution->section, keys_of_setting(resolution->resource, SETTING_BURST));

	if (resolution->complaints != NULL && limit != NULL && burst != NULL && limit->limit.burst > 0 &&
	    limit->file == burst->file)
		complain_error(resolution->complaints, &burst->place, "a second burst; the first stands on line %u",
		               limit->place.line);
}

static void resolve_algorithm(struct shmq_quota *out, const struct resolution *resolution)
{
	const struct draft_value *value = resolution->algorithm;
	int resource = resolution->resource;
	enum setting setting = SETTING_ALGORITHM;
	int ignored;
	bool is_named =
	    value != NULL && (value->key == KEY_ALGORITHM ||
	                      (keys_is_setting(value->key, &ignored, &setting) && setting == SETTING_ALGORITHM));

	if (builtin.period_ns[resource] == 0)
		return;
	check_two_bursts(resolution);
	check_algorithm(resolution);
	if (value != NULL)
		out->algorithm[resource] = is_named ? (uint8_t)value->number : SHMQ_BUCKET;
	if (out->algorithm[resource] == SHMQ_BUCKET && resolution->burst != NULL)
		out->burst[resource] = chain_burst_amount(resolution->burst);
	check_bucket(out, resolution);
}

static void resolve_thresholds(struct shmq_quota *out, struct resolution *resolution)
{
	const struct draft_value *blamed = to_blame(resolution, resolution->warn, resolution->critical);
	int resource = resolution->resource;
	unsigned warn, critical;

	warn = resolution->warn == NULL ? SHMQ_WARNING_PERCENT : (unsigned)resolution->warn->number;
	critical = resolution->critical == NULL ? SHMQ_CRITICAL_PERCENT : (unsigned)resolution->critical->number;
	if (warn > critical && blamed != NULL && blamed != resolution->blamed) {
		resolution->blamed = blamed;
		complain_error(resolution->complaints, &blamed->place,
		               "the warning at %u%% would come after 'critical' at %u%%", warn, critical);
	}
	out->warning[resource] = (uint8_t)warn;
	out->critical[resource] = (uint8_t)critical;
}

/*
 * What is taken ahead is used later than it counts: of a window that makes no difference, of the others it would pass the
 * bound. A section that asks for it is told; what it inherits it goes without.
 */
static void resolve_lease(struct shmq_quota *out, const struct resolution *resolution)
{
	const struct draft_value *lease = chain_setting(resolution->chain, resolution->resource, SETTING_LEASE);
	int resource = resolution->resource;

	if (lease == NULL || lease->number == 0)
		return;
	if (out->algorithm[resource] == SHMQ_WINDOW)
		out->lease[resource] = lease->number < out->limit[resource] ? lease->number : out->limit[resource];
	else if (resolution->complaints != NULL && is_own(resolution, lease))
		complain_error(resolution->complaints, &lease->place,
		               "a lease needs algorithm = window; here it is '%s'",
		               values_algorithm(out->algorithm[resource]));
}

static void resolve_resource(struct shmq_quota *out, struct resolution *resolution, int resource)
{
	const struct chain *chain = resolution->chain;
	const struct draft_value *enforce = chain_setting(chain, resource, SETTING_ENFORCE);

	resolution->resource = resource;
	resolution->limit = chain_setting(chain, resource, SETTING_LIMIT);
	resolution->period = chain_value(chain, KEY_RESET_PERIOD);
	resolution->burst = chain_burst(chain, resource);
	resolution->algorithm = chain_algorithm(chain, resource);
	resolution->warn = chain_setting(chain, resource, SETTING_WARN);
	resolution->critical = chain_setting(chain, resource, SETTING_CRITICAL);
	resolve_limit(out, resolution);
	resolve_algorithm(out, resolution);
	resolve_thresholds(out, resolution);
	resolve_lease(out, resolution);
	if (enforce != NULL)
		out->enforcement[resource] = (uint8_t)enforce->number;
}

void resolve_quota(struct shmq_quota *out, const struct draft *draft, const struct draft_section *section,
                   struct complaints *complaints)
{
	struct resolution resolution = {.section = section, .complaints = complaints};
	const struct draft_value *inherit;
	struct chain chain;

	chain_of(&chain, draft, section);
	resolution.chain = &chain;
	inherit = chain_value(&chain, KEY_INHERIT);
	*out = (struct shmq_quota){.size = sizeof(*out)};
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		resolve_resource(out, &resolution, resource);
	if (inherit != NULL)
		out->inheritance = (uint8_t)inherit->number;
}

const struct draft_value *resolve_origin(const struct draft *draft, const struct draft_section *section, int resource,
                                         enum setting setting)
{
	struct chain chain;

	chain_of(&chain, draft, section);
	if (setting == SETTING_BURST)
		return chain_burst(&chain, resource);
	if (setting == SETTING_ALGORITHM)
		return chain_algorithm(&chain, resource);
	return chain_setting(&chain, resource, setting);
}
