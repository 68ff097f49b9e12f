/* SPDX-License-Identifier: MIT */
/*
 * Drives one request through its operation, as the HTTP server hands over its parts. A body that nobody wants any more,
 * after a refusal say, is read and thrown away where it is short: closing a connection with unread bytes makes many
 * clients miss the answer. A long one is not worth it, and a client that waits for "100 Continue" gets the answer
 * instead.
 */
#include "request.h"

#include "answer.h"
#include "log.h"
#include "routes.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCARD_MAX (UINT64_C(1) << 20)

/* In the middle of a body there is no way to answer but to read on; whoever sends more than this is cut off. */
#define DISCARD_STREAM_MAX (UINT64_C(256) << 20)

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool parse_number(const char *text, uint64_t *out)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool query_number(struct request *request, const char *key, uint64_t max,
                         bool (*parse)(const char *, uint64_t *), uint64_t *out)
{
	const char *text = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);

	if (text != NULL && parse(text, out) && *out >= 1 && *out <= max)
		return true;
	answer_text(request, MHD_HTTP_BAD_REQUEST, "%s: give ?%s=N with N from 1 to %" PRIu64,
	            text == NULL ? "An argument is missing" : "A bad argument", key, max);
	return false;
}

bool request_number(struct request *request, const char *key, uint64_t max, uint64_t *out)
{
	return query_number(request, key, max, parse_number, out);
}

static bool parse_size(const char *text, uint64_t *out)
{
	return shmq_parse_size(out, text) == 0;
}

bool request_size(struct request *request, const char *key, uint64_t max, uint64_t *out)
{
	return query_number(request, key, max, parse_size, out);
}

void request_file(const struct request *request, char out[REQUEST_TARGET_MAX])
{
	snprintf(out, REQUEST_TARGET_MAX, "/files/%s", request->name);
}

void request_client(const struct request *request, char out[REQUEST_TARGET_MAX])
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";
	bool is_v6 = address != NULL && address->sa_family == AF_INET6;
	socklen_t size = is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	/* What cannot be named is "", which no policy grants. */
	if (address == NULL || getnameinfo(address, size, host, sizeof(host), port, sizeof(port),
	                                   NI_NUMERICHOST | NI_NUMERICSERV | NI_DGRAM) != 0)
		out[0] = '\0';
	else
		snprintf(out, REQUEST_TARGET_MAX, is_v6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* The HTTP server has checked that the length is a number and that the body does not exceed it. */
static void read_length(struct request *request)
{
	const char *length = header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);

	request->has_body = header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
	if (request->has_body || length == NULL)
		return;
	request->length_is_known = parse_number(length, &request->length);
	request->has_body = !request->length_is_known || request->length > 0;
}

static struct request *start(struct worker *worker, struct MHD_Connection *connection, const char *url,
                             const char *method)
{
	struct request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	request->worker = worker;
	request->connection = connection;
	worker_request_starts(worker);
	read_length(request);
	routes_find(request, method, url);
	if (request->status == 0 && !request->operation->takes_body && request->length > DISCARD_MAX)
		answer_text(request, MHD_HTTP_CONTENT_TOO_LARGE, "No body is wanted here");
	if (request->status == 0 && request->operation->begin != NULL)
		request->operation->begin(request);
	if (worker->host->options->verbose)
		log_event("%s %s", method, url);
	return request;
}

static enum MHD_Result send_answer(struct request *request)
{
	if (request->response == NULL)
		return MHD_NO;
	if (worker_wants_close(request->worker, request->connection))
		MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONNECTION, "close");
	return MHD_queue_response(request->connection, request->status, request->response);
}

/* An answer before the body makes the server close the connection. */
static bool answers_at_once(const struct request *request)
{
	if (request->status == 0 || !request->has_body)
		return false;
	return request->length > DISCARD_MAX || header(request, MHD_HTTP_HEADER_EXPECT) != NULL;
}

/* Returns false when the client goes on sending what nobody wants. */
static bool take_body(struct request *request, const char *data, size_t size)
{
	if (request->status == 0 && request->operation->body != NULL) {
		request->operation->body(request, data, size);
		return true;
	}
	request->discarded += size;
	return request->discarded <= DISCARD_STREAM_MAX;
}

enum MHD_Result request_handle(void *worker, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **state)
{
	struct request *request = *state;

	(void)version;
	if (request == NULL) {
		request = start(worker, connection, url, method);
		*state = request;
		if (request == NULL)
			return MHD_NO;
		return answers_at_once(request) ? send_answer(request) : MHD_YES;
	}
	if (*size > 0) {
		if (!take_body(request, data, *size))
			return MHD_NO;
		*size = 0;
		return MHD_YES;
	}
	if (request->status == 0)
		request->operation->end(request);
	return send_answer(request);
}

void request_completed(void *worker, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode code)
{
	struct request *request = *state;

	(void)connection;
	(void)code;
	if (request == NULL)
		return;
	if (request->operation != NULL && request->operation->finish != NULL)
		request->operation->finish(request);
	shmq_component_put(request->component);
	if (request->response != NULL)
		MHD_destroy_response(request->response);
	free(request);
	*state = NULL;
	worker_request_ends(worker);
}
