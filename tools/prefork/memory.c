/* SPDX-License-Identifier: MIT */
/*
 * Memory: the worker that a POST reaches allocates and holds it. A DELETE gives back what its own worker holds at once
 * and tells the others, which follow within moments.
 *
 * The policy grants it as "memory.hold = cache".
 */
#include "answer.h"
#include "holdings.h"
#include "meter.h"
#include "operations.h"
#include "orders.h"

#include <errno.h>
#include <inttypes.h>

#define MEMORY_MAX (UINT64_C(1) << 30)

void memory_post(struct request *request)
{
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	uint64_t bytes, held = 0;

	if (!request_size(request, "bytes", MEMORY_MAX, &bytes))
		return;
	/* Memory is stated, not reserved: the guard is for the capability alone. */
	SHMQ_GUARD (&context, "memory.hold", "cache", SHMQ_NONE, 0) {
		int result =
		    holdings_grow(request->worker->holdings, request->component, bytes, &held, &context.verdict);

		context.result = meter_admits(result) ? 0 : result;
	}
	if (context.result == -ENOMEM)
		answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "The host itself is out of memory");
	answer_guard(request, &context, "memory.hold", "cache");
	if (context.result != 0)
		return;
	request->component = NULL; /* the holdings have it now */
	answer_text(request, MHD_HTTP_CREATED, "Worker %u holds %" PRIu64 " bytes", request->worker->number, held);
	answer_limits(request, &context.verdict);
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
