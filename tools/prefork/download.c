/* SPDX-License-Identifier: MIT */
/*
 * Network: all bytes of an answer are taken before its first one is sent. A client that leaves early has used them up;
 * a rate forgets them with its window.
 */
#include "answer.h"
#include "meter.h"
#include "operations.h"

#include <string.h>

#define DOWNLOAD_MAX (UINT64_C(1) << 30)
#define BLOCK_BYTES ((size_t)32 * 1024)

static ssize_t stream(void *context, uint64_t position, char *out, size_t size)
{
	(void)context;
	(void)position;
	memset(out, '.', size);
	return (ssize_t)size;
}

void download_get(struct request *request)
{
	struct shmq_verdict verdict;
	uint64_t bytes;
	int result;

	if (!request_size(request, "bytes", DOWNLOAD_MAX, &bytes))
		return;
	result = meter_try_consume(request->component, SHMQ_NETWORK, bytes, &verdict);
	if (!meter_admits(result)) {
		answer_refusal(request, result, &verdict);
		return;
	}
	answer_response(request, MHD_HTTP_OK,
	                MHD_create_response_from_callback(bytes, BLOCK_BYTES, stream, NULL, NULL));
	answer_limits(request, &verdict);
}
