/* SPDX-License-Identifier: MIT */
/*
 * shmquota top: a segment on a whole screen, again and again.
 *
 * What is shown (top.c keeps it, keys change it) is apart from how it is drawn (top_screen.c): drawing changes nothing
 * but the screen, so it may happen at any time, as after a resize.
 */
#ifndef TOP_H
#define TOP_H

#include <stdbool.h>
#include <stddef.h>

#include "filter.h"
#include "render.h"
#include "sampler.h"

enum top_order { ORDER_PERCENTAGE, ORDER_NAME, ORDER_USED, ORDER_TAKEN_RATE, ORDER_DENIED_RATE, ORDER_DENIED, ORDERS };

struct top {
	struct sampler sampler;
	struct style style;
	uint64_t interval_ns;
	enum top_order order;
	bool ascending;
	int resource; /* only this one; -1 all */
	bool hides_idle;
	bool is_paused, shows_help;
	struct search search;
	bool is_typing; /* the filter, in `typed` */
	char typed[FILTER_TEXT];
	char message[256];           /* for one look, or until a key is hit */
	const struct sample **shown; /* the rows that pass, in order */
	size_t shown_count, shown_room;
	size_t first; /* the row that stands on top */
	uint64_t criticals, warnings, denied;
	double denied_per_s;
};

/* How an order is called on the screen. */
const char *top_order_name(enum top_order order);

/* Tell whether the screen's library is there and the terminal can do it; then begin. False with a message in `why`. */
bool screen_begin(const struct top *top, char *why, size_t size);
void screen_end(void);
void screen_draw(const struct top *top);

/* How many rows of components the screen has. */
size_t screen_rows(void);

/* Wait for a key at most so long. Returns the key, or -1 where none was hit. */
enum {
	KEY_NONE = -1,
	KEY_SIZE = 1000,
	KEY_GO_UP,
	KEY_GO_DOWN,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_FIRST,
	KEY_LAST,
	KEY_RUBOUT
};
int screen_key(uint64_t wait_ns);

#endif
