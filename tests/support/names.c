/* SPDX-License-Identifier: MIT */
/*
 * Names of segments in tests, and the sweeping up behind them. It unlinks files by name and uses nothing of the
 * library, so it also removes what the library refuses to touch.
 */
#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_PREFIX "shmq-test-"

void name_segment(char out[NAME_SIZE], const char *story)
{
	snprintf(out, NAME_SIZE, "/" NAME_PREFIX "%d-%s", (int)getpid(), story);
}

void name_directory(char out[NAME_SIZE], const char *story)
{
	snprintf(out, NAME_SIZE, NAME_SHM_DIRECTORY "/" NAME_PREFIX "%d-%s.d", (int)getpid(), story);
	mkdir(out, 0700);
}

void name_object(char out[NAME_SIZE], const char *segment, const char *object)
{
	const char *directory = strchr(segment + 1, '/') ? "" : NAME_SHM_DIRECTORY;

	snprintf(out, NAME_SIZE, "%s%s.%s", directory, segment, object);
}

int name_count(const char *directory, const char *part)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;
	int count = 0;

	if (!stream)
		return -1;
	while ((entry = readdir(stream)) != NULL) {
		bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;

		count += !itself && strstr(entry->d_name, part) != NULL;
	}
	closedir(stream);
	return count;
}

int name_leftovers(void)
{
	char part[NAME_SIZE];

	snprintf(part, sizeof(part), NAME_PREFIX "%d-", (int)getpid());
	return name_count(NAME_SHM_DIRECTORY, part);
}

static void name_remove_tree(const char *path)
{
	char inner[2 * NAME_SIZE];
	struct dirent *entry;
	DIR *stream;

	if (unlink(path) == 0)
		return;
	stream = opendir(path);
	while (stream && (entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%.140s", path, entry->d_name);
		if (unlink(inner) != 0)
			rmdir(inner);
	}
	if (stream)
		closedir(stream);
	rmdir(path);
}

/* An entry belongs to this process or to a test that is no more. */
static bool name_is_ours_to_remove(const char *entry)
{
	const char *at = strstr(entry, NAME_PREFIX);
	int pid = at ? atoi(at + strlen(NAME_PREFIX)) : 0;

	return pid > 0 && (pid == (int)getpid() || (kill(pid, 0) != 0 && errno == ESRCH));
}

void name_sweep(void)
{
	DIR *stream = opendir(NAME_SHM_DIRECTORY);
	char path[NAME_SIZE];
	struct dirent *entry;

	while (stream && (entry = readdir(stream)) != NULL) {
		if (!name_is_ours_to_remove(entry->d_name))
			continue;
		snprintf(path, sizeof(path), NAME_SHM_DIRECTORY "/%.140s", entry->d_name);
		name_remove_tree(path);
	}
	if (stream)
		closedir(stream);
}
