/* SPDX-License-Identifier: MIT */
/*
 * What the broken invariants of a segment come to: most are damage, some only need what the library offers.
 */
#ifndef DEFECTS_H
#define DEFECTS_H

#include <shmquota.h>

enum ailment {
	AILMENT_NONE,
	AILMENT_LOCK,     /* a dead controller left its lock: repaired by the next one, or by 'shmquota reap' */
	AILMENT_RELEASED, /* of a level more was released than was free: right again when it is given back */
	AILMENT_DAMAGE
};

struct defects {
	int count, locks, released;
};

/* Count a defect, as shmq_segment_verify() tells of it. */
void defects_add(struct defects *defects, const struct shmq_defect *defect);

enum ailment defects_ailment(const struct defects *defects);

/* What is to be done about AILMENT_RELEASED; the sentence suits any segment. */
#define RELEASED_CURE                                                                                                  \
	"Its host or 'shmquota release' gave back what workers still hold; until they end, that much more is "         \
	"admitted."

#endif
