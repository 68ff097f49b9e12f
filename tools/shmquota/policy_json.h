/* SPDX-License-Identifier: MIT */
/*
 * A policy as JSON: every rule with exact figures, with all that it inherits, and with where each value stands.
 */
#ifndef POLICY_JSON_H
#define POLICY_JSON_H

#include <stdio.h>

#include <shmquota.h>

/* Write a policy as one document; with `component` only the rule that holds for it. */
void policy_json(FILE *stream, const struct shmq_policy *policy, const char *component);
void policy_json_in_force(FILE *stream, struct shmq_segment *segment, const char *component);

/* Write what was complained of as one document: begin, each complaint, end. */
void complaints_json_begin(FILE *stream);
void complaints_json_add(FILE *stream, const struct shmq_complaint *complaint, bool is_first);
void complaints_json_end(FILE *stream, const struct shmq_policy *policy, const struct shmq_report *report);

#endif
