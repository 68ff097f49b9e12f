/* SPDX-License-Identifier: MIT */
/*
 * Files and folders; see layers.h. Only names are looked at here: whether a file can be read is found when it is.
 */
#include "policy/layers.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENDING ".ini"
#define DROP_IN ".d"

static int add_path(struct layers *layers, char *path)
{
	char **paths = path == NULL ? NULL : reallocarray(layers->paths, layers->count + 1, sizeof(*paths));

	if (paths == NULL) {
		free(path);
		return -ENOMEM;
	}
	layers->paths = paths;
	paths[layers->count++] = path;
	return 0;
}

static int is_taken(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), ending = strlen(ENDING);

	return entry->d_name[0] != '.' && length > ending && strcmp(entry->d_name + length - ending, ENDING) == 0;
}

/* alphasort() would ask the locale. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *folder, const char *name)
{
	size_t length = strlen(folder);
	char *path;

	if (asprintf(&path, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/", name) < 0)
		return NULL;
	return path;
}

/* Returns how many files were added, or a negative errno. */
static int add_folder(struct layers *layers, const char *folder, struct complaints *complaints)
{
	const struct place whole = {.file = folder};
	struct dirent **entries;
	int count = scandir(folder, &entries, is_taken, compare_entries), result = 0;

	if (count < 0) {
		result = -errno;
		complain_error(complaints, &whole, "cannot read this folder: %s", strerrordesc_np(-result));
		return result;
	}
	for (int i = 0; i < count; i++) {
		if (result == 0)
			result = add_path(layers, join(folder, entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return result < 0 ? result : count;
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int add_drop_ins(struct layers *layers, const char *path, struct complaints *complaints)
{
	char *folder;
	int result = 0;

	if (asprintf(&folder, "%s" DROP_IN, path) < 0)
		return -ENOMEM;
	if (is_folder(folder))
		result = add_folder(layers, folder, complaints);
	free(folder);
	return result;
}

static int add(struct layers *layers, const char *path, struct complaints *complaints)
{
	const struct place whole = {.file = path};
	int result;

	if (is_folder(path)) {
		result = add_folder(layers, path, complaints);
		if (result == 0)
			complain_warning(complaints, &whole, "no file in this folder is called NAME" ENDING);
		return result < 0 ? result : 0;
	}
	result = add_path(layers, strdup(path));
	if (result == 0)
		result = add_drop_ins(layers, path, complaints);
	return result < 0 ? result : 0;
}

int layers_list(struct layers *out, const char *const paths[], size_t count, struct complaints *complaints)
{
	int result = 0;

	*out = (struct layers){0};
	for (size_t i = 0; i < count && result != -ENOMEM; i++) {
		int added = add(out, paths[i], complaints);

		if (added == -ENOMEM || result == 0)
			result = added;
	}
	return result;
}

void layers_free(struct layers *layers)
{
	for (size_t i = 0; i < layers->count; i++)
		free(layers->paths[i]);
	free(layers->paths);
}
