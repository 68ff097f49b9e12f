/* SPDX-License-Identifier: MIT */
/*
 * The segments themselves: whether they can be opened, are sound, have room, and belong to somebody who is there.
 */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "defects.h"
#include "row.h"
#include "segments.h"
#include "units.h"

#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)

/* ---- What cannot be opened --------------------------------------------------------------------------------------- */

static const struct {
	int result;
	enum severity severity;
	const char *cure;
} failures[] = {
    {-EUCLEAN, FINDING_WARNING, "Its host replaces it when it starts; 'shmquota remove NAME' takes it away."},
    {-EXDEV, FINDING_NOTE,
     "Look at it from where its host runs: 'docker exec', or 'nsenter --pid --time --target PID unshare "
     "--mount-proc'."},
    {-EACCES, FINDING_NOTE, "Run this as its owner, or in its group."},
    {-EPERM, FINDING_PROBLEM,
     "Make its host run as a user that this one trusts, and see that others may not write to its files (mode 0640)."},
    {-EPROTO, FINDING_PROBLEM, "Use the tools of the release that its host runs, or restart the host."},
    {-EBADMSG, FINDING_PROBLEM, "Stop its host, 'shmquota remove NAME', and start it again."},
    {-ENODATA, FINDING_PROBLEM, "Stop its host, 'shmquota remove NAME', and start it again."},
};

/* A cure with the segment's name where it says NAME. Returns out. */
static const char *cure_of(char *out, size_t size, const char *cure, const char *name)
{
	const char *place = strstr(cure, "NAME");

	if (place == NULL)
		snprintf(out, size, "%s", cure);
	else
		snprintf(out, size, "%.*s%s%s", (int)(place - cure), cure, name, place + strlen("NAME"));
	return out;
}

static void report_failure(struct doctor *doctor, const char *name, int result)
{
	char cure[SEGMENT_PATH_MAX + 160];

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].result == result) {
			finding(doctor, failures[i].severity, "segment",
			        cure_of(cure, sizeof(cure), failures[i].cure, name), "%s: %s", name,
			        shmq_strerror(result));
			return;
		}
	}
	finding(doctor, FINDING_PROBLEM, "segment", NULL, "%s: %s", name, shmq_strerror(result));
}

/* ---- What can ---------------------------------------------------------------------------------------------------- */

