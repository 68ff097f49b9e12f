/* SPDX-License-Identifier: MIT */
/*
 * A draft of a policy: what the files say, key by key, before anything is inherited.
 *
 * Each file is entered section by section and key by key; a key of a later file takes the place of an earlier file's.
 * Within one file every section and, within a section, every key stands once. A draft that anything was complained of
 * is only good for finding further mistakes.
 */
#ifndef SHMQ_POLICY_DRAFT_H
#define SHMQ_POLICY_DRAFT_H

#include "policy/complain.h"
#include "policy/keys.h"
#include "policy/line.h"
#include "policy/units.h"

/* The keys of [default] or of one component. */
struct draft_quota {
	bool is_given[SHMQ_RESOURCES];
	struct units_limit limit[SHMQ_RESOURCES];
	uint64_t reset_period_ns; /* 0 where it is not given */
	/* For what can only be judged once all files are read; their sources are copies. */
	struct place cpu_place, period_place;
};

struct draft_component {
	struct draft_component *next;
	char *name;
	size_t file;   /* where it was entered last: which file, from 1 */
	unsigned line; /* and where in it */
	struct draft_quota quota;
};

struct draft {
	struct complaints *complaints;
	char *segment_name; /* NULL where none is given */
	struct shmq_options options;
	struct place components_place; /* of `components`; line 0 where it is not given */
	struct draft_quota fallback;
	struct draft_component *first, *last; /* in the order in which they were met */
	size_t count;

	/* Where the reader is. */
	size_t file;
	enum section section;
	bool is_skipping;                /* the section, or its lack, has been complained of */
	struct draft_quota *quota;       /* of the section */
	unsigned section_line[SECTIONS]; /* where [segment] and [default] stand in this file; 0 not yet */
	unsigned key_line[KEYS];         /* the same of the keys in this section */
	void *index;                     /* of the components, by name: a tree of tsearch() */
	int failure;                     /* -ENOMEM: nothing more is worth doing */
};

void draft_init(struct draft *draft, struct complaints *complaints);
void draft_free(struct draft *draft);

/* Begin with the next file. */
void draft_begin_file(struct draft *draft);

/* Enter the section of a line. `place` is the line's; its column does not matter. */
void draft_enter(struct draft *draft, const struct line *line, const struct place *place);

/* Skip keys up to the next section: this one's heading could not be read. */
void draft_skip_section(struct draft *draft);

/* Set the key of a line. */
void draft_set(struct draft *draft, const struct line *line, const struct place *place);

#endif
