/* SPDX-License-Identifier: MIT */
/*
 * Drawing top, through ncurses, which sends only what differs from what stands there: nothing flickers.
 *
 * The columns that matter most are taken first, as long as they fit; what is left over goes to names, then to history.
 */
#include "top.h"

#include <curses.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "column.h"
#include "failure.h"
#include "units.h"

enum field {
	F_NAME,
	F_RESOURCE,
	F_USED,
	F_LIMIT,
	F_PERCENT,
	F_BAR,
	F_HISTORY,
	F_TAKEN,
	F_DENIED_RATE,
	F_DENIED,
	F_RESETS,
	FIELDS
};

#define HEAD_LINES 3
#define NAME_LEAST 10
#define NAME_GOOD 24 /* so much of a name is worth more than the least important fields */
#define HISTORY_MOST 40

static const struct {
	const char *title;
	int width;
	bool is_left;
} fields[FIELDS] = {
    [F_NAME] = {"COMPONENT", NAME_LEAST, true},
    [F_RESOURCE] = {"RESOURCE", 8, true},
    [F_USED] = {"USED", 8, false},
    [F_LIMIT] = {"LIMIT", 10, false},
    [F_PERCENT] = {"%", 5, false},
    [F_BAR] = {"", 8, true},
    [F_HISTORY] = {"HISTORY", 8, true},
    [F_TAKEN] = {"TAKEN/S", 10, false},
    [F_DENIED_RATE] = {"DENIED/S", 8, false},
    [F_DENIED] = {"DENIED", 7, false},
    [F_RESETS] = {"RESETS IN", 11, false},
};

/* Which field goes by which order, to mark it. */
static const enum field field_of_order[ORDERS] = {F_PERCENT, F_NAME, F_USED, F_TAKEN, F_DENIED_RATE, F_DENIED};

enum pair { PAIR_NONE, PAIR_GOOD, PAIR_WARNING, PAIR_CRITICAL, PAIR_DIM };

/* ---- Layout ------------------------------------------------------------------------------------------------------ */

static unsigned longest_name(const struct top *top)
{
	unsigned longest = NAME_LEAST;
	char printable[TEXT_PRINTABLE_MAX];

	for (size_t i = top->first; i < top->shown_count && i < top->first + screen_rows(); i++) {
		unsigned width = text_width(text_printable(printable, sizeof(printable), top->shown[i]->row.component));

		longest = width > longest ? width : longest;
	}
	return longest;
}

/* Give the name as much of the rest as it can use up to `most`. */
static int widen_name(int width[FIELDS], int rest, int most)
{
	int more = most - width[F_NAME];

	more = more < rest ? more : rest;
	if (more <= 0)
		return rest;
	width[F_NAME] += more;
	return rest - more;
}

/* Some limits are longer than others: they get room where there is some to spare, or else say less. */
static int widen_limit(int width[FIELDS], int rest, const struct top *top)
{
	unsigned longest = 0;
	int more;

	for (size_t i = top->first; i < top->shown_count && i < top->first + screen_rows(); i++) {
		unsigned taken = text_width(row_limit_label(&top->shown[i]->row, top->style.unicode).text);

		longest = taken > longest ? taken : longest;
	}
	more = (int)longest - width[F_LIMIT];
	if (width[F_LIMIT] == 0 || more <= 0 || more > rest)
		return rest;
	width[F_LIMIT] += more;
	return rest - more;
}

static struct label limit_that_fits(const struct row *row, int width, bool unicode)
{
	struct label label = row_limit_label(row, unicode);

	if ((int)text_width(label.text) > width)
		label = row_bare_limit_label(row, unicode);
	return row->burst > 0 && (int)text_width(label.text) > width ? amount_label(row->resource, row->burst, unicode)
	                                                             : label;
}

