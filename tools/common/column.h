/* SPDX-License-Identifier: MIT */
/*
 * Columns of rows: how each counter looks as text, and how wide it usually is.
 *
 * There is one column for each counter of a row, and the bar, which draws the percentage.
 */
#ifndef COLUMN_H
#define COLUMN_H

#include "counter.h"
#include "render.h"
#include "units.h"

#define COLUMNS_MAX 32
#define BAR_CELLS 10

struct column {
	const struct counter *counter; /* NULL for the bar */
	unsigned width;                /* usual one; of a measured column the least */
	bool is_left;                  /* aligned to the left */
	bool is_measured;              /* by what it has to hold, not by the usual width */
};

/* How figures are written. */
struct manner {
	bool exact; /* amounts in their unit, all digits */
	bool unicode;
};

/* Room for any cell. */
struct cell {
	char text[TEXT_PRINTABLE_MAX];
};

/* The column of a counter's name or alias, or "bar". False where there is none. */
bool column_find(struct column *out, const char *name, const struct manner *manner);

/* "USED" and such; the bar has none. */
const char *column_title(const struct column *column);

/*
 * Read a list "used,limit,%..." of column names, separated by commas.
 * Returns the number of columns; 0 with *wrong set to the name that is none (up to the next comma), or to "" for none.
 */
size_t columns_parse(struct column out[COLUMNS_MAX], const char *list, const struct manner *manner, const char **wrong);

/* Write a column's figure of a row: "" where it does not apply. Returns out->text. */
const char *column_text(struct cell *out, const struct column *column, const struct row *row,
                        const struct manner *manner);

/* Any value of the table as text. */
const char *value_text(struct cell *out, const struct counter *counter, const struct subject *subject,
                       const struct manner *manner);

/*
 * The limit of a row as policies spell it: "100/s", "10 MiB/s", "100 MiB"; the first says it, too, where the limit does
 * not refuse: "100/s (warn)", "100/s (off)".
 */
struct label row_limit_label(const struct row *row, bool unicode);
struct label row_bare_limit_label(const struct row *row, bool unicode);

/* A bar of `cells` cells, in eighths of a cell where the character set has them. Returns out->text. */
const char *bar_text(struct cell *out, double share, unsigned cells, bool unicode);

/* The names of all columns with their lines, for help: "  used          how much is used\n". */
void columns_help(FILE *stream);

#endif