static bool process_is_gone(uint32_t pid)
{
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static unsigned examine_workers(struct doctor *doctor, const struct overview *it)
{
	const struct worker_count *workers = &it->workers;
	char cure[SEGMENT_PATH_MAX + 96];
	unsigned found = 0;

	if (workers->dead > 0 && workers->alive == 0) {
		snprintf(cure, sizeof(cure), "Start its host again, or 'shmquota reap %s', and look why it died.",
		         it->name);
		finding(doctor, FINDING_WARNING, "segment", cure, "%s: crashed, all %u workers are dead", it->name,
		        workers->dead);
		found++;
	} else if (workers->dead > 0) {
		snprintf(cure, sizeof(cure), "The host should call shmq_housekeep(); 'shmquota reap %s' does it.",
		         it->name);
		finding(doctor, FINDING_WARNING, "segment", cure,
		        "%s: %u dead worker%s, what they held is still counted", it->name, workers->dead,
		        workers->dead == 1 ? "" : "s");
		found++;
	}
	if (it->info.controller_pid && process_is_gone(it->info.controller_pid)) {
		snprintf(cure, sizeof(cure), "'shmquota reap %s' repairs what it left.", it->name);
		finding(doctor, FINDING_WARNING, "segment", cure, "%s: its controller, pid %" PRIu32 ", died at work",
		        it->name, it->info.controller_pid);
		found++;
	}
	return found;
}

static unsigned examine_capacity(struct doctor *doctor, const struct overview *it)
{
	const struct shmq_info *info = &it->info;
	uint64_t components = (uint64_t)info->components_used + info->retired;
	unsigned found = 0;

	if (components * 10 >= (uint64_t)info->components * 9) {
		finding(doctor, FINDING_WARNING, "segment",
		        "Unregister some, or create it anew with more 'components'.",
		        "%s: %" PRIu64 " of %" PRIu32 " components are taken", it->name, components, info->components);
		found++;
	}
	if ((uint64_t)info->threads_used * 10 >= (uint64_t)info->threads * 9) {
		finding(doctor, FINDING_WARNING, "segment", "Use fewer threads, or create it anew with more 'threads'.",
		        "%s: %" PRIu32 " of %" PRIu32 " thread slots are taken", it->name, info->threads_used,
		        info->threads);
		found++;
	}
	return found;
}

static unsigned examine_modes(struct doctor *doctor, const char *name)
{
	char path[SEGMENT_PATH_MAX + 32];
	struct stat policy, usage;

	segment_policy_path(path, sizeof(path), name);
	if (stat(path, &policy) != 0)
		return 0;
	strcpy(path + strlen(path) - strlen(".policy"), ".usage");
	if (stat(path, &usage) != 0)
		return 0;
	if (usage.st_mode & S_IWOTH) {
		finding(doctor, FINDING_PROBLEM, "segment",
		        "Give its host 'mode = 0660' and the workers a group of their own.",
		        "%s: everybody may write to its figures (mode %04o)", name, (unsigned)usage.st_mode & 07777);
		return 1;
	}
	if (policy.st_uid != usage.st_uid) {
		finding(doctor, FINDING_WARNING, "segment", "Have one user own both files.",
		        "%s: its two halves belong to uid %u and uid %u", name, (unsigned)policy.st_uid,
		        (unsigned)usage.st_uid);
		return 1;
	}
	return 0;
}

/* The third field of a line of /proc/self/mountinfo, MAJOR:MINOR. */
static dev_t device_of_mount(const char *line)
{
	unsigned long major, minor = 0;
	char *end = strchr(line, ' ');

	end = end == NULL ? NULL : strchr(end + 1, ' ');
	if (end == NULL)
		return 0;
	major = strtoul(end, &end, 10);
	if (*end == ':')
		minor = strtoul(end + 1, NULL, 10);
	return makedev((unsigned)major, (unsigned)minor);
}

/* What the mount of a file says of huge pages: "advise" of "huge=advise", else "never". */
static void read_mount_option(char out[16], const char *path)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	struct stat file;

	strcpy(out, "never");
	if (stat(path, &file) != 0)
		memset(&file, 0, sizeof(file));
	while (mounts != NULL && fgets(line, sizeof(line), mounts) != NULL) {
		const char *option = strstr(line, "huge=");

		if (option != NULL && device_of_mount(line) == file.st_dev)
			sscanf(option, "huge=%15[a-z_]", out);
	}
	if (mounts != NULL)
		fclose(mounts);
}

/* A note: small pages serve as well, but whoever asked for huge ones should not believe that they are there. */
static void examine_huge_pages(struct doctor *doctor, const struct overview *it)
{
	uint64_t bytes = it->info.policy_bytes + it->info.usage_bytes;
	char path[SEGMENT_PATH_MAX + 32], mount[16], cure[SEGMENT_PATH_MAX + 96];

	if (!it->info.hugepages)
		return;
	/* The last page of each file may be less than a whole one. */
	if (it->info.huge_bytes > 0 && it->info.huge_bytes + 2 * HUGE_PAGE_BYTES >= bytes) {
		finding(doctor, FINDING_OK, "huge pages", NULL, "%s: %s of %s", it->name,
		        bytes_label(it->info.huge_bytes).text, bytes_label(bytes).text);
		return;
	}
	segment_policy_path(path, sizeof(path), it->name);
	read_mount_option(mount, path);
	*strrchr(path, '/') = '\0';
	if (it->info.policy_bytes < HUGE_PAGE_BYTES && it->info.usage_bytes < HUGE_PAGE_BYTES)
		snprintf(cure, sizeof(cure), "Each of its files is smaller than one of 2 MiB: leave 'hugepages' out.");
	else if (strcmp(mount, "never") == 0)
		snprintf(cure, sizeof(cure), "mount -o remount,huge=advise %s; then make the segment anew.", path);
	else
		snprintf(cure, sizeof(cure),
		         "Its mount allows them (huge=%s), but none were free when it was made, or shmem_enabled in "
		         "/sys/kernel/mm/transparent_hugepage is 'deny': make the segment anew.",
		         mount);
	finding(doctor, FINDING_NOTE, "huge pages", cure, "%s asked for them and got %s of %s; small ones do the rest",
	        it->name, bytes_label(it->info.huge_bytes).text, bytes_label(bytes).text);
}

