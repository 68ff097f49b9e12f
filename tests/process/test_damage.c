/* SPDX-License-Identifier: MIT */
/*
 * Objects that are not what they should be: damaged in any byte of their headers, damaged at random, truncated, empty,
 * foreign, or no regular files at all. Opening refuses them or what follows is harmless; nothing crashes or hangs.
 *
 * "Harmless" is tried in a child that walks over everything the interface offers. It may get any answer, but must end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/fixture.h"
#include "../support/names.h"
#include "../support/prng.h"
#include "../support/process.h"

TestSuite(damage, FIXTURE);

#define TIMEOUT_MS 10000
#define COMPONENTS 4

struct image {
	char path[NAME_SIZE];
	unsigned char *bytes;
	size_t size;
};

static const char *const objects[2] = {"policy", "usage"};

static void read_image(struct image *image, const char *object)
{
	struct stat file;
	int descriptor;

	name_object(image->path, fixture_name(), object);
	descriptor = open(image->path, O_RDONLY);
	cr_assert_geq(descriptor, 0);
	cr_assert_eq(fstat(descriptor, &file), 0);
	image->size = (size_t)file.st_size;
	image->bytes = malloc(image->size);
	cr_assert_not_null(image->bytes);
	cr_assert_eq(read(descriptor, image->bytes, image->size), (ssize_t)image->size);
	close(descriptor);
}

static void write_image(const struct image *image)
{
	int descriptor = open(image->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(descriptor, 0);
	cr_assert_eq(write(descriptor, image->bytes, image->size), (ssize_t)image->size);
	close(descriptor);
}

/* A persistent segment in use, closed, and the bytes of both its objects. */
static void make_images(struct image images[2])
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_quota quota = quota_calm(1000);
	struct shmq_segment *segment;

	options.components = COMPONENTS;
	options.threads = 4;
	options.persistent = true;
	segment = fixture_segment(&options);
	for (unsigned i = 0; i < 3; i++) {
		char name[] = {(char)('a' + i), '\0'};
		struct shmq_component *component = fixture_component(segment, name, &quota);

		for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
			expect_result(shmq_consume(component, resource, 10), SHMQ_OK);
	}
	expect_result(shmq_component_unregister(segment, "b"), 0);
	fixture_close();
	for (unsigned i = 0; i < 2; i++)
		read_image(&images[i], objects[i]);
}

static void free_images(struct image images[2])
{
	free(images[0].bytes);
	free(images[1].bytes);
}

static void use_component(struct shmq_component *component)
{
	struct shmq_quota quota = {.size = sizeof(quota)};
	struct shmq_verdict verdict;
	struct shmq_status status;
	char text[256];

	for (int resource = 0; resource < SHMQ_RESOURCES; resource++) {
		shmq_check(component, resource, 1, &verdict);
		shmq_try_consume(component, resource, 1, &verdict);
		shmq_verdict_format(text, sizeof(text), &verdict);
		shmq_consume(component, resource, 1);
		shmq_release(component, resource, 1);
	}
	shmq_status(component, &status);
	shmq_is_critical(component);
	shmq_component_quota(component, &quota);
	snprintf(text, sizeof(text), "%s", shmq_component_name(component));
	shmq_reset(component);
	shmq_component_put(component);
}

/* Everything a process can do with what it opened. Answers do not matter, returning does. */
static void use_everything(enum shmq_access access)
{
	struct shmq_info info = {.size = sizeof(info)};
	struct shmq_component *component = NULL;
	struct shmq_segment *segment = NULL;
	struct shmq_worker worker;
	struct shmq_field field;
	uint64_t cursor = 0;

	if (shmq_segment_open(&segment, fixture_name(), access) != 0)
		return;
	shmq_segment_info(segment, &info);
	for (uint32_t id = 0; id < COMPONENTS + 2; id++)
		if (shmq_component_at(&component, segment, id) == 0)
			use_component(component);
	for (char name[2] = "a"; name[0] < 'e'; name[0]++)
		if (shmq_component_find(&component, segment, name) == 0)
			use_component(component);
	for (uint32_t slot = 0; slot < 6; slot++)
		shmq_worker_at(segment, slot, &worker);
	for (unsigned i = 0; i < 100000 && shmq_field_next(segment, &cursor, &field) == 1; i++)
		;
	shmq_housekeep(segment);
	if (access == SHMQ_CONTROL) {
		shmq_component_register(segment, "new", NULL);
		shmq_component_unregister(segment, "a");
		shmq_component_unregister(segment, "c");
	}
	shmq_segment_close(segment);
}

