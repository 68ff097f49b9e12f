/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target as a plain program, for compilers without libFuzzer and for the normal runs of all tests.
 *
 *     fuzz_NAME [FILE|FOLDER...]   try the target's own seeds and these files; a folder is not descended into
 *     fuzz_NAME --write FOLDER     write the seeds there as files, for libFuzzer to begin with
 *
 * The name of an input is printed before it is tried, so the last one is that of a crash.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

static unsigned replayed;

static void try_input(void *context, const char *name, const uint8_t *data, size_t size)
{
	/* A copy of exactly that size: the address sanitizer sees who reads beyond it. */
	uint8_t *copy = malloc(size + (size == 0));

	(void)context;
	if (copy == NULL)
		abort();
	printf("%s\n", name);
	fflush(stdout);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	replayed++;
}

static bool try_file(const char *path)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = fopen(path, "rbe");
	size_t size;

	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	try_input(NULL, path, data, size);
	return true;
}

static bool try_folder(const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);
	bool all_read = count >= 0;

	for (int i = 0; i < count; i++) {
		char inner[4096];
		struct stat file;

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (stat(inner, &file) == 0 && S_ISREG(file.st_mode))
			all_read = try_file(inner) && all_read;
		free(entries[i]);
	}
	free(entries);
	if (count < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return all_read;
}

static void write_seed(void *context, const char *name, const uint8_t *data, size_t size)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", (const char *)context, name);
	file = fopen(path, "wbe");
	if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
		fuzz_fail("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
	bool all_read = true;

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc == 3 && strcmp(argv[1], "--write") == 0) {
		fuzz_each_seed(write_seed, argv[2]);
		return 0;
	}
	fuzz_each_seed(try_input, NULL);
	for (int i = 1; i < argc; i++) {
		struct stat file;

		if (stat(argv[i], &file) == 0 && S_ISDIR(file.st_mode))
			all_read = try_folder(argv[i]) && all_read;
		else
			all_read = try_file(argv[i]) && all_read;
	}
	printf("%u inputs, no fault\n", replayed);
	return all_read && replayed > 0 ? 0 : 1;
}
