/* SPDX-License-Identifier: MIT */
/*
 * A verb of shmquota: one row of the table in verbs.c, from which dispatch, argument checks and help are made.
 *
 * A verb's function gets its arguments parsed and counted; it returns an exit code.
 */
#ifndef VERB_H
#define VERB_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include <shmquota.h>

#include "failure.h"
#include "segments.h"

/* Keys of options that have no short form. */
enum { OPTION_STORAGE = 256, OPTION_MESSAGE_RATE, OPTION_NETWORK, OPTION_CPU, OPTION_MEMORY };

struct invocation {
	const struct verb *verb;
	char **arguments;
	size_t count;
	const char *name; /* --name */
	bool quiet, json, all;
	bool has_quota; /* a limit was given */
	struct shmq_quota quota;
};

struct verb {
	const char *name;      /* one word, or two: "policy check" */
	const char *arguments; /* as --help shows them */
	const char *summary;   /* one line, for the list of verbs */
	const char *text;      /* the rest of its help, examples included */
	const struct argp_option *options;
	size_t least, most; /* how many arguments it takes */
	int (*run)(const struct invocation *invocation);
};

extern const struct verb verbs[];
extern const size_t verb_count;

int verb_create(const struct invocation *invocation);
int verb_publish(const struct invocation *invocation);
int verb_remove(const struct invocation *invocation);
int verb_list(const struct invocation *invocation);
int verb_register(const struct invocation *invocation);
int verb_unregister(const struct invocation *invocation);
int verb_reset(const struct invocation *invocation);
int verb_verify(const struct invocation *invocation);
int verb_reap(const struct invocation *invocation);
int verb_policy_check(const struct invocation *invocation);

/* Take an option of 'register' that sets a limit. Returns 0, or EINVAL where the argument is no such limit. */
int limit_option(struct shmq_quota *quota, int key, const char *argument);

#endif
