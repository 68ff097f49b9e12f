/* SPDX-License-Identifier: MIT */
/*
 * Walking sets and matching patterns.
 *
 * Matching goes part by part, in pattern and target at once. "**" first takes no part; when what follows it does
 * not match, it takes one more. Only the last "**" has to be tried again: what stands before it was matched as early as
 * possible, and to match it later leaves less for the rest. Within a part the same holds for the pieces between '*',
 * so each is looked for once, from left to right. A pattern of m bytes and a target of n thus take O(m * n), and no pair
 * of parts is compared twice; the effort counts it all.
 */
#include "core/capability.h"

#include <errno.h>
#include <shmquota.h>
#include <string.h>

/* ---- Sets -------------------------------------------------------------------------------------------------------- */

static inline size_t grant_padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

int capability_walk(struct grant_walk *out, const void *area, size_t area_bytes, uint32_t set_offset)
{
	const struct shmq_shm_grants *set;

	if (area == NULL || set_offset % 8 != 0 || set_offset > area_bytes || area_bytes - set_offset < sizeof(*set))
		return -EBADMSG;
	set = (const struct shmq_shm_grants *)((const unsigned char *)area + set_offset);
	/* Relaxed, as all loads here: a set is published with the table that names it, and never changes. */
	*out = (struct grant_walk){
	    .at = (const unsigned char *)(set + 1),
	    .bytes = shm_load32_relaxed(&set->bytes),
	    .count = shm_load32_relaxed(&set->count),
	};
	if (out->bytes % 8 != 0 || out->bytes > area_bytes - set_offset - sizeof(*set) ||
	    out->count > CAPABILITY_GRANTS_MAX)
		return -EBADMSG;
	return 0;
}

static inline bool grant_is_sound(const struct grant *grant)
{
	if (grant->permission_length == 0 || grant->permission_length > CAPABILITY_PERMISSION_MAX ||
	    grant->pattern_length > CAPABILITY_PATTERN_MAX || grant->literal > grant->pattern_length)
		return false;
	return grant->kind == GRANT_ADDRESS ? grant->pattern_length == CAPABILITY_ADDRESS_BYTES && grant->prefix <= 128
	                                    : grant->kind < GRANT_KINDS;
}

static inline HOT_INLINE int grant_read(struct grant_walk *walk, struct grant *out)
{
	const struct shmq_shm_grant *stored = (const struct shmq_shm_grant *)walk->at;
	uint64_t text, range;
	size_t own, bytes;

	if (walk->count == 0)
		return walk->bytes == 0 ? 0 : -EBADMSG;
	if (walk->bytes < sizeof(*stored))
		return -EBADMSG;
	text = shm_load_relaxed(&stored->text);
	range = shm_load_relaxed(&stored->range);
	own = text >> 48;
	out->pattern_length = text >> 32 & 0xffff;
	out->literal = text >> 16 & 0xffff;
	out->kind = (enum grant_kind)(text & 0xffff);
	bytes = grant_padded(sizeof(*stored) + own + out->pattern_length);
	if (walk->bytes < bytes)
		return -EBADMSG;
	if (own > 0) {
		walk->permission = (const char *)(stored + 1);
		walk->permission_length = own;
	}
	out->permission = walk->permission;
	out->permission_length = walk->permission_length;
	out->pattern = (const char *)(stored + 1) + own;
	out->port_low = (uint16_t)(range >> 48);
	out->port_high = (uint16_t)(range >> 32);
	out->prefix = (uint32_t)range;
	out->place = shm_load32_relaxed(&stored->place);
	walk->at += bytes;
	walk->bytes -= bytes;
	walk->count--;
	return grant_is_sound(out) ? 1 : -EBADMSG;
}

int capability_next(struct grant_walk *walk, struct grant *out)
{
	return grant_read(walk, out);
}

/* ---- Effort ------------------------------------------------------------------------------------------------------ */

