/* SPDX-License-Identifier: MIT */
/*
 * shmquota try: runs a command only if its quota admits it.
 *
 * The amount is a reservation while the command runs, so whatever happens to this process it comes back: a worker that
 * dies has its reservations cancelled.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "render.h"
#include "row.h"
#include "run.h"
#include "target.h"
#include "units.h"

/* A level has no moment when it falls: it is looked at again after a while that grows. */
#define POLL_FIRST_NS UINT64_C(10000000)
#define POLL_MOST_NS UINT64_C(1000000000)

struct attempt {
	const struct invocation *invocation;
	struct shmq_segment *segment;
	struct shmq_component *component;
	int resource;
	uint64_t amount;
	struct shmq_verdict verdict;
	struct shmq_reservation reservation;
};

static void nap(uint64_t ns)
{
	struct timespec pause = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	nanosleep(&pause, NULL);
}

/* Take or reserve once. */
static int take_once(struct attempt *attempt)
{
	if (attempt->invocation->command_count == 0)
		return shmq_try_consume(attempt->component, attempt->resource, attempt->amount, &attempt->verdict);
	return shmq_reserve(&attempt->reservation, attempt->component, attempt->resource, attempt->amount,
	                    &attempt->verdict);
}

/* How long to wait before the next try; 0 where waiting cannot help. */
static uint64_t next_try_ns(const struct attempt *attempt, uint64_t poll_ns)
{
	bool never = attempt->verdict.limit != SHMQ_UNLIMITED && attempt->amount > attempt->verdict.limit;

	if (never)
		return 0;
	/* A moment more: the window has ended then on the coarse clock, too. */
	return attempt->verdict.retry_after_ns == UINT64_MAX ? poll_ns
	                                                     : attempt->verdict.retry_after_ns + POLL_FIRST_NS / 2;
}

static int take(struct attempt *attempt)
{
	uint64_t end_ns = monotonic_ns() + attempt->invocation->wait_ns;
	uint64_t poll_ns = POLL_FIRST_NS;

	for (;;) {
		int result = take_once(attempt);
		uint64_t now_ns = monotonic_ns();
		uint64_t pause_ns;

		if (result != SHMQ_DENIED || now_ns >= end_ns)
			return result;
		pause_ns = next_try_ns(attempt, poll_ns);
		if (pause_ns == 0)
			return result;
		nap(pause_ns < end_ns - now_ns ? pause_ns : end_ns - now_ns);
		poll_ns = poll_ns * 2 < POLL_MOST_NS ? poll_ns * 2 : POLL_MOST_NS;
	}
}

/* " by group:x" where it is not the component's own limit, else "". */
static const char *refuser(char *out, size_t size, const struct attempt *attempt)
{
	char printable[TEXT_PRINTABLE_MAX];
	struct shmq_component *group;

	*out = '\0';
	if (attempt->verdict.component == shmq_component_id(attempt->component) ||
	    shmq_component_at(&group, attempt->segment, attempt->verdict.component) != 0)
		return out;
	snprintf(out, size, " by %s", text_printable(printable, sizeof(printable), shmq_component_name(group)));
	shmq_component_put(group);
	return out;
}

static int denied(const struct attempt *attempt)
{
	const struct invocation *invocation = attempt->invocation;
	char sentence[256], advice[SEGMENT_PATH_MAX + 128] = "", group[TEXT_PRINTABLE_MAX + 8];

	if (!invocation->quiet) {
		shmq_verdict_format(sentence, sizeof(sentence), &attempt->verdict);
		if (attempt->amount > attempt->verdict.limit)
			snprintf(advice, sizeof(advice), "That much is never admitted: it is more than the limit.");
		else if (attempt->verdict.retry_after_ns != UINT64_MAX)
			snprintf(advice, sizeof(advice), "Try again in %s, or wait with --wait.",
			         duration_label(attempt->verdict.retry_after_ns).text);
		else if (*segment_dead_advice(advice, sizeof(advice), attempt->segment) == '\0')
			snprintf(advice, sizeof(advice), "It has to be released first; --wait waits for that.");
		fail(EXIT_DENIED, advice, "denied%s: %s", refuser(group, sizeof(group), attempt), sentence);
	}
	return invocation->denied_code ? invocation->denied_code : EXIT_DENIED;
}

