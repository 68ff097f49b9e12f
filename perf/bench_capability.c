/* SPDX-License-Identifier: MIT */
/*
 * What it costs to ask whether a component may do something, beside fnmatch(3) in the same run.
 *
 * A check does more than fnmatch(): it finds the component's grants in shared memory, proves that the target is text
 * without tricks, and would normalise it. Both are given the same patterns and targets; see fnmatch_peer.h.
 */
#include "baseline.h"
#include "fnmatch_peer.h"
#include "policy_text.h"
#include "program.h"
#include "segment.h"

#include <stdio.h>
#include <string.h>

#define MANY 100
#define POLICY_SIZE 16384
#define STARS 50
#define LONGEST 4095

#define HOST_PATTERN "*.example.org:443"
#define HOST_TARGET "api.example.org:443"
#define NAME_PATTERN "orders.*"
#define NAME_TARGET "orders.created"

struct subject {
	struct baseline *baseline;
	struct shmq_component *one, *list, *many, *dear; /* by how many patterns they have for files */
	const char *file_pattern, *host_pattern;
	char (*patterns)[FNMATCH_PEER_SIZE];
	char *dear_pattern; /* dear to who tries again */
};

static char dear_pattern[2 * STARS + 3];
static char longest[LONGEST + 1];

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool may_read(struct shmq_component *component, const char *target)
{
	return shmq_check_capability(component, "filesystem.read", target) == SHMQ_OK;
}

static bool may(struct shmq_component *component, const char *permission, const char *target)
{
	return shmq_check_capability(component, permission, target) == SHMQ_OK;
}

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct subject, expression)

DEFINE_RUN(run_nothing, baseline_nothing(s->baseline, 1))
DEFINE_RUN(run_check, shmq_check(s->one, SHMQ_STORAGE, 1, NULL) == SHMQ_OK)
DEFINE_RUN(run_match, fnmatch_peer_match(s->file_pattern, FILE_TARGET))
DEFINE_RUN(run_match_list, fnmatch_peer_match_list(s->patterns, LAST_TARGET))
DEFINE_RUN(run_match_host, fnmatch_peer_match(s->host_pattern, HOST_TARGET))
DEFINE_RUN(run_match_dear, !fnmatch_peer_match(s->dear_pattern, longest))
DEFINE_RUN(run_one, may_read(s->one, FILE_TARGET))
DEFINE_RUN(run_one_dots, may_read(s->one, "/app/./data//x/../report.txt"))
DEFINE_RUN(run_one_wide, may_read(s->one, "/app/data/r\xc3\xa9sum\xc3\xa9.txt"))
DEFINE_RUN(run_list, may_read(s->list, LAST_TARGET))
DEFINE_RUN(run_many, may_read(s->many, LAST_TARGET))
DEFINE_RUN(run_host, may(s->one, "network.connect", HOST_TARGET))
DEFINE_RUN(run_address, may(s->one, "network.connect", "10.1.2.3:443"))
DEFINE_RUN(run_name, may(s->one, "message.send", NAME_TARGET))
DEFINE_RUN(run_forbidden, shmq_check_capability(s->one, "filesystem.read", "/etc/passwd") == SHMQ_FORBIDDEN)
DEFINE_RUN(run_dear, shmq_check_capability(s->dear, "filesystem.read", longest) == SHMQ_FORBIDDEN)

/* ---- The cases --------------------------------------------------------------------------------------------------- */

enum {
	CASE_NOTHING,
	CASE_CHECK,
	CASE_MATCH,
	CASE_MATCH_UTF8,
	CASE_ONE,
	CASE_DOTS,
	CASE_WIDE,
	CASE_FORBIDDEN,
	CASE_MATCH_LIST,
	CASE_MATCH_LIST_UTF8,
	CASE_LIST,
	CASE_MANY,
	CASE_MATCH_HOST,
	CASE_HOST,
	CASE_ADDRESS,
	CASE_NAME,
	CASE_MATCH_DEAR,
	CASE_DEAR,
	CASES
};

static const struct bench_case cases[CASES] = {
    [CASE_NOTHING] = {"nothing", "a call of an empty function", run_nothing, fnmatch_peer_in_bytes},
    [CASE_CHECK] = {"check_quota", "check a level (no capability)", run_check, fnmatch_peer_in_bytes},
    [CASE_MATCH] = {"fnmatch", "fnmatch, 1 pattern", run_match, fnmatch_peer_in_bytes},
    [CASE_MATCH_UTF8] = {"fnmatch_utf8", "fnmatch, 1 pattern, UTF-8", run_match, fnmatch_peer_in_utf8},
    [CASE_ONE] = {"check", "check, 1 pattern", run_one, fnmatch_peer_in_utf8},
    [CASE_DOTS] = {"check_dots", "check, 1 pattern, dots in the target", run_one_dots, fnmatch_peer_in_utf8},
    [CASE_WIDE] = {"check_wide", "check, 1 pattern, target beyond ASCII", run_one_wide, fnmatch_peer_in_utf8},
    [CASE_FORBIDDEN] = {"check_forbidden", "check, 1 pattern, forbidden and counted", run_forbidden,
                        fnmatch_peer_in_utf8},
    [CASE_MATCH_LIST] = {"fnmatch_8", "fnmatch, 8 patterns, the last one", run_match_list, fnmatch_peer_in_bytes},
    [CASE_MATCH_LIST_UTF8] = {"fnmatch_8_utf8", "fnmatch, 8 patterns, the last one, UTF-8", run_match_list,
                              fnmatch_peer_in_utf8},
    [CASE_LIST] = {"check_8", "check, 8 patterns, the last one", run_list, fnmatch_peer_in_utf8},
    [CASE_MANY] = {"check_100", "check, 100 patterns, the last one", run_many, fnmatch_peer_in_utf8},
    [CASE_MATCH_HOST] = {"fnmatch_host", "fnmatch, host and port", run_match_host, fnmatch_peer_in_bytes},
    [CASE_HOST] = {"check_host", "check, host and port", run_host, fnmatch_peer_in_utf8},
    [CASE_ADDRESS] = {"check_address", "check, IPv4 address in a network", run_address, fnmatch_peer_in_utf8},
    [CASE_NAME] = {"check_name", "check, name", run_name, fnmatch_peer_in_utf8},
    [CASE_MATCH_DEAR] = {"fnmatch_50", "fnmatch, 50 stars, 4,095 bytes", run_match_dear, fnmatch_peer_in_bytes},
    [CASE_DEAR] = {"check_50", "check, 50 stars, 4,095 bytes", run_dear, fnmatch_peer_in_utf8},
};

