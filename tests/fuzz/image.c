/* SPDX-License-Identifier: MIT */
/*
 * Two segments per process, a small and a large one. Both were in use: components of the program and of a policy, one
 * that was unregistered, a dead worker that held something. Before each input both objects are made valid again.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <shmquota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "exercise.h"
#include "guard.h"
#include "image_seeds.h"
#include "shm/segment.h"

#include "../support/names.h"

#define PAIR UINT64_C(0x5eed)
#define BEGIN_NS UINT64_C(1000000000000)
#define SMALL_COMPONENTS 4
#define THREADS 4
#define RESERVATIONS 4
#define EVENTS 4
#define RULES_BYTES 2048
#define FIELDS_MAX 1500
#define AMOUNT_BITS 47

struct stage {
	char name[NAME_SIZE];
	struct layout layout;
	struct {
		unsigned char *mapped, *valid;
		size_t size;
		ino_t inode;
	} object[2];
};

static struct stage stages[2];
static const char *const object_names[2] = {"policy", "usage"};
static unsigned damaged_object;
static struct shmq_policy *policy;
static uint64_t dead_token;

/* The input that is being tried. */
static struct {
	struct stage *stage;
	const uint8_t *data;
	size_t size;
	unsigned flags;
} input;

static void must(int result, const char *what)
{
	if (result != 0)
		fuzz_fail("%s: %s", what, shmq_strerror(result));
}

/* ---- Preparation ------------------------------------------------------------------------------------------------- */

/* A worker that dies with something in its hands. */
static void die_holding(struct shmq_segment *segment)
{
	pid_t pid = fork(), ended;
	int status = 0;

	if (pid == 0) {
		struct shmq_reservation reservation;
		struct shmq_component *component = NULL;

		if (shmq_component_find(&component, segment, "a") == 0) {
			shmq_reserve(&reservation, component, SHMQ_STORAGE, 50, NULL);
			shmq_memory_set(component, 60, NULL);
		}
		_exit(0);
	}
	/* libFuzzer's timer interrupts it. */
	do
		ended = pid < 0 ? pid : waitpid(pid, &status, 0);
	while (ended < 0 && pid > 0 && errno == EINTR);
	if (ended < 0 || status != 0)
		fuzz_fail("the worker that was to die did not");
}

static void use(struct shmq_segment *segment, const char *name)
{
	struct shmq_component *component = NULL;

	must(shmq_component_find(&component, segment, name), name);
	for (int resource = 0; resource < SHMQ_RESOURCES; resource++)
		must(shmq_consume(component, resource, 10), name);
	shmq_component_put(component);
}

static void populate(struct shmq_segment *segment)
{
	struct shmq_quota quota = SHMQ_QUOTA_DEFAULT;

	must(shmq_component_register(segment, "a", &quota), "a");
	must(shmq_policy_publish(segment, policy), "publishing");
	use(segment, "a");
	use(segment, "b");
	must(shmq_component_unregister(segment, "c"), "c");
	must(shmq_component_register(segment, "d", NULL), "d");
	die_holding(segment);
}

