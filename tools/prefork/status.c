/* SPDX-License-Identifier: MIT */
/*
 * A component's figures as JSON. "now_ns" is the clock by which windows end, read in the same process.
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <jansson.h>
#include <time.h>
#include <unistd.h>

/* The coarse clock is the one that windows of 100 ms and more go by. */
static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* What is unlimited is null: JSON has no largest number of its own. */
static void set_amount(json_t *object, const char *key, uint64_t amount)
{
	json_object_set_new(object, key, amount == SHMQ_UNLIMITED ? json_null() : json_integer((json_int_t)amount));
}

static json_t *describe_resource(const struct shmq_resource_status *status, uint64_t period_ns)
{
	json_t *object = json_object();

	set_amount(object, "used", status->used);
	set_amount(object, "limit", status->limit);
	set_amount(object, "available", status->available);
	set_amount(object, "peak", status->peak);
	set_amount(object, "total", status->total);
	set_amount(object, "denied", status->denied);
	set_amount(object, "would_deny", status->would_deny);
	json_object_set_new(object, "percentage", json_real(status->percentage));
	if (period_ns > 0) {
		set_amount(object, "period_ns", period_ns);
		set_amount(object, "window_end_ns", status->window_end_ns);
	}
	return object;
}

/* Running out of memory makes every step a failing one, and the result NULL. */
static json_t *describe(struct shmq_component *component, const struct shmq_quota *quota,
                        const struct shmq_status *status)
{
	json_t *object = json_object(), *resources = json_object();

	json_object_set_new(object, "component", json_string(shmq_component_name(component)));
	json_object_set_new(object, "counting", json_string(meter_kind()));
	json_object_set_new(object, "worker_pid", json_integer(getpid()));
	set_amount(object, "now_ns", now_ns());
	for (int i = 0; i < SHMQ_RESOURCES; i++)
		json_object_set_new(resources, shmq_resource_name(i),
		                    describe_resource(&status->resource[i], quota->period_ns[i]));
	if (json_object_set_new(object, "resources", resources) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static void write_json(FILE *out, const void *object)
{
	json_dumpf(object, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fputc('\n', out);
}

void status_get(struct request *request)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_status status = {0};
	int result = shmq_component_quota(request->component, &quota);
	json_t *object;

	if (result == 0)
		result = meter_status(request->component, &status);
	if (result < 0) {
		answer_result(request, result);
		return;
	}
	object = describe(request->component, &quota, &status);
	if (object == NULL)
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The host itself is out of memory");
	else
		answer_document(request, "application/json", write_json, object);
	json_decref(object);
}
