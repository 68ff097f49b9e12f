/* SPDX-License-Identifier: MIT */
/*
 * A draft of a policy, or of a manifest: what the files say, key by key, before anything is inherited.
 *
 * Each file is entered section by section and key by key; a key of a later file takes the place of an earlier file's.
 * Within one file every section and, within a section, every key stands once. Every value knows where it stands, and a
 * policy keeps its draft to answer that. A draft that anything was complained of is only good for finding further
 * mistakes.
 */
#ifndef SHMQ_POLICY_DRAFT_H
#define SHMQ_POLICY_DRAFT_H

#include "policy/complain.h"
#include "policy/keys.h"
#include "policy/line.h"
#include "policy/sections.h"
#include "policy/units.h"

#include <assert.h>

/* What a file says for one key. */
struct draft_value {
	struct draft_value *next;
	enum key key;
	unsigned file;            /* which one, from 1 */
	struct place place;       /* of the value; its source is a copy */
	struct units_limit limit; /* of the limit of a resource */
	uint64_t number;          /* of other keys: an amount, a count, an enumerator */
	char *text;               /* or a name, NULL for numbers */
	char source[];
};

/* One pattern of a permission, in its normal form. */
struct draft_grant {
	struct draft_grant *next;
	unsigned file, line;
	char pattern[];
};

/* The patterns of one permission. */
struct draft_permission {
	struct draft_permission *next;
	bool replaces;                     /* said with "=": what is inherited does not count */
	unsigned set_file, set_line;       /* the last "=" */
	unsigned added_file, added_line;   /* the last "+=" */
	struct draft_grant *first, **last; /* as written */
	char name[];
};

struct draft_section {
	struct draft_section *next;        /* in the order in which they were met */
	struct draft_section *same_bucket; /* of the sections by name */
	enum section kind;
	bool is_pattern;   /* of components: the name is a pattern */
	char *name;        /* a component's without escapes; NULL where the kind has none */
	struct place head; /* where it stands first; without source */
	unsigned head_file;
	unsigned file; /* where it was entered last: which file, */
	unsigned line; /* and where in it */
	uint64_t has;  /* one bit for each key among `values` */
	struct draft_value *values;
	struct draft_permission *permissions; /* sorted by name */

	/* Set by links.c. */
	struct draft_section *class, *group;
	unsigned mark;  /* which walk met it last */
	unsigned depth; /* of a group: how many there are from here to the outermost */
	size_t rule;    /* its place in the policy */
};
static_assert(KEYS <= 64, "a bit for each key");

struct draft {
	struct complaints *complaints;
	bool is_manifest;
	struct draft_section segment;       /* [segment]; of a manifest [component] */
	struct draft_section fallback;      /* [default]; of a manifest [capabilities] and [quota] */
	struct draft_section *first, *last; /* the named ones, in the order in which they were met */
	struct sections by_name;            /* the same */
	char **files;                       /* which were read, in that order */
	size_t file_count;

	/* Where the reader is. */
	enum section section;
	struct draft_section *into;      /* what the section's keys go to */
	bool is_skipping;                /* the section, or its lack, has been complained of */
	unsigned section_line[SECTIONS]; /* where those without a name stand in this file; 0 not yet */
	unsigned key_line[KEYS];         /* the same of the keys in this section */
	int failure;                     /* -ENOMEM: nothing more is worth doing */
};

void draft_init(struct draft *draft, struct complaints *complaints, bool is_manifest);
void draft_free(struct draft *draft);

/* Begin with the next file. Returns its name, which lives as long as the draft, or NULL where there is no memory. */
const char *draft_begin_file(struct draft *draft, const char *path);

/* Enter the section of a line. `place` is the line's; its column does not matter. */
void draft_enter(struct draft *draft, const struct line *line, const struct place *place);

/* Skip keys up to the next section: this one's heading could not be read. */
void draft_skip_section(struct draft *draft);

/* Set the key of a line, or add to it. */
void draft_set(struct draft *draft, const struct line *line, const struct place *place);

/* The section of this name, or NULL. `name` is a component's without escapes, or a pattern's text. */
struct draft_section *draft_find(const struct draft *draft, enum section kind, bool is_pattern, const char *name);

/* What a section says for a key, or NULL. */
const struct draft_value *draft_value(const struct draft_section *section, enum key key);

/* What a section says of a permission, or NULL. */
const struct draft_permission *draft_permission(const struct draft_section *section, const char *name);

#endif
