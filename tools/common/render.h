/* SPDX-License-Identifier: MIT */
/*
 * How the programs' output looks: colour, display width and aligned cells, shared by shm-dump and shmquota.
 *
 * A style says what one stream can show; it is a value that its users pass on, so two streams can differ. Text from a
 * segment or a file is never sent to a terminal as it is: control characters and broken UTF-8 are escaped first.
 */
#ifndef RENDER_H
#define RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What one output stream can show. */
struct style {
	bool terminal;
	bool colour;      /* a terminal that is not dumb, and NO_COLOR is not set */
	bool unicode;     /* the locale's character set is UTF-8 */
	unsigned columns; /* of the terminal; 0 where lines may have any length */
};

enum tint { TINT_NONE, TINT_DIM, TINT_BOLD, TINT_GREEN, TINT_YELLOW, TINT_RED, TINT_MAGENTA };

/* Take over the user's locale. Once, before any other function of this file. */
void render_init(void);

struct style style_of(FILE *stream);

/* Escape sequences; "" where the style has no colour. */
const char *tint_begin(const struct style *style, enum tint tint);
const char *tint_end(const struct style *style, enum tint tint);

/* Columns that printable UTF-8 takes on a terminal. */
unsigned text_width(const char *text);

/*
 * Copy text, with control characters and bytes that are no UTF-8 written as \xHH. A copy that does not fit is cut
 * between characters. Returns out.
 */
char *text_printable(char *out, size_t size, const char *text);

/* Shorten printable text in place to at most `width` columns, its middle replaced by an ellipsis. Returns text. */
#define TEXT_PRINTABLE_MAX 512 /* room for any component name, all of it escaped, and an ellipsis */
char *text_fit(char text[TEXT_PRINTABLE_MAX], unsigned width, const struct style *style);

/* Write printable text, padded to `width` columns on its right (left-aligned) or on its left. */
void cell_left(FILE *stream, const struct style *style, enum tint tint, const char *text, unsigned width);
void cell_right(FILE *stream, const struct style *style, enum tint tint, const char *text, unsigned width);

#endif
