/* SPDX-License-Identifier: MIT */
/*
 * One object: made without a name, linked when complete, and trusted in nothing when it is opened. Each field of a good
 * header is damaged in turn and must be refused with the error that says what is wrong.
 */
#include "shm/object.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/fields.h"

#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/prng.h"

static char path[NAME_SIZE];
static struct shmq_shm_header header;

static void write_header(const struct shmq_shm_header *from)
{
	int fd = open(path, O_WRONLY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, from, sizeof(*from), 0), (ssize_t)sizeof(*from));
	close(fd);
}

static int try_open(uint32_t kind)
{
	struct object object;
	int result = object_open(&object, path, kind, O_RDWR);

	if (result == 0) {
		cr_assert_geq(object.fd, 0);
		object_close(&object);
	}
	return result;
}

/* A whole usage object under a name, and a copy of its header. */
static void begin(void)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct object object;

	fixture_begin();
	options.components = 16;
	options.persistent = true;
	fixture_segment(&options);
	fixture_close();
	name_object(path, fixture_name(), "usage");
	expect_result(object_open(&object, path, LAYOUT_USAGE, O_RDONLY), 0);
	header = object.header;
	object_close(&object);
}

TestSuite(object, .init = begin, .fini = fixture_end);

/* ---- Names ---- */

Test(object, names_with_one_slash_lie_in_shared_memory)
{
	struct object_paths paths;

	expect_result(object_paths(&paths, "/web"), 0);
	cr_assert_str_eq(paths.folder, "/dev/shm");
	cr_assert_str_eq(paths.file[0], "/dev/shm/web.policy");
	cr_assert_str_eq(paths.file[1], "/dev/shm/web.usage");
}

Test(object, names_with_a_further_slash_are_paths)
{
	struct object_paths paths;

	expect_result(object_paths(&paths, "/run/web/main"), 0);
	cr_assert_str_eq(paths.folder, "/run/web");
	cr_assert_str_eq(paths.file[0], "/run/web/main.policy");
	cr_assert_str_eq(paths.file[1], "/run/web/main.usage");
}

Test(object, names_that_name_nothing_are_refused)
{
	static const char *const names[] = {"", "web", "/", "//", "/a/", "/.", "/..", "/a/.", "/a/.."};
	struct object_paths paths;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		cr_assert_eq(object_paths(&paths, names[i]), -EINVAL, "\"%s\"", names[i]);
	expect_result(object_paths(&paths, NULL), -EINVAL);
}

Test(object, names_of_any_length_fit_or_are_refused)
{
	static char name[3 * PATH_MAX];
	struct object_paths paths;

	for (size_t folder = 0; folder < sizeof(name) - 300; folder += folder < 3700 ? 500 : 1) {
		memset(name, 'd', folder + 1);
		name[0] = '/';
		snprintf(name + folder + 1, 300, "%s", folder == 0 ? "x" : "/x");
		if (object_paths(&paths, name) == 0)
			cr_assert_eq(strlen(paths.file[0]), strlen(name) + strlen(folder == 0 ? "/dev/shm" : "") + 7);
	}
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[1 + NAME_MAX - 7] = '\0';
	expect_result(object_paths(&paths, name), 0);
	name[1 + NAME_MAX - 7] = 'n';
	name[2 + NAME_MAX - 7] = '\0';
	expect_result(object_paths(&paths, name), -EINVAL);
}

/* ---- Headers ---- */

Test(object, that_is_whole_is_opened)
{
	expect_result(try_open(LAYOUT_USAGE), 0);
	expect_result(object_check_world(&header), 0);
	expect_figure(header.signature, fields_signature());
}

Test(object, of_the_other_kind_is_refused)
{
	expect_result(try_open(LAYOUT_POLICY), -EBADMSG);
}

#define expect_damage(field, value, error)                                                                             \
	do {                                                                                                           \
		struct shmq_shm_header damaged = header;                                                               \
		damaged.field = (value);                                                                               \
		write_header(&damaged);                                                                                \
		expect_result(try_open(LAYOUT_USAGE), error);                                                          \
	} while (0)

