/* SPDX-License-Identifier: MIT */
/*
 * Reading patterns of hosts and ports; see pattern.h.
 *
 * A name is never an address and an address never a name: '*' and "*.example.org" do not match "10.0.0.1", and a pattern
 * that looks as if somebody meant them to is refused. Only "**" alone is every host, named or numbered.
 */
#include "policy/pattern.h"

#include "policy/complain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PORT_MAX 65535
#define IPV4_BITS 32
#define IPV6_BITS 128

static_assert(PATTERN_ADDRESS_SIZE == INET6_ADDRSTRLEN, "room for every address");

/* A piece of a pattern, and the whole of it for the places of errors. */
struct piece {
	const char *text;
	size_t at, end;
	struct grants_error *error;
};

static size_t find_byte(const struct piece *piece, char byte)
{
	size_t at = piece->at;

	while (at < piece->end && piece->text[at] != byte)
		at++;
	return at;
}

/* ---- Ports ------------------------------------------------------------------------------------------------------- */

static int read_port(uint16_t *out, const struct piece *piece)
{
	char quote[COMPLAIN_QUOTE_SIZE];

	*out = target_read_port(piece->text + piece->at, piece->end - piece->at);
	if (*out != 0)
		return 0;
	if (piece->at == piece->end)
		return pattern_fail(piece->error, piece->at,
		                    "a port is missing here: a number, LOW-HIGH, or '*' for all");
	complain_quote(quote, piece->text + piece->at, piece->end - piece->at);
	return pattern_fail(piece->error, piece->at, "'%s' is no port: a number from 1 to %d without leading zeros",
	                    quote, PORT_MAX);
}

static int read_ports(struct pattern *out, const struct piece *piece)
{
	struct piece low = *piece, high = *piece;

	if (piece->end - piece->at == 1 && piece->text[piece->at] == '*') {
		out->port_low = 1;
		out->port_high = PORT_MAX;
		return 0;
	}
	low.end = find_byte(piece, '-');
	high.at = low.end == piece->end ? piece->at : low.end + 1;
	if (read_port(&out->port_low, &low) < 0 || read_port(&out->port_high, &high) < 0)
		return -EINVAL;
	if (out->port_low > out->port_high)
		return pattern_fail(piece->error, piece->at, "the range of ports ends before it begins: write %u-%u",
		                    out->port_high, out->port_low);
	return 0;
}

/* ---- Addresses --------------------------------------------------------------------------------------------------- */

static int read_prefix(uint32_t *out, const struct piece *piece, uint32_t most)
{
	size_t length = piece->end - piece->at;
	bool is_zero = length == 1 && piece->text[piece->at] == '0';

	/* Written as a port is, and 0 besides. */
	*out = target_read_port(piece->text + piece->at, length);
	if (*out > most || (*out == 0 && !is_zero))
		return pattern_fail(piece->error, piece->at, "the length of a prefix is a number from 0 to %u", most);
	return 0;
}

static struct target_address mask(const struct target_address *address, uint32_t prefix)
{
	uint64_t high = prefix >= 64 ? UINT64_MAX : prefix == 0 ? 0 : UINT64_MAX << (64 - prefix);
	uint64_t low = prefix <= 64 ? 0 : UINT64_MAX << (128 - prefix);

	return (struct target_address){address->high & high, address->low & low};
}

void pattern_format_address(char out[PATTERN_ADDRESS_SIZE], const struct target_address *address)
{
	unsigned char bytes[16];

	for (int i = 0; i < 8; i++) {
		bytes[i] = (unsigned char)(address->high >> (56 - 8 * i));
		bytes[8 + i] = (unsigned char)(address->low >> (56 - 8 * i));
	}
	if (target_is_ipv4(address))
		inet_ntop(AF_INET, bytes + 12, out, PATTERN_ADDRESS_SIZE);
	else
		inet_ntop(AF_INET6, bytes, out, PATTERN_ADDRESS_SIZE);
}