static void stage_map(struct stage *stage, unsigned which)
{
	char path[NAME_SIZE];
	struct stat file;
	int descriptor;

	name_object(path, stage->name, object_names[which]);
	descriptor = open(path, O_RDWR | O_CLOEXEC);
	if (descriptor < 0 || fstat(descriptor, &file) < 0)
		fuzz_fail("%s: %s", path, strerror(errno));
	stage->object[which].inode = file.st_ino;
	stage->object[which].size = (size_t)file.st_size;
	stage->object[which].mapped =
	    mmap(NULL, (size_t)file.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	stage->object[which].valid = malloc((size_t)file.st_size);
	if (stage->object[which].mapped == MAP_FAILED || stage->object[which].valid == NULL)
		fuzz_fail("%s: no memory", path);
	memcpy(stage->object[which].valid, stage->object[which].mapped, (size_t)file.st_size);
	close(descriptor);
}

/* Names are hashed with the pair's number: with one of its own for each run, no input would mean the same again. */
static void set_pair(const struct stage *stage)
{
	for (unsigned which = 0; which < 2; which++) {
		const uint64_t pair = PAIR;
		char path[NAME_SIZE];
		int descriptor;

		name_object(path, stage->name, object_names[which]);
		descriptor = open(path, O_WRONLY | O_CLOEXEC);
		if (descriptor < 0 ||
		    pwrite(descriptor, &pair, sizeof(pair), offsetof(struct shmq_shm_header, pair)) < 0)
			fuzz_fail("%s: %s", path, strerror(errno));
		close(descriptor);
	}
}

static void stage_make(struct stage *stage)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	bool is_large = stage == &stages[1];
	struct shmq_segment *segment = NULL;

	if (!is_large) /* the large one has as many as a segment has by default */
		options.components = SMALL_COMPONENTS;
	options.threads = THREADS;
	options.reservations = RESERVATIONS;
	options.events = EVENTS;
	options.rules_bytes = RULES_BYTES;
	options.persistent = true;
	name_segment(stage->name, is_large ? "fuzz-large" : "fuzz-small");
	must(shmq_segment_create(&segment, stage->name, &options), stage->name);
	set_pair(stage);
	must(layout_compute(&stage->layout, &segment->usage->header), "layout");
	populate(segment);
	shmq_segment_close(segment);
	for (unsigned which = 0; which < 2; which++)
		stage_map(stage, which);
}

static void stage_drop(struct stage *stage)
{
	for (unsigned which = 0; which < 2; which++) {
		munmap(stage->object[which].mapped, stage->object[which].size);
		free(stage->object[which].valid);
	}
	shmq_segment_remove(stage->name);
}

static bool stage_is_there(const struct stage *stage)
{
	for (unsigned which = 0; which < 2; which++) {
		char path[NAME_SIZE];
		struct stat file;

		name_object(path, stage->name, object_names[which]);
		if (stat(path, &file) < 0 || file.st_ino != stage->object[which].inode)
			return false;
	}
	return true;
}

static void drop_all(void)
{
	stage_drop(&stages[0]);
	stage_drop(&stages[1]);
	shmq_policy_free(policy);
}

static void load_policy(void)
{
	static const char text[] = "[component:b]\nmessage_rate = 50/min\nstorage = 1KB\n[component:c]\nmemory = 0\n";
	int descriptor = memfd_create("policy", MFD_CLOEXEC);
	char path[32];

	if (descriptor < 0 || write(descriptor, text, strlen(text)) != (ssize_t)strlen(text))
		fuzz_fail("memfd: %s", strerror(errno));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	must(shmq_policy_load(&policy, (const char *const[]){path}, 1, NULL), "the policy");
	close(descriptor);
}

static const struct shmq_shm_slot *valid_slots(const struct stage *stage)
{
	return (const void *)(stage->object[1].valid + stage->layout.slots_at);
}

void image_prepare(unsigned which)
{
	damaged_object = which;
	name_sweep();
	load_policy();
	guard_reset(BEGIN_NS);
	for (unsigned i = 0; i < 2; i++)
		CLOCKED(stage_make(&stages[i]));
	for (unsigned i = 0; i < THREADS; i++)
		if (shm_load_relaxed(&valid_slots(&stages[0])[i].owner) != 0)
			dead_token = shm_load_relaxed(&valid_slots(&stages[0])[i].owner);
	if (dead_token == 0 || !process_is_dead(dead_token))
		fuzz_fail("no slot of a dead worker is there");
	atexit(drop_all);
}

/* ---- Images ------------------------------------------------------------------------------------------------------ */

/* What an object must say about itself to be opened at all. */
static void restore_identity(unsigned char *image, const unsigned char *valid)
{
	const size_t end = offsetof(struct shmq_shm_header, creator);
	const size_t reservations = offsetof(struct shmq_shm_header, reservations);

	memcpy(image, valid, end);
	memcpy(image + reservations, valid + reservations, sizeof(uint32_t));
}

static void repeat(unsigned char *image, size_t at, size_t stride, uint32_t count, uint32_t wanted)
{
	for (uint32_t i = count; i < wanted; i++)
		memcpy(image + at + i * stride, image + at + (i % count) * stride, stride);
}

