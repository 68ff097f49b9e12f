/* SPDX-License-Identifier: MIT */
/*
 * The rows of a segment that a user asked for, in the order he asked for.
 *
 * Without a filter, an order or a bound, rows are read as they are walked over and nothing is kept, so a segment of a
 * million components needs no more memory than a small one. With any of them all rows are read once, first, and those
 * that pass are kept: every later walk sees the same rows.
 */
#ifndef SELECTION_H
#define SELECTION_H

#include "filter.h"
#include "row.h"

struct row_set {
	struct row *row;
	size_t count, room;
	char **name; /* of the components of the rows, freed with the set */
	size_t names, names_room;
};

struct selection {
	struct shmq_segment *segment;
	uint32_t capacity;
	char *const *wanted; /* components asked for by name; all where there are none */
	size_t wanted_count;
	char *const *include, *const *exclude; /* patterns as the shell's, of components' names */
	size_t include_count, exclude_count;
	struct filter filter;
	const struct counter *order; /* NULL: by component */
	bool descending;
	size_t most; /* how many rows at most; 0 is all */

	struct row_set set; /* what was kept */
	bool is_kept;
};

/* Whether it leaves out or orders anything. */
bool selection_is_choice(const struct selection *selection);

/* Read what has to be kept. Returns 0 or -ENOMEM. Free with selection_end() in both cases. */
int selection_begin(struct selection *selection);
void selection_end(struct selection *selection);

/*
 * Call `see` for each row. `rows` are those of one component that pass, and they are together unless another order was
 * asked for, when each call has one row.
 */
void selection_walk(const struct selection *selection, void (*see)(void *context, const struct row *rows, size_t count),
                    void *context);

/*
 * Put kept rows of one component together again, at the place of the first of them, as documents need them that are made
 * of components. Nothing happens where nothing is kept. Returns 0 or -ENOMEM.
 */
int selection_group(struct selection *selection);

/* Compare two rows by a counter, as qsort() wants it; what a row does not have comes last. */
int row_compare(const struct row *left, const struct row *right, const struct counter *order, bool descending);

/* Tell whether the patterns let a name pass. */
bool name_passes(const char *name, char *const *include, size_t include_count, char *const *exclude,
                 size_t exclude_count);

/* Add a row to a set, with the name of its component where `name` is not that of the row before. False: no memory. */
bool row_set_add(struct row_set *set, const struct row *row);
void row_set_free(struct row_set *set);

#endif