Test(object, with_another_magic_is_no_segment)
{
	expect_damage(magic, 0, -EBADMSG);
	expect_damage(magic, LAYOUT_MAGIC + 1, -EBADMSG);
	expect_damage(magic, __builtin_bswap64(LAYOUT_MAGIC), -EBADMSG);
}

Test(object, of_another_layout_version_says_so)
{
	expect_damage(major, LAYOUT_MAJOR + 1, -EPROTO);
	expect_damage(major, 0, -EPROTO);
}

Test(object, of_a_newer_minor_version_is_opened)
{
	expect_damage(minor, LAYOUT_MINOR + 1, 0);
}

Test(object, with_a_foreign_layout_is_refused)
{
	expect_damage(signature, header.signature + 1, -EBADMSG);
	expect_damage(byte_order, __builtin_bswap64(LAYOUT_BYTE_ORDER), -EBADMSG);
	expect_damage(kind, 0, -EBADMSG);
	expect_damage(kind, LAYOUT_POLICY, -EBADMSG);
	expect_damage(page_size, header.page_size * 2, -EBADMSG);
}

Test(object, with_a_geometry_that_its_size_does_not_have_is_refused)
{
	expect_damage(components, 0, -EBADMSG);
	expect_damage(components, header.components + 1, -EBADMSG);
	expect_damage(components, UINT32_MAX, -EBADMSG);
	expect_damage(threads, 0, -EBADMSG);
	expect_damage(threads, header.threads + 1, -EBADMSG);
	expect_damage(threads, UINT32_MAX, -EBADMSG);
	expect_damage(reservations, header.reservations + 1, -EBADMSG);
	expect_damage(reservations, UINT32_MAX, -EBADMSG);
	expect_damage(object_bytes, 0, -EBADMSG);
	expect_damage(object_bytes, header.object_bytes - 1, -EBADMSG);
	expect_damage(object_bytes, UINT64_MAX, -EBADMSG);
}

Test(object, of_another_boot_says_so)
{
	header.boot_id[15] ^= 1;
	expect_result(object_check_world(&header), -EUCLEAN);
}

Test(object, of_other_namespaces_says_so)
{
	struct shmq_shm_header other = header;

	other.pid_namespace++;
	expect_result(object_check_world(&other), -EXDEV);
	other = header;
	other.time_namespace++;
	expect_result(object_check_world(&other), -EXDEV);
}

Test(object, with_a_header_of_noise_is_refused)
{
	struct prng prng = prng_seed(6, 6);
	unsigned char bytes[sizeof(header)];

	for (int round = 0; round < 2000; round++) {
		struct shmq_shm_header damaged;

		memcpy(bytes, &header, sizeof(bytes));
		for (uint64_t n = prng_below(&prng, 8) + 1; n > 0; n--)
			bytes[prng_below(&prng, sizeof(bytes))] ^= (unsigned char)(1 + prng_below(&prng, 255));
		memcpy(&damaged, bytes, sizeof(bytes));
		write_header(&damaged);
		/* Whatever is accepted has the geometry of this very file. */
		if (try_open(LAYOUT_USAGE) == 0)
			expect_figure(damaged.object_bytes, header.object_bytes);
	}
}

/* ---- Files ---- */

Test(object, that_is_truncated_says_so)
{
	cr_assert_eq(truncate(path, (off_t)header.object_bytes - 1), 0);
	expect_result(try_open(LAYOUT_USAGE), -ENODATA);
	cr_assert_eq(truncate(path, sizeof(header)), 0);
	expect_result(try_open(LAYOUT_USAGE), -ENODATA);
	cr_assert_eq(truncate(path, sizeof(header) - 1), 0);
	expect_result(try_open(LAYOUT_USAGE), -ENODATA);
	cr_assert_eq(truncate(path, 8), 0);
	expect_result(try_open(LAYOUT_USAGE), -ENODATA);
}

