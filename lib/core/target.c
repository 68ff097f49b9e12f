/* SPDX-License-Identifier: MIT */
/*
 * Reading targets.
 *
 * Most targets are in their final form already. One look at them, eight bytes at a time, proves that, and they are
 * matched where they stand; all others are examined byte by byte. The look may take a target for odd that is not, never
 * the other way round.
 *
 * Addresses are read by inet_pton(), which knows exactly one form of IPv4. The others that inet_aton() and browsers
 * know (127.1, 0x7f.1, 017700000001) are recognised by their last label and refused, so that none passes as a name.
 */
#include "core/target.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <shmquota.h>
#include <string.h>

/* ---- Looking ----------------------------------------------------------------------------------------------------- */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* What was seen; only the highest bit of each byte counts. */
struct target_look {
	uint64_t odd;      /* neither printable ASCII nor a backslash */
	uint64_t adjacent; /* two of '/' and '.' in a row */
	uint64_t slash;
};

/* The bytes that are zero. True of bytes below 0x80 only: the sum of another one is carried into the next. */
static inline uint64_t target_zero_bytes(uint64_t word)
{
	return ~(word + EACH_BYTE(0x7f));
}

/* '.' and '/' differ in one bit. */
static inline uint64_t target_separators(uint64_t word)
{
	return target_zero_bytes((word | EACH_BYTE(1)) ^ EACH_BYTE('/'));
}

/* Look at eight bytes; the ninth has to be readable. */
static inline void target_look_at(struct target_look *look, const char *text)
{
	uint64_t here, next;

	memcpy(&here, text, sizeof(here));
	memcpy(&next, text + 1, sizeof(next));
	look->odd |=
	    here | ~(here + EACH_BYTE(0x60)) | (here + EACH_BYTE(1)) | target_zero_bytes(here ^ EACH_BYTE('\\'));
	look->adjacent |= target_separators(here) & target_separators(next);
	look->slash |= target_zero_bytes(here ^ EACH_BYTE('/'));
}

/* Look at all of a text, which ends with a NUL. */
static inline struct target_look target_look(const char *text, size_t length)
{
	struct target_look look = {0, 0, 0};
	char padded[] = "xxxxxxxxx";

	for (size_t at = 0; at + 8 <= length; at += 8)
		target_look_at(&look, text + at);
	if (length >= 8) {
		target_look_at(&look, text + length - 8); /* what was seen before is seen again */
	} else {
		for (size_t at = 0; at < length; at++)
			padded[at] = text[at];
		target_look_at(&look, padded);
	}
	look.odd &= EACH_BYTE(0x80);
	look.adjacent &= EACH_BYTE(0x80);
	look.slash &= EACH_BYTE(0x80);
	return look;
}

size_t target_text_span(const char *text, size_t length)
{
	size_t at = 0;

	while (at < length) {
		unsigned char first = (unsigned char)text[at];
		size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

		if (first >= ' ' && first < 0x7f && first != '\\') {
			at++;
			continue;
		}
		/* A component's name may hold every printable character, so a name of one is a test for one. */
		if (first < 0x80 || bytes > length - at || !text_is_component_name(text + at, bytes))
			return at;
		at += bytes;
	}
	return length;
}

/* Among other bytes than ASCII, separators may be overlooked. */
static inline bool target_is_to_examine(const struct target_look *look)
{
	return __builtin_expect((look->odd | look->adjacent) != 0, 0);
}

static inline bool target_is_text(const struct target_look *look, const char *text, size_t length)
{
	return __builtin_expect(look->odd == 0, 1) || target_text_span(text, length) == length;
}

static inline size_t target_part_end(const char *text, size_t at, size_t length)
{
	while (at < length && text[at] != '/')
		at++;
	return at;
}

