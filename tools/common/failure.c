/* SPDX-License-Identifier: MIT */
/*
 * Messages, advice and exit codes.
 *
 * The reason comes from shmq_strerror(), the advice is chosen by the result: what an operator who meets it for the
 * first time should look at or type next.
 */
#include "failure.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmquota.h>

#include "nearest.h"
#include "render.h"
#include "segments.h"

int exit_code_of(int result)
{
	switch (result) {
	case SHMQ_DENIED:
	case SHMQ_FORBIDDEN:
		return EXIT_DENIED;
	case -ENOENT:
	case -ESTALE:
		return EXIT_NOT_FOUND;
	case -EBADMSG:
	case -EPROTO:
	case -ENODATA:
	case -EUCLEAN:
	case -EXDEV:
		return EXIT_DAMAGED;
	default:
		return result < 0 ? EXIT_FAILED : EXIT_DONE;
	}
}

__attribute__((format(printf, 2, 0))) static void complain(const char *advice, const char *format, va_list arguments)
{
	struct style style = style_of(stderr);

	fflush(stdout);
	fprintf(stderr, "%s: %serror:%s ", program_invocation_short_name, tint_begin(&style, TINT_RED),
	        tint_end(&style, TINT_RED));
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	if (advice && *advice)
		fprintf(stderr, "  %s\n", advice);
}

int fail(int code, const char *advice, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	complain(advice, format, arguments);
	va_end(arguments);
	return code;
}

/* A group that may read the policy is meant to use the segment. */
static void add_group_advice(char *out, size_t size, const struct stat *status)
{
	const struct group *group = getgrgid(status->st_gid);
	size_t length = strlen(out);

	if ((status->st_mode & S_IRGRP) != 0 && (status->st_mode & S_IROTH) == 0)
		snprintf(out + length, size - length, " Workers and who looks need its group, %s (gid %u).",
		         group ? group->gr_name : "one without a name", (unsigned)status->st_gid);
}

/* Who owns a segment, as far as this process may see. */
static void owner_advice(char *out, size_t size, const char *name)
{
	char path[SEGMENT_PATH_MAX];
	char user[LOGIN_NAME_MAX + 1];
	const struct passwd *owner;
	struct stat status;

	if (stat(segment_policy_path(path, sizeof(path), name), &status) != 0) {
		snprintf(out, size, "Run it as the segment's owner.");
		return;
	}
	owner = getpwuid(status.st_uid);
	if (owner)
		snprintf(user, sizeof(user), "%s", owner->pw_name);
	else
		snprintf(user, sizeof(user), "\\#%u", (unsigned)status.st_uid);
	snprintf(out, size, "It belongs to %s (uid %u), mode %04o; run this as that user, as with 'sudo -u %s'.",
	         owner ? user : "a user without a name", (unsigned)status.st_uid, (unsigned)status.st_mode & 07777,
	         user);
	add_group_advice(out, size, &status);
}

/* The segments that there are, the nearest name first of all. */
static void absent_advice(char *out, size_t size, const char *name)
{
	struct segment_names names = {0};
	struct nearest nearest = nearest_to(name);

	if (strchr(name + 1, '/')) {
		snprintf(out, size, "A segment at a path is the files %s.policy and %s.usage.", name, name);
		return;
	}
	segment_names_find(&names);
	for (size_t i = 0; i < names.count; i++)
		nearest_offer(&nearest, names.name[i]);
	if (*nearest.best)
		snprintf(out, size, "Did you mean %s? 'shmquota list' shows the segments of this machine.",
		         nearest.best);
	else if (names.count > 0)
		snprintf(out, size, "'shmquota list' shows the segments of this machine.");
	else
		snprintf(out, size,
		         "There is no segment in " SEGMENT_FOLDER
		         "; the host makes one when it starts, or 'shmquota create POLICY.ini'.");
	segment_names_free(&names);
}

