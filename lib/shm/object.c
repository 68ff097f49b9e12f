/* SPDX-License-Identifier: MIT */
/*
 * Opening trusts nothing: the kind of file, owner and mode are checked before a byte is read, the header is read into
 * private memory by pread (a mapping of a truncated file would answer with SIGBUS), and the geometry is computed anew
 * from the two capacities rather than taken from the file.
 */
#include "shm/object.h"

#include "shm/fields.h"
#include "shm/huge.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SHM_FOLDER "/dev/shm"
#define SUFFIX_MAX 7 /* ".policy" */

int object_paths(struct object_paths *out, const char *name)
{
	const char *last = name == NULL ? NULL : strrchr(name, '/');
	size_t base_length = last == NULL ? 0 : strlen(last + 1);
	bool is_shm = last == name;

	if (base_length == 0 || base_length > NAME_MAX - SUFFIX_MAX || strcmp(last, "/.") == 0 ||
	    strcmp(last, "/..") == 0)
		return -EINVAL;
	if ((size_t)(last - name) >= sizeof(out->folder) - sizeof(SHM_FOLDER) - NAME_MAX - 1)
		return -ENAMETOOLONG;
	snprintf(out->folder, sizeof(out->folder), "%.*s", is_shm ? (int)strlen(SHM_FOLDER) : (int)(last - name),
	         is_shm ? SHM_FOLDER : name);
	snprintf(out->file[0], sizeof(out->file[0]), "%s%s.policy", is_shm ? SHM_FOLDER : "", name);
	snprintf(out->file[1], sizeof(out->file[1]), "%s%s.usage", is_shm ? SHM_FOLDER : "", name);
	return 0;
}

