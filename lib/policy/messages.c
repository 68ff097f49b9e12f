/* SPDX-License-Identifier: MIT */
/*
 * Sentences for results and verdicts. The verdicts' wording is part of the interface: programs and people match it.
 */
#include "policy/messages.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

const char *message_of_result(int result)
{
	switch (result) {
	case SHMQ_OK:
		return "done";
	case SHMQ_DENIED:
		return "over quota";
	case SHMQ_FORBIDDEN:
		return "the component has no such capability";
	case SHMQ_WOULD_DENY:
		return "over quota, admitted because the component only warns";
	case -EINVAL:
		return "an argument is invalid";
	case -ENOENT:
		return "no such component or segment";
	case -EEXIST:
		return "it exists already";
	case -ENOSPC:
		return "the directory or the shared memory is full";
	case -EACCES:
		return "this process may not do that: no permission, or not the segment's controller";
	case -EROFS:
		return "the segment is open for observing only";
	case -EPERM:
		return "the segment belongs to a user this process does not trust, or others may write its policy";
	case -ESTALE:
		return "the component behind this handle was unregistered";
	case -EOPNOTSUPP: /* the same number as ENOTSUP */
		return "not supported: a rate cannot be released, and a segment must lie on a tmpfs";
	case -EBADMSG:
		return "not a segment, damaged, or of another layout";
	case -EPROTO:
		return "the segment was made by a library with another layout version";
	case -ENODATA:
		return "the segment is truncated";
	case -EUCLEAN:
		return "the segment is left over from before the last boot";
	case -EXDEV:
		return "the segment was made in another pid or time namespace";
	case -EOVERFLOW:
		return "the amount or limit is too large to be counted";
	case -ERANGE:
		return "more was released than was used; it stopped at zero";
	case -EAGAIN:
		return "all thread slots are taken by live threads, the thread's ledger is full, or a stopped worker "
		       "still reads the policy before the last";
	case -EBUSY:
		return "another controller is at work on the segment, or a group, or a component that uses storage or "
		       "memory, cannot leave its place";
	case -ENOSYS:
		return "/proc is not there, or of another pid namespace: who is alive could not be told";
	case -EMFILE:
		return "too many segments or files are open";
	case -ENAMETOOLONG:
		return "the name is too long";
	case -ENOMEM:
		return "out of memory";
	case -ENOTDIR:
	case -EISDIR:
		return "the path is not what it should be: a folder instead of a file, or the reverse";
	case -EIO:
		return "reading or writing failed";
	default:
		return result > 0 ? "an unknown answer" : "an unexpected error of the operating system";
	}
}

/* "/sec", "/min", "/h", "/10s", "/250ms", "/7d": the window's length as part of a rate. */
static void format_per(char *text, size_t size, uint64_t period_ns)
{
	static const struct {
		uint64_t ns;
		const char *one, *many;
	} units[] = {
	    {86400 * NS_PER_S, "d", "d"}, {3600 * NS_PER_S, "h", "h"}, {60 * NS_PER_S, "min", "min"},
	    {NS_PER_S, "sec", "s"},       {NS_PER_MS, "ms", "ms"},
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (period_ns < units[i].ns || period_ns % units[i].ns != 0)
			continue;
		if (period_ns == units[i].ns)
			snprintf(text, size, "/%s", units[i].one);
		else
			snprintf(text, size, "/%" PRIu64 "%s", period_ns / units[i].ns, units[i].many);
		return;
	}
	snprintf(text, size, "/%" PRIu64 "ns", period_ns);
}

int message_of_verdict(char *text, size_t size, const struct shmq_verdict *verdict)
{
	uint64_t current = verdict->current, requested = verdict->requested, limit = verdict->limit;
	char per[32];

	format_per(per, sizeof(per), verdict->period_ns);
	switch (verdict->resource) {
	case SHMQ_STORAGE:
		return snprintf(text, size,
		                "Storage quota exceeded: used %" PRIu64 " bytes + requested %" PRIu64
		                " bytes > limit %" PRIu64 " bytes",
		                current, requested, limit);
	case SHMQ_MESSAGES:
		return snprintf(text, size,
		                "Message rate quota exceeded: %" PRIu64 " messages%s + %" PRIu64
		                " messages > limit %" PRIu64 " messages%s",
		                current, per, requested, limit, per);
	case SHMQ_NETWORK:
		return snprintf(text, size,
		                "Network bandwidth quota exceeded: %" PRIu64 " bytes%s + %" PRIu64
		                " bytes > limit %" PRIu64 " bytes%s",
		                current, per, requested, limit, per);
	case SHMQ_CPU:
		return snprintf(text, size,
		                "CPU time quota exceeded: %" PRIu64 " ms%s + %" PRIu64 " ms > limit %" PRIu64 " ms%s",
		                current / 1000, per, requested / 1000, limit / 1000, per);
	case SHMQ_MEMORY:
		return snprintf(text, size,
		                "Memory quota exceeded: requested %" PRIu64 " bytes > limit %" PRIu64
		                " bytes (current: %" PRIu64 " bytes)",
		                requested, limit, current);
	default:
		return -EINVAL;
	}
}
