/* SPDX-License-Identifier: MIT */
/*
 * The life of a pair of objects.
 *
 * The usage object is linked first and unlinked last, so the usage name serialises creators and a policy without usage
 * is never ours. Whoever creates or works holds a shared flock on the usage object; who wants to replace a leftover
 * must get it exclusively, and must find every token in the segment dead besides.
 */
#include "shm/segment.h"

#include "base/clock.h"
#include "shm/fields.h"
#include "shm/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define REPLACE_TRIES 16
#define LOCK_TRIES 200
#define LOCK_PAUSE_NS 5000000

/* Of each of the two areas of rules, unless the options say otherwise. */
#define RULES_BYTES 32768
#define EVENTS 256

static struct shmq_segment *open_segments[SEGMENT_ORDINALS];
static uint64_t last_serial;

struct shmq_segment *segment_by_ordinal(uint32_t ordinal)
{
	return open_segments[ordinal];
}

static int segment_enlist(struct shmq_segment *segment)
{
	int result = process_lock();

	if (result < 0)
		return result;
	result = -EMFILE;
	for (uint32_t i = 0; i < SEGMENT_ORDINALS && result < 0; i++) {
		if (open_segments[i] == NULL) {
			segment->ordinal = i;
			segment->serial = ++last_serial;
			open_segments[i] = segment;
			result = 0;
		}
	}
	process_unlock();
	return result;
}

static void segment_delist(const struct shmq_segment *segment)
{
	if (segment->serial == 0 || process_lock() < 0)
		return;
	open_segments[segment->ordinal] = NULL;
	process_unlock();
}

static int segment_map_usage(struct shmq_segment *segment, const struct object *usage)
{
	/* An observer's mapping cannot be written to, whatever type it has. */
	char *bytes = segment->access == SHMQ_OBSERVE ? (char *)(uintptr_t)object_map_read_only(usage)
	                                              : object_map_writable(usage);

	if (bytes == NULL)
		return -errno;
	segment->usage = (struct shmq_shm_usage *)bytes;
	segment->slots = (struct shmq_shm_slot *)(bytes + segment->layout.slots_at);
	segment->leases = (struct shmq_shm_lease *)(bytes + segment->layout.leases_at);
	segment->ledgers = (struct shmq_shm_holding *)(bytes + segment->layout.ledgers_at);
	segment->trackers = (struct shmq_shm_tracker *)(bytes + segment->layout.trackers_at);
	segment->events = bytes + segment->layout.events_at;
	return 0;
}

static int segment_map_policy(struct shmq_segment *segment, const struct object *policy)
{
	const char *bytes = object_map_read_only(policy);

	if (bytes == NULL)
		return -errno;
	segment->policy = (const struct shmq_shm_policy *)bytes;
	segment->buckets = (const struct shm_u32 *)(bytes + segment->layout.buckets_at);
	segment->entries = (const struct shmq_shm_entry *)(bytes + segment->layout.entries_at);
	for (int i = 0; i < 2; i++)
		segment->quotas[i] = (const struct shmq_shm_quota *)(bytes + segment->layout.quotas_at[i]);
	for (int i = 0; i < 2; i++)
		segment->rules[i] = (const struct shmq_shm_rules *)(bytes + segment->layout.rules_at[i]);
	if (segment->access != SHMQ_CONTROL)
		return 0;
	segment->private->writable = object_map_writable(policy);
	if (segment->private->writable == NULL ||
	    madvise(segment->private->writable, segment->layout.policy_bytes, MADV_DONTFORK) < 0)
		return -errno;
	return 0;
}

static size_t private_size(const struct shmq_segment *segment)
{
	return sizeof(*segment->private) + segment->layout.threads * sizeof(*segment->private->slots);
}

static size_t leases_size(const struct shmq_segment *segment)
{
	return (size_t)segment->layout.threads * LAYOUT_LEASES * sizeof(*segment->own_leases);
}