/* Root and oneself are trusted, and whoever shares a group with this process where others cannot write. */
static int object_check_owner(const struct stat *stat, uint32_t kind)
{
	bool is_mine = stat->st_uid == 0 || stat->st_uid == geteuid();
	bool is_of_group = stat->st_gid == getegid() || group_member(stat->st_gid);
	bool shares_group = is_of_group && (stat->st_mode & S_IWOTH) == 0;

	if (!is_mine && !shares_group)
		return -EPERM;
	if (kind == LAYOUT_POLICY && (stat->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return -EPERM;
	return 0;
}

static int object_check_layout(const struct shmq_shm_header *header, uint32_t kind)
{
	struct layout layout;

	if (header->magic != LAYOUT_MAGIC || header->byte_order != LAYOUT_BYTE_ORDER)
		return -EBADMSG;
	if (header->major != LAYOUT_MAJOR)
		return -EPROTO;
	if (header->signature != fields_signature() || header->kind != kind ||
	    header->page_size != (uint32_t)sysconf(_SC_PAGESIZE))
		return -EBADMSG;
	if (layout_compute(&layout, header) < 0)
		return -EBADMSG;
	if (header->object_bytes != (kind == LAYOUT_POLICY ? layout.policy_bytes : layout.usage_bytes))
		return -EBADMSG;
	return 0;
}

int object_check_world(const struct shmq_shm_header *header)
{
	struct process_world world = {0};
	int result = process_world(&world);

	if (result < 0)
		return result;
	if (memcmp(header->boot_id, world.boot_id, sizeof(header->boot_id)) != 0)
		return -EUCLEAN;
	if (header->pid_namespace != world.pid_namespace || header->time_namespace != world.time_namespace)
		return -EXDEV;
	return world.is_seen ? 0 : -ENOSYS;
}

static int object_read_header(struct object *out, uint32_t kind)
{
	ssize_t length = pread(out->fd, &out->header, sizeof(out->header), 0);
	int result;

	if (length < 0)
		return -errno;
	if ((size_t)length < sizeof(out->header))
		return (size_t)length >= sizeof(out->header.magic) && out->header.magic == LAYOUT_MAGIC ? -ENODATA
		                                                                                        : -EBADMSG;
	result = object_check_layout(&out->header, kind);
	if (result == 0 && (uint64_t)out->stat.st_size < out->header.object_bytes)
		result = -ENODATA;
	return result;
}

int object_open(struct object *out, const char *path, uint32_t kind, int flags)
{
	int result;

	memset(out, 0, sizeof(*out));
	/* O_NONBLOCK: a FIFO in the object's place must not make us wait for its writer. */
	out->fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (out->fd < 0)
		return errno == ELOOP || errno == ENXIO || errno == EISDIR ? -EBADMSG : -errno;
	if (fstat(out->fd, &out->stat) < 0)
		result = -errno;
	else if (!S_ISREG(out->stat.st_mode))
		result = -EBADMSG;
	else
		result = object_check_owner(&out->stat, kind);
	if (result == 0)
		result = object_read_header(out, kind);
	if (result < 0)
		object_close(out);
	return result;
}

static int object_check_filesystem(int fd)
{
	struct statfs filesystem;

	if (fstatfs(fd, &filesystem) < 0)
		return -errno;
	/* On a disk, page write-back would stop workers for milliseconds in the middle of an operation. */
	return filesystem.f_type == TMPFS_MAGIC || filesystem.f_type == RAMFS_MAGIC ? 0 : -ENOTSUP;
}

/* posix_fallocate() on a tmpfs gives up at any signal; a host's interval timer would never let it finish. */
static int allocate(int fd, size_t size)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = posix_fallocate(fd, 0, (off_t)size);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static int object_fill(struct object *object, mode_t mode)
{
	int result = object_check_filesystem(object->fd);

	if (result == 0 && fchmod(object->fd, mode) < 0)
		result = -errno;
	if (result == 0 && (object->header.features & FEATURE_HUGE_PAGES) != 0)
		object->header.huge_bytes = huge_fill(object->fd, object->header.object_bytes);
	/* Allocate now: on a full tmpfs ftruncate succeeds and the first touch is a SIGBUS. */
	if (result == 0)
		result = allocate(object->fd, object->header.object_bytes);
	if (result == 0 && pwrite(object->fd, &object->header, sizeof(object->header), 0) != sizeof(object->header))
		result = -EIO;
	if (result == 0 && fstat(object->fd, &object->stat) < 0)
		result = -errno;
	return result;
}

int object_create(struct object *out, const char *folder, mode_t mode, const struct shmq_shm_header *header)
{
	int result;

	memset(out, 0, sizeof(*out));
	out->header = *header;
	out->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (out->fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? -ENOTSUP : -errno;
	result = object_fill(out, mode);
	if (result < 0)
		object_close(out);
	return result;
}

struct descriptor_path {
	char text[40];
};

static struct descriptor_path descriptor_path(int fd)
{
	struct descriptor_path path;

	snprintf(path.text, sizeof(path.text), "/proc/thread-self/fd/%d", fd);
	return path;
}

static void *object_map(int fd, const struct shmq_shm_header *header, int protection)
{
	void *map = mmap(NULL, header->object_bytes, protection, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return NULL;
	if ((header->features & FEATURE_HUGE_PAGES) != 0)
		huge_advise(map, header->object_bytes);
	return map;
}

const void *object_map_read_only(const struct object *object)
{
	int fd = open(descriptor_path(object->fd).text, O_RDONLY | O_CLOEXEC);
	const void *map;

	if (fd < 0)
		return NULL;
	map = object_map(fd, &object->header, PROT_READ);
	close(fd);
	return map;
}

void *object_map_writable(const struct object *object)
{
	return object_map(object->fd, &object->header, PROT_READ | PROT_WRITE);
}

int object_link(const struct object *object, const char *path)
{
	const struct descriptor_path self = descriptor_path(object->fd);

	return linkat(AT_FDCWD, self.text, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

bool object_is_named(const struct object *object, const char *path)
{
	struct stat named;

	return lstat(path, &named) == 0 && named.st_dev == object->stat.st_dev && named.st_ino == object->stat.st_ino;
}

void object_close(struct object *object)
{
	if (object->fd >= 0)
		close(object->fd);
	object->fd = -1;
}