static void count_defect(void *context, const struct shmq_defect *defect)
{
	defects_add(context, defect);
}

static unsigned examine_soundness(struct doctor *doctor, struct shmq_segment *segment, const char *name)
{
	struct defects defects = {.count = 0};
	char cure[SEGMENT_PATH_MAX + 160];

	shmq_segment_verify(segment, count_defect, &defects);
	switch (defects_ailment(&defects)) {
	case AILMENT_NONE:
		return 0;
	case AILMENT_LOCK:
		finding(doctor, FINDING_WARNING, "segment",
		        cure_of(cure, sizeof(cure), "'shmquota reap NAME' repairs what it left.", name),
		        "%s: a controller died at work", name);
		break;
	case AILMENT_RELEASED:
		finding(doctor, FINDING_WARNING, "segment", RELEASED_CURE, "%s: %d level%s below what is held of %s",
		        name, defects.count, defects.count == 1 ? " is" : "s are", defects.count == 1 ? "it" : "them");
		break;
	default:
		finding(
		    doctor, FINDING_PROBLEM, "segment",
		    cure_of(cure, sizeof(cure),
		            "'shmquota verify NAME' names them; stop its host, remove it, and start the host again.",
		            name),
		    "%s: damaged, %d invariant%s broken", name, defects.count, defects.count == 1 ? " is" : "s are");
	}
	return 1;
}

static void examine_segment(struct doctor *doctor, const char *name)
{
	struct shmq_segment *segment;
	struct overview overview;
	unsigned found;
	int result = shmq_segment_open(&segment, name, SHMQ_OBSERVE);

	if (result < 0) {
		report_failure(doctor, name, result);
		return;
	}
	overview = overview_read(segment, name);
	examine_huge_pages(doctor, &overview);
	found = examine_workers(doctor, &overview) + examine_capacity(doctor, &overview) + examine_modes(doctor, name);
	found += examine_soundness(doctor, segment, name);
	if (found == 0)
		finding(doctor, FINDING_OK, "segment", NULL, "%s: %s and sound, %" PRIu32 " of %" PRIu32 " components",
		        name, segment_state(&overview.workers), overview.info.components_used,
		        overview.info.components);
	shmq_segment_close(segment);
}

void examine_segments(struct doctor *doctor)
{
	struct segment_names names = {0};

	segment_names_find(&names);
	if (names.count == 0)
		finding(doctor, FINDING_OK, "segment", NULL, "there is none in " SEGMENT_FOLDER);
	for (size_t i = 0; i < names.count; i++)
		examine_segment(doctor, names.name[i]);
	segment_names_free(&names);
}

/* ---- Halves ------------------------------------------------------------------------------------------------------ */

/* Whether NAME.other is missing beside NAME.ending. */
static bool is_half(const char *entry, const char *ending, const char *other)
{
	size_t length = strlen(entry), tail = strlen(ending);
	char path[SEGMENT_PATH_MAX];

	if (length <= tail || strcmp(entry + length - tail, ending) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/%.*s%s", SEGMENT_FOLDER, (int)(length - tail), entry, other);
	return access(path, F_OK) != 0;
}

void examine_halves(struct doctor *doctor)
{
	DIR *folder = opendir(SEGMENT_FOLDER);
	char name[SEGMENT_PATH_MAX], cure[SEGMENT_PATH_MAX + 160];
	const struct dirent *entry;
	unsigned count = 0;

	while (folder && (entry = readdir(folder))) {
		if (!is_half(entry->d_name, ".policy", ".usage") && !is_half(entry->d_name, ".usage", ".policy"))
			continue;
		snprintf(name, sizeof(name), "/%.*s", (int)(strrchr(entry->d_name, '.') - entry->d_name),
		         entry->d_name);
		finding(doctor, FINDING_WARNING, "leftover",
		        cure_of(cure, sizeof(cure), "Where it is yours: 'shmquota remove NAME'.", name),
		        SEGMENT_FOLDER "/%s is half of a segment, its other half is gone", entry->d_name);
		count++;
	}
	if (folder)
		closedir(folder);
	if (count == 0)
		finding(doctor, FINDING_OK, "leftovers", NULL, "no half segments in " SEGMENT_FOLDER);
}
