/* SPDX-License-Identifier: MIT */
/*
 * Targets: what somebody wants to use, brought into the one form in which it is matched.
 *
 * A target is hostile until it is read: it comes from the code that is being confined. Reading it either gives a form
 * that has one meaning, or refuses; nothing is guessed, decoded or looked up. What is refused is forbidden, whatever the
 * policy grants: bytes that are no printable UTF-8, a backslash, more than TARGET_MAX bytes, and what its class excludes:
 *
 *     path     absolute; "//", "." and ".." are resolved by the text alone, and one that climbs above the root is refused
 *     network  HOST:PORT; a name in ASCII, an IPv4 address as four plain decimals, an IPv6 address in brackets
 *     name     anything else; no part between two '/' is empty, "." or ".." (the first may be empty: "/a/b")
 *
 * Not done here: percent-encoding is bytes like any other, symbolic links and names of hosts are not followed, letters
 * that look alike stay different. Who opens a file or a connection afterwards has to use the same text.
 */
#ifndef SHMQ_CORE_TARGET_H
#define SHMQ_CORE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_MAX 4095      /* bytes of a target, the terminating NUL not counted */
#define TARGET_HOST_MAX 253  /* bytes of a host's name */
#define TARGET_LABEL_MAX 63  /* bytes between two dots of it */
#define TARGET_PORT_DIGITS 5 /* of 65535 */

enum target_class { TARGET_PATH, TARGET_NETWORK, TARGET_NAME };

/* An IPv6 address as two numbers; an IPv4 address as the IPv6 address that it is mapped to, ::ffff:a.b.c.d. */
struct target_address {
	uint64_t high, low;
};

#define TARGET_IPV4_PREFIX 96 /* bits that all IPv4 addresses have in common */

struct target {
	const char *text; /* a path without its first '/' (the root is empty), a host's name in lower case, a name */
	size_t length;
	bool is_dotted; /* a name that patterns of dots may match: no '/', and something between any two dots */
	bool is_address;
	uint16_t port;
	struct target_address address; /* where is_address; there is no text then */
	char buffer[TARGET_MAX + 1];   /* holds the text where it is not the caller's; left as it is otherwise */
};

/* The class of all targets of a permission. */
enum target_class target_class_of(const char *permission, size_t length);

/* Read a target, which has to live as long as `out`. Returns 0 or SHMQ_FORBIDDEN. No system call, no allocation. */
int target_read(struct target *out, enum target_class class, const char *text);

/* Count the bytes up to the first that no target may contain: `length` where there is none. */
size_t target_text_span(const char *text, size_t length);

/* Tell whether a byte may stand in a host's name, in lower case. */
bool target_is_host_byte(char byte);

/* Tell whether somebody takes this for an IPv4 address, however oddly written: its last label is a number. */
bool target_ends_in_number(const char *host, size_t length);

/* Read an address in its usual form, IPv6 without brackets. Returns false where it is none. */
bool target_read_ipv4(struct target_address *out, const char *text, size_t length);
bool target_read_ipv6(struct target_address *out, const char *text, size_t length);

bool target_is_ipv4(const struct target_address *address);

/* Read a port: decimal, 1 to 65535, no leading zero. Returns 0 where it is none. */
uint16_t target_read_port(const char *text, size_t length);

#endif
