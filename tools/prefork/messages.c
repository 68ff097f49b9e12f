/* SPDX-License-Identifier: MIT */
/*
 * Messages: one is guarded when it is complete: it is appended to the component's spool by one write(), so that records
 * of several workers never mix, and what could not be written is not counted. A record is "TIME LENGTH", a newline, the
 * message, and a newline. A spool that is full becomes messages.1 and a new one begins; nothing here reads them.
 *
 * The policy grants it as "message.send = spool".
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_MAX ((size_t)64 * 1024)
#define SPOOL_MAX ((int64_t)64 << 20)

struct message {
	size_t size;
	char text[MESSAGE_MAX];
};

static void answer_too_large(struct request *request)
{
	answer_text(request, MHD_HTTP_CONTENT_TOO_LARGE, "A message has at most %zu bytes", MESSAGE_MAX);
}

void messages_post_begin(struct request *request)
{
	if (request->length > MESSAGE_MAX) {
		answer_too_large(request);
		return;
	}
	request->state = malloc(sizeof(struct message));
	if (request->state == NULL)
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The host itself is out of memory");
	else
		((struct message *)request->state)->size = 0;
}

void messages_post_body(struct request *request, const char *data, size_t size)
{
	struct message *message = request->state;

	if (size > MESSAGE_MAX - message->size) {
		answer_too_large(request);
		return;
	}
	memcpy(message->text + message->size, data, size);
	message->size += size;
}

/* Under the lock, and after looking again: another worker may have been faster. */
static void rotate_if_full(int spool, const char *component)
{
	int directory = spool_lock(spool, component);

	if (directory < 0)
		return;
	if (spool_size(directory, "messages") >= SPOOL_MAX)
		renameat(directory, "messages", directory, "messages.1");
	close(directory);
}

static int write_record(int file, struct message *message)
{
	struct timespec now;
	struct tm utc;
	char clock[32], head[96];
	struct iovec parts[] = {{head, 0}, {message->text, message->size}, {(char[]){'\n'}, 1}};
	ssize_t whole, written;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(clock, sizeof(clock), "%Y-%m-%dT%H:%M:%S", &utc);
	parts[0].iov_len = (size_t)snprintf(head, sizeof(head), "%s.%09ldZ %zu\n", clock, now.tv_nsec, message->size);
	whole = (ssize_t)(parts[0].iov_len + message->size + 1);
	written = writev(file, parts, 3);
	if (written < 0)
		return -errno;
	return written == whole ? 0 : -ENOSPC;
}

static int append(int spool, const char *component, struct message *message)
{
	int directory = spool_component(spool, component);
	int file, result;

	if (directory < 0)
		return directory;
	file = openat(directory, "messages", O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	result = file < 0 ? -errno : write_record(file, message);
	if (result == 0 && lseek(file, 0, SEEK_CUR) >= SPOOL_MAX)
		rotate_if_full(spool, component);
	if (file >= 0)
		close(file);
	close(directory);
	return result;
}

void messages_post_end(struct request *request)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	int spool = request->worker->host->spool;

	METER_GUARD (&context, "message.send", "spool", SHMQ_MESSAGES, 1) {
		context.result = append(spool, shmq_component_name(request->component), request->state);
		if (context.result < 0)
			answer_errno(request, context.result);
	}
	if (context.result == 0)
		answer_text(request, MHD_HTTP_ACCEPTED, "Accepted");
	answer_guard(request, &context, "message.send", "spool");
	answer_limits(request, &context.verdict);
}

void messages_post_finish(struct request *request)
{
	free(request->state);
}