/* Run the command and settle what was reserved. */
static int run(struct attempt *attempt)
{
	const struct invocation *invocation = attempt->invocation;
	bool hold = invocation->hold || attempt->resource == SHMQ_MEMORY;
	char printable[TEXT_PRINTABLE_MAX];
	int error, status;

	fflush(NULL);
	status = run_command(invocation->command, &error);
	if (!error && !hold && (status == 0 || invocation->keep))
		shmq_commit(&attempt->reservation, attempt->amount);
	shmq_cancel(&attempt->reservation); /* nothing, where it was committed */
	if (error)
		fail(status, "Nothing was taken.", "cannot run %s: %s",
		     text_printable(printable, sizeof(printable), invocation->command[0]), strerror(error));
	return status;
}

static int check_usage(const struct invocation *invocation, int resource)
{
	bool memory = resource == SHMQ_MEMORY;

	if (invocation->hold && invocation->keep)
		return fail(EXIT_USAGE, NULL, "either --hold or --keep, not both");
	if (invocation->keep && memory)
		return fail(EXIT_USAGE, "It is held while the command runs.",
		            "memory cannot be kept without a process");
	if (invocation->command_count == 0 && (invocation->hold || memory))
		return fail(EXIT_USAGE, "Write the command after '--'.",
		            "there is no command that would hold the amount");
	return EXIT_DONE;
}

/* It only warns: the command runs, and whoever reads this knows what enforcing would do. */
static void say_would_deny(const struct attempt *attempt)
{
	char sentence[256], group[TEXT_PRINTABLE_MAX + 8];

	if (attempt->invocation->quiet)
		return;
	shmq_verdict_format(sentence, sizeof(sentence), &attempt->verdict);
	fprintf(stderr, "%s: admitted, but would be denied%s if it did not only warn: %s\n",
	        program_invocation_short_name, refuser(group, sizeof(group), attempt), sentence);
}

static int attempt_on(struct attempt *attempt, struct shmq_segment *segment, const char *name,
                      const char *component_name)
{
	int result = shmq_component_find(&attempt->component, segment, component_name);
	int code;

	attempt->segment = segment;
	if (result < 0)
		return component_failed("try", component_name, segment, name, result);
	result = take(attempt);
	if (result == SHMQ_WOULD_DENY)
		say_would_deny(attempt);
	if (result < 0)
		code = component_failed("try", component_name, segment, name, result);
	else if (result == SHMQ_DENIED)
		code = denied(attempt);
	else
		code = attempt->invocation->command_count > 0 ? run(attempt) : EXIT_DONE;
	shmq_component_put(attempt->component);
	return code;
}

int verb_try(const struct invocation *invocation)
{
	bool is_named = invocation->count == 4;
	char **arguments = invocation->arguments + is_named;
	struct attempt attempt = {.invocation = invocation, .resource = resource_named(arguments[1])};
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	int code;

	if (attempt.resource < 0 && !is_named && resource_named(arguments[2]) >= 0)
		return fail(EXIT_USAGE, "'shmquota try --help' has examples.", "how much of %s is missing",
		            arguments[2]);
	if (attempt.resource < 0)
		attempt.resource = target_resource(arguments[1]);
	if (attempt.resource < 0)
		return EXIT_USAGE;
	if (is_named && invocation->name)
		return fail(EXIT_USAGE, NULL, "the segment is named twice: '%s' and -n '%s'", invocation->arguments[0],
		            invocation->name);
	code = check_usage(invocation, attempt.resource);
	if (code == EXIT_DONE)
		code = target_amount(&attempt.amount, attempt.resource, arguments[2]);
	if (code == EXIT_DONE)
		code = target_open(&segment, name, is_named ? invocation->arguments[0] : invocation->name, SHMQ_WORK);
	if (code != EXIT_DONE)
		return code;
	code = attempt_on(&attempt, segment, name, arguments[0]);
	shmq_segment_close(segment);
	return code;
}
