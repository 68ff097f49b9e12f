/* SPDX-License-Identifier: MIT */
/*
 * shmquota-prefork: a pre-forking HTTP host whose workers share exact quotas. This file reads the command line; the
 * host's life is in master.c, and docs/embedding.md walks through all of it.
 */
#include "host.h"
#include "master.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

const char *argp_program_version =
    "shmquota-prefork " STRING(SHMQ_VERSION_MAJOR) "." STRING(SHMQ_VERSION_MINOR) "." STRING(SHMQ_VERSION_PATCH);

static const char documentation[] =
    "Serve HTTP with several worker processes whose components share exact quotas.\v"
    "The segment is created when it does not exist, and removed at the end by the host that created it. Without a "
    "policy an existing segment (see shmquota create) is served as it is.\n\n"
    "What it serves, per COMPONENT of the policy:\n"
    "  PUT, GET, DELETE  /COMPONENT/files/NAME           storage; GET: network\n"
    "  POST              /COMPONENT/messages             messages\n"
    "  GET               /COMPONENT/download?bytes=64KB  network\n"
    "  POST              /COMPONENT/compute?ms=5         cpu\n"
    "  POST, DELETE      /COMPONENT/memory?bytes=1MB     memory\n"
    "  GET               /COMPONENT/status               its figures, as JSON\n\n"
    "Signals: HUP loads the policy again and keeps the old one if the new one is bad; TERM and INT finish what is in "
    "flight, then stop.\n\n"
    "Examples:\n"
    "  shmquota-prefork --policy docs/examples/policy.ini --port 8080\n"
    "  shmquota-prefork --workers 8 --spool /var/spool/host base.ini site.ini\n"
    "  curl -d hello http://127.0.0.1:8080/chat/messages\n";

enum option_key { KEY_DRAIN = 0x100, KEY_PER_WORKER };

static const struct argp_option option_table[] = {
    {"policy", 'p', "FILE", 0, "Read this policy; may be given several times, later ones override", 1},
    {"name", 'n', "/NAME", 0, "Use this segment rather than the one that the policy names", 1},
    {"workers", 'w', "N", 0, "Worker processes, 1 to 64 (default 4)", 2},
    {"threads", 't', "N", 0, "Threads that serve in each worker, 1 to 64 (default 2)", 2},
    {"count-per-worker", KEY_PER_WORKER, NULL, 0,
     "Let each worker count for itself, as hosts without shared quotas do: N workers admit N times the limit", 2},
    {"listen", 'l', "ADDRESS", 0, "Listen here (default 127.0.0.1)", 3},
    {"port", 'P', "PORT", 0, "Listen on this port; 0 takes a free one (default 0)", 3},
    {"spool", 's', "DIR", 0, "Keep files and messages here (default: a temporary directory, removed at the end)", 4},
    {"drain", KEY_DRAIN, "SECONDS", 0, "Let requests in flight take this long after TERM, 0 to 3600 (default 10)", 4},
    {"verbose", 'v', NULL, 0, "Log every request", 4},
    {0}};

static unsigned parse_number(const char *text, unsigned low, unsigned high, const struct argp_state *state)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-' || value < low || value > high)
		argp_error(state, "'%s' is not a number from %u to %u", text, low, high);
	return (unsigned)value;
}

static void add_policy(struct host_options *options, const char *path, const struct argp_state *state)
{
	if (options->policy_count == POLICIES_MAX)
		argp_error(state, "more than %d policy files", POLICIES_MAX);
	options->policies[options->policy_count++] = path;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct host_options *options = state->input;

	switch (key) {
	case 'p':
	case ARGP_KEY_ARG:
		add_policy(options, argument, state);
		return 0;
	case 'n':
		options->segment_name = argument;
		return 0;
	case 'w':
		options->workers = parse_number(argument, 1, WORKERS_MAX, state);
		return 0;
	case 't':
		options->threads = parse_number(argument, 1, POOL_THREADS_MAX, state);
		return 0;
	case 'l':
		options->address = argument;
		return 0;
	case 'P':
		parse_number(argument, 0, 65535, state);
		options->port = argument;
		return 0;
	case 's':
		options->spool = argument;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_DRAIN:
		options->drain_s = parse_number(argument, 0, 3600, state);
		return 0;
	case KEY_PER_WORKER:
		options->count_per_worker = true;
		return 0;
	case ARGP_KEY_END:
		if (options->policy_count == 0 && options->segment_name == NULL)
			argp_error(
			    state,
			    "give a policy (try --policy docs/examples/policy.ini) or, for a segment that exists, "
			    "its --name");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static struct host_options options = {
	    .address = "127.0.0.1", .port = "0", .workers = 4, .threads = 2, .drain_s = 10};
	static const struct argp parser = {option_table, parse_option, "[POLICY.ini...]", documentation, NULL,
	                                   NULL,         NULL};

	argp_parse(&parser, argc, argv, 0, NULL, &options);
	return master_run(&options);
}
