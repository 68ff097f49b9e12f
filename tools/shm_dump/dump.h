/* SPDX-License-Identifier: MIT */
/*
 * One dump of one segment: what was asked for, what is shown, and the views that show it.
 *
 * The segment is open for observing. Views write to a stream as they go. Figures are as of the moment they are read; a
 * row is read at one moment.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <shmquota.h>

#include "column.h"
#include "render.h"
#include "selection.h"

enum dump_view { VIEW_USAGE, VIEW_RAW, VIEW_WORKERS, VIEW_POLICY, VIEW_EVENTS };
enum dump_format { FORMAT_TEXT, FORMAT_JSON, FORMAT_NDJSON };

struct dump {
	struct shmq_segment *segment;
	struct overview overview;
	struct selection selection;
	struct manner manner;
	struct style style; /* of the stream that `out` goes to at last */
	FILE *out;
	enum dump_view view;
	enum dump_format format;
	bool has_header; /* titles, and what stands around a table */
	struct column column[COLUMNS_MAX];
	size_t columns; /* 0: the usual ones */
};

/* Show what was asked for. */
void dump_show(struct dump *dump);

void dump_summary(const struct dump *dump); /* the segment, and its workers as far as they matter */
void dump_workers(const struct dump *dump); /* all of them */
void dump_table(const struct dump *dump);   /* the components */
void dump_policy(const struct dump *dump);  /* the limits in force */
void dump_raw(const struct dump *dump);

/* The text of a field that is a component's name; false for all others. */
bool raw_name(char *out, size_t size, struct shmq_segment *segment, const struct shmq_field *field);

void dump_events(const struct dump *dump); /* what the segment remembers */

/* Call `see` for each event that was asked for, oldest first; `lost` were missed since the one before. */
void dump_each_event(const struct dump *dump, void (*see)(void *context, const struct shmq_event *event, uint64_t lost),
                     void *context);

void dump_json(struct dump *dump);   /* any view as one document */
void dump_ndjson(struct dump *dump); /* any view as one value a line */

#endif