static int use_it_in_every_way(unsigned index, void *context)
{
	(void)index;
	(void)context;
	/* A dead loop is a fault as well as a crash: one operation must end in far less. */
	alarm(8);
	for (int access = SHMQ_OBSERVE; access >= SHMQ_CONTROL; access--)
		use_everything((enum shmq_access)access);
	return 0;
}

/* Write one damaged byte and see. */
static void try_damage(const struct image *image, size_t offset, unsigned char flip)
{
	int result;

	image->bytes[offset] ^= flip;
	write_image(image);
	result = process_run(use_it_in_every_way, NULL, TIMEOUT_MS);
	image->bytes[offset] ^= flip;
	cr_assert_eq(result, 0, "%s with byte %zu ^ %02x: child ended with %d", image->path, offset, flip, result);
}

/* The furthest byte of an object's header, as the library itself describes it. */
static size_t header_size(const char *object)
{
	struct shmq_segment *segment = NULL;
	struct shmq_field field;
	uint64_t cursor = 0;
	size_t size = 0;

	expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
	while (shmq_field_next(segment, &cursor, &field) == 1)
		if (strcmp(field.object, object) == 0 && strcmp(field.structure, "header") == 0 &&
		    field.offset + field.width > size)
			size = (size_t)(field.offset + field.width);
	shmq_segment_close(segment);
	cr_assert(size >= 64 && size <= 8192, "the header of %s has %zu bytes", object, size);
	return size;
}

static void flip_every_byte_of_a_header(unsigned which)
{
	struct image images[2];
	size_t size;

	make_images(images);
	size = header_size(objects[which]);
	for (size_t offset = 0; offset < size; offset++) {
		try_damage(&images[which], offset, 0xff);
		write_image(&images[1 - which]);
		try_damage(&images[which], offset, (unsigned char)(1u << offset % 8));
		write_image(&images[1 - which]);
	}
	free_images(images);
}

Test(damage, of_any_byte_of_the_policy_header_is_harmless)
{
	flip_every_byte_of_a_header(0);
}

Test(damage, of_any_byte_of_the_usage_header_is_harmless)
{
	flip_every_byte_of_a_header(1);
}

Test(damage, of_many_bytes_anywhere_is_harmless)
{
	struct prng prng = prng_seed(37, 0);
	struct image images[2];

	make_images(images);
	for (unsigned round = 0; round < 400; round++) {
		const struct image *image = &images[round % 2];
		unsigned char *damaged = malloc(image->size);
		struct image copy = *image;

		cr_assert_not_null(damaged);
		memcpy(damaged, image->bytes, image->size);
		copy.bytes = damaged;
		for (unsigned i = 0; i < 1 + round % 64; i++)
			damaged[prng_below(&prng, image->size)] = (unsigned char)prng_next(&prng);
		write_image(&images[0]);
		write_image(&images[1]);
		write_image(&copy);
		free(damaged);
		cr_assert_eq(process_run(use_it_in_every_way, NULL, TIMEOUT_MS), 0, "round %u", round);
	}
	free_images(images);
}

static int open_result(void)
{
	struct shmq_segment *segment = NULL;
	int result = shmq_segment_open(&segment, fixture_name(), SHMQ_WORK);

	if (result == 0)
		shmq_segment_close(segment);
	return result;
}

/* Header fields that say what the object is: none of them may be anything else. */
Test(damage, of_what_says_what_it_is_has_an_error_of_its_own)
{
	static const struct {
		const char *field;
		int expected;
	} cases[] = {{"magic", -EBADMSG}, {"signature", -EBADMSG}, {"layout_major", -EPROTO}, {"boot_id", -EUCLEAN}};
	struct shmq_segment *segment = NULL;
	struct image images[2];
	unsigned found = 0;

	make_images(images);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct shmq_field field;
		uint64_t cursor = 0;
		size_t offset = 0;

		expect_result(shmq_segment_open(&segment, fixture_name(), SHMQ_OBSERVE), 0);
		while (offset == 0 && shmq_field_next(segment, &cursor, &field) == 1)
			if (strcmp(field.object, "usage") == 0 && strncmp(field.name, cases[i].field, 6) == 0)
				offset = (size_t)field.offset + 1;
		shmq_segment_close(segment);
		if (offset == 0)
			continue;
		found++;
		images[1].bytes[offset - 1] ^= 0x40;
		write_image(&images[1]);
		expect_result(open_result(), cases[i].expected);
		images[1].bytes[offset - 1] ^= 0x40;
		write_image(&images[1]);
		expect_result(open_result(), 0);
	}
	cr_assert_geq(found, 3, "the header shows only %u of these fields", found);
	free_images(images);
}