/* Give each field its width; 0 leaves it out. */
static void lay_out(int width[FIELDS], const struct top *top)
{
	static const enum field important[] = {F_NAME,  F_PERCENT, F_RESOURCE, F_DENIED_RATE, F_USED,  F_BAR,
	                                       F_LIMIT, F_HISTORY, F_DENIED,   F_TAKEN,       F_RESETS};
	int rest = COLS;
	int longest = (int)longest_name(top);

	memset(width, 0, FIELDS * sizeof(*width));
	for (size_t i = 0; i < FIELDS; i++) {
		enum field field = important[i];

		if (field == F_DENIED)
			rest = widen_name(width, rest, longest < NAME_GOOD ? longest : NAME_GOOD);
		if (rest < fields[field].width)
			break;
		width[field] = fields[field].width;
		rest -= width[field] + 1;
	}
	rest = rest > 0 ? rest : 0;
	rest = widen_name(width, rest, longest);
	rest = widen_limit(width, rest, top);
	if (width[F_HISTORY] > 0)
		width[F_HISTORY] += rest < HISTORY_MOST - width[F_HISTORY] ? rest : HISTORY_MOST - width[F_HISTORY];
}

/* ---- Cells ------------------------------------------------------------------------------------------------------- */

static chtype look_of(enum alarm alarm)
{
	static const enum pair pairs[] = {PAIR_GOOD, PAIR_WARNING, PAIR_CRITICAL};

	return (chtype)COLOR_PAIR(pairs[alarm]) | (alarm == ALARM_CRITICAL ? A_BOLD : A_NORMAL);
}

static void put(int line, int column, int width, bool is_left, chtype look, const char *text)
{
	int spare = width - (int)text_width(text);

	attrset((int)look);
	mvaddstr(line, column + (is_left || spare < 0 ? 0 : spare), text);
	attrset(A_NORMAL);
}

static struct label rate_label(double per_second)
{
	struct label label;

	if (per_second <= 0)
		return count_label(0);
	if (per_second >= 100)
		return count_label((uint64_t)per_second);
	snprintf(label.text, sizeof(label.text), "%.1f", per_second);
	return label;
}

static void put_history(const struct top *top, int line, int column, int width, const struct sample *sample)
{
	static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
	                                     "\u2585", "\u2586", "\u2587", "\u2588"};
	static const char ramp[] = "_.:-=+*#";
	float shares[HISTORY_MOST];
	size_t count = trace_shares(&top->sampler, sample->trace, shares, (size_t)width);

	for (size_t i = 0; i < count; i++) {
		int level = (int)(shares[i] * 8);
		char plain[2] = {ramp[level < 7 ? level : 7], '\0'};
		enum pair pair = PAIR_GOOD;

		if (shares[i] >= 0.8f)
			pair = shares[i] >= 0.95f ? PAIR_CRITICAL : PAIR_WARNING;
		attrset(COLOR_PAIR(shares[i] > 0 ? pair : PAIR_DIM));
		mvaddstr(line, column + width - (int)(count - i),
		         top->style.unicode ? blocks[level < 7 ? level : 7] : plain);
	}
	attrset(A_NORMAL);
}

/* The text of a field; NULL for those that are drawn. */
static const char *field_text(const struct top *top, enum field field, const struct sample *sample, int width,
                              struct label *label)
{
	const struct row *row = &sample->row;
	bool unicode = top->style.unicode;

	switch (field) {
	case F_RESOURCE:
		return shmq_resource_name(row->resource);
	case F_USED:
		*label = amount_label(row->resource, row->status.used, unicode);
		break;
	case F_LIMIT:
		*label = limit_that_fits(row, width, unicode);
		break;
	case F_PERCENT:
		if (row->status.limit == SHMQ_UNLIMITED)
			return "-";
		*label = percent_label(row->status.used, row->status.limit);
		break;
	case F_TAKEN:
		*label = amount_label(row->resource, (uint64_t)sample->taken_per_s, unicode);
		break;
	case F_DENIED_RATE:
		*label = rate_label(sample->denied_per_s);
		break;
	case F_DENIED:
		*label = count_label(row->status.denied);
		break;
	case F_RESETS:
		if (row->status.used == 0 || row->status.window_end_ns <= row->now_ns)
			return "";
		*label = duration_label(row->status.window_end_ns - row->now_ns);
		break;
	default:
		return NULL;
	}
	return label->text;
}

