/* SPDX-License-Identifier: MIT */
/*
 * The status codes, texts and header fields of answers. RateLimit-Policy and RateLimit follow
 * draft-ietf-httpapi-ratelimit-headers: structured fields, a policy's name being that of the resource.
 */
#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

void answer_response(struct request *request, unsigned status, struct MHD_Response *response)
{
	if (request->status != 0) {
		if (response != NULL)
			MHD_destroy_response(response);
		return;
	}
	request->response = response;
	request->status = response != NULL ? status : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static void add_field(struct request *request, const char *name, const char *value)
{
	if (request->response != NULL)
		MHD_add_response_header(request->response, name, value);
}

void answer_text(struct request *request, unsigned status, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int length;
	struct MHD_Response *response;

	if (request->status != 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text) - 1, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length > sizeof(text) - 2)
		length = (int)strlen(text);
	text[length++] = '\n';
	response = MHD_create_response_from_buffer((size_t)length, text, MHD_RESPMEM_MUST_COPY);
	answer_response(request, status, response);
	add_field(request, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
}

void answer_document(struct request *request, const char *type, void (*write)(FILE *out, const void *context),
                     const void *context)
{
	struct MHD_Response *response = NULL;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out != NULL) {
		write(out, context);
		if (fclose(out) == 0)
			response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
		if (response == NULL)
			free(text);
	}
	answer_response(request, MHD_HTTP_OK, response);
	add_field(request, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	add_field(request, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
}

void answer_not_allowed(struct request *request, const char *allow)
{
	if (request->status != 0)
		return;
	answer_text(request, MHD_HTTP_METHOD_NOT_ALLOWED, "Method not allowed here; try %s", allow);
	add_field(request, MHD_HTTP_HEADER_ALLOW, allow);
}

/* The draft's default unit is "requests"; a message is one. It has no unit for CPU time and memory, hence our own. */
static const char *quota_unit(int resource)
{
	switch (resource) {
	case SHMQ_STORAGE:
	case SHMQ_NETWORK:
		return ";qu=\"content-bytes\"";
	case SHMQ_CPU:
		return ";qu=\"cpu-microseconds\"";
	case SHMQ_MEMORY:
		return ";qu=\"memory-bytes\"";
	default:
		return "";
	}
}

static uint64_t seconds_up(uint64_t ns)
{
	return ns / SECOND_NS + (ns % SECOND_NS != 0);
}

void answer_limits(struct request *request, const struct shmq_verdict *verdict)
{
	const char *name = shmq_resource_name(verdict->resource);
	char window[32] = "", reset[32] = "", field[160];

	if (name == NULL || verdict->limit == SHMQ_UNLIMITED)
		return;
	/* A window is told in whole seconds or not at all; a level has none. */
	if (verdict->period_ns > 0 && verdict->period_ns % SECOND_NS == 0)
		snprintf(window, sizeof(window), ";w=%" PRIu64, verdict->period_ns / SECOND_NS);
	if (verdict->retry_after_ns > 0 && verdict->retry_after_ns != UINT64_MAX)
		snprintf(reset, sizeof(reset), ";t=%" PRIu64, seconds_up(verdict->retry_after_ns));
	snprintf(field, sizeof(field), "\"%s\";q=%" PRIu64 "%s%s", name, verdict->limit, window,
	         quota_unit(verdict->resource));
	add_field(request, "RateLimit-Policy", field);
	snprintf(field, sizeof(field), "\"%s\";r=%" PRIu64 "%s", name, verdict->remaining, reset);
	add_field(request, "RateLimit", field);
}

void answer_refusal(struct request *request, int result, const struct shmq_verdict *verdict)
{
	char text[256], seconds[32];
	unsigned status = MHD_HTTP_INSUFFICIENT_STORAGE;

	if (request->status != 0)
		return;
	if (result != SHMQ_DENIED) {
		answer_result(request, result);
		return;
	}
	if (shmq_resource_is_rate(verdict->resource))
		status = MHD_HTTP_TOO_MANY_REQUESTS;
	if (shmq_verdict_format(text, sizeof(text), verdict) < 0)
		snprintf(text, sizeof(text), "Quota exceeded");
	answer_text(request, status, "%s", text);
	if (verdict->retry_after_ns > 0 && verdict->retry_after_ns != UINT64_MAX) {
		snprintf(seconds, sizeof(seconds), "%" PRIu64, seconds_up(verdict->retry_after_ns));
		add_field(request, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	}
	answer_limits(request, verdict);
}

/* Targets are made of what clients send: only printable ASCII goes back to them. */
static void copy_printable(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text != '\0' && used + 1 < size; text++)
		out[used++] = (char)(*text >= ' ' && *text <= '~' ? *text : '?');
	out[used] = '\0';
}

void answer_guard(struct request *request, const struct shmq_security_context *context, const char *permission,
                  const char *target)
{
	char name[SHMQ_NAME_MAX + 1], printable[512];

	if (request->status != 0 || context->result == 0)
		return;
	if (context->result != SHMQ_FORBIDDEN) {
		answer_refusal(request, context->result, &context->verdict);
		return;
	}
	copy_printable(name, sizeof(name), shmq_component_name(context->component));
	copy_printable(printable, sizeof(printable), target);
	answer_text(request, MHD_HTTP_FORBIDDEN, "Forbidden: the policy does not grant %s the permission %s on %s",
	            name, permission, printable);
}

void answer_result(struct request *request, int result)
{
	if (request->status != 0)
		return;
	switch (result) {
	case -ESTALE:
	case -ENOENT:
		answer_text(request, MHD_HTTP_NOT_FOUND, "There is no such component; GET / lists them");
		return;
	case -EINVAL:
	case -EOVERFLOW:
		answer_text(request, MHD_HTTP_BAD_REQUEST, "%s", shmq_strerror(result));
		return;
	case -EAGAIN:
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "%s", shmq_strerror(result));
		add_field(request, MHD_HTTP_HEADER_RETRY_AFTER, "1");
		return;
	default:
		answer_text(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", shmq_strerror(result));
	}
}

void answer_errno(struct request *request, int result)
{
	switch (result) {
	case -ENOENT:
		answer_text(request, MHD_HTTP_NOT_FOUND, "There is no such file");
		return;
	case -ENOSPC:
	case -EDQUOT:
		answer_text(request, MHD_HTTP_INSUFFICIENT_STORAGE, "The host's own disk is full");
		return;
	case -ENAMETOOLONG:
		answer_text(request, MHD_HTTP_BAD_REQUEST, "The name is too long");
		return;
	default:
		answer_text(request, MHD_HTTP_INTERNAL_SERVER_ERROR, "The spool does not work: %s",
		            strerrordesc_np(-result));
	}
}
