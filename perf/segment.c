/* SPDX-License-Identifier: MIT */
/*
 * A segment without a name lives on in this process and in those it forks.
 */
#include "segment.h"

#include <stdio.h>
#include <unistd.h>

#define PEAK (UINT64_C(1) << 40)

int bench_complain(const char *what, int result)
{
	if (result == 0)
		fprintf(stderr, "%s\n", what);
	else
		fprintf(stderr, "%s: %s\n", what, shmq_strerror(result));
	return -1;
}

void bench_segment_name(char out[BENCH_NAME_SIZE])
{
	snprintf(out, BENCH_NAME_SIZE, "/shmq-bench-%d", (int)getpid());
}

struct shmq_segment *bench_segment_create(const char *name, const struct shmq_options *options)
{
	struct shmq_segment *segment;
	int result = shmq_segment_create(&segment, name, options);

	if (result == 0)
		return segment;
	bench_complain("cannot create a segment", result);
	return NULL;
}

struct shmq_segment *bench_segment_unnamed(const struct shmq_options *options)
{
	struct shmq_segment *segment;
	char name[BENCH_NAME_SIZE];

	bench_segment_name(name);
	segment = bench_segment_create(name, options);
	if (segment != NULL)
		shmq_segment_remove(name);
	return segment;
}

int bench_add_component(struct shmq_component **out, struct shmq_segment *segment, const char *name,
                        const struct shmq_quota *quota)
{
	int result = shmq_component_register(segment, name, quota);

	if (result == 0)
		result = shmq_component_find(out, segment, name);
	return result == 0 ? 0 : bench_complain(name, result);
}

int bench_set_peaks(struct shmq_component *component)
{
	int result = 0;

	for (int resource = 0; resource < SHMQ_RESOURCES && result == 0; resource++) {
		result = shmq_consume(component, resource, PEAK);
		if (result == 0 && !shmq_resource_is_rate(resource))
			result = shmq_release(component, resource, PEAK);
	}
	return result == 0 ? 0 : bench_complain("cannot consume", result);
}