static chtype field_look(enum field field, const struct sample *sample, const char *text)
{
	if (field == F_USED || field == F_PERCENT)
		return sample->row.alarm == ALARM_NONE ? A_NORMAL : look_of(sample->row.alarm);
	if (field == F_DENIED_RATE && sample->denied_per_s > 0)
		return look_of(ALARM_CRITICAL);
	return strcmp(text, "0") == 0 ? (chtype)COLOR_PAIR(PAIR_DIM) : A_NORMAL;
}

static void put_field(const struct top *top, int line, int column, int width, enum field field,
                      const struct sample *sample)
{
	const struct row *row = &sample->row;
	struct label label;
	struct cell cell;
	const char *text;

	if (field == F_HISTORY) {
		put_history(top, line, column, width, sample);
	} else if (field == F_BAR) {
		double share = row->status.limit == SHMQ_UNLIMITED ? 0 : row->status.percentage / 100;

		put(line, column, width, true, look_of(row->alarm),
		    bar_text(&cell, share, (unsigned)width, top->style.unicode));
	} else if (field == F_NAME) {
		text_printable(cell.text, sizeof(cell.text), row->component);
		put(line, column, width, true, A_BOLD, text_fit(cell.text, (unsigned)width, &top->style));
	} else {
		text = field_text(top, field, sample, width, &label);
		put(line, column, width, fields[field].is_left, field_look(field, sample, text), text);
	}
}

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

/* Write text that is cut at the right end of the screen. */
static void put_line(int line, chtype look, const char *text)
{
	char copy[TEXT_PRINTABLE_MAX];
	size_t length = (size_t)snprintf(copy, sizeof(copy), "%s", text);

	length = length < sizeof(copy) ? length : sizeof(copy) - 1;
	while (length > 0 && text_width(copy) > (unsigned)COLS) {
		/* A character of several bytes goes as a whole. */
		while (length > 1 && ((unsigned char)copy[length - 1] & 0xc0) == 0x80)
			length--;
		copy[--length] = '\0';
	}
	attrset((int)look);
	mvaddstr(line, 0, copy);
	attrset(A_NORMAL);
}

/* Write one of the parts of a line if it fits as a whole. Returns where the next one begins. */
static int put_part(int line, int column, chtype look, const char *text)
{
	int end = column + (int)text_width(text);

	if (end > COLS)
		return COLS; /* and so does what is behind it */
	put(line, column, 0, true, look, text);
	return end + 2;
}

static chtype look_of_state(const struct worker_count *workers)
{
	if (workers->dead > 0)
		return look_of(ALARM_CRITICAL);
	return A_BOLD | (chtype)COLOR_PAIR(workers->alive > 0 ? PAIR_GOOD : PAIR_NONE);
}

static void draw_head(const struct top *top)
{
	const struct overview *it = &top->sampler.overview;
	char name[TEXT_PRINTABLE_MAX], text[96], dead[32] = "";
	int column;

	text_printable(name, sizeof(name), top->sampler.name);
	column = put_part(0, 0, A_BOLD, text_fit(name, (unsigned)COLS, &top->style));
	if (top->sampler.segment == NULL) {
		put_part(0, column, look_of(ALARM_CRITICAL), "gone");
		return;
	}
	if (it->workers.dead > 0)
		snprintf(dead, sizeof(dead), " + %u dead", it->workers.dead);
	column = put_part(0, column, look_of_state(&it->workers), segment_state(&it->workers));
	snprintf(text, sizeof(text), "workers %u%s", it->workers.alive, dead);
	column = put_part(0, column, it->workers.dead ? look_of(ALARM_CRITICAL) : A_BOLD, text);
	snprintf(text, sizeof(text), "components %" PRIu32 "/%" PRIu32, it->info.components_used, it->info.components);
	column = put_part(0, column, A_BOLD, text);
	snprintf(text, sizeof(text), "policy #%" PRIu64, it->info.policy_generation);
	column = put_part(0, column, A_BOLD, text);
	if (column + 9 < COLS)
		put(0, COLS - 8, 8, true, COLOR_PAIR(PAIR_DIM), clock_label(realtime_ns()).text);
}

