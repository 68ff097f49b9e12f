/* SPDX-License-Identifier: MIT */
/*
 * Each process has components of its own, with 0 to 4 groups above them, all in chains of their own, and a page counter
 * for each rank. Of what is refused it is always the outermost rank that refuses, so that all others are undone.
 */
#include "policy_cases.h"

#include "baseline.h"
#include "fnmatch_peer.h"
#include "page_counter.h"
#include "policy_text.h"
#include "segment.h"

#include <stdio.h>

#define POLICY_SIZE 16384

struct subject {
	struct baseline *baseline;
	struct shmq_component *under[POLICY_DEPTH + 1], *closed, *reader, *lister;
	struct page_counter *pages, *closed_pages; /* chains of POLICY_DEPTH + 1, the outermost first */
	const char *pattern;                       /* read from memory at each call, as a library's arguments are */
	char (*patterns)[FNMATCH_PEER_SIZE];
};

/* ---- Operations -------------------------------------------------------------------------------------------------- */

static bool take_and_release(struct shmq_component *component)
{
	return shmq_try_consume(component, SHMQ_STORAGE, 1, NULL) == SHMQ_OK &&
	       shmq_release(component, SHMQ_STORAGE, 1) == SHMQ_OK;
}

static bool charge_and_uncharge(struct page_counter *counter)
{
	bool is_charged = page_counter_try_charge(counter, 1);

	page_counter_uncharge(counter, 1);
	return is_charged;
}

