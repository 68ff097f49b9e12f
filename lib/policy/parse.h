/* SPDX-License-Identifier: MIT */
/*
 * From an INI file to a draft of a policy.
 *
 * What a file may look like is said in line.h, what its sections and keys are in keys.h. A file with errors leaves the
 * draft incomplete but sound: whoever called looks at the complaints before using it.
 */
#ifndef SHMQ_POLICY_PARSE_H
#define SHMQ_POLICY_PARSE_H

#include "policy/draft.h"

/*
 * Read one file into a draft; everything wrong with it is complained of.
 * Returns 0, also where there were complaints; -ENOMEM; or the errno of a file that cannot be read.
 */
int parse_file(struct draft *draft, const char *path);

#endif
