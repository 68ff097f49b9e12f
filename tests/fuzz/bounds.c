/* SPDX-License-Identifier: MIT */
/*
 * What is behind a mapping must not be touched. The library's mappings are much smaller than a page or end within one,
 * where the kernel sees nothing; so each gets its last page's rest poisoned for the address sanitizer, and behind it room
 * that nobody may touch, as much as the largest slot number would lead astray. The linker puts both functions in the
 * place of the C library's (--wrap).
 *
 * Not seen: who leaves one part of an object for another.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define HAS_POISON 1
#endif

#ifdef HAS_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

void *bounds_mmap(void *address, size_t size, int protection, int flags, int descriptor,
                  off_t offset) __asm__("__wrap_mmap");
int bounds_munmap(void *address, size_t size) __asm__("__wrap_munmap");
void *real_mmap(void *address, size_t size, int protection, int flags, int descriptor,
                off_t offset) __asm__("__real_mmap");
int real_munmap(void *address, size_t size) __asm__("__real_munmap");

#define BEHIND ((size_t)16 << 20)

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t whole_pages(size_t size)
{
	return (size + page_size() - 1) / page_size() * page_size();
}

void *bounds_mmap(void *address, size_t size, int protection, int flags, int descriptor, off_t offset)
{
	size_t whole = whole_pages(size);
	char *room, *map;

	if (address != NULL)
		return real_mmap(address, size, protection, flags, descriptor, offset);
	room = real_mmap(NULL, whole + BEHIND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return room;
	map = real_mmap(room, size, protection, flags | MAP_FIXED, descriptor, offset);
	if (map == MAP_FAILED) {
		int error = errno;

		real_munmap(room, whole + BEHIND);
		errno = error;
		return map;
	}
	ASAN_POISON_MEMORY_REGION(map + size, whole - size);
	return map;
}

int bounds_munmap(void *address, size_t size)
{
	size_t whole = whole_pages(size);

	ASAN_UNPOISON_MEMORY_REGION((char *)address + size, whole - size);
	return real_munmap(address, whole + BEHIND);
}