/* Store an address, where `prefix` counts from the first bit of 128. */
static int set_address(struct pattern *out, const struct piece *piece, const struct target_address *address,
                       uint32_t prefix)
{
	struct target_address masked = mask(address, prefix);
	bool is_ipv4 = prefix >= TARGET_IPV4_PREFIX && target_is_ipv4(address);
	char text[PATTERN_ADDRESS_SIZE];

	if (masked.high != address->high || masked.low != address->low) {
		pattern_format_address(text, &masked);
		return pattern_fail(
		    piece->error, piece->at,
		    "the address has bits beyond its prefix: write %s/%u, or the whole address without a "
		    "prefix",
		    text, is_ipv4 ? prefix - TARGET_IPV4_PREFIX : prefix);
	}
	out->kind = GRANT_ADDRESS;
	out->prefix = prefix;
	out->length = sizeof(*address);
	memcpy(out->text, address, sizeof(*address));
	return 0;
}

static int read_ipv4(struct pattern *out, const struct piece *piece)
{
	size_t slash = find_byte(piece, '/');
	struct piece digits = {piece->text, slash + 1, piece->end, piece->error};
	struct target_address address;
	uint32_t prefix = IPV4_BITS;

	if (!target_read_ipv4(&address, piece->text + piece->at, slash - piece->at))
		return pattern_fail(
		    piece->error, piece->at,
		    "this is no IPv4 address: four numbers from 0 to 255 without leading zeros; more than "
		    "one is written as 10.0.0.0/8");
	if (slash < piece->end && read_prefix(&prefix, &digits, IPV4_BITS) < 0)
		return -EINVAL;
	return set_address(out, piece, &address, TARGET_IPV4_PREFIX + prefix);
}

/* What stands between brackets. */
static int read_ipv6(struct pattern *out, const struct piece *piece)
{
	size_t slash = find_byte(piece, '/');
	struct piece digits = {piece->text, slash + 1, piece->end, piece->error};
	struct target_address address;
	uint32_t prefix = IPV6_BITS;
	char text[PATTERN_ADDRESS_SIZE];

	if (!target_read_ipv6(&address, piece->text + piece->at, slash - piece->at))
		return pattern_fail(piece->error, piece->at,
		                    "this is no IPv6 address (one with a zone is not matched)");
	if (target_is_ipv4(&address)) {
		pattern_format_address(text, &address);
		return pattern_fail(piece->error, piece->at, "this is an IPv4 address: write %s without brackets",
		                    text);
	}
	if (slash < piece->end && read_prefix(&prefix, &digits, IPV6_BITS) < 0)
		return -EINVAL;
	return set_address(out, piece, &address, prefix);
}

/* ---- Names of hosts ---------------------------------------------------------------------------------------------- */

