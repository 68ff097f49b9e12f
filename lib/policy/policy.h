/* SPDX-License-Identifier: MIT */
/*
 * A policy: all quotas, read from INI files, ready to be published.
 *
 * Later files override earlier ones key by key. Only when all files are read does a component inherit what it does not
 * say: from [default], and that from SHMQ_QUOTA_DEFAULT. How rates find their window:
 *
 *   - A rate with a period of its own ("100/h") has that one, wherever it is inherited.
 *   - A bare rate ("100") and a percentage ("50%") count per reset_period: the component's, else [default]'s, else one
 *     second. This holds for inherited ones too: a component that says nothing but `reset_period = 1min` may do per
 *     minute what bare rates of [default] say.
 *   - The built-in defaults are rates per second of their own; reset_period does not stretch them.
 *
 * Where [segment] does not say `components`, there is room for as many as the policy names, 1024 at least.
 */
#ifndef SHMQ_POLICY_POLICY_H
#define SHMQ_POLICY_POLICY_H

#include <shmquota.h>

struct policy_component {
	char *name;
	struct shmq_quota quota;
};

struct shmq_policy {
	char *segment_name; /* NULL where no file gives one */
	struct shmq_options options;
	struct shmq_quota fallback;          /* of components that the policy does not name */
	struct policy_component *components; /* in the order in which the files name them first */
	size_t count;
};

/* The three public functions; see shmquota.h. */
int policy_load(struct shmq_policy **out, const char *const paths[], size_t count, struct shmq_report *report);
void policy_free(struct shmq_policy *policy);
int policy_complaint_format(char *text, size_t size, const struct shmq_complaint *complaint);

#endif
