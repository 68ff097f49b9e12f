/* SPDX-License-Identifier: MIT */
/*
 * PUT: storage is reserved before a byte is written, and a file appears whole or not at all.
 *
 * What a file needs is what it has more than the one it replaces. That is reserved when the upload begins, so that a
 * refusal comes early, and settled when the file takes its name: under the component's lock, so that two uploads of one
 * name settle one after the other. What was reserved and not used is given back whatever happens: by us, or, when the
 * process is killed in the middle, by the master's housekeeping, which removes the bytes first.
 *
 * Storage is committed just before the file takes its name. A worker that is killed between these two leaves storage
 * counted that no file uses; the other way round, a file could be left that nobody counts.
 *
 * The policy grants it as "filesystem.write" on files.
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX_BYTES (UINT64_C(1) << 30)
#define PARTS_MAX 64
#define PART_FIRST ((uint64_t)64 * 1024)

struct upload {
	int partial;   /* the directory */
	char name[64]; /* of the file in there */
	int file;
	uint64_t credit;  /* bytes that the old file has, as seen when the upload began */
	uint64_t taken;   /* storage reserved so far, in parts */
	uint64_t written; /* bytes of the new file so far */
	struct meter_reservation parts[PARTS_MAX];
	unsigned part_count;
};

/*
 * How much to reserve where `growth` is needed now. An upload whose length nobody said gets twice as much each time, so
 * that it has few parts, but near the limit no more than half of what is left: others may need it.
 */
static uint64_t size_of_part(const struct request *request, const struct upload *upload, uint64_t growth)
{
	uint64_t wanted = upload->taken > PART_FIRST ? upload->taken : PART_FIRST;
	struct shmq_verdict verdict;

	if (request->length_is_known)
		return growth;
	if (!meter_admits(meter_check(request->component, SHMQ_STORAGE, wanted, &verdict)))
		wanted = verdict.remaining / 2;
	return wanted > growth ? wanted : growth;
}

/* Reserve what the first `size` bytes of the file need beyond the credit. Answers and returns false on a refusal. */
static bool reserve_up_to(struct request *request, struct upload *upload, uint64_t size)
{
	uint64_t needed = size > upload->credit ? size - upload->credit : 0, amount;
	struct shmq_verdict verdict;
	int result;

	if (needed <= upload->taken)
		return true;
	if (upload->part_count == PARTS_MAX) {
		answer_result(request, -EAGAIN);
		return false;
	}
	amount = size_of_part(request, upload, needed - upload->taken);
	result = meter_reserve(&upload->parts[upload->part_count], request->component, SHMQ_STORAGE, amount, &verdict);
	if (!meter_admits(result)) {
		answer_refusal(request, result, &verdict);
		return false;
	}
	upload->part_count++;
	upload->taken += amount;
	return true;
}

/* Commit `size` bytes of what is reserved. Returns 0 or a negative result, as where the component is gone. */
static int commit(struct upload *upload, uint64_t size)
{
	int result = 0;

	for (unsigned i = 0; i < upload->part_count; i++) {
		struct meter_reservation *part = &upload->parts[i];
		uint64_t actual = size < part->amount ? size : part->amount;
		int one = meter_commit(part, actual);

		result = one < 0 ? one : result;
		size -= actual;
	}
	upload->part_count = 0;
	return result;
}

static void answer_too_large(struct request *request)
{
	answer_text(request, MHD_HTTP_CONTENT_TOO_LARGE, "A file has at most %" PRIu64 " bytes", FILE_MAX_BYTES);
}

