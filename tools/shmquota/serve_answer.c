/* SPDX-License-Identifier: MIT */
/*
 * Requests and answers: three paths, two methods, everything else is refused with a sentence.
 *
 * A browser on this machine can be led to ask here for a foreign page, under a foreign name that was made to mean this
 * machine. Where the server is for this machine only, such names are refused, so no page can read the figures.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "metrics.h"
#include "serve.h"

#define UNDER_WAY_MOST ((size_t)256 << 20) /* so much waits for slow clients: then there are no more metrics */

#define TYPE_TEXT "text/plain; charset=utf-8"

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *argument_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* Send a response and let go of it. */
static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status, const char *type,
                                     struct MHD_Response *response)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "X-Frame-Options", "DENY");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	/* The page brings its style and its script along and asks nobody else. */
	MHD_add_response_header(response, "Content-Security-Policy",
	                        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
	                        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_constant(struct MHD_Connection *connection, unsigned status, const char *type,
                                     const void *bytes, size_t size)
{
	/* The library does not write to what is persistent. */
	return send_response(connection, status, type,
	                     MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result send_sentence(struct MHD_Connection *connection, unsigned status, const char *sentence)
{
	return send_constant(connection, status, TYPE_TEXT, sentence, strlen(sentence));
}

/* A body that is being sent. */
struct sending {
	struct server *server;
	struct body body;
};

static void end_sending(void *context)
{
	struct sending *sending = context;

	sending->server->under_way -= sending->body.size;
	free(sending->body.text);
	free(sending);
}

static enum MHD_Result send_body(struct server *server, struct MHD_Connection *connection, const char *type,
                                 struct body body)
{
	struct sending *sending = body.text ? malloc(sizeof(*sending)) : NULL;
	struct MHD_Response *response;

	if (!sending) {
		free(body.text);
		return send_sentence(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory.\n");
	}
	*sending = (struct sending){server, body};
	server->under_way += body.size;
	response = MHD_create_response_from_buffer_with_free_callback_cls(body.size, body.text, end_sending, sending);
	if (!response)
		end_sending(sending);
	return send_response(connection, MHD_HTTP_OK, type, response);
}

/* ---- Paths ------------------------------------------------------------------------------------------------------- */

static enum MHD_Result answer_metrics(struct server *server, struct MHD_Connection *connection)
{
	const char *accept = header_of(connection, MHD_HTTP_HEADER_ACCEPT);
	bool open = accept && strstr(accept, "application/openmetrics-text") != NULL;
	const struct gathering *gathering;
	struct body body = {0};
	FILE *out;

	if (server->under_way >= UNDER_WAY_MOST)
		return send_sentence(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		                     "Too many clients take their answers slowly: try again in some seconds. "
		                     "--include serves fewer components.\n");
	gathering = server_figures(server);
	out = gathering ? open_memstream(&body.text, &body.size) : NULL;
	if (out) {
		metrics_write(out, gathering, open ? METRICS_OPENMETRICS : METRICS_TEXT);
		if (fclose(out) != 0) {
			free(body.text);
			body.text = NULL;
		}
	}
	return send_body(server, connection,
	                 open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	                      : "text/plain; version=0.0.4; charset=utf-8",
	                 body);
}

static enum MHD_Result answer_rows(struct server *server, struct MHD_Connection *connection)
{
	struct rows_query query = {
	    .segment = argument_of(connection, "segment"),
	    .search = argument_of(connection, "search"),
	    .resource = argument_of(connection, "resource"),
	    .sort = argument_of(connection, "sort"),
	    .limit = argument_of(connection, "limit"),
	};

	return send_body(server, connection, "application/json", rows_body(server, &query));
}

/* ---- Which requests are answered at all -------------------------------------------------------------------------- */

/* Whether the name in a request is one of this machine's own: an address, localhost or the host's name. */
static bool host_is_own(const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	char name[256], own[256] = "";
	size_t length;

	if (*host == '[')
		return true; /* a literal address of IPv6 */
	length = strcspn(host, ":");
	if (length >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)length, host);
	gethostname(own, sizeof(own) - 1);
	return strcmp(name, "localhost") == 0 || strcmp(name, own) == 0 || inet_pton(AF_INET, name, address) == 1;
}

enum MHD_Result server_answer(struct server *server, struct MHD_Connection *connection, const char *path,
                              const char *method)
{
	const char *host = header_of(connection, MHD_HTTP_HEADER_HOST);

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return send_sentence(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
		                     "Nothing can be changed here: use GET.\n");
	if (server->is_local && host && !host_is_own(host))
		return send_sentence(connection, MHD_HTTP_FORBIDDEN,
		                     "This serves its own machine only: ask by its address or as localhost.\n");
	if (strcmp(path, "/") == 0)
		return send_constant(connection, MHD_HTTP_OK, "text/html; charset=utf-8", page_html, page_html_size);
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(server, connection);
	if (strcmp(path, "/rows") == 0)
		return answer_rows(server, connection);
	return send_sentence(connection, MHD_HTTP_NOT_FOUND, "There are /, /metrics and /rows.\n");
}
