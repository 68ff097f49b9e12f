/* SPDX-License-Identifier: MIT */
/*
 * Pages of a file come with the advice of the mapping that they are first touched through, so they are touched here,
 * before posix_fallocate() would make small ones. MADV_POPULATE_WRITE does that without a SIGBUS on a full tmpfs.
 */
#include "shm/huge.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(MADV_POPULATE_WRITE)
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; an older kernel refuses it, and the caller allocates */
#endif

#define KIB 1024
#define HUGE_COUNT "ShmemPmdMapped:"

void huge_advise(void *map, size_t size)
{
	madvise(map, size, MADV_HUGEPAGE);
}

/* The kernel's own count for the mapping that begins there (proc(5), smaps). */
static uint64_t mapped_huge(const void *map)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	uint64_t bytes = 0;
	bool is_ours = false;
	char line[512];

	while (smaps != NULL && fgets(line, sizeof(line), smaps) != NULL) {
		char *end;
		uint64_t begin = strtoull(line, &end, 16);

		if (*end == '-') /* "begin-end ...": the next mapping */
			is_ours = begin == (uint64_t)(uintptr_t)map;
		else if (is_ours && strncmp(line, HUGE_COUNT, strlen(HUGE_COUNT)) == 0)
			bytes = strtoull(line + strlen(HUGE_COUNT), NULL, 10) * KIB;
	}
	if (smaps != NULL)
		fclose(smaps);
	return bytes;
}

uint64_t huge_fill(int fd, size_t size)
{
	uint64_t bytes = 0;
	void *map;

	if (ftruncate(fd, (off_t)size) < 0)
		return 0;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return 0;
	huge_advise(map, size);
	if (madvise(map, size, MADV_POPULATE_WRITE) == 0)
		bytes = mapped_huge(map);
	munmap(map, size);
	return bytes < size ? bytes : size; /* the last page may be half used */
}
