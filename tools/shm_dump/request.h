/* SPDX-License-Identifier: MIT */
/*
 * What the command line of shm-dump asks for.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "dump.h"

struct request {
	const char *name; /* as typed; NULL where none was given */
	enum dump_view view;
	enum dump_format format;
	bool has_header, exact;
	char **wanted, **include, **exclude;
	size_t wanted_count, include_count, exclude_count;
	struct filter filter;
	const struct counter *order;
	bool descending;
	size_t most;
	struct column column[COLUMNS_MAX];
	size_t columns;
	const char *list;    /* of columns, as typed */
	uint64_t watch_ns;   /* 0: once */
	unsigned long times; /* 0: until it is interrupted */
};

/* Parse a command line; ends the program where it is wrong or asks for help. Free with request_free(). */
void request_parse(struct request *out, int argc, char **argv);
void request_free(struct request *request);

/* Write the candidates for the last of the words behind the program, for the completions of shells. */
void request_complete(int count, char **words);

#endif
