/* SPDX-License-Identifier: MIT */
/*
 * Capabilities: what a component was granted, as it lies in a policy's rules area, and whether that covers a target.
 *
 * A grant is a permission and a pattern; a set is the grants of one component, and no set grants nothing. Sets are
 * written by policy/grants.c while nobody reads them and never changed afterwards. A check reads a target once into the
 * form of core/target.h and asks each grant of the permission in turn. It takes no lock, no memory and no system call.
 *
 *     *     any bytes within one part, or none; but a part that is '*' alone has at least one
 *     **    any number of whole parts, or none; it stands alone between two separators
 *     else  the same bytes
 *
 * Parts end at a '/' in paths and in names whose pattern has one, and at a '.' in hosts and in all other names. (They are
 * not called segments or components here, since these words mean other things in this library.)
 *
 * Every byte of the area is input: lengths are read once and bounded, and a set that does not add up is -EBADMSG. The
 * work of one check is bounded by CAPABILITY_EFFORT whatever target, patterns and area are; where that does not suffice
 * the answer is SHMQ_FORBIDDEN.
 */
#ifndef SHMQ_CORE_CAPABILITY_H
#define SHMQ_CORE_CAPABILITY_H

#include "base/atomic.h"
#include "core/target.h"

#define CAPABILITY_GRANTS_MAX 4096   /* of one set */
#define CAPABILITY_PERMISSION_MAX 63 /* bytes of a permission */
#define CAPABILITY_PATTERN_MAX 4095  /* bytes of a pattern */
#define CAPABILITY_EFFORT (1U << 17) /* steps of one check, a few nanoseconds each at most */
#define CAPABILITY_ADDRESS_BYTES 16  /* of the pattern of an address */

/* How the pattern of a grant is matched. */
enum grant_kind {
	GRANT_PATH,    /* without its first '/' */
	GRANT_HOST,    /* a host's name; "**" is every host, addresses included */
	GRANT_ADDRESS, /* two numbers of 64 bits, of which the first `prefix` bits count; and not below 96 for IPv4 */
	GRANT_DOTTED,  /* a name of parts between dots, without '/' */
	GRANT_SLASHED, /* a name of parts between slashes */
	GRANT_KINDS
};

/* A set: so many grants follow, and they take so many bytes. */
struct shmq_shm_grants {
	struct shm_u32 count; /* grants · W controller while unpublished · R all · relaxed */
	struct shm_u32 bytes; /* without this structure, a multiple of 8 · as count */
};

/*
 * A grant. Permission and pattern follow, without a NUL, padded to 8 bytes; where a permission has no bytes it is that of
 * the grant before. What has no wildcard before byte `literal` of a pattern is whole parts, or all of the pattern.
 */
struct shmq_shm_grant {
	struct shm_u64 text;  /* [permission bytes:16 | pattern bytes:16 | literal:16 | GRANT_…:16] · as count */
	struct shm_u64 range; /* of a network [lowest port:16 | highest port:16 | prefix bits:32], else 0 · as count */
	struct shm_u32 place; /* where the rule stands · as count */
	uint32_t reserved;
};

static_assert(sizeof(struct shmq_shm_grants) == 8, "grants");
static_assert(sizeof(struct shmq_shm_grant) == 24, "grant");
static_assert(sizeof(struct target_address) == CAPABILITY_ADDRESS_BYTES, "an address is stored as it is");

/* A grant as it was read and found to be sound. The texts lie in the area. */
struct grant {
	enum grant_kind kind;
	const char *permission, *pattern;
	size_t permission_length, pattern_length, literal;
	uint16_t port_low, port_high;
	uint32_t prefix;
	uint32_t place;
};

/* Where a walk over a set is. */
struct grant_walk {
	const unsigned char *at;
	size_t bytes; /* left */
	uint32_t count;
	const char *permission; /* of the last grant */
	size_t permission_length;
};

/* Begin at the set at this offset of an area, which is not 0. Returns 0 or -EBADMSG. */
int capability_walk(struct grant_walk *out, const void *area, size_t area_bytes, uint32_t set_offset);

/* Read the next grant. Returns 1, 0 at the end, or -EBADMSG. */
int capability_next(struct grant_walk *walk, struct grant *out);

/*
 * Tell whether a set grants a permission on a target; `area` is aligned to 8 bytes. `*place` (which may be NULL) is set
 * to where the rule stands that grants it, else to 0.
 *
 * Returns  SHMQ_OK         granted
 *          SHMQ_FORBIDDEN  not granted, a target that is refused, or `set_offset` 0
 *          -EINVAL         `permission` or `target` is NULL
 *          -EBADMSG        the set is damaged
 */
int capability_check(const void *area, size_t area_bytes, uint32_t set_offset, const char *permission,
                     const char *target, uint32_t *place);

#endif