Test(object, that_is_a_short_or_empty_file_is_no_segment)
{
	cr_assert_eq(truncate(path, 7), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	cr_assert_eq(truncate(path, 0), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
}

Test(object, that_is_not_a_regular_file_is_no_segment)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	cr_assert_eq(unlink(path), 0);
	expect_result(try_open(LAYOUT_USAGE), -ENOENT);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(mkdir(path, 0700), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	cr_assert_eq(rmdir(path), 0);
	cr_assert_eq(symlink("/dev/zero", path), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	cr_assert_eq(unlink(path), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	cr_assert_eq(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	close(server);
}

Test(object, behind_a_symbolic_link_is_refused)
{
	char other[NAME_SIZE + 8];

	snprintf(other, sizeof(other), "%s.moved", path);
	cr_assert_eq(rename(path, other), 0);
	cr_assert_eq(symlink(other, path), 0);
	expect_result(try_open(LAYOUT_USAGE), -EBADMSG);
	unlink(other);
}

Test(object, of_a_policy_that_others_may_write_is_not_trusted)
{
	name_object(path, fixture_name(), "policy");
	expect_result(try_open(LAYOUT_POLICY), 0);
	cr_assert_eq(chmod(path, 0620), 0);
	expect_result(try_open(LAYOUT_POLICY), -EPERM);
	cr_assert_eq(chmod(path, 0602), 0);
	expect_result(try_open(LAYOUT_POLICY), -EPERM);
	cr_assert_eq(chmod(path, 0644), 0);
	expect_result(try_open(LAYOUT_POLICY), 0);
}

Test(object, of_a_stranger_is_not_trusted)
{
	/* Only root can give a file away; for others there is nothing to try. */
	if (geteuid() != 0)
		return;
	cr_assert_eq(chown(path, 12345, 12345), 0);
	expect_result(try_open(LAYOUT_USAGE), -EPERM);
	cr_assert_eq(chown(path, 12345, getegid()), 0);
	cr_assert_eq(chmod(path, 0660), 0);
	expect_result(try_open(LAYOUT_USAGE), 0);
	cr_assert_eq(chmod(path, 0666), 0);
	expect_result(try_open(LAYOUT_USAGE), -EPERM);
}

/* ---- Making one ---- */

Test(object, has_no_name_until_it_is_linked)
{
	struct object object, other;

	cr_assert_eq(unlink(path), 0);
	expect_result(object_create(&object, NAME_SHM_DIRECTORY, 0640, &header), 0);
	cr_assert_neq(access(path, F_OK), 0);
	cr_assert(!object_is_named(&object, path));
	expect_result(object_link(&object, path), 0);
	cr_assert(object_is_named(&object, path));
	expect_result(object_open(&other, path, LAYOUT_USAGE, O_RDWR), 0);
	expect_figure(other.stat.st_mode & 07777, 0640);
	expect_figure((uint64_t)other.stat.st_size, header.object_bytes);
	cr_assert_geq((uint64_t)other.stat.st_blocks * 512, header.object_bytes, "not allocated as a whole");
	object_close(&other);
	object_close(&object);
}

Test(object, does_not_take_the_place_of_another)
{
	struct object object;

	expect_result(object_create(&object, NAME_SHM_DIRECTORY, 0600, &header), 0);
	expect_result(object_link(&object, path), -EEXIST);
	cr_assert(!object_is_named(&object, path));
	object_close(&object);
	expect_result(try_open(LAYOUT_USAGE), 0);
}

Test(object, is_made_on_a_tmpfs_only)
{
	struct object object;

	expect_result(object_create(&object, "/proc", 0600, &header), -ENOTSUP);
	expect_result(object_create(&object, "/dev/shm/shmq-test-no-such-folder", 0600, &header), -ENOENT);
}

Test(object, that_is_too_large_for_the_file_system_is_refused_and_leaves_nothing)
{
	struct object object;

	header.object_bytes = UINT64_C(1) << 50;
	expect_result(object_create(&object, NAME_SHM_DIRECTORY, 0600, &header), -ENOSPC);
	cr_assert_lt(object.fd, 0);
}

Test(object, mapped_for_reading_cannot_be_made_writable)
{
	struct object object;
	const void *map;

	expect_result(object_open(&object, path, LAYOUT_USAGE, O_RDWR), 0);
	map = object_map_read_only(&object);
	cr_assert_not_null(map);
	cr_assert_neq(mprotect((void *)(uintptr_t)map, header.object_bytes, PROT_READ | PROT_WRITE), 0);
	munmap((void *)(uintptr_t)map, header.object_bytes);
	object_close(&object);
}
