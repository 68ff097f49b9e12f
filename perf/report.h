/* SPDX-License-Identifier: MIT */
/*
 * Shows the figures: a table for people, or JSON for programs.
 */
#ifndef REPORT_H
#define REPORT_H

#include "harness.h"

/* A figure that has to be reached: a ratio of two medians, or a median itself. */
struct target {
	const char *text;
	double bound; /* met where the figure is not above */
	size_t of;
	enum bench_placement of_placement;
	size_t to; /* what it is divided by; TARGET_NS: nothing, the figure is in nanoseconds */
	enum bench_placement to_placement;
	size_t less; /* what is taken off first, of the same placement; or TARGET_WHOLE */
};

#define TARGET_NS SIZE_MAX
#define TARGET_WHOLE SIZE_MAX

/* A case that all others are divided by. */
struct yardstick {
	const char *key;  /* for programs: the member is "ratio_to_KEY" */
	const char *name; /* for people: the column is "/ NAME" */
	size_t of;
};

#define YARDSTICK_NONE SIZE_MAX

#define YARDSTICKS 2

/* What a program measures besides its cases; it is shown behind them, and before the targets. */
struct report_part {
	void (*show)(bool is_check);
	int (*add_json)(void *root, bool is_check); /* `root` is a json_t object; returns 0 or -1 */
	bool (*is_met)(void);                       /* whether its own targets are */
};

struct report {
	const struct bench_settings *settings;
	const struct bench_results *results;
	const struct bench_case *cases;
	size_t count;
	struct yardstick yardsticks[YARDSTICKS];
	/* For each case the one that the last yardstick is for it, or YARDSTICK_NONE; NULL: it is the same for all. */
	const size_t *peers;
	const char *peers_are; /* for people */
	const struct target *targets;
	size_t target_count;
	bool is_check;                  /* targets are asked for */
	const struct report_part *part; /* or NULL */
	unsigned components;            /* that names are looked up among; 0: none are */
};

/* Names of the placements, for people and for programs. */
extern const char *const placement_names[BENCH_PLACEMENTS];
extern const char *const placement_keys[BENCH_PLACEMENTS];

/* Returns the figure of a target, or a negative number where it was not measured. */
double target_figure(const struct report *report, const struct target *target);

/* A case divided by its yardstick, or a negative number where it has none. */
double yardstick_ratio(const struct report *report, int yardstick, size_t of, enum bench_placement placement);

void report_text(const struct report *report);
int report_json(const struct report *report);

/* Write a json_t object, and release it; NULL stands for one that there was no memory for. Returns 0 or -1. */
int report_write_json(void *root);

#endif
