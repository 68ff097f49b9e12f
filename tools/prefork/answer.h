/* SPDX-License-Identifier: MIT */
/*
 * Answers. Each of these gives the request its one answer; a second one is ignored, so that what went wrong first is
 * what the client hears.
 */
#ifndef PREFORK_ANSWER_H
#define PREFORK_ANSWER_H

#include "request.h"

#include <stdio.h>

/* Answer with one line of text; a newline is added. */
void answer_text(struct request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answer with a response of the caller's, which is handed over. NULL answers 500. */
void answer_response(struct request *request, unsigned status, struct MHD_Response *response);

/* Answer 200 with a document of a type that `write` writes. It is of the moment and must not be cached. */
void answer_document(struct request *request, const char *type, void (*write)(FILE *out, const void *context),
                     const void *context);

/* Answer 405 with the methods that are allowed. */
void answer_not_allowed(struct request *request, const char *allow);

/*
 * Answer what kept an operation from being admitted: a refusal with 429 (rates) or 507 (levels), the verdict as text,
 * Retry-After where waiting helps, and the RateLimit fields; a negative result as answer_result().
 */
void answer_refusal(struct request *request, int result, const struct shmq_verdict *verdict);

/*
 * Answer how a guard ended that did not run its block: 403 with the permission and the target that the policy does not
 * grant, or answer_refusal() of its verdict. Where its block has answered, or all went well, nothing is answered.
 */
void answer_guard(struct request *request, const struct shmq_security_context *context, const char *permission,
                  const char *target);

/* Answer a negative result of the library with the status that suits it. */
void answer_result(struct request *request, int result);

/* Answer a negative errno of the file system. */
void answer_errno(struct request *request, int result);

/* Add the RateLimit fields of a verdict to the answer, which must be there. */
void answer_limits(struct request *request, const struct shmq_verdict *verdict);

#endif
