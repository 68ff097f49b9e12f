/* SPDX-License-Identifier: MIT */
/*
 * One shared object: a file on a tmpfs that begins with a header.
 *
 * An object is made without a name (O_TMPFILE) and linked when it is complete, so others see all of it or nothing, and
 * a creator that dies half-way leaves nothing. Whoever works with a segment holds a shared flock on its usage object:
 * the kernel lets go of it when the last process does, which makes "nobody has it open" a fact rather than a guess.
 */
#ifndef SHMQ_SHM_OBJECT_H
#define SHMQ_SHM_OBJECT_H

#include "base/process.h"
#include "shm/layout.h"

#include <sys/stat.h>

/* Paths of the two objects and of the folder they lie in. */
struct object_paths {
	char folder[4096];
	char file[2][4096]; /* [0] policy, [1] usage */
};

/* Returns 0, or -EINVAL for what is neither "/name" nor a path with a further slash. */
int object_paths(struct object_paths *out, const char *name);

struct object {
	int fd;
	struct stat stat;
	struct shmq_shm_header header; /* a private copy, validated */
};

/*
 * Open an object and validate its header. `kind` is LAYOUT_POLICY or LAYOUT_USAGE. The errors are those of
 * shmq_segment_open(). With any error nothing stays open.
 */
int object_open(struct object *out, const char *path, uint32_t kind, int flags);

/*
 * Returns 0 where this process may judge the object's tokens, -EUCLEAN (another boot), -EXDEV (other namespaces) or
 * -ENOSYS (no /proc, or one that shows another namespace).
 */
int object_check_world(const struct shmq_shm_header *header);

/* Make a nameless object of header.object_bytes, all allocated, with its header written. */
int object_create(struct object *out, const char *folder, mode_t mode, const struct shmq_shm_header *header);

/* Give a nameless object its name. Returns 0, -EEXIST, or another -errno. */
int object_link(const struct object *object, const char *path);

/* True where `path` is this very object still. */
bool object_is_named(const struct object *object, const char *path);

/* Map an object for reading by a descriptor that cannot write: mprotect() cannot add what the descriptor lacks. */
const void *object_map_read_only(const struct object *object);

/* Map an object for reading and writing; it must have been opened so. Both return NULL with errno set. */
void *object_map_writable(const struct object *object);

void object_close(struct object *object);

#endif