static void draw_state(const struct top *top)
{
	char text[FILTER_TEXT + 64];
	int column;

	snprintf(text, sizeof(text), "%" PRIu64 " critical", top->criticals);
	column = put_part(1, 0, top->criticals ? look_of(ALARM_CRITICAL) : A_NORMAL, text);
	snprintf(text, sizeof(text), "%" PRIu64 " warning", top->warnings);
	column = put_part(1, column, top->warnings ? look_of(ALARM_WARNING) : A_NORMAL, text);
	snprintf(text, sizeof(text), "denied %s/s", rate_label(top->denied_per_s).text);
	column = put_part(1, column, top->denied_per_s > 0 ? look_of(ALARM_CRITICAL) : A_NORMAL, text);
	snprintf(text, sizeof(text), "every %s", duration_label(top->interval_ns).text);
	column = put_part(1, column, A_NORMAL, top->is_paused ? "PAUSED" : text);
	if (top->resource >= 0)
		column = put_part(1, column, A_REVERSE, shmq_resource_name(top->resource));
	if (top->hides_idle)
		column = put_part(1, column, A_REVERSE, "busy only");
	snprintf(text, sizeof(text), "filter: %s", top->search.text);
	if (*top->search.text)
		put_part(1, column, A_REVERSE, text);
}

static void draw_titles(const struct top *top, const int width[FIELDS])
{
	int column = 0;

	attrset(A_REVERSE);
	mvhline(2, 0, ' ' | A_REVERSE, COLS);
	for (int field = 0; field < FIELDS; field++) {
		bool marks = field_of_order[top->order] == (enum field)field;
		char title[24];

		if (width[field] == 0)
			continue;
		snprintf(title, sizeof(title), "%s%s", fields[field].title,
		         !marks                                         ? ""
		         : top->ascending != (top->order == ORDER_NAME) ? "^"
		                                                        : "v");
		if ((int)strlen(title) <= width[field])
			put(2, column, width[field], fields[field].is_left,
			    marks ? A_REVERSE | A_BOLD | A_UNDERLINE : A_REVERSE, title);
		column += width[field] + 1;
	}
	attrset(A_NORMAL);
}

static void draw_rows(const struct top *top, const int width[FIELDS])
{
	size_t rows = screen_rows();

	for (size_t i = 0; i < rows && top->first + i < top->shown_count; i++) {
		int column = 0;

		for (int field = 0; field < FIELDS; field++) {
			if (width[field] == 0)
				continue;
			put_field(top, HEAD_LINES + (int)i, column, width[field], (enum field)field,
			          top->shown[top->first + i]);
			column += width[field] + 1;
		}
	}
}

static void draw_nothing(const struct top *top)
{
	char text[256];

	if (!top->sampler.segment) {
		snprintf(text, sizeof(text), "%s; waiting for the host to make it again",
		         segment_reason(top->sampler.result));
		put_line(HEAD_LINES + 1, look_of(ALARM_CRITICAL), text);
	} else if (top->sampler.count == 0) {
		put_line(HEAD_LINES + 1, A_NORMAL, "No component is registered.");
	} else if (top->shown_count == 0) {
		put_line(HEAD_LINES + 1, A_NORMAL, "No row passes the filter; Esc drops it.");
	}
}

