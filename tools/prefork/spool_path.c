/* SPDX-License-Identifier: MIT */
/*
 * Components may be called anything that is UTF-8, also ".." or "a/b", so their directory names escape '/', '%' and a
 * leading '.' as %XX. Names of files come from strangers and are refused unless they are plainly harmless.
 */
#include "spool_path.h"

#include <errno.h>
#include <fcntl.h>
#include <shmquota.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAFE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define ESCAPED_BYTES (3 * SHMQ_NAME_MAX + 1)

static const char digits[] = "0123456789ABCDEF";

bool spool_name_is_safe(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= FILE_NAME_MAX && name[0] != '.' && strspn(name, SAFE_CHARACTERS) == length;
}

static void escape_component(char *out, const char *component)
{
	for (const char *c = component; *c != '\0'; c++) {
		if (*c == '/' || *c == '%' || (*c == '.' && c == component)) {
			*out++ = '%';
			*out++ = digits[(*c >> 4) & 0xF];
			*out++ = digits[*c & 0xF];
		} else {
			*out++ = *c;
		}
	}
	*out = '\0';
}

bool spool_unescape(char *component, size_t size, const char *escaped)
{
	size_t used = 0;

	for (const char *c = escaped; *c != '\0'; c++) {
		char value = *c;

		if (value == '%') {
			const char *high = c[1] == '\0' ? NULL : strchr(digits, c[1]);
			const char *low = high == NULL || c[2] == '\0' ? NULL : strchr(digits, c[2]);

			if (low == NULL)
				return false;
			value = (char)((high - digits) << 4 | (low - digits));
			c += 2;
		}
		if (value == '\0' || used + 1 >= size)
			return false;
		component[used++] = value;
	}
	component[used] = '\0';
	return used > 0;
}

static int open_or_create(int parent, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int directory = openat(parent, name, flags);

	if (directory < 0 && errno == ENOENT) {
		if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
			return -errno;
		directory = openat(parent, name, flags);
	}
	return directory < 0 ? -errno : directory;
}

int spool_component(int spool, const char *component)
{
	char escaped[ESCAPED_BYTES];

	escape_component(escaped, component);
	return open_or_create(spool, escaped);
}

int spool_directory(int spool, const char *component, const char *directory)
{
	int parent = spool_component(spool, component);
	int result;

	if (parent < 0)
		return parent;
	result = open_or_create(parent, directory);
	close(parent);
	return result;
}

int spool_lock(int spool, const char *component)
{
	int directory = spool_component(spool, component);

	if (directory < 0)
		return directory;
	while (flock(directory, LOCK_EX) < 0) {
		int result = -errno;

		if (result == -EINTR)
			continue;
		close(directory);
		return result;
	}
	return directory;
}

int64_t spool_size(int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EISDIR;
}