#define DEFINE_RUN(function, expression) BENCH_DEFINE_RUN(function, struct subject, expression)
#define DEFINE_DEPTH(depth)                                                                                            \
	DEFINE_RUN(run_level_##depth, shmq_try_consume(s->under[depth], SHMQ_STORAGE, 1, NULL) == SHMQ_OK)             \
	DEFINE_RUN(run_rate_##depth, shmq_try_consume(s->under[depth], SHMQ_MESSAGES, 1, NULL) == SHMQ_OK)             \
	DEFINE_RUN(run_pages_##depth, page_counter_try_charge(&s->pages[depth], 1))

DEFINE_DEPTH(0)
DEFINE_DEPTH(1)
DEFINE_DEPTH(2)
DEFINE_DEPTH(3)
DEFINE_DEPTH(4)
DEFINE_RUN(run_cas, baseline_cas(s->baseline, 1))
DEFINE_RUN(run_pair, take_and_release(s->under[POLICY_DEPTH]))
DEFINE_RUN(run_pages_pair, charge_and_uncharge(&s->pages[POLICY_DEPTH]))
DEFINE_RUN(run_level_refused, shmq_try_consume(s->closed, SHMQ_STORAGE, 1, NULL) == SHMQ_DENIED)
DEFINE_RUN(run_pages_refused, !page_counter_try_charge(&s->closed_pages[POLICY_DEPTH], 1))
DEFINE_RUN(run_rate_refused, shmq_try_consume(s->closed, SHMQ_MESSAGES, 1, NULL) == SHMQ_DENIED)
DEFINE_RUN(run_match, fnmatch_peer_match(s->pattern, FILE_TARGET))
DEFINE_RUN(run_match_list, fnmatch_peer_match_list(s->patterns, LAST_TARGET))
DEFINE_RUN(run_check, shmq_check_capability(s->reader, "filesystem.read", FILE_TARGET) == SHMQ_OK)
DEFINE_RUN(run_check_list, shmq_check_capability(s->lister, "filesystem.read", LAST_TARGET) == SHMQ_OK)

const struct bench_case policy_cases[POLICY_CASES] = {
    [CASE_CAS] = {"cas", "load and compare-and-swap", run_cas, NULL},
    [CASE_LEVEL] = {"level_0", "level, no group", run_level_0, NULL},
    [CASE_LEVEL + 1] = {"level_1", "level, 1 group", run_level_1, NULL},
    [CASE_LEVEL + 2] = {"level_2", "level, 2 groups", run_level_2, NULL},
    [CASE_LEVEL + 3] = {"level_3", "level, 3 groups", run_level_3, NULL},
    [CASE_LEVEL + 4] = {"level_4", "level, 4 groups", run_level_4, NULL},
    [CASE_PAGES] = {"pages_0", "page counter, no parent", run_pages_0, NULL},
    [CASE_PAGES + 1] = {"pages_1", "page counter, 1 parent", run_pages_1, NULL},
    [CASE_PAGES + 2] = {"pages_2", "page counter, 2 parents", run_pages_2, NULL},
    [CASE_PAGES + 3] = {"pages_3", "page counter, 3 parents", run_pages_3, NULL},
    [CASE_PAGES + 4] = {"pages_4", "page counter, 4 parents", run_pages_4, NULL},
    [CASE_PAIR] = {"level_pair_4", "level, 4 groups: take, release", run_pair, NULL},
    [CASE_PAGES_PAIR] = {"pages_pair_4", "page counter, 4 parents: charge, uncharge", run_pages_pair, NULL},
    [CASE_LEVEL_REFUSED] = {"level_refused_4", "level, refused by the 4th group", run_level_refused, NULL},
    [CASE_PAGES_REFUSED] = {"pages_refused_4", "page counter, refused by the 4th parent", run_pages_refused, NULL},
    [CASE_RATE] = {"rate_0", "rate, no group", run_rate_0, NULL},
    [CASE_RATE + 1] = {"rate_1", "rate, 1 group", run_rate_1, NULL},
    [CASE_RATE + 2] = {"rate_2", "rate, 2 groups", run_rate_2, NULL},
    [CASE_RATE + 3] = {"rate_3", "rate, 3 groups", run_rate_3, NULL},
    [CASE_RATE + 4] = {"rate_4", "rate, 4 groups", run_rate_4, NULL},
    [CASE_RATE_REFUSED] = {"rate_refused_4", "rate, refused by the 4th group", run_rate_refused, NULL},
    [CASE_FNMATCH] = {"fnmatch", "fnmatch, 1 pattern", run_match, fnmatch_peer_in_bytes},
    [CASE_FNMATCH_UTF8] = {"fnmatch_utf8", "fnmatch, 1 pattern, UTF-8", run_match, fnmatch_peer_in_utf8},
    [CASE_CHECK] = {"check", "capability, 1 pattern", run_check, fnmatch_peer_in_utf8},
    [CASE_FNMATCH_LIST] = {"fnmatch_8", "fnmatch, 8 patterns, the last one", run_match_list, fnmatch_peer_in_bytes},
    [CASE_FNMATCH_LIST_UTF8] = {"fnmatch_8_utf8", "fnmatch, 8 patterns, the last one, UTF-8", run_match_list,
                                fnmatch_peer_in_utf8},
    [CASE_CHECK_LIST] = {"check_8", "capability, 8 patterns, the last one", run_check_list, fnmatch_peer_in_utf8},
};

#define NONE SIZE_MAX

const size_t policy_peers[POLICY_CASES] = {
    [CASE_CAS] = NONE,
    [CASE_LEVEL] = CASE_PAGES,
    [CASE_LEVEL + 1] = CASE_PAGES + 1,
    [CASE_LEVEL + 2] = CASE_PAGES + 2,
    [CASE_LEVEL + 3] = CASE_PAGES + 3,
    [CASE_LEVEL + 4] = CASE_PAGES + 4,
    [CASE_PAGES] = NONE,
    [CASE_PAGES + 1] = NONE,
    [CASE_PAGES + 2] = NONE,
    [CASE_PAGES + 3] = NONE,
    [CASE_PAGES + 4] = NONE,
    [CASE_PAIR] = CASE_PAGES_PAIR,
    [CASE_PAGES_PAIR] = NONE,
    [CASE_LEVEL_REFUSED] = CASE_PAGES_REFUSED,
    [CASE_PAGES_REFUSED] = NONE,
    [CASE_RATE] = CASE_PAGES,
    [CASE_RATE + 1] = CASE_PAGES + 1,
    [CASE_RATE + 2] = CASE_PAGES + 2,
    [CASE_RATE + 3] = CASE_PAGES + 3,
    [CASE_RATE + 4] = CASE_PAGES + 4,
    [CASE_RATE_REFUSED] = CASE_PAGES_REFUSED,
    [CASE_FNMATCH] = NONE,
    [CASE_FNMATCH_UTF8] = NONE,
    [CASE_CHECK] = CASE_FNMATCH,
    [CASE_FNMATCH_LIST] = NONE,
    [CASE_FNMATCH_LIST_UTF8] = NONE,
    [CASE_CHECK_LIST] = CASE_FNMATCH_LIST,
};

/* ---- The policy -------------------------------------------------------------------------------------------------- */

static void write_groups(FILE *policy, unsigned process, const char *kind, const char *limits)
{
	for (unsigned depth = 1; depth <= POLICY_DEPTH; depth++) {
		fprintf(policy, "[group:%s-%u-%u]\n%s", kind, process, depth, depth == 1 ? limits : "");
		if (depth > 1)
			fprintf(policy, "group = %s-%u-%u\n", kind, process, depth - 1);
	}
}

static void write_policy(char *text)
{
	FILE *policy = fmemopen(text, POLICY_SIZE, "w");

	if (policy == NULL)
		return;
	fprintf(policy, "[default]\nstorage = %llu\nmessages = %llu/s\nmemory = unlimited\n",
	        (unsigned long long)SHMQ_AMOUNT_MAX, (unsigned long long)SHMQ_AMOUNT_MAX);
	fprintf(policy, "network = unlimited\ncpu = unlimited\n");
	for (unsigned process = 0; process < 2; process++) {
		write_groups(policy, process, "open", "");
		write_groups(policy, process, "closed", "storage = 0\nmessages = 0/s\n");
		fprintf(policy, "[component:under-%u-0]\n", process);
		for (unsigned depth = 1; depth <= POLICY_DEPTH; depth++)
			fprintf(policy, "[component:under-%u-%u]\ngroup = open-%u-%u\n", process, depth, process,
			        depth);
		fprintf(policy, "[component:closed-%u]\ngroup = closed-%u-%u\n", process, process, POLICY_DEPTH);
		fprintf(policy, "[component:reader-%u]\nfilesystem.read = " FILE_PATTERN "\n", process);
		fprintf(policy, "[component:lister-%u]\nfilesystem.read = [", process);
		fnmatch_peer_write_list(policy, FNMATCH_PEER_LIST);
		fprintf(policy, "]\n");
	}
	fclose(policy);
}

static int find(struct shmq_component **out, struct shmq_segment *segment, const char *kind, unsigned process)
{
	char name[BENCH_NAME_SIZE];
	int result;

	snprintf(name, sizeof(name), "%s-%u", kind, process);
	result = shmq_component_find(out, segment, name);
	return result == 0 ? 0 : bench_complain(name, result);
}

static int find_under(struct subject *subject, struct shmq_segment *segment, unsigned process)
{
	char kind[BENCH_NAME_SIZE];
	int result;

	snprintf(kind, sizeof(kind), "under-%u", process);
	for (unsigned depth = 0; depth <= POLICY_DEPTH; depth++) {
		result = find(&subject->under[depth], segment, kind, depth);
		if (result == 0)
			result = bench_set_peaks(subject->under[depth]);
		if (result < 0)
			return -1;
	}
	return 0;
}

static int fill_subject(struct subject *subject, struct shmq_segment *segment, struct baseline *baseline,
                        unsigned process)
{
	*subject = (struct subject){.baseline = baseline,
	                            .pages = page_counter_chain(POLICY_DEPTH + 1, INT64_MAX),
	                            .closed_pages = page_counter_chain(POLICY_DEPTH + 1, INT64_MAX),
	                            .pattern = FILE_PATTERN,
	                            .patterns = fnmatch_peer_patterns};
	if (subject->pages == NULL || subject->closed_pages == NULL) {
		perror("cannot create the page counters");
		return -1;
	}
	subject->closed_pages[0].max = 0;
	if (find_under(subject, segment, process) < 0 || find(&subject->closed, segment, "closed", process) < 0 ||
	    find(&subject->reader, segment, "reader", process) < 0)
		return -1;
	return find(&subject->lister, segment, "lister", process);
}

int policy_cases_setup(void *subjects[2])
{
	static struct subject both[2];
	static char text[POLICY_SIZE];
	struct shmq_segment *segment = bench_segment_unnamed(NULL);
	struct baseline *baselines = baseline_create(2);

	if (baselines == NULL) {
		perror("cannot create the baselines");
		return -1;
	}
	if (fnmatch_peer_setup() < 0)
		return -1;
	write_policy(text);
	if (segment == NULL || policy_text_publish(segment, text) < 0)
		return -1;
	for (unsigned process = 0; process < 2; process++) {
		subjects[process] = &both[process];
		if (fill_subject(&both[process], segment, &baselines[process], process) < 0)
			return -1;
	}
	return 0;
}
