/* SPDX-License-Identifier: MIT */
/*
 * What top shows, and what its keys change.
 *
 * All rows are read at each look, but only those that pass are ordered and only those on the screen are drawn, so a
 * segment of a hundred thousand components costs its reading. A look never takes more than a quarter of the time: where
 * it would, the looks become rarer.
 */
#include "top.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target.h"
#include "units.h"

#define INTERVAL_NS UINT64_C(1000000000)
#define INTERVAL_LEAST_NS UINT64_C(100000000)
#define INTERVAL_MOST_NS UINT64_C(60000000000)

const char *top_order_name(enum top_order order)
{
	static const char *const names[ORDERS] = {
	    [ORDER_PERCENTAGE] = "%",
	    [ORDER_NAME] = "name",
	    [ORDER_USED] = "used",
	    [ORDER_TAKEN_RATE] = "taken/s",
	    [ORDER_DENIED_RATE] = "denied/s",
	    [ORDER_DENIED] = "denied",
	};

	return names[order];
}

/* ---- Which rows, in which order ---------------------------------------------------------------------------------- */

static bool is_idle(const struct sample *sample)
{
	return sample->row.status.used == 0 && sample->taken_per_s <= 0 && sample->denied_per_s <= 0;
}

static bool passes(const struct top *top, const struct sample *sample)
{
	if (top->resource >= 0 && sample->row.resource != top->resource)
		return false;
	if (top->hides_idle && is_idle(sample))
		return false;
	return search_admits(&top->search, &sample->row);
}

static double figure_of(const struct sample *sample, enum top_order order)
{
	switch (order) {
	case ORDER_PERCENTAGE:
		return sample->row.status.limit == SHMQ_UNLIMITED ? -1 : sample->recent;
	case ORDER_USED:
		return (double)sample->row.status.used;
	case ORDER_TAKEN_RATE:
		return sample->taken_per_s;
	case ORDER_DENIED_RATE:
		return sample->denied_per_s;
	default:
		return (double)sample->row.status.denied;
	}
}

static int compare_shown(const void *left, const void *right, void *context)
{
	const struct sample *a = *(const struct sample *const *)left, *b = *(const struct sample *const *)right;
	const struct top *top = context;
	int result = 0;

	if (top->order == ORDER_NAME) {
		result = strcmp(a->row.component, b->row.component);
	} else {
		double x = figure_of(a, top->order), y = figure_of(b, top->order);

		result = (y > x) - (y < x);
	}
	result = top->ascending ? -result : result;
	/* Places decide what is equal, or rows would dance. */
	if (result == 0)
		result = (a->row.id > b->row.id) - (a->row.id < b->row.id);
	return result ? result : a->row.resource - b->row.resource;
}

static void count(struct top *top, const struct sample *sample)
{
	top->criticals += sample->row.alarm == ALARM_CRITICAL;
	top->warnings += sample->row.alarm == ALARM_WARNING;
	if (row_is_group(&sample->row))
		return; /* what a group refuses counts for who asked as well */
	top->denied += sample->row.status.denied;
	top->denied_per_s += sample->denied_per_s;
}

/* Keep the first row within the rows that there are. */
static void bound_first(struct top *top)
{
	size_t rows = screen_rows();

	if (top->first + rows > top->shown_count)
		top->first = top->shown_count > rows ? top->shown_count - rows : 0;
}

static bool choose_rows(struct top *top)
{
	const struct sampler *sampler = &top->sampler;

	if (sampler->count > top->shown_room) {
		void *grown = reallocarray(top->shown, sampler->count, sizeof(const struct sample *));

		if (!grown)
			return false;
		top->shown = grown;
		top->shown_room = sampler->count;
	}
	top->shown_count = top->criticals = top->warnings = top->denied = 0;
	top->denied_per_s = 0;
	for (size_t i = 0; i < sampler->count; i++) {
		count(top, &sampler->sample[i]);
		if (passes(top, &sampler->sample[i]))
			top->shown[top->shown_count++] = &sampler->sample[i];
	}
	if (top->shown_count > 0)
		qsort_r(top->shown, top->shown_count, sizeof(const struct sample *), compare_shown, top);
	bound_first(top);
	return true;
}

/* ---- Keys -------------------------------------------------------------------------------------------------------- */

static void set_filter(struct top *top, const char *text)
{
	if (search_set(&top->search, text, top->message, sizeof(top->message)))
		top->first = 0;
}

static void type_key(struct top *top, int key)
{
	size_t length = strlen(top->typed);

	if (key == '\n' || key == '\r') {
		top->is_typing = false;
		set_filter(top, top->typed);
	} else if (key == 27) {
		top->is_typing = false;
	} else if (key == KEY_RUBOUT || key == 127 || key == 8) {
		while (length > 0 && ((unsigned char)top->typed[--length] & 0xc0) == 0x80)
			;
		top->typed[length] = '\0';
	} else if (key == 21) { /* Ctrl-U, as in a shell */
		top->typed[0] = '\0';
	} else if (key >= ' ' && key < 256 && length + 1 < sizeof(top->typed)) {
		top->typed[length] = (char)key;
		top->typed[length + 1] = '\0';
	}
}

static void set_order(struct top *top, enum top_order order)
{
	top->ascending = top->order == order && !top->ascending;
	top->order = order;
	top->first = 0;
}

