/* SPDX-License-Identifier: MIT */
/*
 * GET and DELETE of stored files. A file's bytes are released after it is gone, under the component's lock, so that two
 * requests that delete it release it once.
 *
 * The policy grants them as "filesystem.read" on files (and "network.send" to the client) and "filesystem.write".
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open "files" of the request's component. Answers and returns -1 where the name or the spool is no good. */
static int open_files(struct request *request)
{
	int files;

	if (!spool_name_is_safe(request->name)) {
		answer_errno(request, -ENOENT);
		return -1;
	}
	files = spool_directory(request->worker->host->spool, shmq_component_name(request->component), "files");
	if (files < 0)
		answer_errno(request, files);
	return files < 0 ? -1 : files;
}

/* Owns `file`. */
static void send_file(struct request *request, int file, uint64_t size)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	char client[REQUEST_TARGET_MAX];
	struct MHD_Response *response = NULL;

	request_client(request, client);
	METER_GUARD (&context, "network.send", client, SHMQ_NETWORK, size) {
		response = MHD_create_response_from_fd64(size, file);
		answer_response(request, MHD_HTTP_OK, response);
	}
	if (response == NULL)
		close(file);
	else
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
	answer_guard(request, &context, "network.send", client);
	answer_limits(request, &context.verdict);
}

static void read_file(struct request *request)
{
	int files = open_files(request), file;
	struct stat status;

	if (files < 0)
		return;
	file = openat(files, request->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(files);
	if (file < 0) {
		answer_errno(request, -errno);
	} else if (fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
		close(file);
		answer_errno(request, -ENOENT);
	} else {
		send_file(request, file, (uint64_t)status.st_size);
	}
}

void files_get(struct request *request)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	char target[REQUEST_TARGET_MAX];

	request_file(request, target);
	SHMQ_GUARD (&context, "filesystem.read", target, SHMQ_NONE, 0)
		read_file(request);
	answer_guard(request, &context, "filesystem.read", target);
}

static void delete_locked(struct request *request, int files)
{
	int64_t size = spool_size(files, request->name);

	if (size < 0) {
		answer_errno(request, (int)size);
		return;
	}
	if (unlinkat(files, request->name, 0) < 0) {
		answer_errno(request, -errno);
		return;
	}
	meter_release(request->component, SHMQ_STORAGE, (uint64_t)size);
	answer_text(request, MHD_HTTP_OK, "Deleted %s, %" PRIi64 " bytes released", request->name, size);
}

static void delete_file(struct request *request)
{
	int files = open_files(request), lock;

	if (files < 0)
		return;
	lock = spool_lock(request->worker->host->spool, shmq_component_name(request->component));
	if (lock < 0)
		answer_errno(request, lock);
	else
		delete_locked(request, files);
	if (lock >= 0)
		close(lock);
	close(files);
}

void files_delete(struct request *request)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	char target[REQUEST_TARGET_MAX];

	request_file(request, target);
	SHMQ_GUARD (&context, "filesystem.write", target, SHMQ_NONE, 0)
		delete_file(request);
	answer_guard(request, &context, "filesystem.write", target);
}