static void segment_advice(char *out, size_t size, const char *name, int result)
{
	switch (result) {
	case -ENOENT:
		absent_advice(out, size, name);
		break;
	case -EACCES:
	case -EPERM:
		owner_advice(out, size, name);
		break;
	case -EEXIST:
		snprintf(out, size,
		         "'shmquota publish --name %s POLICY.ini' gives it a new policy and keeps its usage; "
		         "'shmquota remove %s' removes it.",
		         name, name);
		break;
	case -ENOSPC:
		snprintf(out, size,
		         "'df -h " SEGMENT_FOLDER "' shows the room that is left; fewer components or threads "
		         "in [segment] need less.");
		break;
	case -EBADMSG:
		snprintf(
		    out, size,
		    "If its host runs another release than %s, use the programs of that; else its figures are lost: "
		    "stop the host, 'shmquota remove %s', and start it again.",
		    shmq_version(), name);
		break;
	case -ENODATA:
	case -EUCLEAN:
		snprintf(out, size, "Its figures are lost: stop the host, 'shmquota remove %s', and start it again.",
		         name);
		break;
	case -EPROTO:
		snprintf(out, size, "Use the programs of the release that its host runs; these are of %s.",
		         shmq_version());
		break;
	case -EXDEV:
		snprintf(out, size,
		         "Run it where its host runs, as with 'docker exec' or 'nsenter --pid --time --target PID "
		         "unshare --mount-proc'.");
		break;
	case -EINVAL:
		snprintf(out, size,
		         "A segment is called /name, or a path below a tmpfs; the ending .policy or .usage is "
		         "not part of it.");
		break;
	case -EBUSY:
		snprintf(out, size,
		         "'shmquota policy diff POLICY.ini' marks with '!' what cannot move; 'shm-dump --workers %s' "
		         "shows who is attached and who is stopped.",
		         name);
		break;
	case -EAGAIN:
		snprintf(out, size, "'shm-dump --workers %s' shows who is attached and who is stopped; try again then.",
		         name);
		break;
	default:
		*out = '\0';
	}
}

const char *segment_reason(int result)
{
	return result == -ENOENT ? "there is no such segment" : shmq_strerror(result);
}

int segment_failed(const char *doing, const char *name, int result)
{
	char advice[2 * SEGMENT_PATH_MAX + 256];
	char printable[TEXT_PRINTABLE_MAX];

	text_printable(printable, sizeof(printable), name);
	segment_advice(advice, sizeof(advice), printable, result);
	return fail(exit_code_of(result), advice, "cannot %s %s: %s", doing, printable, segment_reason(result));
}

static void absent_component_advice(char *out, size_t size, const char *component, struct shmq_segment *segment,
                                    const char *name)
{
	struct nearest nearest = nearest_to(component);
	struct shmq_info info = {.size = sizeof(info)};

	shmq_segment_info(segment, &info);
	for (uint32_t id = 0; id < info.components; id++) {
		struct shmq_component *candidate;

		if (shmq_component_at(&candidate, segment, id) != 0)
			continue;
		nearest_offer(&nearest, shmq_component_name(candidate));
		shmq_component_put(candidate);
	}
	if (*nearest.best)
		snprintf(out, size, "Did you mean \"%s\"? 'shm-dump %s' shows its components.", nearest.best, name);
	else
		snprintf(out, size, "'shm-dump %s' shows its components.", name);
}

int component_failed(const char *doing, const char *component, struct shmq_segment *segment, const char *name,
                     int result)
{
	char printable[TEXT_PRINTABLE_MAX], advice[2 * SEGMENT_PATH_MAX + TEXT_PRINTABLE_MAX + 256] = "";

	switch (result) {
	case -EINVAL:
		if (strcmp(doing, "register") == 0 && strncmp(component, "group:", 6) == 0)
			return fail(EXIT_FAILED, "Publish a policy with a section [group:NAME]: shmquota policy apply.",
			            "cannot %s %s of %s: names that begin with 'group:' are those of groups", doing,
			            text_printable(printable, sizeof(printable), component), name);
		snprintf(advice, sizeof(advice),
		         "A component's name is 1 to %d bytes of UTF-8 without control characters.", SHMQ_NAME_MAX);
		break;
	case -EEXIST:
		snprintf(advice, sizeof(advice),
		         "'shmquota set' changes its limits, 'shmquota unregister %s %s' removes it with its usage.",
		         name, text_printable(printable, sizeof(printable), component));
		break;
	case -EBUSY:
		if (strncmp(component, "group:", 6) != 0)
			break;
		return fail(EXIT_FAILED, "It goes when a policy that does not name it is published.",
		            "cannot %s %s of %s: what counts against it would be free of its limits", doing,
		            text_printable(printable, sizeof(printable), component), name);
	case -ENOSPC:
		snprintf(advice, sizeof(advice),
		         "Unregister what is not needed, or create the segment anew with more components.");
		break;
	case -ENOENT:
	case -ESTALE:
		absent_component_advice(advice, sizeof(advice), component, segment, name);
		break;
	case -EAGAIN:
		if (*segment_slots_advice(advice, sizeof(advice), segment) == '\0')
			segment_advice(advice, sizeof(advice), name, result);
		break;
	default:
		segment_advice(advice, sizeof(advice), name, result);
	}
	return fail(exit_code_of(result), advice, "cannot %s component \"%s\" of %s: %s", doing,
	            text_printable(printable, sizeof(printable), component), name,
	            result == -ENOENT ? "there is no such component" : shmq_strerror(result));
}

int output_finish(int code)
{
	int failed = ferror(stdout);

	errno = 0;
	if (fflush(stdout) != 0 || failed)
		return fail(EXIT_FAILED, "What was written is not complete.", "cannot write the output: %s",
		            strerror(errno ? errno : EIO));
	return code;
}
