/* SPDX-License-Identifier: MIT */
/*
 * A component's manifest: who it is, and what it asks for.
 *
 * What it asks for counts only as far as the host's policy allows as much: limits are the smaller of both, and a
 * capability is granted where both grant it. So nothing in a manifest has to be trusted. A resource that it does not name
 * has the policy's limit; without [capabilities] it has what the policy grants.
 */
#ifndef SHMQ_POLICY_MANIFEST_H
#define SHMQ_POLICY_MANIFEST_H

#include "policy/draft.h"

struct shmq_manifest {
	struct draft draft;
	struct shmq_quota quota; /* SHMQ_UNLIMITED where nothing is asked for */
	void *grants;            /* as core/capability.h stores them; NULL without [capabilities] */
	size_t grants_bytes;
};

/* See the functions of shmquota.h. */
int manifest_load(struct shmq_manifest **out, const char *path, struct shmq_report *report);
void manifest_free(struct shmq_manifest *manifest);
const char *manifest_name(const struct shmq_manifest *manifest);
const char *manifest_version(const struct shmq_manifest *manifest);

#endif
