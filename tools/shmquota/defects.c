/* SPDX-License-Identifier: MIT */
/*
 * Defects are told apart by their sentences, which are constant.
 */
#include "defects.h"

#include <string.h>

void defects_add(struct defects *defects, const struct shmq_defect *defect)
{
	defects->count++;
	if (strcmp(defect->structure, "control") == 0 && strstr(defect->invariant, "controller lock"))
		defects->locks++;
	if (strcmp(defect->structure, "tracker") == 0 && strstr(defect->invariant, "at least what is held of it"))
		defects->released++;
}

enum ailment defects_ailment(const struct defects *defects)
{
	if (defects->count == 0)
		return AILMENT_NONE;
	if (defects->count == 1 && defects->locks == 1)
		return AILMENT_LOCK;
	return defects->count == defects->released ? AILMENT_RELEASED : AILMENT_DAMAGE;
}
