/* SPDX-License-Identifier: MIT */
/*
 * This library: a level, a rate, and a rate whose component is looked up by name each time. The first two keep the
 * handles of all components, as a host does that knows its tenants.
 */
#include "limiter.h"

#include "../segment.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <shmquota.h>

#define NS_PER_MS UINT64_C(1000000)

/* All three use the same components, and each a resource of its own. */
enum { LEVEL = SHMQ_STORAGE, RATE = SHMQ_MESSAGES, RATE_BY_NAME = SHMQ_NETWORK };

static struct shmq_segment *segment;

struct handle {
	struct shmq_component *component;
};

static struct handle *handles[KINDS]; /* by the ids of keys */

static int add_kind(enum key_kind kind)
{
	const struct key_class *class = &key_classes[kind];
	const struct key *keys = keys_of(kind);
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	quota.limit[LEVEL] = quota.limit[RATE] = quota.limit[RATE_BY_NAME] = class->limit;
	quota.period_ns[RATE] = quota.period_ns[RATE_BY_NAME] = class->window_ms * NS_PER_MS;
	handles[kind] = calloc(class->count, sizeof(*handles[kind]));
	if (handles[kind] == NULL) {
		perror("cannot keep the handles");
		return -1;
	}
	for (uint32_t i = 0; i < class->count; i++)
		if (bench_add_component(&handles[kind][keys[i].id].component, segment, keys[i].name, &quota) < 0)
			return -1;
	return 0;
}

static int start(const struct limiter_site *site)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	(void)site;
	if (segment != NULL)
		return 0;
	options.components = 0;
	for (int kind = 0; kind < KINDS; kind++)
		options.components += key_classes[kind].count;
	segment = bench_segment_unnamed(&options);
	if (segment == NULL)
		return -1;
	for (int kind = 0; kind < KINDS; kind++)
		if (add_kind((enum key_kind)kind) < 0)
			return -1;
	return 0;
}

static int outcome(int result)
{
	if (result == SHMQ_OK)
		return 1;
	if (result == SHMQ_DENIED)
		return 0;
	return bench_complain("shmquota", result);
}

static int take(enum key_kind kind, const struct key *key, int resource)
{
	return outcome(shmq_try_consume(handles[kind][key->id].component, resource, 1, NULL));
}

static int take_by_name(const char *name)
{
	struct shmq_component *component;
	int result = shmq_component_find(&component, segment, name);

	if (result != SHMQ_OK)
		return bench_complain(name, result);
	result = shmq_try_consume(component, RATE_BY_NAME, 1, NULL);
	shmq_component_put(component);
	return outcome(result);
}

LIMITER_DEFINE_RUN(run_level, take(kind, key, LEVEL))
LIMITER_DEFINE_RUN(run_rate, take(kind, key, RATE))
LIMITER_DEFINE_RUN(run_name, ((void)kind, take_by_name(key->name)))

const struct limiter limiter_shmquota_level = {
    .key = "shmquota_level",
    .name = "shmquota, a level",
    .windows = WINDOWS_NONE,
    .start = start,
    .run = run_level,
};

const struct limiter limiter_shmquota_rate = {
    .key = "shmquota_rate",
    .name = "shmquota, a rate",
    .windows = WINDOWS_ALIGNED,
    .start = start,
    .run = run_rate,
};

const struct limiter limiter_shmquota_name = {
    .key = "shmquota_name",
    .name = "shmquota, a rate, found by name",
    .windows = WINDOWS_ALIGNED,
    .start = start,
    .run = run_name,
};
