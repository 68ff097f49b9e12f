/* SPDX-License-Identifier: MIT */
/*
 * Which files a policy is made of, in which order.
 *
 *     a file      it, and then every PATH.d/NAME.ini, if there is a folder PATH.d
 *     a folder    every NAME.ini in it
 *
 * Files of a folder are read in the order of their names, byte by byte and whatever the locale. Files whose names begin
 * with a dot or end otherwise are passed over: editors and package managers leave such.
 */
#ifndef SHMQ_POLICY_LAYERS_H
#define SHMQ_POLICY_LAYERS_H

#include "policy/complain.h"

#include <stddef.h>

struct layers {
	char **paths;
	size_t count;
};

/*
 * List the files behind the paths. Returns 0, also where there were complaints; -ENOMEM; or the errno of a folder that
 * cannot be read. Free the list in any case.
 */
int layers_list(struct layers *out, const char *const paths[], size_t count, struct complaints *complaints);

void layers_free(struct layers *layers);

#endif