static void order_key(struct top *top, int key)
{
	static const struct {
		char key;
		enum top_order order;
	} orders[] = {{'P', ORDER_PERCENTAGE}, {'N', ORDER_NAME},        {'U', ORDER_USED},
	              {'T', ORDER_TAKEN_RATE}, {'D', ORDER_DENIED_RATE}, {'A', ORDER_DENIED}};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i].key == key)
			set_order(top, orders[i].order);
	}
}

static void change_interval(struct top *top, bool slower)
{
	uint64_t interval_ns = slower ? top->interval_ns * 2 : top->interval_ns / 2;

	if (interval_ns >= INTERVAL_LEAST_NS && interval_ns <= INTERVAL_MOST_NS)
		top->interval_ns = interval_ns;
}

static void move_key(struct top *top, int key)
{
	size_t page = screen_rows() > 1 ? screen_rows() - 1 : 1;

	switch (key) {
	case KEY_GO_UP:
	case 'k':
		top->first -= top->first > 0;
		break;
	case KEY_GO_DOWN:
	case 'j':
		top->first++;
		break;
	case KEY_PAGE_UP:
		top->first -= top->first < page ? top->first : page;
		break;
	case KEY_PAGE_DOWN:
		top->first += page;
		break;
	case KEY_FIRST:
	case 'g':
		top->first = 0;
		break;
	case KEY_LAST:
	case 'G':
		top->first = top->shown_count;
		break;
	default:
		order_key(top, key);
	}
}

/* Returns false where the user wants to leave. */
static bool command_key(struct top *top, int key)
{
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		top->shows_help = true;
		break;
	case '/':
	case 'f':
		top->is_typing = true;
		snprintf(top->typed, sizeof(top->typed), "%s", top->search.text);
		break;
	case 27:
		set_filter(top, "");
		top->resource = -1;
		break;
	case 'r':
		top->resource = top->resource + 1 < SHMQ_RESOURCES ? top->resource + 1 : -1;
		break;
	case 's':
		set_order(top, (top->order + 1) % ORDERS);
		break;
	case 'i':
		top->ascending = !top->ascending;
		break;
	case 'z':
		top->hides_idle = !top->hides_idle;
		break;
	case 'p':
	case ' ':
		top->is_paused = !top->is_paused;
		break;
	case '+':
	case '-':
		change_interval(top, key == '+');
		break;
	default:
		move_key(top, key);
	}
	return true;
}

static bool take_key(struct top *top, int key)
{
	top->message[0] = '\0';
	if (top->is_typing && key != KEY_SIZE) {
		type_key(top, key);
		return true;
	}
	if (top->shows_help && key != KEY_SIZE) {
		top->shows_help = false;
		return true;
	}
	return command_key(top, key);
}

/* ---- The verb ---------------------------------------------------------------------------------------------------- */

static uint64_t pause_after(const struct top *top, uint64_t look_ns)
{
	return top->interval_ns > look_ns * 4 ? top->interval_ns - look_ns : look_ns * 3;
}

/* Show and take keys until the next look is due. Returns false at the end. */
static bool show_until(struct top *top, uint64_t due_ns)
{
	for (;;) {
		uint64_t now_ns = monotonic_ns();
		int key;

		screen_draw(top);
		if (now_ns >= due_ns && !top->is_paused)
			return true;
		key = screen_key(top->is_paused ? INTERVAL_MOST_NS : due_ns - now_ns);
		if (key != KEY_NONE && !take_key(top, key))
			return false;
		if (key != KEY_NONE && !choose_rows(top))
			return false;
	}
}

static int run(struct top *top)
{
	bool goes_on = true;

	while (goes_on) {
		uint64_t begin_ns = monotonic_ns();

		if (!sampler_look(&top->sampler) || !choose_rows(top)) {
			screen_end();
			return fail(EXIT_FAILED, NULL, "out of memory");
		}
		goes_on = show_until(top, monotonic_ns() + pause_after(top, monotonic_ns() - begin_ns));
	}
	screen_end();
	return EXIT_DONE;
}

static int run_on_screen(struct top *top)
{
	char why[128];
	int code;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail(EXIT_USAGE, "'shm-dump --watch 1' and 'shmquota watch' write to files and pipes.",
		            "top needs a terminal");
	if (!screen_begin(top, why, sizeof(why)))
		return fail(EXIT_FAILED, "'shm-dump --watch 1' needs no such terminal.", "%s", why);
	code = run(top);
	free(top->shown);
	return code;
}

int verb_top(const struct invocation *invocation)
{
	struct top top = {
	    .style = style_of(stdout),
	    .interval_ns = invocation->interval_ns ? invocation->interval_ns : INTERVAL_NS,
	    .resource = -1,
	};
	char name[SEGMENT_PATH_MAX];
	struct shmq_segment *segment;
	int code = target_open(&segment, name, invocation->arguments[0], SHMQ_OBSERVE);

	/* A wrong name is told at once; what goes away later may come back. */
	if (code != EXIT_DONE)
		return code;
	shmq_segment_close(segment);
	/* In another character set than UTF-8 names are escaped rather than guessed. */
	if (!top.style.unicode)
		setlocale(LC_CTYPE, "C");
	top.style.unicode = top.style.unicode && !invocation->ascii;
	sampler_begin(&top.sampler, name);
	code = run_on_screen(&top);
	sampler_end(&top.sampler);
	return code;
}
