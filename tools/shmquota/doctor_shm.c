/* SPDX-License-Identifier: MIT */
/*
 * Where segments lie: the tmpfs at /dev/shm, and who may take it away.
 */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "segments.h"
#include "units.h"

#define SMALL_BYTES (UINT64_C(64) << 20) /* what container runtimes give when they are not asked */

static void examine_room(struct doctor *doctor, const struct statvfs *room)
{
	uint64_t size = (uint64_t)room->f_blocks * room->f_frsize, left = (uint64_t)room->f_bavail * room->f_frsize;
	struct label whole = bytes_label(size), rest = bytes_label(left);

	if (room->f_flag & ST_RDONLY)
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER, "mount -o remount,rw " SEGMENT_FOLDER,
		        "it is mounted read-only: no segment can be made");
	else if (room->f_files > 0 && room->f_favail == 0)
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER,
		        "Remove what is not needed, or remount it with nr_inodes=.",
		        "no file can be made in it, all its inodes are taken");
	else if (left < size / 20)
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER,
		        "Remove what is not needed, or 'mount -o remount,size=2G " SEGMENT_FOLDER
		        "' (docker: --shm-size).",
		        "%s, only %s left: creating a segment will fail", whole.text, rest.text);
	else if (size <= SMALL_BYTES)
		finding(doctor, FINDING_WARNING, SEGMENT_FOLDER, "docker run --shm-size 512m, or a tmpfs volume there.",
		        "%s is what containers get by default, %s left; a segment of 100000 components takes more",
		        whole.text, rest.text);
	else
		finding(doctor, FINDING_OK, SEGMENT_FOLDER, NULL, "tmpfs, %s, %s left", whole.text, rest.text);
}

void examine_shm(struct doctor *doctor)
{
	struct rlimit file_size;
	struct statvfs room;
	struct statfs kind;
	struct stat status;

	if (statfs(SEGMENT_FOLDER, &kind) != 0 || statvfs(SEGMENT_FOLDER, &room) != 0) {
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER, "mount -t tmpfs -o mode=1777 tmpfs " SEGMENT_FOLDER,
		        "cannot look at it: %s", strerror(errno));
		return;
	}
	if (kind.f_type != TMPFS_MAGIC && kind.f_type != RAMFS_MAGIC)
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER, "mount -t tmpfs -o mode=1777 tmpfs " SEGMENT_FOLDER,
		        "it is no tmpfs: segments of the form /NAME cannot be made");
	else
		examine_room(doctor, &room);
	if (stat(SEGMENT_FOLDER, &status) == 0 && (status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX))
		finding(doctor, FINDING_PROBLEM, SEGMENT_FOLDER, "chmod 1777 " SEGMENT_FOLDER,
		        "mode %04o without the sticky bit: everybody may remove everybody's segments",
		        (unsigned)status.st_mode & 07777);
	if (getrlimit(RLIMIT_FSIZE, &file_size) == 0 && file_size.rlim_cur != RLIM_INFINITY)
		finding(doctor, FINDING_WARNING, "limits", "ulimit -f unlimited, or LimitFSIZE=infinity in its unit.",
		        "files may have %s at most, segments too", bytes_label(file_size.rlim_cur).text);
}

/* ---- RemoveIPC --------------------------------------------------------------------------------------------------- */

/* Take over "RemoveIPC=" of a file of logind; the last one counts. */
static void read_logind(const char *path, bool *removes)
{
	FILE *file = fopen(path, "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		char key[64], value[64];

		if (sscanf(line, " %63[^= \t] = %63s", key, value) == 2 && strcmp(key, "RemoveIPC") == 0)
			*removes = strcasecmp(value, "no") != 0 && strcasecmp(value, "false") != 0 &&
			           strcasecmp(value, "off") != 0 && strcmp(value, "0") != 0;
	}
	if (file)
		fclose(file);
}

static void read_logind_folder(const char *folder, bool *removes)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t length = strlen(name);
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (length > 5 && strcmp(name + length - 5, ".conf") == 0)
			read_logind(path, removes);
		free(entries[i]);
	}
	free(entries);
}

/* Whether logind removes the shared memory of users who have logged out. It does unless it is told not to. */
static bool logind_removes(const char *root)
{
	static const char *const folders[] = {"/usr/lib", "/run", "/etc"};
	bool removes = true;
	char path[1024];

	snprintf(path, sizeof(path), "%s/etc/systemd/logind.conf", root);
	read_logind(path, &removes);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s%s/systemd/logind.conf.d", root, folders[i]);
		read_logind_folder(path, &removes);
	}
	return removes;
}

/* The largest uid of system users, whose shared memory is left alone. */
static unsigned long system_uid_most(const char *root)
{
	unsigned long most = 999;
	char path[1024], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/etc/login.defs", root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		char *key = line + strspn(line, " \t");

		if (strncmp(key, "SYS_UID_MAX", strlen("SYS_UID_MAX")) == 0)
			most = strtoul(key + strlen("SYS_UID_MAX"), NULL, 10);
	}
	if (file)
		fclose(file);
	return most;
}

/* Whether logind is there to remove anything. Below another root its configuration alone decides. */
static bool logind_is_there(const char *root)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/etc/systemd/logind.conf", root);
	return access("/run/systemd/seats", F_OK) == 0 || (*root && access(path, F_OK) == 0);
}

static const char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_name : "?";
}

static unsigned find_endangered(struct doctor *doctor, unsigned long most)
{
	struct segment_names names = {0};
	unsigned count = 0;

	segment_names_find(&names);
	for (size_t i = 0; i < names.count; i++) {
		char path[SEGMENT_PATH_MAX + 32];
		struct stat status;

		if (stat(segment_policy_path(path, sizeof(path), names.name[i]), &status) != 0 || status.st_uid <= most)
			continue;
		finding(doctor, FINDING_PROBLEM, "RemoveIPC",
		        "Run its host as a system user (useradd --system), or 'loginctl enable-linger USER', or put it "
		        "below /run, or set RemoveIPC=no in /etc/systemd/logind.conf.",
		        "%s goes when %s (uid %u) logs out", names.name[i], user_name(status.st_uid),
		        (unsigned)status.st_uid);
		count++;
	}
	segment_names_free(&names);
	return count;
}

void examine_remove_ipc(struct doctor *doctor)
{
	unsigned long most = system_uid_most(doctor->root);

	if (!logind_is_there(doctor->root))
		finding(doctor, FINDING_OK, "RemoveIPC", NULL,
		        "there is no systemd-logind here that would remove segments");
	else if (!logind_removes(doctor->root))
		finding(doctor, FINDING_OK, "RemoveIPC", NULL, "off: segments stay when users log out");
	else if (find_endangered(doctor, most) == 0)
		finding(doctor, FINDING_NOTE, "RemoveIPC",
		        "Run hosts as system users (useradd --system), or put their segments below /run.",
		        "on: segments in " SEGMENT_FOLDER
		        " of users above uid %lu go when they log out; there is none now",
		        most);
}
