/* SPDX-License-Identifier: MIT */
/*
 * shmquota serve: what is answered to which request (serve_answer.c), and the figures that the answers are made of
 * (serve_rows.c).
 *
 * One thread answers all clients, so what it keeps needs no lock. Answers are made in memory and then sent as each
 * client takes them; a slow one holds up nobody and is left after a while. How much waits for slow ones is bounded: the
 * metrics of a large segment are hundreds of megabytes, and this may run beside what it watches.
 */
#ifndef SERVE_H
#define SERVE_H

#include <microhttpd.h>

#include "gather.h"

struct server {
	struct gather_choice choice;
	struct gathering gathering; /* as of `gathered_ns` */
	uint64_t gathered_ns;
	size_t under_way; /* bytes of answers that clients have not taken as a whole yet */
	bool is_local;    /* it listens on this machine only: names of other machines in a request are an attack */
};

/* Figures that are at most a moment old. NULL where memory is short. */
const struct gathering *server_figures(struct server *server);

/* A text in memory, to be freed. NULL where memory is short. */
struct body {
	char *text;
	size_t size;
};

/* What /rows answers; see the page for how it asks. A search that means nothing is answered with "error". */
struct rows_query {
	const char *segment, *search, *resource, *sort, *limit; /* as they came; any may be NULL */
};
struct body rows_body(struct server *server, const struct rows_query *query);

/* The page, which is part of the program. */
extern const unsigned char page_html[];
extern const size_t page_html_size;

/* libmicrohttpd's handler of requests; `context` is the server. */
enum MHD_Result server_answer(struct server *server, struct MHD_Connection *connection, const char *path,
                              const char *method);

#endif
