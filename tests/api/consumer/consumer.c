/* SPDX-License-Identifier: MIT */
/*
 * A program as a user's: built against the installed library, as C11 and, under the name consumer.cpp, as C++17. It
 * creates a segment of its own, is admitted up to the limit and refused beyond it, and removes the segment.
 *
 * Every place of use compiles this one file, so what it includes is what a user has to include.
 */
#include <shmquota.h>

#include <stdio.h>
#include <unistd.h>

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