/* Returns false, from then on always, where there is not enough left. */
static inline bool effort_spend(uint32_t *effort, size_t steps)
{
	if (steps >= *effort) {
		*effort = 0;
		return false;
	}
	*effort -= (uint32_t)steps;
	return true;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

/* A text that is walked over part by part. At its end `at` is length + 1, as if a last separator stood there. */
struct parts {
	const char *text;
	size_t length, at;
	char separator;
};

static inline bool parts_are_over(const struct parts *parts)
{
	return parts->at > parts->length;
}

static inline size_t part_length(const struct parts *parts)
{
	const char *begin = parts->text + parts->at;
	size_t left = parts->length - parts->at, length = 0;

	while (length < left && begin[length] != parts->separator)
		length++;
	return length;
}

static inline bool part_is_globstar(const char *pattern, size_t length)
{
	return length == 2 && pattern[0] == '*' && pattern[1] == '*';
}

/* From the first '*' on: each piece between two of them is looked for where it comes first; the last one is at the end. */
static bool part_matches_pieces(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
	const char *star;

	for (;;) {
		const char *found;
		size_t piece;

		pattern++;
		pattern_length--;
		star = memchr(pattern, '*', pattern_length);
		if (star == NULL)
			break;
		piece = (size_t)(star - pattern);
		found = memmem(text, length, pattern, piece);
		if (found == NULL)
			return false;
		length -= (size_t)(found - text) + piece;
		text = found + piece;
		pattern = star;
		pattern_length -= piece;
	}
	return length >= pattern_length && memcmp(text + length - pattern_length, pattern, pattern_length) == 0;
}

/* An empty part is the root, or stands before the first '/' of a name: '*' is not for them. */
static bool part_matches(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
	const char *star;
	size_t head;

	if (pattern_length == 1 && pattern[0] == '*')
		return length > 0;
	star = memchr(pattern, '*', pattern_length);
	head = star == NULL ? pattern_length : (size_t)(star - pattern);
	if (head > length || memcmp(pattern, text, head) != 0)
		return false;
	if (star == NULL)
		return head == length;
	return part_matches_pieces(star, pattern_length - head, text + head, length - head);
}

/* ---- Patterns ---------------------------------------------------------------------------------------------------- */

/* Match one part of each, if the effort suffices, and go on to the next ones. */
static bool parts_step(struct parts *pattern, struct parts *text, size_t pattern_length, uint32_t *effort)
{
	size_t length = part_length(text);

	if (!effort_spend(effort, 4 + length) ||
	    !part_matches(pattern->text + pattern->at, pattern_length, text->text + text->at, length))
		return false;
	pattern->at += pattern_length + 1;
	text->at += length + 1;
	return true;
}

static bool parts_match(struct parts pattern, struct parts text, uint32_t *effort)
{
	size_t retry_pattern = SIZE_MAX, retry_text = 0;

	for (;;) {
		if (!parts_are_over(&pattern)) {
			size_t length = part_length(&pattern);

			if (!effort_spend(effort, 4 + length))
				return false;
			if (part_is_globstar(pattern.text + pattern.at, length)) {
				pattern.at += length + 1;
				if (parts_are_over(&pattern))
					return true;
				retry_pattern = pattern.at;
				retry_text = text.at;
				continue;
			}
			if (parts_are_over(&text))
				return false; /* were a "**" to take more, even less would be left */
			if (parts_step(&pattern, &text, length, effort))
				continue;
		} else if (parts_are_over(&text)) {
			return true;
		}
		if (retry_pattern == SIZE_MAX)
			return false;
		pattern.at = retry_pattern;
		text.at = retry_text;
		if (parts_are_over(&text))
			return false;
		text.at += part_length(&text) + 1;
		retry_text = text.at;
	}
}

static inline bool pattern_matches(const struct grant *grant, const struct target *target, char separator,
                                   uint32_t *effort)
{
	size_t literal = grant->literal;
	struct parts pattern = {grant->pattern, grant->pattern_length, literal > 0 ? literal + 1 : 0, separator};
	struct parts text = {target->text, target->length, pattern.at, separator};

	if (literal > target->length || !effort_spend(effort, 4 + literal / 16))
		return false;
	if (literal == grant->pattern_length)
		return literal == target->length && memcmp(grant->pattern, target->text, literal) == 0;
	if (memcmp(grant->pattern, target->text, literal) != 0)
		return false;
	if (literal > 0 && literal < target->length && target->text[literal] != separator)
		return false;
	return parts_match(pattern, text, effort);
}

static bool address_matches(const struct grant *grant, const struct target_address *address)
{
	struct target_address wanted;

	memcpy(&wanted, grant->pattern, sizeof(wanted));
	/* Not even all of IPv6 contains the IPv4 addresses that are mapped into it. */
	if (grant->prefix < TARGET_IPV4_PREFIX && target_is_ipv4(address))
		return false;
	if (grant->prefix == 0)
		return true;
	if (grant->prefix <= 64)
		return (wanted.high ^ address->high) >> (64 - grant->prefix) == 0;
	return wanted.high == address->high && (wanted.low ^ address->low) >> (128 - grant->prefix) == 0;
}

static inline bool grant_matches(const struct grant *grant, const struct target *target, uint32_t *effort)
{
	switch (grant->kind) {
	case GRANT_PATH:
	case GRANT_SLASHED:
		return pattern_matches(grant, target, '/', effort);
	case GRANT_DOTTED:
		return target->is_dotted && pattern_matches(grant, target, '.', effort);
	default:
		break;
	}
	if (target->port < grant->port_low || target->port > grant->port_high)
		return false;
	if (grant->kind == GRANT_ADDRESS)
		return target->is_address && address_matches(grant, &target->address);
	if (target->is_address)
		return part_is_globstar(grant->pattern, grant->pattern_length);
	return pattern_matches(grant, target, '.', effort);
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

static inline bool grant_is_of(const struct grant *grant, enum target_class class)
{
	switch (grant->kind) {
	case GRANT_PATH:
		return class == TARGET_PATH;
	case GRANT_HOST:
	case GRANT_ADDRESS:
		return class == TARGET_NETWORK;
	default:
		return class == TARGET_NAME;
	}
}

static int walk_check(struct grant_walk *walk, const char *permission, size_t length, const char *text, uint32_t *place)
{
	enum target_class class = target_class_of(permission, length);
	uint32_t effort = CAPABILITY_EFFORT;
	const char *known = NULL; /* the stored permission that was compared last */
	bool is_asked = false;
	struct target target;
	struct grant grant;
	int result = target_read(&target, class, text);

	if (result != 0)
		return result;
	while ((result = grant_read(walk, &grant)) == 1) {
		if (grant.permission != known) {
			known = grant.permission;
			is_asked = grant.permission_length == length && memcmp(known, permission, length) == 0;
		}
		if (!is_asked)
			continue;
		if (!grant_is_of(&grant, class))
			return -EBADMSG;
		if (grant_matches(&grant, &target, &effort)) {
			*place = grant.place;
			return SHMQ_OK;
		}
		if (effort == 0)
			return SHMQ_FORBIDDEN;
	}
	return result == 0 ? SHMQ_FORBIDDEN : result;
}

int capability_check(const void *area, size_t area_bytes, uint32_t set_offset, const char *permission,
                     const char *target, uint32_t *place)
{
	uint32_t unused;
	struct grant_walk walk;
	size_t length;
	int result;

	if (permission == NULL || target == NULL)
		return -EINVAL;
	if (place == NULL)
		place = &unused;
	*place = 0;
	if (set_offset == 0)
		return SHMQ_FORBIDDEN;
	result = capability_walk(&walk, area, area_bytes, set_offset);
	if (result != 0)
		return result;
	/* One that is longer, or empty, is as long as none that is granted. */
	length = strnlen(permission, CAPABILITY_PERMISSION_MAX + 1);
	return walk_check(&walk, permission, length, target, place);
}