static void segment_free(struct shmq_segment *segment)
{
	if (segment->policy != NULL)
		munmap((void *)(uintptr_t)segment->policy, segment->layout.policy_bytes);
	if (segment->usage != NULL)
		munmap(segment->usage, segment->layout.usage_bytes);
	if (segment->private != NULL) {
		if (segment->private->writable != NULL)
			munmap(segment->private->writable, segment->layout.policy_bytes);
		if (segment->private->memory != NULL)
			munmap(segment->private->memory,
			       segment->layout.components * sizeof(*segment->private->memory));
		munmap(segment->private, private_size(segment));
	}
	if (segment->own_leases != NULL)
		munmap(segment->own_leases, leases_size(segment));
	if (segment->usage_fd >= 0)
		close(segment->usage_fd);
	free(segment->name);
	free(segment);
}

void segment_close(struct shmq_segment *segment)
{
	segment_delist(segment);
	segment_free(segment);
}

/* Takes over `usage->fd` when it succeeds. */
static int segment_attach_objects(struct shmq_segment **out, const char *name, enum shmq_access access,
                                  const struct object *policy, const struct object *usage)
{
	struct shmq_segment *segment = calloc(1, sizeof(*segment));
	int result;

	if (segment == NULL)
		return -ENOMEM;
	segment->usage_fd = -1;
	segment->access = access;
	segment->name = strdup(name);
	segment->has_membarrier =
	    access != SHMQ_OBSERVE && (usage->header.features & FEATURE_MEMBARRIER) != 0 && process_accept_fences();
	result = layout_compute(&segment->layout, &usage->header);
	if (result == 0)
		segment->private = process_private_map(private_size(segment));
	if (result == 0 && access != SHMQ_OBSERVE)
		segment->own_leases = process_private_map(leases_size(segment));
	if (segment->name == NULL || segment->private == NULL ||
	    (segment->own_leases == NULL && access != SHMQ_OBSERVE))
		result = -ENOMEM;
	if (result == 0)
		result = segment_map_usage(segment, usage);
	if (result == 0)
		result = segment_map_policy(segment, policy);
	if (result == 0)
		result = segment_enlist(segment);
	if (result < 0) {
		segment_free(segment);
		return result;
	}
	/* Who only looks must not keep a leftover from being replaced. */
	if (access == SHMQ_OBSERVE)
		close(usage->fd);
	else
		segment->usage_fd = usage->fd;
	*out = segment;
	return 0;
}

static bool object_try_lock(const struct object *object, int how)
{
	return flock(object->fd, how | LOCK_NB) == 0;
}

/* -EAGAIN: between opening and locking it was replaced, or somebody is about to replace it. */
static int segment_open_once(struct shmq_segment **out, const char *name, const struct object_paths *paths,
                             enum shmq_access access, bool is_image)
{
	struct object policy = {.fd = -1}, usage = {.fd = -1};
	int result = object_open(&policy, paths->file[0], LAYOUT_POLICY, access == SHMQ_CONTROL ? O_RDWR : O_RDONLY);

	if (result < 0)
		return result;
	result = object_open(&usage, paths->file[1], LAYOUT_USAGE, access == SHMQ_OBSERVE ? O_RDONLY : O_RDWR);
	if (result < 0) {
		object_close(&policy);
		return result;
	}
	if (access != SHMQ_OBSERVE && (!object_try_lock(&usage, LOCK_SH) || !object_is_named(&usage, paths->file[1])))
		result = -EAGAIN;
	else if (policy.header.pair != usage.header.pair || policy.header.components != usage.header.components ||
	         policy.header.threads != usage.header.threads ||
	         policy.header.reservations != usage.header.reservations ||
	         policy.header.rules_bytes != usage.header.rules_bytes)
		result = object_is_named(&policy, paths->file[0]) && object_is_named(&usage, paths->file[1]) ? -EBADMSG
		                                                                                             : -EAGAIN;
	else if (!is_image)
		result = object_check_world(&usage.header);
	if (result == 0)
		result = segment_attach_objects(out, name, access, &policy, &usage);
	if (result == 0)
		(*out)->is_image = is_image;
	object_close(&policy);
	if (result < 0)
		object_close(&usage);
	return result;
}

int segment_open(struct shmq_segment **out, const char *name, enum shmq_access access)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
	bool is_image = access == SHMQ_EXAMINE;
	struct object_paths paths;
	int result = object_paths(&paths, name);

	if (result < 0)
		return result;
	for (int i = 0; i < LOCK_TRIES; i++) {
		result = segment_open_once(out, name, &paths, is_image ? SHMQ_OBSERVE : access, is_image);
		if (result != -EAGAIN)
			return result;
		nanosleep(&pause, NULL);
	}
	return -EBUSY;
}

