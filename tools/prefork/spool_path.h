/* SPDX-License-Identifier: MIT */
/*
 * What lies where in the spool:
 *
 *     SPOOL/COMPONENT/files/NAME     a component's files
 *     SPOOL/COMPONENT/partial/...    uploads that are not complete yet
 *     SPOOL/COMPONENT/messages       its messages, one record after the other; a full spool becomes messages.1
 *
 * Every name is opened relative to its directory and no symbolic link is followed, so nothing leads out of the spool.
 */
#ifndef PREFORK_SPOOL_PATH_H
#define PREFORK_SPOOL_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_NAME_MAX 128

/* Tell whether a name may be a file's: letters, digits, '.', '_' and '-', not starting with '.', not too long. */
bool spool_name_is_safe(const char *name);

/* Read a component's name from its directory's. Returns false where no component's directory is called so. */
bool spool_unescape(char *component, size_t size, const char *escaped);

/* Open a component's directory, creating it where it is missing. Returns a descriptor, or a negative errno. */
int spool_component(int spool, const char *component);

/* Open a directory of a component, "files" or "partial", creating it where it is missing. As above. */
int spool_directory(int spool, const char *component, const char *directory);

/*
 * Lock a component's directory, so that a file's size and the storage that is counted for it change together. Held
 * for a few system calls only; unlocked by closing the descriptor, also when the process dies.
 * Returns a descriptor, or a negative errno.
 */
int spool_lock(int spool, const char *component);

/* The size of a file in an open directory; -ENOENT where there is none. */
int64_t spool_size(int directory, const char *name);

#endif
