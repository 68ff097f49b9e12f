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
#include <stdint.h>

#include <shmquota.h>

#include "failure.h"
#include "segments.h"

/* Keys of options that have no short form. Limits stand first: OPTION_STORAGE to OPTION_MEMORY. */
enum {
	OPTION_STORAGE = 256,
	OPTION_MESSAGE_RATE,
	OPTION_NETWORK,
	OPTION_CPU,
	OPTION_MEMORY,
	OPTION_HOLD,
	OPTION_KEEP,
	OPTION_WAIT,
	OPTION_TIMES,
	OPTION_OPENMETRICS,
	OPTION_ASCII,
	OPTION_EXPLAIN,
	OPTION_ROOT,
	OPTION_INHERIT,
	OPTION_JOURNALD,
	OPTION_KIND,
	OPTION_ORIGIN,
	OPTION_DRY_RUN,
	OPTION_AGAINST,
	OPTION_COMPONENT,
	OPTION_MANIFEST
};

/* What a verb was given, parsed and counted. Numbers that were not given are 0. */
struct invocation {
	const struct verb *verb;
	char **words; /* all that stood behind the verb, as typed */
	size_t word_count;
	char **arguments;
	size_t count;
	char **command; /* what stood after "--"; NULL-terminated */
	size_t command_count;
	const char *name;   /* --name */
	const char *file;   /* --output */
	const char *root;   /* --root */
	const char *kinds;  /* --kind */
	const char *listen; /* --listen */
	const char *component, *manifest;
	char **against; /* files */
	size_t against_count;
	bool origin, dry_run;
	bool quiet, json, all, explain;
	bool hold, keep, openmetrics, ascii, follow, journald, text;
	bool has_quota;                /* a limit was given */
	bool is_given[SHMQ_RESOURCES]; /* which */
	struct shmq_quota quota;       /* the built-in one with those limits */
	const char *inherit;           /* --inherit */
	char **include, **exclude;
	size_t include_count, exclude_count;
	uint64_t interval_ns, wait_ns;
	unsigned long times;
	double warning, critical; /* percent */
	int denied_code;
};

struct verb {
	const char *name;      /* one word, or two: "policy check" */
	const char *arguments; /* as --help shows them; "--" in it says that a command may follow */
	const char *summary;   /* one line, for the list of verbs */
	const char *text;      /* the rest of its help, examples included */
	const struct argp_option *options;
	size_t least, most; /* how many arguments it takes */
	int (*run)(const struct invocation *invocation);
};

#define PLUGIN_UNKNOWN 3 /* what plugins of monitoring systems exit with when they cannot tell, wrong usage included */

/* The verbs in the order in which help lists them: those that change something, those about policies, those that look. */
extern const struct verb verbs_that_change[], verbs_about_policies[], verbs_that_look[];
extern const size_t verbs_that_change_count, verbs_about_policies_count, verbs_that_look_count;

/* The verb with this number, from 0; NULL at the end. */
const struct verb *verb_at(size_t number);

/* The verb that the words begin with and how many of them are its name; NULL where there is none. */
const struct verb *verb_named(int count, char *const *words, int *taken);

/* Write the candidates for the last of the words behind the program, for the completions of shells. Returns an exit code. */
int verb_complete(int count, char **words);

/* Parse what follows a verb and run it; words[0] is the verb's last word. Returns an exit code. */
int verb_run(const struct verb *verb, int count, char **words);

/* The option -h, as a child of any parser. */
extern const struct argp_child help_children[];

int verb_create(const struct invocation *invocation);
int verb_publish(const struct invocation *invocation);
int verb_remove(const struct invocation *invocation);
int verb_list(const struct invocation *invocation);
int verb_register(const struct invocation *invocation);
int verb_unregister(const struct invocation *invocation);
int verb_reset(const struct invocation *invocation);
int verb_set(const struct invocation *invocation);
int verb_release(const struct invocation *invocation);
int verb_try(const struct invocation *invocation);
int verb_verify(const struct invocation *invocation);
int verb_reap(const struct invocation *invocation);
int verb_policy_check(const struct invocation *invocation);
int verb_policy_show(const struct invocation *invocation);
int verb_policy_diff(const struct invocation *invocation);
int verb_policy_apply(const struct invocation *invocation);
int verb_show(const struct invocation *invocation);
int verb_workers(const struct invocation *invocation);
int verb_top(const struct invocation *invocation);
int verb_watch(const struct invocation *invocation);
int verb_export(const struct invocation *invocation);
int verb_serve(const struct invocation *invocation);
int verb_doctor(const struct invocation *invocation);
int verb_check(const struct invocation *invocation);
int verb_audit(const struct invocation *invocation);
int verb_why(const struct invocation *invocation);

/* Take an option of 'register' that sets a limit. Returns 0, or EINVAL where the argument is no such limit. */
int limit_option(struct shmq_quota *quota, int key, const char *argument);

#endif
