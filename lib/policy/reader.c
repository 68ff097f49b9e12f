/* SPDX-License-Identifier: MIT */
/*
 * From a file to lines; see reader.h.
 *
 * Bytes are counted here rather than by fgets(), which cannot tell a NUL byte from the end of a line nor a long line
 * from two short ones. Memory is bounded whatever the file holds.
 */
#include "policy/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int complain_file(const struct reader *reader, int error)
{
	const struct place whole = {.file = reader->place.file};

	complain_error(reader->complaints, &whole, "cannot read it: %s", strerrordesc_np(error));
	return -error;
}

/* O_NONBLOCK: a FIFO is to be refused, not waited for. */
static int open_regular(const struct reader *reader, const char *path)
{
	const struct place whole = {.file = path};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int result = fd;
	struct stat status;

	if (fd < 0)
		return complain_file(reader, errno);
	if (fstat(fd, &status) < 0) {
		result = complain_file(reader, errno);
	} else if (S_ISDIR(status.st_mode)) {
		result = complain_file(reader, EISDIR);
	} else if (!S_ISREG(status.st_mode)) {
		complain_error(reader->complaints, &whole,
		               "this is not a regular file; a policy is read from files only");
		result = -EINVAL;
	}
	if (result < 0)
		close(fd);
	return result;
}

int reader_open(struct reader *reader, const char *path, struct complaints *complaints)
{
	int fd;

	reader->complaints = complaints;
	reader->error = 0;
	reader->place = (struct place){.file = path};
	fd = open_regular(reader, path);
	if (fd < 0)
		return fd;
	reader->stream = fdopen(fd, "r");
	if (reader->stream == NULL) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

/* What one line was made of. */
struct raw_line {
	size_t length; /* of what was kept */
	size_t nul_at; /* the first NUL byte, SIZE_MAX without any */
	bool is_long, is_read;
};

static struct raw_line read_raw(struct reader *reader)
{
	struct raw_line raw = {.nul_at = SIZE_MAX};
	int byte;

	while ((byte = getc_unlocked(reader->stream)) != EOF) {
		raw.is_read = true;
		if (byte == '\n')
			break;
		if (byte == '\0' && raw.nul_at == SIZE_MAX)
			raw.nul_at = raw.length;
		if (raw.length + 1 < LINE_SIZE)
			reader->text[raw.length++] = (char)byte;
		else
			raw.is_long = true;
	}
	if (byte == EOF && ferror_unlocked(reader->stream))
		reader->error = errno;
	if (raw.length > 0 && byte == '\n' && !raw.is_long && reader->text[raw.length - 1] == '\r')
		raw.length--;
	reader->text[raw.length] = '\0';
	return raw;
}

static enum reader_result refuse(struct reader *reader, size_t at, const char *fault)
{
	reader->place.column = (unsigned)at + 1;
	complain_error(reader->complaints, &reader->place, "%s", fault);
	return READER_REFUSED;
}

/* A mark that says UTF-8 says nothing new. One that says UTF-16 makes every line unreadable, so it is told once. */
static bool is_other_encoding(struct reader *reader, struct raw_line *raw)
{
	const char *text = reader->text;

	if (strncmp(text, LINE_BYTE_ORDER_MARK, 3) == 0) {
		raw->length -= 3;
		if (raw->nul_at != SIZE_MAX)
			raw->nul_at -= 3;
		memmove(reader->text, text + 3, raw->length + 1);
		return false;
	}
	return strncmp(text, "\xff\xfe", 2) == 0 || strncmp(text, "\xfe\xff", 2) == 0;
}

enum reader_result reader_next(struct reader *reader)
{
	struct raw_line raw = read_raw(reader);

	if (!raw.is_read)
		return READER_END;
	reader->place.line++;
	reader->place.column = 0;
	reader->place.source = NULL;
	if (reader->place.line == 1 && is_other_encoding(reader, &raw)) {
		reader->place.line = 0;
		complain_error(reader->complaints, &reader->place, "this is UTF-16; save it as UTF-8");
		return READER_END;
	}
	if (raw.is_long)
		return refuse(reader, LINE_SIZE - 1, "a line is at most 8191 bytes long");
	reader->place.source = reader->text;
	if (raw.nul_at != SIZE_MAX)
		return refuse(reader, raw.nul_at, "a NUL byte; this is not a text file");
	return READER_LINE;
}

int reader_close(struct reader *reader)
{
	int result = 0;

	if (reader->error != 0)
		result = complain_file(reader, reader->error);
	fclose(reader->stream);
	return result;
}
