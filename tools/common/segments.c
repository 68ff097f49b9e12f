/* SPDX-License-Identifier: MIT */
/*
 * Finding, naming and opening segments.
 */
#include "segments.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

#define POLICY_ENDING ".policy"
#define USAGE_ENDING ".usage"

/* Length of `text` without `ending`; 0 where it does not end so or is nothing else. */
static size_t length_without(const char *text, const char *ending)
{
	size_t length = strlen(text), tail = strlen(ending);

	if (length <= tail || strcmp(text + length - tail, ending) != 0)
		return 0;
	return length - tail;
}

/* The name of the segment whose policy object is the directory entry, or NULL. */
static char *name_of_entry(const char *entry)
{
	size_t length = length_without(entry, POLICY_ENDING);
	char usage[SEGMENT_PATH_MAX];
	char *name;

	if (length == 0)
		return NULL;
	snprintf(usage, sizeof(usage), "%s/%.*s%s", SEGMENT_FOLDER, (int)length, entry, USAGE_ENDING);
	if (access(usage, F_OK) != 0)
		return NULL;
	if (asprintf(&name, "/%.*s", (int)length, entry) < 0)
		return NULL;
	return name;
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

int segment_names_find(struct segment_names *out)
{
	DIR *folder = opendir(SEGMENT_FOLDER);
	const struct dirent *entry;

	*out = (struct segment_names){0};
	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		char *name = name_of_entry(entry->d_name);
		char **grown = name ? reallocarray(out->name, out->count + 1, sizeof(*grown)) : NULL;

		if (!grown) {
			free(name);
			continue;
		}
		out->name = grown;
		out->name[out->count++] = name;
	}
	closedir(folder);
	if (out->count > 0)
		qsort(out->name, out->count, sizeof(*out->name), compare_names);
	return 0;
}

void segment_names_free(struct segment_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct segment_names){0};
}

char *segment_policy_path(char *out, size_t size, const char *name)
{
	bool is_posix = name[0] == '/' && !strchr(name + 1, '/');

	snprintf(out, size, "%s%s%s", is_posix ? SEGMENT_FOLDER : "", name, POLICY_ENDING);
	return out;
}

char *segment_name_typed(char *out, size_t size, const char *typed)
{
	char path[SEGMENT_PATH_MAX];
	size_t length;

	if ((size_t)snprintf(out, size, "%s%s", strchr(typed, '/') ? "" : "/", typed) >= size)
		return NULL;
	length = length_without(out, POLICY_ENDING);
	if (length == 0)
		length = length_without(out, USAGE_ENDING);
	/* A segment may really be called "/x.policy"; its own objects decide. */
	if (length > 1 && access(segment_policy_path(path, sizeof(path), out), F_OK) != 0)
		out[length] = '\0';
	return out;
}

int segment_look(struct shmq_segment **out, const char *name)
{
	int result = shmq_segment_open(out, name, SHMQ_OBSERVE);

	return result == -EXDEV ? shmq_segment_open(out, name, SHMQ_EXAMINE) : result;
}

int segment_open(struct shmq_segment **out, const char *name, enum shmq_access wanted)
{
	int result = shmq_segment_open(out, name, wanted);

	return result < 0 ? segment_failed("open", name, result) : EXIT_DONE;
}

struct worker_count segment_workers(struct shmq_segment *segment, const struct shmq_info *info)
{
	struct worker_count count = {0};

	for (uint32_t slot = 0; slot < info->threads && count.alive + count.dead < info->threads_used; slot++) {
		struct shmq_worker worker;

		if (shmq_worker_at(segment, slot, &worker) != 0)
			continue;
		if (worker.alive)
			count.alive++;
		else
			count.dead++;
	}
	return count;
}

const char *segment_dead_advice(char *out, size_t size, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct worker_count workers = {0};

	*out = '\0';
	if (shmq_segment_info(segment, &info) == 0)
		workers = segment_workers(segment, &info);
	if (workers.dead > 0)
		snprintf(out, size, "%u dead worker%s may hold some of it: 'shmquota reap %s' gives that back",
		         workers.dead, workers.dead == 1 ? "" : "s", info.name);
	return out;
}

const char *segment_slots_advice(char *out, size_t size, struct shmq_segment *segment)
{
	struct shmq_info info = {.size = sizeof(info)};

	*out = '\0';
	if (shmq_segment_info(segment, &info) == 0 && info.threads_used >= info.threads)
		snprintf(out, size,
		         "%" PRIu32 " of %" PRIu32 " thread slots are taken: 'shmquota workers %s' shows by whom. "
		         "End some, or create it anew with more 'threads'.",
		         info.threads_used, info.threads, info.name);
	return out;
}

const char *segment_state(const struct worker_count *workers)
{
	if (workers->alive > 0)
		return "live";
	return workers->dead > 0 ? "crashed" : "idle";
}
