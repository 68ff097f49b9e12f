/* SPDX-License-Identifier: MIT */
/*
 * From a path to an operation: /COMPONENT/WHAT or /COMPONENT/WHAT/NAME. The server hands over the path as it was sent,
 * so that "%2F" in a component's name is not taken for a separator; each part is decoded on its own.
 */
#include "routes.h"

#include "answer.h"
#include "operations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PARTS_MAX 3

static const struct operation table[] = {
    {"GET", "", .end = index_get},
    {"HEAD", "", .end = index_get},
    {"GET", "status", .end = status_get},
    {"HEAD", "status", .end = status_get},
    {"PUT", "files", .needs_name = true, .takes_body = true, .begin = files_put_begin, .body = files_put_body,
     .end = files_put_end, .finish = files_put_finish},
    {"GET", "files", .needs_name = true, .end = files_get},
    {"DELETE", "files", .needs_name = true, .end = files_delete},
    {"POST", "messages", .takes_body = true, .begin = messages_post_begin, .body = messages_post_body,
     .end = messages_post_end, .finish = messages_post_finish},
    {"GET", "download", .end = download_get},
    {"POST", "compute", .end = compute_post},
    {"POST", "memory", .end = memory_post},
    {"DELETE", "memory", .end = memory_delete},
};

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* Decode %XX. Returns false for a bad escape, an encoded NUL, or a text that does not fit. */
static bool decode(char *out, size_t size, const char *text, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (c == '%') {
			int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < length ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		if (c == '\0' || used + 1 >= size)
			return false;
		out[used++] = c;
	}
	out[used] = '\0';
	return true;
}

/* Returns how many parts the path has; -ENOENT where none of ours looks like that, -EINVAL for a malformed one. */
static int split(char parts[PARTS_MAX][FILE_NAME_MAX + 1], const char *path)
{
	int count = 0;

	if (strcmp(path, "/") == 0)
		return 0;
	while (*path == '/') {
		const char *start = path + 1;
		size_t length = strcspn(start, "/");

		if (count == PARTS_MAX || length == 0)
			return -ENOENT;
		if (!decode(parts[count], sizeof(parts[count]), start, length))
			return -EINVAL;
		count++;
		path = start + length;
	}
	return *path == '\0' && count != 1 ? count : -ENOENT;
}

static void answer_nothing_here(struct request *request)
{
	answer_text(request, MHD_HTTP_NOT_FOUND, "There is nothing here; GET / says what there is");
}

/* Find by path first, so that a known path with an unknown method is answered with the methods it has. */
static const struct operation *find_operation(struct request *request, const char *method, const char *what,
                                              bool has_name)
{
	char allowed[64] = "";
	size_t used = 0;

	for (size_t i = 0; i < TABLE_SIZE; i++) {
		if (strcmp(table[i].what, what) != 0 || table[i].needs_name != has_name)
			continue;
		if (strcmp(table[i].method, method) == 0)
			return &table[i];
		used +=
		    (size_t)snprintf(allowed + used, sizeof(allowed) - used, "%s%s", used ? ", " : "", table[i].method);
	}
	if (used > 0)
		answer_not_allowed(request, allowed);
	else
		answer_nothing_here(request);
	return NULL;
}

static void find_component(struct request *request, const char *name)
{
	int result = shmq_component_find(&request->component, request->worker->host->segment, name);

	if (result < 0) {
		request->component = NULL;
		answer_result(request, result);
	}
}

void routes_find(struct request *request, const char *method, const char *path)
{
	char parts[PARTS_MAX][FILE_NAME_MAX + 1] = {""};
	int count = split(parts, path);

	if (count == -EINVAL)
		answer_text(request, MHD_HTTP_BAD_REQUEST, "The path has a bad %%XX or a name that is too long");
	else if (count < 0)
		answer_nothing_here(request);
	if (count < 0)
		return;
	request->operation = find_operation(request, method, parts[1], count == PARTS_MAX);
	if (request->operation == NULL)
		return;
	memcpy(request->name, parts[2], sizeof(request->name));
	if (count > 0)
		find_component(request, parts[0]);
}
