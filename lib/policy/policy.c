/* SPDX-License-Identifier: MIT */
/*
 * From the draft that the files left to a policy: inheritance, and what can only be judged once all is known.
 *
 * A policy exists complete and without errors or not at all. Nothing in it depends on the order of sections in a file.
 */
#include "policy/policy.h"

#include "policy/parse.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_PERIOD_NS UINT64_C(1000000000)

static const struct shmq_quota builtin = SHMQ_QUOTA_DEFAULT;

/* The built-in limit of a resource, as if somebody had written it with its own period. */
static struct units_limit builtin_limit(size_t resource)
{
	return (struct units_limit){.amount = builtin.limit[resource], .period_ns = builtin.period_ns[resource]};
}

static uint64_t reset_period(const struct draft *draft, const struct draft_quota *own)
{
	if (own->reset_period_ns > 0)
		return own->reset_period_ns;
	return draft->fallback.reset_period_ns > 0 ? draft->fallback.reset_period_ns : DEFAULT_PERIOD_NS;
}

/*
 * Only a percentage can fail here. It is the fault of the section's own value if it has one, else of its reset_period:
 * the same percentage has been judged by [default]'s already.
 */
static void complain_of_percentage(struct draft *draft, const struct draft_quota *own, int error)
{
	bool is_own = own->is_given[SHMQ_CPU];
	const struct place *place = is_own ? &own->cpu_place : &own->period_place;

	if (place->line == 0)
		return;
	if (error == -ERANGE)
		complain_error(draft->complaints, place, "%s is less than one microsecond of CPU time per window",
		               is_own ? "this" : "with this period the inherited cpu_time");
	else
		complain_error(
		    draft->complaints, place, "%s is above the largest limit, %llu microseconds of CPU time per window",
		    is_own ? "this" : "with this period the inherited cpu_time", (unsigned long long)SHMQ_AMOUNT_MAX);
}

/* Fill a quota from a section's own keys, [default] and the built-in defaults. Mistakes are complained of. */
static void resolve(struct draft *draft, const struct draft_quota *own, struct shmq_quota *out)
{
	*out = (struct shmq_quota){.size = sizeof(*out)};
	for (size_t resource = 0; resource < SHMQ_RESOURCES; resource++) {
		struct units_limit limit = builtin_limit(resource);
		uint64_t period = 0;
		int result;

		if (own->is_given[resource])
			limit = own->limit[resource];
		else if (draft->fallback.is_given[resource])
			limit = draft->fallback.limit[resource];
		if (builtin.period_ns[resource] > 0)
			period = limit.period_ns > 0 ? limit.period_ns : reset_period(draft, own);
		result = units_limit_resolve(&out->limit[resource], &limit, period);
		if (result < 0)
			complain_of_percentage(draft, own, result);
		out->period_ns[resource] = period;
	}
}

static void resolve_room(struct draft *draft)
{
	if (draft->count <= draft->options.components)
		return;
	if (draft->components_place.line > 0)
		complain_error(draft->complaints, &draft->components_place,
		               "the policy names %zu components; there is room for %u", draft->count,
		               draft->options.components);
	else
		draft->options.components = (uint32_t)draft->count;
}

/* Moves the names out of the draft, which is good for nothing afterwards but to be freed. */
static int build(struct shmq_policy **out, struct draft *draft)
{
	struct shmq_policy *policy = calloc(1, sizeof(*policy));
	struct draft_component *component = draft->first;

	if (policy == NULL)
		return -ENOMEM;
	policy->components = calloc(draft->count > 0 ? draft->count : 1, sizeof(*policy->components));
	if (policy->components == NULL) {
		free(policy);
		return -ENOMEM;
	}
	resolve_room(draft);
	resolve(draft, &draft->fallback, &policy->fallback);
	policy->count = draft->count;
	for (size_t i = 0; i < draft->count; i++, component = component->next) {
		resolve(draft, &component->quota, &policy->components[i].quota);
		policy->components[i].name = component->name;
		component->name = NULL;
	}
	policy->options = draft->options;
	policy->segment_name = draft->segment_name;
	draft->segment_name = NULL;
	*out = policy;
	return 0;
}

/* Read all files, also after one that cannot be read. Returns 0 or the first file's errno. */
static int read_files(struct draft *draft, const char *const paths[], size_t count)
{
	int result = 0;

	for (size_t i = 0; i < count && draft->failure == 0; i++) {
		int read = parse_file(draft, paths[i]);

		if (read == -ENOMEM)
			draft->failure = -ENOMEM;
		result = result < 0 ? result : read;
	}
	return draft->failure < 0 ? draft->failure : result;
}

static bool are_paths(const char *const paths[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (paths[i] == NULL)
			return false;
	return count > 0;
}

int policy_load(struct shmq_policy **out, const char *const paths[], size_t count, struct shmq_report *report)
{
	struct complaints complaints = {.report = report};
	struct shmq_policy *policy = NULL;
	struct draft draft;
	int result, built;

	if (out == NULL || paths == NULL || !are_paths(paths, count))
		return -EINVAL;
	draft_init(&draft, &complaints);
	result = read_files(&draft, paths, count);
	if (result != -ENOMEM) {
		built = build(&policy, &draft);
		result = result < 0 ? result : built;
	}
	draft_free(&draft);
	if (result == 0 && complaints.errors > 0)
		result = -EINVAL;
	if (result == 0)
		*out = policy;
	else
		policy_free(policy);
	return result;
}

void policy_free(struct shmq_policy *policy)
{
	if (policy == NULL)
		return;
	for (size_t i = 0; i < policy->count; i++)
		free(policy->components[i].name);
	free(policy->components);
	free(policy->segment_name);
	free(policy);
}