/* Spread a small image over a large one: entry i is entry i modulo 4, and so on. */
static void enlarge(unsigned char *image, const unsigned char *small, unsigned which)
{
	const struct layout *from = &stages[0].layout, *to = &stages[1].layout;

	if (which == 1) {
		memcpy(image, small, from->trackers_at);
		memcpy(image + to->trackers_at, small + from->trackers_at, from->usage_bytes - from->trackers_at);
		repeat(image, to->trackers_at, sizeof(struct shmq_shm_tracker), from->components, to->components);
		return;
	}
	memcpy(image, small, from->buckets_at + from->buckets * sizeof(uint32_t));
	repeat(image, to->buckets_at, sizeof(uint32_t), from->buckets, to->buckets);
	memcpy(image + to->entries_at, small + from->entries_at, from->components * sizeof(struct shmq_shm_entry));
	repeat(image, to->entries_at, sizeof(struct shmq_shm_entry), from->components, to->components);
	for (int i = 0; i < 2; i++) {
		size_t stride = sizeof(struct shmq_shm_quota);

		memcpy(image + to->quotas_at[i], small + from->quotas_at[i], from->components * stride);
		repeat(image, to->quotas_at[i], stride, from->components, to->components);
		memcpy(image + to->quotas_at[i] + to->components * stride,
		       small + from->quotas_at[i] + from->components * stride, stride);
	}
}

static void set_lock(struct stage *stage)
{
	struct shmq_shm_policy *image = (void *)stage->object[0].mapped;
	uint64_t holder = shm_load_relaxed(&image->control.lock);

	if ((input.flags & IMAGE_LOCKED) != 0 || (holder != 0 && !process_is_dead(holder)))
		shm_store_relaxed(&image->control.lock, dead_token);
}

static void damage(void)
{
	static unsigned char small[16384];
	unsigned which = damaged_object;
	struct stage *stage = input.stage;
	size_t size = stages[0].object[which].size;

	memcpy(small, stages[0].object[which].valid, size);
	memcpy(small, input.data, input.size < size ? input.size : size);
	if (stage == &stages[0])
		memcpy(stage->object[which].mapped, small, size);
	else
		enlarge(stage->object[which].mapped, small, which);
	if ((input.flags & IMAGE_HEADER_AS_IS) == 0)
		restore_identity(stage->object[which].mapped, stage->object[which].valid);
	set_lock(stage);
}

static void make_valid(const struct stage *stage)
{
	for (unsigned which = 0; which < 2; which++)
		memcpy(stage->object[which].mapped, stage->object[which].valid, stage->object[which].size);
}

/* Creating over what is there looks into it, too: in use, a leftover, or not ours to judge? */
static void create_over(struct stage *stage)
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment = NULL;

	options.components = options.threads = 1;
	GUARDED(shmq_segment_create(&segment, stage->name, &options));
	shmq_segment_close(segment);
	if (stage_is_there(stage))
		return;
	stage_drop(stage);
	CLOCKED(stage_make(stage));
}

static void try_once(const uint8_t *data, size_t size)
{
	struct exercise exercise = {.policy = policy, .fields = FIELDS_MAX};

	input.flags = data[0];
	input.data = data + IMAGE_HEAD;
	input.size = size - IMAGE_HEAD;
	input.stage = &stages[(input.flags & IMAGE_LARGE) == IMAGE_LARGE];
	exercise.name = input.stage->name;
	exercise.amount = UINT64_C(1) << data[1] % AMOUNT_BITS;
	exercise.step_ns = (uint64_t)(data[2] | data[3] << 8) * 1000000;
	exercise.damage = (input.flags & IMAGE_LATE) != 0 ? damage : NULL;
	guard_reset(BEGIN_NS);
	for (int access = SHMQ_OBSERVE; access >= SHMQ_CONTROL; access--) {
		make_valid(input.stage);
		if (exercise.damage == NULL)
			damage();
		exercise_segment(&exercise, (enum shmq_access)access);
	}
	create_over(input.stage);
}

void image_try(const uint8_t *data, size_t size)
{
	if (size >= IMAGE_HEAD)
		guard_run(try_once, data, size);
}

/* ---- Seeds ------------------------------------------------------------------------------------------------------- */

void image_each_seed(fuzz_take *take, void *context)
{
	const struct seed_view view = {&stages[0].layout, damaged_object, stages[0].object[damaged_object].valid,
	                               stages[0].object[damaged_object].size};

	seeds_each(&view, take, context);
}
