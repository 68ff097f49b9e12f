/* SPDX-License-Identifier: MIT */
/*
 * Segments that lost their name while processes use them: RemoveIPC= of logind, or somebody's rm. Nobody notices: who has
 * such a segment open goes on counting in it, and who starts later makes another one, so limits hold twice.
 *
 * Each process keeps the usage object open, and an object without a link tells. Of other users' processes only root sees
 * that. Only the /dev/shm that this process sees is looked for; those of containers are others.
 */
#include "doctor.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "segments.h"

#define NAMED_MOST 4
#define MAKING_NS 200000000 /* a segment that is being made has no name either, for less than this */

struct nameless {
	dev_t device; /* of /dev/shm */
	unsigned processes;
	char who[256]; /* "pid 12 (relay), 13 (relay)" */
};

/* Whether it is a usage object, by its header: shmquota-segment(5). */
static bool is_usage(int folder, const char *entry)
{
	int file = openat(folder, entry, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint32_t kind = 0;
	char magic[8] = "";
	bool found = file >= 0 && pread(file, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
	             memcmp(magic, "shmquota", sizeof(magic)) == 0 &&
	             pread(file, &kind, sizeof(kind), 32) == (ssize_t)sizeof(kind) && kind == 2;

	if (file >= 0)
		close(file);
	return found;
}

static bool uses_nameless(const char *pid, dev_t device)
{
	char path[64];
	const struct dirent *entry;
	bool found = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	folder = opendir(path);
	while (folder && !found && (entry = readdir(folder))) {
		struct stat file;

		found = *entry->d_name != '.' && fstatat(dirfd(folder), entry->d_name, &file, 0) == 0 &&
		        S_ISREG(file.st_mode) && file.st_nlink == 0 && file.st_dev == device &&
		        is_usage(dirfd(folder), entry->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void add_process(struct nameless *nameless, const char *pid)
{
	char path[64], command[32] = "?";
	size_t length = strlen(nameless->who);
	FILE *file;

	if (++nameless->processes > NAMED_MOST)
		return;
	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file && fgets(command, sizeof(command), file))
		command[strcspn(command, "\n")] = '\0';
	if (file)
		fclose(file);
	snprintf(nameless->who + length, sizeof(nameless->who) - length, "%s%.20s (%s)", length > 0 ? ", " : "pid ",
	         pid, command);
}

static struct nameless look(dev_t device)
{
	struct nameless nameless = {.device = device};
	DIR *folder = opendir("/proc");
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name) &&
		    uses_nameless(entry->d_name, nameless.device))
			add_process(&nameless, entry->d_name);
	}
	if (folder)
		closedir(folder);
	return nameless;
}

void examine_names(struct doctor *doctor)
{
	const struct timespec making = {.tv_nsec = MAKING_NS};
	struct nameless nameless;
	struct stat shm;
	char more[32] = "";

	if (stat(SEGMENT_FOLDER, &shm) != 0)
		return;
	nameless = look(shm.st_dev);
	if (nameless.processes > 0) {
		nanosleep(&making, NULL);
		nameless = look(shm.st_dev);
	}
	if (nameless.processes == 0) {
		finding(doctor, FINDING_OK, "names", NULL, "no process%s uses a segment that has lost its name",
		        geteuid() == 0 ? "" : " of this user");
		return;
	}
	if (nameless.processes > NAMED_MOST)
		snprintf(more, sizeof(more), " and %u more", nameless.processes - NAMED_MOST);
	finding(doctor, FINDING_WARNING, "names",
	        "Start them again. If nobody removed it on purpose, it was RemoveIPC: run hosts as system users.",
	        "%s%s: the name of their segment was removed, so who starts now counts in another one", nameless.who,
	        more);
}
