/* SPDX-License-Identifier: MIT */
/*
 * The operations that routes.c offers, one file each: what a host does for its components, and where it asks first.
 */
#ifndef PREFORK_OPERATIONS_H
#define PREFORK_OPERATIONS_H

#include "request.h"

/* index.c: what there is. */
void index_get(struct request *request);

/* status.c: a component's figures as JSON. */
void status_get(struct request *request);

/* upload.c, files.c: storage, reserved before a byte is written, released when a file shrinks or goes. */
void files_put_begin(struct request *request);
void files_put_body(struct request *request, const char *data, size_t size);
void files_put_end(struct request *request);
void files_put_finish(struct request *request);
void files_get(struct request *request);
void files_delete(struct request *request);

/* messages.c: messages, one each. */
void messages_post_begin(struct request *request);
void messages_post_body(struct request *request, const char *data, size_t size);
void messages_post_end(struct request *request);
void messages_post_finish(struct request *request);

/* download.c: network, the bytes that are streamed. */
void download_get(struct request *request);

/* compute.c: cpu, checked before and recorded after. */
void compute_post(struct request *request);

/* memory.c: memory, held by the worker until it is deleted or the worker ends. */
void memory_post(struct request *request);
void memory_delete(struct request *request);

#endif