static void draw_foot(const struct top *top)
{
	static const char *const keys[] = {"q quit", "h help", "/ filter", "s sort", "r resource", "p pause"};
	size_t last = top->first + screen_rows();
	char text[FILTER_TEXT + 256];
	int column;

	if (top->is_typing) {
		snprintf(text, sizeof(text), "filter (part of a name, a pattern, or used_pct>80): %s", top->typed);
		put_line(LINES - 1, A_REVERSE, text);
		return;
	}
	if (*top->message) {
		put_line(LINES - 1, look_of(ALARM_CRITICAL), top->message);
		return;
	}
	last = last < top->shown_count ? last : top->shown_count;
	snprintf(text, sizeof(text), "%zu-%zu of %zu", top->shown_count ? top->first + 1 : 0, last, top->shown_count);
	column = put_part(LINES - 1, 0, COLOR_PAIR(PAIR_DIM), text);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		column = put_part(LINES - 1, column, COLOR_PAIR(PAIR_DIM), keys[i]);
	snprintf(text, sizeof(text), "sort: %s", top_order_name(top->order));
	put_part(LINES - 1, column, COLOR_PAIR(PAIR_DIM), text);
}

static void draw_help(void)
{
	static const char *const lines[] = {
	    "P N U T D A   sort by %, name, used, taken/s, denied/s, denied; again: reverse",
	    "s   i         sort by the next column; reverse",
	    "/             filter: part of a name, a pattern, or terms as used_pct>80",
	    "r             storage only, messages only, ... all",
	    "z             hide what is not used",
	    "Esc           drop the filter",
	    "arrows, PgUp, PgDn, Home, End, j, k, g, G   scroll",
	    "p, space      pause        + -   slower, faster",
	    "h             this help    q     quit",
	    "",
	    "USED     of a rate in this window, of a level what is held",
	    "%        sorted by the highest of the last 3 seconds, not by this moment's",
	    "HISTORY  how much of the limit was used at each look, newest right",
	    "DENIED/S refusals since the last look; DENIED since registration",
	    "",
	    "Any key goes on.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && HEAD_LINES + (int)i < LINES; i++)
		put_line(HEAD_LINES + (int)i, A_NORMAL, lines[i]);
}

/* ---- The screen -------------------------------------------------------------------------------------------------- */

static void begin_colours(const struct top *top)
{
	short background = COLOR_BLACK;

	if (!top->style.colour || !has_colors())
		return;
	start_color();
	if (use_default_colors() == OK)
		background = -1;
	init_pair(PAIR_GOOD, COLOR_GREEN, background);
	init_pair(PAIR_WARNING, COLOR_YELLOW, background);
	init_pair(PAIR_CRITICAL, COLOR_RED, background);
	init_pair(PAIR_DIM, COLORS > 8 ? 8 : COLOR_CYAN, background);
}

bool screen_begin(const struct top *top, char *why, size_t size)
{
	const char *term = getenv("TERM");

	set_escdelay(50);
	if (!newterm(NULL, stdout, stdin)) {
		snprintf(why, size, "the terminal '%.40s' is not known here", term ? term : "");
		return false;
	}
	begin_colours(top);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	curs_set(0);
	return true;
}

void screen_end(void)
{
	endwin();
}

size_t screen_rows(void)
{
	return LINES > HEAD_LINES + 1 ? (size_t)(LINES - HEAD_LINES - 1) : 0;
}

void screen_draw(const struct top *top)
{
	int width[FIELDS];

	erase();
	draw_head(top);
	draw_state(top);
	if (top->shows_help) {
		draw_help();
	} else {
		lay_out(width, top);
		draw_titles(top, width);
		draw_rows(top, width);
		draw_nothing(top);
	}
	draw_foot(top);
	refresh();
}

int screen_key(uint64_t wait_ns)
{
	int key;

	timeout((int)(wait_ns / 1000000) + 1);
	key = getch();
	switch (key) {
	case ERR:
		return KEY_NONE;
	case KEY_RESIZE:
		return KEY_SIZE;
	case KEY_UP:
		return KEY_GO_UP;
	case KEY_DOWN:
		return KEY_GO_DOWN;
	case KEY_PPAGE:
		return KEY_PAGE_UP;
	case KEY_NPAGE:
		return KEY_PAGE_DOWN;
	case KEY_HOME:
		return KEY_FIRST;
	case KEY_END:
		return KEY_LAST;
	case KEY_BACKSPACE:
		return KEY_RUBOUT;
	case KEY_ENTER:
		return '\n';
	default:
		return key < 256 ? key : KEY_NONE;
	}
}
