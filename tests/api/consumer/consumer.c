/* SPDX-License-Identifier: MIT */
/*
 * A program as a user's: built against the installed library, as C11 and, under the name consumer.cpp, as C++17. It
 * creates a segment of its own, is admitted up to the limit and refused beyond it, and removes the segment.
 *
 * Every place of use compiles this one file, so what it includes is what a user has to include. Macros and names that a
 * C++ compiler might warn of are in it.
 */
#include <shmquota.h>

#include <stdio.h>
#include <unistd.h>

/* What is reserved under a guard is given back when the block fails, and there is one name for a call and what it fills. */
static int look(struct shmq_component *component)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(component);
	struct shmq_status status;
	int result;

	SHMQ_WITH_QUOTA (component, SHMQ_MESSAGES, 1, result) {
		result = -1;
	}
	if (result != -1)
		return result;
	SHMQ_GUARD (&context, NULL, NULL, SHMQ_MESSAGES, 1) {
		context.result = 0;
	}
	result = context.result == 0 ? shmq_status(component, &status) : context.result;
	if (result == SHMQ_OK && status.resource[SHMQ_MESSAGES].limit != 1000)
		return -1;
	return result;
}

static int use(struct shmq_segment *segment)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;
	struct shmq_component *component;
	struct shmq_verdict verdict;
	char text[160];
	int result;

	quota.limit[SHMQ_STORAGE] = 10;
	result = shmq_component_register(segment, "consumer", &quota);
	if (result != SHMQ_OK)
		return result;
	result = shmq_component_find(&component, segment, "consumer");
	if (result != SHMQ_OK)
		return result;
	for (int i = 0; i < 10 && result == SHMQ_OK; i++)
		result = shmq_try_consume(component, SHMQ_STORAGE, 1, NULL);
	if (result == SHMQ_OK && shmq_try_consume(component, SHMQ_STORAGE, 1, &verdict) != SHMQ_DENIED)
		result = -1;
	if (result == SHMQ_OK)
		result = look(component);
	if (result == SHMQ_OK) {
		shmq_verdict_format(text, sizeof(text), &verdict);
		printf("shmquota %s: %s\n", shmq_version(), text);
	}
	shmq_component_put(component);
	return result;
}

int main(void)
{
	struct shmq_segment *segment;
	char name[64];
	int result;

	snprintf(name, sizeof(name), "/shmquota-consumer-%ld", (long)getpid());
	result = shmq_segment_create(&segment, name, NULL);
	if (result == SHMQ_OK) {
		result = use(segment);
		shmq_segment_close(segment);
		shmq_segment_remove(name);
	}
	if (result != SHMQ_OK)
		fprintf(stderr, "consumer: %s\n", shmq_strerror(result));
	return result != SHMQ_OK;
}
