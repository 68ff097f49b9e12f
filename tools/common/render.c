/* SPDX-License-Identifier: MIT */
/*
 * Colour, display width and aligned cells.
 *
 * Names in a segment are UTF-8 whatever the user's locale is, so the character functions always work in UTF-8; a
 * locale of another character set only switches off the ornaments (ellipsis, infinity sign, bars).
 */
#include "render.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

/* What the user's locale said, before render_init() made sure of UTF-8: the C library keeps one locale per process. */
static bool locale_is_utf8;

void render_init(void)
{
	setlocale(LC_ALL, "");
	/* Figures in the output, and in JSON above all, have a decimal point everywhere. */
	setlocale(LC_NUMERIC, "C");
	locale_is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (!locale_is_utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
}

static bool colour_is_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return (!no_color || !*no_color) && term && *term && strcmp(term, "dumb") != 0;
}

/* The COLUMNS that a shell exports wins, as with ls and ps; then the terminal; 80 where it does not know itself. */
static unsigned terminal_columns(int fd)
{
	const char *text = getenv("COLUMNS");
	long columns = text ? strtol(text, NULL, 10) : 0;
	struct winsize size;

	if (columns > 0 && columns <= 10000)
		return (unsigned)columns;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

struct style style_of(FILE *stream)
{
	struct style style = {.unicode = locale_is_utf8};

	if (isatty(fileno(stream))) {
		style.terminal = true;
		style.colour = colour_is_wanted();
		style.columns = terminal_columns(fileno(stream));
	}
	return style;
}

const char *tint_begin(const struct style *style, enum tint tint)
{
	static const char *const sequences[] = {
	    [TINT_NONE] = "",
	    [TINT_DIM] = "\033[2m",
	    [TINT_BOLD] = "\033[1m",
	    [TINT_GREEN] = "\033[32m",
	    [TINT_YELLOW] = "\033[33m",
	    [TINT_RED] = "\033[1;31m",
	    [TINT_MAGENTA] = "\033[1;35m",
	};

	return style->colour ? sequences[tint] : "";
}

const char *tint_end(const struct style *style, enum tint tint)
{
	return style->colour && tint != TINT_NONE ? "\033[0m" : "";
}

/*
 * Decode one character. Returns its length in bytes and sets its columns; 0 where the text does not start with a
 * printable character (a control, broken UTF-8 or its end).
 */
static size_t character_at(const char *text, unsigned *columns)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t length;
	int width;

	/* Nearly all text is ASCII, and a dump of a large segment has millions of cells. */
	if (*text >= ' ' && *text <= '~') {
		*columns = 1;
		return 1;
	}
	length = mbrtowc(&wide, text, strnlen(text, MB_LEN_MAX), &state);
	if (length == 0 || length > MB_LEN_MAX)
		return 0;
	width = wcwidth(wide);
	if (width < 0)
		return 0;
	*columns = (unsigned)width;
	return length;
}

unsigned text_width(const char *text)
{
	unsigned total = 0;

	while (*text) {
		unsigned columns = 1;
		size_t length = character_at(text, &columns);

		text += length ? length : 1;
		total += columns;
	}
	return total;
}

char *text_printable(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text) {
		unsigned columns;
		size_t length = character_at(text, &columns);
		size_t needed = length ? length : sizeof("\\xHH") - 1;

		if (used + needed >= size)
			break;
		if (length)
			memcpy(out + used, text, length);
		else
			snprintf(out + used, size - used, "\\x%02x", (unsigned char)*text);
		used += needed;
		text += length ? length : 1;
	}
	out[used] = '\0';
	return out;
}

/* Bytes of the longest start of printable text that takes at most `width` columns. */
static size_t prefix_bytes(const char *text, unsigned width)
{
	size_t used = 0;

	while (text[used]) {
		unsigned columns = 1;
		size_t length = character_at(text + used, &columns);

		if (columns > width)
			break;
		width -= columns;
		used += length ? length : 1;
	}
	return used;
}

char *text_fit(char text[TEXT_PRINTABLE_MAX], unsigned width, const struct style *style)
{
	const char *ellipsis = style->unicode ? "\u2026" : "~";
	size_t length = strnlen(text, TEXT_PRINTABLE_MAX - 1);
	unsigned total = text_width(text);
	unsigned tail = width < 3 ? 0 : (width - 1) / 2;
	char copy[TEXT_PRINTABLE_MAX];
	size_t head_bytes, tail_start;

	if (total <= width)
		return text;
	memcpy(copy, text, length);
	copy[length] = '\0';
	/* Names of one family differ at their end as often as at their start: keep both. */
	head_bytes = prefix_bytes(copy, width ? width - 1 - tail : 0);
	tail_start = prefix_bytes(copy, total - tail);
	/* A wide character across the cut leaves the tail a column short rather than long. */
	while (text_width(copy + tail_start) > tail)
		tail_start += prefix_bytes(copy + tail_start, 2);
	snprintf(text + head_bytes, TEXT_PRINTABLE_MAX - head_bytes, "%s%s", ellipsis, copy + tail_start);
	return text;
}

static void pad(FILE *stream, const char *text, unsigned width)
{
	for (unsigned taken = text_width(text); taken < width; taken++)
		putc(' ', stream);
}

static void put_tinted(FILE *stream, const struct style *style, enum tint tint, const char *text)
{
	fputs(tint_begin(style, tint), stream);
	fputs(text, stream);
	fputs(tint_end(style, tint), stream);
}

void cell_left(FILE *stream, const struct style *style, enum tint tint, const char *text, unsigned width)
{
	put_tinted(stream, style, tint, text);
	pad(stream, text, width);
}

void cell_right(FILE *stream, const struct style *style, enum tint tint, const char *text, unsigned width)
{
	pad(stream, text, width);
	put_tinted(stream, style, tint, text);
}
