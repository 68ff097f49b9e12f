/* SPDX-License-Identifier: MIT */
/*
 * One lock and a table by component id. A window starts with the first use after the last one ended, at a multiple of
 * its length, as the library's do. Limits are read from the segment, so a reload works here as well.
 */
#include "private_count.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct tally {
	uint64_t used, total, denied, peak;
	uint64_t window_start_ns;
};

struct private_count {
	pthread_mutex_t lock;
	uint32_t components;
	struct tally (*tallies)[SHMQ_RESOURCES];
};

struct private_count *private_count_create(struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct private_count *count = calloc(1, sizeof(*count));

	if (count == NULL || shmq_segment_info(segment, &info) < 0) {
		free(count);
		return NULL;
	}
	pthread_mutex_init(&count->lock, NULL);
	count->components = info.components;
	count->tallies = calloc(info.components, sizeof(*count->tallies));
	if (count->tallies == NULL) {
		private_count_free(count);
		return NULL;
	}
	return count;
}

void private_count_free(struct private_count *count)
{
	if (count == NULL)
		return;
	pthread_mutex_destroy(&count->lock);
	free(count->tallies);
	free(count);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void start_window_if_due(struct tally *tally, uint64_t period_ns, uint64_t now)
{
	uint64_t start = period_ns == 0 ? 0 : now - now % period_ns;

	if (period_ns == 0 || start == tally->window_start_ns)
		return;
	tally->window_start_ns = start;
	tally->used = 0;
}

/* Find a tally in its present window, with the limits in force. On 0 the lock is held. */
static int lock_tally(struct private_count *count, struct shmq_component *c, int resource, struct tally **out,
                      struct shmq_quota *quota)
{
	uint32_t id;
	int result;

	if (c == NULL || resource < 0 || resource >= SHMQ_RESOURCES)
		return -EINVAL;
	*quota = (struct shmq_quota)SHMQ_QUOTA_DEFAULT;
	result = shmq_component_quota(c, quota);
	id = shmq_component_id(c);
	if (result < 0 || id >= count->components)
		return result < 0 ? result : -EINVAL;
	pthread_mutex_lock(&count->lock);
	*out = &count->tallies[id][resource];
	start_window_if_due(*out, quota->period_ns[resource], now_ns());
	return 0;
}

static uint64_t left(const struct tally *tally, uint64_t limit)
{
	return tally->used >= limit ? 0 : limit - tally->used;
}

static void add(struct tally *tally, uint64_t amount)
{
	tally->used += amount;
	tally->total += amount;
	if (tally->used > tally->peak)
		tally->peak = tally->used;
}

static uint64_t wait_for_quota(const struct tally *tally, uint64_t limit, uint64_t period_ns, uint64_t amount)
{
	uint64_t end = tally->window_start_ns + period_ns, now = now_ns();

	if (period_ns == 0 || amount > limit)
		return UINT64_MAX;
	return end > now ? end - now : 1;
}

static int judge(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount, bool take,
                 struct shmq_verdict *verdict)
{
	struct shmq_quota quota;
	struct tally *tally;
	uint64_t limit, current, retry_after_ns = 0;
	bool admitted;
	int result = lock_tally(count, c, resource, &tally, &quota);

	if (result < 0)
		return result;
	limit = quota.limit[resource];
	current = tally->used;
	admitted = limit == SHMQ_UNLIMITED || amount <= left(tally, limit);
	if (admitted && take)
		add(tally, amount);
	if (!admitted) {
		tally->denied += take;
		retry_after_ns = wait_for_quota(tally, limit, quota.period_ns[resource], amount);
	}
	if (verdict != NULL)
		*verdict = (struct shmq_verdict){.resource = resource,
		                                 .component = shmq_component_id(c),
		                                 .current = current,
		                                 .requested = amount,
		                                 .limit = limit,
		                                 .remaining = left(tally, limit),
		                                 .retry_after_ns = retry_after_ns,
		                                 .period_ns = quota.period_ns[resource]};
	pthread_mutex_unlock(&count->lock);
	return admitted ? SHMQ_OK : SHMQ_DENIED;
}

int private_count_check(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount,
                        struct shmq_verdict *verdict)
{
	return judge(count, c, resource, amount, false, verdict);
}

int private_count_try_consume(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount,
                              struct shmq_verdict *verdict)
{
	return judge(count, c, resource, amount, true, verdict);
}

int private_count_consume(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount)
{
	struct shmq_quota quota;
	struct tally *tally;
	int result = lock_tally(count, c, resource, &tally, &quota);

	if (result < 0)
		return result;
	add(tally, amount);
	pthread_mutex_unlock(&count->lock);
	return 0;
}

/* What another worker took is not in this count, so a release may find less than it gives back: then zero is left. */
int private_count_release(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount)
{
	struct shmq_quota quota;
	struct tally *tally;
	int result;

	if (shmq_resource_is_rate(resource))
		return -EOPNOTSUPP;
	result = lock_tally(count, c, resource, &tally, &quota);
	if (result < 0)
		return result;
	result = amount > tally->used ? -ERANGE : 0;
	tally->used -= result == 0 ? amount : tally->used;
	pthread_mutex_unlock(&count->lock);
	return result;
}

void private_count_give_back(struct private_count *count, struct shmq_component *c, int resource, uint64_t amount)
{
	struct shmq_quota quota;
	struct tally *tally;

	if (lock_tally(count, c, resource, &tally, &quota) < 0)
		return;
	tally->used -= amount < tally->used ? amount : tally->used;
	pthread_mutex_unlock(&count->lock);
}

static int one_status(struct private_count *count, struct shmq_component *c, int resource,
                      struct shmq_resource_status *out)
{
	struct shmq_quota quota;
	struct tally *tally;
	uint64_t limit;
	int result = lock_tally(count, c, resource, &tally, &quota);

	if (result < 0)
		return result;
	limit = quota.limit[resource];
	*out = (struct shmq_resource_status){
	    .used = tally->used,
	    .limit = limit,
	    .available = limit == SHMQ_UNLIMITED ? SHMQ_UNLIMITED : left(tally, limit),
	    .peak = tally->peak,
	    .total = tally->total,
	    .denied = tally->denied,
	    .window_end_ns = quota.period_ns[resource] == 0 ? 0 : tally->window_start_ns + quota.period_ns[resource],
	    .percentage = tally->used == 0 ? 0 : 100};
	if (limit != 0)
		out->percentage = 100.0 * (double)tally->used / (double)limit;
	pthread_mutex_unlock(&count->lock);
	return 0;
}

int private_count_status(struct private_count *count, struct shmq_component *c, struct shmq_status *out)
{
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		int result = one_status(count, c, resource, &out->resource[resource]);

		if (result < 0)
			return result;
	}
	return 0;
}
