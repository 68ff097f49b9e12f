/* SPDX-License-Identifier: MIT */
/*
 * Memory: the worker that a POST reaches allocates and holds it. A DELETE gives back what its own worker holds at once
 * and tells the others, which follow within moments.
 */
#include "answer.h"
#include "holdings.h"
#include "operations.h"
#include "orders.h"

#include <errno.h>
#include <inttypes.h>

#define MEMORY_MAX (UINT64_C(1) << 30)

void memory_post(struct request *request)
{
	struct shmq_verdict verdict;
	uint64_t bytes, held = 0;
	int result;

	if (!request_size(request, "bytes", MEMORY_MAX, &bytes))
		return;
	result = holdings_grow(request->worker->holdings, request->component, bytes, &held, &verdict);
	if (result == -ENOMEM) {
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The host itself is out of memory");
		return;
	}
	if (result < 0 || result == SHMQ_DENIED) {
		answer_refusal(request, result, &verdict);
		return;
	}
	request->component = NULL; /* the holdings have it now */
	answer_text(request, MHD_HTTP_CREATED, "Worker %u holds %" PRIu64 " bytes", request->worker->number, held);
	answer_limits(request, &verdict);
}

void memory_delete(struct request *request)
{
	const char *name = shmq_component_name(request->component);
	uint64_t dropped = holdings_drop(request->worker->holdings, name);
	unsigned told = orders_send_drop(request->worker->host, request->worker->number, name);

	answer_text(request, MHD_HTTP_ACCEPTED,
	            "Worker %u released %" PRIu64 " bytes; %u other worker%s told to release what they hold",
	            request->worker->number, dropped, told, told == 1 ? "" : "s");
}
