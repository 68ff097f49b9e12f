/* SPDX-License-Identifier: MIT */
/*
 * A request on its way through an operation. The order of calls is
 *
 *     begin       the headers are here: refuse early, prepare
 *     body        for each piece of the body, unless there is an answer already
 *     end         the body is complete: do the work; there is an answer afterwards
 *     finish      always, and last, also where the client has gone: give back what was not used
 *
 * Whatever step answers (see answer.h), the following ones but finish are skipped.
 */
#ifndef PREFORK_REQUEST_H
#define PREFORK_REQUEST_H

#include "spool_path.h"
#include "worker.h"

#include <microhttpd.h>
#include <shmquota.h>

struct request;

struct operation {
	const char *method;
	const char *what; /* the second part of the path; "" with no parts at all is the index */
	bool needs_name;  /* a third part */
	bool takes_body;
	void (*begin)(struct request *request);
	void (*body)(struct request *request, const char *data, size_t size);
	void (*end)(struct request *request);
	void (*finish)(struct request *request);
};

struct request {
	struct worker *worker;
	struct MHD_Connection *connection;
	const struct operation *operation; /* NULL: it was refused before one was found */
	struct shmq_component *component;  /* NULL for the index */
	char name[FILE_NAME_MAX + 1];
	bool has_body;
	bool length_is_known;
	uint64_t length;    /* of the body, where it is known */
	uint64_t discarded; /* bytes of the body that nobody wanted */
	void *state;        /* the operation's own, freed by its finish */
	unsigned status;    /* 0: no answer yet */
	struct MHD_Response *response;
};

/*
 * Read a query argument that is a plain number, or a size such as "64KB". Answers 400 and returns false where it is
 * missing, malformed or not in 1 to `max`.
 */
bool request_number(struct request *request, const char *key, uint64_t max, uint64_t *out);
bool request_size(struct request *request, const char *key, uint64_t max, uint64_t *out);

/* Write the file that a request names as its component sees it, "/files/NAME": what policies grant. */
#define REQUEST_TARGET_MAX (FILE_NAME_MAX + 8)
void request_file(const struct request *request, char out[REQUEST_TARGET_MAX]);

/* Write who the answer goes to, "ADDRESS:PORT" or "[ADDRESS]:PORT". */
void request_client(const struct request *request, char out[REQUEST_TARGET_MAX]);

/* The handler that the HTTP server calls, again and again, for each request; see MHD_AccessHandlerCallback. */
enum MHD_Result request_handle(void *worker, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **state);

/* The end of a request, in whatever way; see MHD_RequestCompletedCallback. */
void request_completed(void *worker, struct MHD_Connection *connection, void **state,
                       enum MHD_RequestTerminationCode code);

#endif
