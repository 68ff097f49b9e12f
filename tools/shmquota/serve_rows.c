/* SPDX-License-Identifier: MIT */
/*
 * The figures that are served. They are read at most a few times a second, however many clients ask.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failure.h"
#include "json.h"
#include "serve.h"

#define FRESH_NS UINT64_C(400000000)
#define ROWS_USUAL 200
#define ROWS_MOST 2000

const struct gathering *server_figures(struct server *server)
{
	uint64_t now_ns = monotonic_ns();

	if (server->gathered_ns && now_ns - server->gathered_ns < FRESH_NS)
		return &server->gathering;
	gathering_free(&server->gathering);
	server->gathered_ns = 0;
	if (gather(&server->gathering, &server->choice) < 0)
		return NULL;
	server->gathered_ns = now_ns;
	return &server->gathering;
}

/* The rows of a segment that a query asks for, in its order. */
struct chosen {
	const struct row **row;
	size_t count;
	uint64_t criticals, warnings, denied; /* of all rows */
	const struct counter *order;
	bool descending;
};

static int compare_chosen(const void *left, const void *right, void *context)
{
	const struct row *a = *(const struct row *const *)left, *b = *(const struct row *const *)right;
	const struct chosen *chosen = context;
	int result = row_compare(a, b, chosen->order, chosen->descending);

	if (result == 0)
		result = (a->id > b->id) - (a->id < b->id);
	return result ? result : a->resource - b->resource;
}

static bool choose(struct chosen *out, const struct row_set *set, const struct rows_query *query,
                   const struct search *search)
{
	const char *key = query->sort ? query->sort : "-used_pct";
	bool any = !query->resource || !*query->resource;

	out->descending = *key == '-';
	out->order = counter_find(SCOPE_RESOURCE, key + out->descending);
	if (!out->order)
		out->order = counter_find(SCOPE_RESOURCE, "used_pct");
	out->row = calloc(set->count + 1, sizeof(const struct row *));
	if (!out->row)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		const struct row *row = &set->row[i];

		out->criticals += row->alarm == ALARM_CRITICAL;
		out->warnings += row->alarm == ALARM_WARNING;
		out->denied += row_is_group(row) ? 0 : row->status.denied;
		if ((any || strcmp(query->resource, shmq_resource_name(row->resource)) == 0) &&
		    search_admits(search, row))
			out->row[out->count++] = row;
	}
	if (out->count > 0)
		qsort_r(out->row, out->count, sizeof(const struct row *), compare_chosen, out);
	return true;
}

static size_t limit_of(const struct rows_query *query)
{
	unsigned long limit = query->limit ? strtoul(query->limit, NULL, 10) : ROWS_USUAL;

	return limit < ROWS_MOST ? limit : ROWS_MOST;
}

static json_t *json_names(const struct gathering *gathering)
{
	json_t *names = json_array();

	for (size_t i = 0; i < gathering->count; i++)
		json_array_append_new(names, json_text(gathering->segment[i].name));
	return names;
}

/* The segment that is asked for: the first that can be read where none was named. */
static const struct gathered *find_segment(const struct gathering *gathering, const char *name)
{
	const struct gathered *first = gathering->count > 0 ? &gathering->segment[0] : NULL;

	for (size_t i = 0; i < gathering->count; i++) {
		if (name && *name ? strcmp(gathering->segment[i].name, name) == 0 : gathering->segment[i].result == 0)
			return &gathering->segment[i];
	}
	return name && *name ? NULL : first;
}

static bool write_rows(FILE *out, const struct chosen *chosen, size_t limit)
{
	bool is_whole = true;

	fprintf(out,
	        ",\n\"matched\":%zu,\"critical\":%" PRIu64 ",\"warning\":%" PRIu64 ",\"denied\":%" PRIu64 ",\"rows\":[",
	        chosen->count, chosen->criticals, chosen->warnings, chosen->denied);
	for (size_t i = 0; is_whole && i < chosen->count && i < limit; i++)
		is_whole = json_write(out, i ? ",\n" : "\n", json_row(chosen->row[i]));
	return fputs("]}\n", out) != EOF && is_whole;
}

/* Which rows to write; a sentence in `why` where that is not clear. */
static void choose_of(struct chosen *out, const struct gathered *segment, const struct rows_query *query, char *why,
                      size_t size)
{
	struct search search = {.text = ""};

	if (!segment)
		snprintf(why, size, "there is no such segment at the moment");
	else if (segment->result < 0)
		snprintf(why, size, "%s", segment_reason(segment->result));
	else if ((!query->search || search_set(&search, query->search, why, size)) &&
	         !choose(out, &segment->set, query, &search))
		snprintf(why, size, "out of memory");
}

/* Returns false where the document is not whole. */
static bool write_body(FILE *out, const struct gathering *gathering, const struct rows_query *query)
{
	const struct gathered *segment = find_segment(gathering, query->segment);
	struct chosen chosen = {.count = 0};
	struct overview overview;
	char why[256] = "";
	bool is_whole;

	choose_of(&chosen, segment, query, why, sizeof(why));
	fprintf(out, "{\"schema\":\"shmquota.rows\",\"version\":1,\"time_unix_ns\":%" PRIu64 ",\n", realtime_ns());
	is_whole = json_write(out, "\"segments\":", json_names(gathering));
	if (*why) {
		is_whole = is_whole && json_write(out, ",\n\"error\":", json_text(why)) && fputs("}\n", out) != EOF;
	} else {
		overview = segment->overview;
		overview.name = segment->name; /* the set may have moved since it was read */
		is_whole = is_whole && json_write(out, ",\n\"segment\":", json_segment(&overview)) &&
		           write_rows(out, &chosen, limit_of(query));
	}
	free(chosen.row);
	return is_whole;
}

struct body rows_body(struct server *server, const struct rows_query *query)
{
	const struct gathering *gathering = server_figures(server);
	struct body body = {0};
	FILE *out = gathering ? open_memstream(&body.text, &body.size) : NULL;
	bool is_whole;

	if (!out)
		return body;
	is_whole = write_body(out, gathering, query);
	if (fclose(out) != 0 || !is_whole) {
		free(body.text);
		body = (struct body){0};
	}
	return body;
}
