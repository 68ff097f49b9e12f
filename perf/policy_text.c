/* SPDX-License-Identifier: MIT */
/*
 * Through memfd_create(2), which the library reads as /proc/self/fd/N.
 */
#include "policy_text.h"

#include "segment.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void complain(void *context, const struct shmq_complaint *complaint)
{
	char text[1024];

	(void)context;
	shmq_complaint_format(text, sizeof(text), complaint);
	fputs(text, stderr);
}

struct shmq_policy *policy_text_load(const char *text)
{
	struct shmq_report report = {.complain = complain};
	struct shmq_policy *policy = NULL;
	int file = memfd_create("policy", MFD_CLOEXEC), result = 0;
	FILE *stream = file < 0 ? NULL : fdopen(file, "w");
	const char *paths[1];
	char path[32];

	if (stream == NULL || fputs(text, stream) < 0 || fflush(stream) != 0) {
		perror("cannot write the policy");
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	paths[0] = path;
	result = shmq_policy_load(&policy, paths, 1, &report);
	fclose(stream);
	if (result < 0)
		bench_complain("cannot load the policy", result);
	return result < 0 ? NULL : policy;
}

int policy_text_publish(struct shmq_segment *segment, const char *text)
{
	struct shmq_policy *policy = policy_text_load(text);
	int result;

	if (policy == NULL)
		return -1;
	result = shmq_policy_publish(segment, policy);
	shmq_policy_free(policy);
	return result == 0 ? 0 : bench_complain("cannot publish the policy", result);
}