/* Names of unfinished uploads are unique as long as their process lives; what a dead one left is cleared at a start. */
static int open_partial(const struct request *request, struct upload *upload)
{
	int spool = request->worker->host->spool;

	upload->partial = spool_directory(spool, shmq_component_name(request->component), "partial");
	if (upload->partial < 0)
		return upload->partial;
	snprintf(upload->name, sizeof(upload->name), "%d.%p", (int)getpid(), (const void *)upload);
	upload->file =
	    openat(upload->partial, upload->name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	return upload->file < 0 ? -errno : 0;
}

static int open_files(const struct request *request)
{
	return spool_directory(request->worker->host->spool, shmq_component_name(request->component), "files");
}

static uint64_t size_of_old(const struct request *request)
{
	int files = open_files(request);
	int64_t size = files < 0 ? 0 : spool_size(files, request->name);

	if (files >= 0)
		close(files);
	return size < 0 ? 0 : (uint64_t)size;
}

static void begin(struct request *request)
{
	struct upload *upload;
	int result;

	if (request->length > FILE_MAX_BYTES) {
		answer_too_large(request);
		return;
	}
	upload = calloc(1, sizeof(*upload));
	if (upload == NULL) {
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The host itself is out of memory");
		return;
	}
	upload->partial = upload->file = -1;
	request->state = upload;
	upload->credit = size_of_old(request);
	if (!reserve_up_to(request, upload, request->length))
		return;
	result = open_partial(request, upload);
	if (result < 0)
		answer_errno(request, result);
}

/* Storage is reserved for longer than a block lasts: the guard is for the capability alone. */
void files_put_begin(struct request *request)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	char target[REQUEST_TARGET_MAX];

	if (!spool_name_is_safe(request->name)) {
		answer_text(request, MHD_HTTP_BAD_REQUEST,
		            "A file's name has up to %d of A-Z a-z 0-9 . _ -, and no leading dot", FILE_NAME_MAX);
		return;
	}
	request_file(request, target);
	SHMQ_GUARD (&context, "filesystem.write", target, SHMQ_NONE, 0)
		begin(request);
	answer_guard(request, &context, "filesystem.write", target);
}

void files_put_body(struct request *request, const char *data, size_t size)
{
	struct upload *upload = request->state;

	if (size > FILE_MAX_BYTES - upload->written) {
		answer_too_large(request);
		return;
	}
	if (!reserve_up_to(request, upload, upload->written + size))
		return;
	while (size > 0) {
		ssize_t written = write(upload->file, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			answer_errno(request, -errno);
			return;
		}
		data += written;
		size -= (size_t)written;
		upload->written += (uint64_t)written;
	}
}

/* Give the file its name. Called with the component's lock held, so `old_size` is what it replaces. */
static void settle(struct request *request, struct upload *upload, int files, int64_t old_size)
{
	bool is_new = old_size < 0;
	uint64_t old = is_new ? 0 : (uint64_t)old_size;
	uint64_t growth = upload->written > old ? upload->written - old : 0;
	int result;

	/* The old file may have shrunk or gone since the upload began. */
	upload->credit = old;
	if (!reserve_up_to(request, upload, upload->written))
		return;
	result = commit(upload, growth);
	if (result < 0) {
		answer_result(request, result);
		return;
	}
	if (renameat(upload->partial, upload->name, files, request->name) < 0) {
		answer_errno(request, -errno);
		meter_release(request->component, SHMQ_STORAGE, growth);
		return;
	}
	if (upload->written < old)
		meter_release(request->component, SHMQ_STORAGE, old - upload->written);
	upload->name[0] = '\0';
	answer_text(request, is_new ? MHD_HTTP_CREATED : MHD_HTTP_OK, "Stored %s, %" PRIu64 " bytes", request->name,
	            upload->written);
}

void files_put_end(struct request *request)
{
	int lock = spool_lock(request->worker->host->spool, shmq_component_name(request->component));
	int files = open_files(request);

	if (lock < 0 || files < 0)
		answer_errno(request, lock < 0 ? lock : files);
	else
		settle(request, request->state, files, spool_size(files, request->name));
	if (files >= 0)
		close(files);
	if (lock >= 0)
		close(lock);
}

void files_put_finish(struct request *request)
{
	struct upload *upload = request->state;

	if (upload == NULL)
		return;
	if (upload->file >= 0)
		close(upload->file);
	if (upload->partial >= 0) {
		if (upload->name[0] != '\0')
			unlinkat(upload->partial, upload->name, 0);
		close(upload->partial);
	}
	/* Only once the bytes are gone. */
	for (unsigned i = 0; i < upload->part_count; i++)
		meter_cancel(&upload->parts[i]);
	free(upload);
}