static char lower(char byte)
{
	return (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
}

/* "10.0.*.*": what somebody would write who thinks that addresses are names. */
static bool is_starred_address(const struct piece *piece)
{
	bool has_digit = false;

	for (size_t at = piece->at; at < piece->end; at++) {
		char byte = piece->text[at];

		has_digit |= byte >= '0' && byte <= '9';
		if (byte != '.' && byte != '*' && (byte < '0' || byte > '9'))
			return false;
	}
	return has_digit;
}

static int fail_host_byte(const struct piece *piece, size_t at)
{
	if ((unsigned char)piece->text[at] >= 0x80)
		return pattern_fail(piece->error, at,
		                    "a host's name is written in ASCII, an international one as 'xn--...'");
	return pattern_fail(piece->error, at, "'%c' is not allowed in a host's name", piece->text[at]);
}

static int check_label(const struct piece *label)
{
	size_t length = label->end - label->at;

	if (length == 0)
		return pattern_fail(label->error, label->at, "a part of the host's name is missing here");
	if (length > TARGET_LABEL_MAX)
		return pattern_fail(label->error, label->at, "between two dots of a host's name are at most %d bytes",
		                    TARGET_LABEL_MAX);
	if (label->text[label->at] == '-')
		return pattern_fail(label->error, label->at, "no part of a host's name begins with '-'");
	for (size_t at = label->at; at < label->end; at++) {
		bool is_star = label->text[at] == '*';

		if (is_star && length > 2 && at + 1 < label->end && label->text[at + 1] == '*')
			return pattern_fail(label->error, at,
			                    "'**' stands for whole parts of a name, so only a dot may stand beside it");
		if (!is_star && !target_is_host_byte(lower(label->text[at])))
			return fail_host_byte(label, at);
	}
	return 0;
}

static bool is_double_star(const char *label, size_t length)
{
	return length == 2 && label[0] == '*' && label[1] == '*';
}

static int append_label(struct pattern *out, const struct piece *label)
{
	bool is_double = is_double_star(label->text + label->at, label->end - label->at);

	if (is_double && out->length >= 2 && is_double_star(out->text + out->length - 2, 2))
		return pattern_fail(label->error, label->at,
		                    "one '**' is any number of parts already: leave this one out");
	if (out->length > 0)
		out->text[out->length++] = '.';
	for (size_t at = label->at; at < label->end; at++)
		out->text[out->length++] = lower(label->text[at]);
	return 0;
}

static int read_host_name(struct pattern *out, const struct piece *piece)
{
	struct piece rest = *piece, label = *piece;

	if (is_starred_address(piece))
		return pattern_fail(piece->error, piece->at,
		                    "'*' does not match addresses: write how many bits are the same, as in 10.0.0.0/8");
	if (rest.end - rest.at > 1 && rest.text[rest.end - 1] == '.')
		rest.end--;
	if (rest.end - rest.at > TARGET_HOST_MAX)
		return pattern_fail(piece->error, piece->at, "a host's name has at most %d bytes", TARGET_HOST_MAX);
	out->kind = GRANT_HOST;
	for (; label.at <= rest.end; label.at = label.end + 1) {
		struct piece left = {rest.text, label.at, rest.end, rest.error};

		label.end = find_byte(&left, '.');
		if (check_label(&label) < 0 || append_label(out, &label) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- Both -------------------------------------------------------------------------------------------------------- */

static int fail_without_port(const struct piece *host)
{
	return pattern_fail(host->error, host->end,
	                    "a port is missing behind the host: write HOST:PORT, HOST:LOW-HIGH, or HOST:* for all");
}

static int read_bracketed(struct pattern *out, const struct piece *all)
{
	size_t bracket = find_byte(all, ']');
	struct piece address = {all->text, all->at + 1, bracket, all->error};
	struct piece ports = {all->text, bracket + 2, all->end, all->error};

	if (bracket == all->end)
		return pattern_fail(all->error, all->at, "the ']' to this '[' is missing");
	if (bracket + 1 < all->end && all->text[bracket + 1] == '/')
		return pattern_fail(all->error, bracket + 1,
		                    "the length of a prefix stands inside the brackets: [2001:db8::/32]:443");
	if (bracket + 1 == all->end || all->text[bracket + 1] != ':')
		return fail_without_port(&(struct piece){all->text, all->at, bracket + 1, all->error});
	return read_ipv6(out, &address) < 0 ? -EINVAL : read_ports(out, &ports);
}

static int check_colons(const struct piece *host, const struct piece *ports)
{
	if (host->end == ports->end)
		return fail_without_port(host);
	if (strncmp(host->text + host->end, "://", 3) == 0)
		return pattern_fail(host->error, host->at, "a URL is no pattern: write HOST:PORT without '%.*s://'",
		                    (int)(host->end < 20 ? host->end : 20), host->text);
	if (find_byte(ports, ':') < ports->end)
		return pattern_fail(host->error, host->at, "an IPv6 address stands in brackets: [::1]:80");
	if (host->at == host->end)
		return pattern_fail(host->error, host->at, "a host is missing before ':' ('**' is every host)");
	return 0;
}

int pattern_read_network(struct pattern *out, const char *text, size_t length, struct grants_error *error)
{
	struct piece all = {text, 0, length, error}, host = all, ports = all;
	size_t name_end;
	int result;

	if (text[0] == '[')
		return read_bracketed(out, &all);
	host.end = find_byte(&all, ':');
	ports.at = host.end < length ? host.end + 1 : length;
	if (check_colons(&host, &ports) < 0)
		return -EINVAL;
	name_end = text[host.end - 1] == '.' ? host.end - 1 : host.end;
	if (find_byte(&host, '/') < host.end || target_ends_in_number(text, name_end))
		result = read_ipv4(out, &host);
	else
		result = read_host_name(out, &host);
	return result < 0 ? -EINVAL : read_ports(out, &ports);
}