/* "." or ".." */
static inline bool target_is_dots(const char *part, size_t length)
{
	return (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
}

/* ---- Paths ------------------------------------------------------------------------------------------------------- */

static size_t target_parent(const char *path, size_t length)
{
	while (length > 0 && path[length - 1] != '/')
		length--;
	return length > 0 ? length - 1 : 0;
}

static int target_normalise_path(struct target *out, const char *text, size_t length)
{
	size_t used = 0, end;

	for (size_t at = 1; at <= length; at = end + 1) {
		end = target_part_end(text, at, length);
		if (end - at == 2 && text[at] == '.' && text[at + 1] == '.') {
			if (used == 0)
				return SHMQ_FORBIDDEN;
			used = target_parent(out->buffer, used);
		} else if (end > at && !target_is_dots(text + at, end - at)) {
			if (used > 0)
				out->buffer[used++] = '/';
			memcpy(out->buffer + used, text + at, end - at);
			used += end - at;
		}
	}
	out->text = out->buffer;
	out->length = used;
	return 0;
}

static int target_read_path(struct target *out, const char *text, size_t length)
{
	struct target_look look = target_look(text, length);

	if (text[0] != '/' || !target_is_text(&look, text, length))
		return SHMQ_FORBIDDEN;
	if (target_is_to_examine(&look))
		return target_normalise_path(out, text, length);
	out->text = text + 1;
	out->length = length - 1;
	if (out->length > 0 && out->text[out->length - 1] == '/')
		out->length--;
	return 0;
}

/* ---- Networks ---------------------------------------------------------------------------------------------------- */

bool target_is_host_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

static bool target_is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool target_is_hex_digit(char byte)
{
	return target_is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

bool target_ends_in_number(const char *host, size_t length)
{
	size_t begin = length;
	bool is_decimal, is_hex;

	while (begin > 0 && host[begin - 1] != '.')
		begin--;
	is_decimal = begin < length;
	is_hex = length - begin >= 2 && host[begin] == '0' && (host[begin + 1] | 0x20) == 'x';
	for (size_t at = begin; at < length; at++)
		is_decimal &= target_is_digit(host[at]);
	for (size_t at = begin + 2; at < length; at++)
		is_hex &= target_is_hex_digit(host[at]);
	return is_decimal || is_hex;
}

bool target_is_ipv4(const struct target_address *address)
{
	return address->high == 0 && address->low >> 32 == 0xffff;
}

static uint64_t target_number(const unsigned char *bytes, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 8 | bytes[i];
	return number;
}

static bool target_read_address(unsigned char out[16], int family, const char *text, size_t length)
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return inet_pton(family, copy, out) == 1;
}

bool target_read_ipv4(struct target_address *out, const char *text, size_t length)
{
	unsigned char bytes[16];

	if (!target_read_address(bytes, AF_INET, text, length))
		return false;
	*out = (struct target_address){.low = UINT64_C(0xffff00000000) | target_number(bytes, 4)};
	return true;
}

bool target_read_ipv6(struct target_address *out, const char *text, size_t length)
{
	unsigned char bytes[16];

	if (!target_read_address(bytes, AF_INET6, text, length))
		return false;
	*out = (struct target_address){target_number(bytes, 8), target_number(bytes + 8, 8)};
	return true;
}

uint16_t target_read_port(const char *text, size_t length)
{
	unsigned port = 0;

	if (length == 0 || length > TARGET_PORT_DIGITS || text[0] == '0')
		return 0;
	for (size_t at = 0; at < length; at++) {
		if (text[at] < '0' || text[at] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[at] - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* Copy a name in lower case, if it is one. None of its labels begins with '-', as options of commands do. */
static bool target_read_host_name(struct target *out, const char *text, size_t length)
{
	size_t begin = 0; /* of the label */

	if (length > 0 && text[length - 1] == '.')
		length--;
	if (length == 0 || length > TARGET_HOST_MAX)
		return false;
	for (size_t at = 0; at < length; at++) {
		char byte = (char)(text[at] >= 'A' && text[at] <= 'Z' ? text[at] - 'A' + 'a' : text[at]);

		out->buffer[at] = byte;
		if (target_is_host_byte(byte) && (byte != '-' || at > begin))
			continue;
		if (byte != '.' || at == begin || at - begin > TARGET_LABEL_MAX)
			return false;
		begin = at + 1;
	}
	out->text = out->buffer;
	out->length = length;
	return begin < length && length - begin <= TARGET_LABEL_MAX;
}

static bool target_read_host(struct target *out, const char *text, size_t length)
{
	if (length >= 2 && text[0] == '[') {
		out->is_address = true;
		return text[length - 1] == ']' && target_read_ipv6(&out->address, text + 1, length - 2);
	}
	if (!target_read_host_name(out, text, length))
		return false;
	if (!target_ends_in_number(out->text, out->length))
		return true;
	out->is_address = true;
	return target_read_ipv4(&out->address, text, length);
}

static int target_read_network(struct target *out, const char *text, size_t length)
{
	size_t colon = length;

	/* The last one: those of an IPv6 address are before it, and no host has one that is not in brackets. */
	while (colon > 0 && text[colon - 1] != ':')
		colon--;
	if (colon == 0)
		return SHMQ_FORBIDDEN;
	out->port = target_read_port(text + colon, length - colon);
	return out->port != 0 && target_read_host(out, text, colon - 1) ? 0 : SHMQ_FORBIDDEN;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static bool target_has_empty_part(const char *text, size_t length)
{
	bool was_dot = true;

	for (size_t at = 0; at < length; at++) {
		if (text[at] == '.' && was_dot)
			return true;
		was_dot = text[at] == '.';
	}
	return was_dot;
}

static int target_examine_name(struct target *out, const char *text, size_t length)
{
	size_t end;

	for (size_t at = 0; at <= length; at = end + 1) {
		end = target_part_end(text, at, length);
		if ((end == at && at > 0) || target_is_dots(text + at, end - at))
			return SHMQ_FORBIDDEN;
	}
	out->is_dotted = memchr(text, '/', length) == NULL && !target_has_empty_part(text, length);
	return 0;
}

static inline bool target_is_separator(char byte)
{
	return byte == '/' || byte == '.';
}

static int target_read_name(struct target *out, const char *text, size_t length)
{
	struct target_look look = target_look(text, length);

	out->text = text;
	out->length = length;
	out->is_dotted = look.slash == 0;
	if (!target_is_text(&look, text, length))
		return SHMQ_FORBIDDEN;
	if (target_is_to_examine(&look) || target_is_separator(text[0]) || target_is_separator(text[length - 1]))
		return target_examine_name(out, text, length);
	return 0;
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static inline bool target_begins(const char *text, size_t length, const char *with, size_t with_length)
{
	return length > with_length && memcmp(text, with, with_length) == 0;
}

enum target_class target_class_of(const char *permission, size_t length)
{
	if (target_begins(permission, length, "filesystem.", 11))
		return TARGET_PATH;
	if (target_begins(permission, length, "network.", 8))
		return TARGET_NETWORK;
	return TARGET_NAME;
}

int target_read(struct target *out, enum target_class class, const char *text)
{
	size_t length = strnlen(text, TARGET_MAX + 1);

	if (length == 0 || length > TARGET_MAX)
		return SHMQ_FORBIDDEN;
	out->text = text;
	out->length = 0;
	out->is_address = false;
	out->is_dotted = false;
	out->port = 0;
	switch (class) {
	case TARGET_PATH:
		return target_read_path(out, text, length);
	case TARGET_NETWORK:
		return target_read_network(out, text, length);
	default:
		return target_read_name(out, text, length);
	}
}
