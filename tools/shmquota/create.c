/* SPDX-License-Identifier: MIT */
/*
 * shmquota create: a new segment with a policy in it, or nothing at all.
 */
#include "policy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "trail.h"
#include "units.h"

static int publish_or_remove(struct shmq_segment *segment, const char *name, const struct shmq_policy *policy)
{
	int result = shmq_policy_publish(segment, policy);

	if (result == 0)
		return EXIT_DONE;
	shmq_segment_remove(name);
	return segment_failed("publish the policy to the new segment", name, result);
}

static void say_what_was_made(const char *name, struct shmq_segment *segment, const struct shmq_policy *policy,
                              uint32_t mode)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	printf("created %s: %s of %u, room for %u threads, mode %04o, %s\n", name,
	       components_label(shmq_policy_count(policy)).text, (unsigned)info.components, (unsigned)info.threads,
	       (unsigned)mode, bytes_label(info.policy_bytes + info.usage_bytes).text);
}

/* Also when it is to be quiet: what was asked for is not there. */
static void warn_of_small_pages(const char *name, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	if (info.hugepages && info.huge_bytes == 0)
		fprintf(stderr,
		        "shmquota: %s: no huge pages, its mount gives none; small ones do as well\n"
		        "  'shmquota doctor' has the cure.\n",
		        name);
}

/* What can be wrong with a name only when it is new; the rest is common to all verbs. */
static int create_failed(const char *name, int result)
{
	if (result == -ENOENT)
		return fail(EXIT_FAILED, "Make it first, on a tmpfs such as /run or " SEGMENT_FOLDER ".",
		            "cannot create %s: its folder does not exist", name);
	if (result == -ENOTSUP)
		return fail(EXIT_FAILED, "Use /NAME, or a path on a tmpfs such as /run or " SEGMENT_FOLDER ".",
		            "cannot create %s: it would not lie in memory", name);
	return segment_failed("create", name, result);
}

/* An interrupt between creating and publishing would leave a segment without a policy: it waits until both are done. */
static int create(const struct invocation *invocation, const char *name, const struct shmq_policy *policy)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment;
	sigset_t interrupts, before;
	int result, code;

	shmq_policy_segment(policy, &options);
	options.persistent = true;
	sigemptyset(&interrupts);
	sigaddset(&interrupts, SIGINT);
	sigaddset(&interrupts, SIGTERM);
	sigaddset(&interrupts, SIGHUP);
	sigprocmask(SIG_BLOCK, &interrupts, &before);
	result = shmq_segment_create(&segment, name, &options);
	if (result < 0) {
		code = create_failed(name, result);
	} else {
		code = publish_or_remove(segment, name, policy);
		if (code == EXIT_DONE) {
			trail_leave(invocation, segment, NULL);
			warn_of_small_pages(name, segment);
		}
		if (code == EXIT_DONE && !invocation->quiet)
			say_what_was_made(name, segment, policy, options.mode);
		shmq_segment_close(segment);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}

int verb_create(const struct invocation *invocation)
{
	struct shmq_policy *policy;
	struct shmq_report report;
	char name[SEGMENT_PATH_MAX];
	int code = policy_load(&policy, invocation, &report, "no segment was created");

	if (code != EXIT_DONE)
		return code;
	code = policy_target(name, sizeof(name), invocation, policy);
	if (code == EXIT_DONE)
		code = create(invocation, name, policy);
	shmq_policy_free(policy);
	return code;
}
