/* SPDX-License-Identifier: MIT */
/*
 * The spool's life: taken for one host by a lock that its master and workers hold together, cleared of what a former
 * host left unfinished, counted, and removed at the end where it was only a temporary one.
 */
#include "spool.h"

#include "log.h"
#include "spool_path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Call `visit` for every name in a directory. Owns `directory`. */
static void walk(int directory, void (*visit)(int directory, const char *name, void *context), void *context)
{
	DIR *stream = directory < 0 ? NULL : fdopendir(directory);
	const struct dirent *entry;

	if (stream == NULL) {
		if (directory >= 0)
			close(directory);
		return;
	}
	while ((entry = readdir(stream)) != NULL) {
		if (!is_dot(entry->d_name))
			visit(dirfd(stream), entry->d_name, context);
	}
	closedir(stream);
}

static void add_size(int directory, const char *name, void *context)
{
	int64_t size = spool_size(directory, name);

	if (size > 0)
		*(uint64_t *)context += (uint64_t)size;
}

/* Under the lock no file of the component can appear, and none has if nothing was ever taken for it. */
static void recount_component(int spool, const char *escaped, void *context)
{
	struct host *host = context;
	struct shmq_component *component;
	struct shmq_status status;
	char name[SHMQ_NAME_MAX + 1];
	uint64_t stored = 0;
	int lock;

	if (!spool_unescape(name, sizeof(name), escaped) || shmq_component_find(&component, host->segment, name) < 0)
		return;
	lock = spool_lock(spool, name);
	if (lock >= 0 && shmq_status(component, &status) == 0 && status.resource[SHMQ_STORAGE].total == 0) {
		walk(openat(lock, "files", OPEN_DIRECTORY), add_size, &stored);
		if (stored > 0 && shmq_consume(component, SHMQ_STORAGE, stored) >= 0)
			log_event("%s has %ju bytes in the spool, counted", name, (uintmax_t)stored);
	}
	if (lock >= 0)
		close(lock);
	shmq_component_put(component);
}

void spool_recount(struct host *host)
{
	walk(openat(host->spool, ".", OPEN_DIRECTORY), recount_component, host);
}

static void remove_entry(int directory, const char *name, void *context)
{
	(void)context;
	if (unlinkat(directory, name, 0) < 0 && (errno == EISDIR || errno == EPERM)) {
		walk(openat(directory, name, OPEN_DIRECTORY), remove_entry, NULL);
		unlinkat(directory, name, AT_REMOVEDIR);
	}
}

/* Uploads of a process, by their names in upload.c; of all processes where it is 0. */
static void remove_upload(int directory, const char *name, void *context)
{
	const pid_t *pid = context;
	char *end;

	if (*pid == 0 || (strtol(name, &end, 10) == *pid && *end == '.'))
		unlinkat(directory, name, 0);
}

static void remove_partial(int spool, const char *escaped, void *context)
{
	int component = openat(spool, escaped, OPEN_DIRECTORY);

	if (component < 0)
		return;
	walk(openat(component, "partial", OPEN_DIRECTORY), remove_upload, context);
	close(component);
}

static void remove_uploads(int spool, pid_t pid)
{
	walk(openat(spool, ".", OPEN_DIRECTORY), remove_partial, &pid);
}

void spool_forget_worker(const struct host *host, pid_t pid)
{
	remove_uploads(host->spool, pid);
}

static int choose_directory(struct host *host, const char **path)
{
	const char *parent = getenv("TMPDIR");

	*path = host->options->spool;
	if (*path != NULL) {
		if (mkdir(*path, 0700) < 0 && errno != EEXIST)
			return -errno;
		return 0;
	}
	if (parent == NULL || parent[0] == '\0')
		parent = "/tmp";
	if (asprintf(&host->spool_temporary, "%s/shmquota-prefork.XXXXXX", parent) < 0) {
		host->spool_temporary = NULL;
		return -ENOMEM;
	}
	*path = mkdtemp(host->spool_temporary);
	if (*path == NULL) {
		int result = -errno;

		free(host->spool_temporary);
		host->spool_temporary = NULL;
		return result;
	}
	return 0;
}

int spool_open(struct host *host)
{
	const char *path;
	int result = choose_directory(host, &path);

	if (result == 0) {
		host->spool = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (host->spool < 0)
			result = -errno;
	}
	if (result < 0) {
		log_event("cannot open the spool %s: %s", path ? path : "directory", strerrordesc_np(-result));
		return result;
	}
	if (flock(host->spool, LOCK_EX | LOCK_NB) < 0) {
		result = -errno;
		log_event("the spool %s is in use by another host; give this one its own with --spool", path);
		close(host->spool);
		host->spool = -1;
		return result;
	}
	remove_uploads(host->spool, 0); /* of a former host */
	return 0;
}

void spool_close(struct host *host)
{
	if (host->spool_temporary != NULL) {
		walk(openat(host->spool, ".", OPEN_DIRECTORY), remove_entry, NULL);
		if (rmdir(host->spool_temporary) < 0)
			log_event("cannot remove the temporary spool %s: %s", host->spool_temporary,
			          strerrordesc_np(errno));
		free(host->spool_temporary);
		host->spool_temporary = NULL;
	}
	if (host->spool >= 0)
		close(host->spool);
	host->spool = -1;
}
