/* SPDX-License-Identifier: MIT */
/*
 * A file as a sequence of lines that are safe to look at.
 *
 * A line comes without its newline (LF or CRLF, missing after the last line perhaps) and without a byte order mark. It
 * has no NUL byte and fits into LINE_SIZE; lines that do not are complained of and passed over. Only regular files are
 * read: a directory reads as an empty file elsewhere, and a FIFO may wait for ever.
 */
#ifndef SHMQ_POLICY_READER_H
#define SHMQ_POLICY_READER_H

#include "policy/complain.h"
#include "policy/line.h"

#include <stdio.h>

struct reader {
	FILE *stream;
	int error; /* an errno of reading, 0 without any */
	struct complaints *complaints;
	struct place place; /* of the line; its source is `text` */
	char text[LINE_SIZE];
};

enum reader_result {
	READER_END,     /* no more lines, or none that can be read */
	READER_LINE,    /* a line is in `text` */
	READER_REFUSED, /* there was a line, which has been complained of; `text` is its beginning */
};

/* Open a file. Returns 0 or the file's negative errno, which has been complained of. */
int reader_open(struct reader *reader, const char *path, struct complaints *complaints);

enum reader_result reader_next(struct reader *reader);

/* Close the file. Returns 0 or the negative errno of reading it, which has been complained of. */
int reader_close(struct reader *reader);

#endif