int segment_remove(const char *name)
{
	struct object_paths paths;
	int result = object_paths(&paths, name);
	bool is_removed = false;

	if (result < 0)
		return result;
	for (int i = 0; i < 2; i++) {
		if (unlink(paths.file[i]) == 0)
			is_removed = true;
		else if (errno != ENOENT)
			return -errno;
	}
	return is_removed ? 0 : -ENOENT;
}

/* ---- Creating ---- */

static bool any_owner_lives(const struct object *usage)
{
	struct layout layout;
	const char *bytes;
	bool lives = false;

	if (layout_compute(&layout, &usage->header) < 0)
		return true;
	bytes = object_map_read_only(usage);
	if (bytes == NULL)
		return true;
	for (uint32_t i = 0; i < layout.threads && !lives; i++) {
		const struct shmq_shm_slot *slots = (const struct shmq_shm_slot *)(bytes + layout.slots_at);
		uint64_t owner = shm_load_acquire(&slots[i].owner);

		lives = owner != 0 && !process_is_dead(owner);
	}
	munmap((void *)(uintptr_t)bytes, layout.usage_bytes);
	return lives;
}

/*
 * Tell whether a usage object has lost its other half. Only what is certain counts: an error such as too many open files
 * must not cost a segment its accounts.
 */
static bool is_half_pair(const struct object_paths *paths, const struct object *usage)
{
	struct object policy;
	int result = object_open(&policy, paths->file[0], LAYOUT_POLICY, O_RDONLY);

	if (result == 0)
		object_close(&policy);
	return result == -ENOENT || (result == 0 && policy.header.pair != usage->header.pair);
}

static bool is_leftover(const struct object_paths *paths, const struct object *usage)
{
	int world = object_check_world(&usage->header);

	if (!object_try_lock(usage, LOCK_EX))
		return false; /* somebody has it open */
	if (world == -EUCLEAN)
		return true; /* no process of an earlier boot is alive */
	if (world < 0 || any_owner_lives(usage))
		return false;
	return is_half_pair(paths, usage) || (usage->header.persistent == 0 && process_is_dead(usage->header.creator));
}

/* Unlink a policy object of ours; a stranger's file is not ours to remove. */
static int unlink_policy(const struct object_paths *paths)
{
	struct object policy;
	int result = object_open(&policy, paths->file[0], LAYOUT_POLICY, O_RDONLY);

	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return -EEXIST;
	object_close(&policy);
	return unlink(paths->file[0]) < 0 && errno != ENOENT ? -errno : 0;
}

/*
 * Remove what lies under the name if nobody can be using it. Returns 0 where the name may be tried again, -EEXIST where
 * it is in use, persistent, or not ours to judge (a foreign file, another namespace, a damaged header).
 */
static int segment_clear_leftover(const struct object_paths *paths)
{
	struct object usage;
	int result = object_open(&usage, paths->file[1], LAYOUT_USAGE, O_RDWR);

	if (result < 0)
		return result == -ENOENT ? 0 : -EEXIST;
	if (!is_leftover(paths, &usage))
		result = object_is_named(&usage, paths->file[1]) ? -EEXIST : 0;
	else if (object_is_named(&usage, paths->file[1])) /* else another creator was quicker */
		result = unlink_policy(paths);
	if (result == 0 && object_is_named(&usage, paths->file[1]) && unlink(paths->file[1]) < 0)
		result = -errno;
	object_close(&usage);
	return result;
}

/* Give both objects their names. -EAGAIN: somebody removed ours in between. */
static int segment_link_once(const struct object_paths *paths, const struct object *policy, const struct object *usage)
{
	int result = object_link(usage, paths->file[1]);

	if (result == -EEXIST) {
		result = segment_clear_leftover(paths);
		return result == 0 ? -EAGAIN : result;
	}
	if (result == 0)
		result = object_link(policy, paths->file[0]);
	if (result == -EEXIST) { /* a policy that lost its usage: whoever links the usage owns the pair of names */
		result = unlink_policy(paths);
		if (result == 0)
			result = object_link(policy, paths->file[0]);
	}
	if (result == 0 && !object_is_named(usage, paths->file[1])) {
		if (object_is_named(policy, paths->file[0]))
			unlink(paths->file[0]);
		return -EAGAIN;
	}
	if (result < 0 && object_is_named(usage, paths->file[1]))
		unlink(paths->file[1]);
	return result;
}