static const struct target targets[] = {
    {"check / fnmatch, UTF-8; 1 pattern", 1, CASE_ONE, BENCH_ONE, CASE_MATCH_UTF8, BENCH_ONE, TARGET_WHOLE},
    {"check / fnmatch in bytes; 8 patterns", 1, CASE_LIST, BENCH_ONE, CASE_MATCH_LIST, BENCH_ONE, TARGET_WHOLE},
    {"check, 1 pattern, ns", 60, CASE_ONE, BENCH_ONE, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
    {"check, 50 stars, 4,095 bytes, ns", 100000, CASE_DEAR, BENCH_ONE, TARGET_NS, BENCH_ONE, TARGET_WHOLE},
};

/* ---- The policy -------------------------------------------------------------------------------------------------- */

static void fill_dear_pattern(void)
{
	strcpy(dear_pattern, "/");
	for (unsigned i = 0; i < STARS; i++)
		strcat(dear_pattern, "*a");
	strcat(dear_pattern, "b");
	memset(longest, 'a', LONGEST);
	longest[0] = '/';
}

static void write_list(FILE *policy, const char *name, unsigned count)
{
	fprintf(policy, "[component:%s]\nfilesystem.read = [", name);
	fnmatch_peer_write_list(policy, count);
	fputs("]\n", policy);
}

static void write_policy(char *text)
{
	FILE *policy = fmemopen(text, POLICY_SIZE, "w");

	if (policy == NULL)
		return;
	for (unsigned i = 0; i < 2; i++)
		fprintf(policy,
		        "[component:one of process %u]\nfilesystem.read = [" FILE_PATTERN "]\n"
		        "network.connect = [" HOST_PATTERN ", 10.0.0.0/8:*]\nmessage.send = [" NAME_PATTERN "]\n",
		        i);
	fprintf(policy, "[component:dear]\nfilesystem.read = [%s]\n", dear_pattern);
	write_list(policy, "list", FNMATCH_PEER_LIST);
	write_list(policy, "many", MANY);
	fclose(policy);
}

static int publish(struct shmq_segment *segment)
{
	static char text[POLICY_SIZE];

	write_policy(text);
	return policy_text_publish(segment, text);
}

static int find(struct shmq_component **out, struct shmq_segment *segment, const char *name)
{
	int result = shmq_component_find(out, segment, name);

	return result == 0 ? 0 : bench_complain(name, result);
}

static int setup(struct subject subjects[2])
{
	struct shmq_options options = SHMQ_OPTIONS_DEFAULT;
	struct shmq_segment *segment = bench_segment_unnamed(&options);
	struct baseline *baselines = baseline_create(2);

	if (baselines == NULL) {
		perror("cannot create the baselines");
		return -1;
	}
	if (fnmatch_peer_setup() < 0)
		return -1;
	fill_dear_pattern();
	if (segment == NULL || publish(segment) < 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		struct subject *subject = &subjects[i];

		*subject = (struct subject){.baseline = &baselines[i],
		                            .file_pattern = FILE_PATTERN,
		                            .host_pattern = HOST_PATTERN,
		                            .patterns = fnmatch_peer_patterns,
		                            .dear_pattern = dear_pattern};
		if (find(&subject->one, segment, i == 0 ? "one of process 0" : "one of process 1") < 0 ||
		    find(&subject->list, segment, "list") < 0 || find(&subject->many, segment, "many") < 0 ||
		    find(&subject->dear, segment, "dear") < 0)
			return -1;
	}
	return 0;
}

static const struct argp argp = {
    .options = NULL,
    .children = (const struct argp_child[]){{&program_argp, 0, NULL, 0}, {0}},
    .doc = "Measure what the check of a capability costs, beside fnmatch(3).\v" PROGRAM_EXIT_STATUS
	   "\n\nExample: bench_capability --seconds 30 --check",
};

int main(int argc, char *argv[])
{
	struct program_arguments arguments = PROGRAM_ARGUMENTS_DEFAULT;
	struct report report = {
	    .cases = cases,
	    .count = CASES,
	    .yardsticks = {{"fnmatch", "fnmatch", CASE_MATCH}, {"fnmatch_utf8", "UTF-8", CASE_MATCH_UTF8}},
	    .targets = targets,
	    .target_count = sizeof(targets) / sizeof(targets[0])};
	struct subject both[2] = {{0}};
	void *subjects[2] = {&both[0], &both[1]};

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (setup(both) < 0)
		return 2;
	return program_run(&report, &arguments, subjects);
}
