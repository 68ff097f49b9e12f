/* SPDX-License-Identifier: MIT */
/*
 * Reading overviews and rows. This is the one place that decides what a resource's alarm is.
 */
#include "row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "units.h"

#define READ_TRIES 8

const char *alarm_name(enum alarm alarm)
{
	static const char *const names[] = {"ok", "warning", "critical"};

	return names[alarm];
}

bool row_is_group(const struct row *row)
{
	return strncmp(row->component, "group:", 6) == 0; /* no other name begins like that */
}

static uint8_t percent_or(uint8_t percent, uint8_t usual)
{
	return percent ? percent : usual;
}

/* As shmq_is_warning() and shmq_is_critical() judge. */
static enum alarm alarm_of(const struct row *row)
{
	if (row->status.limit == SHMQ_UNLIMITED)
		return ALARM_NONE;
	if (row->status.percentage >= row->critical)
		return ALARM_CRITICAL;
	return row->status.percentage >= row->warning ? ALARM_WARNING : ALARM_NONE;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

struct overview overview_read(struct shmq_segment *segment, const char *name)
{
	struct overview overview = {.name = name, .info = {.size = sizeof(overview.info)}, .now_ns = monotonic_ns()};

	shmq_segment_info(segment, &overview.info);
	overview.workers = segment_workers(segment, &overview.info);
	snprintf(overview.created, sizeof(overview.created), "%s", utc_label(overview.info.created_unix_ns).text);
	snprintf(overview.signature, sizeof(overview.signature), "%016" PRIx64, overview.info.signature);
	return overview;
}

static bool limits_agree(const struct shmq_status *status, const struct shmq_quota *quota)
{
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		/* Of a bucket the status has the capacity as its limit. */
		if (quota->algorithm[r] != SHMQ_BUCKET && status->resource[r].limit != quota->limit[r])
			return false;
	}
	return true;
}

/* A policy may be published between the two calls: then both are made again. */
static bool read_of_one_policy(struct shmq_status *status, struct shmq_quota *quota, struct shmq_component *component)
{
	for (int i = 0; i < READ_TRIES; i++) {
		*quota = (struct shmq_quota){.size = sizeof(*quota)};
		if (shmq_component_quota(component, quota) != 0 || shmq_status(component, status) != 0)
			return false;
		if (limits_agree(status, quota))
			break;
	}
	return true;
}

bool rows_read(struct row out[SHMQ_RESOURCES], struct shmq_component *component)
{
	uint64_t now_ns = monotonic_ns();
	struct shmq_status status;
	struct shmq_quota quota;

	if (!read_of_one_policy(&status, &quota, component))
		return false;
	for (int r = 0; r < SHMQ_RESOURCES; r++) {
		out[r] = (struct row){
		    .component = shmq_component_name(component),
		    .id = shmq_component_id(component),
		    .resource = r,
		    .status = status.resource[r],
		    .period_ns = quota.period_ns[r],
		    .rate = quota.limit[r],
		    .burst = quota.algorithm[r] == SHMQ_BUCKET ? status.resource[r].limit : 0,
		    .lease = quota.lease[r],
		    .algorithm = quota.algorithm[r],
		    .enforcement = quota.enforcement[r],
		    .warning = percent_or(quota.warning[r], SHMQ_WARNING_PERCENT),
		    .critical = percent_or(quota.critical[r], SHMQ_CRITICAL_PERCENT),
		    .now_ns = now_ns,
		};
		out[r].alarm = alarm_of(&out[r]);
	}
	return true;
}

struct shmq_component *component_next(struct shmq_segment *segment, uint32_t capacity, uint32_t *cursor)
{
	struct shmq_component *component;

	while (*cursor < capacity) {
		if (shmq_component_at(&component, segment, (*cursor)++) == 0)
			return component;
	}
	return NULL;
}
