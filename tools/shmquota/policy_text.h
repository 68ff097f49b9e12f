/* SPDX-License-Identifier: MIT */
/*
 * A policy as INI, rule by rule, such that it reads back as the same.
 *
 * [default] comes first: what other rules have in common with it is left out of them.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>

#include "render.h"
#include "rule_text.h"

struct policy_text {
	struct style style;
	bool has_origins, has_all;
	const char *unsaid;        /* what stands for the origin of a value that no file says; NULL: nothing */
	bool is_begun;             /* something was written: the next section keeps a distance */
	struct rule_text fallback; /* [default], or until it was written what is built in */
};

/*
 * Write to standard output: with a comment behind each value, and with all values or those that somebody says. Of what is
 * in force not every origin is known.
 */
struct policy_text policy_text_begin(bool has_origins, bool has_all, bool is_in_force);
void policy_text_end(struct policy_text *text);

/* The files that were read, as a comment; the section [segment]. */
void policy_text_files(struct policy_text *text, const struct shmq_policy *policy);
void policy_text_segment(struct policy_text *text, const struct shmq_policy *policy);
void policy_text_segment_in_force(struct policy_text *text, struct shmq_segment *segment);

/* A comment before the next rule; NULL is none. */
void policy_text_remark(struct policy_text *text, const char *remark);

/* Say that a component has no section of its own, but follows this rule. */
void policy_text_follows(struct policy_text *text, const struct rule_text *rule, const char *component);

/* Write a rule, and take it over. `class_name` is only remarked upon; it may be NULL. */
void policy_text_rule(struct policy_text *text, struct rule_text *rule, const char *class_name);

#endif