Test(damage, by_truncation_is_noticed_before_anything_is_read)
{
	struct image images[2];

	make_images(images);
	for (unsigned which = 0; which < 2; which++) {
		size_t sizes[] = {0, 1, 63, 4096, images[which].size / 2, images[which].size - 1};

		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			int result;

			if (sizes[i] >= images[which].size)
				continue;
			cr_assert_eq(truncate(images[which].path, (off_t)sizes[i]), 0);
			result = open_result();
			cr_assert(result == -ENODATA || (result == -EBADMSG && sizes[i] < 64),
			          "%s cut to %zu bytes: %d (%s)", objects[which], sizes[i], result,
			          shmq_strerror(result));
			cr_assert_eq(process_run(use_it_in_every_way, NULL, TIMEOUT_MS), 0);
			write_image(&images[which]);
		}
	}
	expect_result(open_result(), 0);
	free_images(images);
}

Test(damage, by_a_missing_half_is_no_segment)
{
	struct shmq_segment *segment = NULL;
	struct image images[2];

	make_images(images);
	for (unsigned which = 0; which < 2; which++) {
		cr_assert_eq(unlink(images[which].path), 0);
		cr_assert_lt(open_result(), 0);
		/* One half of a pair is a leftover, even of a persistent segment. */
		expect_result(shmq_segment_create(&segment, fixture_name(), NULL), 0);
		shmq_segment_close(segment);
	}
	free_images(images);
}

static void make_foreign(const char *path, size_t size)
{
	FILE *file = fopen(path, "w");

	cr_assert_not_null(file);
	for (size_t i = 0; i < size; i++)
		fputc("not a segment\n"[i % 14], file);
	fclose(file);
}

Test(damage, by_a_foreign_file_is_refused_and_the_file_kept)
{
	struct shmq_segment *segment = NULL;
	struct image images[2];

	make_images(images);
	for (unsigned which = 0; which < 2; which++) {
		struct stat before, after;

		make_foreign(images[which].path, images[which].size);
		expect_result(open_result(), -EBADMSG);
		cr_assert_eq(stat(images[which].path, &before), 0);
		cr_assert_lt(shmq_segment_create(&segment, fixture_name(), NULL), 0);
		cr_assert_eq(stat(images[which].path, &after), 0);
		cr_assert_eq(before.st_ino, after.st_ino, "a foreign file was replaced");
		write_image(&images[which]);
	}
	expect_result(open_result(), 0);
	free_images(images);
}

static int open_and_create_in_the_way(unsigned index, void *context)
{
	struct shmq_segment *segment = NULL;
	int result;

	(void)index;
	(void)context;
	alarm(5);
	for (int access = SHMQ_CONTROL; access <= SHMQ_OBSERVE; access++) {
		result = shmq_segment_open(&segment, fixture_name(), (enum shmq_access)access);
		if (result >= 0)
			return process_complain(__FILE__, __LINE__, "opened what is no segment", result);
	}
	result = shmq_segment_create(&segment, fixture_name(), NULL);
	if (result >= 0)
		return process_complain(__FILE__, __LINE__, "created over what is no segment", result);
	return 0;
}

/* Put something else in the place of one object, expect refusals that do not hang, put the objects back. */
static void expect_refused(const struct image images[2], unsigned which,
                           int (*put)(const char *path, const char *saved))
{
	const struct image *image = &images[which];
	char saved[NAME_SIZE + 8];
	struct stat before, after;

	snprintf(saved, sizeof(saved), "%s.saved", image->path);
	cr_assert_eq(rename(image->path, saved), 0);
	cr_assert_eq(put(image->path, saved), 0);
	cr_assert_eq(lstat(image->path, &before), 0);
	expect_result(process_run(open_and_create_in_the_way, NULL, TIMEOUT_MS), 0);
	cr_assert_eq(lstat(image->path, &after), 0, "%s was removed", image->path);
	cr_assert_eq(before.st_ino, after.st_ino, "%s was replaced", image->path);
	if (unlink(image->path) != 0)
		rmdir(image->path);
	unlink(saved);
	write_image(&images[0]);
	write_image(&images[1]);
}

static int put_directory(const char *path, const char *saved)
{
	(void)saved;
	return mkdir(path, 0700);
}

static int put_symlink(const char *path, const char *saved)
{
	return symlink(saved, path);
}

static int put_fifo(const char *path, const char *saved)
{
	(void)saved;
	return mkfifo(path, 0600);
}

Test(damage, by_a_directory_a_symlink_or_a_fifo_in_its_place_is_refused)
{
	struct image images[2];

	make_images(images);
	for (unsigned which = 0; which < 2; which++) {
		expect_refused(images, which, put_directory);
		expect_refused(images, which, put_symlink);
		expect_refused(images, which, put_fifo);
	}
	expect_result(open_result(), 0);
	free_images(images);
}