static int segment_link(const struct object_paths *paths, const struct object *policy, const struct object *usage)
{
	int result = -EAGAIN;

	for (int i = 0; i < REPLACE_TRIES && result == -EAGAIN; i++)
		result = segment_link_once(paths, policy, usage);
	return result == -EAGAIN ? -EEXIST : result;
}

static uint32_t rules_bytes(const struct shmq_options *options)
{
	uint64_t bytes = options->rules_bytes > 0 ? options->rules_bytes : RULES_BYTES;

	bytes = (bytes + LAYOUT_LINE - 1) & ~(uint64_t)(LAYOUT_LINE - 1);
	return bytes <= SHMQ_RULES_MAX ? (uint32_t)bytes : SHMQ_RULES_MAX + 1; /* which is refused */
}

static int segment_describe(struct shmq_shm_header *out, const struct shmq_options *options,
                            const struct process_world *world)
{
	*out = (struct shmq_shm_header){
	    .magic = LAYOUT_MAGIC,
	    .major = LAYOUT_MAJOR,
	    .minor = LAYOUT_MINOR,
	    .signature = fields_signature(),
	    .byte_order = LAYOUT_BYTE_ORDER,
	    .page_size = (uint32_t)sysconf(_SC_PAGESIZE),
	    .pid_namespace = world->pid_namespace,
	    .time_namespace = world->time_namespace,
	    .components = options->components,
	    .threads = options->threads,
	    .creator = process_token(),
	    .created_unix_ns = clock_read_ns(CLOCK_REALTIME),
	    .persistent = options->persistent,
	    .reservations = options->reservations,
	    .events = options->events > 0 ? options->events : EVENTS,
	    .rules_bytes = rules_bytes(options),
	    .features =
		(options->membarrier ? FEATURE_MEMBARRIER : 0u) | (options->hugepages ? FEATURE_HUGE_PAGES : 0u),
	};
	memcpy(out->boot_id, world->boot_id, sizeof(out->boot_id));
	return getrandom(&out->pair, sizeof(out->pair), 0) == sizeof(out->pair) ? 0 : -EIO;
}

static int create_objects(struct object *policy, struct object *usage, const struct object_paths *paths,
                          const struct shmq_options *options, const struct process_world *world)
{
	struct shmq_shm_header header;
	struct layout layout;
	int result = segment_describe(&header, options, world);

	if (result == 0)
		result = layout_compute(&layout, &header);
	if (result < 0)
		return result;
	header.kind = LAYOUT_USAGE;
	header.object_bytes = layout.usage_bytes;
	result = object_create(usage, paths->folder, options->mode, &header);
	if (result < 0)
		return result;
	header.kind = LAYOUT_POLICY;
	header.object_bytes = layout.policy_bytes;
	result = object_create(policy, paths->folder, options->mode & ~(mode_t)(S_IWGRP | S_IWOTH), &header);
	if (result < 0)
		object_close(usage);
	return result;
}

int segment_create(struct shmq_segment **out, const char *name, const struct shmq_options *options,
                   void (*fill)(struct shmq_segment *segment))
{
	struct object policy = {.fd = -1}, usage = {.fd = -1};
	struct shmq_segment *segment = NULL;
	struct process_world world;
	struct object_paths paths;
	int result = object_paths(&paths, name);

	if (result == 0)
		result = process_world(&world);
	if (result == 0 && !world.is_seen)
		result = -ENOSYS;
	if (result == 0)
		result = create_objects(&policy, &usage, &paths, options, &world);
	if (result < 0)
		return result;
	/* The lock comes before the name: whoever sees the name sees that somebody is at it. */
	if (!object_try_lock(&usage, LOCK_SH))
		result = -errno;
	if (result == 0)
		result = segment_attach_objects(&segment, name, SHMQ_CONTROL, &policy, &usage);
	if (result == 0) {
		fill(segment);
		result = segment_link(&paths, &policy, &usage);
		if (result < 0) {
			segment_close(segment);
			usage.fd = -1; /* closed with the segment */
		}
	}
	object_close(&policy);
	if (result < 0)
		object_close(&usage);
	else
		*out = segment;
	return result;
}
