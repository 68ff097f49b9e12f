/* SPDX-License-Identifier: MIT */
/*
 * Patterns of capabilities: from what people write to what core/capability.c matches.
 *
 *     filesystem.*   an absolute path: "/app/data/report", with '*' and "**"
 *     network.*      HOST:PORT. HOST is a name with '*' and "**", "10.0.0.1", "10.0.0.0/8", "[::1]" or "[2001:db8::]" with
 *                    a prefix length inside the brackets; PORT is a number, LOW-HIGH or '*'
 *     all others     a name; its parts end at '/' where it has one, and at '.' where it has none
 *
 * Nothing but '*' means anything else than itself, and nothing can be quoted. What could be read in two ways is refused
 * here, at the byte where it stands, rather than matched in one of them.
 */
#ifndef SHMQ_POLICY_PATTERN_H
#define SHMQ_POLICY_PATTERN_H

#include "core/capability.h"

/* What is wrong with a permission or a pattern, and at which byte of it, from 0. */
struct grants_error {
	bool is_permission;
	size_t at;
	char text[256];
};

/* A pattern as it is stored. */
struct pattern {
	enum grant_kind kind;
	size_t length, literal;
	uint16_t port_low, port_high;
	uint32_t prefix;
	char text[CAPABILITY_PATTERN_MAX + 1];
};

/* Say what is wrong; `error` may be NULL. Returns -EINVAL. */
int pattern_fail(struct grants_error *error, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Read a pattern. Returns 0, or -EINVAL with `*error` filled (`error` may be NULL). */
int pattern_read(struct pattern *out, enum target_class class, const char *text, struct grants_error *error);

/* pattern_network.c: HOST:PORT, known to be text without '\'. Sets all but `literal`. Returns as pattern_read(). */
int pattern_read_network(struct pattern *out, const char *text, size_t length, struct grants_error *error);

/* Write an address in its usual form, IPv6 without brackets. */
#define PATTERN_ADDRESS_SIZE 46
void pattern_format_address(char out[PATTERN_ADDRESS_SIZE], const struct target_address *address);

#endif
