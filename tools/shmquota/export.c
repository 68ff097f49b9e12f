/* SPDX-License-Identifier: MIT */
/*
 * shmquota export: metrics for a textfile collector, or for whoever reads standard output.
 *
 * A file is written beside its place under another name and renamed when it is complete, so a collector never reads half
 * of one. The other name does not end as collectors expect it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"
#include "target.h"

static int file_failed(const char *path, const char *doing)
{
	return fail(EXIT_FAILED, "The file that stood there before was not touched.", "cannot %s %s: %s", doing, path,
	            strerror(errno));
}

/* "FOLDER/.NAME.XXXXXX". Returns false where it does not fit. */
static bool temporary_path(char *out, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;

	return (size_t)snprintf(out, size, "%.*s.%s.XXXXXX", folder, path, path + folder) < size;
}

/* Readable as any new file would be; mkstemp() makes it the owner's only. */
static void open_to_readers(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	fchmod(fd, 0666 & ~mask);
}

static int write_file(const char *path, const struct gathering *gathering, enum metrics_format format)
{
	char temporary[SEGMENT_PATH_MAX];
	FILE *out = NULL;
	int fd, code = EXIT_DONE;

	errno = ENAMETOOLONG;
	if (!temporary_path(temporary, sizeof(temporary), path))
		return file_failed(path, "write");
	fd = mkstemp(temporary);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (!out)
		return file_failed(path, "write beside");
	open_to_readers(fd);
	metrics_write(out, gathering, format);
	if (fflush(out) != 0 || ferror(out))
		code = file_failed(path, "write");
	if (fclose(out) != 0 && code == EXIT_DONE)
		code = file_failed(path, "write");
	if (code == EXIT_DONE && rename(temporary, path) != 0)
		code = file_failed(path, "replace");
	if (code != EXIT_DONE)
		unlink(temporary);
	return code;
}

/* Segments that were named and are not there; they have a metric that says so, too. */
static int tell_missing(const struct gathering *gathering, size_t named)
{
	int code = EXIT_DONE;

	for (size_t i = 0; named > 0 && i < gathering->count; i++) {
		if (gathering->segment[i].result < 0)
			code = segment_failed("open", gathering->segment[i].name, gathering->segment[i].result);
	}
	return code;
}

static int export_once(const struct invocation *invocation, const struct gather_choice *choice)
{
	enum metrics_format format = invocation->openmetrics ? METRICS_OPENMETRICS : METRICS_TEXT;
	struct gathering gathering;
	int missing, code = EXIT_DONE;

	if (gather(&gathering, choice) < 0)
		return fail(EXIT_FAILED, NULL, "out of memory");
	if (invocation->file)
		code = write_file(invocation->file, &gathering, format);
	else
		metrics_write(stdout, &gathering, format);
	missing = tell_missing(&gathering, choice->name_count);
	gathering_free(&gathering);
	return code == EXIT_DONE ? missing : code;
}

int verb_export(const struct invocation *invocation)
{
	uint64_t interval_ns = invocation->interval_ns;
	struct timespec pause = {(time_t)(interval_ns / 1000000000), (long)(interval_ns % 1000000000)};
	struct gather_choice choice = {
	    .names = invocation->arguments,
	    .name_count = invocation->count,
	    .include = invocation->include,
	    .include_count = invocation->include_count,
	    .exclude = invocation->exclude,
	    .exclude_count = invocation->exclude_count,
	};
	int code = EXIT_DONE;

	if (interval_ns && !invocation->file)
		return fail(EXIT_USAGE, "Name it with --output.", "--interval needs a file to write again and again");
	for (unsigned long i = 0; i == 0 || (interval_ns && (invocation->times == 0 || i < invocation->times)); i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		code = export_once(invocation, &choice);
	}
	return code;
}
