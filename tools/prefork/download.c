/* SPDX-License-Identifier: MIT */
/*
 * Network: all bytes of an answer are taken before its first one is sent. A client that leaves early has used them up;
 * a rate forgets them with its window.
 *
 * The policy grants it by the client's address: "network.send = 192.0.2.0/24:*".
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
	struct shmq_security_context context = SHMQ_SECURITY_CONTEXT(request->component);
	char client[REQUEST_TARGET_MAX];
	uint64_t bytes;

	if (!request_size(request, "bytes", DOWNLOAD_MAX, &bytes))
		return;
	request_client(request, client);
	METER_GUARD (&context, "network.send", client, SHMQ_NETWORK, bytes) {
		answer_response(request, MHD_HTTP_OK,
		                MHD_create_response_from_callback(bytes, BLOCK_BYTES, stream, NULL, NULL));
	}
	answer_guard(request, &context, "network.send", client);
	answer_limits(request, &context.verdict);
}
