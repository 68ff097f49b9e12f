/* SPDX-License-Identifier: MIT */
/*
 * Reading policy files for the verbs that need them: complaints go to standard error, with colour on a terminal.
 */
#ifndef POLICY_H
#define POLICY_H

#include "verb.h"

/*
 * Load the files that a verb was given, and print all complaints. `report` counts them. `consequence` says what errors
 * mean for the verb, such as "no segment was created"; NULL says nothing.
 * Returns an exit code; *out is set, to be freed with shmq_policy_free(), only with EXIT_DONE.
 */
int policy_load(struct shmq_policy **out, const struct invocation *invocation, struct shmq_report *report,
                const char *consequence);

/* The same of other files, and of a manifest. */
int policy_load_paths(struct shmq_policy **out, char *const *paths, size_t count);
int policy_load_manifest(struct shmq_manifest **out, const char *path);

/* The exit code for a result of loading. */
int policy_exit_code(int result);

/* The segment that is meant: --name, or what [segment] says. Returns an exit code. */
int policy_target(char *out, size_t size, const struct invocation *invocation, const struct shmq_policy *policy);

#endif
