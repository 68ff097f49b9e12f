/* SPDX-License-Identifier: MIT */
/*
 * Each round has a segment of its own, so that all components are new to it.
 */
#include "policy_reload.h"

#include "policy_text.h"
#include "segment.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS 100
#define ROUNDS_MAX 1000

struct shmq_policy *policy_of(unsigned components, unsigned version)
{
	struct shmq_policy *policy;
	size_t size = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL) {
		perror("cannot write a policy");
		return NULL;
	}
	fprintf(stream, "[class:web]\nmemory = %uMB\nfilesystem.read = [\"/srv/www/**\"]\n", 64 + version);
	for (unsigned i = 0; i < GROUPS; i++)
		fprintf(stream, "[group:%02u]\nnetwork = %uGB/s\n", i, 10 + version);
	for (unsigned i = 0; i < components; i++)
		fprintf(stream,
		        "[component:tenant-%05u.example]\nclass = web\ngroup = %02u\nstorage = %u\nmessages = %u/s\n",
		        i, i % GROUPS, 1000000000 + i + version, 100000000 + i + version);
	fclose(stream);
	policy = policy_text_load(text);
	free(text);
	return policy;
}

struct shmq_segment *policy_segment(unsigned components)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;

	options.components = components + GROUPS;
	return bench_segment_unnamed(&options);
}

/* Returns how long it took, or a negative number with a message. */
static double publish(struct shmq_segment *segment, const struct shmq_policy *policy)
{
	struct stopwatch begin = stopwatch_now();
	int result = shmq_policy_publish(segment, policy);

	return result == 0 ? stopwatch_since(begin) : bench_complain("cannot publish the policy", result);
}

static int reload_round(double ns[RELOAD_TIMES], unsigned components)
{
	struct stopwatch begin = stopwatch_now();
	struct shmq_policy *policy = policy_of(components, 0), *next;
	struct shmq_segment *segment;

	ns[RELOAD_LOAD] = stopwatch_since(begin);
	next = policy_of(components, 1);
	segment = policy_segment(components);
	if (policy == NULL || next == NULL || segment == NULL)
		return -1;
	ns[RELOAD_FIRST] = publish(segment, policy);
	ns[RELOAD_AGAIN] = publish(segment, next);
	shmq_segment_close(segment);
	shmq_policy_free(policy);
	shmq_policy_free(next);
	return ns[RELOAD_FIRST] < 0 || ns[RELOAD_AGAIN] < 0 ? -1 : 0;
}

int reload_measure(struct bench_figure out[RELOAD_TIMES], unsigned components, unsigned rounds)
{
	static double ns[RELOAD_TIMES][ROUNDS_MAX];
	double row[RELOAD_TIMES];

	rounds = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
	for (unsigned round = 0; round < rounds; round++) {
		if (reload_round(row, components) < 0)
			return -1;
		for (int i = 0; i < RELOAD_TIMES; i++)
			ns[i][round] = row[i];
	}
	for (int i = 0; i < RELOAD_TIMES; i++)
		out[i] = bench_summarize(ns[i], rounds);
	return 0;
}
