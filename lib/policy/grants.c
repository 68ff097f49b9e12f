/* SPDX-License-Identifier: MIT */
/*
 * Collecting grants. The records are kept as they will be stored, so encoding is copying; what one looks like is known
 * here and in core/capability.c only.
 */
#include "policy/grants.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 512

/* ---- Permissions ------------------------------------------------------------------------------------------------- */

static int fail_permission(struct grants_error *error, size_t at, const char *text)
{
	if (error == NULL)
		return -EINVAL;
	error->is_permission = true;
	error->at = at;
	snprintf(error->text, sizeof(error->text), "%s", text);
	return -EINVAL;
}

static bool is_permission_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

int grants_check_permission(const char *permission, struct grants_error *error)
{
	size_t length = strlen(permission);
	bool has_dot = false, was_dot = true;

	if (length == 0)
		return fail_permission(error, 0, "a permission is missing here");
	for (size_t at = 0; at < length; at++) {
		bool is_dot = permission[at] == '.';

		if (is_dot && was_dot)
			return fail_permission(error, at, "a part of the permission's name is missing before this dot");
		if (!is_dot && !is_permission_byte(permission[at]))
			return fail_permission(
			    error, at, "the name of a permission is made of a-z, 0-9, '_' and '-', with dots between");
		has_dot |= is_dot;
		was_dot = is_dot;
	}
	if (!has_dot)
		return fail_permission(error, 0, "the name of a permission has a dot in it, such as 'filesystem.read'");
	if (was_dot)
		return fail_permission(error, length - 1, "a part of the permission's name is missing behind this dot");
	if (length > CAPABILITY_PERMISSION_MAX)
		return fail_permission(error, CAPABILITY_PERMISSION_MAX,
		                       "the name of a permission has at most 63 bytes");
	return 0;
}

/* ---- Collecting -------------------------------------------------------------------------------------------------- */

/* Returns room for so many bytes behind the last record, all zero, or NULL. */
static unsigned char *reserve(struct grants *grants, size_t bytes)
{
	size_t capacity = grants->capacity > 0 ? grants->capacity : CAPACITY_FIRST;
	unsigned char *records = grants->records;

	while (capacity - grants->bytes < bytes)
		capacity *= 2;
	if (capacity != grants->capacity) {
		records = realloc(records, capacity);
		if (records == NULL)
			return NULL;
		grants->records = records;
		grants->capacity = capacity;
	}
	return memset(records + grants->bytes, 0, bytes);
}

/* `own` is how many bytes of the permission are stored: none where it is that of the record before. */
static int append(struct grants *grants, const char *permission, size_t own, const struct pattern *pattern,
                  uint32_t place)
{
	size_t bytes = (sizeof(struct shmq_shm_grant) + own + pattern->length + 7) & ~(size_t)7;
	unsigned char *record = reserve(grants, bytes);
	struct shmq_shm_grant *grant = (struct shmq_shm_grant *)(void *)record;

	if (record == NULL)
		return -ENOMEM;
	shm_store_relaxed(&grant->text, (uint64_t)own << 48 | (uint64_t)pattern->length << 32 |
	                                    (uint64_t)pattern->literal << 16 | (uint64_t)pattern->kind);
	shm_store_relaxed(&grant->range,
	                  (uint64_t)pattern->port_low << 48 | (uint64_t)pattern->port_high << 32 | pattern->prefix);
	shm_store32_relaxed(&grant->place, place);
	memcpy(record + sizeof(*grant), permission, own);
	memcpy(record + sizeof(*grant) + own, pattern->text, pattern->length);
	if (own > 0)
		snprintf(grants->permission, sizeof(grants->permission), "%s", permission);
	grants->bytes += bytes;
	grants->count++;
	return 0;
}

int grants_add(struct grants *grants, const char *permission, const char *pattern, uint32_t place,
               struct grants_error *error)
{
	size_t length = strlen(permission);
	struct pattern read;

	if (grants_check_permission(permission, error) < 0 ||
	    pattern_read(&read, target_class_of(permission, length), pattern, error) < 0)
		return -EINVAL;
	if (grants->count == CAPABILITY_GRANTS_MAX) {
		pattern_fail(error, 0, "a component has at most %d patterns", CAPABILITY_GRANTS_MAX);
		return -E2BIG;
	}
	return append(grants, permission, strcmp(permission, grants->permission) == 0 ? 0 : length, &read, place);
}

int grants_encode(const struct grants *grants, void *out, size_t size)
{
	size_t bytes = sizeof(struct shmq_shm_grants) + grants->bytes;
	struct shmq_shm_grants *set = out;

	if (out == NULL)
		return (int)bytes;
	if (size < bytes)
		return -ENOSPC;
	shm_store32_relaxed(&set->count, grants->count);
	shm_store32_relaxed(&set->bytes, (uint32_t)grants->bytes);
	if (grants->bytes > 0)
		memcpy(set + 1, grants->records, grants->bytes);
	return (int)bytes;
}

void grants_free(struct grants *grants)
{
	free(grants->records);
	*grants = (struct grants)GRANTS_EMPTY;
}

/* ---- Showing ----------------------------------------------------------------------------------------------------- */

static void format_ports(char out[16], const struct grant *grant)
{
	if (grant->port_low == 1 && grant->port_high == UINT16_MAX)
		snprintf(out, 16, "*");
	else if (grant->port_low == grant->port_high)
		snprintf(out, 16, "%u", grant->port_low);
	else
		snprintf(out, 16, "%u-%u", grant->port_low, grant->port_high);
}

static int format_address(char *text, size_t size, const struct grant *grant, const char *ports)
{
	char address_text[PATTERN_ADDRESS_SIZE], prefix[16] = "";
	struct target_address address;
	bool is_ipv4;

	memcpy(&address, grant->pattern, sizeof(address));
	is_ipv4 = grant->prefix >= TARGET_IPV4_PREFIX && target_is_ipv4(&address);
	pattern_format_address(address_text, &address);
	if (grant->prefix < 128)
		snprintf(prefix, sizeof(prefix), "/%u", is_ipv4 ? grant->prefix - TARGET_IPV4_PREFIX : grant->prefix);
	return snprintf(text, size, is_ipv4 ? "%s%s:%s" : "[%s%s]:%s", address_text, prefix, ports);
}

static int format_pattern(char *text, size_t size, const struct grant *grant)
{
	int length = (int)grant->pattern_length;
	char ports[16];

	format_ports(ports, grant);
	switch (grant->kind) {
	case GRANT_PATH:
		return snprintf(text, size, "/%.*s", length, grant->pattern);
	case GRANT_HOST:
		return snprintf(text, size, "%.*s:%s", length, grant->pattern, ports);
	case GRANT_ADDRESS:
		return format_address(text, size, grant, ports);
	default:
		return snprintf(text, size, "%.*s", length, grant->pattern);
	}
}

int grants_format(char *text, size_t size, const struct grant *grant)
{
	int length = format_pattern(text, size, grant);

	if (size > 0)
		text_make_plain(text, strlen(text)); /* a damaged set may say anything */
	return length;
}
